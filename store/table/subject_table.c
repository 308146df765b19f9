/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/subject_table.h"

#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/table/subject_state.h"

struct subject_table *subject_table_new(uint64_t seed)
{
    struct subject_table *t = calloc(1, sizeof *t);
    CHECK(t != NULL);
    subject_hash_init(&t->hash, seed);
    return t;
}

static void done(struct subject_table *t)
{
    subject_order_done(&t->order);
    subject_hash_done(&t->hash);
    subject_records_done(&t->records);
}

void subject_table_free(struct subject_table **t)
{
    struct subject_table *taken = *t;
    *t = NULL;
    if (taken == NULL)
        return;
    done(taken);
    free(taken);
}

void subject_table_clear(struct subject_table *t)
{
    uint64_t seed = t->hash.seed;
    done(t);
    subject_hash_init(&t->hash, seed);
    t->count = 0;
}

uint64_t subject_table_count(const struct subject_table *t)
{
    return t->count;
}

size_t subject_table_memory(const struct subject_table *t)
{
    return sizeof *t + t->records.held + t->hash.held + t->order.held;
}

static struct subject_value value_of(const struct subject_record *record)
{
    return (struct subject_value){record->count, record->first_seq, record->last_seq,
                                  record->first_bound != 0, record->total != 0};
}

bool subject_table_get(const struct subject_table *t, struct bytes subject,
                       struct subject_value *ret)
{
    uint32_t tag = subject_hash_tag(&t->hash, subject);
    subject_ref ref = subject_hash_find(&t->hash, &t->records, subject, tag);
    if (ref == 0)
        return false;
    *ret = value_of(subject_records_at(&t->records, ref));
    return true;
}

/* The record of the subject, a new one if there is none. */
static struct subject_record *record_of(struct subject_table *t, struct bytes subject)
{
    CHECK(subject.size <= SUBJECT_SIZE_MAX);
    uint32_t tag = subject_hash_tag(&t->hash, subject);
    subject_ref ref = subject_hash_find(&t->hash, &t->records, subject, tag);
    if (ref == 0) {
        ref = subject_records_add(&t->records, subject);
        subject_hash_add(&t->hash, ref, tag);
        subject_order_add(&t->order, &t->records, ref);
        t->count++;
    }
    return subject_records_at(&t->records, ref);
}

int64_t subject_table_add(struct subject_table *t, struct bytes subject,
                          const struct subject_value *newer)
{
    struct subject_record *record = record_of(t, subject);
    record->count += newer->count;
    if (newer->first_bound || record->first_seq == 0) {
        record->first_seq = newer->first_seq;
        record->first_bound = newer->first_bound;
    }
    if (newer->last_seq != 0)
        record->last_seq = newer->last_seq;
    return record->count;
}

void subject_table_set(struct subject_table *t, struct bytes subject,
                       const struct subject_value *value)
{
    struct subject_record *record = record_of(t, subject);
    record->count = value->count;
    record->first_seq = value->first_seq;
    record->last_seq = value->last_seq;
    record->first_bound = value->first_bound;
    record->total = value->total;
}

bool subject_table_remove(struct subject_table *t, struct bytes subject)
{
    uint32_t tag = subject_hash_tag(&t->hash, subject);
    subject_ref ref = subject_hash_find(&t->hash, &t->records, subject, tag);
    if (ref == 0)
        return false;
    subject_order_remove(&t->order, &t->records, ref);
    subject_hash_remove(&t->hash, ref, tag);
    subject_records_remove(&t->records, ref);
    t->count--;
    return true;
}

void subject_table_seek(struct subject_table *t, struct bytes subject, struct subject_walker *ret)
{
    subject_order_settle(&t->order, &t->records);
    ret->table = t;
    subject_order_find(&t->order, &t->records, subject, &ret->leaf, &ret->index);
}

bool subject_walker_get(const struct subject_walker *w, struct bytes *ret_subject,
                        struct subject_value *ret_value)
{
    const struct subject_order *order = &w->table->order;
    if (w->leaf >= order->count)
        return false;
    DCHECK(order->fresh_count == 0);
    const struct subject_record *record =
        subject_records_at(&w->table->records, order->leaves[w->leaf].refs[w->index]);
    *ret_subject = subject_record_subject(record);
    *ret_value = value_of(record);
    return true;
}

void subject_walker_next(struct subject_walker *w)
{
    if (++w->index == w->table->order.leaves[w->leaf].used) {
        w->leaf++;
        w->index = 0;
    }
}

void subject_table_check(const struct subject_table *t)
{
    subject_hash_check(&t->hash, &t->records, t->count);   /* 1 */
    subject_order_check(&t->order, &t->records, t->count); /* 1, 2 */
    size_t held = t->records.block_capacity * sizeof *t->records.blocks;
    CHECK(t->records.held >= held && t->records.used <= t->records.size);
}
