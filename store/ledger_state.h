/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_state.h -- what the files ledger*.c share: a ledger from inside.
 *
 *     NEW ──recover──► RECOVERING ──► READY ◄──► COMMITTING (with the rewrite that follows)
 *                                       └──close──► CLOSING ──► CLOSED
 *
 * Invariants  1 places and end tell what is durable in both copies of `current`, and nothing else
 *             2 every live record lies before end
 *             3 a commit is under way only with a ledger that the super block names
 *             4 `old` is there after a rewrite, until the super block names `current` and nobody reads it
 *             5 `building` is there during a rewrite only (or when one has failed the ledger)
 *             6 after an error nothing is written any more
 */
#ifndef STORE_LEDGER_STATE_H
#define STORE_LEDGER_STATE_H

#include "runtime/base/list.h"
#include "store/ledger.h"
#include "store/ledger_image.h"
#include "store/ledger_places.h"
#include "store/task.h"

#define LEDGER_PIECE_BYTES ((size_t)1 << 20) /* of an image before it is written */

/* Both copies of one ledger. */
struct ledger_pair {
    uint64_t number;
    struct disk_file *file[2]; /* NULL: not open */
    unsigned reads;            /* under way */
    bool forgotten;            /* goes when nobody reads it */
    char path[2][DISK_PATH_MAX];
};

/* Records that wait for a commit, bodies one after the other. */
struct ledger_batch {
    struct ledger_place *places; /* given; position: set when it is encoded */
    size_t count;
    size_t capacity;
    struct buffer bodies;
};

enum ledger_life {
    LEDGER_NEW,
    LEDGER_RECOVERING,
    LEDGER_READY,
    LEDGER_COMMITTING,
    LEDGER_CLOSING,
    LEDGER_CLOSED,
};

struct ledger_recovering;
struct ledger_rewriting;

typedef void ledger_rewritten_fn(struct ledger *l, int status);

struct ledger {
    struct ledger_options options;
    enum ledger_life life;
    int error;                    /* 0: none; for good */
    bool named;                   /* by the super block: commits are taken */
    struct ledger_pair *current;  /* given */
    struct ledger_pair *old;      /* given */
    struct ledger_pair *building; /* given */
    struct ledger_places places;
    struct ledger_end end;
    uint64_t rewrite_from; /* no rewrite of a smaller file: one has been given up */
    struct ledger_stats stats;

    struct task task; /* recovery, commit, rewrite, close: one at a time */
    struct task_io io[2];
    struct ledger_recovering *recovering; /* given */
    struct ledger_rewriting *rewriting;   /* given */
    struct ledger_batch put;

    struct ledger_batch committing; /* ledger_commit.c */
    struct ledger_image image;
    struct ledger_end committed_end;
    size_t encoded; /* of committing */
    size_t encoded_bytes;
    void (*commit_done)(void *context, int status);

    struct link reads; /* of struct reading: ledger_read.c */

    struct task retire; /* of old */
    struct task_io retire_io[2];
    struct task_io close_io[6];
    void (*close_done)(void *context, int status);
};

static inline struct ledger_identity ledger_identity(const struct ledger *l, uint64_t number)
{
    return (struct ledger_identity){l->options.store, number};
}

/* The ledger has failed; tells the owner, the first time. */
void ledger_fail(struct ledger *l, int error);

struct ledger_pair *ledger_pair_new(const struct ledger *l, uint64_t number);
void ledger_pair_free(struct ledger_pair **pair);
/* Submits the opens, and takes over what they opened: 0, or the first failure. */
void ledger_pair_open(struct ledger *l, struct ledger_pair *pair, uint32_t flags);
int ledger_pair_opened(struct ledger *l, struct ledger_pair *pair);

/* Writes the next piece of the image to both copies of the pair, or syncs both. */
void ledger_write_ready(struct ledger *l, struct ledger_pair *pair, struct ledger_image *image);
void ledger_sync_both(struct ledger *l, struct ledger_pair *pair);

/* Writes what lives to a new pair with this number, and makes it `current`. ended comes with 0 also when
 * it was given up; with a failure the ledger has not been failed yet. */
void ledger_rewrite(struct ledger *l, uint64_t number, ledger_rewritten_fn *ended);
bool ledger_wants_rewrite(const struct ledger *l);
void ledger_rewriting_free(struct ledger_rewriting **rewriting);
void ledger_recovering_free(struct ledger_recovering **recovering);

void ledger_batch_add(struct ledger_batch *b, const struct ledger_record *record);
void ledger_batch_done(struct ledger_batch *b);

/* A read has ended: what waited for it goes on. */
void ledger_reads_changed(struct ledger *l);
void ledger_readings_free(struct ledger *l);

#endif
