/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/seqnodes.h"

#include <stdlib.h>

#include "runtime/base/check.h"

enum { LEAF_CAPACITY_MIN = 4, LEAVES_MIN = 4 };

static void leaf_done(struct seqnodes *n, struct seqleaf *leaf)
{
    for (uint32_t i = 0; i < leaf->used; i++) {
        n->memory -= seqblock_memory(&leaf->nodes[i]);
        seqblock_done(&leaf->nodes[i]);
    }
    n->memory -= leaf->capacity * sizeof *leaf->nodes;
    free(leaf->nodes);
}

void seqnodes_done(struct seqnodes *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        leaf_done(n, &n->leaves[i]);
    free(n->leaves);
    free(n->sums);
    *n = (struct seqnodes){0};
}

/* --- sums ------------------------------------------------------------------------------------ */

static void sums_add(struct seqnodes *n, uint32_t leaf, int64_t sequences)
{
    for (uint32_t i = leaf + 1; i <= n->count; i += i & -i)
        n->sums[i] += (uint64_t)sequences;
}

static void sums_build(struct seqnodes *n)
{
    for (uint32_t i = 1; i <= n->count; i++)
        n->sums[i] = n->leaves[i - 1].count;
    for (uint32_t i = 1; i <= n->count; i++) {
        uint32_t above = i + (i & -i);
        if (above <= n->count)
            n->sums[above] += n->sums[i];
    }
}

uint64_t seqnodes_before(const struct seqnodes *n, struct seqplace p)
{
    uint64_t before = 0;
    for (uint32_t i = p.leaf; i > 0; i -= i & -i)
        before += n->sums[i];
    const struct seqblock *nodes = n->leaves[p.leaf].nodes;
    for (uint32_t i = 0; i < p.index; i++)
        before += seqblock_total(&nodes[i]);
    return before;
}

void seqnodes_changed(struct seqnodes *n, struct seqplace p, int64_t sequences, int64_t memory)
{
    n->leaves[p.leaf].count += (uint64_t)sequences;
    n->total += (uint64_t)sequences;
    n->memory += (size_t)memory;
    sums_add(n, p.leaf, sequences);
}

/* --- finding --------------------------------------------------------------------------------- */

/* The last leaf that begins at or before the number; the first one when none does. */
static uint32_t find_leaf(const struct seqnodes *n, uint64_t number)
{
    uint32_t low = 0;
    uint32_t size = n->count;
    while (size > 1) {
        uint32_t half = size / 2;
        if (n->leaves[low + half].first <= number)
            low += half;
        size -= half;
    }
    return low;
}

/* How many nodes of the leaf have numbers up to this one. */
static uint32_t leaf_rank(const struct seqleaf *leaf, uint64_t number)
{
    uint32_t low = 0;
    uint32_t size = leaf->used;
    while (size > 0) {
        uint32_t half = size / 2;
        bool upto = leaf->nodes[low + half].number <= number;
        low = upto ? low + half + 1 : low;
        size = upto ? size - half - 1 : half;
    }
    return low;
}

bool seqnodes_find(const struct seqnodes *n, uint64_t number, struct seqplace *ret)
{
    if (n->count == 0)
        return false;
    uint32_t leaf = find_leaf(n, number);
    uint32_t rank = leaf_rank(&n->leaves[leaf], number);
    if (rank == 0)
        return false;
    *ret = (struct seqplace){leaf, rank - 1};
    return true;
}

bool seqnodes_first(const struct seqnodes *n, struct seqplace *ret)
{
    if (n->count == 0)
        return false;
    *ret = (struct seqplace){0, 0};
    return true;
}

bool seqnodes_next(const struct seqnodes *n, struct seqplace *p)
{
    if (p->index + 1 < n->leaves[p->leaf].used) {
        p->index++;
        return true;
    }
    if (p->leaf + 1 == n->count)
        return false;
    *p = (struct seqplace){p->leaf + 1, 0};
    return true;
}

/* --- leaves come and go ---------------------------------------------------------------------- */

static void leaf_reserve(struct seqnodes *n, struct seqleaf *leaf, uint32_t wanted)
{
    uint32_t capacity = leaf->capacity < LEAF_CAPACITY_MIN ? LEAF_CAPACITY_MIN : leaf->capacity;
    while (capacity < wanted)
        capacity *= 2;
    if (capacity == leaf->capacity)
        return;
    CHECK(capacity <= SEQLEAF_NODES);
    leaf->nodes = realloc(leaf->nodes, capacity * sizeof *leaf->nodes);
    CHECK(leaf->nodes != NULL);
    n->memory += (capacity - leaf->capacity) * sizeof *leaf->nodes;
    leaf->capacity = (uint16_t)capacity;
}

/* An empty leaf at this place; the sums are to be built. */
static void insert_leaf(struct seqnodes *n, uint32_t at)
{
    if (n->count == n->capacity) {
        uint32_t capacity = n->capacity == 0 ? LEAVES_MIN : n->capacity * 2;
        n->leaves = realloc(n->leaves, capacity * sizeof *n->leaves);
        n->sums = realloc(n->sums, (capacity + (size_t)1) * sizeof *n->sums);
        CHECK(n->leaves != NULL && n->sums != NULL);
        n->memory += (capacity - n->capacity) * (sizeof *n->leaves + sizeof *n->sums);
        n->capacity = capacity;
    }
    memmove(n->leaves + at + 1, n->leaves + at, (n->count - at) * sizeof *n->leaves);
    n->leaves[at] = (struct seqleaf){0};
    n->count++;
}

/* Leaves without nodes go; the sums are to be built. */
static void remove_empty_leaves(struct seqnodes *n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->leaves[i].used == 0) {
            leaf_done(n, &n->leaves[i]);
        } else {
            n->leaves[kept++] = n->leaves[i];
        }
    }
    n->count = kept;
}

static void leaf_recount(struct seqleaf *leaf)
{
    leaf->count = 0;
    leaf->changed = false;
    for (uint32_t i = 0; i < leaf->used; i++) {
        leaf->count += seqblock_total(&leaf->nodes[i]);
        leaf->changed |= leaf->nodes[i].changed;
    }
    if (leaf->used > 0)
        leaf->first = leaf->nodes[0].number;
}

/* Moves the nodes from `index` on to the front of the leaf after. */
static void move_to_next(struct seqnodes *n, uint32_t at, uint32_t index)
{
    struct seqleaf *leaf = &n->leaves[at];
    struct seqleaf *next = leaf + 1;
    uint32_t moved = leaf->used - index;
    leaf_reserve(n, next, next->used + moved);
    memmove(next->nodes + moved, next->nodes, next->used * sizeof *next->nodes);
    memcpy(next->nodes, leaf->nodes + index, moved * sizeof *next->nodes);
    next->used = (uint16_t)(next->used + moved);
    leaf->used = (uint16_t)index;
    leaf_recount(leaf);
    leaf_recount(next);
}

/* Joins the leaves that an erasure around `at` left with few nodes; returns whether leaves went. */
static bool join_leaves(struct seqnodes *n, uint32_t at)
{
    bool joined = false;
    for (uint32_t i = at + 2; i-- > (at > 0 ? at - 1 : 0);) {
        if (i + 1 >= n->count || n->leaves[i].used + n->leaves[i + 1].used > SEQLEAF_NODES / 2)
            continue;
        move_to_next(n, i, 0);
        remove_empty_leaves(n);
        joined = true;
    }
    return joined;
}

/* The place for the number in a leaf that has room. Rising numbers fill leaves to the end. */
static struct seqplace make_room(struct seqnodes *n, uint64_t number)
{
    if (n->count == 0) {
        insert_leaf(n, 0);
        return (struct seqplace){0, 0};
    }
    uint32_t leaf = find_leaf(n, number);
    uint32_t index = leaf_rank(&n->leaves[leaf], number);
    if (n->leaves[leaf].used < SEQLEAF_NODES)
        return (struct seqplace){leaf, index};
    insert_leaf(n, leaf + 1);
    if (index == SEQLEAF_NODES && leaf + 2 == n->count)
        return (struct seqplace){leaf + 1, 0};
    uint32_t half = SEQLEAF_NODES / 2;
    move_to_next(n, leaf, half);
    if (index <= half)
        return (struct seqplace){leaf, index};
    return (struct seqplace){leaf + 1, index - half};
}

struct seqplace seqnodes_insert(struct seqnodes *n, const struct seqblock *node)
{
    uint32_t leaves = n->count;
    struct seqplace p = make_room(n, node->number);
    struct seqleaf *leaf = &n->leaves[p.leaf];
    leaf_reserve(n, leaf, leaf->used + 1u);
    DCHECK(p.index == 0 || leaf->nodes[p.index - 1].number < node->number);
    struct seqblock *at = leaf->nodes + p.index;
    memmove(at + 1, at, (leaf->used - p.index) * sizeof *at);
    *at = *node;
    leaf->used++;
    leaf->first = leaf->nodes[0].number;
    leaf->changed |= node->changed;
    if (n->count != leaves)
        sums_build(n);
    seqnodes_changed(n, p, (int64_t)seqblock_total(node), (int64_t)seqblock_memory(node));
    return p;
}

/* The nodes of one leaf with numbers from..end-1 go. */
static void erase_in_leaf(struct seqnodes *n, struct seqleaf *leaf, uint64_t from, uint64_t end,
                          seqnodes_erased_fn *erased, void *context)
{
    uint32_t low = from == 0 ? 0 : leaf_rank(leaf, from - 1);
    uint32_t high = leaf_rank(leaf, end - 1);
    for (uint32_t i = low; i < high; i++) {
        struct seqblock *node = &leaf->nodes[i];
        if (erased != NULL)
            erased(context, node);
        n->total -= seqblock_total(node);
        n->memory -= seqblock_memory(node);
        seqblock_done(node);
    }
    memmove(leaf->nodes + low, leaf->nodes + high, (leaf->used - high) * sizeof *leaf->nodes);
    leaf->used = (uint16_t)(leaf->used - (high - low));
    leaf_recount(leaf);
}

void seqnodes_erase(struct seqnodes *n, uint64_t from, uint64_t end, seqnodes_erased_fn *erased,
                    void *context)
{
    if (n->count == 0 || from >= end)
        return;
    uint32_t low = find_leaf(n, from);
    uint32_t at = low;
    uint64_t before = n->leaves[low].count;
    for (; at < n->count && (at == low || n->leaves[at].first < end); at++)
        erase_in_leaf(n, &n->leaves[at], from, end, erased, context);
    bool emptied = at > low + 1 || n->leaves[low].used == 0;
    int64_t fewer = (int64_t)(n->leaves[low].count - before);
    if (emptied)
        remove_empty_leaves(n);
    if (join_leaves(n, low) || emptied) {
        sums_build(n);
    } else {
        sums_add(n, low, fewer);
    }
}

void seqnodes_check(const struct seqnodes *n)
{
    uint64_t end = 0;
    uint64_t total = 0;
    size_t memory = n->capacity * (sizeof *n->leaves + sizeof *n->sums);
    for (uint32_t l = 0; l < n->count; l++) {
        const struct seqleaf *leaf = &n->leaves[l];
        CHECK(leaf->used > 0 && leaf->used <= leaf->capacity); /* 2 */
        CHECK(l == 0 || leaf->used + n->leaves[l - 1].used > SEQLEAF_NODES / 2);
        CHECK(leaf->first == leaf->nodes[0].number);
        CHECK(seqnodes_before(n, (struct seqplace){l, 0}) == total); /* 3 */
        uint64_t count = 0;
        for (uint32_t i = 0; i < leaf->used; i++) {
            const struct seqblock *node = &leaf->nodes[i];
            seqblock_check(node);
            CHECK(node->number >= end); /* 1 */
            CHECK(implies(node->changed, leaf->changed));
            end = seqblock_end(node);
            count += seqblock_total(node);
            memory += seqblock_memory(node);
        }
        CHECK(count == leaf->count); /* 3 */
        total += count;
        memory += leaf->capacity * sizeof *leaf->nodes;
    }
    CHECK(total == n->total && memory == n->memory);
}
