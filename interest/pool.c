/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

enum {
    DIRECTORY_MIN = 4,
    EXACT_CLASSES = 32, /* classes of 1 to 32 units; then four to a doubling */
    CHUNK_BYTES_MIN = 256,
    CHUNK_OBJECTS_MIN = 2,
    HEADER_UNITS = sizeof(struct pool_chunk) / POOL_UNIT,
};

static_assert(sizeof(struct pool_chunk) % POOL_UNIT == 0, "objects are aligned to units");

/* The class of an object, and the units such objects have. */
static uint32_t class_of(size_t size, uint32_t *ret_units)
{
    uint32_t units = (uint32_t)((size + POOL_UNIT - 1) / POOL_UNIT);
    if (units <= EXACT_CLASSES) {
        *ret_units = units;
        return units - 1;
    }
    uint32_t class = EXACT_CLASSES;
    for (uint32_t base = EXACT_CLASSES;; base *= 2) {
        for (uint32_t step = 1; step <= 4; step++, class ++) {
            uint32_t limit = base + step * base / 4;
            if (units <= limit) {
                *ret_units = limit;
                return class;
            }
        }
    }
}

void pool_init(struct pool *a, struct retire *retire)
{
    memset(a, 0, sizeof(*a));
    a->retire = retire;
}

void pool_done(struct pool *a)
{
    struct pool_directory *d = atomic_load_explicit(&a->directory, memory_order_relaxed);
    for (uint32_t i = 0; i < a->chunks_end; i++)
        free(d->chunks[i]);
    free(d);
}

static void grow_directory(struct pool *a)
{
    struct pool_directory *old = atomic_load_explicit(&a->directory, memory_order_relaxed);
    uint32_t capacity = old == NULL ? DIRECTORY_MIN : old->capacity * 2;
    struct pool_directory *d = calloc(1, sizeof(*d) + capacity * sizeof(struct pool_chunk *));
    CHECK(d != NULL);
    d->capacity = capacity;
    if (old != NULL)
        memcpy(d->chunks, old->chunks, old->capacity * sizeof(struct pool_chunk *));
    atomic_store_explicit(&a->directory, d, memory_order_release);
    if (old != NULL)
        retire_block(a->retire, &old->retired);
}

static struct pool_directory *directory(const struct pool *a)
{
    return atomic_load_explicit(&a->directory, memory_order_relaxed);
}

/* The lowest free chunk number, so that numbers do not depend on when memory came back. */
static uint32_t take_number(struct pool *a)
{
    uint32_t number = a->lowest_free;
    while (number < a->chunks_end && directory(a)->chunks[number] != NULL)
        number++;
    if (number == POOL_CHUNKS_MAX)
        return number;
    if (number == a->chunks_end) {
        if (directory(a) == NULL || number == directory(a)->capacity)
            grow_directory(a);
        a->chunks_end++;
    }
    a->lowest_free = number + 1;
    return number;
}

static void link_room(struct pool *a, struct pool_chunk *c)
{
    struct pool_class *class = &a->classes[c->family][c->class];
    c->prev = NULL;
    c->next = class->room;
    if (c->next != NULL)
        c->next->prev = c;
    class->room = c;
    c->linked = 1;
}

static void unlink_room(struct pool *a, struct pool_chunk *c)
{
    DCHECK(c->linked);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        a->classes[c->family][c->class].room = c->next;
    }
    if (c->next != NULL)
        c->next->prev = c->prev;
    c->linked = 0;
}

static size_t chunk_bytes(const struct pool_chunk *c)
{
    return (size_t)c->end * POOL_UNIT;
}

static struct pool_chunk *chunk_new(struct pool *a, enum pool_family family, uint32_t class,
                                    uint32_t units, uint32_t objects)
{
    uint32_t number = take_number(a);
    if (number == POOL_CHUNKS_MAX)
        return NULL;
    uint32_t end = HEADER_UNITS + objects * units;
    struct pool_chunk *c = malloc((size_t)end * POOL_UNIT);
    CHECK(c != NULL);
    *c = (struct pool_chunk){
        .number = number,
        .class = (uint16_t) class,
        .family = (uint16_t)family,
        .units = units,
        .fresh = HEADER_UNITS,
        .end = end,
    };
    directory(a)->chunks[number] = c;
    a->bytes += chunk_bytes(c);
    return c;
}

static void chunk_free(struct pool *a, struct pool_chunk *c)
{
    a->bytes -= chunk_bytes(c);
    if (c->class < POOL_CLASSES)
        a->classes[c->family][c->class].bytes -= chunk_bytes(c);
    directory(a)->chunks[c->number] = NULL;
    if (c->number < a->lowest_free)
        a->lowest_free = c->number;
    free(c);
}

static struct pool_chunk *chunk_with_room(struct pool *a, enum pool_family family, uint32_t class,
                                          uint32_t units)
{
    struct pool_class *state = &a->classes[family][class];
    if (state->room != NULL)
        return state->room;
    size_t bytes = state->bytes;
    if (bytes < CHUNK_BYTES_MIN)
        bytes = CHUNK_BYTES_MIN;
    if (bytes > POOL_CHUNK_BYTES)
        bytes = POOL_CHUNK_BYTES;
    uint32_t objects = (uint32_t)(bytes / POOL_UNIT - HEADER_UNITS) / units;
    if (objects < CHUNK_OBJECTS_MIN)
        objects = CHUNK_OBJECTS_MIN;
    struct pool_chunk *c = chunk_new(a, family, class, units, objects);
    if (c == NULL)
        return NULL;
    state->bytes += chunk_bytes(c);
    link_room(a, c);
    return c;
}

static void *object_at(struct pool_chunk *c, uint32_t offset)
{
    return (char *)c + (size_t)offset * POOL_UNIT;
}

void *pool_alloc(struct pool *a, enum pool_family family, size_t size, uint32_t *ret_id)
{
    DCHECK(size > 0);
    struct pool_chunk *c;
    if (size > POOL_SMALL_MAX) {
        uint32_t units = (uint32_t)((size + POOL_UNIT - 1) / POOL_UNIT);
        c = chunk_new(a, family, POOL_CLASSES, units, 1);
    } else {
        uint32_t units;
        uint32_t class = class_of(size, &units);
        DCHECK(class < POOL_CLASSES);
        c = chunk_with_room(a, family, class, units);
    }
    if (c == NULL)
        return NULL;
    uint32_t offset = c->free;
    if (offset != 0) {
        memcpy(&c->free, object_at(c, offset), sizeof(c->free));
    } else {
        offset = c->fresh;
        c->fresh += c->units;
    }
    c->used++;
    if (c->linked && c->free == 0 && c->fresh == c->end)
        unlink_room(a, c);
    *ret_id = (c->number << POOL_CHUNK_UNITS_LOG2) + offset;
    return object_at(c, offset);
}

static struct pool_chunk *chunk_of(const struct pool *a, uint32_t id)
{
    return directory(a)->chunks[id >> POOL_CHUNK_UNITS_LOG2];
}

void pool_free(struct pool *a, uint32_t id)
{
    struct pool_chunk *c = chunk_of(a, id);
    CHECK(c != NULL && c->used > 0);
    c->used--;
    if (c->used == 0) {
        if (c->linked)
            unlink_room(a, c);
        chunk_free(a, c);
        return;
    }
    uint32_t offset = id & (POOL_CHUNK_UNITS - 1);
    DCHECK((offset - HEADER_UNITS) % c->units == 0);
    uint32_t head[2] = {c->free, 0};
    memcpy(object_at(c, offset), head, sizeof(head));
#ifndef NDEBUG
    memset((char *)object_at(c, offset) + sizeof(head), 0xdb,
           (size_t)c->units * POOL_UNIT - sizeof(head));
#endif
    c->free = offset;
    if (!c->linked)
        link_room(a, c);
}

size_t pool_size(const struct pool *a, uint32_t id)
{
    return (size_t)chunk_of(a, id)->units * POOL_UNIT;
}

uint32_t pool_object_of(const struct pool *a, uint32_t id)
{
    uint32_t offset = (id & (POOL_CHUNK_UNITS - 1)) - HEADER_UNITS;
    return id - offset % chunk_of(a, id)->units;
}

uint32_t pool_next_entry(const struct pool *a, uint32_t from)
{
    uint32_t offset = from & (POOL_CHUNK_UNITS - 1);
    for (uint32_t i = from >> POOL_CHUNK_UNITS_LOG2; i < a->chunks_end; i++, offset = 0) {
        struct pool_chunk *c = directory(a)->chunks[i];
        if (c == NULL || c->family != POOL_ENTRIES)
            continue;
        /* Up to the next start of an object; `from` may be of a chunk that is no more. */
        uint32_t index =
            offset <= HEADER_UNITS ? 0 : (offset - HEADER_UNITS + c->units - 1) / c->units;
        for (uint32_t at = HEADER_UNITS + index * c->units; at < c->fresh; at += c->units) {
            uint32_t head[2];
            memcpy(head, object_at(c, at), sizeof(head));
            if (head[1] != 0)
                return (i << POOL_CHUNK_UNITS_LOG2) + at;
        }
    }
    return 0;
}
