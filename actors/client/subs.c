/* SPDX-License-Identifier: Apache-2.0 */
#include "actors/client/subs.h"

#include <string.h>

#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/base/number.h"

#define RECORDS_FIRST 4u
#define TABLE_FIRST 8u
#define TABLE_KEPT 1024u /* a smaller one does not shrink */

struct sid_text {
    uint32_t size;
    char at[];
};

static struct sub *record(const struct subs *subs, uint32_t number)
{
    return &subs->chunks[number / SUBS_CHUNK][number % SUBS_CHUNK];
}

/* --- sids --------------------------------------------------------------------------------------- */

/* Only a number's text can be made again. */
static bool sid_number(struct bytes sid, uint64_t *ret_number)
{
    return number_parse(sid, NUMBER_DIGITS_MAX, ret_number);
}

static const struct sid_text *text_of(const struct sub *sub)
{
    return (const struct sid_text *)(uintptr_t)sub->sid;
}

struct bytes subs_sid(const struct sub *sub, char digits[SUB_SID_DIGITS])
{
    if (sub->sid_is_text)
        return (struct bytes){text_of(sub)->at, text_of(sub)->size};
    uint64_t n = sub->sid;
    char *end = digits + SUB_SID_DIGITS;
    char *at = end;
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return (struct bytes){at, (size_t)(end - at)};
}

static uint64_t sid_hash(const struct subs *subs, bool is_text, uint64_t number, struct bytes text)
{
    return is_text ? hash_bytes(subs->seed, text.at, text.size) : hash_u64(number ^ subs->seed);
}

static uint64_t record_hash(const struct subs *subs, const struct sub *sub)
{
    struct bytes text = {NULL, 0};
    if (sub->sid_is_text)
        text = (struct bytes){text_of(sub)->at, text_of(sub)->size};
    return sid_hash(subs, sub->sid_is_text, sub->sid, text);
}

/* --- the table ---------------------------------------------------------------------------------- */

/* Linear probing; removal shifts back. A word is a record's number and, above it, one more than how far
 * it is from its home, FAR at most: so whatever has another home is passed by without a look at its
 * record, which is a cache line elsewhere. */
#define FAR 255u

static uint32_t word_of(uint32_t number, uint32_t distance)
{
    return (distance + 1 < FAR ? distance + 1 : FAR) << SUBS_NUMBER_BITS | number;
}

static uint32_t number_of(uint32_t word)
{
    return word & (SUBS_MAX - 1);
}

static uint32_t home_of(const struct subs *subs, uint32_t at)
{
    uint32_t mask = subs->table_size - 1;
    uint32_t distance = subs->table[at] >> SUBS_NUMBER_BITS;
    if (distance < FAR)
        return (at - (distance - 1)) & mask;
    return (uint32_t)record_hash(subs, record(subs, number_of(subs->table[at]))) & mask;
}

static void table_put(struct subs *subs, uint32_t number)
{
    uint32_t mask = subs->table_size - 1;
    uint32_t home = (uint32_t)record_hash(subs, record(subs, number)) & mask;
    uint32_t at = home;
    while (subs->table[at] != 0)
        at = (at + 1) & mask;
    subs->table[at] = word_of(number, (at - home) & mask);
}

static void table_resize(struct subs *subs, uint32_t size)
{
    uint32_t *old = subs->table;
    uint32_t old_size = subs->table_size;
    subs->table_size = size;
    subs->table = mem_alloc(size * sizeof *subs->table);
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i] != 0)
            table_put(subs, number_of(old[i]));
    mem_free(old);
}

static void table_remove(struct subs *subs, uint32_t number)
{
    uint32_t mask = subs->table_size - 1;
    uint32_t at = (uint32_t)record_hash(subs, record(subs, number)) & mask;
    while (number_of(subs->table[at]) != number || subs->table[at] == 0)
        at = (at + 1) & mask;
    for (uint32_t next = (at + 1) & mask; subs->table[next] != 0; next = (next + 1) & mask) {
        uint32_t home = home_of(subs, next);
        if (((next - home) & mask) < ((next - at) & mask))
            continue; /* it is at home or nearer to it than the hole */
        subs->table[at] = word_of(number_of(subs->table[next]), (at - home) & mask);
        at = next;
    }
    subs->table[at] = 0;
}

struct sub *subs_find(const struct subs *subs, struct bytes sid)
{
    if (subs->table_size == 0)
        return NULL;
    uint64_t number = 0;
    bool is_text = !sid_number(sid, &number);
    uint32_t mask = subs->table_size - 1;
    uint32_t at = (uint32_t)sid_hash(subs, is_text, number, sid) & mask;
    for (uint32_t distance = 0; subs->table[at] != 0; distance++, at = (at + 1) & mask) {
        uint32_t candidate = number_of(subs->table[at]);
        if (subs->table[at] != word_of(candidate, distance))
            continue;
        struct sub *sub = record(subs, candidate);
        if (sub->sid_is_text != is_text)
            continue;
        if (is_text ? bytes_equal((struct bytes){text_of(sub)->at, text_of(sub)->size}, sid)
                    : sub->sid == number)
            return sub;
    }
    return NULL;
}

/* --- records ------------------------------------------------------------------------------------ */

struct sub *subs_any(const struct subs *subs, uint32_t slot)
{
    uint32_t number = slot & (SUBS_MAX - 1);
    if (number >= subs->made || record(subs, number)->generation != slot >> SUBS_NUMBER_BITS)
        return NULL;
    return record(subs, number);
}

struct sub *subs_at(const struct subs *subs, uint32_t slot)
{
    struct sub *sub = subs_any(subs, slot);
    return sub == NULL || sub->state == SUB_FREE || sub->state == SUB_DYING ? NULL : sub;
}

/* The first chunk grows until it is whole; pointers to records are not kept over additions. */
static void records_grow(struct subs *subs)
{
    if (subs->capacity < SUBS_CHUNK) {
        uint32_t capacity = subs->capacity == 0 ? RECORDS_FIRST : subs->capacity * 4;
        capacity = capacity > SUBS_CHUNK ? SUBS_CHUNK : capacity;
        struct sub *chunk = mem_alloc(capacity * sizeof *chunk);
        if (subs->chunks == NULL)
            subs->chunks = mem_alloc(sizeof(struct sub *));
        else
            memcpy(chunk, subs->chunks[0], subs->made * sizeof *chunk);
        mem_free(subs->chunks[0]);
        subs->chunks[0] = chunk;
        subs->capacity = capacity;
        return;
    }
    uint32_t count = subs->capacity / SUBS_CHUNK;
    if ((count & (count - 1)) == 0) { /* the directory is full at each power of two */
        struct sub **chunks = mem_alloc((size_t)count * 2 * sizeof *chunks);
        memcpy(chunks, subs->chunks, count * sizeof *chunks);
        mem_free(subs->chunks);
        subs->chunks = chunks;
    }
    subs->chunks[count] = mem_alloc(SUBS_CHUNK * sizeof(struct sub));
    subs->capacity += SUBS_CHUNK;
}

static uint32_t record_take(struct subs *subs)
{
    /* The one that has been free for longest: a number comes back late. */
    if (subs->free_first != 0) {
        uint32_t number = subs->free_first - 1;
        subs->free_first = record(subs, number)->entry;
        if (subs->free_first == 0)
            subs->free_last = 0;
        return number;
    }
    if (subs->made == subs->capacity)
        records_grow(subs);
    return subs->made++;
}

struct sub *subs_add(struct subs *subs, struct bytes sid)
{
    if (subs->free_first == 0 && subs->made == SUBS_MAX)
        return NULL;
    uint64_t number = 0;
    bool is_text = !sid_number(sid, &number);
    uint32_t taken = record_take(subs);
    if ((uint64_t)(subs->live + 1) * 8 > (uint64_t)subs->table_size * 7)
        table_resize(subs, subs->table_size == 0 ? TABLE_FIRST : subs->table_size * 2);
    struct sub *sub = record(subs, taken);
    uint8_t generation = (uint8_t)(sub->generation + 1);
    *sub = (struct sub){.number = taken, .generation = generation, .state = SUB_OPEN};
    sub->sid_is_text = is_text;
    sub->sid = number;
    if (is_text) {
        struct sid_text *text = mem_alloc(sizeof *text + sid.size);
        text->size = (uint32_t)sid.size;
        memcpy(text->at, sid.at, sid.size);
        sub->sid = (uintptr_t)text;
    }
    table_put(subs, taken);
    subs->live++;
    return sub;
}

void subs_bury(struct subs *subs, struct sub *sub)
{
    DCHECK(sub->state != SUB_FREE && sub->state != SUB_DYING);
    table_remove(subs, sub->number);
    sub->state = SUB_DYING;
    subs->live--;
    if (subs->table_size > TABLE_KEPT && subs->live < subs->table_size / 8)
        table_resize(subs, subs->table_size / 4);
}

void subs_free(struct subs *subs, struct sub *sub)
{
    CHECK(sub->state == SUB_DYING);
    if (sub->sid_is_text)
        mem_free((void *)(uintptr_t)sub->sid);
    sub->sid_is_text = false;
    sub->state = SUB_FREE;
    sub->entry = 0;
    if (subs->free_last != 0)
        record(subs, subs->free_last - 1)->entry = sub->number + 1;
    else
        subs->free_first = sub->number + 1;
    subs->free_last = sub->number + 1;
}

struct sub *subs_next(const struct subs *subs, uint32_t *cursor)
{
    while (*cursor < subs->made) {
        struct sub *sub = record(subs, (*cursor)++);
        if (sub->state != SUB_FREE && sub->state != SUB_DYING)
            return sub;
    }
    return NULL;
}

void subs_done(struct subs *subs)
{
    for (uint32_t i = 0; i < subs->made; i++)
        if (record(subs, i)->state != SUB_FREE && record(subs, i)->sid_is_text)
            mem_free((void *)(uintptr_t)record(subs, i)->sid);
    for (uint32_t i = 0; i < subs->capacity; i += SUBS_CHUNK)
        mem_free(subs->chunks[i / SUBS_CHUNK]);
    mem_free(subs->chunks);
    mem_free(subs->table);
    *subs = (struct subs){0};
}
