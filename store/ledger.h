/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h -- the catalogue of a store: which groups there are, and the last checkpoint of each.
 *
 * Idea        An append-only file in two copies (a-NNN, b-NNN). Changes collect, and one commit writes
 *             them as one block to both copies side by side, each synced. A record replaces the
 *             earlier one of its kind and group, whole: a checkpoint is never a difference. So what
 *             is live is two records a group, and a ledger that has grown to twice its live size (and
 *             over LEDGER_REWRITE_MIN) is written anew under the next number and replaces the old one.
 *             In memory stay the places of the live records, not the records.
 * Truth       of both copies: a block that is bad in one is taken from the other and repaired; blocks
 *             are chained by hashes and counted, so a missing one is seen. A torn end in both is the
 *             commit that was never told as done.
 * Failure     a failed write or sync of either copy fails the ledger for good; the owner fails the store.
 * Bounds      a record's body is at most LEDGER_BODY_MAX; 48 bytes of memory a group.
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/disk.h"

#define LEDGER_BODY_MAX ((uint32_t)16 << 20)
#define LEDGER_REWRITE_MIN ((uint64_t)4 << 20)

enum ledger_kind {
    LEDGER_GROUP = 1,      /* what the group is: format/group_record.h */
    LEDGER_CHECKPOINT = 2, /* its state: format/checkpoint.h */
    LEDGER_GONE =
        3, /* the group was deleted; its other records are dead; body: which entry said so */
    LEDGER_MAKING =
        4, /* gid's file about to exist: body is its name; dead after gid's next checkpoint */
    LEDGER_FLOOR = 5, /* gid 0: u64, the oldest journal position that is needed */
};

struct ledger;

struct ledger_options {
    const struct disk *disk;
    const char *folder; /* borrowed: .../ledger, exists */
    uint64_t store;     /* low 8 bytes of the store's uuid */
    uint32_t boot_epoch;
    void (*failed)(void *context, int error); /* once */
    void *context;
};

struct ledger *ledger_new(const struct ledger_options *options);
void ledger_free(struct ledger **ledger);

struct ledger_record {
    enum ledger_kind kind;
    uint64_t gid;
    struct bytes body; /* borrowed */
};

struct ledger_recovery {
    /* Every live record, when the ledger has been read; GROUPs and CHECKPOINTs by gid. */
    void (*record)(void *context, const struct ledger_record *record);
    /* 0; -EUCLEAN: read, but records are missing in both copies (`missing` blocks): the store must say
     * so and the groups it can not account for are damaged; else a negative errno. */
    void (*done)(void *context, int status, uint32_t missing);
};

/* number: that of the ledger's file in the super block; 0: make the first one. */
void ledger_recover(struct ledger *l, uint64_t number, const struct ledger_recovery *recovery);

/* Adds a record to the next commit; the body is copied. */
void ledger_put(struct ledger *l, const struct ledger_record *record);

/* Makes all that was put durable in both copies, then calls done(context, 0), or with the failure. One
 * at a time; it may rewrite the ledger, and then `number` of ledger_number changes before done. */
void ledger_commit(struct ledger *l, void (*done)(void *context, int status));
uint64_t ledger_number(const struct ledger *l);

/* Reads a live record again: done gets its body, borrowed for the call; -ENOENT: there is none. */
struct ledger_read {
    enum ledger_kind kind;
    uint64_t gid;
    void (*done)(struct ledger_read *read, int status, struct bytes body);
    void *context;
    void *io; /* the ledger's */
};
void ledger_read(struct ledger *l, struct ledger_read *read);

bool ledger_idle(const struct ledger *l);
void ledger_close(struct ledger *l, void (*done)(void *context, int status));

#endif
