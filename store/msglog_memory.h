/* SPDX-License-Identifier: Apache-2.0 */
/* msglog_memory.h -- the messages of a stream that is kept in memory: MSGLOG_MEMORY of msglog.h.
 *
 * Idea        Messages are their own allocations, in a vector by sequence. One that dies leaves a
 *             hole; the vector closes up when holes are most of it. Those of one subject are a
 *             list, whose ends say the subject's first and last; subjects are a tree by their bytes
 *             (memory_subjects.h).
 * Invariants  1 sequences rise along the vector; its first and last places are no holes
 *             2 holes are at most half of it and SLACK
 *             3 each message is in the list of its subject, in order
 *             4 counts, bytes and hash are the sums over the messages
 * Bounds      16 bytes a message and a hole, 80 more a message and its body; about 80 a subject.
 *
 * Every function is that of msglog.h without the word memory, and none says -EAGAIN. What a look-up
 * returned points at its message until that one is removed.
 */
#ifndef STORE_MSGLOG_MEMORY_H
#define STORE_MSGLOG_MEMORY_H

#include "store/msglog.h"

struct msglog_memory;

struct msglog_memory *msglog_memory_new(uint64_t seed);
void msglog_memory_free(struct msglog_memory **log);

void msglog_memory_state(const struct msglog_memory *log, struct msglog_state *ret);
uint64_t msglog_memory_append(struct msglog_memory *log, const struct entry *e,
                              const struct message *m, uint64_t seq);
void msglog_memory_skip(struct msglog_memory *log, uint64_t to);
void msglog_memory_remove(struct msglog_memory *log, const struct stored_stat *s);
void msglog_memory_compact(struct msglog_memory *log, uint64_t seq);

int msglog_memory_stat(const struct msglog_memory *log, uint64_t seq, struct stored_stat *ret)
    __attribute__((warn_unused_result));
int msglog_memory_read(const struct msglog_memory *log, uint64_t seq, struct stored *ret)
    __attribute__((warn_unused_result));
int msglog_memory_next(struct msglog_memory *log, const struct filter *filter, uint64_t from,
                       uint64_t to, struct stored *ret) __attribute__((warn_unused_result));
int msglog_memory_prev(struct msglog_memory *log, const struct filter *filter, uint64_t from,
                       uint64_t to, struct stored *ret) __attribute__((warn_unused_result));
int msglog_memory_subject(const struct msglog_memory *log, struct bytes subject,
                          struct subject_totals *ret) __attribute__((warn_unused_result));
int msglog_memory_last(const struct msglog_memory *log, struct bytes subject, uint64_t *ret_seq)
    __attribute__((warn_unused_result));
int msglog_memory_subjects(const struct msglog_memory *log, struct bytes filter, struct bytes after,
                           uint32_t max, subject_visit_fn *visit, void *context)
    __attribute__((warn_unused_result));
int msglog_memory_subject_count(struct msglog_memory *l, uint64_t *ret_count);
int msglog_memory_seq_at(const struct msglog_memory *log, int64_t time_ns, uint64_t *ret_seq)
    __attribute__((warn_unused_result));
int msglog_memory_count_from(const struct msglog_memory *log, uint64_t from, uint64_t *ret_count)
    __attribute__((warn_unused_result));

void msglog_memory_check(const struct msglog_memory *log);

#endif
