/* SPDX-License-Identifier: Apache-2.0 */
/* segment_write.h -- finished chunks to the end of a segment, until they are durable.
 *
 *     open ──► write, write, ... ──► sync ──► sync of the folder, if the file is new ──► close ──► done
 *
 * Idea        One procedure for all that a drain has for one file, so the file is synced once. What a
 *             checkpoint named of it is not touched: chunks begin at the size it gave. Leftovers of an
 *             earlier start behind that are written over; nothing ever named them.
 * Failure     done is told the first failure, and then the file is abandoned: after a failed sync a later one
 *             proves nothing. The chunks are built again, for a file of another number.
 * Bounds      SEGMENT_WRITE_CHUNKS_MAX chunks; at most two requests a chunk under way.
 */
#ifndef STORE_SEGMENT_WRITE_H
#define STORE_SEGMENT_WRITE_H

#include "store/format/chunk.h"
#include "store/segment.h"
#include "store/task.h"

#define SEGMENT_WRITE_CHUNKS_MAX 256

struct segment_write;

struct segment_write_options {
    const struct disk *disk; /* borrowed */
    const char *folder;      /* borrowed until done: the group's, exists */
    uint64_t number;
    uint64_t offset; /* where the first chunk goes; 0: the file is new and must not exist */
    /* 0: all is durable, by name too. -EEXIST: something has this number. The write is freed by then. */
    void (*done)(void *context, int status);
    void *context;
};

struct segment_write *segment_write_new(const struct segment_write_options *options);
/* What finish of a builder at the end so far gave: the bytes are taken. */
void segment_write_add(struct segment_write *w, char **chunk, const struct chunk_info *info);
/* Where the next chunk goes, and how many there are. */
uint64_t segment_write_end(const struct segment_write *w);
uint32_t segment_write_count(const struct segment_write *w);
const struct chunk_info *segment_write_info(const struct segment_write *w, uint32_t i);
/* Begins; the write frees itself after done. With nothing to write done is called at once. */
void segment_write_start(struct segment_write *w);
/* One that was not started, or whose requests the disk has dropped. */
void segment_write_free(struct segment_write **w);

#endif
