/* SPDX-License-Identifier: Apache-2.0 */
/* store_delete.c -- a group goes: from the ledger first, then its files.
 *
 *     WAITING ──quiet──► COMMITTING ──durable: done is told──► CLOSING ──no reads──► LISTING ──► REMOVING ──► over
 *
 * Idea        From the first moment on it takes nothing more and answers what it was asked. It waits for what
 *             still points at it: a job of the drain, entries that are on their way to the disk. A file that can
 *             not be removed is found as a leftover at a later start; the group is gone all the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/msglog_file.h"
#include "store/store_pin.h"
#include "store/store_state.h"
#include "store/subjects.h"

enum delete_step {
    DELETE_WAITING,
    DELETE_COMMITTING,
    DELETE_CLOSING,
    DELETE_LISTING,
    DELETE_REMOVING
};

struct deleting {
    struct link link; /* in the store's deletes */
    struct store *store;
    struct store_delete *asked; /* NULL: told */
    struct store_group *group;  /* given, when it is out of the table */
    enum delete_step step;
    struct commit_wait commit;
    struct task task;
    struct task_io io;
    struct disk_names *names; /* given */
    uint32_t next;
    char folder[DISK_PATH_MAX];
    char path[DISK_PATH_MAX];
};

static void deleting_free(struct deleting *d)
{
    list_remove(&d->link);
    disk_names_free(&d->names);
    free(d);
}

/* --- files ------------------------------------------------------------------------------------------- */

static void next_file(struct task *t)
{
    struct deleting *d = t->context;
    if (d->step == DELETE_LISTING) {
        if (t->status != 0) { /* it never had a file, or the disk is in a bad way */
            deleting_free(d);
            return;
        }
        d->names = d->io.request.names;
        d->step = DELETE_REMOVING;
    }
    if (d->next < d->names->count) {
        int size =
            snprintf(d->path, sizeof d->path, "%s/%s", d->folder, d->names->names[d->next++].text);
        CHECK(size > 0 && (size_t)size < sizeof d->path);
        task_path(t, &d->io, DISK_REMOVE, d->path, NULL);
    } else if (d->next == d->names->count) {
        d->next++;
        task_path(t, &d->io, DISK_REMOVE, d->folder, NULL);
    } else {
        deleting_free(d);
    }
}

static void on_unread(void *context)
{
    struct deleting *d = context;
    store_group_free(&d->group);
    d->step = DELETE_LISTING;
    task_init(&d->task, d->store->options.disk, next_file, d);
    task_path(&d->task, &d->io, DISK_LIST, d->folder, NULL);
}

static void on_runs_unread(void *context)
{
    struct deleting *d = context;
    segments_close(msglog_segments(d->group->log), on_unread, d);
}

/* --- out of the ledger -------------------------------------------------------------------------------- */

static void on_gone(struct commit_wait *wait, int status)
{
    struct deleting *d = LIST_ENTRY(wait, struct deleting, commit);
    struct store_delete *asked = d->asked;
    struct store_group *g = d->group;
    d->asked = NULL;
    if (status != 0) {
        g->deleting = false; /* it stays, in a store that has failed */
        deleting_free(d);
        asked->done(asked, status);
        return;
    }
    group_table_remove(&d->store->groups, g);
    list_remove(&g->apply_link);
    list_remove(&g->entries_link);
    list_remove(&g->drain_link);
    list_remove(&g->want_link);
    list_remove(&g->compact_link);
    list_remove(&g->scrub_link);
    list_remove(&g->merge_link);
    pages_cancel(d->store->pages, &g->wait);
    d->step = DELETE_CLOSING;
    if (g->log == NULL || g->form == MSGLOG_MEMORY)
        on_unread(d);
    else
        subjects_close(msglog_subject_table(g->log), on_runs_unread, d);
    asked->done(asked, 0);
}

/* Nobody points at it any more. */
static bool is_quiet(const struct store *s, const struct store_group *g)
{
    if (g->draining || g->rewrite != NULL || g->life == GROUP_LOADING ||
        g->life == GROUP_UNLOADING || g->look_count > 0)
        return false;
    if (!store_pins_are_gone(s, g->member.gid))
        return false;
    if (g->member.block == 0 || s->failed)
        return true;
    struct journal_span span;
    journal_span(s->journal, &span);
    return g->member.block - 1 < span.durable; /* also of what a checkpoint has covered since */
}

/* The journal may still have entries of this number: it is never given again, also when nothing but the FLOOR
 * says that it was. */
static void put_gone(struct store *s, uint64_t gid)
{
    ledger_put(s->ledger, &(struct ledger_record){.kind = LEDGER_GONE, .gid = gid});
    store_put_floor(s, s->floor);
}

bool store_delete_slice(struct store *s)
{
    struct link *next;
    for (struct link *l = s->deletes.next; l != &s->deletes; l = next) {
        next = l->next;
        struct deleting *d = LIST_ENTRY(l, struct deleting, link);
        if (d->step != DELETE_WAITING || !is_quiet(s, d->group))
            continue;
        d->step = DELETE_COMMITTING;
        d->commit.done = on_gone;
        if (!s->failed)
            put_gone(s, d->group->member.gid);
        store_commit(s, &d->commit);
    }
    return false;
}

void store_delete(struct store *s, struct store_delete *asked)
{
    struct store_group *g = asked->group;
    CHECK(s->life == STORE_READY && !g->deleting && g->making == NULL);
    struct deleting *d = calloc(1, sizeof *d);
    CHECK(d != NULL);
    d->store = s;
    d->asked = asked;
    d->group = g;
    snprintf(d->folder, sizeof d->folder, "%s/%llu", s->groups_path,
             (unsigned long long)g->member.gid);
    list_push_back(&s->deletes, &d->link);
    g->deleting = true;
    s->flush_wanted = true;
    list_remove(&g->apply_link);
    store_pins_let_go(s, g->member.gid);
    store_answer_all(g, -ENOENT);
}

void store_deletes_done(struct store *s)
{
    while (!list_empty(&s->deletes)) {
        struct deleting *d = LIST_ENTRY(s->deletes.next, struct deleting, link);
        if (d->step == DELETE_CLOSING) {
            if (d->group->log != NULL && d->group->form == MSGLOG_FILE)
                subjects_abandon(msglog_subject_table(d->group->log));
            store_group_free(&d->group);
        }
        deleting_free(d);
    }
}
