/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/filter_index.h"

#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "runtime/base/hash.h"

#define BUCKETS_FIRST 8u

void filter_index_init(struct filter_index *index, uint64_t seed)
{
    *index = (struct filter_index){.seed = seed};
}

void filter_index_done(struct filter_index *index)
{
    CHECK(index->count == 0);
    free(index->buckets);
    index->buckets = NULL;
}

/* The stem of a filter: its size, with no dot at its end, and how many tokens it has. */
static size_t stem_of(struct bytes filter, uint32_t *ret_level)
{
    struct subject_walk walk = subject_walk(filter);
    struct bytes token;
    size_t size = 0;
    uint32_t level = 0;
    while (level < STEM_TOKENS_MAX && subject_next(&walk, &token)) {
        if (token_is_star(token) || token_is_rest(token))
            break;
        size = (size_t)(token.at + token.size - filter.at);
        level++;
    }
    *ret_level = level;
    return size;
}

static struct filter_node **bucket_of(const struct filter_index *index, uint64_t hash)
{
    return &index->buckets[hash & (index->bucket_count - 1)];
}

static void grow(struct filter_index *index)
{
    uint32_t old_count = index->bucket_count;
    struct filter_node **old = index->buckets;
    index->bucket_count = old_count == 0 ? BUCKETS_FIRST : old_count * 2;
    index->buckets = calloc(index->bucket_count, sizeof(struct filter_node *));
    CHECK(index->buckets != NULL);
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct filter_node *node = old[i];
            struct filter_node **bucket = bucket_of(index, node->stem_hash);
            old[i] = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    free(old);
}

void filter_index_add(struct filter_index *index, struct filter_node *node)
{
    if (index->count == index->bucket_count)
        grow(index);
    size_t size = stem_of(node->filter, &node->level);
    node->stem_hash = hash_bytes(index->seed, node->filter.at, size);
    struct filter_node **bucket = bucket_of(index, node->stem_hash);
    node->next = *bucket;
    *bucket = node;
    index->count++;
    index->levels[node->level]++;
}

void filter_index_remove(struct filter_index *index, struct filter_node *node)
{
    struct filter_node **at = bucket_of(index, node->stem_hash);
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    node->next = NULL;
    index->count--;
    index->levels[node->level]--;
}

struct filter_node *filter_index_find(const struct filter_index *index, struct bytes filter,
                                      const struct filter_node *after)
{
    if (index->count == 0)
        return NULL;
    uint32_t level;
    uint64_t hash = hash_bytes(index->seed, filter.at, stem_of(filter, &level));
    struct filter_node *node = after == NULL ? *bucket_of(index, hash) : after->next;
    while (node != NULL && !bytes_equal(node->filter, filter))
        node = node->next;
    return node;
}

static void match_level(const struct filter_index *index, uint32_t level, struct bytes stem,
                        struct bytes subject, filter_visit_fn *visit, void *context)
{
    if (index->levels[level] == 0)
        return;
    uint64_t hash = hash_bytes(index->seed, stem.at, stem.size);
    struct filter_node *next;
    for (struct filter_node *node = *bucket_of(index, hash); node != NULL; node = next) {
        next = node->next;
        if (node->stem_hash == hash && node->level == level &&
            subject_matches(node->filter, subject))
            visit(context, node);
    }
}

void filter_index_match(const struct filter_index *index, struct bytes subject,
                        filter_visit_fn *visit, void *context)
{
    if (index->count == 0)
        return;
    struct subject_walk walk = subject_walk(subject);
    struct bytes token;
    match_level(index, 0, (struct bytes){subject.at, 0}, subject, visit, context);
    for (uint32_t level = 1; level <= STEM_TOKENS_MAX && subject_next(&walk, &token); level++) {
        size_t size = (size_t)(token.at + token.size - subject.at);
        match_level(index, level, (struct bytes){subject.at, size}, subject, visit, context);
    }
}
