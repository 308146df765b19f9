/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_fill.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/ledger_record.h"
#include "store/group/stream_group.h"
#include "store/msglog_state.h"
#include "store/store_state.h"

/* Sections that a checkpoint has beside those of group and consumers get the rest. */
#define FILL_SECTIONS_MAX ((size_t)LEDGER_BODY_MAX / 2)

enum fill_step { FILL_MAKING, FILL_FILLING, FILL_SAVING, FILL_SHOWING, FILL_SHOWN };

struct store_fill {
    struct link link; /* in the store's fills */
    struct store *store;
    struct store_group *group; /* borrowed: the store's */
    enum fill_step step;
    int status;  /* the error that stays */
    bool orphan; /* its owner has freed it */
    bool holds;  /* the group counts it as somebody who looks: so it stays in memory */
    bool committing;
    bool waiting; /* for pages */
    bool saving;  /* the drain is to take what is in the tail */
    uint64_t bytes_max;
    uint64_t unsaved; /* bytes in the tail */
    struct page_wait wait;
    struct commit_wait commit;
    struct store_delete deletion;
};

/* --- giving up --------------------------------------------------------------------------------------------- */

static void fill_destroy(struct store_fill *f)
{
    list_remove(&f->link);
    free(f);
}

static void on_deleted(struct store_delete *d, int status)
{
    (void)status; /* what is left is hidden, and goes at the next start */
    fill_destroy(d->context);
}

static void hold(struct store_fill *f)
{
    f->holds = true;
    f->group->look_count++;
}

static void let_go(struct store_fill *f)
{
    if (f->holds)
        f->group->look_count--;
    f->holds = false;
}

/* The group goes, if it was not shown; then the fill does. */
static void give_up(struct store_fill *f)
{
    struct store *s = f->store;
    let_go(f);
    if (f->group == NULL || f->step == FILL_SHOWN || s->life != STORE_READY) {
        fill_destroy(f);
        return;
    }
    f->deletion = (struct store_delete){.group = f->group, .done = on_deleted, .context = f};
    store_delete(s, &f->deletion);
}

void store_fill_free(struct store_fill **at)
{
    struct store_fill *f = *at;
    *at = NULL;
    if (f == NULL)
        return;
    f->orphan = true;
    f->waiting = false;
    pages_cancel(f->store->pages, &f->wait);
    if (!f->committing)
        give_up(f);
}

/* --- making ------------------------------------------------------------------------------------------------- */

static void on_pages(struct page_wait *wait)
{
    struct store_fill *f = LIST_ENTRY(wait, struct store_fill, wait);
    f->waiting = false;
}

static void on_committed(struct commit_wait *wait, int status)
{
    struct store_fill *f = LIST_ENTRY(wait, struct store_fill, commit);
    f->committing = false;
    if (status != 0) {
        f->status = -EIO;
    } else if (f->step == FILL_MAKING) {
        f->step = FILL_FILLING;
    } else {
        CHECK(f->step == FILL_SHOWING);
        let_go(f);
        store_group_show(f->group);
        f->step = FILL_SHOWN;
    }
    if (f->orphan)
        give_up(f);
}

static void commit(struct store_fill *f)
{
    f->committing = true;
    f->commit.done = on_committed;
    store_commit(f->store, &f->commit);
}

static struct store_fill *fill_alloc(struct store *s, struct store_group *g)
{
    struct store_fill *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->store = s;
    f->group = g;
    f->wait.ready = on_pages;
    list_push_back(&s->fills, &f->link);
    return f;
}

int store_fill_new(struct store *s, const struct store_fill_options *o, struct store_fill **ret)
{
    struct store_group *g = NULL;
    int status = store_group_hide(s,
                                  &(struct store_group_options){
                                      .account = o->account,
                                      .name = o->name,
                                      .form = MSGLOG_FILE,
                                      .sync = o->sync,
                                  },
                                  &g);
    if (status != 0)
        return status;
    struct store_fill *f = fill_alloc(s, g);
    hold(f);
    f->bytes_max = o->bytes_max == 0 ? FILL_BYTES_MAX : o->bytes_max;
    *ret = f;
    commit(f);
    return 0;
}

/* --- filling ------------------------------------------------------------------------------------------------- */

/* The group's entries are none, up to the one that its state says. */
static void align_entries(struct store_group *g)
{
    struct group_counters counters;
    group_counters(g->group, &counters);
    CHECK(entry_log_count(&g->entries) == 0);
    entry_log_done(&g->entries);
    entry_log_init(&g->entries, counters.applied);
    g->queued_time_ns = counters.time_ns;
}

static void save(struct store_fill *f)
{
    align_entries(f->group);
    f->saving = true;
    store_want_checkpoint(f->store, f->group);
}

/* A checkpoint that was asked for by save is durable: one that fails is asked for again by the drain. */
static bool is_saved(struct store_fill *f)
{
    if (!list_empty(&f->group->want_link) || f->group->draining)
        return false;
    f->saving = false;
    f->unsaved = 0;
    return true;
}

static int may_go_on(struct store_fill *f)
{
    if (f->status == 0 && f->store->failed && f->step != FILL_SHOWN)
        f->status = -EIO;
    if (f->status == 0 && f->group->life == GROUP_DAMAGED)
        f->status = -EBADMSG;
    if (f->status != 0)
        return f->status;
    if (f->committing || f->waiting || (f->saving && !is_saved(f)))
        return -EAGAIN;
    return 0;
}

int store_fill_ready(struct store_fill *f)
{
    CHECK(f->step <= FILL_FILLING);
    return may_go_on(f);
}

uint64_t store_fill_gid(const struct store_fill *f)
{
    return f->group->member.gid;
}

struct stream_group *store_fill_stream(struct store_fill *f)
{
    return f->group->stream;
}

struct msglog *store_fill_log(struct store_fill *f)
{
    return f->group->log;
}

void store_fill_note(struct store_fill *f, uint64_t bytes)
{
    CHECK(f->step == FILL_FILLING && !f->saving);
    f->unsaved += bytes;
    if (f->unsaved >= f->bytes_max)
        save(f);
}

void store_fill_look(struct store_fill *f)
{
    pages_begin(f->store->pages, &f->wait);
}

void store_fill_look_end(struct store_fill *f)
{
    f->waiting = pages_end(f->store->pages);
}

void store_fill_set_last_time(struct store_fill *f, int64_t time_ns)
{
    f->group->log->file->state.last_time_ns = time_ns;
}

/* --- showing --------------------------------------------------------------------------------------------------- */

static bool is_small_enough(struct store_fill *f)
{
    struct buffer stream = {0};
    struct buffer consumers = {0};
    stream_group_write(f->group->stream, &stream, &consumers);
    bool fine = stream.size + consumers.size <= FILL_SECTIONS_MAX;
    buffer_done(&stream);
    buffer_done(&consumers);
    return fine;
}

int store_fill_show(struct store_fill *f, struct store_group **ret)
{
    int status = may_go_on(f);
    if (status != 0)
        return status;
    switch (f->step) {
    case FILL_MAKING: UNREACHABLE("then it is committing");
    case FILL_FILLING:
        if (!is_small_enough(f))
            return f->status = -EFBIG;
        f->step = FILL_SAVING;
        save(f);
        return -EAGAIN;
    case FILL_SAVING:
        f->step = FILL_SHOWING;
        store_group_put_names(f->store, f->group);
        commit(f);
        return f->step == FILL_SHOWN ? 0 : -EAGAIN;
    case FILL_SHOWING: return -EAGAIN;
    case FILL_SHOWN: *ret = f->group; return 0;
    }
    UNREACHABLE("a fill is in one of its steps");
}

/* --- for the store ------------------------------------------------------------------------------------------------ */

void store_fills_sweep(struct store *s)
{
    struct store_group *g = NULL;
    while ((g = group_table_after(&s->groups, g == NULL ? 0 : g->member.gid)) != NULL) {
        if (!g->hidden)
            continue;
        struct store_fill *f = fill_alloc(s, g);
        f->step = FILL_FILLING;
        f->orphan = true;
        give_up(f);
    }
}

void store_fills_done(struct store *s)
{
    struct link *l;
    while ((l = list_pop_front(&s->fills)) != NULL) {
        CHECK(LIST_ENTRY(l, struct store_fill, link)->orphan); /* its owner has given it back */
        free(LIST_ENTRY(l, struct store_fill, link));
    }
}
