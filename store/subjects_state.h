/* SPDX-License-Identifier: Apache-2.0 */
/* subjects_state.h -- the subjects of a log from inside: what subjects*.c share.
 *
 *     subjects.c         changes and look-ups        subjects_flush.c   a table becomes a run
 *     subjects_runs.c    the files, the sections     subjects_merge.c   runs become one
 *
 * Invariants  1 without runs all values are totals
 *             2 unsettled is the number of values in the table that are none
 *             3 where a value of the table is a total, so is that of the flush below it, if it has one
 *             4 count is the number of subjects whose newest total is over 0
 *             5 runs are in order, newest first, with different numbers
 */
#ifndef STORE_SUBJECTS_STATE_H
#define STORE_SUBJECTS_STATE_H

#include "runtime/base/list.h"
#include "store/format/buffer.h"
#include "store/subjects.h"
#include "store/table/merged.h"
#include "store/table/run_merge.h"

struct file_write;
struct run_build;
struct run_merge;

struct subject_run {
    struct run run;
    struct page_file file;
    uint64_t keys;
    bool doomed;      /* obsolete, and a checkpoint that does not name it was saved */
    struct link link; /* in obsolete, or in drops */
    void (*dropped)(void *context);
    void *dropped_context;
    struct subjects *subjects;
    char path[];
};

/* A table that becomes a run, as it was when it was taken away. */
struct subjects_flush {
    struct subjects *subjects;
    struct subject_table *table; /* given */
    struct merged below;         /* the runs of that moment: they live until it ends */
    bool hidden;                 /* since then all subjects have been cleared */
    bool unreadable; /* the runs could not say all: values that are no totals are left */
    uint64_t count;  /* of that moment, when all is settled */
    uint64_t unsettled;
    struct buffer old_runs; /* the files of that moment, as in the section */
    unsigned step;
    bool again; /* it has failed once */
    bool waiting;
    struct page_wait wait;
    struct buffer from;       /* slices go on here */
    struct run_build *build;  /* given */
    struct file_write *write; /* given */
    int write_status;         /* when it has ended */
    uint64_t number;
    uint64_t size;
    uint64_t keys;
};

struct subjects_merge {
    struct subjects *subjects;
    unsigned step;
    uint32_t first; /* of the subjects' runs; those before it may grow in number meanwhile */
    uint32_t count;
    struct subject_run *runs[RUN_MERGE_SOURCES_MAX];
    bool waiting;
    struct page_wait wait;
    struct run_merge *merge;  /* given */
    struct file_write *write; /* given */
    int write_status;
    bool cancelled; /* its runs are obsolete: it is to be stopped */
    bool stopped;   /* it is nobody's, and in `stopped` until its file is gone */
    struct link link;
    uint64_t number;
    uint64_t size;
    uint64_t keys;
};

struct subjects {
    struct subjects_options options;
    struct subject_table *table; /* given */
    uint64_t unsettled;
    uint64_t count;
    bool unreadable;              /* the count can not be known: a run is unreadable */
    struct subjects_flush *flush; /* given; while one is under way */
    struct subjects_merge *merge; /* given; while one is under way */
    bool merge_failed;            /* no more of them until the next flush */
    struct link stopped;          /* merges, given */
    struct subject_run **runs;    /* given, newest first */
    uint32_t run_count;
    struct link obsolete; /* runs that the last checkpoint names and nobody asks */
    struct link drops;    /* runs that the pages have not let go */
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
    struct {
        bool known; /* of this subject no layer knows more */
        struct buffer subject;
        struct subject_value value;
    } recall;                  /* the last one that was looked up and is not in the table */
    struct buffer seek;        /* scratch */
    struct buffer settle_from; /* subjects_count goes on here */
};

/* subjects.c */
struct merged subjects_layers(const struct subjects *s, bool with_table);
/* Settles up to max values of the table or, if f is not NULL, of it, from `from` on, which moves on. 0: the end
 * of the table was reached; -EINPROGRESS, -EAGAIN, ...; unreadable: not NULL: values that can not be
 * settled are passed, and it is set. */
int subjects_settle(struct subjects *s, struct subjects_flush *f, struct buffer *from, uint32_t max,
                    bool *unreadable) __attribute__((warn_unused_result));

/* subjects_runs.c */
struct subject_run *subject_run_new(struct subjects *s, uint64_t number, uint64_t size,
                                    uint64_t keys);
void subjects_insert_run(struct subjects *s, uint32_t at, struct subject_run *r);
/* Runs first..first+count-1 are obsolete. */
void subjects_retire_runs(struct subjects *s, uint32_t first, uint32_t count);
void subjects_runs_done(struct subjects *s);
/* Tells who waits for the close, when nothing is under way any more. */
void subjects_close_when_possible(struct subjects *s);
void subjects_write_head(struct buffer *b, uint64_t count, bool unreadable);
void subjects_write_run(struct buffer *b, uint64_t number, uint64_t size, uint64_t keys);

/* subjects_flush.c */
struct subjects_flush *subjects_flush_new(struct subjects *s);

#endif
