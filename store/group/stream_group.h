/* SPDX-License-Identifier: Apache-2.0 */
/* stream_group.h -- a stream with its consumers: the two halves of a group joined.
 *
 * Idea        The stream's half (group.h) tells what happens to messages; the consumers' half
 *             (consumers.h) says which messages they have settled. Here the one is told to the other, and
 *             what retention follows from it is done in the same apply: with a work queue a message goes when
 *             it is settled, with interest when no consumer wants it any more.
 * Follower    One more may follow what happens to messages (the store's erase list); it is told after the
 *             consumers.
 * Bounds      of an entry: what it settles; of the messages that a consumer no longer wants: LAPSE_SLICE a call.
 */
#ifndef STORE_GROUP_STREAM_GROUP_H
#define STORE_GROUP_STREAM_GROUP_H

#include "runtime/base/bytes.h"
#include "store/group/group.h"

struct buffer;
struct consumer_state;
struct consumers;
struct msglog;
struct stream_group;

/* Told after the consumers; NULL: nobody. */
struct stream_follower {
    void (*removed)(void *context, const struct group_message *m, enum group_reason reason);
    void (*removed_below)(void *context, uint64_t seq, enum group_reason reason);
    void *context;
};

/* The log is borrowed, and lives longer. */
struct stream_group *stream_group_new(uint64_t gid, uint64_t seed, struct msglog *log);
void stream_group_free(struct stream_group **group);
void stream_group_follow(struct stream_group *g, const struct stream_follower *follower);

/* Entries are applied to it: group_apply. */
struct group *stream_group_stream(struct stream_group *g);
struct consumers *stream_group_consumers(struct stream_group *g);

/* The sections of a checkpoint; while the group is not busy. */
void stream_group_write(const struct stream_group *g, struct buffer *stream,
                        struct buffer *consumers);
/* Into a new one, whose log is as it was then. consumers of size 0: none. -EBADMSG, -ENOTSUP. */
int stream_group_read(struct stream_group *g, struct bytes stream, struct bytes consumers)
    __attribute__((warn_unused_result));

/* --- from outside (group_restore.h) -------------------------------------------------------------------- */

/* The sections of a group of another number, into a new one whose log has what its log had. state_hash is what
 * that group said of itself. -EBADMSG, -ENOTSUP: then it can only be freed. */
int stream_group_adopt(struct stream_group *g, uint64_t gid, uint64_t state_hash,
                       struct bytes stream, struct bytes consumers)
    __attribute__((warn_unused_result));
/* A consumer as its PUT body has it, standing where the state says, which is taken; nothing is settled by it. It
 * takes two indexes. -EBADMSG: not a PUT, or not a state that it can have in this stream; -ENOTSUP, -EEXIST,
 * -EINVAL, -ENOSPC, -ERANGE as consumers_apply. */
int stream_group_restore_consumer(struct stream_group *g, uint32_t term, struct bytes put,
                                  struct consumer_state *state) __attribute__((warn_unused_result));

void stream_group_check(struct stream_group *g);

#endif
