/* SPDX-License-Identifier: Apache-2.0 */
/* journal_state.h -- what the files journal*.c share: a journal from inside.
 *
 *     journal.c          blocks: opened, filled by appends, closed
 *     journal_flush.c    what is closed goes to the disk, and who is told
 *     journal_seal.c     what of it is encrypted on its way
 *     journal_beat.c     what is closed in silence
 *     journal_ring.c     files: make, zero, reuse, remove; release
 *     journal_recover.c  reading them at the start
 *     journal_span.c     how far all is; closing; the invariants
 *
 * A file of the folder is *live* (it holds positions from the floor on, and has an image), or a
 * *spare* (whatever it holds is released), or the *job* of the ring (being made, or removed).
 *
 * Invariants  1 live files are in order of their numbers; records are appended to the last
 *             2 of each, synced <= written <= closed <= file_bytes, all multiples of
 *               BLOCK_ALIGN; only the last may have an open block behind `closed`
 *             3 the blocks in `closed_blocks` are those behind `durable`, in order, without the
 *               open one
 *             4 floor <= durable <= written <= end
 *             5 what a zeroing request is to write lies behind `closed` of its file while it is
 *               under way, and no flush of that file is
 *             6 nothing that is under way outlives `closing`
 */
#ifndef STORE_JOURNAL_STATE_H
#define STORE_JOURNAL_STATE_H

#include "runtime/base/list.h"
#include "store/format/block.h"
#include "store/format/footer.h"
#include "store/journal.h"
#include "store/task.h"

#define JOURNAL_IMAGES_KEPT 2

struct journal_file {
    struct link link;         /* in live or spares */
    uint64_t number;          /* live: which file of the journal it is */
    uint32_t physical;        /* its name: j-%05u */
    struct disk_file *handle; /* given; NULL: not open */
    char *image;              /* live: given */
    uint64_t closed;          /* bytes in closed blocks; the rest is zeros or leftovers */
    uint64_t written;         /* of them, ended */
    uint64_t synced;          /* likewise */
    uint64_t records;         /* in it */
    bool clean;               /* behind `closed` are zeros on disk; of a spare: everywhere */
    bool zero;                /* is to be made clean; a spare is not used before */
};

/* A member's part in a block. */
struct journal_slot {
    struct journal_member *member; /* borrowed */
    uint64_t latest;               /* index to tell when durable; 0: nothing */
    struct footer_slot footer;
};

struct journal_block {
    struct link link; /* in closed_blocks or telling */
    uint64_t position;
    uint64_t end; /* closed: its position's end */
    uint32_t records;
    uint32_t to_seal; /* of them */
    uint32_t count;   /* of slots */
    uint32_t capacity;
    struct journal_slot *slots; /* given */
};

/* One write and sync, of one file. */
struct journal_flush {
    struct task task;
    struct task_io io;
    struct journal_file *file; /* borrowed: live */
    uint64_t to;               /* offset: what is written, or synced */
    char *sealed;              /* given: what is written when it differs from the image */
    uint64_t sealed_capacity;
    bool from_sealed; /* it does */
    enum { FLUSH_IDLE, FLUSH_WRITING, FLUSH_SYNCING, FLUSH_TELLING } state;
    bool sync;
};

enum journal_job {
    RING_IDLE,
    RING_MAKE,   /* a new file */
    RING_UNMAKE, /* a half-made one, after ENOSPC */
    RING_ZERO,   /* behind `closed` */
    RING_REMOVE, /* a spare too many */
};

/* Work on files, one job at a time. */
struct journal_ring {
    struct task task;
    struct task_io io;
    enum journal_job job;
    struct journal_file *file; /* RING_ZERO: borrowed; else given */
    uint64_t at;               /* offset of what is written */
    char *zeros;               /* given; while one is filled */
    bool full;                 /* no space for another file */
    char path[DISK_PATH_MAX];
};

struct journal {
    struct journal_options options;
    bool recovered;
    bool failed;
    int error;    /* with which */
    bool beating; /* the block that is closed next may be empty */
    void (*closing)(void *context, int status);
    struct journal_recover *recover; /* given; while it runs */

    struct link live;
    struct link spares;
    char *images[JOURNAL_IMAGES_KEPT]; /* given; or NULL */

    /* the block that is being filled; room is 0 when there is none */
    struct journal_block *open; /* given */
    char *at;                   /* in the image: where the next record goes */
    uint64_t position;          /* of it */
    uint64_t used;              /* bytes of records and of the footer's table */
    uint64_t room;              /* for both */
    uint64_t seed;              /* record_seed of this start */

    struct link closed_blocks;
    struct link telling;     /* blocks that have become durable, while the owner is told */
    struct link free_blocks; /* a few, for reuse */

    uint64_t floor;
    uint64_t end;         /* where the next block begins, if it fits the file */
    uint64_t closed_to;   /* end of the last closed block: end, or in the file before */
    uint64_t written;     /* end of the last block that was written */
    uint64_t durable;     /* end of the last block that is durable */
    uint64_t previous;    /* header hash of the last closed block */
    uint64_t marked;      /* durable_to of the last closed block */
    uint64_t records_end; /* of the last closed block that has records */

    bool write_wanted; /* asked for, and not yet begun */
    bool sync_wanted;
    uint64_t write_to; /* goals of the flush that is under way */
    uint64_t sync_to;
    uint64_t flushes; /* synced, so far */

    uint64_t due_ms;   /* of the beat; UINT64_MAX: none is needed; 0: the time is not known yet */
    bool moved;        /* something was flushed since due_ms was set */
    uint64_t retry_ms; /* as due_ms, while the disk is full */

    struct journal_flush flush;
    struct journal_ring ring;
    struct task task; /* closing files */
    struct task_io io;
};

static inline struct journal_file *journal_file_of(struct link *link)
{
    return LIST_ENTRY(link, struct journal_file, link);
}

static inline struct journal_block *journal_block_of(struct link *link)
{
    return LIST_ENTRY(link, struct journal_block, link);
}

/* The file that records are appended to; NULL: none yet. */
static inline struct journal_file *journal_last_file(const struct journal *j)
{
    return list_empty(&j->live) ? NULL : journal_file_of(j->live.prev);
}

static inline uint64_t journal_file_begin(const struct journal *j, const struct journal_file *f)
{
    return f->number * j->options.file_bytes;
}

/* journal.c */
/* Begins a block with room for `need` bytes of records and table; -EAGAIN: no file is ready. */
int journal_open_block(struct journal *j, uint64_t need) __attribute__((warn_unused_result));
/* The open block, if it has anything, waits in closed_blocks to be flushed. */
void journal_close_block(struct journal *j);
void journal_block_recycle(struct journal *j, struct journal_block **block);
void journal_fail(struct journal *j, int error);

/* journal_beat.c */
void journal_note_beat(struct journal *j); /* after a flush */

/* journal_span.c */
/* What is before is durable, and nothing will ever be between it and the next block that is not. */
uint64_t journal_durable(const struct journal *j);
/* Something has ended: recovery and closing go on. The last thing that a turn does: whoever is told
 * may free the journal. */
void journal_settle(struct journal *j);

/* journal_flush.c */
void journal_flush_init(struct journal *j);
void journal_flush_next(struct journal *j);

/* journal_seal.c: before what the flush has of its file is written, and after. */
int journal_seal(struct journal *j) __attribute__((warn_unused_result));
void journal_seal_done(struct journal *j);

/* journal_ring.c */
void journal_ring_init(struct journal *j);
void journal_ring_next(struct journal *j); /* begins a job, if there is one and none runs */
/* The next file to append to: number, with a fresh image; false: none is ready. */
bool journal_ring_take(struct journal *j, uint64_t number);
struct journal_file *journal_file_new(uint32_t physical);
void journal_file_free(struct journal *j, struct journal_file **file);
char *journal_image_take(struct journal *j);
void journal_image_give(struct journal *j, char **image);
void journal_path(const struct journal *j, uint32_t physical, char path[DISK_PATH_MAX]);

/* journal_recover.c */
void journal_recover_settle(struct journal *j);
void journal_recover_free(struct journal_recover **recover);

#endif
