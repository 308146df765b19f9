/* SPDX-License-Identifier: Apache-2.0 */
/* journal_scan.h -- what the files of a journal say, once they are in memory. No I/O.
 *
 * Idea        Blocks form a chain: each begins where the one before it ends (or, when it did not
 *             fit there, with the next file), has its header's hash in `previous`, and no lower
 *             epoch. The scan follows the chain from the beginning of the floor's file and
 *             delivers records. Where the chain does not go on, the *mark* decides, the highest
 *             `durable_to` of any block of the ring:
 *
 *                 chain ──► block ──► block ──►  ✗  ····················  mark  ─ ─ ✗ ─ ─
 *                                             rot: told, and the chain is       the torn end:
 *                                             taken up again behind it          dropped
 *
 *             Behind rot the next block is known by its header, or by the copy of its header at its
 *             end; whatever stands whole between is used. A block with a whole header and damaged
 *             records is rot below the mark, and torn above.
 * Invariants  1 positions of what is delivered rise
 *             2 below the mark, every record is delivered, or lies in what is told as lost
 *             3 above the mark, blocks are delivered whole or not at all
 *             4 what a start dropped is not delivered by a later one: the blocks that replace it
 *               have a higher epoch, and the rest is zeroed before they are written
 *               (journal_scan_leftover)
 * Bounds      reads every page of every file once, and of damaged ranges every 8th byte; 56 bytes a
 *             group of a damaged block.
 */
#ifndef STORE_JOURNAL_SCAN_H
#define STORE_JOURNAL_SCAN_H

#include <stdint.h>

#include "store/format/block.h"
#include "store/format/record.h"
#include "store/journal.h"

struct journal_scan_file {
    uint64_t number;
    const char *image; /* file_bytes of it */
    uint64_t end;      /* set by the scan: offset behind the last block of the chain in it */
};

struct journal_scan {
    uint64_t store;
    uint64_t file_bytes;
    uint64_t floor;
    struct journal_scan_file *files; /* from the floor's on; numbers rise */
    uint32_t file_count;
    void (*record)(void *context, const struct record *record, uint64_t position);
    void (*rot)(void *context, const struct journal_rot *rot);
    void *context;
};

struct journal_scan_end {
    uint64_t position;   /* where the chain ends: of the next block, at least floor */
    uint64_t previous;   /* for its header */
    uint64_t durable_to; /* the mark as it was found */
    uint64_t torn_size;  /* of the block that was dropped at position, if its header is whole */
    uint32_t epoch;      /* the highest of any block, also of those that were dropped */
};

/* 0, or -ENOTSUP: a block or record of a version that is not known here; records may have been
 * told. */
int journal_scan(const struct journal_scan *scan, struct journal_scan_end *ret)
    __attribute__((warn_unused_result));

/* Which file of the journal an image is: the highest that a block in it speaks of. -ENOENT:
 * there is no block in it. */
int journal_scan_number(const char *image, uint64_t file_bytes, uint64_t store,
                        uint64_t *ret_number) __attribute__((warn_unused_result));

/* Whether anything in the image of file `number` could be taken for a block that begins at
 * offset `from` or behind it. */
bool journal_scan_leftover(const char *image, uint64_t file_bytes, uint64_t store, uint64_t number,
                           uint64_t from);

#endif
