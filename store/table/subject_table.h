/* SPDX-License-Identifier: Apache-2.0 */
/* subject_table.h -- subjects and what is known of them, in memory: found by hash, walked in order.
 *
 * Idea        A record a subject, in large blocks, named by a 32-bit reference. Two indexes hold
 *             references: a hash table that grows one segment at a time (extendible hashing: no
 *             rebuild stops the world), and a vector of leaves in order of the subjects' bytes. New
 *             subjects collect and get their places in the order in small batches.
 *
 *             hash ──► segment: (tag, ref) ...       order ──► leaf: ref ref ref │ leaf: ref
 *                                     └───────► record ◄──────────────┘
 *
 * Invariants  1 every record is in the hash table once, and in the order or among the fresh once
 *             2 subjects rise along the order; no leaf is empty
 *             3 held bytes are what malloc was asked for
 * Bounds      about 50 bytes a subject and the subject itself; the owner watches
 *             subject_table_memory. The seed spreads records and decides nothing else.
 */
#ifndef STORE_TABLE_SUBJECT_TABLE_H
#define STORE_TABLE_SUBJECT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/table/subject_value.h"

struct subject_table;

struct subject_table *subject_table_new(uint64_t seed);
void subject_table_free(struct subject_table **t);
void subject_table_clear(struct subject_table *t);
uint64_t subject_table_count(const struct subject_table *t);
size_t subject_table_memory(const struct subject_table *t);

/* Subjects are at most SUBJECT_SIZE_MAX bytes, of any value. */
bool subject_table_get(const struct subject_table *t, struct bytes subject,
                       struct subject_value *ret);
/* Joins what is newer than all that the table knows of the subject: count adds up, a last replaces
 * (0: not known), a first is taken when none was known or when it is a bound. Returns the new
 * count. */
int64_t subject_table_add(struct subject_table *t, struct bytes subject,
                          const struct subject_value *newer);
/* Replaces what is known. */
void subject_table_set(struct subject_table *t, struct bytes subject,
                       const struct subject_value *value);
/* Whether it was there. */
bool subject_table_remove(struct subject_table *t, struct bytes subject);

/* A walk in order of bytes. It stands on a subject or at the end, and ends with the next change. */
struct subject_walker {
    struct subject_table *table; /* borrowed */
    uint32_t leaf;
    uint32_t index;
};

/* To the first subject at or after this one. */
void subject_table_seek(struct subject_table *t, struct bytes subject, struct subject_walker *ret);
/* false: at the end. The subject is the table's, until the next change. */
bool subject_walker_get(const struct subject_walker *w, struct bytes *ret_subject,
                        struct subject_value *ret_value);
void subject_walker_next(struct subject_walker *w);

void subject_table_check(const struct subject_table *t);

#endif
