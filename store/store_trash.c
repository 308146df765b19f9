/* SPDX-License-Identifier: Apache-2.0 */
/* store_trash.c -- files that no checkpoint names any more: removed one after the other.
 *
 * Idea        A file is trash when the checkpoint that does not name it is put; it may go when that is durable
 *             and nobody reads it any more. A removal that fails is not tried again in this life: the
 *             file is found as a leftover at a later start.
 */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/msglog_file.h"
#include "store/store_state.h"

struct trash {
    struct link link;
    struct store *store;
    bool unread;    /* the pages have let go of it */
    bool committed; /* no durable checkpoint names it */
    bool folder;
    char path[];
};

static struct trash *trash_new(struct store *s, size_t path_size)
{
    struct trash *t = calloc(1, sizeof *t + path_size);
    CHECK(t != NULL);
    t->store = s;
    list_push_back(&s->trash, &t->link);
    return t;
}

static void trash_next(struct store *s);

static void on_unread(void *context)
{
    struct trash *t = context;
    t->unread = true;
    trash_next(t->store);
}

void store_trash_segment(struct store *s, struct store_group *g, uint64_t number)
{
    struct trash *t = trash_new(s, DISK_PATH_MAX);
    segment_path(msglog_folder(g->log), number, t->path, DISK_PATH_MAX);
    segments_remove(msglog_segments(g->log), number, on_unread, t);
}

void store_trash_path(struct store *s, const char *path, bool folder)
{
    struct trash *t = trash_new(s, strlen(path) + 1);
    memcpy(t->path, path, strlen(path) + 1);
    t->unread = t->committed = true;
    t->folder = folder;
    trash_next(s);
}

void store_trash_may_go(struct store *s)
{
    for (struct link *l = s->trash.next; l != &s->trash; l = l->next)
        LIST_ENTRY(l, struct trash, link)->committed = true;
    trash_next(s);
}

static void on_removed(struct task *task)
{
    struct store *s = task->context;
    struct trash *t = LIST_ENTRY(s->trash.next, struct trash, link);
    list_remove(&t->link);
    free(t);
    s->trash_busy = false;
    trash_next(s);
}

/* They go in the order in which they became trash. */
static void trash_next(struct store *s)
{
    if (s->trash_busy || list_empty(&s->trash))
        return;
    struct trash *t = LIST_ENTRY(s->trash.next, struct trash, link);
    if (!t->unread || !t->committed)
        return;
    s->trash_busy = true;
    task_init(&s->trash_task, s->options.disk, on_removed, s);
    task_path(&s->trash_task, &s->trash_io, DISK_REMOVE, t->path, NULL);
}

bool store_trash_idle(const struct store *s)
{
    return !s->trash_busy;
}

void store_trash_done(struct store *s)
{
    struct link *l;
    while ((l = list_pop_front(&s->trash)) != NULL)
        free(LIST_ENTRY(l, struct trash, link));
}
