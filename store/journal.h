/* SPDX-License-Identifier: Apache-2.0 */
/* journal.h -- the one log of a store: what is in it and synced is durable, whichever group it is of.
 *
 * Idea        All groups append to the same journal. While one flush runs, records collect; then they
 *             go out as one block, one write, one sync: group commit. A journal file is built in
 *             memory (its *image*), at the offsets it has on disk; a flush writes a piece of the image.
 *             The image stays until the file is recycled, and so it is also where the tails of groups
 *             have their bodies: an appended body is copied once and never moves.
 *
 *                 position  ──────────────────────────────────────────────────────►
 *                 | file n-1: released, recycled | file n: image, on disk | file n+1: being filled |
 *                                  floor ────────┘   written ──┘ queued ──┘
 *
 *             A position is a byte's number since the store was made; file n holds the positions from
 *             n * file_bytes on. docs/formats/journal.md has every byte.
 * Orders      records are durable in the order of their appends, whatever group they are of
 * Durability  a block says how far earlier flushes were durable (`durable_to`). What is unreadable
 *             below the highest such mark is rot; the first unreadable block above it is a torn end.
 *             When nothing follows a flush within JOURNAL_BEAT_MS, an empty block carries the mark.
 * Failure     a failed write or sync fails the journal for good: appends are refused, nothing becomes
 *             durable any more, and the owner is told once.
 * Bounds      file_bytes a file; images of the files between floor and end (the owner drains groups
 *             and raises the floor, see journal_span); a record fits a block; a block is at most
 *             JOURNAL_BLOCK_BYTES_MAX, or one record.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/disk.h"
#include "store/format/entry.h"

#define JOURNAL_BLOCK_BYTES_MAX ((uint32_t)4 << 20)
#define JOURNAL_BEAT_MS 50

struct journal;

/* A group's part in a journal: inside the group, zeroed before the first append. */
struct journal_member {
    uint64_t gid;
    uint64_t block; /* position of the block that `slot` is of; the journal's */
    uint32_t slot;  /* in the footer of that block; the journal's */
};

/* What the owner is told, each in a turn of a disk request or of journal_flush; context comes first. */
struct journal_events {
    /* All entries of this group up to index are durable. Once a group and flush. */
    void (*durable)(void *context, struct journal_member *member, uint64_t index);
    /* A flush has ended: all positions below are durable. After the calls of `durable`. */
    void (*flushed)(void *context, uint64_t position);
    /* The journal has failed with this error, for good. Once. */
    void (*failed)(void *context, int error);
};

struct journal_options {
    const struct disk *disk;
    const char *folder;  /* borrowed for the journal's life: .../journal, exists */
    uint64_t store;      /* low 8 bytes of the store's uuid */
    uint32_t boot_epoch; /* of this start: higher than all before */
    uint64_t file_bytes; /* a multiple of 4096; 32 MiB as a rule */
    struct journal_events events;
    void *context;
};

struct journal *journal_new(const struct journal_options *options);
/* Nothing is under way, or the disk has dropped it. Files stay as they are. */
void journal_free(struct journal **journal);

/* --- recovery: once, before the first append ---------------------------------------------------- */

struct journal_rot {
    uint64_t gid; /* 0: of no group that can be told: any whose indexes do not join may be meant */
    uint64_t position;
    uint64_t index_first; /* what the footer says is lost; 0 with gid 0 */
    uint64_t index_last;
};

struct journal_recovery {
    /* Every whole record from floor on, in order of position. The body lies in an image and stays
     * until the journal is released past its position. A COPY comes as the record that it carries,
     * with `first_position` where that was first. */
    void (*record)(void *context, const struct entry *entry, uint64_t position,
                   uint64_t first_position);
    /* What is lost, after the records of the block. */
    void (*rot)(void *context, const struct journal_rot *rot);
    /* It is over: 0, and appends may begin at the end of the chain; or a negative errno. */
    void (*done)(void *context, int status);
};

/* Reads what is from floor on (0: a new store). `recovery` stays until done is called. */
void journal_recover(struct journal *j, uint64_t floor, const struct journal_recovery *recovery);

/* --- appending ------------------------------------------------------------------------------------ */

struct journal_place {
    struct bytes body; /* in the image, until the journal is released past it */
    uint64_t position; /* of the record */
};

/* Takes the entry behind all earlier ones; e->body is copied, body_hash must be right. 0; -EAGAIN: no
 * file is ready to take it (drain, or wait for `flushed`); -EIO: the journal has failed. A COPY is
 * appended by journal_copy. */
int journal_append(struct journal *j, struct journal_member *member, const struct entry *e,
                   struct journal_place *ret) __attribute__((warn_unused_result));
/* Carries an older record forward: the same entry, whose first place was first_position. */
int journal_copy(struct journal *j, struct journal_member *member, const struct entry *e,
                 uint64_t first_position, struct journal_place *ret)
    __attribute__((warn_unused_result));

/* Writes what has been appended, and with sync makes it durable; at once, or after the flush that is
 * under way. Call it at the end of a turn in which entries were appended. */
void journal_flush(struct journal *j, bool sync);
/* For the beat: when to call journal_tick next (UINT64_MAX: need not), and the call. */
uint64_t journal_due_ms(const struct journal *j);
void journal_tick(struct journal *j, uint64_t now_ms);

/* --- the span -------------------------------------------------------------------------------------- */

struct journal_span {
    uint64_t floor;   /* what is before is released */
    uint64_t durable; /* what is before is durable */
    uint64_t written;
    uint64_t end;      /* the next record comes here or later */
    uint64_t records;  /* between floor and end */
    uint64_t file_end; /* of the oldest file that is not released: drain up to here to release it */
    bool idle;         /* no request is under way */
};

void journal_span(const struct journal *j, struct journal_span *ret);
/* Nobody needs what is before: files that lie wholly below are recycled, their images are gone. With
 * `zero` they are zeroed on disk before they are used again (erased messages). */
void journal_release(struct journal *j, uint64_t floor, bool zero);

/* Ends with done(context, status) when nothing is under way and all files are closed. */
void journal_close(struct journal *j, void (*done)(void *context, int status));

#endif
