/* SPDX-License-Identifier: Apache-2.0 */
/* backup_index.h -- nats-server's index.db: which sequences of the blocks are live.
 *
 * Idea        What a limit removed leaves no tombstone: the record stays in its block until the block is
 *             rewritten, and only index.db knows. It is a hint, as it is for nats-server: what is
 *             malformed, or is of other blocks than those that came, is ignored, for the blocks alone
 *             make a whole stream too (a little fuller, until limits are applied).
 *             The file is parsed as it comes, field by field; subjects, times and sizes are passed over.
 * Bounds      a window of WINDOW bytes, and the dead sequences as ranges: BACKUP_INDEX_RANGES_MAX; a
 *             file with more is ignored.
 */
#ifndef STORE_BACKUP_BACKUP_INDEX_H
#define STORE_BACKUP_BACKUP_INDEX_H

#include "runtime/base/bytes.h"
#include "store/backup/highwayhash.h"

#define BACKUP_INDEX_RANGES_MAX ((uint32_t)1 << 20)
#define BACKUP_INDEX_WINDOW 600 /* more than the largest field: a node of a set, version 1 */

struct backup_range {
    uint64_t from;
    uint64_t to; /* too */
};

enum backup_index_state {
    BACKUP_INDEX_PARSING,
    BACKUP_INDEX_WHOLE,     /* all fields were there */
    BACKUP_INDEX_MALFORMED, /* the rest is passed over */
};

struct backup_index {
    enum backup_index_state state;
    unsigned field; /* the next one, enum field in the .c */
    unsigned version;
    uint64_t left; /* bytes that come before the trailing hash */
    struct highwayhash hash;
    unsigned char stored_hash[HIGHWAYHASH_SIZE];
    size_t stored_hash_size;
    unsigned char window[BACKUP_INDEX_WINDOW];
    size_t window_size;
    uint64_t skip; /* bytes of a subject */
    uint64_t subjects;
    uint64_t subject_total;
    uint64_t blocks;
    uint64_t block_first; /* of the block at hand */
    uint64_t block_last;
    uint64_t block_deleted;
    uint64_t nodes;     /* of its set */
    uint64_t next_live; /* all before it are in ranges, or live, or in the block at hand */

    /* What it says, when backup_index_end returned 0. */
    uint64_t first_seq;
    uint64_t last_seq;
    int64_t last_time_ns;
    uint32_t last_block;
    uint64_t last_hash;          /* of the last record in it */
    struct backup_range *ranges; /* given: the dead up to last_seq, in no order */
    uint32_t range_count;
    uint32_t range_capacity;
};

void backup_index_init(struct backup_index *x);
void backup_index_done(struct backup_index *x);
/* A file of `size` bytes comes. */
void backup_index_begin(struct backup_index *x, struct bytes stream, uint64_t size);
void backup_index_add(struct backup_index *x, struct bytes piece);
/* It has come. -EBADMSG: it says nothing that can be believed. */
int backup_index_end(struct backup_index *x) __attribute__((warn_unused_result));

#endif
