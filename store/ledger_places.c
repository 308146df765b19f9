/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger_places.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"

enum { CAPACITY_MIN = 64 };

struct ledger_making {
    struct ledger_making *next;
    uint64_t position;
    uint32_t size;
};

/* --- what lives and what dies --------------------------------------------------------------------- */

static void count_in(struct ledger_places *p, uint32_t size)
{
    p->records++;
    p->live_bytes += ledger_record_size(size);
}

static void count_out(struct ledger_places *p, uint32_t size)
{
    CHECK(p->records > 0 && p->live_bytes >= ledger_record_size(size));
    p->records--;
    p->live_bytes -= ledger_record_size(size);
}

static void replace(struct ledger_places *p, uint64_t *position, uint32_t *size,
                    const struct ledger_place *by)
{
    if (*position != 0)
        count_out(p, *size);
    *position = by->position;
    *size = by->size;
    count_in(p, by->size);
}

static void add_making(struct ledger_places *p, struct ledger_slot *slot,
                       const struct ledger_place *place)
{
    struct ledger_making *making = malloc(sizeof *making);
    CHECK(making != NULL);
    *making = (struct ledger_making){slot->makings, place->position, place->size};
    slot->makings = making;
    count_in(p, place->size);
}

static void end_makings(struct ledger_places *p, struct ledger_slot *slot)
{
    while (slot->makings != NULL) {
        struct ledger_making *making = slot->makings;
        slot->makings = making->next;
        count_out(p, making->size);
        free(making);
    }
}

/* --- the table ------------------------------------------------------------------------------------ */

static size_t home_of(const struct ledger_places *p, uint64_t gid)
{
    return hash_u64(gid) & (p->capacity - 1);
}

/* Its slot, or the empty one where it would be. */
static struct ledger_slot *slot_of(const struct ledger_places *p, uint64_t gid)
{
    size_t at = home_of(p, gid);
    while (p->slots[at].gid != 0 && p->slots[at].gid != gid)
        at = (at + 1) & (p->capacity - 1);
    return &p->slots[at];
}

static void grow(struct ledger_places *p)
{
    struct ledger_slot *old = p->slots;
    size_t old_capacity = p->capacity;
    p->capacity = old_capacity == 0 ? CAPACITY_MIN : 2 * old_capacity;
    p->slots = calloc(p->capacity, sizeof *p->slots);
    CHECK(p->slots != NULL);
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].gid != 0)
            *slot_of(p, old[i].gid) = old[i];
    free(old);
}

static struct ledger_slot *slot_made(struct ledger_places *p, uint64_t gid)
{
    if (4 * (p->groups + 1) > 3 * p->capacity)
        grow(p);
    struct ledger_slot *slot = slot_of(p, gid);
    if (slot->gid == 0) {
        slot->gid = gid;
        p->groups++;
    }
    return slot;
}

/* Empties the slot; those after it that it kept from their home move up. */
static void slot_remove(struct ledger_places *p, struct ledger_slot *slot)
{
    size_t mask = p->capacity - 1;
    size_t hole = (size_t)(slot - p->slots);
    for (size_t at = (hole + 1) & mask; p->slots[at].gid != 0; at = (at + 1) & mask) {
        size_t home = home_of(p, p->slots[at].gid);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        p->slots[hole] = p->slots[at];
        hole = at;
    }
    p->slots[hole] = (struct ledger_slot){0};
    p->groups--;
}

static void end_group(struct ledger_places *p, uint64_t gid)
{
    struct ledger_slot *slot = p->capacity == 0 ? NULL : slot_of(p, gid);
    if (slot == NULL || slot->gid == 0)
        return;
    end_makings(p, slot);
    if (slot->group != 0)
        count_out(p, slot->group_size);
    if (slot->checkpoint != 0)
        count_out(p, slot->checkpoint_size);
    slot_remove(p, slot);
}

void ledger_places_done(struct ledger_places *p)
{
    for (size_t i = 0; i < p->capacity; i++)
        end_makings(p, &p->slots[i]);
    free(p->slots);
    *p = (struct ledger_places){0};
}

/* --- changes -------------------------------------------------------------------------------------- */

static void apply_to_group(struct ledger_places *p, const struct ledger_place *place)
{
    struct ledger_slot *slot = slot_made(p, place->gid);
    if (place->kind == LEDGER_GROUP) {
        replace(p, &slot->group, &slot->group_size, place);
    } else if (place->kind == LEDGER_CHECKPOINT) {
        replace(p, &slot->checkpoint, &slot->checkpoint_size, place);
        end_makings(p, slot);
    } else {
        add_making(p, slot, place);
    }
}

void ledger_places_apply(struct ledger_places *p, const struct ledger_place *place)
{
    CHECK(place->position != 0);
    CHECK(ledger_record_is_valid(place->kind, place->gid, place->size));
    switch (place->kind) {
    case LEDGER_GROUP:
    case LEDGER_CHECKPOINT:
    case LEDGER_MAKING: apply_to_group(p, place); return;
    case LEDGER_GONE: end_group(p, place->gid); return;
    case LEDGER_FLOOR: {
        uint32_t size = LEDGER_FLOOR_SIZE;
        replace(p, &p->floor, &size, place);
        return;
    }
    case LEDGER_LOST: break; /* its body counts: ledger_places_settle */
    }
    UNREACHABLE("a kind that has no place");
}

void ledger_places_lose(struct ledger_places *p, uint32_t lost, uint64_t end)
{
    CHECK(lost > 0 && end > 0);
    p->lost = lost > UINT32_MAX - p->lost ? UINT32_MAX : p->lost + lost;
    p->lost_end = end;
}

void ledger_places_settle(struct ledger_places *p, uint32_t lost, uint64_t end)
{
    p->lost = lost;
    p->lost_end = lost > 0 ? end : 0;
}

/* --- questions ------------------------------------------------------------------------------------ */

bool ledger_places_find(const struct ledger_places *p, enum ledger_kind kind, uint64_t gid,
                        struct ledger_place *ret)
{
    struct ledger_place found = {.kind = kind, .gid = gid};
    const struct ledger_slot *slot = gid == 0 || p->capacity == 0 ? NULL : slot_of(p, gid);
    if (kind == LEDGER_FLOOR && gid == 0) {
        found.position = p->floor;
        found.size = LEDGER_FLOOR_SIZE;
    } else if (kind == LEDGER_GROUP && slot != NULL) {
        found.position = slot->group;
        found.size = slot->group_size;
    } else if (kind == LEDGER_CHECKPOINT && slot != NULL) {
        found.position = slot->checkpoint;
        found.size = slot->checkpoint_size;
    }
    if (found.position == 0)
        return false;
    *ret = found;
    return true;
}

static int by_position(const void *a, const void *b)
{
    uint64_t x = ((const struct ledger_place *)a)->position;
    uint64_t y = ((const struct ledger_place *)b)->position;
    return (x > y) - (x < y);
}

static size_t list_slot(const struct ledger_slot *slot, struct ledger_place *to)
{
    size_t count = 0;
    if (slot->group != 0)
        to[count++] = (struct ledger_place){.kind = LEDGER_GROUP,
                                            .size = slot->group_size,
                                            .gid = slot->gid,
                                            .position = slot->group};
    if (slot->checkpoint != 0)
        to[count++] = (struct ledger_place){.kind = LEDGER_CHECKPOINT,
                                            .size = slot->checkpoint_size,
                                            .gid = slot->gid,
                                            .position = slot->checkpoint};
    for (const struct ledger_making *m = slot->makings; m != NULL; m = m->next)
        to[count++] = (struct ledger_place){
            .kind = LEDGER_MAKING, .size = m->size, .gid = slot->gid, .position = m->position};
    return count;
}

struct ledger_place *ledger_places_list(const struct ledger_places *p)
{
    if (p->records == 0)
        return NULL;
    struct ledger_place *list = calloc(p->records, sizeof *list);
    CHECK(list != NULL);
    size_t count = 0;
    for (size_t i = 0; i < p->capacity; i++)
        if (p->slots[i].gid != 0)
            count += list_slot(&p->slots[i], list + count);
    if (p->floor != 0)
        list[count++] = (struct ledger_place){
            .kind = LEDGER_FLOOR, .size = LEDGER_FLOOR_SIZE, .position = p->floor};
    CHECK(count == p->records);
    qsort(list, count, sizeof *list, by_position);
    return list;
}

static uint64_t check_slot(const struct ledger_places *p, const struct ledger_slot *slot,
                           uint64_t *bytes)
{
    uint64_t records = (slot->group != 0) + (slot->checkpoint != 0);
    if (slot->group != 0)
        *bytes += ledger_record_size(slot->group_size);
    if (slot->checkpoint != 0)
        *bytes += ledger_record_size(slot->checkpoint_size);
    for (const struct ledger_making *m = slot->makings; m != NULL; m = m->next, records++) {
        *bytes += ledger_record_size(m->size);
        CHECK(m->position > slot->checkpoint);
    }
    CHECK(records > 0);                   /* 1 */
    CHECK(slot_of(p, slot->gid) == slot); /* 3 */
    return records;
}

void ledger_places_check(const struct ledger_places *p)
{
    uint64_t records = p->floor != 0;
    uint64_t bytes = p->floor != 0 ? ledger_record_size(LEDGER_FLOOR_SIZE) : 0;
    size_t groups = 0;
    for (size_t i = 0; i < p->capacity; i++) {
        if (p->slots[i].gid == 0)
            continue;
        groups++;
        records += check_slot(p, &p->slots[i], &bytes);
    }
    CHECK(groups == p->groups);
    CHECK(records == p->records && bytes == p->live_bytes); /* 2 */
    CHECK(4 * p->groups <= 3 * p->capacity);                /* 3 */
    CHECK((p->lost > 0) == (p->lost_end > 0));
}
