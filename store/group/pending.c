/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/pending.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

enum column { SEQ, DSEQ, TIME, COUNT, COLUMNS };

enum {
    SLOTS_FIRST = 8,   /* capacity of a new chunk */
    PACK_SLOTS = 32,   /* a smaller chunk is left as it is */
    MERGE_SLOTS = 512, /* a packed chunk joins the one before up to this size */
    TIME_WIDTH = 2,
    TIME_BACK_MS = 8192, /* times may fall this far below the first of a chunk */
    MARK_EXHAUSTED = 1,  /* in the column of counts, below the count */
};

struct pending_chunk {
    uint64_t base[COLUMNS];
    uint8_t width[COLUMNS]; /* bytes a value: 1, 2, 4, 8; 0: the value is base + slot */
    uint16_t slots;
    uint16_t capacity;
    uint16_t waiting;
    uint16_t exhausted;
    char values[]; /* column after column, capacity values each */
};

struct spot {
    uint32_t place;
    uint32_t slot;
};

/* --- columns ---------------------------------------------------------------------------------- */

static char *column_at(const struct pending_chunk *c, enum column column)
{
    size_t before = 0;
    for (int i = 0; i < (int)column; i++)
        before += c->width[i];
    return (char *)(uintptr_t)c->values + before * c->capacity;
}

static uint64_t load(const char *at, uint32_t width, uint32_t slot)
{
    uint16_t x2;
    uint32_t x4;
    uint64_t x8;
    switch (width) {
    case 0: return slot;
    case 1: return (uint8_t)at[slot];
    case 2: memcpy(&x2, at + (size_t)slot * 2, 2); return x2;
    case 4: memcpy(&x4, at + (size_t)slot * 4, 4); return x4;
    case 8: memcpy(&x8, at + (size_t)slot * 8, 8); return x8;
    }
    UNREACHABLE("a width that columns do not have");
}

static void save(char *at, uint32_t width, uint32_t slot, uint64_t value)
{
    uint16_t x2 = (uint16_t)value;
    uint32_t x4 = (uint32_t)value;
    switch (width) {
    case 0: return;
    case 1: at[slot] = (char)value; return;
    case 2: memcpy(at + (size_t)slot * 2, &x2, 2); return;
    case 4: memcpy(at + (size_t)slot * 4, &x4, 4); return;
    case 8: memcpy(at + (size_t)slot * 8, &value, 8); return;
    }
    UNREACHABLE("a width that columns do not have");
}

static uint64_t get(const struct pending_chunk *c, enum column column, uint32_t slot)
{
    return c->base[column] + load(column_at(c, column), c->width[column], slot);
}

static bool fits(uint32_t width, uint64_t value, uint32_t slot)
{
    return width == 0 ? value == slot : width == 8 || value >> (8 * width) == 0;
}

static size_t chunk_size(const uint8_t *width, uint32_t capacity)
{
    size_t bytes = 0;
    for (int i = 0; i < COLUMNS; i++)
        bytes += width[i];
    return sizeof(struct pending_chunk) + bytes * capacity;
}

/* Another form of the same chunk; the old one is freed. */
static struct pending_chunk *reform(struct pending_chunk *old, const uint64_t *base,
                                    const uint8_t *width, uint32_t capacity)
{
    struct pending_chunk *c = malloc(chunk_size(width, capacity));
    CHECK(c != NULL && capacity >= old->slots && capacity <= PENDING_CHUNK_SLOTS);
    *c = *old;
    c->capacity = (uint16_t)capacity;
    memcpy(c->base, base, sizeof c->base);
    memcpy(c->width, width, sizeof c->width);
    for (int i = 0; i < COLUMNS; i++) {
        char *to = column_at(c, i);
        const char *from = column_at(old, i);
        if (base[i] == old->base[i] && width[i] == old->width[i]) {
            memcpy(to, from, (size_t)width[i] * old->slots);
            continue;
        }
        for (uint32_t slot = 0; slot < old->slots; slot++)
            save(to, width[i], slot, old->base[i] + load(from, old->width[i], slot) - base[i]);
    }
    free(old);
    return c;
}

/* The smallest form of a column that takes what is in it and this value. Sequences only rise, so
 * their base is the lowest; times go either way and get room on both sides; counts are absolute. */
static struct pending_chunk *widen(struct pending_chunk *c, enum column column, int64_t value)
{
    int64_t low = column == COUNT ? 0 : value;
    int64_t high = value;
    for (uint32_t slot = 0; slot < c->slots; slot++) {
        int64_t there = (int64_t)get(c, column, slot);
        low = there < low ? there : low;
        high = there > high ? there : high;
    }
    uint64_t span = (uint64_t)high - (uint64_t)low;
    uint32_t width = column == TIME ? TIME_WIDTH : 1;
    while (width < 8 && span >> (8 * width - (column == TIME)) != 0)
        width *= 2;
    uint64_t base[COLUMNS];
    uint8_t widths[COLUMNS];
    memcpy(base, c->base, sizeof base);
    memcpy(widths, c->width, sizeof widths);
    base[column] = (uint64_t)low;
    if (column == TIME && width < 8)
        base[column] -= (((uint64_t)1 << (8 * width)) - span) / 4;
    widths[column] = (uint8_t)width;
    return reform(c, base, widths, c->capacity);
}

static void make_fit(struct pending_chunk **chunk, enum column column, uint32_t slot,
                     uint64_t value)
{
    struct pending_chunk *c = *chunk;
    if (!fits(c->width[column], value - c->base[column], slot))
        *chunk = widen(c, column, (int64_t)value);
}

static void put(struct pending_chunk *c, enum column column, uint32_t slot, uint64_t value)
{
    save(column_at(c, column), c->width[column], slot, value - c->base[column]);
}

static void set(struct pending_chunk **chunk, enum column column, uint32_t slot, uint64_t value)
{
    make_fit(chunk, column, slot, value);
    put(*chunk, column, slot, value);
}

/* --- chunks ----------------------------------------------------------------------------------- */

static struct pending_chunk *chunk_new(const struct delivery *first, uint32_t capacity)
{
    static const uint8_t width[COLUMNS] = {0, 0, TIME_WIDTH, 1};
    struct pending_chunk *c = malloc(chunk_size(width, capacity));
    CHECK(c != NULL);
    *c = (struct pending_chunk){.capacity = (uint16_t)capacity};
    memcpy(c->width, width, sizeof width);
    c->base[SEQ] = first->seq;
    c->base[DSEQ] = first->dseq;
    c->base[TIME] = (uint64_t)first->time_ms - TIME_BACK_MS;
    return c;
}

static uint64_t mark_of(const struct delivery *d)
{
    return (uint64_t)d->count << 1 | (d->exhausted ? MARK_EXHAUSTED : 0);
}

static bool is_redelivered(const struct delivery *d)
{
    return d->count > 1 || d->exhausted;
}

static void chunk_push(struct pending_chunk **chunk, const struct delivery *d)
{
    struct pending_chunk *c = *chunk;
    if (c->slots == c->capacity) {
        uint32_t capacity = c->capacity < SLOTS_FIRST ? SLOTS_FIRST : c->capacity * 2u;
        if (capacity > PENDING_CHUNK_SLOTS)
            capacity = PENDING_CHUNK_SLOTS;
        *chunk = reform(c, c->base, c->width, capacity);
    }
    uint32_t slot = (*chunk)->slots;
    const uint64_t values[COLUMNS] = {d->seq, d->dseq, (uint64_t)d->time_ms, mark_of(d)};
    for (int i = 0; i < COLUMNS; i++)
        make_fit(chunk, i, slot, values[i]); /* may lose what is in this slot */
    c = *chunk;
    for (int i = 0; i < COLUMNS; i++)
        put(c, i, slot, values[i]);
    c->slots++;
    c->waiting += !d->exhausted;
    c->exhausted += d->exhausted;
}

/* false: the slot is dead. */
static bool chunk_get(const struct pending_chunk *c, uint32_t slot, struct delivery *ret)
{
    uint64_t mark = get(c, COUNT, slot);
    if (mark == 0)
        return false;
    *ret = (struct delivery){
        .seq = get(c, SEQ, slot),
        .dseq = get(c, DSEQ, slot),
        .time_ms = (int64_t)get(c, TIME, slot),
        .count = (uint32_t)(mark >> 1),
        .exhausted = (mark & MARK_EXHAUSTED) != 0,
    };
    return true;
}

/* The first slot whose sequence is at or after seq; slots: none is. */
static uint32_t chunk_slot(const struct pending_chunk *c, uint64_t seq)
{
    if (seq <= c->base[SEQ])
        return 0;
    uint64_t far = seq - c->base[SEQ];
    uint32_t width = c->width[SEQ];
    if (width == 0)
        return far < c->slots ? (uint32_t)far : c->slots;
    const char *at = column_at(c, SEQ);
    uint32_t low = 0;
    uint32_t high = c->slots;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (load(at, width, middle) < far) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- the directory ---------------------------------------------------------------------------- */

/* The last place that begins at or before seq; 0 when all begin after. */
static uint32_t place_of(struct pending *p, uint64_t seq)
{
    uint32_t hint = p->hint;
    if (hint < p->place_count && p->places[hint].first_seq <= seq &&
        (hint + 1 == p->place_count || p->places[hint + 1].first_seq > seq))
        return hint;
    uint32_t low = 0;
    uint32_t high = p->place_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (p->places[middle].first_seq <= seq) {
            low = middle;
        } else {
            high = middle;
        }
    }
    p->hint = low;
    return low;
}

static void place_add(struct pending *p, const struct delivery *d)
{
    if (p->place_count == p->place_capacity) {
        p->place_capacity = p->place_capacity == 0 ? 1 : p->place_capacity * 2;
        p->places = realloc(p->places, p->place_capacity * sizeof *p->places);
        CHECK(p->places != NULL);
    }
    p->places[p->place_count++] = (struct pending_place){d->seq, chunk_new(d, SLOTS_FIRST)};
}

static void place_remove(struct pending *p, uint32_t place)
{
    free(p->places[place].chunk);
    p->place_count--;
    memmove(&p->places[place], &p->places[place + 1], (p->place_count - place) * sizeof *p->places);
    if (p->place_count == 0) {
        free(p->places);
        p->places = NULL;
        p->place_capacity = 0;
    }
}

static void move_live(const struct pending_chunk *from, struct pending_chunk **to)
{
    struct delivery d;
    for (uint32_t slot = 0; slot < from->slots; slot++) {
        if (chunk_get(from, slot, &d))
            chunk_push(to, &d);
    }
}

/* Frees the slots of a chunk that is mostly dead. */
static void pack(struct pending *p, uint32_t place)
{
    struct pending_chunk *c = p->places[place].chunk;
    uint32_t live = (uint32_t)c->waiting + c->exhausted;
    if (live == 0) {
        place_remove(p, place);
        return;
    }
    if (c->slots < PACK_SLOTS || live * 4 > c->slots)
        return;
    if (place > 0 && p->places[place - 1].chunk->slots + live <= MERGE_SLOTS) {
        move_live(c, &p->places[place - 1].chunk);
        place_remove(p, place);
        return;
    }
    struct delivery d;
    uint32_t slot = 0;
    while (!chunk_get(c, slot, &d))
        slot++;
    struct pending_chunk *packed = chunk_new(&d, live);
    move_live(c, &packed);
    free(c);
    p->places[place] = (struct pending_place){d.seq, packed};
}

void pending_done(struct pending *p)
{
    for (uint32_t i = 0; i < p->place_count; i++)
        free(p->places[i].chunk);
    free(p->places);
    *p = (struct pending){0};
}

static void count(struct pending *p, struct pending_chunk *c, const struct delivery *d, int by)
{
    if (c != NULL) {
        c->waiting = (uint16_t)(c->waiting + (d->exhausted ? 0 : by));
        c->exhausted = (uint16_t)(c->exhausted + (d->exhausted ? by : 0));
    }
    p->waiting += (uint32_t)(d->exhausted ? 0 : by);
    p->exhausted += (uint32_t)(d->exhausted ? by : 0);
    p->redelivered += (uint32_t)(is_redelivered(d) ? by : 0);
}

void pending_push(struct pending *p, const struct delivery *d)
{
    CHECK(pending_count(p) < PENDING_MAX && d->count >= 1 && d->count <= PENDING_COUNT_MAX);
    if (p->place_count == 0 || p->places[p->place_count - 1].chunk->slots == PENDING_CHUNK_SLOTS) {
        place_add(p, d);
    }
    struct pending_place *last = &p->places[p->place_count - 1];
    struct pending_chunk *c = last->chunk;
    CHECK(c->slots == 0 || get(c, SEQ, c->slots - 1u) < d->seq);
    chunk_push(&last->chunk, d);
    count(p, NULL, d, 1);
    if (!d->exhausted && p->first_seq == 0) {
        p->first_seq = d->seq;
        p->first_dseq = d->dseq;
    }
}

/* --- entries ---------------------------------------------------------------------------------- */

static bool find(struct pending *p, uint64_t seq, struct spot *ret, struct delivery *ret_delivery)
{
    if (p->place_count == 0)
        return false;
    uint32_t place = place_of(p, seq);
    const struct pending_chunk *c = p->places[place].chunk;
    uint32_t slot = chunk_slot(c, seq);
    if (slot == c->slots || get(c, SEQ, slot) != seq || !chunk_get(c, slot, ret_delivery))
        return false;
    *ret = (struct spot){place, slot};
    return true;
}

bool pending_get(struct pending *p, uint64_t seq, struct delivery *ret)
{
    struct spot spot;
    struct delivery d;
    if (!find(p, seq, &spot, &d))
        return false;
    *ret = d;
    return true;
}

static bool slot_waits(const struct pending_chunk *c, uint32_t slot)
{
    uint64_t mark = get(c, COUNT, slot);
    return mark != 0 && (mark & MARK_EXHAUSTED) == 0;
}

/* The first waiting entry is gone: the next one, at this spot or after. */
static void find_first(struct pending *p, struct spot from)
{
    uint32_t slot = from.slot;
    for (uint32_t place = from.place; place < p->place_count; place++, slot = 0) {
        const struct pending_chunk *c = p->places[place].chunk;
        if (c->waiting == 0)
            continue;
        for (; slot < c->slots; slot++) {
            if (slot_waits(c, slot)) {
                p->first_seq = get(c, SEQ, slot);
                p->first_dseq = get(c, DSEQ, slot);
                return;
            }
        }
    }
    CHECK(p->waiting == 0);
    p->first_seq = 0;
    p->first_dseq = 0;
}

void pending_update(struct pending *p, const struct delivery *d)
{
    struct spot spot;
    struct delivery was;
    bool found = find(p, d->seq, &spot, &was);
    CHECK(found && d->dseq == was.dseq && d->count >= 1 && d->count <= PENDING_COUNT_MAX);
    struct pending_chunk **chunk = &p->places[spot.place].chunk;
    if (d->time_ms != was.time_ms)
        set(chunk, TIME, spot.slot, (uint64_t)d->time_ms);
    if (mark_of(d) != mark_of(&was))
        set(chunk, COUNT, spot.slot, mark_of(d));
    count(p, *chunk, &was, -1);
    count(p, *chunk, d, 1);
    CHECK(was.exhausted <= d->exhausted);
    if (d->exhausted && d->seq == p->first_seq)
        find_first(p, spot);
}

bool pending_take(struct pending *p, uint64_t seq, struct delivery *ret)
{
    struct spot spot;
    struct delivery d;
    if (!find(p, seq, &spot, &d))
        return false;
    struct pending_chunk **chunk = &p->places[spot.place].chunk;
    set(chunk, COUNT, spot.slot, 0);
    count(p, *chunk, &d, -1);
    if (seq == p->first_seq)
        find_first(p, spot);
    pack(p, spot.place);
    *ret = d;
    return true;
}

bool pending_next(struct pending *p, uint64_t seq, struct delivery *ret)
{
    struct delivery d;
    for (uint32_t place = place_of(p, seq); place < p->place_count; place++) {
        const struct pending_chunk *c = p->places[place].chunk;
        for (uint32_t slot = chunk_slot(c, seq); slot < c->slots; slot++) {
            if (chunk_get(c, slot, &d)) {
                *ret = d;
                return true;
            }
        }
    }
    return false;
}

uint64_t pending_low(const struct pending *p)
{
    return p->place_count == 0 ? UINT64_MAX : p->places[0].first_seq;
}

uint64_t pending_memory(const struct pending *p)
{
    uint64_t bytes = p->place_capacity * sizeof *p->places;
    for (uint32_t i = 0; i < p->place_count; i++)
        bytes += chunk_size(p->places[i].chunk->width, p->places[i].chunk->capacity);
    return bytes;
}

/* --- the check -------------------------------------------------------------------------------- */

struct tally {
    struct pending sum;
    uint64_t seq; /* of the slot before */
    uint64_t dseq;
};

static void check_slot(const struct pending_chunk *c, uint32_t slot, struct tally *t)
{
    CHECK(get(c, SEQ, slot) > t->seq && get(c, DSEQ, slot) > t->dseq); /* 1 */
    t->seq = get(c, SEQ, slot);
    t->dseq = get(c, DSEQ, slot);
    struct delivery d;
    if (!chunk_get(c, slot, &d))
        return;
    count(&t->sum, NULL, &d, 1);
    if (!d.exhausted && t->sum.first_seq == 0) {
        t->sum.first_seq = d.seq;
        t->sum.first_dseq = d.dseq;
    }
}

void pending_check(struct pending *p)
{
    struct tally t = {.seq = 0};
    for (uint32_t i = 0; i < p->place_count; i++) {
        const struct pending_chunk *c = p->places[i].chunk;
        uint32_t waiting = t.sum.waiting;
        uint32_t exhausted = t.sum.exhausted;
        CHECK(c->slots > 0 && c->slots <= c->capacity && c->capacity <= PENDING_CHUNK_SLOTS);
        CHECK(get(c, SEQ, 0) == p->places[i].first_seq);
        for (uint32_t slot = 0; slot < c->slots; slot++)
            check_slot(c, slot, &t);
        CHECK(c->waiting == t.sum.waiting - waiting); /* 2 */
        CHECK(c->exhausted == t.sum.exhausted - exhausted);
        CHECK(c->waiting + c->exhausted > 0);
    }
    CHECK(t.sum.waiting == p->waiting && t.sum.exhausted == p->exhausted);
    CHECK(t.sum.redelivered == p->redelivered);
    CHECK(t.sum.first_seq == p->first_seq && t.sum.first_dseq == p->first_dseq); /* 3 */
}
