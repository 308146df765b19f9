/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h -- the open batches of a worker during one read: which target gets what.
 *
 * Idea        A publisher's read runs to its end in one turn, so one outbox a worker serves all its
 *             publishers. A small open-addressing map finds a target's open batch; it is emptied by
 *             advancing a number. At the end of the read each batch is pushed once.
 * Bounds      OUTBOX_BYTES_MAX of private bytes or OUTBOX_TARGETS_MAX targets, then it is flushed early.
 */
#ifndef DELIVERY_OUTBOX_H
#define DELIVERY_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/batch.h"

#define OUTBOX_BYTES_MAX ((uint64_t)4 << 20)
#define OUTBOX_TARGETS_MAX 1024

struct outbox_entry {
    uint64_t turn;
    struct batch *batch;
};

struct outbox {
    uint64_t turn;
    uint32_t mask;
    uint32_t open_count;
    struct outbox_entry *map;
    struct batch *open[OUTBOX_TARGETS_MAX];
    uint64_t bytes;   /* private bytes of the open batches */
    uint32_t pressed; /* targets under pressure that were written to: the publisher is held */
    bool full;        /* one of them is full */
};

/* The worker's own. */
struct outbox *outbox_here(void);

/* The target's open batch; NULL when it is closed or gone. Good until the next call, as it may flush
 * when there is too much. */
struct batch *outbox_batch(struct outbox *outbox, struct actor_ref to);

/* Pushes all open batches. */
void outbox_flush(struct outbox *outbox);

#endif
