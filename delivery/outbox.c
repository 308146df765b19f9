/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/outbox.h"

#include "delivery/locals.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/base/hash.h"

#define MAP_SIZE (OUTBOX_TARGETS_MAX * 2)

static void *outbox_make(void)
{
    struct outbox *outbox = mem_alloc(sizeof *outbox);
    outbox->map = mem_alloc(MAP_SIZE * sizeof *outbox->map);
    outbox->mask = MAP_SIZE - 1;
    outbox->turn = 1;
    return outbox;
}

static void outbox_free(void *state)
{
    struct outbox *outbox = state;
    CHECK(outbox->open_count == 0);
    mem_free(outbox->map);
    mem_free(outbox);
}

struct outbox *outbox_here(void)
{
    return worker_local(LOCAL_OUTBOX, outbox_make, outbox_free);
}

struct batch *outbox_batch(struct outbox *outbox, struct actor_ref to)
{
    if (outbox->bytes >= OUTBOX_BYTES_MAX)
        outbox_flush(outbox);
    uint32_t at = (uint32_t)hash_u64(to.id) & outbox->mask;
    for (; outbox->map[at].turn == outbox->turn; at = (at + 1) & outbox->mask)
        if (ref_equal(outbox->map[at].batch->to, to))
            return outbox->map[at].batch;
    enum pressure pressure = actor_pressure(to);
    if (pressure == PRESSURE_CLOSED)
        return NULL;
    if (outbox->open_count == OUTBOX_TARGETS_MAX) {
        outbox_flush(outbox);
        at = (uint32_t)hash_u64(to.id) & outbox->mask;
    }
    if (pressure != PRESSURE_CALM) {
        outbox->pressed++;
        outbox->full = outbox->full || pressure == PRESSURE_FULL;
    }
    struct batch *batch = batch_new(to);
    outbox->map[at] = (struct outbox_entry){outbox->turn, batch};
    outbox->open[outbox->open_count++] = batch;
    return batch;
}

void outbox_flush(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->open_count; i++) {
        struct batch *batch = outbox->open[i];
        (void)actor_inflight_add(batch->to, (int64_t)batch->bytes);
        SEND(batch->to, batch);
    }
    outbox->open_count = 0;
    outbox->bytes = 0;
    outbox->turn++;
}
