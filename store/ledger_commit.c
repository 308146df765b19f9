/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_commit.c -- what was put becomes durable in both copies, and only then counts.
 *
 *     encode a piece ──► write to a and b ──► more? ──► sync a and b ──► places ──► rewrite? ──► done
 *
 * The syncs wait for the writes: a short write is continued, and a sync that was submitted behind its
 * beginning would not have seen its end.
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/little.h"
#include "store/ledger_state.h"

enum { COMMIT_WRITE, COMMIT_WRITTEN, COMMIT_SYNCED };

static void encode_next(struct ledger *l)
{
    struct ledger_place *place = &l->committing.places[l->encoded++];
    struct ledger_record record = {.kind = place->kind, .gid = place->gid};
    if (place->size > 0)
        record.body = (struct bytes){l->committing.bodies.at + l->encoded_bytes, place->size};
    l->encoded_bytes += place->size;
    place->position = ledger_image_add(&l->image, &record);
}

static bool all_encoded(const struct ledger *l)
{
    return l->encoded == l->committing.count;
}

static void write_piece(struct ledger *l)
{
    while (!all_encoded(l) && ledger_image_ready(&l->image).size < LEDGER_PIECE_BYTES)
        encode_next(l);
    if (all_encoded(l))
        ledger_image_finish(&l->image, &l->committed_end);
    ledger_write_ready(l, l->current, &l->image);
}

static void apply_all(struct ledger *l)
{
    size_t at = 0;
    for (size_t i = 0; i < l->committing.count; i++) {
        const struct ledger_place *place = &l->committing.places[i];
        if (place->kind == LEDGER_LOST)
            ledger_places_settle(&l->places, get_u32(l->committing.bodies.at + at),
                                 place->position);
        else
            ledger_places_apply(&l->places, place);
        at += place->size;
    }
    l->end = l->committed_end;
    l->stats.commits++;
}

static void end_commit(struct ledger *l, int status)
{
    if (status != 0)
        ledger_fail(l, status);
    ledger_batch_done(&l->committing);
    ledger_image_done(&l->image);
    l->life = LEDGER_READY;
    l->commit_done(l->options.context, status);
}

static void go_on(struct ledger *l)
{
    apply_all(l);
    if (ledger_wants_rewrite(l))
        ledger_rewrite(l, l->current->number + 1, end_commit);
    else
        end_commit(l, 0);
}

static void run_commit(struct task *t)
{
    struct ledger *l = t->context;
    if (t->status != 0) {
        end_commit(l, t->status);
        return;
    }
    switch (t->step) {
    case COMMIT_WRITTEN:
        ledger_image_drop(&l->image);
        if (l->image.bytes.size == 0) {
            t->step = COMMIT_SYNCED;
            ledger_sync_both(l, l->current);
            return;
        }
        write_piece(l);
        return;
    case COMMIT_WRITE:
        t->step = COMMIT_WRITTEN;
        write_piece(l);
        return;
    case COMMIT_SYNCED: go_on(l); return;
    }
    UNREACHABLE("no such step");
}

void ledger_commit(struct ledger *l, void (*done)(void *context, int status))
{
    CHECK(l->life == LEDGER_READY && done != NULL);
    if (l->error != 0 || l->put.count == 0) {
        done(l->options.context, l->error);
        return;
    }
    CHECK(l->named);
    l->life = LEDGER_COMMITTING;
    l->commit_done = done;
    l->committing = l->put;
    l->put = (struct ledger_batch){0};
    l->encoded = l->encoded_bytes = 0;
    struct ledger_identity id = ledger_identity(l, l->current->number);
    ledger_image_init(&l->image, &id, l->options.boot_epoch, &l->end);
    task_init(&l->task, l->options.disk, run_commit, l);
    task_begin(&l->task);
}
