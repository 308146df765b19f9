/* SPDX-License-Identifier: Apache-2.0 */
/* tail.h -- the messages of a log that are not in a chunk yet, by sequence.
 *
 * Idea        A ring of small records in order of their sequences; the bodies lie elsewhere (in a journal
 *             image). Sequences are nearly always without gaps, so the place of one is guessed from
 *             the distance to the first, and searched for only when the guess is wrong. A message that is
 *             removed stays in the ring: whether it is dead the log's set of dead sequences says.
 * Invariants  1 sequences rise, and indexes do not fall
 *             2 nothing is moved while it is in the ring, but by growth
 * Bounds      56 bytes a message; as many as the journal holds.
 */
#ifndef STORE_TAIL_H
#define STORE_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct tail_entry {
    uint64_t seq;
    uint64_t index;
    int64_t time_ns;
    const char *body; /* borrowed from a journal image */
    uint64_t body_hash;
    uint32_t body_size;
    uint32_t term;
};

/* Zeroed: empty. */
struct tail {
    struct tail_entry *ring; /* given; capacity is a power of two */
    size_t capacity;
    size_t first; /* place of the oldest */
    size_t count;
};

void tail_done(struct tail *t);
void tail_push(struct tail *t, const struct tail_entry *e);
/* NULL: not in the tail. */
const struct tail_entry *tail_find(const struct tail *t, uint64_t seq);
/* How many have a lower sequence: the nth of the first that has not. */
size_t tail_rank(const struct tail *t, uint64_t seq);
/* The same for indexes of entries, which do not fall. */
size_t tail_rank_of_index(const struct tail *t, uint64_t index);
/* Those below seq leave the ring. */
void tail_drop_below(struct tail *t, uint64_t seq);
void tail_check(const struct tail *t);

static inline const struct tail_entry *tail_at(const struct tail *t, size_t nth)
{
    return &t->ring[(t->first + nth) & (t->capacity - 1)];
}

static inline struct bytes tail_body(const struct tail_entry *e)
{
    return (struct bytes){e->body, e->body_size};
}

#endif
