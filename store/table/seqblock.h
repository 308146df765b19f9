/* SPDX-License-Identifier: Apache-2.0 */
/* seqblock.h -- which sequences of one block of 4,096 are in a set.
 *
 * Idea        How it is kept follows from how many are in, so equal contents have one form:
 *
 *                 1..64        FEW   the positions of those that are in
 *                 65..4031     BITS  a bit for each
 *                 4032..4095   MANY  the positions of those that are not
 *                 all          ALL   nothing; one such node stands for a whole extent of blocks
 *
 *             Up to four positions lie in the node itself. So a stream that keeps one message in a
 *             thousand pays 24 bytes for each 4,096 it has seen.
 * Invariants  1 the form is the one of the count; an empty block has no node
 *             2 positions rise and are below SEQBLOCK_SIZE
 * Bounds      24 bytes, and at most 512 more.
 */
#ifndef STORE_TABLE_SEQBLOCK_H
#define STORE_TABLE_SEQBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;

#define SEQBLOCK_SIZE 4096u
#define SEQBLOCK_LIST_MAX 64u
#define SEQBLOCK_NEAR 4u
#define SEQBLOCK_NUMBER_END ((uint64_t)1 << 51) /* sequences are below 2^63 */

/* Stored: docs/formats/run.md. */
enum seqblock_form {
    SEQBLOCK_FEW = 1,
    SEQBLOCK_MANY = 2,
    SEQBLOCK_BITS = 3,
    SEQBLOCK_ALL = 4,
};

struct seqblock {
    uint64_t number; /* sequence / SEQBLOCK_SIZE; of an extent its first */
    union {
        uint64_t extent;              /* ALL: how many blocks */
        uint16_t near[SEQBLOCK_NEAR]; /* FEW, MANY: up to SEQBLOCK_NEAR positions */
        uint16_t *list;               /* FEW, MANY: more; given */
        uint64_t *bits;               /* BITS; given */
    };
    uint16_t count; /* that are in; of an extent SEQBLOCK_SIZE */
    uint8_t form;   /* enum seqblock_form */
    bool changed;   /* since it was saved; the set's */
    bool saved;     /* under this number; the set's */
};

static inline uint64_t seqblock_end(const struct seqblock *b)
{
    return b->number + (b->form == SEQBLOCK_ALL ? b->extent : 1);
}

static inline uint64_t seqblock_total(const struct seqblock *b)
{
    return b->form == SEQBLOCK_ALL ? b->extent * SEQBLOCK_SIZE : b->count;
}

/* An empty one, which is in no set: it has no memory. */
void seqblock_init(struct seqblock *b, uint64_t number);
void seqblock_done(struct seqblock *b);
/* Beyond the node. */
size_t seqblock_memory(const struct seqblock *b);

/* Positions. Of an extent these are about its first block, which is as all others are. */
bool seqblock_has(const struct seqblock *b, uint32_t position);
/* Members below the position. */
uint32_t seqblock_rank(const struct seqblock *b, uint32_t position);
/* The first at or after it that is in (out); SEQBLOCK_SIZE: none. */
uint32_t seqblock_next_in(const struct seqblock *b, uint32_t position);
uint32_t seqblock_next_out(const struct seqblock *b, uint32_t position);
/* The last at or before it that is out; -1: none. */
int32_t seqblock_prev_out(const struct seqblock *b, uint32_t position);

/* Each returns how many were added or removed. What has become full is an extent of one. */
uint32_t seqblock_add(struct seqblock *b, uint32_t position);
uint32_t seqblock_add_range(struct seqblock *b, uint32_t from, uint32_t end);
uint32_t seqblock_remove_below(struct seqblock *b, uint32_t position);

/* The value of a block; form, then what belongs to it. */
void seqblock_write(const struct seqblock *b, struct buffer *out);
/* Fills an empty node. -EBADMSG: no value that seqblock_write makes. */
int seqblock_read(struct seqblock *b, struct bytes value) __attribute__((warn_unused_result));

void seqblock_check(const struct seqblock *b);

#endif
