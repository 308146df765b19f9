/* SPDX-License-Identifier: Apache-2.0 */
/* conf_tree.h -- building a tree of configuration values. For this folder only. */
#ifndef PROTOCOLS_CONF_CONF_TREE_H
#define PROTOCOLS_CONF_CONF_TREE_H

#include "protocols/conf/conf.h"
#include "runtime/base/arena.h"

struct conf_tree {
    struct arena arena; /* holds the texts, too */
    struct conf_node root;
};

struct conf_tree *conf_tree_new(void);

struct conf_group *conf_group_new(struct arena *arena);

/* May the value stand in this group? Not when it would make the tree deeper or larger than the bounds
 * (-ENAMETOOLONG, -E2BIG). */
int conf_group_admits(const struct conf_group *group, const struct conf_node *value)
    __attribute__((warn_unused_result));

/* Appends a copy of the value. */
void conf_group_push(struct arena *arena, struct conf_group *array, const struct conf_node *value);

/* Sets value->key to a copy of the value, in place of what the key had. */
void conf_group_set(struct arena *arena, struct conf_group *map, const struct conf_node *value);

#endif
