/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_walk.h -- live records in the order of the file, each verified; from either copy.
 *
 * What is dead between them is read when it lies near, and passed when it does not.
 */
#ifndef STORE_LEDGER_WALK_H
#define STORE_LEDGER_WALK_H

#include "store/ledger_places.h"
#include "store/ledger_window.h"

struct ledger_walk {
    struct ledger_identity id;
    struct ledger_place *places; /* given */
    size_t count;
    size_t next;
    struct ledger_window window[2];
    uint64_t from_second; /* records that the first copy did not have right */
};

/* All that live in p, in the files up to end. */
void ledger_walk_init(struct ledger_walk *walk, const struct ledger_identity *id,
                      const struct ledger_places *p, struct disk_file *const file[2], uint64_t end);
void ledger_walk_done(struct ledger_walk *walk);

/* 0: the next record, its body borrowed until the next call. -ENOENT: that was all. -EAGAIN: a read was
 * submitted, call again when t runs. -EBADMSG, or the disk's word: neither copy has it. */
int ledger_walk_next(struct ledger_walk *walk, struct task *t, struct ledger_record *ret)
    __attribute__((warn_unused_result));

#endif
