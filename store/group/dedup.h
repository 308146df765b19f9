/* SPDX-License-Identifier: Apache-2.0 */
/* dedup.h -- which message ids were seen within the window, and the sequences they got.
 *
 * Idea        Ids come in the order of log time, so they go in it, too: a ring, oldest first, with
 *             a hash table of places in the ring beside it. Their bytes lie in blocks in the same
 *             order; a block goes with its last id. So an id costs its bytes and 40 more, and going
 *             is free.
 *
 *                 | old ......... new |     ring
 *                 [block][block][block]     bytes
 *
 *             An id that comes again after its time gets a second place; the table knows the newer.
 * Invariants  1 times rise along the ring
 *             2 the table has each id once, at its newest place
 *             3 hash is the sum over the ring's places
 * Bounds      what is published within the window: its owner lets the old ones go with each entry.
 */
#ifndef STORE_GROUP_DEDUP_H
#define STORE_GROUP_DEDUP_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;
struct cursor;
struct dedup_block;
struct dedup_id;

#define DEDUP_ID_MAX 65535u

struct dedup {
    uint64_t seed;         /* of the table's hash: from the world's entropy */
    struct dedup_id *ring; /* given; capacity is a power of two */
    size_t capacity;
    size_t head; /* place of the oldest */
    size_t count;
    uint32_t *table; /* given: 1 + place in the ring, 0: free; a power of two */
    size_t table_size;
    size_t table_used;
    struct dedup_block *oldest; /* given, in a list */
    struct dedup_block *newest;
    uint64_t hash;
};

void dedup_init(struct dedup *d, uint64_t seed);
void dedup_done(struct dedup *d);

/* Whether the id came within the window before now_ns. */
bool dedup_find(const struct dedup *d, struct bytes id, int64_t now_ns, int64_t window_ns,
                uint64_t *ret_seq);
/* time_ns is not before that of any id that is here. */
void dedup_put(struct dedup *d, struct bytes id, uint64_t seq, int64_t time_ns);
/* This time or, if that is later, the time of the newest id that is here. */
int64_t dedup_time_after(const struct dedup *d, int64_t time_ns);
/* Lets go of ids whose time is at or before time_ns, oldest first, at most max; how many went. */
size_t dedup_expire(struct dedup *d, int64_t time_ns, size_t max);

void dedup_write(const struct dedup *d, struct buffer *b);
/* Into an empty one. -EBADMSG: nothing that dedup_write makes. */
int dedup_read(struct dedup *d, struct cursor *c) __attribute__((warn_unused_result));

void dedup_check(const struct dedup *d);

#endif
