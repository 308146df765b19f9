/* SPDX-License-Identifier: Apache-2.0 */
/* retire.h -- how the subject index gives memory back while readers may still look at it.
 *
 * Two things are retired. Whole mallocs (tables, directories) carry a struct retired_block and are
 * freed once no reader is left. Objects of the pool, and positions in lists of subscribers, are
 * eight-byte items gathered into batches, so that one grace period pays for up to 512 of them.
 *
 * Items of an operation are only appended; a full batch goes to the reclaimer in retire_flush_full,
 * which the index calls as the last act of an operation. So a reclaimer that finds no reader and
 * releases at once never changes a structure under the operation that retires from it.
 *
 * All functions, and the reclaimer's done callbacks, run on the writer's side, one at a time.
 */
#ifndef INTEREST_RETIRE_H
#define INTEREST_RETIRE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/reclaim.h"

struct retire;
struct retire_batch;

enum {
    RETIRE_BATCH_ITEMS_MIN = 32,
    RETIRE_BATCH_ITEMS_MAX = 512,
    RETIRE_BATCH_BYTES_MAX = 64 * 1024, /* an open batch that pins more than this goes out early */
};

/* First member of a malloc that readers may hold. */
struct retired_block {
    struct reclaim_entry entry;
    struct retire *owner; /* borrowed */
};

struct retire_item {
    uint32_t id;   /* of an object in the pool */
    uint32_t what; /* the index's: the object itself, or a position in it */
};

typedef void retire_release_fn(void *context, struct retire_item item);
typedef void retire_closed_fn(void *context);

struct retire {
    struct reclaimer reclaimer;
    retire_release_fn *release; /* called for every item after its grace period */
    retire_closed_fn *closed;   /* called once, when closing and nothing is outstanding */
    void *context;
    struct retire_batch *open; /* takes items; NULL until the first one */
    struct retire_batch *full; /* waiting for the end of the operation */
    struct retire_batch *spare;
    uint32_t outstanding; /* entries with the reclaimer */
    uint32_t capacity;    /* of the next batch */
    size_t bytes;         /* pinned by items not yet released */
    size_t open_bytes;    /* of those, pinned by items that are not with the reclaimer */
    struct reclaim_entry closing;
};

void retire_init(struct retire *r, const struct reclaimer *reclaimer, retire_release_fn *release,
                 retire_closed_fn *closed, void *context);

/* Hands out the open batch too, then calls closed after the last grace period, maybe at once. */
void retire_close(struct retire *r);

/* Takes a malloc whose first member is `block`; it is freed. */
void retire_block(struct retire *r, struct retired_block *block);

/* `bytes` is what the item pins; the same number goes to retire_released later. */
void retire_item(struct retire *r, uint32_t id, uint32_t what, size_t bytes);

/* For the release callback: so many bytes are pinned no more. */
void retire_released(struct retire *r, size_t bytes);

/* Ends an operation: full batches go to the reclaimer. */
void retire_flush_full(struct retire *r);

/* All batches go to the reclaimer. */
void retire_flush(struct retire *r);

#endif
