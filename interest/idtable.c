/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/idtable.h"

#include <stdlib.h>

#include "runtime/base/check.h"

enum {
    CAPACITY_MIN = 8,
    MOVE_SLOTS =
        8, /* per operation: done after 1/8 of the older capacity, long before 0.7 is reached */
};

static struct idtable_slots *current_of(const struct idtable *t)
{
    return atomic_load_explicit(&t->current, memory_order_relaxed);
}

static struct idtable_slots *older_of(const struct idtable_slots *s)
{
    return s == NULL ? NULL : atomic_load_explicit(&s->older, memory_order_relaxed);
}

static uint32_t slot_at(const struct idtable_slots *s, uint32_t index)
{
    return atomic_load_explicit(&s->slot[index & s->mask], memory_order_relaxed);
}

static void set_slot(struct idtable_slots *s, uint32_t index, uint32_t value)
{
    /* Release: pairs with the acquire in idtable_next, which then sees the object of the id. */
    atomic_store_explicit(&s->slot[index & s->mask], value, memory_order_release);
}

static struct idtable_slots *slots_new(uint32_t capacity)
{
    CHECK(capacity >= CAPACITY_MIN && (capacity & (capacity - 1)) == 0);
    struct idtable_slots *s = calloc(1, sizeof(*s) + capacity * sizeof(s->slot[0]));
    CHECK(s != NULL);
    s->mask = capacity - 1;
    return s;
}

static void put(struct idtable *t, struct idtable_slots *s, uint32_t hash, uint32_t id)
{
    uint32_t index = hash;
    uint32_t there;
    while ((there = slot_at(s, index)) != 0 && there != IDTABLE_TOMBSTONE)
        index++;
    t->used += there == 0;
    CHECK(t->used <= s->mask);
    set_slot(s, index, id);
}

/* Moves up to `count` slots of the older table. */
static void move_some(struct idtable *t, const struct idtable_user *user, uint32_t count)
{
    struct idtable_slots *s = current_of(t);
    struct idtable_slots *older = older_of(s);
    if (older == NULL)
        return;
    for (; count > 0 && t->moved <= older->mask; count--) {
        uint32_t id = slot_at(older, t->moved++);
        if (id != 0 && id != IDTABLE_TOMBSTONE)
            put(t, s, user->hash(user->context, id), id);
    }
    if (t->moved > older->mask) {
        atomic_store_explicit(&s->older, NULL, memory_order_release);
        retire_block(user->retire, &older->retired);
    }
}

/* Begins the move to a table that is at most half full with what lives. */
static void begin_move(struct idtable *t, const struct idtable_user *user)
{
    move_some(t, user, UINT32_MAX);
    uint32_t capacity = CAPACITY_MIN;
    while (capacity / 2 < t->live + 1)
        capacity *= 2;
    struct idtable_slots *s = slots_new(capacity);
    atomic_store_explicit(&s->older, current_of(t), memory_order_relaxed);
    t->used = 0;
    t->moved = 0;
    atomic_store_explicit(&t->current, s, memory_order_release);
}

static bool is_crowded(const struct idtable *t)
{
    const struct idtable_slots *s = current_of(t);
    return s == NULL || (uint64_t)(t->used + 1) * 10 > (uint64_t)(s->mask + 1) * 7;
}

void idtable_insert(struct idtable *t, const struct idtable_user *user, uint32_t hash, uint32_t id)
{
    DCHECK(id != 0 && id != IDTABLE_TOMBSTONE);
    move_some(t, user, MOVE_SLOTS);
    if (is_crowded(t)) {
        begin_move(t, user);
        move_some(t, user, MOVE_SLOTS);
    }
    t->live++;
    put(t, current_of(t), hash, id);
}

/* Index of the id in these slots, or UINT64_MAX. */
static uint64_t find_in(const struct idtable_slots *s, uint32_t hash, uint32_t id)
{
    for (uint32_t index = hash;; index++) {
        uint32_t there = slot_at(s, index);
        if (there == id)
            return index & s->mask;
        if (there == 0)
            return UINT64_MAX;
    }
}

/* A hole before an empty slot is on nobody's way: it and the tombstones before it become empty. */
static void clear_slot(struct idtable *t, struct idtable_slots *s, uint32_t index)
{
    if (slot_at(s, index + 1) != 0) {
        set_slot(s, index, IDTABLE_TOMBSTONE);
        return;
    }
    do {
        set_slot(s, index, 0);
        t->used--;
        index--;
    } while (slot_at(s, index) == IDTABLE_TOMBSTONE);
}

static bool is_sparse(const struct idtable *t)
{
    const struct idtable_slots *s = current_of(t);
    return s->mask >= CAPACITY_MIN && t->live < (s->mask + 1) / 8;
}

void idtable_remove(struct idtable *t, const struct idtable_user *user, uint32_t hash, uint32_t id)
{
    struct idtable_slots *s = current_of(t);
    CHECK(s != NULL && t->live > 0);
    struct idtable_slots *older = older_of(s);
    uint64_t index = find_in(s, hash, id);
    bool found = index != UINT64_MAX;
    if (found)
        clear_slot(t, s, (uint32_t)index);
    if (older != NULL) {
        index = find_in(older, hash, id);
        if (index != UINT64_MAX) {
            found = true;
            set_slot(older, (uint32_t)index, IDTABLE_TOMBSTONE);
        }
    }
    CHECK(found);
    t->live--;
    move_some(t, user, MOVE_SLOTS);
    if (older_of(current_of(t)) == NULL && is_sparse(t))
        begin_move(t, user);
}

void idtable_trim(struct idtable *t, const struct idtable_user *user)
{
    struct idtable_slots *s = current_of(t);
    if (s == NULL)
        return;
    move_some(t, user, UINT32_MAX);
    if (t->live == 0) {
        t->used = 0;
        atomic_store_explicit(&t->current, NULL, memory_order_release);
        retire_block(user->retire, &s->retired);
    }
}

void idtable_done(struct idtable *t)
{
    struct idtable_slots *s = current_of(t);
    free(older_of(s));
    free(s);
}

size_t idtable_bytes(const struct idtable *t)
{
    size_t bytes = 0;
    for (const struct idtable_slots *s = current_of(t); s != NULL; s = older_of(s))
        bytes += sizeof(*s) + ((size_t)s->mask + 1) * sizeof(s->slot[0]);
    return bytes;
}
