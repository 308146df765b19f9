/* SPDX-License-Identifier: Apache-2.0 */
/* conf_tree.c -- groups of values, and the index of a large map's keys.
 *
 * Idea        A group is a list in the order of the text. A map of more than a few keys gets an open
 *             table of pointers into that list, doubled when half full and left behind in the arena.
 * Invariants  1. weight = 1 + sum of the children's, height = 1 + the highest child's; scalars have 1, 0.
 *                (A replaced value stays in the sums: they bound, they do not measure.)
 *             2. index->room is a power of two, and at most half of its slots are used.
 * Bounds      the arena keeps at most as many slots of old indexes as the newest has.
 */
#include "protocols/conf/conf_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"

enum { INDEX_FROM = 12, INDEX_ROOM_MIN = 64 };

struct conf_index {
    size_t room;
    struct conf_node *slots[];
};

struct conf_tree *conf_tree_new(void)
{
    struct conf_tree *tree = calloc(1, sizeof(*tree));
    CHECK(tree != NULL);
    arena_init(&tree->arena);
    tree->root.type = CONF_MAP;
    tree->root.file = "";
    tree->root.line = 1;
    tree->root.as.group = conf_group_new(&tree->arena);
    return tree;
}

void conf_free(struct conf_tree **tree)
{
    if (*tree == NULL)
        return;
    CHECK((*tree)->root.type == CONF_MAP);
    arena_done(&(*tree)->arena);
    free(*tree);
    *tree = NULL;
}

const struct conf_node *conf_root(const struct conf_tree *tree)
{
    return &tree->root;
}

struct conf_group *conf_group_new(struct arena *arena)
{
    struct conf_group *group = arena_alloc(arena, sizeof(*group));
    group->weight = 1;
    group->height = 1;
    return group;
}

static bool is_group(const struct conf_node *node)
{
    return node->type == CONF_MAP || node->type == CONF_ARRAY;
}

static size_t weight_of(const struct conf_node *node)
{
    return is_group(node) ? node->as.group->weight : 1;
}

static int height_of(const struct conf_node *node)
{
    return is_group(node) ? node->as.group->height : 0;
}

int conf_group_admits(const struct conf_group *group, const struct conf_node *value)
{
    DCHECK(group->weight <= CONF_NODES_MAX && weight_of(value) <= CONF_NODES_MAX);
    if (height_of(value) >= CONF_DEPTH_MAX)
        return -ENAMETOOLONG;
    if (group->weight + weight_of(value) > CONF_NODES_MAX)
        return -E2BIG;
    return 0;
}

static void account_for(struct conf_group *group, const struct conf_node *value)
{
    CHECK(conf_group_admits(group, value) == 0);
    group->weight += weight_of(value);
    if (group->height <= height_of(value))
        group->height = height_of(value) + 1;
    CHECK(group->height <= CONF_DEPTH_MAX);
}

static struct conf_node *append(struct arena *arena, struct conf_group *group,
                                const struct conf_node *value)
{
    struct conf_node *node = arena_alloc(arena, sizeof(*node));
    *node = *value;
    node->next = NULL;
    if (group->last != NULL)
        group->last->next = node;
    else
        group->first = node;
    group->last = node;
    group->count++;
    return node;
}

void conf_group_push(struct arena *arena, struct conf_group *array, const struct conf_node *value)
{
    DCHECK(value->key.size == 0);
    account_for(array, value);
    append(arena, array, value);
}

/* The slot of this key, or the empty one where it belongs. Keys are the operator's: no secret seed. */
static struct conf_node **slot_of(struct conf_index *index, struct bytes key)
{
    size_t mask = index->room - 1;
    DCHECK((index->room & mask) == 0);
    size_t i = hash_bytes(0, key.at, key.size) & mask;
    while (index->slots[i] != NULL && !bytes_equal(index->slots[i]->key, key))
        i = (i + 1) & mask;
    return &index->slots[i];
}

static void index_all(struct arena *arena, struct conf_group *map)
{
    size_t room = map->index == NULL ? INDEX_ROOM_MIN : 2 * map->index->room;
    map->index = arena_alloc(arena, sizeof(*map->index) + room * sizeof(map->index->slots[0]));
    map->index->room = room;
    for (struct conf_node *node = map->first; node != NULL; node = node->next) {
        struct conf_node **slot = slot_of(map->index, node->key);
        CHECK(*slot == NULL);
        *slot = node;
    }
}

struct conf_node *conf_find(const struct conf_group *map, struct bytes key)
{
    if (map->index != NULL)
        return *slot_of(map->index, key);
    for (struct conf_node *node = map->first; node != NULL; node = node->next)
        if (bytes_equal(node->key, key))
            return node;
    return NULL;
}

void conf_group_set(struct arena *arena, struct conf_group *map, const struct conf_node *value)
{
    account_for(map, value);
    struct conf_node *old = conf_find(map, value->key);
    if (old != NULL) {
        struct conf_node *next = old->next;
        *old = *value;
        old->next = next;
        return;
    }
    struct conf_node *node = append(arena, map, value);
    if (map->index == NULL && map->count < INDEX_FROM)
        return;
    if (map->index == NULL || 2 * map->count > map->index->room)
        index_all(arena, map);
    else
        *slot_of(map->index, node->key) = node;
    DCHECK(conf_find(map, value->key) == node);
}

bool conf_key_is(struct bytes key, const char *name)
{
    return key.size == strlen(name) && strncasecmp(key.at, name, key.size) == 0;
}

const char *conf_type_name(enum conf_type type)
{
    switch (type) {
    case CONF_STRING: return "string";
    case CONF_BOOL: return "bool";
    case CONF_INTEGER: return "int64";
    case CONF_FLOAT: return "float64";
    case CONF_DATETIME: return "time.Time";
    case CONF_ARRAY: return "[]interface {}";
    case CONF_MAP: return "map[string]interface {}";
    }
    UNREACHABLE("a type of no value");
}
