/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/table/seqset.h"

enum { VERSION = 1 };

/* --- what changed ---------------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Where seqset_changed stands: the gone in order beside the nodes in order. */
struct walk {
    const struct seqset *set;
    seqset_emit_fn *emit;
    void *context;
    const uint64_t *gone;
    const uint64_t *gone_end;
    struct buffer value;
};

/* Tells of those that are gone up to this block, but for it. */
static void tell_gone(struct walk *w, uint64_t number)
{
    for (; w->gone < w->gone_end && *w->gone <= number; w->gone++) {
        bool repeated = w->gone + 1 < w->gone_end && w->gone[1] == *w->gone;
        bool below = *w->gone < w->set->floor / SEQBLOCK_SIZE;
        if (!repeated && !below && *w->gone != number)
            w->emit(w->context, *w->gone, (struct bytes){NULL, 0});
    }
}

static void tell_leaf(struct walk *w, const struct seqleaf *leaf)
{
    for (uint32_t i = 0; i < leaf->used; i++) {
        const struct seqblock *node = &leaf->nodes[i];
        tell_gone(w, node->number);
        if (!node->changed)
            continue;
        w->value.size = 0;
        seqblock_write(node, &w->value);
        w->emit(w->context, node->number, buffer_view(&w->value));
    }
}

void seqset_changed(const struct seqset *s, seqset_emit_fn *emit, void *context)
{
    struct buffer gone = {0};
    size_t size = s->gone.count * sizeof *s->gone.numbers;
    buffer_add(&gone, s->gone.numbers, size);
    uint64_t *numbers = (uint64_t *)(void *)gone.at;
    if (size > 0)
        qsort(numbers, s->gone.count, sizeof *numbers, compare_numbers);
    struct walk w = {s, emit, context, numbers, numbers + s->gone.count, {0}};
    for (uint32_t i = 0; i < s->nodes.count; i++) {
        const struct seqleaf *leaf = &s->nodes.leaves[i];
        if (leaf->changed || (w.gone < w.gone_end && *w.gone >= leaf->first))
            tell_leaf(&w, leaf);
    }
    tell_gone(&w, UINT64_MAX);
    buffer_done(&w.value);
    buffer_done(&gone);
}

static void mark_all(struct seqset *s, bool saved)
{
    for (uint32_t i = 0; i < s->nodes.count; i++) {
        struct seqleaf *leaf = &s->nodes.leaves[i];
        leaf->changed = !saved;
        for (uint32_t n = 0; n < leaf->used; n++) {
            leaf->nodes[n].changed = !saved;
            leaf->nodes[n].saved = saved;
        }
    }
    free(s->gone.numbers);
    s->gone.numbers = NULL;
    s->gone.count = s->gone.capacity = 0;
}

void seqset_saved(struct seqset *s)
{
    mark_all(s, true);
}

void seqset_unsaved(struct seqset *s)
{
    mark_all(s, false);
}

/* --- from values ----------------------------------------------------------------------------- */

/* Adds a node behind all others. */
static int append(struct seqset *s, uint64_t number, struct bytes value, bool saved)
{
    struct seqblock node;
    seqblock_init(&node, number);
    int r = seqblock_read(&node, value);
    if (r != 0)
        return r;
    node.saved = saved;
    node.changed = !saved;
    struct seqplace p;
    if (seqnodes_find(&s->nodes, number, &p)) {
        const struct seqblock *last = seqnodes_at(&s->nodes, p);
        bool touches = last->form == SEQBLOCK_ALL && node.form == SEQBLOCK_ALL;
        if (seqblock_end(last) > number - (touches ? 1 : 0)) {
            seqblock_done(&node);
            return -EBADMSG;
        }
    }
    seqnodes_insert(&s->nodes, &node);
    return 0;
}

int seqset_load(struct seqset *s, uint64_t block, struct bytes value)
{
    if (block >= SEQBLOCK_NUMBER_END)
        return -EBADMSG;
    if (block < s->floor / SEQBLOCK_SIZE)
        return 0;
    struct seqplace p;
    if (s->nodes.count > 0) {
        p.leaf = s->nodes.count - 1;
        p.index = s->nodes.leaves[p.leaf].used - 1u;
        if (seqnodes_at(&s->nodes, p)->number >= block)
            return -EBADMSG;
    }
    s->hint.from = s->hint.end = 0;
    int r = append(s, block, value, true);
    if (r == 0 && block == s->floor / SEQBLOCK_SIZE) {
        uint64_t floor = s->floor;
        s->floor = 0;
        seqset_compact(s, floor);
    }
    return r;
}

/* --- whole ----------------------------------------------------------------------------------- */

void seqset_encode(const struct seqset *s, struct buffer *out)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < s->nodes.count; i++)
        count += s->nodes.leaves[i].used;
    buffer_u8(out, VERSION);
    buffer_varint(out, s->floor);
    buffer_varint(out, count);
    struct seqplace p;
    struct buffer value = {0};
    uint64_t end = 0;
    for (bool more = seqnodes_first(&s->nodes, &p); more; more = seqnodes_next(&s->nodes, &p)) {
        const struct seqblock *node = seqnodes_at(&s->nodes, p);
        buffer_varint(out, node->number - end);
        end = seqblock_end(node);
        value.size = 0;
        seqblock_write(node, &value);
        buffer_bytes(out, buffer_view(&value));
    }
    buffer_done(&value);
}

static int decode_nodes(struct seqset *s, uint64_t count, struct cursor *c)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = end + cursor_varint_max(c, SEQBLOCK_NUMBER_END);
        struct bytes value = cursor_bytes(c);
        if (c->bad || number >= SEQBLOCK_NUMBER_END || append(s, number, value, false) != 0)
            return -EBADMSG;
        struct seqplace p;
        CHECK(seqnodes_find(&s->nodes, number, &p));
        end = seqblock_end(seqnodes_at(&s->nodes, p));
    }
    uint64_t first;
    bool below = seqset_next(s, 0, &first) && first < s->floor;
    return cursor_is_at_end(c) && !below ? 0 : -EBADMSG;
}

int seqset_decode(struct seqset *s, struct bytes encoded)
{
    CHECK(s->nodes.count == 0 && s->floor == 0);
    struct cursor c = cursor_of(encoded);
    uint8_t version = cursor_u8(&c);
    if (!c.bad && version != VERSION)
        return -ENOTSUP;
    s->floor = cursor_varint_max(&c, SEQSET_END);
    uint64_t count = cursor_varint_max(&c, SEQSET_NODES_MAX);
    int r = c.bad ? -EBADMSG : decode_nodes(s, count, &c);
    if (r != 0)
        seqset_done(s);
    return r;
}
