/* SPDX-License-Identifier: Apache-2.0 */
/* journal.h -- the one log of a store: what is in it and synced is durable, whichever group it
 * is of.
 *
 * Idea        All groups append to the same journal. While one flush runs, records collect; then
 *             they go out as one block, one write, one sync: group commit. A journal file is
 *             built in memory (its *image*), at the offsets it has on disk; a flush writes a
 *             piece of the image. The image stays until the file is recycled, and so it is also
 *             where the tails of groups have their bodies: an appended body is copied once and
 *             never moves.
 *
 *                 position  ──────────────────────────────────────────────────────►
 *                 | file n-1: released, recycled | file n: image, on disk | file n+1: being filled
 *                 |
 *                                  floor ────────┘   written ──┘ queued ──┘
 *
 *             A position is a byte's number since the store was made; file n holds the positions
 *             from n * file_bytes on. docs/formats/journal.md has every byte.
 * Orders      records are durable in the order of their appends, whatever group they are of
 * Durability  a block says how far earlier flushes were durable (`durable_to`). What is unreadable
 *             below the highest such mark is rot; the first unreadable block above it is a torn
 *             end. When nothing follows a flush within JOURNAL_BEAT_MS, an empty block carries
 *             the mark.
 * Failure     a failed write, sync or open fails the journal for good: appends are refused, nothing
 *             becomes durable any more, and the owner is told once. A disk that is full is no
 *             failure while there are files to go on with: see journal_full.
 * Bounds      file_bytes a file; images of the files between floor and end (the owner drains groups
 *             and raises the floor, see journal_span) and two more; JOURNAL_FILES_MAX files; a
 *             record fits a file; a block is at most JOURNAL_BLOCK_BYTES_MAX, or one record.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/disk.h"
#include "store/format/entry.h"

#define JOURNAL_BLOCK_BYTES_MAX ((uint32_t)4 << 20)
#define JOURNAL_BEAT_MS 50
#define JOURNAL_RETRY_MS 1000 /* a disk that was full is asked again */
#define JOURNAL_FILES_MAX 4096
#define JOURNAL_SPARES_MAX 8 /* files that are ready for reuse; more are removed */

struct journal;

/* A group's part in a journal: inside the group, zeroed but for gid before the first append. It
 * stays until `flushed` has told of all that was appended by it, or the journal has failed. All
 * but gid are the journal's. */
struct journal_member {
    uint64_t gid;   /* not 0 */
    uint64_t block; /* position of the block that `slot` is of, plus 1 */
    uint64_t index; /* of the last entry appended that has an index of its own */
    uint64_t told;  /* the flush in which the owner was told of it last */
    uint32_t slot;  /* in the footer of that block */
};

/* What the owner is told, each in a turn of a disk request; context comes first. */
struct journal_events {
    /* All entries of this group up to index are durable. Once a group and flush. Entries that
     * another append has replaced or cut meanwhile are not named. Transient kinds and copies are
     * not told of: see flushed. */
    void (*durable)(void *context, struct journal_member *member, uint64_t index);
    /* A flush has ended: all positions below are durable. After the calls of `durable`. */
    void (*flushed)(void *context, uint64_t position);
    /* The journal has failed with this error, for good. Once. */
    void (*failed)(void *context, int error);
    /* A file is ready to take records, or was zeroed, or journal_full has changed. May be NULL. */
    void (*ready)(void *context);
};

struct journal_options {
    const struct disk *disk;
    const char *folder;  /* borrowed for the journal's life: .../journal, exists */
    uint64_t store;      /* low 8 bytes of the store's uuid */
    uint32_t boot_epoch; /* of this start: higher than all before */
    uint64_t file_bytes; /* a multiple of 4096, at least two of them; 32 MiB as a rule */
    /* Seals in place the body of an entry that was appended as one to seal; behind it is room for
     * RECORD_SEAL_SIZE more bytes. Called when its block is on its way to the disk; the image
     * keeps the plain body. What it says, if not 0, fails the journal. NULL: there are none. */
    int (*seal)(void *context, const struct entry *e, char *body);
    struct journal_events events;
    void *context;
};

struct journal *journal_new(const struct journal_options *options);
/* Nothing is under way, or the disk has dropped it. Files stay as they are. */
void journal_free(struct journal **journal);

/* --- recovery: once, before the first append ------------------------------------------------ */

struct journal_rot {
    uint64_t gid; /* 0: of no group that can be told: any whose indexes do not join may be meant */
    uint64_t position;    /* of the block, or of the range, that is damaged */
    uint64_t end;         /* of it */
    uint64_t index_first; /* what is lost of the group; 0 with gid 0 */
    uint64_t index_last;
};

struct journal_recovery {
    /* Every whole record from floor on, in order of position. The body lies in an image and stays
     * until the journal is released past its position. A COPY comes as the record that it carries,
     * with `first_position` where that was first; of others it is the position. A sealed body
     * comes sealed; when all is over its owner may open it where it lies. */
    void (*record)(void *context, const struct entry *entry, uint64_t position,
                   uint64_t first_position);
    /* What is lost, after the records of the block. */
    void (*rot)(void *context, const struct journal_rot *rot);
    /* It is over: 0, and appends may begin at the end of the chain; or a negative errno. -ESTALE: a
     * later start has written here; -ENOTSUP: so has a later version; -EEXIST: two files claim the
     * same positions. */
    void (*done)(void *context, int status);
    void *context;
};

/* Reads what is from floor on (0: a new store). `recovery` stays until done is called. What is
 * delivered is on stable storage when done is called. */
void journal_recover(struct journal *j, uint64_t floor, const struct journal_recovery *recovery);

/* --- appending ------------------------------------------------------------------------------ */

struct journal_place {
    struct bytes body; /* in the image, until the journal is released past it */
    uint64_t position; /* of the record */
};

/* Takes the entry behind all earlier ones; e->body is copied, body_hash must be right. 0;
 * -EAGAIN: no file is ready to take it (drain, or wait for `ready`); -EMSGSIZE: it can not fit a
 * file; -EIO: the journal has failed. A COPY is appended by journal_copy. */
int journal_append(struct journal *j, struct journal_member *member, const struct entry *e,
                   struct journal_place *ret) __attribute__((warn_unused_result));
/* Carries an older record forward: the same entry, whose first place was first_position. */
int journal_copy(struct journal *j, struct journal_member *member, const struct entry *e,
                 uint64_t first_position, struct journal_place *ret)
    __attribute__((warn_unused_result));

/* Writes what has been appended, and with sync makes it durable; at once, or after the flush
 * that is under way. Call it at the end of a turn in which entries were appended. */
void journal_flush(struct journal *j, bool sync);
/* For the beat, and to ask a full disk again: when to call journal_tick next (0: in this turn,
 * to learn the time; UINT64_MAX: need not), and the call. */
uint64_t journal_due_ms(const struct journal *j);
void journal_tick(struct journal *j, uint64_t now_ms);

/* --- the span ------------------------------------------------------------------------------- */

struct journal_span {
    uint64_t floor;   /* what is before is released */
    uint64_t durable; /* what is before is durable */
    uint64_t written;
    uint64_t end;      /* the next record comes here or later */
    uint64_t records;  /* in the files from the floor's on */
    uint64_t file_end; /* of the oldest file that is not released: drain up to here to release it */
    uint32_t files;    /* with images */
    bool zeroing;      /* what journal_release was to zero is not all zeroed */
    bool idle;         /* no request is under way */
};

void journal_span(const struct journal *j, struct journal_span *ret);
/* Whether the last attempt to make another file found the disk full. It is repeated
 * (journal_tick), and released files serve in any case. */
bool journal_full(const struct journal *j);
/* The next record begins a new file, so that the one being filled can be released (erasing). 0,
 * also when there is nothing to leave; -EAGAIN and -EIO as journal_append. */
int journal_leave_file(struct journal *j) __attribute__((warn_unused_result));
/* Nobody needs what is before: files that lie wholly below are recycled, their images are gone.
 * The floor never falls, is durable, and is a record's position or one that journal_span has
 * said. With `zero`, what is left on disk of any released record is zeroed, of earlier releases,
 * too (erased messages): span.zeroing ends, and `ready` says so. */
void journal_release(struct journal *j, uint64_t floor, bool zero);

/* Ends with done(context, status) when nothing is under way and all files are closed. What was
 * appended and not flushed is gone. done may free the journal. */
void journal_close(struct journal *j, void (*done)(void *context, int status));

/* Asserts the invariants of journal_state.h. */
void journal_check(const struct journal *j);

#endif
