/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_mend.h -- both copies of a ledger made whole again, after a scan.
 *
 * Idea        What one copy lacks is written to it from the other, and synced. Then the last commit is
 *             written once more over itself, to one copy after the other: it may have been read out of a
 *             cache that a failed sync left behind, and nothing but a new write brings that to the disk.
 *             At any time one copy is not being written.
 */
#ifndef STORE_LEDGER_MEND_H
#define STORE_LEDGER_MEND_H

#include "store/ledger_scan.h"

struct ledger_mend {
    struct disk_file *file[2];     /* borrowed */
    const char *folder;            /* borrowed: one of the files is new in it; NULL: none is */
    struct ledger_repair *repairs; /* given */
    size_t repair_count;
    uint64_t last_commit; /* UINT64_MAX: none */
    uint64_t end;
    size_t job;  /* the next one: a repair, their sync, the last commit in one copy, in the other */
    uint64_t at; /* of the job: this to `to` is to be copied */
    uint64_t to;
    unsigned source;
    unsigned targets; /* to sync when the job is done: bit n is copy n */
    unsigned target;
    unsigned step;
    uint64_t repaired_bytes;
    char *bytes; /* given: a piece */
    struct task_io io[3];
};

/* Takes the repairs out of the scan. */
void ledger_mend_init(struct ledger_mend *m, struct ledger_scan *scan,
                      struct disk_file *const file[2], const char *folder);
void ledger_mend_done(struct ledger_mend *m);
/* -EAGAIN: requests are under way, call again when t runs. 0: it is durable. Else the disk's word. */
int ledger_mend_run(struct ledger_mend *m, struct task *t) __attribute__((warn_unused_result));

#endif
