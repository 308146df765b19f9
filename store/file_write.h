/* SPDX-License-Identifier: Apache-2.0 */
/* file_write.h -- a new file, piece by piece, until it is durable by content and by name.
 *
 *     open ──► write, write, ... ──► sync ──► sync of the folder ──► close ──► done
 *                  └─ a failure ──► close ──► remove ──► done
 *
 * Idea        For runs and state files, which are made in slices by whoever has turns: it asks whether there is
 *             room, adds a piece, and in the end says so. A file that fails is removed: nothing names it.
 * Bounds      FILE_WRITE_QUEUE_MAX bytes that are not written, or one piece.
 */
#ifndef STORE_FILE_WRITE_H
#define STORE_FILE_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/task.h"

#define FILE_WRITE_QUEUE_MAX ((uint64_t)4 << 20)

struct file_write;

struct file_write_options {
    const struct disk *disk; /* borrowed */
    const char *folder;      /* copied: exists */
    const char *path;        /* copied: in the folder; -EEXIST when it is there */
    /* After finish: 0, or the first failure. The write is freed by then. */
    void (*done)(void *context, int status);
    void *context;
};

/* Opens it. */
struct file_write *file_write_new(const struct file_write_options *options);
/* Nothing of it is under way, or the disk has dropped it. */
void file_write_free(struct file_write **w);

/* -EINPROGRESS: it is being opened; 0; or it has failed, and only finish is left. */
int file_write_status(const struct file_write *w);
/* It is open, and not much waits to be written. */
bool file_write_has_room(const struct file_write *w);
/* Writes size bytes at `at`, which lie in a block of malloc's that is taken. */
void file_write_add(struct file_write *w, void **block, const char *at, uint64_t offset,
                    uint64_t size);
/* status 0: that is all; else it is abandoned with this, also when it was finished before. done is called once,
 * perhaps at once. */
void file_write_finish(struct file_write *w, int status);

#endif
