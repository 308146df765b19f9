/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/checksum.h"
#include "store/format/little.h"
#include "store/format/run.h"

enum {
    HASHED_FROM = 8,
    HEADER_SIZE = 24,
    ENTRY_HEAD_MAX = 30, /* three varints */
    DECODED_HEAD = 4 * sizeof(uint32_t),
};

static uint64_t block_hash(const struct run_place *p, const char *at)
{
    uint64_t seed = checksum_seed(p->gid, p->file, p->offset);
    return checksum(seed, at + HASHED_FROM, p->size - HASHED_FROM);
}

static size_t varint_size(uint64_t x)
{
    size_t size = 1;
    for (; x >= 0x80; x >>= 7)
        size++;
    return size;
}

static char *put_varint(char *at, uint64_t x)
{
    for (; x >= 0x80; x >>= 7)
        *at++ = (char)(x | 0x80);
    *at++ = (char)x;
    return at;
}

/* Of checked bytes. */
static const char *get_varint(const char *at, uint32_t *ret)
{
    uint32_t x = (uint8_t)*at;
    if (x >= 0x80) {
        unsigned shift = 0;
        x = 0;
        for (; (uint8_t)*at >= 0x80; at++, shift += 7)
            x |= (uint32_t)(*at & 0x7f) << shift;
        x |= (uint32_t)(uint8_t)*at << shift;
    }
    *ret = x;
    return at + 1;
}

/* --- writing --------------------------------------------------------------------------------- */

void run_block_writer_done(struct run_block_writer *w)
{
    free(w->at);
    free(w->last);
    *w = (struct run_block_writer){0};
}

static void *reserve(void *at, size_t *capacity, size_t wanted)
{
    if (*capacity >= wanted)
        return at;
    size_t size = *capacity < 64 ? 64 : *capacity;
    while (size < wanted)
        size *= 2;
    at = realloc(at, size);
    CHECK(at != NULL);
    *capacity = size;
    return at;
}

static size_t shared_size(const struct run_block_writer *w, struct bytes key)
{
    if (w->entries % RUN_RESTART == 0)
        return 0;
    size_t max = w->last_size < key.size ? w->last_size : key.size;
    size_t shared = 0;
    while (shared < max && w->last[shared] == key.at[shared])
        shared++;
    return shared;
}

bool run_block_is_full(const struct run_block_writer *w, uint32_t level, struct bytes key,
                       size_t value_size)
{
    if (w->entries < (level == 0 ? 1 : RUN_FANOUT_MIN))
        return false;
    size_t shared = shared_size(w, key);
    size_t rest = key.size - shared;
    size_t size = varint_size(shared) + varint_size(rest) + varint_size(value_size) + rest;
    return w->used + size + value_size > RUN_BLOCK_SIZE;
}

void run_block_add(struct run_block_writer *w, struct bytes key, struct bytes value)
{
    CHECK(key.size > 0 && key.size <= RUN_KEY_MAX && value.size <= RUN_VALUE_MAX);
    if (w->entries == 0)
        w->used = HEADER_SIZE;
    size_t shared = shared_size(w, key);
    size_t rest = key.size - shared;
    w->at = reserve(w->at, &w->capacity, w->used + ENTRY_HEAD_MAX + rest + value.size);
    char *at = put_varint(w->at + w->used, shared);
    at = put_varint(at, rest);
    at = put_varint(at, value.size);
    memcpy(at, key.at + shared, rest);
    if (value.size > 0)
        memcpy(at + rest, value.at, value.size);
    w->used = (size_t)(at - w->at) + rest + value.size;
    w->entries++;
    w->last = reserve(w->last, &w->last_capacity, key.size);
    memcpy(w->last + shared, key.at + shared, rest);
    if (shared == 0)
        memcpy(w->last, key.at, key.size);
    w->last_size = key.size;
}

static uint32_t round_up(size_t size)
{
    return (uint32_t)((size + RUN_BLOCK_SIZE - 1) / RUN_BLOCK_SIZE * RUN_BLOCK_SIZE);
}

uint32_t run_block_size(const struct run_block_writer *w)
{
    return round_up(w->used);
}

struct bytes run_block_finish(struct run_block_writer *w, const struct run_place *place)
{
    uint32_t size = run_block_size(w);
    CHECK(w->entries > 0 && place->size == size && size <= RUN_BLOCK_MAX);
    w->at = reserve(w->at, &w->capacity, size);
    memset(w->at + w->used, 0, size - w->used);
    memset(w->at, 0, HEADER_SIZE);
    put_u32(w->at + 8, (uint32_t)w->used);
    put_u32(w->at + 12, w->entries);
    w->at[16] = (char)place->level;
    put_u64(w->at, block_hash(place, w->at));
    w->used = 0;
    w->entries = 0;
    w->last_size = 0;
    return (struct bytes){w->at, size};
}

/* --- checking -------------------------------------------------------------------------------- */

/* What is known while entries are checked one by one. */
struct checker {
    struct cursor c;
    char *key; /* of the entry before: made of what entries up to it have, so no longer than all */
    size_t key_size;
    uint32_t *restart;
    uint32_t number;
};

static bool rises(const struct checker *k, size_t shared, struct bytes rest)
{
    if (k->number == 0)
        return shared == 0 && rest.size > 0;
    if (shared > k->key_size)
        return false;
    if (k->number % RUN_RESTART !=
        0) /* shared is as much as there is, and what follows is higher */
        return rest.size > 0 &&
               (shared == k->key_size || (uint8_t)k->key[shared] < (uint8_t)rest.at[0]);
    size_t size = rest.size < k->key_size ? rest.size : k->key_size;
    int order = memcmp(k->key, rest.at, size);
    return shared == 0 && (order < 0 || (order == 0 && k->key_size < rest.size));
}

static int check_entry(struct checker *k, struct bytes entries)
{
    uint32_t offset = (uint32_t)(k->c.at - entries.at);
    uint64_t shared = cursor_varint_max(&k->c, RUN_KEY_MAX);
    uint64_t size = cursor_varint_max(&k->c, RUN_KEY_MAX);
    uint64_t value_size = cursor_varint_max(&k->c, RUN_VALUE_MAX);
    struct bytes rest = cursor_take(&k->c, size);
    cursor_take(&k->c, value_size);
    if (k->c.bad || shared + size > RUN_KEY_MAX || !rises(k, shared, rest))
        return -EBADMSG;
    memcpy(k->key + shared, rest.at, rest.size);
    k->key_size = shared + rest.size;
    if (k->number % RUN_RESTART == 0)
        k->restart[k->number / RUN_RESTART] = offset;
    k->number++;
    return 0;
}

/* Entries whose sum is right but that no writer makes are refused, too. */
static int check_entries(struct bytes entries, uint32_t count, char *key, uint32_t *restart)
{
    struct checker k = {.c = cursor_of(entries), .key = key, .restart = restart};
    for (uint32_t i = 0; i < count; i++) {
        int r = check_entry(&k, entries);
        if (r != 0)
            return r;
    }
    return cursor_is_at_end(&k.c) ? 0 : -EBADMSG;
}

static bool header_is_right(const struct run_place *p, struct bytes stored)
{
    if (stored.size != p->size || p->size < RUN_BLOCK_SIZE || p->size > RUN_BLOCK_MAX ||
        get_u64(stored.at) != block_hash(p, stored.at))
        return false;
    uint32_t used = get_u32(stored.at + 8);
    uint32_t entries = get_u32(stored.at + 12);
    if (used <= HEADER_SIZE || used > p->size || round_up(used) != p->size || entries == 0 ||
        entries > used || (uint8_t)stored.at[16] != p->level)
        return false;
    if (p->size > RUN_BLOCK_SIZE && entries > (p->level == 0 ? 1 : RUN_FANOUT_MIN)) /* 2 */
        return false;
    for (uint32_t i = 17; i < HEADER_SIZE; i++) {
        if (stored.at[i] != 0)
            return false;
    }
    for (uint32_t i = used; i < p->size; i++) {
        if (stored.at[i] != 0)
            return false;
    }
    return true;
}

int run_block_decode(const void *place, size_t place_size, struct bytes stored, char **ret_at,
                     size_t *ret_size)
{
    struct run_place p;
    CHECK(place_size == sizeof p);
    memcpy(&p, place, sizeof p);
    if (!header_is_right(&p, stored))
        return -EBADMSG;
    uint32_t count = get_u32(stored.at + 12);
    struct bytes entries = {stored.at + HEADER_SIZE, get_u32(stored.at + 8) - HEADER_SIZE};
    uint32_t restarts = (count + RUN_RESTART - 1) / RUN_RESTART;
    size_t head = DECODED_HEAD + restarts * sizeof(uint32_t);
    char *at = malloc(head + entries.size);
    char *key = malloc(entries.size < RUN_KEY_MAX ? entries.size : RUN_KEY_MAX);
    CHECK(at != NULL && key != NULL);
    int r = check_entries(entries, count, key, (uint32_t *)(void *)(at + DECODED_HEAD));
    free(key);
    if (r != 0) {
        free(at);
        return r;
    }
    uint32_t *words = (uint32_t *)(void *)at;
    words[0] = (uint32_t)entries.size;
    words[1] = count;
    words[2] = restarts;
    words[3] = p.level;
    memcpy(at + head, entries.at, entries.size);
    *ret_at = at;
    *ret_size = head + entries.size;
    return 0;
}

/* --- reading --------------------------------------------------------------------------------- */

struct run_block run_block_of(struct bytes decoded)
{
    const uint32_t *words = (const uint32_t *)(const void *)decoded.at;
    DCHECK(decoded.size == DECODED_HEAD + words[2] * sizeof *words + words[0]);
    return (struct run_block){
        .at = decoded.at + DECODED_HEAD + words[2] * sizeof *words,
        .used = words[0],
        .entries = words[1],
        .restarts = words[2],
        .restart = words + DECODED_HEAD / sizeof *words,
    };
}

bool run_block_entry(const struct run_block *b, uint32_t offset, uint32_t number,
                     struct run_entry *ret)
{
    if (offset >= b->used)
        return false;
    uint32_t rest_size;
    uint32_t value_size;
    const char *at = get_varint(b->at + offset, &ret->shared);
    at = get_varint(at, &rest_size);
    at = get_varint(at, &value_size);
    ret->number = number;
    ret->rest = (struct bytes){at, rest_size};
    ret->value = (struct bytes){at + rest_size, value_size};
    ret->next = (uint32_t)(at - b->at) + rest_size + value_size;
    return true;
}

static int compare(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.at, b.at, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The last restart whose key is not above the key; the first one when all are. */
static uint32_t find_restart(const struct run_block *b, struct bytes key)
{
    uint32_t low = 0;
    uint32_t size = b->restarts;
    while (size > 1) {
        uint32_t half = size / 2;
        struct run_entry e;
        run_block_entry(b, b->restart[low + half], 0, &e);
        if (compare(e.rest, key) <= 0)
            low += half;
        size -= half;
    }
    return low;
}

/* How many bytes the two have in common, from `from` on, where they still are equal. */
static size_t common(struct bytes key, size_t from, struct bytes rest)
{
    size_t size = key.size - from < rest.size ? key.size - from : rest.size;
    size_t same = 0;
    while (same < size && key.at[from + same] == rest.at[same])
        same++;
    return same;
}

bool run_block_find(const struct run_block *b, struct bytes key, struct run_entry *ret,
                    bool *ret_equal, struct run_entry *ret_before)
{
    struct run_entry e;
    struct run_entry before = {.rest = {NULL, 0}};
    uint32_t restart = find_restart(b, key);
    uint32_t offset = b->restart[restart];
    uint32_t number = restart * RUN_RESTART;
    size_t same = 0; /* bytes that the key has in common with the entry before, which is lower */
    *ret_equal = false;
    bool found = false;
    for (; !found && run_block_entry(b, offset, number, &e); number++) {
        found = e.shared < same; /* it leaves the key where the entry before did not */
        if (e.shared == same) {
            size_t more = common(key, same, e.rest);
            bool key_ends = same + more == key.size;
            bool rest_ends = more == e.rest.size;
            *ret_equal = key_ends && rest_ends;
            found =
                key_ends || (!rest_ends && (uint8_t)e.rest.at[more] > (uint8_t)key.at[same + more]);
            same += more;
        }
        if (!found) {
            before = e;
            offset = e.next;
        }
    }
    if (ret_before != NULL)
        *ret_before = before;
    if (found)
        *ret = e;
    return found;
}

void run_block_key(const struct run_block *b, const struct run_entry *e, struct buffer *ret)
{
    uint32_t offset = b->restart[e->number / RUN_RESTART];
    ret->size = 0;
    for (uint32_t number = e->number / RUN_RESTART * RUN_RESTART; number <= e->number; number++) {
        struct run_entry at;
        CHECK(run_block_entry(b, offset, number, &at));
        ret->size = at.shared;
        buffer_add(ret, at.rest.at, at.rest.size);
        offset = at.next;
    }
}

/* --- index entries --------------------------------------------------------------------------- */

void run_child_write(struct buffer *out, uint64_t offset, uint32_t size)
{
    buffer_varint(out, offset / RUN_BLOCK_SIZE);
    buffer_varint(out, size / RUN_BLOCK_SIZE);
}

int run_child_read(struct bytes value, uint64_t *ret_offset, uint32_t *ret_size)
{
    struct cursor c = cursor_of(value);
    uint64_t offset = cursor_varint_max(&c, UINT64_MAX / RUN_BLOCK_SIZE);
    uint64_t size = cursor_varint_max(&c, RUN_BLOCK_MAX / RUN_BLOCK_SIZE);
    if (!cursor_is_at_end(&c) || size == 0)
        return -EBADMSG;
    *ret_offset = offset * RUN_BLOCK_SIZE;
    *ret_size = (uint32_t)size * RUN_BLOCK_SIZE;
    return 0;
}
