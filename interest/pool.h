/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h -- objects named by 31-bit numbers instead of pointers, for one writer and many readers.
 *
 * A number is chunk and offset: 8 bytes is the unit, 8,192 units a chunk's share of the number
 * space, so pool_at is one load from the directory and an addition. A chunk holds objects of one
 * size class; the first chunks of a class are a few objects, later ones as large as all before them
 * together, up to 64 KiB: a small account pays for what it has. Entries (which scans walk in order of
 * their numbers) have chunks of their own. Objects over 1 KiB are alone in a chunk of their size.
 *
 *   directory -> [chunk 0][chunk 1] ...      chunk: header 48 bytes, then objects
 *
 * Readers may follow a number they read with acquire from a place where the writer put it with
 * release. The directory is replaced when it grows, the old one retired. pool_free is for objects
 * whose grace period is over; an empty chunk goes back at once. In debug builds a freed object is
 * filled with 0xdb, so that a reader that touches it shows.
 *
 * Bounds: 16 GiB of objects; then pool_alloc answers 0.
 */
#ifndef INTEREST_POOL_H
#define INTEREST_POOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "interest/retire.h"

enum {
    POOL_UNIT = 8,
    POOL_CHUNK_UNITS_LOG2 = 13,
    POOL_CHUNK_UNITS = 1 << POOL_CHUNK_UNITS_LOG2,
    POOL_CHUNK_BYTES = POOL_CHUNK_UNITS * POOL_UNIT,
    POOL_CHUNKS_MAX = 1 << (31 - POOL_CHUNK_UNITS_LOG2),
    POOL_SMALL_MAX = 1024, /* larger objects have their own chunk */
    POOL_CLASSES = 40,
};

enum pool_family {
    POOL_ENTRIES, /* freed objects have 0 in bytes 4 to 7, used ones do not */
    POOL_OTHERS,
    POOL_FAMILIES,
};

struct pool_chunk {
    uint32_t number;
    uint16_t class; /* POOL_CLASSES: a large object */
    uint16_t family;
    uint32_t units;  /* of one object */
    uint32_t used;   /* objects */
    uint32_t free;   /* offset in units of a freed object, 0: none; it names the next */
    uint32_t fresh;  /* offset of the first object never used */
    uint32_t end;    /* offset behind the last object */
    uint32_t linked; /* 1: in its class's list of chunks with room */
    struct pool_chunk *prev;
    struct pool_chunk *next;
};

struct pool_directory {
    struct retired_block retired;
    uint32_t capacity;
    struct pool_chunk *chunks[];
};

struct pool {
    struct pool_directory *_Atomic directory;
    struct retire *retire; /* borrowed */
    uint32_t chunks_end;   /* numbers from here were never used */
    uint32_t lowest_free;  /* no free number below this one */
    size_t bytes;          /* of all chunks */
    struct pool_class {
        struct pool_chunk *room; /* chunks with a free object */
        size_t bytes;
    } classes[POOL_FAMILIES][POOL_CLASSES];
};

void pool_init(struct pool *a, struct retire *retire);

/* Frees everything at once; no reader may be left. */
void pool_done(struct pool *a);

/* Returns memory not yet cleared and its number, or NULL when the number space is used up. */
void *pool_alloc(struct pool *a, enum pool_family family, size_t size, uint32_t *ret_id);
void pool_free(struct pool *a, uint32_t id);

/* Bytes that the object occupies. */
size_t pool_size(const struct pool *a, uint32_t id);

/* The object that covers the unit `id`, which may be in its middle. */
uint32_t pool_object_of(const struct pool *a, uint32_t id);

/* The first used entry with a number of at least `from`, or 0. Writer only. */
uint32_t pool_next_entry(const struct pool *a, uint32_t from);

static inline void *pool_at(const struct pool *a, uint32_t id)
{
    /* Pairs with the release of the place the number came from, or of the directory itself. */
    struct pool_directory *d = atomic_load_explicit(&a->directory, memory_order_acquire);
    char *chunk = (char *)d->chunks[id >> POOL_CHUNK_UNITS_LOG2];
    return chunk + (size_t)(id & (POOL_CHUNK_UNITS - 1)) * POOL_UNIT;
}

#endif
