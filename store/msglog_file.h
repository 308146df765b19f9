/* SPDX-License-Identifier: Apache-2.0 */
/* msglog_file.h -- a message log as its store has it: made, loaded, drained. */
#ifndef STORE_MSGLOG_FILE_H
#define STORE_MSGLOG_FILE_H

#include "store/msglog.h"
#include "store/segment.h"
#include "store/tail.h"

struct buffer;
struct checkpoint;
struct pages;
struct subjects;
struct subjects_flush;

struct msglog_options {
    enum msglog_form form;
    uint64_t gid;
    uint64_t seed;                   /* of hash tables */
    struct pages *pages;             /* borrowed; NULL in the memory form */
    const char *folder;              /* copied: of the group; NULL in the memory form */
    const struct chunk_codec *codec; /* borrowed: that opens its chunks; NULL: all are plain */
    bool sealed; /* nothing of it goes to a file by another way than codec and checkpoint */
};

struct msglog *msglog_new(const struct msglog_options *options);
/* Nothing of its files is under way. */
void msglog_free(struct msglog **log);

/* --- file form ------------------------------------------------------------------------------------- */

/* Into a new one: what its checkpoint says. -EBADMSG. */
int msglog_load(struct msglog *log, const struct checkpoint *c) __attribute__((warn_unused_result));
/* What a checkpoint of this moment says of the log, but for its segments: counters, and sections, of which there
 * are CHECKPOINT_SECTIONS. Not NULL: the subjects have to be written to a run first. */
struct subjects_flush *msglog_save(struct msglog *log, struct checkpoint *c,
                                   struct buffer *sections);
/* All messages are in segments that checkpoints name. */
bool msglog_is_drained(const struct msglog *log);
/* NULL in the memory form. */
struct subjects *msglog_subject_table(const struct msglog *log);

/* Messages of the tail that are alive, copied, by sequence: what a drain has to put into chunks. */
struct tail_entry *msglog_live_tail(struct msglog *log, size_t *ret_count);
/* The segment that the next chunk goes to, and its size: a new one, of this number, when it is full. */
uint64_t msglog_open_segment(const struct msglog *log, uint64_t next_number, uint64_t *ret_size);
/* Chunks that hold all messages of the tail up to seq that were alive are in its segments, named by a durable
 * checkpoint. */
void msglog_drained(struct msglog *log, uint64_t seq);
/* There will be no such chunks: the next drain has it all. */
void msglog_drain_given_up(struct msglog *log);
/* Messages of this entry have their body elsewhere now: it was carried forward. */
void msglog_moved(struct msglog *log, uint64_t index, const char *body);
/* The number of a segment that has nothing from first_seq on; UINT64_MAX: none. */
uint64_t msglog_dead_segment(const struct msglog *log, uint64_t first_seq);
/* The segment of this number takes no more chunks; UINT64_MAX: any does. */
void msglog_seal(struct msglog *log, uint64_t number);
/* The first sequence at or after seq that is alive; UINT64_MAX: none is. */
uint64_t msglog_next_live(const struct msglog *log, uint64_t seq);
/* How many of first..last are alive. */
uint64_t msglog_live_in(const struct msglog *log, uint64_t first, uint64_t last);
struct segments *msglog_segments(const struct msglog *log);
const char *msglog_folder(const struct msglog *log);

/* The invariants of msglog_file.c. */
void msglog_check(struct msglog *log);

#endif
