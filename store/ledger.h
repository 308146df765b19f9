/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h -- the catalogue of a store: which groups there are, and the last checkpoint of each.
 *
 * Idea        An append-only file in two copies (a-NNN, b-NNN). Changes collect, and one commit writes
 *             them to both copies side by side, each synced. A record replaces the earlier one of its kind
 *             and group, whole: a checkpoint is never a difference. So what is live is two records a
 *             group, and a ledger that has grown past twice its live size (and LEDGER_REWRITE_MIN) is
 *             written anew under the next number. In memory stay the places of the live records, not the
 *             records.
 *
 *                 put, put ──► commit ──► done
 *                                 └─ has grown? ──► a-N+1, b-N+1 durable ──► done, number changed:
 *                                     owner saves the super block ──► ledger_forget_old ──► commit ...
 *
 * Truth       of both copies: a block that is bad in one is taken from the other and repaired at recovery;
 *             one that is bad in both, with a proof that it was durable, is counted as lost, and stays
 *             counted until the owner says that it has accounted for it. A torn end in both copies is the
 *             commit that was never told as done; one that is whole in either copy counts.
 * Rewriting   The commit that makes a ledger grow too large is durable in the old files before the new ones
 *             are begun, so that both numbers are the truth until the owner has saved one of them. No
 *             commit is taken in between: it could go to the one that is not named.
 * Failure     a failed write or sync of either copy fails the ledger for good; the owner fails the store.
 *             Reads go on. A rewrite for which there is no space, or that meets a record that neither copy
 *             has, is given up and tried again when the ledger has grown once more.
 * Bounds      a body is at most LEDGER_BODY_MAX, what is put before a commit LEDGER_COMMIT_BYTES_MAX; 64 to
 *             128 bytes of memory a group; recovery holds two windows of 1 MiB (or one record), and 32
 *             bytes a record of one commit.
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/disk.h"
#include "store/format/ledger_record.h"

#define LEDGER_REWRITE_MIN ((uint64_t)4 << 20)
#define LEDGER_COMMIT_BYTES_MAX ((uint64_t)256 << 20)

struct ledger;

struct ledger_options {
    const struct disk *disk;
    const char *folder;                       /* borrowed: .../ledger, exists */
    uint64_t store;                           /* low 8 bytes of the store's uuid */
    uint32_t boot_epoch;                      /* of this start: higher than all before, and saved */
    uint64_t rewrite_min;                     /* 0: LEDGER_REWRITE_MIN */
    void (*failed)(void *context, int error); /* once; before the commit that met it is answered */
    void *context;                            /* of all callbacks that have no other */
};

struct ledger *ledger_new(const struct ledger_options *options);
/* Closed, or the disk has dropped all that was under way. */
void ledger_free(struct ledger **ledger);

struct ledger_recovery {
    /* Every live record, in the order in which they were put: a CHECKPOINT may come before its GROUP, when
     * that was put again since. MAKINGs come after the CHECKPOINT of their group. GONEs are not told. */
    void (*record)(void *context, const struct ledger_record *record);
    /* 0. -EUCLEAN: read and in order, but `lost` blocks were lost in both copies and are not accounted
     * for: groups that are not there, or whose records are doubtful, may have had later ones.
     * -ENOENT: neither copy is there. -EBADMSG: not a block is readable, or they are of a later start than
     * this one. -ENOTSUP: of a later version. Or what the disk said. Then only reads (of nothing) and
     * close are left. */
    void (*done)(void *context, int status, uint32_t lost);
};

/* Once. number: that of a super block that is durable; 0: there is none, make the first ledger. */
void ledger_recover(struct ledger *l, uint64_t number, const struct ledger_recovery *recovery);

/* Adds a record to the next commit, also while one is under way; the body is copied. Not a LOST. */
void ledger_put(struct ledger *l, const struct ledger_record *record);
/* What has been put since the last commit began. */
uint64_t ledger_put_bytes(const struct ledger *l);
/* The owner has accounted for all that was lost; from the next commit on it is not told again. */
void ledger_settle(struct ledger *l);

/* Makes all that was put durable in both copies, then calls done(context, 0), or with the failure; at once
 * if nothing was put or the ledger has failed. One at a time. It may rewrite the ledger: then ledger_number
 * has changed when done is called, and the next commit needs ledger_forget_old first. */
void ledger_commit(struct ledger *l, void (*done)(void *context, int status));
uint64_t ledger_number(const struct ledger *l);
/* Whether the owner has yet to save ledger_number: after a recovery with number 0, and after a rewrite. */
bool ledger_is_unnamed(const struct ledger *l);
/* The super block that names ledger_number is durable: commits are taken, older files are removed. */
void ledger_forget_old(struct ledger *l);

/* Reads a live GROUP, CHECKPOINT or FLOOR again, from either copy. done gets its body, borrowed for the
 * call. -ENOENT: there is none, told at once. -EBADMSG, or the disk's word: neither copy has it. */
struct ledger_read {
    enum ledger_kind kind;
    uint64_t gid;
    void (*done)(struct ledger_read *read, int status, struct bytes body);
    void *context;
};
void ledger_read(struct ledger *l, struct ledger_read *read);

struct ledger_stats {
    uint64_t bytes; /* of one copy */
    uint64_t live_bytes;
    uint64_t groups;
    uint64_t records; /* that live */
    uint64_t commits;
    uint64_t written_bytes; /* to both copies, by commits and rewrites */
    uint64_t rewrites;
    uint64_t rewrites_given_up;
    uint64_t repaired_bytes; /* at recovery, in one copy from the other */
    uint64_t second_reads;   /* records that the first copy did not have right */
    uint32_t lost;           /* blocks, not accounted for */
};
void ledger_stats(const struct ledger *l, struct ledger_stats *ret);

/* Nothing is under way. */
bool ledger_idle(const struct ledger *l);
/* No commit is under way; ends with done when reads have ended and all files are closed. */
void ledger_close(struct ledger *l, void (*done)(void *context, int status));

/* Asserts the invariants (ledger_state.h). */
void ledger_check(const struct ledger *l);

#endif
