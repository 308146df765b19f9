/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tail.h"

#include <stdlib.h>

#include "runtime/base/check.h"

#define FIRST_CAPACITY 16
#define SHRINK_OVER 1024 /* a ring this large goes when it is empty */

void tail_done(struct tail *t)
{
    free(t->ring);
    *t = (struct tail){0};
}

static void grow(struct tail *t)
{
    size_t capacity = t->capacity == 0 ? FIRST_CAPACITY : t->capacity * 2;
    struct tail_entry *ring = malloc(capacity * sizeof *ring);
    CHECK(ring != NULL);
    for (size_t i = 0; i < t->count; i++)
        ring[i] = *tail_at(t, i);
    free(t->ring);
    t->ring = ring;
    t->capacity = capacity;
    t->first = 0;
}

void tail_push(struct tail *t, const struct tail_entry *e)
{
    CHECK(t->count == 0 || tail_at(t, t->count - 1)->seq < e->seq);
    if (t->count == t->capacity)
        grow(t);
    t->ring[(t->first + t->count) & (t->capacity - 1)] = *e;
    t->count++;
}

size_t tail_rank(const struct tail *t, uint64_t seq)
{
    if (t->count == 0 || seq <= tail_at(t, 0)->seq)
        return 0;
    uint64_t guess = seq - tail_at(t, 0)->seq;
    if (guess < t->count && tail_at(t, guess)->seq == seq)
        return guess;
    size_t low = 0; /* all before have a lower sequence */
    size_t high = t->count < guess ? t->count : (size_t)guess;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tail_at(t, middle)->seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t tail_rank_of_index(const struct tail *t, uint64_t index)
{
    size_t low = 0;
    size_t high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tail_at(t, middle)->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct tail_entry *tail_find(const struct tail *t, uint64_t seq)
{
    size_t nth = tail_rank(t, seq);
    if (nth == t->count || tail_at(t, nth)->seq != seq)
        return NULL;
    return tail_at(t, nth);
}

void tail_drop_below(struct tail *t, uint64_t seq)
{
    size_t count = tail_rank(t, seq);
    t->first = (t->first + count) & (t->capacity == 0 ? 0 : t->capacity - 1);
    t->count -= count;
    if (t->count == 0 && t->capacity > SHRINK_OVER)
        tail_done(t);
}

void tail_check(const struct tail *t)
{
    CHECK(t->count <= t->capacity);
    for (size_t i = 1; i < t->count; i++)
        CHECK(tail_at(t, i - 1)->seq < tail_at(t, i)->seq);
}
