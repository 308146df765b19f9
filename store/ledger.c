/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/little.h"
#include "store/ledger_state.h"

struct ledger *ledger_new(const struct ledger_options *options)
{
    CHECK(options->disk != NULL && options->folder != NULL && options->failed != NULL);
    struct ledger *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->options = *options;
    if (l->options.rewrite_min == 0)
        l->options.rewrite_min = LEDGER_REWRITE_MIN;
    list_init(&l->reads);
    return l;
}

void ledger_free(struct ledger **at)
{
    struct ledger *l = *at;
    *at = NULL;
    if (l == NULL)
        return;
    CHECK(!task_busy(&l->task) && !task_busy(&l->retire));
    ledger_readings_free(l);
    ledger_recovering_free(&l->recovering);
    ledger_rewriting_free(&l->rewriting);
    ledger_pair_free(&l->current);
    ledger_pair_free(&l->old);
    ledger_pair_free(&l->building);
    ledger_places_done(&l->places);
    ledger_batch_done(&l->put);
    ledger_batch_done(&l->committing);
    ledger_image_done(&l->image);
    free(l);
}

void ledger_fail(struct ledger *l, int error)
{
    CHECK(error < 0);
    if (l->error != 0)
        return;
    l->error = error;
    l->options.failed(l->options.context, error);
}

/* --- both copies ---------------------------------------------------------------------------------- */

struct ledger_pair *ledger_pair_new(const struct ledger *l, uint64_t number)
{
    struct ledger_pair *pair = calloc(1, sizeof *pair);
    CHECK(pair != NULL && number > 0);
    pair->number = number;
    for (unsigned i = 0; i < 2; i++) {
        int size = snprintf(pair->path[i], DISK_PATH_MAX, "%s/%c-%05" PRIu64, l->options.folder,
                            "ab"[i], number);
        CHECK(size > 0 && size < DISK_PATH_MAX);
    }
    return pair;
}

void ledger_pair_free(struct ledger_pair **pair)
{
    free(*pair);
    *pair = NULL;
}

void ledger_pair_open(struct ledger *l, struct ledger_pair *pair, uint32_t flags)
{
    for (unsigned i = 0; i < 2; i++)
        task_open(&l->task, &l->io[i], pair->path[i], DISK_OPEN_WRITE | flags);
}

int ledger_pair_opened(struct ledger *l, struct ledger_pair *pair)
{
    for (unsigned i = 0; i < 2; i++)
        if (l->io[i].request.result == 0)
            pair->file[i] = l->io[i].request.file;
    return l->task.status;
}

void ledger_write_ready(struct ledger *l, struct ledger_pair *pair, struct ledger_image *image)
{
    struct bytes ready = ledger_image_ready(image);
    CHECK(l->error == 0 && ready.size > 0);
    for (unsigned i = 0; i < 2; i++)
        task_write(&l->task, &l->io[i], pair->file[i], image->base, ready.at, ready.size);
    l->stats.written_bytes += 2 * ready.size;
}

void ledger_sync_both(struct ledger *l, struct ledger_pair *pair)
{
    for (unsigned i = 0; i < 2; i++)
        task_sync(&l->task, &l->io[i], pair->file[i]);
}

/* --- what is put ---------------------------------------------------------------------------------- */

void ledger_batch_add(struct ledger_batch *b, const struct ledger_record *record)
{
    if (b->count == b->capacity) {
        b->capacity = b->capacity == 0 ? 16 : 2 * b->capacity;
        b->places = realloc(b->places, b->capacity * sizeof *b->places);
        CHECK(b->places != NULL);
    }
    b->places[b->count++] = (struct ledger_place){
        .kind = record->kind, .size = (uint32_t)record->body.size, .gid = record->gid};
    buffer_add(&b->bodies, record->body.at, record->body.size);
}

void ledger_batch_done(struct ledger_batch *b)
{
    free(b->places);
    buffer_done(&b->bodies);
    *b = (struct ledger_batch){0};
}

void ledger_put(struct ledger *l, const struct ledger_record *record)
{
    CHECK(l->life == LEDGER_READY || l->life == LEDGER_COMMITTING);
    CHECK(ledger_record_is_valid(record->kind, record->gid, record->body.size));
    CHECK(record->kind != LEDGER_LOST);
    CHECK(l->put.bodies.size + record->body.size <= LEDGER_COMMIT_BYTES_MAX);
    ledger_batch_add(&l->put, record);
}

uint64_t ledger_put_bytes(const struct ledger *l)
{
    return l->put.bodies.size;
}

void ledger_settle(struct ledger *l)
{
    CHECK(l->life == LEDGER_READY || l->life == LEDGER_COMMITTING);
    char nothing[sizeof(uint32_t)];
    put_u32(nothing, 0);
    struct ledger_record record = {.kind = LEDGER_LOST, .body = {nothing, sizeof nothing}};
    ledger_batch_add(&l->put, &record);
}

/* --- the number ----------------------------------------------------------------------------------- */

uint64_t ledger_number(const struct ledger *l)
{
    return l->current == NULL ? 0 : l->current->number;
}

bool ledger_is_unnamed(const struct ledger *l)
{
    return l->current != NULL && !l->named;
}

enum { RETIRE_CLOSE, RETIRE_REMOVE, RETIRE_SYNC, RETIRE_END };

/* Whatever fails here leaves files that the next recovery removes. */
static void run_retire(struct task *t)
{
    struct ledger *l = t->context;
    switch (t->step++) {
    case RETIRE_CLOSE:
        for (unsigned i = 0; i < 2; i++)
            task_close(t, &l->retire_io[i], &l->old->file[i]);
        return;
    case RETIRE_REMOVE:
        for (unsigned i = 0; i < 2; i++)
            task_path(t, &l->retire_io[i], DISK_REMOVE, l->old->path[i], NULL);
        return;
    case RETIRE_SYNC:
        task_path(t, &l->retire_io[0], DISK_SYNC_DIR, l->options.folder, NULL);
        return;
    case RETIRE_END:
        ledger_pair_free(&l->old);
        ledger_reads_changed(l);
        return;
    }
    UNREACHABLE("no such step");
}

void ledger_forget_old(struct ledger *l)
{
    CHECK(l->life == LEDGER_READY && ledger_is_unnamed(l));
    l->named = true;
    if (l->old == NULL)
        return;
    l->old->forgotten = true;
    ledger_reads_changed(l);
}

/* --- the end -------------------------------------------------------------------------------------- */

static void run_close(struct task *t)
{
    struct ledger *l = t->context;
    l->life = LEDGER_CLOSED;
    l->close_done(l->options.context, t->status);
}

static void close_files(struct ledger *l)
{
    struct ledger_pair *pairs[] = {l->current, l->old, l->building};
    unsigned count = 0;
    task_init(&l->task, l->options.disk, run_close, l);
    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        for (unsigned j = 0; j < 2; j++)
            if (pairs[i] != NULL && pairs[i]->file[j] != NULL)
                task_close(&l->task, &l->close_io[count++], &pairs[i]->file[j]);
    task_begin(&l->task); /* runs at once when there was nothing to close */
}

void ledger_reads_changed(struct ledger *l)
{
    if (l->old != NULL && l->old->forgotten && l->old->reads == 0 && !task_busy(&l->retire)) {
        task_init(&l->retire, l->options.disk, run_retire, l);
        task_begin(&l->retire);
        return;
    }
    bool over = list_empty(&l->reads) && !task_busy(&l->retire) && !task_busy(&l->task);
    if (l->life == LEDGER_CLOSING && over)
        close_files(l);
}

void ledger_close(struct ledger *l, void (*done)(void *context, int status))
{
    CHECK(l->life == LEDGER_NEW || l->life == LEDGER_READY);
    l->life = LEDGER_CLOSING;
    l->close_done = done;
    ledger_reads_changed(l);
}

bool ledger_idle(const struct ledger *l)
{
    return !task_busy(&l->task) && !task_busy(&l->retire) && list_empty(&l->reads);
}

/* --- seen from outside ---------------------------------------------------------------------------- */

void ledger_stats(const struct ledger *l, struct ledger_stats *ret)
{
    *ret = l->stats;
    ret->bytes = l->end.position;
    ret->live_bytes = l->places.live_bytes;
    ret->groups = l->places.groups;
    ret->records = l->places.records;
    ret->lost = l->places.lost;
}

void ledger_check(const struct ledger *l)
{
    ledger_places_check(&l->places);
    CHECK(l->end.position % BLOCK_ALIGN == 0);
    CHECK(l->places.live_bytes <= l->end.position); /* 2 */
    struct ledger_place *list = ledger_places_list(&l->places);
    for (size_t i = 0; i < l->places.records; i++)
        CHECK(list[i].position + ledger_record_size(list[i].size) <= l->end.position); /* 2 */
    free(list);
    CHECK(implies(l->life == LEDGER_COMMITTING && l->rewriting == NULL, l->named)); /* 3 */
    CHECK(l->old == NULL || l->old->forgotten == l->named);                         /* 4 */
    CHECK(implies(l->building != NULL, l->rewriting != NULL || l->error != 0));     /* 5 */
    CHECK(implies(l->life == LEDGER_NEW, l->current == NULL));
}
