/* SPDX-License-Identifier: Apache-2.0 */
/* group_table.h -- the groups of a store, by number and by account and name.
 *
 * Idea        The numbers of groups rise and most of them live, so a vector in order of gid is the list, and
 *             finding one is a binary search. Names are found in an open-addressing table of places in it.
 * Bounds      24 bytes a group.
 */
#ifndef STORE_GROUP_TABLE_H
#define STORE_GROUP_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct store_group;

/* Zeroed but for the seed: empty. */
struct group_table {
    uint64_t seed;
    struct store_group **groups; /* given, the groups too; in order of gid */
    size_t count;
    size_t capacity;
    struct store_group **names; /* given: 2 to the power of bits, NULL: free */
    size_t names_size;
};

void group_table_done(struct group_table *t); /* the groups are the caller's to free before */
void group_table_add(struct group_table *t, struct store_group *g);
void group_table_remove(struct group_table *t, struct store_group *g);
struct store_group *group_table_find(const struct group_table *t, uint64_t gid);
struct store_group *group_table_find_name(const struct group_table *t, struct bytes account,
                                          struct bytes name);
/* The one with the lowest gid over this one; NULL: none. */
struct store_group *group_table_after(const struct group_table *t, uint64_t gid);

#endif
