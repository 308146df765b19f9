/* SPDX-License-Identifier: Apache-2.0 */
/* subject_state.h -- the parts of a subject table: records, hash, order. For subject_*.c alone. */
#ifndef STORE_TABLE_SUBJECT_STATE_H
#define STORE_TABLE_SUBJECT_STATE_H

#include "store/table/subject_table.h"

/* --- records: subject_records.c -------------------------------------------------------------- */

/* A record's place: its block and its offset there, in units of RECORD_UNIT. 0: none. */
typedef uint32_t subject_ref;

enum {
    RECORD_UNIT = 4,
    RECORD_OFFSET_BITS = 16,
    RECORD_BLOCKS_MAX = 65536,
    RECORD_CLASSES = 64, /* exact sizes in units, up to here; beyond, powers of two */
    RECORD_LISTS = RECORD_CLASSES + 16,
};

/* In 4-byte units, so that few bytes are lost to alignment. */
struct __attribute__((packed, aligned(4))) subject_record {
    int64_t count;
    uint64_t first_seq;
    uint64_t last_seq;
    uint16_t size;
    uint8_t first_bound : 1;
    uint8_t total : 1;
    char subject[];
};

struct subject_records {
    char **blocks; /* given */
    uint32_t block_count;
    uint32_t block_capacity;
    uint32_t used;                     /* units of the last block */
    uint32_t size;                     /* units of the last block in all */
    subject_ref free_of[RECORD_LISTS]; /* chained through the records' first bytes */
    size_t held;                       /* bytes */
};

void subject_records_done(struct subject_records *r);
/* A record with this subject and nothing known. */
subject_ref subject_records_add(struct subject_records *r, struct bytes subject);
void subject_records_remove(struct subject_records *r, subject_ref ref);

static inline struct subject_record *subject_records_at(const struct subject_records *r,
                                                        subject_ref ref)
{
    char *block = r->blocks[ref >> RECORD_OFFSET_BITS];
    size_t offset = ref & ((1u << RECORD_OFFSET_BITS) - 1);
    return (struct subject_record *)(void *)(block + offset * RECORD_UNIT);
}

static inline struct bytes subject_record_subject(const struct subject_record *record)
{
    return (struct bytes){record->subject, record->size};
}

/* --- hash: subject_hash.c -------------------------------------------------------------------- */

struct subject_slot {
    uint32_t tag; /* the upper half of the subject's hash: all that places it */
    subject_ref ref;
};

struct subject_segment {
    uint32_t depth; /* upper bits of the tag that all its records share */
    uint32_t used;
    uint32_t capacity; /* a power of two */
    struct subject_slot slots[];
};

struct subject_hash {
    struct subject_segment **segments; /* given; one may stand in several neighbouring places */
    uint32_t depth;                    /* 1 << depth places */
    uint64_t seed;
    size_t held;
};

void subject_hash_init(struct subject_hash *h, uint64_t seed);
void subject_hash_done(struct subject_hash *h);
uint32_t subject_hash_tag(const struct subject_hash *h, struct bytes subject);
subject_ref subject_hash_find(const struct subject_hash *h, const struct subject_records *r,
                              struct bytes subject, uint32_t tag);
void subject_hash_add(struct subject_hash *h, subject_ref ref, uint32_t tag);
void subject_hash_remove(struct subject_hash *h, subject_ref ref, uint32_t tag);
void subject_hash_check(const struct subject_hash *h, const struct subject_records *r,
                        uint64_t count);

/* --- order: subject_order.c ------------------------------------------------------------------ */

enum { ORDER_LEAF_REFS = 256, ORDER_FRESH_MAX = 128 };

struct subject_leaf {
    subject_ref *refs; /* given */
    uint16_t used;
    uint16_t capacity;
};

struct subject_order {
    struct subject_leaf *leaves; /* given */
    uint32_t count;
    uint32_t capacity;
    subject_ref *fresh; /* given: not in leaves yet */
    uint32_t fresh_count;
    uint32_t fresh_capacity;
    size_t held;
};

void subject_order_done(struct subject_order *o);
void subject_order_add(struct subject_order *o, const struct subject_records *r, subject_ref ref);
void subject_order_remove(struct subject_order *o, const struct subject_records *r,
                          subject_ref ref);
/* All that are fresh get their places. */
void subject_order_settle(struct subject_order *o, const struct subject_records *r);
/* The place of the first subject at or after this one; nothing is fresh. */
void subject_order_find(const struct subject_order *o, const struct subject_records *r,
                        struct bytes subject, uint32_t *ret_leaf, uint32_t *ret_index);
void subject_order_check(const struct subject_order *o, const struct subject_records *r,
                         uint64_t count);

static inline int bytes_order(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.at, b.at, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

struct subject_table {
    struct subject_records records;
    struct subject_hash hash;
    struct subject_order order;
    uint64_t count;
};

#endif
