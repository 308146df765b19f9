/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sim/sim_tree.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

/* --- inodes ----------------------------------------------------------------------------------- */

struct sim_inode *sim_inode_new(struct link *inodes, uint64_t number, bool directory)
{
    struct sim_inode *inode = calloc(1, sizeof *inode);
    CHECK(inode != NULL);
    inode->refs = 1;
    inode->number = number;
    inode->directory = directory;
    list_init(&inode->changes);
    list_push_back(inodes, &inode->link);
    return inode;
}

struct sim_inode *sim_inode_ref(struct sim_inode *inode)
{
    inode->refs++;
    return inode;
}

static void forget_changes(struct sim_inode *inode)
{
    struct link *at;
    while ((at = list_pop_front(&inode->changes)) != NULL)
        free(LIST_ENTRY(at, struct sim_change, link));
}

void sim_inode_unref(struct sim_inode **at)
{
    struct sim_inode *inode = *at;
    *at = NULL;
    if (inode == NULL)
        return;
    CHECK(inode->refs > 0);
    if (--inode->refs > 0)
        return;
    forget_changes(inode);
    sim_image_done(&inode->cached);
    sim_image_done(&inode->stored);
    list_remove(&inode->link);
    free(inode);
}

static struct sim_change *change_new(struct sim_inode *inode, uint64_t offset, uint64_t size,
                                     size_t data_size)
{
    struct sim_change *change = calloc(1, sizeof *change + data_size);
    CHECK(change != NULL);
    change->offset = offset;
    change->size = size;
    list_push_back(&inode->changes, &change->link);
    return change;
}

void sim_inode_write(struct sim_inode *inode, uint64_t offset, const void *at, size_t size)
{
    if (size == 0)
        return;
    struct sim_change *change = change_new(inode, offset, size, size);
    change->kind = SIM_WRITE;
    memcpy(change->data, at, size);
    sim_image_write(&inode->cached, offset, at, size);
}

void sim_inode_resize(struct sim_inode *inode, uint64_t size)
{
    change_new(inode, 0, size, 0)->kind = SIM_RESIZE;
    sim_image_resize(&inode->cached, size);
}

void sim_inode_allocate(struct sim_inode *inode, uint64_t offset, uint64_t size)
{
    change_new(inode, offset, size, 0)->kind = SIM_ALLOCATE;
    sim_image_allocate(&inode->cached, offset, size);
}

static void make_change(struct sim_image *image, const struct sim_change *change)
{
    switch (change->kind) {
    case SIM_WRITE:
        sim_image_write(image, change->offset, change->data, (size_t)change->size);
        break;
    case SIM_RESIZE: sim_image_resize(image, change->size); break;
    case SIM_ALLOCATE: sim_image_allocate(image, change->offset, change->size); break;
    }
}

void sim_inode_store(struct sim_inode *inode, const struct sim_change *change)
{
    make_change(&inode->stored, change);
}

void sim_inode_past_cache(const struct sim_inode *inode, struct sim_image *ret)
{
    sim_image_copy(ret, &inode->stored);
    for (const struct link *at = inode->changes.next; at != &inode->changes; at = at->next) {
        const struct sim_change *change = LIST_ENTRY(at, struct sim_change, link);
        if (!change->lost)
            make_change(ret, change);
    }
}

/* Changes that were lost stay in the list: what is stored differs from the cache for good. */
void sim_inode_sync(struct sim_inode *inode)
{
    struct link *at = inode->changes.next;
    while (at != &inode->changes) {
        struct sim_change *change = LIST_ENTRY(at, struct sim_change, link);
        at = at->next;
        if (change->lost)
            continue;
        sim_inode_store(inode, change);
        list_remove(&change->link);
        free(change);
    }
}

void sim_inode_reload(struct sim_inode *inode)
{
    forget_changes(inode);
    inode->locked_by = NULL;
    sim_image_copy(&inode->cached, &inode->stored);
}

/* --- paths ------------------------------------------------------------------------------------ */

void sim_path(char to[DISK_PATH_MAX], const char *path)
{
    size_t size = 0;
    while (*path != 0) {
        size_t part = strcspn(path, "/");
        if (part > 0 && !(part == 1 && path[0] == '.')) {
            CHECK(size + 1 + part < DISK_PATH_MAX);
            if (size > 0)
                to[size++] = '/';
            memcpy(to + size, path, part);
            size += part;
        }
        path += part + (path[part] == '/' ? 1 : 0);
    }
    to[size] = 0;
}

void sim_path_parent(char to[DISK_PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    memcpy(to, path, size);
    to[size] = 0;
}

const char *sim_path_child(const char *path, const char *directory)
{
    size_t size = strlen(directory);
    if (strncmp(path, directory, size) != 0 || (size > 0 && path[size] != '/'))
        return NULL;
    const char *name = path + size + (size > 0 ? 1 : 0);
    return *name == 0 || strchr(name, '/') != NULL ? NULL : name;
}

/* --- the table -------------------------------------------------------------------------------- */

/* Where path is, or would be. */
static uint32_t place_of(const struct sim_tree *tree, const char *path, bool *ret_found)
{
    uint32_t from = 0;
    uint32_t to = tree->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = strcmp(tree->entries[middle].path, path);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *ret_found = false;
    return from;
}

struct sim_inode *sim_tree_find(const struct sim_tree *tree, const char *path)
{
    bool found;
    uint32_t place = place_of(tree, path, &found);
    return found ? tree->entries[place].inode : NULL;
}

void sim_tree_put(struct sim_tree *tree, const char *path, struct sim_inode *inode)
{
    bool found;
    uint32_t place = place_of(tree, path, &found);
    sim_inode_ref(inode);
    if (found) {
        sim_inode_unref(&tree->entries[place].inode);
        tree->entries[place].inode = inode;
        return;
    }
    if (tree->count == tree->capacity) {
        tree->capacity = 2 * tree->capacity + 16;
        tree->entries = realloc(tree->entries, tree->capacity * sizeof tree->entries[0]);
        CHECK(tree->entries != NULL);
    }
    memmove(&tree->entries[place + 1], &tree->entries[place],
            (tree->count - place) * sizeof tree->entries[0]);
    tree->entries[place] = (struct sim_entry){strdup(path), inode};
    CHECK(tree->entries[place].path != NULL);
    tree->count++;
}

static void remove_at(struct sim_tree *tree, uint32_t place)
{
    sim_inode_unref(&tree->entries[place].inode);
    free(tree->entries[place].path);
    tree->count--;
    memmove(&tree->entries[place], &tree->entries[place + 1],
            (tree->count - place) * sizeof tree->entries[0]);
}

void sim_tree_remove(struct sim_tree *tree, const char *path)
{
    bool found;
    uint32_t place = place_of(tree, path, &found);
    if (found)
        remove_at(tree, place);
}

void sim_tree_done(struct sim_tree *tree)
{
    while (tree->count > 0)
        remove_at(tree, tree->count - 1);
    free(tree->entries);
    *tree = (struct sim_tree){0};
}

void sim_tree_copy(struct sim_tree *tree, const struct sim_tree *from)
{
    struct sim_tree copy = {0};
    for (uint32_t i = 0; i < from->count; i++)
        sim_tree_put(&copy, from->entries[i].path, from->entries[i].inode);
    sim_tree_done(tree);
    *tree = copy;
}

bool sim_tree_empty(const struct sim_tree *tree, const char *path)
{
    size_t size = strlen(path);
    for (uint32_t i = 0; i < tree->count; i++)
        if (strncmp(tree->entries[i].path, path, size) == 0 && tree->entries[i].path[size] == '/')
            return false;
    return true;
}

/* A parent sorts before what lies in it, so one pass sees parents first. */
void sim_tree_prune(struct sim_tree *tree)
{
    for (uint32_t i = 0; i < tree->count;) {
        char parent[DISK_PATH_MAX];
        sim_path_parent(parent, tree->entries[i].path);
        const struct sim_inode *inode = sim_tree_find(tree, parent);
        if (parent[0] == 0 || (inode != NULL && inode->directory))
            i++;
        else
            remove_at(tree, i);
    }
}

/* --- changes of names ------------------------------------------------------------------------- */

static struct sim_naming *naming_new(struct link *namings, const char *path,
                                     struct sim_inode *inode)
{
    struct sim_naming *naming = calloc(1, sizeof *naming);
    CHECK(naming != NULL && strlen(path) < DISK_PATH_MAX);
    memcpy(naming->path, path, strlen(path));
    naming->inode = inode == NULL ? NULL : sim_inode_ref(inode);
    list_push_back(namings, &naming->link);
    return naming;
}

void sim_naming_add(struct link *namings, const char *path, struct sim_inode *inode)
{
    (void)naming_new(namings, path, inode);
}

void sim_naming_add_rename(struct link *namings, const char *path, const char *to,
                           struct sim_inode *inode)
{
    struct sim_naming *naming = naming_new(namings, path, inode);
    CHECK(strlen(to) < DISK_PATH_MAX);
    memcpy(naming->to, to, strlen(to));
    naming->rename = true;
}

void sim_naming_free(struct sim_naming **at)
{
    list_remove(&(*at)->link);
    sim_inode_unref(&(*at)->inode);
    free(*at);
    *at = NULL;
}

void sim_naming_apply(const struct sim_naming *naming, struct sim_tree *tree)
{
    if (naming->inode == NULL || naming->rename)
        sim_tree_remove(tree, naming->path);
    if (naming->inode != NULL)
        sim_tree_put(tree, naming->rename ? naming->to : naming->path, naming->inode);
}

bool sim_naming_touches(const struct sim_naming *naming, const char *directory)
{
    return sim_path_child(naming->path, directory) != NULL ||
           (naming->rename && sim_path_child(naming->to, directory) != NULL);
}
