/* SPDX-License-Identifier: Apache-2.0 */
/* run_build.h -- makes the bytes of a run out of entries in order, piece by piece.
 *
 * Idea        An open block for each level of the tree, and the filter; what is complete leaves as
 *             pieces of about RUN_PIECE_SIZE, which the caller takes, writes at their offsets and
 *             frees. The file is whole when all pieces are written and synced.
 * Invariants  1 keys rise; pieces follow one another without gaps
 *             2 what the index has for a block is higher than all keys before it and not higher
 *               than its first one
 * Bounds      the filter (10 bits a key that was announced), a block a level, pieces not taken yet.
 */
#ifndef STORE_TABLE_RUN_BUILD_H
#define STORE_TABLE_RUN_BUILD_H

#include "store/format/run.h"

#define RUN_PIECE_SIZE ((size_t)256 << 10)
#define RUN_KEYS_MAX ((uint64_t)1 << 32)

struct run_build;

/* A part of the file, whole blocks. */
struct run_piece {
    struct run_piece *next; /* the builder's */
    uint64_t offset;
    size_t size;
    char at[];
};

/* keys_expected sizes the filter; more keys make it less sharp, nothing else. */
struct run_build *run_build_new(uint64_t gid, uint64_t file, uint64_t keys_expected);
void run_build_free(struct run_build **b);

/* The key is higher than all before, with its table's byte; sizes are within run.h's limits. */
void run_build_add(struct run_build *b, struct bytes key, struct bytes value);
/* A slice of what comes after the last entry. -EINPROGRESS: take pieces, then again; 0: the end. */
int run_build_finish(struct run_build *b) __attribute__((warn_unused_result));

/* The next piece that is complete; NULL: none. Yours, to be freed with free. */
struct run_piece *run_build_take(struct run_build *b);
/* Whether one waits to be taken. */
bool run_build_has_piece(const struct run_build *b);

uint64_t run_build_entries(const struct run_build *b);
/* After the end: of the file. */
uint64_t run_build_size(const struct run_build *b);

#endif
