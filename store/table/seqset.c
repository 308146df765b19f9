/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/seqset.h"

#include <stdlib.h>

#include "runtime/base/check.h"

enum { GONE_MIN = 16 };

static uint64_t number_of(uint64_t seq)
{
    return seq / SEQBLOCK_SIZE;
}

static uint32_t position_of(uint64_t seq)
{
    return seq % SEQBLOCK_SIZE;
}

void seqset_init(struct seqset *s)
{
    *s = (struct seqset){0};
}

void seqset_done(struct seqset *s)
{
    seqnodes_done(&s->nodes);
    free(s->gone.numbers);
    seqset_init(s);
}

size_t seqset_memory(const struct seqset *s)
{
    return s->nodes.memory + s->gone.capacity * sizeof *s->gone.numbers;
}

/* --- the node of a block --------------------------------------------------------------------- */

/* The node that the block is in. */
static bool find(const struct seqset *s, uint64_t number, struct seqplace *ret)
{
    struct seqplace p;
    if (!seqnodes_find(&s->nodes, number, &p) || seqblock_end(seqnodes_at(&s->nodes, p)) <= number)
        return false;
    *ret = p;
    return true;
}

/* The first node that ends after the block. */
static bool find_from(const struct seqset *s, uint64_t number, struct seqplace *ret)
{
    struct seqplace p;
    if (!seqnodes_find(&s->nodes, number, &p))
        return seqnodes_first(&s->nodes, ret);
    if (seqblock_end(seqnodes_at(&s->nodes, p)) <= number && !seqnodes_next(&s->nodes, &p))
        return false;
    *ret = p;
    return true;
}

static void drop_hint(struct seqset *s)
{
    s->hint.from = s->hint.end = 0;
}

static void set_hint(struct seqset *s, uint64_t number)
{
    struct seqplace p;
    s->hint.from = number;
    s->hint.end = SEQBLOCK_NUMBER_END;
    s->hint.node = NULL;
    if (!find_from(s, number, &p))
        return;
    struct seqblock *node = seqnodes_at(&s->nodes, p);
    if (node->number > number) {
        s->hint.end = node->number;
        return;
    }
    s->hint.from = node->number;
    s->hint.end = seqblock_end(node);
    s->hint.node = node;
    s->hint.place = p;
}

static void follow_hint(struct seqset *s, uint64_t number)
{
    if (number - s->hint.from >= s->hint.end - s->hint.from)
        set_hint(s, number);
}

/* --- questions ------------------------------------------------------------------------------- */

bool seqset_contains(struct seqset *s, uint64_t seq)
{
    if (seq >= SEQSET_END)
        return false;
    follow_hint(s, number_of(seq));
    return s->hint.node != NULL && seqblock_has(s->hint.node, position_of(seq));
}

/* Sequences in the set below seq. */
static uint64_t rank(const struct seqset *s, uint64_t seq)
{
    struct seqplace p;
    uint64_t number = number_of(seq);
    if (!seqnodes_find(&s->nodes, number, &p))
        return 0;
    const struct seqblock *node = seqnodes_at(&s->nodes, p);
    uint64_t before = seqnodes_before(&s->nodes, p);
    if (number >= seqblock_end(node))
        return before + seqblock_total(node);
    if (node->form == SEQBLOCK_ALL)
        return before + (seq - node->number * SEQBLOCK_SIZE);
    return before + seqblock_rank(node, position_of(seq));
}

uint64_t seqset_count(const struct seqset *s, uint64_t from, uint64_t to)
{
    if (from > to || from >= SEQSET_END)
        return 0;
    uint64_t upto = to >= SEQSET_END - 1 ? s->nodes.total : rank(s, to + 1);
    return upto - rank(s, from);
}

bool seqset_next(const struct seqset *s, uint64_t seq, uint64_t *ret)
{
    struct seqplace p;
    uint64_t number = number_of(seq);
    if (seq >= SEQSET_END || !find_from(s, number, &p))
        return false;
    const struct seqblock *node = seqnodes_at(&s->nodes, p);
    if (node->number <= number) {
        uint32_t position = seqblock_next_in(node, position_of(seq));
        if (position < SEQBLOCK_SIZE) {
            *ret = number * SEQBLOCK_SIZE + position;
            return true;
        }
        if (!seqnodes_next(&s->nodes, &p))
            return false;
        node = seqnodes_at(&s->nodes, p);
    }
    *ret = node->number * SEQBLOCK_SIZE + seqblock_next_in(node, 0);
    return true;
}

uint64_t seqset_next_out(const struct seqset *s, uint64_t seq)
{
    struct seqplace p;
    /* Any node but an extent has something out, and extents never touch: three steps. */
    while (seq < SEQSET_END && find(s, number_of(seq), &p)) {
        const struct seqblock *node = seqnodes_at(&s->nodes, p);
        uint32_t position = seqblock_next_out(node, position_of(seq));
        if (position < SEQBLOCK_SIZE)
            return number_of(seq) * SEQBLOCK_SIZE + position;
        seq = seqblock_end(node) * SEQBLOCK_SIZE;
    }
    return seq;
}

bool seqset_prev_out(const struct seqset *s, uint64_t seq, uint64_t *ret)
{
    struct seqplace p;
    while (seq < SEQSET_END && find(s, number_of(seq), &p)) {
        const struct seqblock *node = seqnodes_at(&s->nodes, p);
        int32_t position = seqblock_prev_out(node, position_of(seq));
        if (position >= 0) {
            seq = number_of(seq) * SEQBLOCK_SIZE + (uint32_t)position;
            break;
        }
        if (node->number == 0)
            return false;
        seq = node->number * SEQBLOCK_SIZE - 1;
    }
    *ret = seq;
    return true;
}

/* --- changes --------------------------------------------------------------------------------- */

static void on_erased(void *context, const struct seqblock *node)
{
    struct seqset *s = context;
    if (!node->saved)
        return;
    if (s->gone.count == s->gone.capacity) {
        s->gone.capacity = s->gone.capacity == 0 ? GONE_MIN : s->gone.capacity * 2;
        s->gone.numbers = realloc(s->gone.numbers, s->gone.capacity * sizeof *s->gone.numbers);
        CHECK(s->gone.numbers != NULL);
    }
    s->gone.numbers[s->gone.count++] = node->number;
}

/* Blocks from..end-1 are all in: one extent, with those that touch it. */
static void add_extent(struct seqset *s, uint64_t from, uint64_t end)
{
    struct seqplace p;
    drop_hint(s);
    if (from > 0 && find(s, from - 1, &p) && seqnodes_at(&s->nodes, p)->form == SEQBLOCK_ALL)
        from = seqnodes_at(&s->nodes, p)->number;
    if (find(s, end, &p) && seqnodes_at(&s->nodes, p)->form == SEQBLOCK_ALL)
        end = seqblock_end(seqnodes_at(&s->nodes, p));
    struct seqblock node = {
        .number = from,
        .extent = end - from,
        .count = SEQBLOCK_SIZE,
        .form = SEQBLOCK_ALL,
        .changed = true,
        .saved = find(s, from, &p) && seqnodes_at(&s->nodes, p)->number == from &&
                 seqnodes_at(&s->nodes, p)->saved,
    };
    seqnodes_erase(&s->nodes, from, from + 1, NULL, NULL);
    seqnodes_erase(&s->nodes, from + 1, end, on_erased, s);
    seqnodes_insert(&s->nodes, &node);
}

/* Positions from..end-1 of one block. */
static uint64_t add_in_block(struct seqset *s, uint64_t number, uint32_t from, uint32_t end)
{
    follow_hint(s, number);
    if (s->hint.node == NULL) {
        struct seqblock node;
        seqblock_init(&node, number);
        uint32_t added = seqblock_add_range(&node, from, end);
        node.changed = true;
        struct seqplace p = seqnodes_insert(&s->nodes, &node);
        drop_hint(s);
        CHECK(seqnodes_at(&s->nodes, p)->count == added && added < SEQBLOCK_SIZE);
        return added;
    }
    struct seqblock *node = s->hint.node;
    if (node->form == SEQBLOCK_ALL)
        return 0;
    size_t memory = seqblock_memory(node);
    uint32_t added =
        end - from == 1 ? seqblock_add(node, from) : seqblock_add_range(node, from, end);
    if (added == 0)
        return 0;
    node->changed = true;
    s->nodes.leaves[s->hint.place.leaf].changed = true;
    seqnodes_changed(&s->nodes, s->hint.place, added,
                     (int64_t)seqblock_memory(node) - (int64_t)memory);
    if (node->form == SEQBLOCK_ALL)
        add_extent(s, number, number + 1);
    return added;
}

bool seqset_add(struct seqset *s, uint64_t seq)
{
    CHECK(seq < SEQSET_END);
    if (seq < s->floor)
        return false;
    return add_in_block(s, number_of(seq), position_of(seq), position_of(seq) + 1) > 0;
}

uint64_t seqset_add_range(struct seqset *s, uint64_t from, uint64_t to)
{
    CHECK(to < SEQSET_END);
    if (from < s->floor)
        from = s->floor;
    if (from > to)
        return 0;
    uint64_t before = s->nodes.total;
    uint64_t first = number_of(from);
    uint64_t last = number_of(to);
    uint32_t end = position_of(to) + 1;
    if (position_of(from) > 0) {
        add_in_block(s, first, position_of(from), first == last ? end : SEQBLOCK_SIZE);
        if (first++ == last)
            return s->nodes.total - before;
    }
    if (end == SEQBLOCK_SIZE) {
        last++;
        end = 0;
    }
    if (first < last)
        add_extent(s, first, last);
    if (end > 0)
        add_in_block(s, last, 0, end);
    return s->nodes.total - before;
}

/* The extent at p keeps what is at or after this position of its block `number`. */
static void cut_extent(struct seqset *s, struct seqplace p, uint64_t number, uint32_t position)
{
    uint64_t end = seqblock_end(seqnodes_at(&s->nodes, p));
    bool saved = seqnodes_at(&s->nodes, p)->saved && seqnodes_at(&s->nodes, p)->number == number;
    seqnodes_erase(&s->nodes, 0, number + 1, NULL, NULL);
    struct seqblock head;
    seqblock_init(&head, number);
    seqblock_add_range(&head, position, SEQBLOCK_SIZE);
    head.changed = true;
    head.saved = saved;
    uint64_t extent = end - number;
    if (head.form == SEQBLOCK_ALL) {
        head.extent = extent;
        extent = 0;
    }
    seqnodes_insert(&s->nodes, &head);
    if (extent > 1) {
        struct seqblock rest = {.number = number + 1,
                                .extent = extent - 1,
                                .count = SEQBLOCK_SIZE,
                                .form = SEQBLOCK_ALL,
                                .changed = true};
        seqnodes_insert(&s->nodes, &rest);
    }
}

/* What lies below the position goes from the node at p, which is no extent. */
static void cut_block(struct seqset *s, struct seqplace p, uint32_t position)
{
    struct seqblock *node = seqnodes_at(&s->nodes, p);
    int64_t memory = (int64_t)seqblock_memory(node);
    uint32_t removed = seqblock_remove_below(node, position);
    if (removed == 0)
        return;
    node->changed = true;
    s->nodes.leaves[p.leaf].changed = true;
    seqnodes_changed(&s->nodes, p, -(int64_t)removed, (int64_t)seqblock_memory(node) - memory);
    if (node->count == 0)
        seqnodes_erase(&s->nodes, node->number, node->number + 1, on_erased, s);
}

void seqset_compact(struct seqset *s, uint64_t seq)
{
    CHECK(seq <= SEQSET_END);
    if (seq <= s->floor)
        return;
    s->floor = seq;
    struct seqplace p;
    if (!seqnodes_first(&s->nodes, &p) || seqnodes_at(&s->nodes, p)->number * SEQBLOCK_SIZE >= seq)
        return;
    drop_hint(s);
    uint64_t number = number_of(seq);
    bool inside = find(s, number, &p);
    if (!inside || seqnodes_at(&s->nodes, p)->form != SEQBLOCK_ALL) {
        seqnodes_erase(&s->nodes, 0, number, NULL, NULL);
        if (inside && find(s, number, &p))
            cut_block(s, p, position_of(seq));
    } else if (seqnodes_at(&s->nodes, p)->number < number || position_of(seq) > 0) {
        cut_extent(s, p, number, position_of(seq));
    } else {
        seqnodes_erase(&s->nodes, 0, number, NULL, NULL);
    }
}

void seqset_check(const struct seqset *s)
{
    seqnodes_check(&s->nodes);
    struct seqplace p;
    bool more = seqnodes_first(&s->nodes, &p);
    if (more) {
        const struct seqblock *first = seqnodes_at(&s->nodes, p);
        uint64_t seq = first->number * SEQBLOCK_SIZE + seqblock_next_in(first, 0);
        CHECK(seq >= s->floor); /* 2 */
    }
    uint64_t end = SEQBLOCK_NUMBER_END; /* of the extent before */
    for (; more; more = seqnodes_next(&s->nodes, &p)) {
        const struct seqblock *node = seqnodes_at(&s->nodes, p);
        if (node->form != SEQBLOCK_ALL)
            continue;
        CHECK(node->number != end); /* 1 */
        end = seqblock_end(node);
    }
    if (s->hint.from < s->hint.end && s->hint.node != NULL)
        CHECK(s->hint.node == seqnodes_at(&s->nodes, s->hint.place));
}
