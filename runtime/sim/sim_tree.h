/* SPDX-License-Identifier: Apache-2.0 */
/* sim_tree.h -- the inodes of a simulated disk, and the names that lead to them.
 *
 * Idea        Names are whole paths in one sorted table; the disk has two of them, what the system
 *             shows and what is stored. Changes of names go into the first at once and into a list;
 *             a sync of a directory, or a crash's luck, takes them over into the second. Bytes
 *             likewise: an inode has a cached and a stored image, and the list of changes between
 *             them.
 * Bounds      none of its own: a simulated disk holds what its scenario writes.
 */
#ifndef RUNTIME_SIM_SIM_TREE_H
#define RUNTIME_SIM_SIM_TREE_H

#include <stdbool.h>

#include "runtime/base/disk.h"
#include "runtime/base/list.h"
#include "runtime/sim/sim_image.h"

/* A change of an inode's bytes that is not stored yet. */
struct sim_change {
    struct link link;
    enum { SIM_WRITE, SIM_RESIZE, SIM_ALLOCATE } kind;
    bool lost; /* a failed sync has given it up: only the cache has it */
    uint64_t offset;
    uint64_t size;
    char data[]; /* SIM_WRITE */
};

struct sim_inode {
    struct link link; /* in the disk's inodes */
    uint32_t refs;    /* names in both trees, changes of names, open files */
    uint64_t number;
    bool directory;
    struct disk_file *locked_by;
    struct sim_image cached;
    struct sim_image stored;
    struct link changes; /* oldest first */
};

struct sim_inode *sim_inode_new(struct link *inodes, uint64_t number, bool directory);
struct sim_inode *sim_inode_ref(struct sim_inode *inode);
void sim_inode_unref(struct sim_inode **inode);

/* To the cached image and the list of changes. */
void sim_inode_write(struct sim_inode *inode, uint64_t offset, const void *at, size_t size);
void sim_inode_resize(struct sim_inode *inode, uint64_t size);
void sim_inode_allocate(struct sim_inode *inode, uint64_t offset, uint64_t size);

/* Takes change over into the stored image. */
void sim_inode_store(struct sim_inode *inode, const struct sim_change *change);
/* What a read past the cache finds: all but what a failed sync has lost. */
void sim_inode_past_cache(const struct sim_inode *inode, struct sim_image *ret);
/* All that is not lost is stored. */
void sim_inode_sync(struct sim_inode *inode);
/* The cache is gone: what is stored is all. */
void sim_inode_reload(struct sim_inode *inode);

/* --- names ------------------------------------------------------------------------------------ */

struct sim_entry {
    char *path; /* without leading, doubled and trailing slashes; the root is "" */
    struct sim_inode *inode;
};

struct sim_tree {
    struct sim_entry *entries; /* sorted by path */
    uint32_t count;
    uint32_t capacity;
};

void sim_tree_done(struct sim_tree *tree);
void sim_tree_copy(struct sim_tree *tree, const struct sim_tree *from);

struct sim_inode *sim_tree_find(const struct sim_tree *tree, const char *path); /* NULL: nothing */
void sim_tree_put(struct sim_tree *tree, const char *path, struct sim_inode *inode);
void sim_tree_remove(struct sim_tree *tree, const char *path);
bool sim_tree_empty(const struct sim_tree *tree, const char *path); /* no name lies below it */
/* Removes the names that no directory leads to. */
void sim_tree_prune(struct sim_tree *tree);

/* Writes path in its one form; "." and ".." as parts are no names here. */
void sim_path(char to[DISK_PATH_MAX], const char *path);
void sim_path_parent(char to[DISK_PATH_MAX], const char *path);
/* The name of path in directory, or NULL when it lies elsewhere or deeper. */
const char *sim_path_child(const char *path, const char *directory);

/* A change of names that is not stored yet. */
struct sim_naming {
    struct link link;
    struct sim_inode *inode; /* put: what; else NULL */
    bool rename;             /* put at `to`, and remove `path` */
    char path[DISK_PATH_MAX];
    char to[DISK_PATH_MAX];
};

/* Puts inode at path (or, with NULL, removes path), in the list. */
void sim_naming_add(struct link *namings, const char *path, struct sim_inode *inode);
void sim_naming_add_rename(struct link *namings, const char *path, const char *to,
                           struct sim_inode *inode);
void sim_naming_free(struct sim_naming **naming);
void sim_naming_apply(const struct sim_naming *naming, struct sim_tree *tree);
bool sim_naming_touches(const struct sim_naming *naming, const char *directory);

#endif
