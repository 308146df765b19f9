/* SPDX-License-Identifier: Apache-2.0 */
/* store_trash.c -- files that no checkpoint names any more: they go, one after the other.
 *
 *     TRASH_REMOVE      remove ─► folder synced
 *     TRASH_ZERO        open ─► zeros over all of it ─► sync ─► close ─► remove ─► folder synced
 *     TRASH_QUARANTINE  rename to quarantine/ ─► both folders synced
 *
 * Idea        A file is trash when the checkpoint that does not name it is put; it may go when that is durable
 *             and nobody reads it any more. Until it has gone, checkpoints say so (CHECKPOINT_TRASH), with
 *             the files that are being made: so a later start can tell what may be removed from what nobody
 *             knows. One that does not go is not tried again in this life.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/file_zero.h"
#include "store/format/buffer.h"
#include "store/msglog_file.h"
#include "store/store_pin.h"
#include "store/store_rewrite.h"
#include "store/store_state.h"

struct trash {
    struct link link;
    struct store *store;
    uint64_t gid;
    uint64_t number;
    enum trash_way way;
    bool unread;            /* the pages have let go of it */
    bool committed;         /* no durable checkpoint names it */
    bool failed;            /* the disk did not let it go */
    struct file_zero *zero; /* given; while it runs */
    char folder[DISK_PATH_MAX];
    char path[DISK_PATH_MAX];
    char to[DISK_PATH_MAX];
};

static void trash_next(struct store *s);

static struct trash *trash_new(struct store *s, struct store_group *g, uint64_t number,
                               enum trash_way way)
{
    struct trash *t = calloc(1, sizeof *t);
    CHECK(t != NULL);
    t->store = s;
    t->gid = g->member.gid;
    t->number = number;
    t->way = way;
    store_group_folder(s, t->gid, t->folder);
    segment_path(t->folder, number, t->path, sizeof t->path);
    list_push_back(&s->trash, &t->link);
    return t;
}

static void trash_free(struct trash *t)
{
    list_remove(&t->link);
    if (t->zero != NULL)
        file_zero_free(&t->zero);
    free(t);
}

static void on_unread(void *context)
{
    struct trash *t = context;
    t->unread = true;
    trash_next(t->store);
}

void store_trash_segment(struct store *s, struct store_group *g, uint64_t number,
                         enum trash_way way)
{
    struct trash *t = trash_new(s, g, number, way);
    segments_remove(msglog_segments(g->log), number, on_unread, t);
}

void store_trash_file(struct store *s, struct store_group *g, uint64_t number, enum trash_way way)
{
    struct trash *t = trash_new(s, g, number, way);
    t->unread = t->committed = true;
    trash_next(s);
}

void store_trash_may_go(struct store *s)
{
    for (struct link *l = s->trash.next; l != &s->trash; l = l->next)
        LIST_ENTRY(l, struct trash, link)->committed = true;
    trash_next(s);
}

void store_trash_may_go_on(struct store *s)
{
    trash_next(s);
}

/* --- one goes ------------------------------------------------------------------------------------ */

/* What the disk says of a file that is not there any more is no failure. */
static void ended(struct trash *t, int status)
{
    struct store *s = t->store;
    s->trash_busy = NULL;
    if (status == 0 || status == -ENOENT)
        trash_free(t);
    else
        t->failed = true;
    trash_next(s);
}

static void on_remove(struct task *task)
{
    struct trash *t = task->context;
    bool gone = task->step == 0 && (task->status == 0 || task->status == -ENOENT);
    task->step++;
    if (gone)
        task_path(task, &t->store->trash_io[0], DISK_SYNC_DIR, t->folder, NULL);
    else
        ended(t, task->status);
}

static void remove_it(struct trash *t)
{
    task_init(&t->store->trash_task, t->store->options.disk, on_remove, t);
    task_path(&t->store->trash_task, &t->store->trash_io[0], DISK_REMOVE, t->path, NULL);
}

static void on_zeroed(void *context, int status)
{
    struct trash *t = context;
    t->zero = NULL;
    if (status == 0)
        remove_it(t);
    else
        ended(t, status);
}

static void on_quarantine(struct task *task)
{
    struct trash *t = task->context;
    struct store *s = t->store;
    if (task->status == -EEXIST && task->step == 0)
        task_forgive(task);
    if (task->status != 0) {
        ended(t, task->status);
        return;
    }
    switch (task->step++) {
    case 0: task_path(task, &s->trash_io[0], DISK_SYNC_DIR, s->path, NULL); return;
    case 1: task_path(task, &s->trash_io[0], DISK_RENAME, t->path, t->to); return;
    case 2: task_path(task, &s->trash_io[0], DISK_SYNC_DIR, s->quarantine_path, NULL); return;
    case 3: task_path(task, &s->trash_io[0], DISK_SYNC_DIR, t->folder, NULL); return;
    default: ended(t, 0); return;
    }
}

static void quarantine(struct trash *t)
{
    struct store *s = t->store;
    int size = snprintf(t->to, sizeof t->to, "%s/g%llu-s-%08llu", s->quarantine_path,
                        (unsigned long long)t->gid, (unsigned long long)t->number);
    CHECK(size > 0 && (size_t)size < sizeof t->to);
    task_init(&s->trash_task, s->options.disk, on_quarantine, t);
    task_path(&s->trash_task, &s->trash_io[0], DISK_MKDIR, s->quarantine_path, NULL);
}

static struct trash *first_ready(const struct store *s)
{
    for (struct link *l = s->trash.next; l != &s->trash; l = l->next) {
        struct trash *t = LIST_ENTRY(l, struct trash, link);
        if (t->unread && t->committed && !t->failed && !store_pins_hold(s, t->gid, t->number))
            return t;
    }
    return NULL;
}

static void trash_next(struct store *s)
{
    struct trash *t = s->trash_busy == NULL ? first_ready(s) : NULL;
    if (t == NULL)
        return;
    s->trash_busy = t;
    switch (t->way) {
    case TRASH_REMOVE: remove_it(t); break;
    case TRASH_ZERO: t->zero = file_zero_start(s->options.disk, t->path, on_zeroed, t); break;
    case TRASH_QUARANTINE: quarantine(t); break;
    }
}

/* --- what checkpoints say ------------------------------------------------------------------------- */

/* Number and way, both varints, of each. */
static void write_one(struct buffer *to, uint64_t number, enum trash_way way)
{
    buffer_varint(to, number);
    buffer_varint(to, way);
}

void store_trash_write(const struct store *s, const struct store_group *g, struct buffer *to)
{
    for (struct link *l = s->trash.next; l != &s->trash; l = l->next) {
        const struct trash *t = LIST_ENTRY(l, struct trash, link);
        if (t->gid == g->member.gid)
            write_one(to, t->number, t->way);
    }
    uint64_t number;
    if (store_rewrite_is_making(g, &number))
        write_one(to, number, TRASH_REMOVE);
}

bool store_trash_has(const struct store *s, const struct store_group *g, uint64_t number)
{
    for (const struct link *l = s->trash.next; l != &s->trash; l = l->next) {
        const struct trash *t = LIST_ENTRY(l, struct trash, link);
        if (t->gid == g->member.gid && t->number == number)
            return true;
    }
    return false;
}

bool store_trash_has_zeroing(const struct store *s, const struct store_group *g, int *ret_status)
{
    for (const struct link *l = s->trash.next; l != &s->trash; l = l->next) {
        const struct trash *t = LIST_ENTRY(l, struct trash, link);
        if (t->gid != g->member.gid || t->way != TRASH_ZERO)
            continue;
        if (!t->failed)
            return true;
        *ret_status = -EIO;
    }
    return false;
}

int store_trash_read(struct store *s, struct store_group *g, struct bytes section)
{
    struct cursor c = cursor_of(section);
    while (cursor_left(&c) > 0 && !c.bad) {
        uint64_t number = cursor_varint(&c);
        uint64_t way = cursor_varint_max(&c, TRASH_QUARANTINE);
        if (c.bad)
            return -EBADMSG;
        if (!store_trash_has(s, g, number))
            store_trash_file(s, g, number, (enum trash_way)way);
    }
    return 0;
}

bool store_trash_idle(const struct store *s)
{
    return s->trash_busy == NULL;
}

void store_trash_done(struct store *s)
{
    while (!list_empty(&s->trash))
        trash_free(LIST_ENTRY(s->trash.next, struct trash, link));
}
