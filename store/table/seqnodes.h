/* SPDX-License-Identifier: Apache-2.0 */
/* seqnodes.h -- the nodes of a sequence set in order, and how many sequences stand before each.
 *
 * Idea        A vector of leaves, each a vector of at most SEQLEAF_NODES nodes; beside it sums over
 *             the leaves as a Fenwick tree. So an insertion moves at most a leaf, and a count needs
 *             one leaf and the logarithm of their number. The sums are made anew when leaves come
 *             or go, which is once in dozens of insertions.
 * Invariants  1 numbers rise, and no node reaches into the next
 *             2 no leaf is empty; two neighbours have more than half a leaf of nodes
 *             3 a leaf's count is that of its nodes; the sums are those of the leaves
 * Bounds      32 to 64 bytes a node.
 */
#ifndef STORE_TABLE_SEQNODES_H
#define STORE_TABLE_SEQNODES_H

#include "store/table/seqblock.h"

#define SEQLEAF_NODES 64u

struct seqleaf {
    struct seqblock *nodes; /* given */
    uint64_t first;         /* number of the first node */
    uint64_t count;         /* sequences in all nodes */
    uint16_t used;
    uint16_t capacity;
    bool changed; /* some node is; the set's */
};

/* Zeroed: empty. */
struct seqnodes {
    struct seqleaf *leaves; /* given */
    uint64_t *sums;         /* given: Fenwick tree over the leaves' counts, from 1 on */
    uint32_t count;         /* leaves */
    uint32_t capacity;
    uint64_t total; /* sequences */
    size_t memory;  /* of leaves and what nodes have beyond themselves */
};

/* Where a node is; until the next insertion or erasure. */
struct seqplace {
    uint32_t leaf;
    uint32_t index;
};

void seqnodes_done(struct seqnodes *n);

static inline struct seqblock *seqnodes_at(const struct seqnodes *n, struct seqplace p)
{
    return &n->leaves[p.leaf].nodes[p.index];
}

/* The last node whose number is at most this one. */
bool seqnodes_find(const struct seqnodes *n, uint64_t number, struct seqplace *ret);
bool seqnodes_first(const struct seqnodes *n, struct seqplace *ret);
bool seqnodes_next(const struct seqnodes *n, struct seqplace *p);

/* Takes the node; none has its number. Returns where it is. */
struct seqplace seqnodes_insert(struct seqnodes *n, const struct seqblock *node);
/* All nodes with numbers from..end-1; erased is called for each before it goes; may be NULL. */
typedef void seqnodes_erased_fn(void *context, const struct seqblock *node);
void seqnodes_erase(struct seqnodes *n, uint64_t from, uint64_t end, seqnodes_erased_fn *erased,
                    void *context);
/* The node at p has changed: how many more (fewer) sequences and bytes of memory it has. */
void seqnodes_changed(struct seqnodes *n, struct seqplace p, int64_t sequences, int64_t memory);
/* Sequences in the nodes before p. */
uint64_t seqnodes_before(const struct seqnodes *n, struct seqplace p);

void seqnodes_check(const struct seqnodes *n);

#endif
