/* SPDX-License-Identifier: Apache-2.0 */
/* journal_read.h -- a whole file into memory, as far as the disk gives it.
 *
 *     OPEN ──► READ, in pieces ──► CLOSE ──► done
 *
 * Idea        Reads go past the page cache where that can be done: after a failed sync it shows
 *             what the disk does not have. When the disk can not read a piece, the file is read
 *             again page by page, and what can not be had is zeros and noted: a bad sector costs
 *             a sector.
 */
#ifndef STORE_JOURNAL_READ_H
#define STORE_JOURNAL_READ_H

#include "store/task.h"

#define JOURNAL_READS_MAX 8 /* under way at once */

enum journal_read_step { READ_OPENED, READ_PIECES, READ_AGAIN, READ_CLOSED };

struct journal_read {
    struct task task;
    struct task_io io[JOURNAL_READS_MAX];
    enum journal_read_step step;
    struct disk_file *handle; /* given, until it is closed */
    char *image;              /* borrowed: `size` bytes, aligned for direct reads */
    uint64_t size;
    bool direct;
    bool careful;  /* page by page */
    uint64_t from; /* offset of the first piece that is read now */
    uint64_t next; /* behind the last one */
    int status;
    bool shorter;         /* the file is: zeros stand for the rest */
    uint64_t *unreadable; /* given: offsets of pages, rising */
    uint32_t unreadable_count;
    void (*done)(void *context, int status);
    void *context;
    char path[DISK_PATH_MAX]; /* set before begin */
};

/* Reads r->path. What is not named here is left of the reading before. */
void journal_read_begin(struct journal_read *r, const struct disk *disk, char *image, uint64_t size,
                        void (*done)(void *context, int status), void *context);
void journal_read_done(struct journal_read *r);

#endif
