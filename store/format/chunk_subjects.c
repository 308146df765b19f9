/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/chunk_subjects.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"

enum { LIST_MIN = 64, RADIX_MIN = 256, DIGITS = 8, DIGIT_VALUES = 256 };

void chunk_subjects_init(struct chunk_subjects *s, uint64_t seed)
{
    *s = (struct chunk_subjects){.seed = seed, .slot_mask = LIST_MIN * 2 - 1};
    s->slots = calloc(s->slot_mask + 1, sizeof *s->slots);
    CHECK(s->slots != NULL);
}

void chunk_subjects_done(struct chunk_subjects *s)
{
    buffer_done(&s->text);
    free(s->list);
    free(s->slots);
    *s = (struct chunk_subjects){0};
}

static void grow(struct chunk_subjects *s)
{
    s->capacity = s->capacity == 0 ? LIST_MIN : s->capacity * 2;
    s->list = realloc(s->list, s->capacity * sizeof *s->list);
    free(s->slots);
    s->slot_mask = s->capacity * 2 - 1;
    s->slots = calloc(s->slot_mask + 1, sizeof *s->slots);
    CHECK(s->list != NULL && s->slots != NULL);
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t slot = s->list[i].hash & s->slot_mask;
        while (s->slots[slot] != 0)
            slot = (slot + 1) & s->slot_mask;
        s->slots[slot] = i + 1;
    }
}

static bool is(const struct chunk_subjects *s, uint32_t number, struct bytes subject)
{
    return bytes_equal(chunk_subjects_text(s, number), subject);
}

uint32_t chunk_subjects_number(struct chunk_subjects *s, struct bytes subject)
{
    if (s->count > 0 && is(s, s->last, subject))
        return s->last;
    if (s->count == s->capacity)
        grow(s);
    uint32_t hash = (uint32_t)hash_bytes(s->seed, subject.at, subject.size);
    uint32_t slot = hash & s->slot_mask;
    while (s->slots[slot] != 0) {
        uint32_t number = s->slots[slot] - 1;
        if (s->list[number].hash == hash && is(s, number, subject))
            return s->last = number;
        slot = (slot + 1) & s->slot_mask;
    }
    s->list[s->count] =
        (struct chunk_subject){(uint32_t)s->text.size, (uint32_t)subject.size, hash};
    buffer_add(&s->text, subject.at, subject.size);
    s->slots[slot] = ++s->count;
    return s->last = s->count - 1;
}

/* --- order ---------------------------------------------------------------------------------------- */

int chunk_subject_compare(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int r = size == 0 ? 0 : memcmp(a.at, b.at, size);
    return r != 0 ? r : (a.size > b.size) - (a.size < b.size);
}

size_t chunk_subject_shared(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    size_t shared = 0;
    while (shared < size && a.at[shared] == b.at[shared])
        shared++;
    return shared;
}

struct item {
    uint64_t key; /* the 8 bytes behind what all share, the first one highest */
    uint32_t number;
};

static int compare_items(const void *x, const void *y, void *context)
{
    const struct chunk_subjects *s = context;
    const struct item *a = x;
    const struct item *b = y;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return chunk_subject_compare(chunk_subjects_text(s, a->number),
                                 chunk_subjects_text(s, b->number));
}

static uint64_t key_of(struct bytes subject, size_t skip)
{
    uint64_t key = 0;
    for (size_t i = skip; i < skip + DIGITS; i++)
        key = key << 8 | (i < subject.size ? (unsigned char)subject.at[i] : 0);
    return key;
}

/* From the lowest byte up; a byte that all have in common costs its count and no move. */
static void sort_by_key(struct item *items, struct item *spare, uint32_t count)
{
    struct item *from = items;
    struct item *to = spare;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint32_t starts[DIGIT_VALUES] = {0};
        for (uint32_t i = 0; i < count; i++)
            starts[from[i].key >> shift & 0xff]++;
        if (starts[from[0].key >> shift & 0xff] == count)
            continue;
        uint32_t sum = 0;
        for (unsigned v = 0; v < DIGIT_VALUES; v++) {
            uint32_t here = starts[v];
            starts[v] = sum;
            sum += here;
        }
        for (uint32_t i = 0; i < count; i++)
            to[starts[from[i].key >> shift & 0xff]++] = from[i];
        struct item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}

static void sort_items(const struct chunk_subjects *s, struct item *items, uint32_t count)
{
    void *context = (void *)(uintptr_t)s; /* only read */
    if (count < RADIX_MIN) {
        qsort_r(items, count, sizeof *items, compare_items, context);
        return;
    }
    struct item *spare = malloc(count * sizeof *spare);
    CHECK(spare != NULL);
    sort_by_key(items, spare, count);
    free(spare);
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && items[end].key == items[i].key;)
            end++;
        if (end - i > 1)
            qsort_r(items + i, end - i, sizeof *items, compare_items, context);
    }
}

void chunk_subjects_sort(const struct chunk_subjects *s, uint32_t *ret_order)
{
    struct item *items = malloc((s->count + 1) * sizeof *items);
    CHECK(items != NULL);
    struct bytes shared = s->count > 0 ? chunk_subjects_text(s, 0) : BYTES("");
    for (uint32_t i = 1; i < s->count; i++)
        shared.size = chunk_subject_shared(shared, chunk_subjects_text(s, i));
    for (uint32_t i = 0; i < s->count; i++)
        items[i] = (struct item){key_of(chunk_subjects_text(s, i), shared.size), i};
    sort_items(s, items, s->count);
    for (uint32_t i = 0; i < s->count; i++)
        ret_order[i] = items[i].number;
    free(items);
}
