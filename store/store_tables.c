/* SPDX-License-Identifier: Apache-2.0 */
/* store_tables.c -- the tables of groups on disk: runs are merged in the background, and old files go.
 *
 * Idea        A group whose runs have become many is in `merging`, and gets slices. When runs have become one,
 *             a checkpoint is wanted, so that the old ones can go: they are trash when the checkpoint that
 *             does not name them is put, and go when that is durable and nobody reads them.
 * Failure     a merge that fails is tried again after the group's next flush. A file that can not be removed
 *             stays: tables are derived or kept twice, and a leftover of them is nothing but space.
 * Bounds      MERGES_MAX groups at once.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/msglog_file.h"
#include "store/store_state.h"
#include "store/subjects.h"

#define MERGES_MAX 2u

struct table_trash {
    struct link link;
    struct store_tables *tables;
    bool unread;    /* the pages have let go of it */
    bool committed; /* no durable checkpoint names it */
    char path[DISK_PATH_MAX];
};

struct store_tables {
    struct store *store;
    struct link merging; /* groups */
    struct link trash;
    struct table_trash *going; /* on its way */
    struct task task;
    struct task_io io;
};

void store_tables_init(struct store *s)
{
    s->tables = calloc(1, sizeof *s->tables);
    CHECK(s->tables != NULL);
    s->tables->store = s;
    list_init(&s->tables->merging);
    list_init(&s->tables->trash);
}

void store_tables_done(struct store *s)
{
    struct store_tables *t = s->tables;
    struct store_group *g = NULL;
    while ((g = group_table_after(&s->groups, g == NULL ? 0 : g->member.gid)) != NULL)
        if (g->log != NULL && g->form == MSGLOG_FILE)
            subjects_abandon(msglog_subject_table(g->log));
    while (list_pop_front(&t->merging) != NULL)
        ;
    while (!list_empty(&t->trash)) {
        struct table_trash *trash = LIST_ENTRY(t->trash.next, struct table_trash, link);
        list_remove(&trash->link);
        free(trash);
    }
    free(t);
    s->tables = NULL;
}

bool store_tables_idle(const struct store *s)
{
    return list_empty(&s->tables->merging) && s->tables->going == NULL;
}

/* --- trash ----------------------------------------------------------------------------------------- */

static void next_goes(struct store_tables *t);

static void on_removed(struct task *task)
{
    struct store_tables *t = task->context;
    struct table_trash *trash = t->going;
    t->going = NULL;
    list_remove(&trash->link);
    free(trash);
    next_goes(t);
}

static void next_goes(struct store_tables *t)
{
    if (t->going != NULL)
        return;
    for (struct link *l = t->trash.next; l != &t->trash && t->going == NULL; l = l->next) {
        struct table_trash *trash = LIST_ENTRY(l, struct table_trash, link);
        if (trash->unread && trash->committed)
            t->going = trash;
    }
    if (t->going == NULL)
        return;
    task_init(&t->task, t->store->options.disk, on_removed, t);
    task_path(&t->task, &t->io, DISK_REMOVE, t->going->path, NULL);
}

static void on_unread(void *context)
{
    struct table_trash *trash = context;
    trash->unread = true;
    next_goes(trash->tables);
}

static struct table_trash *trash_new(struct store_tables *t)
{
    struct table_trash *trash = calloc(1, sizeof *trash);
    CHECK(trash != NULL);
    trash->tables = t;
    list_push_back(&t->trash, &trash->link);
    return trash;
}

void store_tables_trash(struct store *s, struct store_group *g)
{
    uint64_t number;
    struct subjects *subjects = msglog_subject_table(g->log);
    while (subjects_obsolete(subjects, &number)) {
        struct table_trash *trash = trash_new(s->tables);
        run_path(msglog_folder(g->log), number, false, trash->path, sizeof trash->path);
        subjects_drop(subjects, number, on_unread, trash);
    }
}

void store_tables_trash_file(struct store *s, struct store_group *g, uint64_t number, bool named)
{
    char folder[DISK_PATH_MAX];
    store_group_folder(s, g->member.gid, folder);
    for (int second = 0; second < 2; second++) {
        struct table_trash *trash = trash_new(s->tables);
        run_path(folder, number, second, trash->path, sizeof trash->path);
        trash->unread = true;
        trash->committed = !named;
    }
    next_goes(s->tables);
}

void store_tables_may_go(struct store *s)
{
    for (struct link *l = s->tables->trash.next; l != &s->tables->trash; l = l->next)
        LIST_ENTRY(l, struct table_trash, link)->committed = true;
    next_goes(s->tables);
}

/* --- merges ----------------------------------------------------------------------------------------- */

void store_tables_consider(struct store *s, struct store_group *g)
{
    if (list_empty(&g->merge_link) && subjects_wants_merge(msglog_subject_table(g->log)))
        list_push_back(&s->tables->merging, &g->merge_link);
}

/* true: there is more to do at once. The group may be out of the list then. */
static bool merge_slice(struct store *s, struct store_group *g)
{
    struct subjects *subjects = msglog_subject_table(g->log);
    if (s->failed || s->life != STORE_READY || g->deleting || g->life != GROUP_LOADED) {
        subjects_merge_stop(subjects);
        if (subjects_merge_idle(subjects))
            list_remove(&g->merge_link);
        return false;
    }
    int status = -EAGAIN;
    if (subjects_wants_merge(subjects))
        status = subjects_merge_step(subjects, s->options.disk, &g->next_file);
    else if (subjects_merge_idle(subjects))
        list_remove(&g->merge_link);
    if (status == 0)
        store_want_checkpoint(s, g);
    return status != -EAGAIN;
}

bool store_tables_slice(struct store *s)
{
    bool more = store_memory_slice(s);
    unsigned count = 0;
    struct link *next;
    for (struct link *l = s->tables->merging.next; l != &s->tables->merging; l = next) {
        next = l->next;
        if (count++ < MERGES_MAX)
            more |= merge_slice(s, LIST_ENTRY(l, struct store_group, merge_link));
    }
    return more;
}
