/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_rewrite.c -- what lives, in a new pair of files with the next number; also the first ledger.
 *
 * Idea        The live records are read in the order of the old file, each verified, and encoded as the one
 *             commit with which the new ledger begins. Both copies and their folder are synced before it
 *             becomes the current one, so whoever finds its number in a super block finds it whole. What
 *             was lost is carried over at its place among the records: those before it stay doubtful.
 *
 *                 open ──► copy ⇄ write ──► sync a and b ──► sync the folder ──► current
 *                            └──no space, or a record that neither copy has──► close ──► remove
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/little.h"
#include "store/ledger_state.h"
#include "store/ledger_walk.h"

struct ledger_rewriting {
    struct ledger_walk walk;
    struct ledger_image image;
    struct ledger_places places;
    struct ledger_end end;
    bool lost_written;
    bool finished; /* the image */
    int status;    /* why it is given up */
    ledger_rewritten_fn *ended;
};

enum {
    REWRITE_OPEN,
    REWRITE_OPENED,
    REWRITE_COPY,
    REWRITE_WRITTEN,
    REWRITE_SYNCED,
    REWRITE_NAMED,
    REWRITE_CLOSED,
    REWRITE_REMOVED,
};

void ledger_rewriting_free(struct ledger_rewriting **at)
{
    struct ledger_rewriting *r = *at;
    *at = NULL;
    if (r == NULL)
        return;
    ledger_walk_done(&r->walk);
    ledger_image_done(&r->image);
    ledger_places_done(&r->places);
    free(r);
}

bool ledger_wants_rewrite(const struct ledger *l)
{
    uint64_t size = l->end.position;
    return l->old == NULL && size > l->options.rewrite_min && size > l->rewrite_from &&
           size / 2 > l->places.live_bytes + BLOCK_ALIGN;
}

static void end_rewrite(struct ledger *l, int status)
{
    ledger_rewritten_fn *ended = l->rewriting->ended;
    ledger_rewriting_free(&l->rewriting);
    ended(l, status);
}

/* --- copying -------------------------------------------------------------------------------------- */

static void add(struct ledger_rewriting *r, const struct ledger_record *record)
{
    struct ledger_place place = {
        .kind = record->kind, .size = (uint32_t)record->body.size, .gid = record->gid};
    place.position = ledger_image_add(&r->image, record);
    ledger_places_apply(&r->places, &place);
}

static void add_lost(struct ledger_rewriting *r, uint32_t lost)
{
    char body[sizeof lost];
    put_u32(body, lost);
    struct ledger_record record = {.kind = LEDGER_LOST, .body = {body, sizeof body}};
    uint64_t position = ledger_image_add(&r->image, &record);
    ledger_places_settle(&r->places, lost, position);
    r->lost_written = true;
}

/* Whether the loss comes now, before a record that lies at position. */
static bool lost_is_due(const struct ledger *l, uint64_t position)
{
    return l->places.lost > 0 && !l->rewriting->lost_written && position >= l->places.lost_end;
}

/* Encodes a piece, or all that is left. */
static int copy(struct ledger *l)
{
    struct ledger_rewriting *r = l->rewriting;
    while (ledger_image_ready(&r->image).size < LEDGER_PIECE_BYTES) {
        struct ledger_record record;
        int status = ledger_walk_next(&r->walk, &l->task, &record);
        if (status == -ENOENT)
            break;
        if (status != 0)
            return status;
        if (lost_is_due(l, r->walk.places[r->walk.next - 1].position))
            add_lost(r, l->places.lost);
        add(r, &record);
    }
    if (r->walk.next < r->walk.count)
        return 0;
    if (lost_is_due(l, UINT64_MAX))
        add_lost(r, l->places.lost);
    ledger_image_finish(&r->image, &r->end);
    r->finished = true;
    return 0;
}

/* The new pair is durable: it is the ledger, as soon as the owner has saved its number. */
static void become_current(struct ledger *l)
{
    struct ledger_rewriting *r = l->rewriting;
    CHECK(r->places.records == l->places.records && r->places.groups == l->places.groups);
    CHECK(r->places.live_bytes == l->places.live_bytes && r->places.lost == l->places.lost);
    CHECK(l->old == NULL);
    ledger_places_done(&l->places);
    l->places = r->places;
    r->places = (struct ledger_places){0};
    l->end = r->end;
    l->old = l->current;
    l->current = l->building;
    l->building = NULL;
    l->named = false;
    l->rewrite_from = 0;
    l->stats.rewrites += l->old != NULL;
    l->stats.second_reads += r->walk.from_second;
    end_rewrite(l, 0);
}

/* --- going wrong ---------------------------------------------------------------------------------- */

static void close_new(struct ledger *l)
{
    struct task *t = &l->task;
    t->step = REWRITE_CLOSED;
    for (unsigned i = 0; i < 2; i++)
        if (l->building->file[i] != NULL)
            task_close(t, &l->io[i], &l->building->file[i]);
    task_begin(t); /* runs at once when none was open */
}

/* The old pair is whole and durable, so that nothing is lost but the attempt. */
static void give_up(struct ledger *l, int status)
{
    l->rewriting->status = status;
    close_new(l);
}

static void give_up_or_fail(struct ledger *l, int status)
{
    if (l->current == NULL || status == -ENOSPC || status == -EDQUOT)
        give_up(l, status);
    else
        end_rewrite(l, status);
}

static void given_up(struct ledger *l)
{
    int status = l->current == NULL ? l->rewriting->status : 0;
    ledger_pair_free(&l->building);
    l->rewrite_from = l->end.position + l->options.rewrite_min;
    l->stats.rewrites_given_up++;
    end_rewrite(l, status);
}

static void remove_new(struct ledger *l)
{
    for (unsigned i = 0; i < 2; i++)
        task_path(&l->task, &l->io[i], DISK_REMOVE, l->building->path[i], NULL);
}

/* --- the procedure -------------------------------------------------------------------------------- */

static void go_on_copying(struct ledger *l)
{
    int status = copy(l);
    if (status == -EAGAIN)
        return;
    if (status != 0) {
        give_up(l, status);
        return;
    }
    l->task.step = REWRITE_WRITTEN;
    ledger_write_ready(l, l->building, &l->rewriting->image);
}

static void on_written(struct ledger *l)
{
    ledger_image_drop(&l->rewriting->image);
    if (!l->rewriting->finished) {
        l->task.step = REWRITE_COPY;
        go_on_copying(l);
        return;
    }
    l->task.step = REWRITE_SYNCED;
    ledger_sync_both(l, l->building);
}

static void run_rewrite(struct task *t)
{
    struct ledger *l = t->context;
    int status = t->step == REWRITE_OPENED ? ledger_pair_opened(l, l->building) : t->status;
    bool matters = t->step != REWRITE_COPY && t->step < REWRITE_CLOSED;
    if (status != 0 && matters) {
        give_up_or_fail(l, status);
        return;
    }
    switch (t->step) {
    case REWRITE_OPEN:
        t->step = REWRITE_OPENED;
        ledger_pair_open(l, l->building, DISK_OPEN_CREATE | DISK_OPEN_TRUNCATE);
        return;
    case REWRITE_OPENED:
        t->step = REWRITE_COPY;
        go_on_copying(l);
        return;
    case REWRITE_COPY: go_on_copying(l); return;
    case REWRITE_WRITTEN: on_written(l); return;
    case REWRITE_SYNCED:
        t->step = REWRITE_NAMED;
        task_path(t, &l->io[0], DISK_SYNC_DIR, l->options.folder, NULL);
        return;
    case REWRITE_NAMED: become_current(l); return;
    case REWRITE_CLOSED:
        t->step = REWRITE_REMOVED;
        remove_new(l);
        return;
    case REWRITE_REMOVED: given_up(l); return;
    }
    UNREACHABLE("no such step");
}

void ledger_rewrite(struct ledger *l, uint64_t number, ledger_rewritten_fn *ended)
{
    CHECK(l->error == 0 && l->building == NULL && l->rewriting == NULL && l->old == NULL);
    struct ledger_rewriting *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    l->rewriting = r;
    r->ended = ended;
    l->building = ledger_pair_new(l, number);
    struct disk_file *none[2] = {NULL, NULL};
    struct ledger_identity from = ledger_identity(l, ledger_number(l));
    ledger_walk_init(&r->walk, &from, &l->places, l->current == NULL ? none : l->current->file,
                     l->end.position);
    struct ledger_identity to = ledger_identity(l, number);
    struct ledger_end start = {.previous = ledger_first_previous(&to)};
    ledger_image_init(&r->image, &to, l->options.boot_epoch, &start);
    task_init(&l->task, l->options.disk, run_rewrite, l);
    task_begin(&l->task);
}
