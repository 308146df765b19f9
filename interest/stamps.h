/* SPDX-License-Identifier: Apache-2.0 */
/* stamps.h -- counters that tell a reader whether what it remembers of the index still holds.
 *
 * Every subscription belongs to one counter: that of its literal subject, or of the first two tokens
 * of its pattern, or of the first token when the second is a wildcard, or the one of all patterns
 * that begin with a wildcard. The writer changes the index and then adds to that counter (release); a
 * reader takes down the four counters that a subject depends on (acquire) before it walks. What it
 * found holds as long as the four are the same. Subjects share counters by hash: that costs walks,
 * never truth.
 *
 *   counter[]   [ first token | first two tokens | literal subjects, half of all ]
 *
 * The table grows with the account, 16 counters to 65,536. A new table has a new number, which is
 * compared too, so that nothing taken down from the old one holds.
 *
 * Counters wrap after 2^32 changes: a result would have to be remembered over an exact multiple of
 * that to be believed wrongly.
 */
#ifndef INTEREST_STAMPS_H
#define INTEREST_STAMPS_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "interest/retire.h"
#include "runtime/base/hash.h"

enum {
    STAMPS_MIN = 16,
    STAMPS_MAX = 65536,
};

struct stamps {
    struct retired_block retired;
    uint32_t number;
    uint32_t count; /* power of two */
    _Atomic uint32_t wild;
    _Atomic uint32_t counter[];
};

/* What a reader took down for one subject. */
struct stamps_taken {
    uint32_t number;
    uint16_t index[3]; /* first token, first two, whole */
    uint32_t value[4]; /* of these, then of the patterns that begin with a wildcard */
};

static_assert(STAMPS_MAX <= UINT16_MAX + 1, "indexes are kept in 16 bits");

struct stamps *stamps_new(uint32_t number, uint32_t count);

/* How many counters an account with so many subscriptions, and insertions ever, has. */
uint32_t stamps_count_for(uint64_t subscriptions, uint64_t inserts);

/* The three kinds of places in the table; hashes are those of the index. */
static inline uint32_t stamps_place_first(const struct stamps *s, uint32_t first_hash)
{
    return (first_hash >> 16) & (s->count / 4 - 1);
}

static inline uint32_t stamps_place_second(const struct stamps *s, uint32_t first_hash,
                                           uint32_t second_hash)
{
    uint32_t mixed = (uint32_t)hash_u64(((uint64_t)first_hash << 32) | second_hash);
    return s->count / 4 + ((mixed >> 16) & (s->count / 4 - 1));
}

static inline uint32_t stamps_place_literal(const struct stamps *s, uint32_t subject_hash)
{
    return s->count / 2 + ((subject_hash >> 16) & (s->count / 2 - 1));
}

/* One writer: a load and a store do, no locked addition. Release: what the counter stands for has
 * been changed before. */
static inline void stamps_bump(_Atomic uint32_t *counter)
{
    uint32_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_release);
}

static inline void stamps_take(const struct stamps *s, struct stamps_taken *taken)
{
    for (int i = 0; i < 3; i++) {
        taken->value[i] = atomic_load_explicit(&s->counter[taken->index[i]], memory_order_acquire);
    }
    taken->value[3] = atomic_load_explicit(&s->wild, memory_order_acquire);
    taken->number = s->number;
}

static inline bool stamps_hold(const struct stamps *s, const struct stamps_taken *taken)
{
    if (s->number != taken->number)
        return false;
    uint32_t changed = atomic_load_explicit(&s->wild, memory_order_acquire) ^ taken->value[3];
    for (int i = 0; i < 3; i++) {
        changed |= atomic_load_explicit(&s->counter[taken->index[i]], memory_order_acquire) ^
                   taken->value[i];
    }
    return changed == 0;
}

#endif
