/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/dedup.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/checksum.h"

#define BLOCK_SIZE ((size_t)16 << 10)
#define RING_FIRST 16u
/* Ring places are numbers of 32 bits in the table. */
#define RING_MAX ((size_t)1 << 31)

struct dedup_id {
    uint64_t hash; /* of the table */
    uint64_t seq;
    int64_t time_ns;
    const char *at; /* in a block */
    uint32_t size;
    bool last_of_block; /* no later id lies in the same block */
};

struct dedup_block {
    struct dedup_block *next;
    size_t used;
    size_t size;
    char bytes[];
};

void dedup_init(struct dedup *d, uint64_t seed)
{
    *d = (struct dedup){.seed = seed};
}

void dedup_done(struct dedup *d)
{
    while (d->oldest != NULL) {
        struct dedup_block *next = d->oldest->next;
        free(d->oldest);
        d->oldest = next;
    }
    free(d->ring);
    free(d->table);
    *d = (struct dedup){.seed = d->seed};
}

static struct dedup_id *place(const struct dedup *d, size_t nth)
{
    return &d->ring[(d->head + nth) & (d->capacity - 1)];
}

/* What an id adds to the state: the same in every replica, so its seed is not ours. */
static uint64_t contribution(const struct dedup_id *i)
{
    return checksum(checksum_seed(i->seq, (uint64_t)i->time_ns, 0x64656475), i->at, i->size);
}

/* --- the table -------------------------------------------------------------------------------- */

/* The slot of the id, or the free one where it would be. */
static size_t slot_of(const struct dedup *d, uint64_t hash, struct bytes id)
{
    size_t mask = d->table_size - 1;
    size_t slot = hash & mask;
    for (; d->table[slot] != 0; slot = (slot + 1) & mask) {
        const struct dedup_id *i = &d->ring[d->table[slot] - 1];
        if (i->hash == hash && bytes_equal((struct bytes){i->at, i->size}, id))
            break;
    }
    return slot;
}

/* Empties a slot and moves back what was pushed past it. */
static void slot_clear(struct dedup *d, size_t slot)
{
    size_t mask = d->table_size - 1;
    size_t hole = slot;
    for (size_t i = (hole + 1) & mask; d->table[i] != 0; i = (i + 1) & mask) {
        size_t home = d->ring[d->table[i] - 1].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            d->table[hole] = d->table[i];
            hole = i;
        }
    }
    d->table[hole] = 0;
    d->table_used--;
}

/* Makes the table anew over the ring: places have moved, or it is too full. Later places win. */
static void rebuild(struct dedup *d)
{
    free(d->table);
    d->table_size = 2 * d->capacity;
    d->table_used = 0;
    d->table = calloc(d->table_size, sizeof d->table[0]);
    CHECK(d->table != NULL);
    for (size_t n = 0; n < d->count; n++) {
        const struct dedup_id *i = place(d, n);
        size_t slot = slot_of(d, i->hash, (struct bytes){i->at, i->size});
        d->table_used += d->table[slot] == 0;
        d->table[slot] = (uint32_t)(i - d->ring) + 1;
    }
}

/* A ring of this capacity, with what there is from place 0 on. */
static void resize(struct dedup *d, size_t capacity)
{
    CHECK(capacity >= d->count && capacity <= RING_MAX);
    struct dedup_id *ring = malloc(capacity * sizeof ring[0]);
    CHECK(ring != NULL);
    for (size_t n = 0; n < d->count; n++)
        ring[n] = *place(d, n);
    free(d->ring);
    d->ring = ring;
    d->head = 0;
    d->capacity = capacity;
    rebuild(d);
}

/* --- ids -------------------------------------------------------------------------------------- */

bool dedup_find(const struct dedup *d, struct bytes id, int64_t now_ns, int64_t window_ns,
                uint64_t *ret_seq)
{
    if (d->count == 0)
        return false;
    size_t slot = slot_of(d, hash_bytes(d->seed, id.at, id.size), id);
    if (d->table[slot] == 0)
        return false;
    const struct dedup_id *i = &d->ring[d->table[slot] - 1];
    if (now_ns - i->time_ns >= window_ns)
        return false;
    *ret_seq = i->seq;
    return true;
}

/* Copies the id's bytes behind those of all others. */
static const char *keep_bytes(struct dedup *d, struct bytes id)
{
    struct dedup_block *block = d->newest;
    if (block == NULL || block->size - block->used < id.size) {
        if (block != NULL)
            place(d, d->count - 1)->last_of_block = true;
        size_t size = id.size > BLOCK_SIZE ? id.size : BLOCK_SIZE;
        block = malloc(sizeof *block + size);
        CHECK(block != NULL);
        *block = (struct dedup_block){.size = size};
        if (d->newest != NULL)
            d->newest->next = block;
        else
            d->oldest = block;
        d->newest = block;
    }
    char *at = block->bytes + block->used;
    if (id.size > 0)
        memcpy(at, id.at, id.size);
    block->used += id.size;
    return at;
}

void dedup_put(struct dedup *d, struct bytes id, uint64_t seq, int64_t time_ns)
{
    CHECK(id.size <= DEDUP_ID_MAX);
    CHECK(d->count == 0 || place(d, d->count - 1)->time_ns <= time_ns);
    if (d->count == d->capacity)
        resize(d, d->capacity == 0 ? RING_FIRST : 2 * d->capacity);
    struct dedup_id new_id = {
        .hash = hash_bytes(d->seed, id.at, id.size),
        .seq = seq,
        .time_ns = time_ns,
        .at = keep_bytes(d, id),
        .size = (uint32_t)id.size,
    };
    struct dedup_id *i = place(d, d->count++);
    *i = new_id;
    size_t slot = slot_of(d, i->hash, id);
    d->table_used += d->table[slot] == 0;
    d->table[slot] = (uint32_t)(i - d->ring) + 1;
    d->hash += contribution(i);
}

static void block_drop_oldest(struct dedup *d)
{
    struct dedup_block *block = d->oldest;
    d->oldest = block->next;
    if (d->oldest == NULL)
        d->newest = NULL;
    free(block);
}

static void drop_oldest(struct dedup *d)
{
    struct dedup_id *i = place(d, 0);
    size_t slot = slot_of(d, i->hash, (struct bytes){i->at, i->size});
    if (&d->ring[d->table[slot] - 1] == i) /* else it came again: that place stays */
        slot_clear(d, slot);
    d->hash -= contribution(i);
    bool last = i->last_of_block || d->count == 1;
    d->head = (d->head + 1) & (d->capacity - 1);
    d->count--;
    if (last)
        block_drop_oldest(d);
}

int64_t dedup_time_after(const struct dedup *d, int64_t time_ns)
{
    int64_t newest = d->count == 0 ? time_ns : place(d, d->count - 1)->time_ns;
    return newest > time_ns ? newest : time_ns;
}

size_t dedup_expire(struct dedup *d, int64_t time_ns, size_t max)
{
    size_t gone = 0;
    for (; gone < max && d->count > 0 && place(d, 0)->time_ns <= time_ns; gone++)
        drop_oldest(d);
    size_t capacity = d->capacity;
    while (capacity > RING_FIRST && d->count <= capacity / 8)
        capacity /= 2;
    if (d->count == 0)
        dedup_done(d);
    else if (gone > 0 && capacity <= d->capacity / 4)
        resize(d, capacity);
    return gone;
}

/* --- stored ----------------------------------------------------------------------------------- */

void dedup_write(const struct dedup *d, struct buffer *b)
{
    buffer_varint(b, d->count);
    int64_t time_ns = 0;
    uint64_t seq = 0;
    for (size_t n = 0; n < d->count; n++) {
        const struct dedup_id *i = place(d, n);
        buffer_svarint(b, i->time_ns - time_ns);
        buffer_svarint(b, (int64_t)(i->seq - seq));
        buffer_bytes(b, (struct bytes){i->at, i->size});
        time_ns = i->time_ns;
        seq = i->seq;
    }
}

int dedup_read(struct dedup *d, struct cursor *c)
{
    CHECK(d->count == 0);
    uint64_t count = cursor_varint(c);
    int64_t time_ns = 0;
    uint64_t seq = 0;
    for (uint64_t n = 0; n < count && !c->bad; n++) {
        int64_t step = cursor_svarint(c);
        seq += (uint64_t)cursor_svarint(c);
        struct bytes id = cursor_bytes(c);
        int64_t next;
        if (c->bad || (n > 0 && step < 0) || __builtin_add_overflow(time_ns, step, &next) ||
            id.size > DEDUP_ID_MAX)
            return -EBADMSG;
        time_ns = next;
        dedup_put(d, id, seq, time_ns);
    }
    return c->bad ? -EBADMSG : 0;
}

void dedup_check(const struct dedup *d)
{
    uint64_t hash = 0;
    size_t named = 0;
    for (size_t n = 0; n < d->count; n++) {
        const struct dedup_id *i = place(d, n);
        CHECK(n == 0 || place(d, n - 1)->time_ns <= i->time_ns); /* 1 */
        size_t slot = slot_of(d, i->hash, (struct bytes){i->at, i->size});
        CHECK(d->table[slot] != 0); /* 2 */
        named += &d->ring[d->table[slot] - 1] == i;
        hash += contribution(i);
    }
    CHECK(named == d->table_used && hash == d->hash); /* 2, 3 */
    CHECK((d->count == 0) == (d->oldest == NULL));
}
