/* SPDX-License-Identifier: Apache-2.0 */
/* subject_order.c -- references in order of their subjects' bytes: leaves, and a few fresh ones. */
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/table/subject_state.h"

enum { LEAF_CAPACITY_MIN = 4, LEAVES_MIN = 2, FRESH_MIN = 4 };

static struct bytes subject_of(const struct subject_records *r, subject_ref ref)
{
    return subject_record_subject(subject_records_at(r, ref));
}

void subject_order_done(struct subject_order *o)
{
    for (uint32_t i = 0; i < o->count; i++)
        free(o->leaves[i].refs);
    free(o->leaves);
    free(o->fresh);
    *o = (struct subject_order){0};
}

/* --- finding --------------------------------------------------------------------------------- */

/* The last leaf that begins at or before the subject; the first one when none does. */
static uint32_t find_leaf(const struct subject_order *o, const struct subject_records *r,
                          struct bytes subject)
{
    uint32_t low = 0;
    uint32_t size = o->count;
    while (size > 1) {
        uint32_t half = size / 2;
        if (bytes_order(subject_of(r, o->leaves[low + half].refs[0]), subject) <= 0)
            low += half;
        size -= half;
    }
    return low;
}

/* How many subjects of the leaf are before this one. */
static uint32_t leaf_rank(const struct subject_leaf *leaf, const struct subject_records *r,
                          struct bytes subject)
{
    uint32_t low = 0;
    uint32_t size = leaf->used;
    while (size > 0) {
        uint32_t half = size / 2;
        bool before = bytes_order(subject_of(r, leaf->refs[low + half]), subject) < 0;
        low = before ? low + half + 1 : low;
        size = before ? size - half - 1 : half;
    }
    return low;
}

void subject_order_find(const struct subject_order *o, const struct subject_records *r,
                        struct bytes subject, uint32_t *ret_leaf, uint32_t *ret_index)
{
    DCHECK(o->fresh_count == 0);
    *ret_leaf = 0;
    *ret_index = 0;
    if (o->count == 0)
        return;
    *ret_leaf = find_leaf(o, r, subject);
    *ret_index = leaf_rank(&o->leaves[*ret_leaf], r, subject);
    if (*ret_index == o->leaves[*ret_leaf].used) {
        ++*ret_leaf;
        *ret_index = 0;
    }
}

/* --- leaves ---------------------------------------------------------------------------------- */

static void leaf_reserve(struct subject_order *o, struct subject_leaf *leaf, uint32_t wanted)
{
    uint32_t capacity = leaf->capacity < LEAF_CAPACITY_MIN ? LEAF_CAPACITY_MIN : leaf->capacity;
    while (capacity < wanted)
        capacity += capacity / 2;
    if (capacity > ORDER_LEAF_REFS)
        capacity = ORDER_LEAF_REFS;
    if (capacity == leaf->capacity)
        return;
    leaf->refs = realloc(leaf->refs, capacity * sizeof *leaf->refs);
    CHECK(leaf->refs != NULL);
    o->held += (capacity - leaf->capacity) * sizeof *leaf->refs;
    leaf->capacity = (uint16_t)capacity;
}

static void insert_leaf(struct subject_order *o, uint32_t at)
{
    if (o->count == o->capacity) {
        uint32_t capacity = o->capacity == 0 ? LEAVES_MIN : o->capacity + o->capacity / 2;
        o->leaves = realloc(o->leaves, capacity * sizeof *o->leaves);
        CHECK(o->leaves != NULL);
        o->held += (capacity - o->capacity) * sizeof *o->leaves;
        o->capacity = capacity;
    }
    memmove(o->leaves + at + 1, o->leaves + at, (o->count - at) * sizeof *o->leaves);
    o->leaves[at] = (struct subject_leaf){0};
    o->count++;
}

static void remove_leaf(struct subject_order *o, uint32_t at)
{
    struct subject_leaf *leaf = &o->leaves[at];
    o->held -= leaf->capacity * sizeof *leaf->refs;
    free(leaf->refs);
    o->count--;
    memmove(leaf, leaf + 1, (o->count - at) * sizeof *leaf);
}

/* Moves the upper half of a full leaf to a new one; of the last leaf nothing when the new subject
 * goes behind it, so that rising subjects fill leaves to the end. */
static void split_leaf(struct subject_order *o, uint32_t at, uint32_t rank)
{
    insert_leaf(o, at + 1);
    struct subject_leaf *leaf = &o->leaves[at];
    struct subject_leaf *next = leaf + 1;
    uint32_t kept = ORDER_LEAF_REFS / 2;
    if (rank == ORDER_LEAF_REFS && at + 2 == o->count)
        kept = ORDER_LEAF_REFS;
    uint32_t moved = ORDER_LEAF_REFS - kept;
    leaf_reserve(o, next, moved + 1);
    memcpy(next->refs, leaf->refs + kept, moved * sizeof *leaf->refs);
    next->used = (uint16_t)moved;
    leaf->used = (uint16_t)kept;
}

static void place(struct subject_order *o, const struct subject_records *r, subject_ref ref)
{
    struct bytes subject = subject_of(r, ref);
    if (o->count == 0)
        insert_leaf(o, 0);
    uint32_t at = o->leaves[0].used == 0 ? 0 : find_leaf(o, r, subject);
    uint32_t rank = leaf_rank(&o->leaves[at], r, subject);
    if (o->leaves[at].used == ORDER_LEAF_REFS) {
        split_leaf(o, at, rank);
        if (rank > o->leaves[at].used || o->leaves[at].used == ORDER_LEAF_REFS)
            rank -= o->leaves[at++].used;
    }
    struct subject_leaf *leaf = &o->leaves[at];
    leaf_reserve(o, leaf, leaf->used + 1u);
    memmove(leaf->refs + rank + 1, leaf->refs + rank, (leaf->used - rank) * sizeof *leaf->refs);
    leaf->refs[rank] = ref;
    leaf->used++;
}

/* --- changes --------------------------------------------------------------------------------- */

void subject_order_settle(struct subject_order *o, const struct subject_records *r)
{
    for (uint32_t i = 0; i < o->fresh_count; i++)
        place(o, r, o->fresh[i]);
    o->fresh_count = 0;
}

void subject_order_add(struct subject_order *o, const struct subject_records *r, subject_ref ref)
{
    if (o->fresh_count == ORDER_FRESH_MAX)
        subject_order_settle(o, r);
    if (o->fresh_count == o->fresh_capacity) {
        uint32_t capacity = o->fresh_capacity == 0 ? FRESH_MIN : o->fresh_capacity * 2;
        o->fresh = realloc(o->fresh, capacity * sizeof *o->fresh);
        CHECK(o->fresh != NULL);
        o->held += (capacity - o->fresh_capacity) * sizeof *o->fresh;
        o->fresh_capacity = capacity;
    }
    o->fresh[o->fresh_count++] = ref;
}

void subject_order_remove(struct subject_order *o, const struct subject_records *r, subject_ref ref)
{
    for (uint32_t i = 0; i < o->fresh_count; i++) {
        if (o->fresh[i] == ref) {
            o->fresh[i] = o->fresh[--o->fresh_count];
            return;
        }
    }
    struct bytes subject = subject_of(r, ref);
    uint32_t at = find_leaf(o, r, subject);
    struct subject_leaf *leaf = &o->leaves[at];
    uint32_t rank = leaf_rank(leaf, r, subject);
    CHECK(rank < leaf->used && leaf->refs[rank] == ref);
    leaf->used--;
    memmove(leaf->refs + rank, leaf->refs + rank + 1, (leaf->used - rank) * sizeof *leaf->refs);
    if (leaf->used == 0)
        remove_leaf(o, at);
}

void subject_order_check(const struct subject_order *o, const struct subject_records *r,
                         uint64_t count)
{
    uint64_t found = o->fresh_count;
    size_t held = o->capacity * sizeof *o->leaves + o->fresh_capacity * sizeof *o->fresh;
    struct bytes before = {NULL, 0};
    bool first = true;
    for (uint32_t l = 0; l < o->count; l++) {
        const struct subject_leaf *leaf = &o->leaves[l];
        CHECK(leaf->used > 0 && leaf->used <= leaf->capacity); /* 2 */
        for (uint32_t i = 0; i < leaf->used; i++) {
            struct bytes subject = subject_of(r, leaf->refs[i]);
            CHECK(first || bytes_order(before, subject) < 0); /* 2 */
            before = subject;
            first = false;
        }
        found += leaf->used;
        held += leaf->capacity * sizeof *leaf->refs;
    }
    CHECK(found == count && held == o->held); /* 1, 3 */
}
