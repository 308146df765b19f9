/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/ttl_table.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "store/format/buffer.h"

#define SLOTS_FIRST 16u
#define HEAP_SLACK 64u

struct ttl_place {
    uint64_t seq;
    int64_t due_ns;
};

void ttl_table_done(struct ttl_table *t)
{
    free(t->slots);
    free(t->heap);
    *t = (struct ttl_table){0};
}

/* --- by sequence ------------------------------------------------------------------------------ */

/* The place of the sequence, or the free one where it would be. Sequences are not chosen by peers,
 * so the hash needs no seed. */
static size_t slot_of(const struct ttl_table *t, uint64_t seq)
{
    size_t mask = t->slot_count - 1;
    size_t slot = hash_u64(seq) & mask;
    while (t->slots[slot].seq != 0 && t->slots[slot].seq != seq)
        slot = (slot + 1) & mask;
    return slot;
}

static const struct ttl_place *find(const struct ttl_table *t, uint64_t seq)
{
    if (t->used == 0 || seq == 0)
        return NULL;
    const struct ttl_place *p = &t->slots[slot_of(t, seq)];
    return p->seq == seq ? p : NULL;
}

static void slots_grow(struct ttl_table *t)
{
    struct ttl_place *old = t->slots;
    size_t count = t->slot_count;
    t->slot_count = count == 0 ? SLOTS_FIRST : 2 * count;
    t->slots = calloc(t->slot_count, sizeof t->slots[0]);
    CHECK(t->slots != NULL);
    for (size_t i = 0; i < count; i++)
        if (old[i].seq != 0)
            t->slots[slot_of(t, old[i].seq)] = old[i];
    free(old);
}

static void slot_clear(struct ttl_table *t, size_t slot)
{
    size_t mask = t->slot_count - 1;
    size_t hole = slot;
    for (size_t i = (hole + 1) & mask; t->slots[i].seq != 0; i = (i + 1) & mask) {
        size_t home = hash_u64(t->slots[i].seq) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = (struct ttl_place){0};
    t->used--;
}

/* --- by time ---------------------------------------------------------------------------------- */

static bool before(const struct ttl_place *a, const struct ttl_place *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->seq < b->seq;
}

static void heap_push(struct ttl_table *t, struct ttl_place p)
{
    if (t->heap_count == t->heap_capacity) {
        t->heap_capacity = t->heap_capacity == 0 ? SLOTS_FIRST : 2 * t->heap_capacity;
        t->heap = realloc(t->heap, t->heap_capacity * sizeof t->heap[0]);
        CHECK(t->heap != NULL);
    }
    size_t at = t->heap_count++;
    for (; at > 0 && before(&p, &t->heap[(at - 1) / 2]); at = (at - 1) / 2)
        t->heap[at] = t->heap[(at - 1) / 2];
    t->heap[at] = p;
}

static void heap_pop(struct ttl_table *t)
{
    struct ttl_place p = t->heap[--t->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= t->heap_count)
            break;
        if (child + 1 < t->heap_count && before(&t->heap[child + 1], &t->heap[child]))
            child++;
        if (!before(&t->heap[child], &p))
            break;
        t->heap[at] = t->heap[child];
        at = child;
    }
    if (t->heap_count > 0)
        t->heap[at] = p;
}

/* Leaves the stale places out when they have become most of it. */
static void heap_tidy(struct ttl_table *t)
{
    if (t->heap_count <= 2 * t->used + HEAP_SLACK)
        return;
    t->heap_count = 0;
    for (size_t i = 0; i < t->slot_count; i++)
        if (t->slots[i].seq != 0 && t->slots[i].due_ns != TTL_NEVER)
            heap_push(t, t->slots[i]);
}

/* --- the table -------------------------------------------------------------------------------- */

void ttl_table_add(struct ttl_table *t, uint64_t seq, int64_t due_ns)
{
    if (4 * (t->used + 1) > 3 * t->slot_count)
        slots_grow(t);
    struct ttl_place p = {seq, due_ns};
    struct ttl_place *slot = &t->slots[slot_of(t, seq)];
    CHECK(seq != 0 && slot->seq == 0);
    *slot = p;
    t->used++;
    if (due_ns != TTL_NEVER)
        heap_push(t, p);
}

void ttl_table_remove(struct ttl_table *t, uint64_t seq)
{
    if (find(t, seq) == NULL)
        return;
    slot_clear(t, slot_of(t, seq));
    if (t->used == 0)
        ttl_table_done(t);
    else
        heap_tidy(t);
}

void ttl_table_remove_below(struct ttl_table *t, uint64_t seq)
{
    if (t->used == 0)
        return;
    struct ttl_table kept = {0};
    for (size_t i = 0; i < t->slot_count; i++)
        if (t->slots[i].seq != 0 && t->slots[i].seq >= seq)
            ttl_table_add(&kept, t->slots[i].seq, t->slots[i].due_ns);
    ttl_table_done(t);
    *t = kept;
}

bool ttl_table_is_never(const struct ttl_table *t, uint64_t seq)
{
    const struct ttl_place *p = find(t, seq);
    return p != NULL && p->due_ns == TTL_NEVER;
}

bool ttl_table_first(struct ttl_table *t, uint64_t *ret_seq, int64_t *ret_due_ns)
{
    while (t->heap_count > 0 && find(t, t->heap[0].seq) == NULL)
        heap_pop(t);
    if (t->heap_count == 0)
        return false;
    *ret_seq = t->heap[0].seq;
    *ret_due_ns = t->heap[0].due_ns;
    return true;
}

/* --- stored ----------------------------------------------------------------------------------- */

static int by_seq(const void *a, const void *b)
{
    const struct ttl_place *x = a;
    const struct ttl_place *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

void ttl_table_write(const struct ttl_table *t, struct buffer *b)
{
    buffer_varint(b, t->used);
    if (t->used == 0)
        return;
    struct ttl_place *sorted = malloc(t->used * sizeof sorted[0]);
    CHECK(sorted != NULL);
    size_t count = 0;
    for (size_t i = 0; i < t->slot_count; i++)
        if (t->slots[i].seq != 0)
            sorted[count++] = t->slots[i];
    CHECK(count == t->used);
    qsort(sorted, count, sizeof sorted[0], by_seq);
    uint64_t seq = 0;
    for (size_t i = 0; i < count; i++) {
        buffer_varint(b, sorted[i].seq - seq);
        buffer_svarint(b, sorted[i].due_ns);
        seq = sorted[i].seq;
    }
    free(sorted);
}

int ttl_table_read(struct ttl_table *t, struct cursor *c)
{
    CHECK(t->used == 0);
    uint64_t count = cursor_varint(c);
    uint64_t seq = 0;
    for (uint64_t i = 0; i < count && !c->bad; i++) {
        uint64_t step = cursor_varint(c);
        int64_t due_ns = cursor_svarint(c);
        if (c->bad || step == 0 || __builtin_add_overflow(seq, step, &seq))
            return -EBADMSG;
        ttl_table_add(t, seq, due_ns);
    }
    return c->bad ? -EBADMSG : 0;
}

void ttl_table_check(const struct ttl_table *t)
{
    size_t used = 0;
    size_t timed = 0;
    for (size_t i = 0; i < t->slot_count; i++) {
        if (t->slots[i].seq == 0)
            continue;
        used++;
        timed += t->slots[i].due_ns != TTL_NEVER;
        CHECK(slot_of(t, t->slots[i].seq) == i);
    }
    CHECK(used == t->used && t->heap_count <= 2 * used + HEAP_SLACK); /* 3 */
    size_t live = 0;
    for (size_t i = 0; i < t->heap_count; i++) {
        CHECK(i == 0 || !before(&t->heap[i], &t->heap[(i - 1) / 2])); /* 2 */
        const struct ttl_place *p = find(t, t->heap[i].seq);
        live += p != NULL && p->due_ns == t->heap[i].due_ns;
    }
    CHECK(live == timed); /* 1 */
}
