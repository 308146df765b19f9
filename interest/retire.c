/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/retire.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/list.h"

struct retire_batch {
    struct reclaim_entry entry;
    struct retire *owner;
    struct retire_batch *next; /* among the full ones */
    uint32_t count;
    uint32_t capacity;
    struct retire_item items[];
};

void retire_init(struct retire *r, const struct reclaimer *reclaimer, retire_release_fn *release,
                 retire_closed_fn *closed, void *context)
{
    CHECK(reclaimer != NULL && reclaimer->defer != NULL);
    *r = (struct retire){
        .reclaimer = *reclaimer,
        .release = release,
        .closed = closed,
        .context = context,
        .capacity = RETIRE_BATCH_ITEMS_MIN,
    };
}

static void defer(struct retire *r, struct reclaim_entry *entry, reclaim_done_fn *done)
{
    entry->done = done;
    r->outstanding++;
    r->reclaimer.defer(r->reclaimer.context, entry);
}

/* An entry came back. Nothing may touch r after this: closed frees it. */
static void settle(struct retire *r)
{
    CHECK(r->outstanding > 0);
    r->outstanding--;
    if (r->outstanding == 0 && r->closing.done != NULL)
        r->closed(r->context);
}

static void on_closing_done(struct reclaim_entry *entry)
{
    settle(LIST_ENTRY(entry, struct retire, closing));
}

void retire_close(struct retire *r)
{
    CHECK(r->closing.done == NULL);
    /* The reclaimer may be done with each at once: one is held back so that closed comes last. */
    r->outstanding++;
    retire_flush(r);
    free(r->open);
    free(r->spare);
    r->open = NULL;
    r->spare = NULL;
    defer(r, &r->closing, on_closing_done);
    settle(r);
}

static void on_block_done(struct reclaim_entry *entry)
{
    struct retired_block *block = LIST_ENTRY(entry, struct retired_block, entry);
    struct retire *r = block->owner;
    free(block);
    settle(r);
}

void retire_block(struct retire *r, struct retired_block *block)
{
    block->owner = r;
    defer(r, &block->entry, on_block_done);
}

static void on_batch_done(struct reclaim_entry *entry)
{
    struct retire_batch *batch = LIST_ENTRY(entry, struct retire_batch, entry);
    struct retire *r = batch->owner;
    for (uint32_t i = 0; i < batch->count; i++)
        r->release(r->context, batch->items[i]);
    if (r->spare == NULL && r->closing.done == NULL && batch->capacity >= r->capacity) {
        r->spare = batch;
    } else {
        free(batch);
    }
    settle(r);
}

static struct retire_batch *batch_new(struct retire *r)
{
    struct retire_batch *batch = r->spare;
    r->spare = NULL;
    if (batch == NULL) {
        batch = malloc(sizeof(*batch) + r->capacity * sizeof(batch->items[0]));
        CHECK(batch != NULL);
        batch->owner = r;
        batch->capacity = r->capacity;
    }
    batch->count = 0;
    batch->next = NULL;
    return batch;
}

void retire_item(struct retire *r, uint32_t id, uint32_t what, size_t bytes)
{
    DCHECK(id != 0);
    if (r->open == NULL)
        r->open = batch_new(r);
    struct retire_batch *batch = r->open;
    CHECK(batch->count < batch->capacity);
    batch->items[batch->count++] = (struct retire_item){id, what};
    r->bytes += bytes;
    r->open_bytes += bytes;
    if (batch->count == batch->capacity || r->open_bytes > RETIRE_BATCH_BYTES_MAX) {
        if (batch->count == batch->capacity && r->capacity < RETIRE_BATCH_ITEMS_MAX)
            r->capacity *= 2;
        batch->next = r->full;
        r->full = batch;
        r->open = NULL;
        r->open_bytes = 0;
    }
}

void retire_released(struct retire *r, size_t bytes)
{
    CHECK(r->bytes >= bytes);
    r->bytes -= bytes;
}

void retire_flush_full(struct retire *r)
{
    while (r->full != NULL) {
        struct retire_batch *batch = r->full;
        r->full = batch->next;
        defer(r, &batch->entry, on_batch_done);
    }
}

void retire_flush(struct retire *r)
{
    struct retire_batch *batch = r->open;
    if (batch != NULL && batch->count > 0) {
        batch->next = r->full;
        r->full = batch;
        r->open = NULL;
        r->open_bytes = 0;
    }
    retire_flush_full(r);
}
