/* SPDX-License-Identifier: Apache-2.0 */
/* ttl_table.h -- which messages have a time to live of their own, and which of them is due first.
 *
 * Idea        A table by sequence says when a message goes, a heap by time which goes next. A
 *             message that goes for another reason leaves the table alone; its place in the heap is
 *             *stale* and is passed when it comes up. When stale places are most of the heap, it is
 *             made anew.
 * Invariants  1 each sequence of the table that is not TTL_NEVER has a place in the heap
 *             2 a place in the heap is not before its parent's
 *             3 the heap is at most twice the table and HEAP_SLACK
 * Bounds      32 bytes a message that has a time to live.
 */
#ifndef STORE_GROUP_TTL_TABLE_H
#define STORE_GROUP_TTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct cursor;
struct ttl_place;

/* The message stays, whatever the stream's own age says. */
#define TTL_NEVER INT64_MAX

/* Zeroed: empty. */
struct ttl_table {
    struct ttl_place *slots; /* given; a power of two; sequence 0: free */
    size_t slot_count;
    size_t used;
    struct ttl_place *heap; /* given */
    size_t heap_count;
    size_t heap_capacity;
};

void ttl_table_done(struct ttl_table *t);

/* The sequence is not there; due_ns may be TTL_NEVER. */
void ttl_table_add(struct ttl_table *t, uint64_t seq, int64_t due_ns);
/* Does nothing when it is not there. */
void ttl_table_remove(struct ttl_table *t, uint64_t seq);
/* All below seq. Costs the table. */
void ttl_table_remove_below(struct ttl_table *t, uint64_t seq);
bool ttl_table_is_never(const struct ttl_table *t, uint64_t seq);
/* The one that is due first (of several the lowest sequence); false: none will ever be. */
bool ttl_table_first(struct ttl_table *t, uint64_t *ret_seq, int64_t *ret_due_ns);

/* In order of sequences. */
void ttl_table_write(const struct ttl_table *t, struct buffer *b);
/* Into an empty one. -EBADMSG: nothing that ttl_table_write makes. */
int ttl_table_read(struct ttl_table *t, struct cursor *c) __attribute__((warn_unused_result));

void ttl_table_check(const struct ttl_table *t);

#endif
