/* SPDX-License-Identifier: Apache-2.0 */
/* segment_scan.h -- a segment's file from end to end, a piece a step: for whoever moves, checks or mends it.
 *
 *     new ──► next ──► piece, next ──► piece, ... next ──► ended
 *
 * Idea        A piece is a chunk, or what lies where one should: it is found by its header, and behind a bad
 *             header by the next footer or header that is whole at its place. So all bytes of the file are in
 *             exactly one piece, and chunk_walk gets out of each what is whole. It reads past the pages: what
 *             is read once leaves no trace there.
 * Failure     a file that is shorter than it has to be reads as zeros behind its end. What the disk says is
 *             `ended`: nothing is known of the rest then, least of all that it is lost.
 * Bounds      one piece in memory, at most SEGMENT_PIECE_MAX; it is the caller who asks for the next.
 */
#ifndef STORE_SEGMENT_SCAN_H
#define STORE_SEGMENT_SCAN_H

#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/disk.h"
#include "store/format/chunk.h"

#define SEGMENT_PIECE_MAX (CHUNK_STORED_MAX + ((uint32_t)16 << 20))

struct segment_scan;

struct segment_scan_options {
    const struct disk *disk; /* borrowed */
    const char *folder;      /* borrowed while it is made */
    uint64_t gid;
    uint64_t number;
    uint64_t size; /* of the file, as its checkpoint says */
    /* Borrowed for the call, in which next or stop may be called. */
    void (*piece)(void *context, const struct chunk_place *place, struct bytes piece);
    /* 0: that was all; -ECANCELED: stopped; or the disk's word. The scan is freed by then. */
    void (*ended)(void *context, int status);
    void *context;
};

struct segment_scan *segment_scan_new(const struct segment_scan_options *options);
/* Not while the last one is under way. */
void segment_scan_next(struct segment_scan *scan);
void segment_scan_stop(struct segment_scan *scan);
/* The disk has dropped what was under way. */
void segment_scan_free(struct segment_scan **scan);

#endif
