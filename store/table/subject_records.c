/* SPDX-License-Identifier: Apache-2.0 */
/* subject_records.c -- memory for records: growing blocks, and lists of those that were freed. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/table/subject_state.h"

enum {
    BLOCK_UNITS_MIN = 256,
    BLOCK_UNITS_MAX = 1 << RECORD_OFFSET_BITS,
    BLOCKS_MIN = 4,
    UNITS_MAX = (sizeof(struct subject_record) + SUBJECT_SIZE_MAX + RECORD_UNIT - 1) / RECORD_UNIT,
};
static_assert(UNITS_MAX <= BLOCK_UNITS_MAX / 2, "a record of any size fits a block");

void subject_records_done(struct subject_records *r)
{
    for (uint32_t i = 0; i < r->block_count; i++)
        free(r->blocks[i]);
    free(r->blocks);
    *r = (struct subject_records){0};
}

static uint32_t units_of(size_t subject_size)
{
    size_t size = offsetof(struct subject_record, subject) + subject_size;
    return (uint32_t)((size + RECORD_UNIT - 1) / RECORD_UNIT);
}

/* The list that records of this many units are kept in when they are free, and how many units they
 * have: larger ones are rounded up, so that one that was freed fits another. */
static uint32_t list_of(uint32_t units, uint32_t *ret_units)
{
    if (units < RECORD_CLASSES) {
        *ret_units = units;
        return units;
    }
    uint32_t list = RECORD_CLASSES;
    uint32_t rounded = RECORD_CLASSES;
    for (; rounded < units; rounded *= 2)
        list++;
    *ret_units = rounded;
    return list;
}

static void add_block(struct subject_records *r, uint32_t units)
{
    CHECK(r->block_count < RECORD_BLOCKS_MAX);
    if (r->block_count == r->block_capacity) {
        uint32_t capacity = r->block_capacity == 0 ? BLOCKS_MIN : r->block_capacity * 2;
        r->blocks = realloc(r->blocks, capacity * sizeof *r->blocks);
        CHECK(r->blocks != NULL);
        r->held += (capacity - r->block_capacity) * sizeof *r->blocks;
        r->block_capacity = capacity;
    }
    uint32_t size = r->size == 0 ? BLOCK_UNITS_MIN : r->size;
    while (size < BLOCK_UNITS_MAX && (size < units || size == r->size))
        size *= 2;
    char *block = malloc((size_t)size * RECORD_UNIT);
    CHECK(block != NULL);
    r->held += (size_t)size * RECORD_UNIT;
    r->blocks[r->block_count++] = block;
    r->size = size;
    r->used = r->block_count == 1 ? 1 : 0; /* the reference 0 is none */
}

static subject_ref take(struct subject_records *r, uint32_t units)
{
    uint32_t rounded;
    uint32_t list = list_of(units, &rounded);
    subject_ref ref = r->free_of[list];
    if (ref != 0) {
        memcpy(&r->free_of[list], subject_records_at(r, ref), sizeof ref);
        return ref;
    }
    if (r->block_count == 0 || r->size - r->used < rounded)
        add_block(r, rounded + 1);
    ref = (r->block_count - 1) << RECORD_OFFSET_BITS | r->used;
    r->used += rounded;
    return ref;
}

subject_ref subject_records_add(struct subject_records *r, struct bytes subject)
{
    CHECK(subject.size <= SUBJECT_SIZE_MAX);
    subject_ref ref = take(r, units_of(subject.size));
    struct subject_record *record = subject_records_at(r, ref);
    *record = (struct subject_record){.size = (uint16_t)subject.size};
    if (subject.size > 0)
        memcpy(record->subject, subject.at, subject.size);
    return ref;
}

void subject_records_remove(struct subject_records *r, subject_ref ref)
{
    uint32_t units;
    struct subject_record *record = subject_records_at(r, ref);
    uint32_t list = list_of(units_of(record->size), &units);
    memcpy(record, &r->free_of[list], sizeof ref);
    r->free_of[list] = ref;
}
