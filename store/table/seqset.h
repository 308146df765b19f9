/* SPDX-License-Identifier: Apache-2.0 */
/* seqset.h -- a set of sequences: the dead ones of a stream, of whatever pattern, in little memory.
 *
 * Idea        Blocks of 4,096 sequences (seqblock.h) in order (seqnodes.h). Where nothing is in
 *             there is no node; where everything is, one node for as long as it goes on.
 *
 *                 floor   ALL x 800            BITS   (none)   FEW  MANY  ALL x 3
 *                   |=====================|::::|    |      |  . |=.==|=====|
 *
 *             Below the floor nothing is in, nor can be added. The set knows which nodes changed
 *             since it was saved, so that a checkpoint writes those alone; or it is written whole.
 * Invariants  1 two extents never touch: they would be one
 *             2 nothing below the floor is in
 *             3 a node that was saved under a number which has no node any more is among the gone,
 *               unless it lies below the floor
 * Bounds      24 to 576 bytes a node. SEQSET_END is higher than any sequence here.
 */
#ifndef STORE_TABLE_SEQSET_H
#define STORE_TABLE_SEQSET_H

#include "store/table/seqnodes.h"

#define SEQSET_END ((uint64_t)1 << 63)
#define SEQSET_NODES_MAX ((uint64_t)1 << 28) /* that a decoder takes */

struct seqset {
    struct seqnodes nodes;
    uint64_t floor;
    struct {
        uint64_t from; /* blocks from..end-1 are in `node`, or in none; from == end: no hint */
        uint64_t end;
        struct seqblock *node; /* NULL: nothing of them is in */
        struct seqplace place;
    } hint; /* where the last question fell */
    struct {
        uint64_t *numbers; /* given; in any order, maybe repeated */
        size_t count;
        size_t capacity;
    } gone; /* blocks that were saved and have no node of their own any more */
};

void seqset_init(struct seqset *s);
void seqset_done(struct seqset *s);
size_t seqset_memory(const struct seqset *s);

bool seqset_contains(struct seqset *s, uint64_t seq);
/* How many of from..to are in. */
uint64_t seqset_count(const struct seqset *s, uint64_t from, uint64_t to);
static inline uint64_t seqset_total(const struct seqset *s)
{
    return s->nodes.total;
}
/* The first at or after seq that is in; false: there is none. */
bool seqset_next(const struct seqset *s, uint64_t seq, uint64_t *ret);
/* The first at or after seq that is not. */
uint64_t seqset_next_out(const struct seqset *s, uint64_t seq);
/* The last at or before seq that is not; false: all of 0..seq are in. */
bool seqset_prev_out(const struct seqset *s, uint64_t seq, uint64_t *ret);

/* Whether it was not in before; false also below the floor. */
bool seqset_add(struct seqset *s, uint64_t seq);
/* All of from..to; returns how many were not in before. */
uint64_t seqset_add_range(struct seqset *s, uint64_t from, uint64_t to);
/* The floor rises to seq: what is below goes. */
void seqset_compact(struct seqset *s, uint64_t seq);

/* --- stored: docs/formats/run.md ------------------------------------------------------------- */

/* The nodes that changed since the last seqset_saved, by rising numbers; an empty value: no node
 * begins at this block any more. Values of blocks below the one of the floor are not mentioned:
 * whoever reads them ignores them (seqset_load does), and a merger may drop them. */
typedef void seqset_emit_fn(void *context, uint64_t block, struct bytes value);
void seqset_changed(const struct seqset *s, seqset_emit_fn *emit, void *context);
/* What seqset_changed told is kept now. */
void seqset_saved(struct seqset *s);
/* Nothing is kept any more: all will be told anew. */
void seqset_unsaved(struct seqset *s);
/* Into a set that was compacted to its floor and holds lower blocks only: one saved node.
 * -EBADMSG: not a value, or not in order. */
int seqset_load(struct seqset *s, uint64_t block, struct bytes value)
    __attribute__((warn_unused_result));

/* The whole set, floor and all. What is decoded counts as not saved. */
void seqset_encode(const struct seqset *s, struct buffer *out);
/* Into an empty one, which stays empty on failure. -EBADMSG; -ENOTSUP: of another version. */
int seqset_decode(struct seqset *s, struct bytes encoded) __attribute__((warn_unused_result));

void seqset_check(const struct seqset *s);

#endif
