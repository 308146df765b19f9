/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_read.c -- one live record again: from the first copy, or else from the second.
 *
 * A read stays with the pair of files that it began with, whose places it knows; a pair goes when nobody
 * reads it any more.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/ledger_state.h"

struct reading {
    struct link link; /* in the ledger's reads */
    struct ledger *ledger;
    struct ledger_pair *pair;
    struct ledger_read *read;
    struct ledger_place place;
    struct task task;
    struct task_io io;
    unsigned copy;
    size_t size;
    char bytes[];
};

static void finish(struct reading *r, int status, struct bytes body)
{
    struct ledger *l = r->ledger;
    list_remove(&r->link);
    CHECK(r->pair->reads > 0);
    r->pair->reads--;
    l->stats.second_reads += status == 0 && r->copy == 1;
    r->read->done(r->read, status, body);
    free(r);
    ledger_reads_changed(l);
}

static int verify(const struct reading *r, struct bytes *ret_body)
{
    if (r->task.status != 0)
        return r->task.status;
    struct ledger_identity id = ledger_identity(r->ledger, r->pair->number);
    struct bytes from = {r->bytes, (size_t)r->io.request.result};
    struct ledger_record record;
    int status = ledger_record_read(&id, r->place.position, from, &record);
    if (status != 0)
        return -EBADMSG;
    if (record.kind != r->place.kind || record.gid != r->place.gid)
        return -EBADMSG;
    *ret_body = record.body;
    return 0;
}

static void submit(struct reading *r)
{
    task_read(&r->task, &r->io, r->pair->file[r->copy], r->place.position, r->bytes, r->size);
}

static void run_read(struct task *t)
{
    struct reading *r = t->context;
    struct bytes body = {0};
    int status = verify(r, &body);
    if (status != 0 && r->copy == 0) {
        r->copy = 1;
        submit(r);
        return;
    }
    finish(r, status, body);
}

void ledger_read(struct ledger *l, struct ledger_read *read)
{
    CHECK(l->life == LEDGER_READY || l->life == LEDGER_COMMITTING);
    struct ledger_place place;
    if (!ledger_places_find(&l->places, read->kind, read->gid, &place)) {
        read->done(read, -ENOENT, (struct bytes){0});
        return;
    }
    size_t size = ledger_record_size(place.size);
    struct reading *r = calloc(1, sizeof *r + size);
    CHECK(r != NULL);
    r->ledger = l;
    r->pair = l->current;
    r->read = read;
    r->place = place;
    r->size = size;
    r->pair->reads++;
    list_push_back(&l->reads, &r->link);
    task_init(&r->task, l->options.disk, run_read, r);
    submit(r);
}

void ledger_readings_free(struct ledger *l)
{
    while (!list_empty(&l->reads)) {
        struct reading *r = LIST_ENTRY(list_pop_front(&l->reads), struct reading, link);
        CHECK(!task_busy(&r->task));
        free(r);
    }
}
