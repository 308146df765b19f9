/* SPDX-License-Identifier: Apache-2.0 */
/* filter_index.h -- which filters a literal subject matches, among very many.
 *
 * Idea        A filter hangs in a hash table under its *stem*, the tokens before its first
 *             wildcard. A subject has one possible stem a level: only levels at which some filter's
 *             stem ends are looked up, and what hangs there is compared.
 *
 *                 orders.*.new, orders.>    under  orders        level 1
 *                 device.17.state           under  all of it     level 3
 *                 *.audit, >                under  nothing       level 0
 *
 * Invariants  1 levels[n] counts the filters whose stem has n tokens
 * Bounds      STEM_TOKENS_MAX tokens of a stem count; a subject costs a look-up a level in use, and
 *             a comparison a filter with that stem.
 */
#ifndef STORE_GROUP_FILTER_INDEX_H
#define STORE_GROUP_FILTER_INDEX_H

#include <stdint.h>

#include "runtime/base/bytes.h"

#define STEM_TOKENS_MAX 32u

struct filter_group;

/* One filter; in the group's memory. */
struct filter_node {
    struct bytes filter; /* borrowed: the group's */
    struct filter_group *group;
    struct filter_node *next; /* under the same bucket */
    uint64_t stem_hash;
    uint32_t level;
};

struct filter_index {
    struct filter_node **buckets; /* given */
    uint32_t bucket_count;        /* a power of two; 0: none yet */
    uint32_t count;
    uint64_t seed;
    uint32_t levels[STEM_TOKENS_MAX + 1];
};

typedef void filter_visit_fn(void *context, struct filter_node *node);

void filter_index_init(struct filter_index *index, uint64_t seed);
void filter_index_done(struct filter_index *index);
/* node->filter and node->group are set. */
void filter_index_add(struct filter_index *index, struct filter_node *node);
void filter_index_remove(struct filter_index *index, struct filter_node *node);
/* The next node of exactly this filter behind `after` (NULL: the first); NULL: no more. */
struct filter_node *filter_index_find(const struct filter_index *index, struct bytes filter,
                                      const struct filter_node *after);
/* Every filter that matches, in no order. */
void filter_index_match(const struct filter_index *index, struct bytes subject,
                        filter_visit_fn *visit, void *context);

#endif
