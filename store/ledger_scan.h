/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_scan.h -- one pass over both copies of a ledger: what is in it, what is to be repaired.
 *
 * Idea        The copies hold the same blocks at the same offsets, so the pass looks at one position of
 *             both and takes whichever has the block that comes next in the chain. Where neither has
 *             it there is a gap, and the pass searches on, boundary by boundary:
 *
 *                 ──[block]──[block]──[ ? gap ? ]──[block that was made when the gap was durable]──
 *
 *             Such a block (its commit began after the one with the gap) proves that the gap was written:
 *             it is *lost*, and all good blocks around it count. Without a proof the gap is the torn
 *             end of a commit that was never told as done, and of this commit nothing counts.
 * Invariants  1 records count in the order of the file, and only those of a commit that is whole, or is
 *               proven, or is the first: a ledger that the super block names had its first commit durable
 *             2 a block counts only with its own hashes right, at its own position, of this ledger; without
 *               a gap before it, also only as the next in the chain, and never of an earlier epoch
 *             3 stored leftovers of torn commits prove nothing: the commits that they speak of began no
 *               later than where the ledger ends now
 * Bounds      two windows; 32 bytes a record of the commit that is being read; 32 bytes a damaged place.
 */
#ifndef STORE_LEDGER_SCAN_H
#define STORE_LEDGER_SCAN_H

#include "store/ledger_image.h"
#include "store/ledger_places.h"
#include "store/ledger_window.h"

/* A range that `bad` lacks and the other copy has. */
struct ledger_repair {
    uint64_t from;
    uint64_t to;
    unsigned bad; /* which copy: 0 or 1 */
};

/* What a commit holds, until it is known to count: a record, or blocks lost before position. */
struct ledger_pending {
    bool gap;
    uint32_t lost; /* of a gap, or of LEDGER_LOST */
    struct ledger_place place;
};

struct ledger_scan {
    struct ledger_identity id;
    struct ledger_window window[2];
    struct ledger_places places; /* of all that counts */

    uint64_t at;            /* what is looked at */
    struct ledger_end next; /* where the chain goes on, unless there is a gap */
    bool gap;               /* nothing that counts between next.position and at */
    uint32_t epoch;         /* of the last block that counted */
    uint32_t epoch_highest; /* of all seen, counted or not */
    uint64_t good_blocks;
    int error; /* why a copy could not be read where the other one has nothing; 0: nowhere so */

    struct ledger_end commit; /* where the commit begins that is being read */
    bool broken;              /* it has a gap: only a proof, or being the first, makes it count */
    uint64_t broken_end;      /* a broken commit whose last block was read ends here; else 0 */
    struct ledger_pending *pending; /* given */
    size_t pending_count;
    size_t pending_capacity;

    struct ledger_repair *repairs; /* given */
    size_t repair_count;
    size_t repair_capacity;
    uint64_t last_commit; /* whole, and nothing proves that it was told as done; UINT64_MAX: none */
};

/* The files are borrowed; NULL with end 0: this copy is not there. */
void ledger_scan_init(struct ledger_scan *scan, const struct ledger_identity *id,
                      struct disk_file *const file[2], const uint64_t end[2]);
void ledger_scan_done(struct ledger_scan *scan);

/* -EAGAIN: reads were submitted, call again when t runs. 0: places, repairs and commit (the ledger's end)
 * are right. -EBADMSG: no block is readable; -ENOTSUP: it is of a later version; -EIO or what the disk
 * said: a copy can not be read where the other one is damaged or ends, so that nobody knows what was
 * durable. Only what is readable in both, and wrong, is lost. */
int ledger_scan_run(struct ledger_scan *scan, struct task *t) __attribute__((warn_unused_result));

#endif
