/* SPDX-License-Identifier: Apache-2.0 */
/* index.h -- who is interested in which subject: the subject index of an account.
 *
 * One writer (the account), many readers on other threads that follow it in place while they are in
 * a read section of the reclaimer's. No lock, no copy: every change is a few atomic stores, then one
 * addition to a stamp (stamps.h) that tells match caches (match.h) which remembered results it
 * concerns. Literal subjects are found in a hash table, patterns by walking a trie whose edges live
 * in another. Both name their objects by number (pool.h); what is taken out is written again after
 * a grace period (retire.h).
 *
 * What a subscription is: (connection, slot) on a subject, maybe with a queue name. The connection is
 * an opaque number that is not 0; the slot is unique for the connection while it is present here.
 *
 * Functions marked "reader" may run in any thread inside a read section. All others are the
 * writer's, one at a time, and so are the reclaimer's callbacks.
 *
 * Differs from nats-server: subjects, queue names and sids over 65,535 bytes are refused.
 */
#ifndef INTEREST_INDEX_H
#define INTEREST_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/reclaim.h"

struct interest;

enum {
    INTEREST_QUEUE_SIZE_MAX = 65535,
    INTEREST_SID_SIZE_MAX = 65535,
};

/* The reclaimer is copied; its context outlives the index and the last grace period. */
struct interest *interest_new(uint64_t seed, const struct reclaimer *reclaimer);

/* Readers that have it may go on till they leave their section; the memory goes then. */
void interest_free(struct interest **in);

/* What an operation did. */
struct interest_change {
    uint32_t entry; /* number of the subject: for interest_subject and interest_remove_entry, as
                       long as the subscription is there */
    uint32_t queue; /* number of the queue name, 0: none; for interest_queue, likewise */
    uint32_t left;  /* subscriptions with the same subject and queue now: 1 after an addition says
                       it is the first, 0 after a removal says it was the last */
};

/* 0, -EINVAL (not a subject one can subscribe to), -ENAMETOOLONG or -ENOMEM (the index is full).
 * `queue` of size 0: none. ret_change may be NULL. */
__attribute__((warn_unused_result)) int interest_add(struct interest *in, struct bytes subject,
                                                     struct bytes queue, uint64_t conn,
                                                     uint32_t slot, struct bytes sid,
                                                     struct interest_change *ret_change);

/* 0 or -ENOENT. */
__attribute__((warn_unused_result)) int interest_remove(struct interest *in, struct bytes subject,
                                                        struct bytes queue, uint64_t conn,
                                                        uint32_t slot,
                                                        struct interest_change *ret_change);

/* The same by the numbers that the addition gave: no look-up of the subject. The subscription must
 * be there, else the numbers may name something else. */
__attribute__((warn_unused_result)) int interest_remove_entry(struct interest *in, uint32_t entry,
                                                              uint32_t queue, uint64_t conn,
                                                              uint32_t slot,
                                                              struct interest_change *ret_change);

/* Hands what was taken out to the reclaimer, which otherwise happens in batches of up to 512. Good
 * before the account goes idle. */
void interest_flush(struct interest *in);

/* Flushes, ends table moves and shrinks what the account has outgrown downwards. For quiet moments:
 * takes time in proportion to what is left of the tables. */
void interest_trim(struct interest *in);

struct interest_stats {
    uint64_t subscriptions;
    uint64_t inserts;
    uint64_t removes;
    size_t bytes;         /* of all memory, retired included */
    size_t bytes_retired; /* waiting for grace periods: past 64 MiB the writer should slow down */
};

void interest_stats(const struct interest *in, struct interest_stats *ret_stats);

/* Reader: whether anybody, plain or queue, would get a message on this literal subject. */
bool interest_match_any(const struct interest *in, struct bytes subject);

/* Number of subscriptions with exactly this subject or pattern and queue (size 0: plain ones). */
uint32_t interest_count(const struct interest *in, struct bytes subject, struct bytes queue);

/* Reader, for a subscription that is there: bytes of its subject, written to `to` when `size` suffices;
 * its queue name, good until the section ends. */
size_t interest_subject(const struct interest *in, uint32_t entry, char *to, size_t size);
struct bytes interest_queue(const struct interest *in, uint32_t queue);

/* A walk over all subscriptions in slices. Begins zeroed. Changes between slices are fine: what is
 * there all the time is seen exactly once, unless others on the same subject came or went between
 * two slices that divide its subscribers. The order is that of numbers given out by the index. */
struct interest_cursor {
    uint32_t entry;
    uint32_t skip; /* subscribers of that entry already seen */
};

struct interest_item {
    struct bytes subject; /* all borrowed for the call */
    struct bytes queue;
    struct bytes sid;
    uint64_t conn;
    uint32_t slot;
};

typedef void interest_visit_fn(void *context, const struct interest_item *item);

/* Visits up to `count_max`, at least 1; false when none is left after them. */
bool interest_scan(const struct interest *in, struct interest_cursor *cursor, uint32_t count_max,
                   interest_visit_fn *visit, void *context);

/* Asserts the invariants of state.h; costs a walk over everything. */
void interest_check(const struct interest *in);

#endif
