/* SPDX-License-Identifier: Apache-2.0 */
/* pending.h -- what one consumer was sent and has not settled: deliveries by stream sequence.
 *
 * Idea        New deliveries come in stream order, so an entry is only ever added at the end; it
 *             leaves from anywhere. Entries lie in chunks of up to PENDING_CHUNK_SLOTS, as columns
 *             of which each has the width that its values need, relative to a base:
 *
 *                 directory   first seq ──► chunk
 *                 chunk       seq   base + slot            (no byte while they are neighbours)
 *                             dseq  base + slot            (likewise)
 *                             time  base + 2 bytes         milliseconds; or 4, or 8
 *                             count 1 byte: deliveries, exhausted or not; 0: the slot is dead
 *
 *             A settled slot is dead until its chunk is: a chunk of which three quarters are dead
 *             is packed, into the one before when that has room.
 * Two kinds   an entry is *waiting* for its acknowledgement, or *exhausted*: it was delivered as
 *             often as it may be, holds no floor back, and stays only so that interest in it does.
 * Invariants  1 both sequences rise from slot to slot and from chunk to chunk
 *             2 counts are those of the live slots; no chunk is all dead
 *             3 first_seq and first_dseq are of the first waiting entry; 0: none waits
 * Bounds      3 bytes an entry of a dense run, 11 as a rule otherwise; PENDING_MAX entries. A
 *             look-up is two binary searches; the first waiting entry costs nothing.
 */
#ifndef STORE_GROUP_PENDING_H
#define STORE_GROUP_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#define PENDING_MAX ((uint32_t)1 << 26)
#define PENDING_CHUNK_SLOTS 1024u
#define PENDING_COUNT_MAX ((uint32_t)1 << 30) /* a delivery count stays here when it gets here */

struct pending_chunk;

struct delivery {
    uint64_t seq;    /* of the stream */
    uint64_t dseq;   /* of the consumer, when it was first delivered */
    int64_t time_ms; /* log time of the last delivery; moved by a delayed nak and by progress */
    uint32_t count;  /* of deliveries, from 1 */
    bool exhausted;
};

struct pending_place {
    uint64_t first_seq; /* of the chunk's first slot */
    struct pending_chunk *chunk;
};

/* Zeroed: empty. */
struct pending {
    struct pending_place *places; /* given */
    uint32_t place_count;
    uint32_t place_capacity;
    uint32_t hint;        /* the place that was found last */
    uint32_t waiting;     /* entries */
    uint32_t exhausted;   /* entries */
    uint32_t redelivered; /* entries that were delivered more than once, and all exhausted ones */
    uint64_t first_seq;
    uint64_t first_dseq;
};

void pending_done(struct pending *p);

/* Behind all that are there. At most PENDING_MAX. */
void pending_push(struct pending *p, const struct delivery *d);
bool pending_get(struct pending *p, uint64_t seq, struct delivery *ret);
/* What has changed of an entry that is there: time, count, exhausted. */
void pending_update(struct pending *p, const struct delivery *d);
/* Removes it; false: there is none. */
bool pending_take(struct pending *p, uint64_t seq, struct delivery *ret);
/* The first entry of either kind at or after seq. */
bool pending_next(struct pending *p, uint64_t seq, struct delivery *ret);
/* No entry is below; UINT64_MAX when there is none at all. */
uint64_t pending_low(const struct pending *p);

static inline uint64_t pending_count(const struct pending *p)
{
    return (uint64_t)p->waiting + p->exhausted;
}

uint64_t pending_memory(const struct pending *p);
void pending_check(struct pending *p);

#endif
