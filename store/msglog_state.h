/* SPDX-License-Identifier: Apache-2.0 */
/* msglog_state.h -- a message log from inside; and the functions of its two forms, which msglog.c tells apart. */
#ifndef STORE_MSGLOG_STATE_H
#define STORE_MSGLOG_STATE_H

#include "store/msglog_file.h"
#include "store/subjects.h"
#include "store/table/seqset.h"

struct msglog_memory;

/* The body of a message that apply made: no journal image has it. */
struct made {
    struct made *next;
    uint64_t seq;
    char body[];
};

struct msglog_file {
    uint64_t gid;
    struct pages *pages;       /* borrowed */
    char *folder;              /* given */
    struct msglog_state state; /* all but deleted and subjects */
    bool keep_tail;            /* a drain points into it */
    uint64_t drained;
    uint64_t sealed; /* number of a segment that is not extended; UINT64_MAX: none */
    struct seqset dead;
    struct subjects *subjects; /* given */
    struct tail tail;
    struct segments *segments; /* given */
    struct made *made;         /* given; by sequence */
    struct made **made_last;
    struct segment_cursor cursor_all; /* of no filter */
    struct segment_cursor cursor;     /* of `filter` */
    struct filter filter;             /* the last one; count 0: none */
    struct bytes *filter_subjects;    /* given, with their text */
};

struct msglog {
    enum msglog_form form;
    union {
        struct msglog_file *file;     /* given */
        struct msglog_memory *memory; /* given */
    };
};

void msglog_file_init(struct msglog *log, const struct msglog_options *options);
void msglog_file_done(struct msglog *log);
void msglog_file_state(const struct msglog *log, struct msglog_state *ret);
uint64_t msglog_file_append(struct msglog *log, const struct entry *e, const struct message *m,
                            uint64_t seq);
uint64_t msglog_file_append_made(struct msglog *log, const struct entry *e, const struct message *m,
                                 uint64_t seq);
void msglog_file_skip(struct msglog *log, uint64_t to);
void msglog_file_remove(struct msglog *log, const struct stored_stat *s);
int msglog_file_compact(struct msglog *log, uint64_t seq);
int msglog_file_stat(struct msglog *log, uint64_t seq, struct stored_stat *ret);
int msglog_file_read(struct msglog *log, uint64_t seq, struct stored *ret);
int msglog_file_next(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                     struct stored *ret);
int msglog_file_prev(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                     struct stored *ret);
int msglog_file_subject(struct msglog *log, struct bytes subject, struct subject_totals *ret);
int msglog_file_last(struct msglog *log, struct bytes subject, uint64_t *ret_seq);
int msglog_file_subjects(struct msglog *log, struct bytes filter, struct bytes after, uint32_t max,
                         subject_visit_fn *visit, void *context);
int msglog_file_subject_count(struct msglog *log, uint64_t *ret_count);
int msglog_file_seq_at(struct msglog *log, int64_t time_ns, uint64_t *ret_seq);
int msglog_file_count_from(struct msglog *log, uint64_t from, uint64_t *ret_count);

#endif
