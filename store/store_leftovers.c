/* SPDX-License-Identifier: Apache-2.0 */
/* store_leftovers.c -- what an earlier start left in the groups' folders: found once after each start.
 *
 *     of a folder s-N ...                                           goes
 *     of no group, which has been (and the ledger is whole)         removed
 *     of no group that is known                                     to quarantine
 *     named by the checkpoint                                       stays
 *     called trash by the checkpoint, or numbered from its          removed
 *     next_file on: of a drain that did not come to its end
 *     of a lower number, which nobody names                         to quarantine
 *
 * Idea        One folder after the other is listed, in the background. A group that is not loaded is judged by its
 *             checkpoint, which nothing can have changed then; a loaded one by what is in memory. Tables
 *             (x-N) of groups that are there are let be: they are derived, and named elsewhere.
 * Bounds      one request at a time; the names of one folder.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/checkpoint.h"
#include "store/msglog_file.h"
#include "store/sealed.h"
#include "store/store_keys.h"
#include "store/store_rewrite.h"
#include "store/store_state.h"

enum leftovers_step { LIST_GROUPS, READ_CHECKPOINT, LIST_FOLDER, CLEAR_FOLDER };

struct leftovers {
    struct store *store;
    enum leftovers_step step;
    struct task task;
    struct task_io io;
    struct ledger_read reading;
    bool reads;                 /* it is under way */
    struct disk_names *folders; /* given */
    uint32_t next_folder;
    uint64_t gid;
    struct segments *named;   /* given: of the checkpoint; NULL: it is not known */
    struct disk_names *names; /* given */
    uint32_t next_name;
    bool quarantine; /* what is cleared */
    char folder[DISK_PATH_MAX];
    char path[DISK_PATH_MAX];
    char to[DISK_PATH_MAX];
};

static void next_folder(struct leftovers *x);

void store_leftovers_done(struct store *s)
{
    struct leftovers *x = s->leftovers;
    s->leftovers = NULL;
    if (x == NULL)
        return;
    disk_names_free(&x->folders);
    disk_names_free(&x->names);
    if (x->named != NULL)
        segments_free(&x->named);
    free(x);
}

/* A number as we write it, after `prefix`; false: it is none of ours. */
static bool number_of(const char *name, const char *prefix, uint64_t *ret)
{
    size_t size = strlen(prefix);
    if (strncmp(name, prefix, size) != 0)
        return false;
    uint64_t number = 0;
    const char *at = name + size;
    if (*at == 0 || strlen(at) > 19)
        return false;
    for (; *at != 0; at++) {
        if (*at < '0' || *at > '9')
            return false;
        number = number * 10 + (uint64_t)(*at - '0');
    }
    *ret = number;
    return true;
}

static bool is_over(const struct leftovers *x)
{
    return x->store->failed || x->store->life != STORE_READY;
}

/* --- of a group that is there ------------------------------------------------------------------------ */

static bool has_segment(const struct segments *segments, uint64_t number)
{
    for (uint32_t i = 0; i < segments_count(segments); i++) {
        struct segment_edge edge;
        segments_edge(segments, i, &edge);
        if (edge.number == number)
            return true;
    }
    return false;
}

/* This life has given the number to a segment that nothing names yet; it may have given it to another sort of file
 * as well, or not at all. */
static bool is_making(const struct store_group *g, uint64_t number)
{
    uint64_t making;
    return !g->found || number == g->writing ||
           (store_rewrite_is_making(g, &making) && making == number);
}

static void judge(struct leftovers *x, struct store_group *g, const struct segments *named,
                  uint64_t number)
{
    bool later = number >= g->first_file; /* than the checkpoint that the start found */
    if (has_segment(named, number) || store_trash_has(x->store, g, number) ||
        (later && is_making(g, number)))
        return;
    store_trash_file(x->store, g, number, later ? TRASH_ZERO : TRASH_QUARANTINE);
}

static void judge_all(struct leftovers *x, struct store_group *g)
{
    const struct segments *named = g->life == GROUP_LOADED ? msglog_segments(g->log) : x->named;
    if (named == NULL || g->life == GROUP_DAMAGED || g->deleting || g->form != MSGLOG_FILE)
        return; /* nothing is known of it: nothing is touched */
    uint64_t highest = 0;
    for (uint32_t i = 0; i < x->names->count; i++) {
        uint64_t number;
        if (number_of(x->names->names[i].text, "s-", &number)) {
            judge(x, g, named, number);
            highest = number > highest ? number : highest;
        }
    }
    if (x->names->count > 0 && highest >= g->next_file)
        g->next_file = highest + 1; /* nothing new is called as what is on its way out */
}

static void list_folder(struct leftovers *x)
{
    x->step = LIST_FOLDER;
    task_path(&x->task, &x->io, DISK_LIST, x->folder, NULL);
}

static void on_checkpoint(struct ledger_read *read, int status, struct bytes body)
{
    struct leftovers *x = read->context;
    struct store *s = x->store;
    struct store_group *g = group_table_find(&s->groups, x->gid);
    struct checkpoint c;
    struct buffer plain = {0};
    x->reads = false;
    if (status == 0 && g != NULL)
        status = sealed_checkpoint_open(g->crypt->keys, x->gid, body, &plain, &body);
    if (status == 0)
        status = checkpoint_read(body, &c);
    if (status == 0 && g != NULL) {
        x->named = segments_new(
            &(struct segments_options){.pages = s->pages, .folder = x->folder, .gid = x->gid});
        status = segments_read_edges(x->named, c.sections[CHECKPOINT_SEGMENTS]);
        if (status == 0 && g->life != GROUP_LOADED) /* else that was done when it was loaded */
            status = store_trash_read(s, g, c.sections[CHECKPOINT_TRASH]);
        if (status != 0)
            segments_free(&x->named);
    }
    buffer_done(&plain);
    list_folder(x);
}

/* --- of a group that is not ---------------------------------------------------------------------------- */

static void clear_next(struct leftovers *x)
{
    struct task *t = &x->task;
    uint32_t i = x->next_name++;
    if (i > x->names->count) {
        next_folder(x);
        return;
    }
    if (i == x->names->count) { /* a folder that is not empty stays */
        task_path(t, &x->io, DISK_REMOVE, x->folder, NULL);
        return;
    }
    const char *name = x->names->names[i].text;
    int size = snprintf(x->path, sizeof x->path, "%s/%s", x->folder, name);
    if (size < 0 || (size_t)size >= sizeof x->path) {
        clear_next(x);
        return;
    }
    if (!x->quarantine) {
        task_path(t, &x->io, DISK_REMOVE, x->path, NULL);
        return;
    }
    size = snprintf(x->to, sizeof x->to, "%s/g%llu-%s", x->store->quarantine_path,
                    (unsigned long long)x->gid, name);
    if (size < 0 || (size_t)size >= sizeof x->to)
        clear_next(x);
    else
        task_path(t, &x->io, DISK_RENAME, x->path, x->to);
}

static void clear_folder(struct leftovers *x)
{
    x->step = CLEAR_FOLDER;
    x->next_name = 0;
    x->quarantine = x->store->ledger_lost > 0 || x->gid >= x->store->next_gid;
    if (x->quarantine)
        task_path(&x->task, &x->io, DISK_MKDIR, x->store->quarantine_path, NULL);
    else
        clear_next(x);
}

/* --- folders --------------------------------------------------------------------------------------------- */

static void begin_folder(struct leftovers *x)
{
    struct store *s = x->store;
    struct store_group *g = group_table_find(&s->groups, x->gid);
    store_group_folder(s, x->gid, x->folder);
    if (g == NULL || g->life == GROUP_LOADED || g->life == GROUP_DAMAGED || g->making != NULL) {
        list_folder(x);
        return;
    }
    x->step = READ_CHECKPOINT;
    x->reads = true;
    x->reading = (struct ledger_read){
        .kind = LEDGER_CHECKPOINT, .gid = x->gid, .done = on_checkpoint, .context = x};
    ledger_read(s->ledger, &x->reading);
}

static void next_folder(struct leftovers *x)
{
    disk_names_free(&x->names);
    if (x->named != NULL)
        segments_free(&x->named);
    while (!is_over(x) && x->next_folder < x->folders->count) {
        const struct disk_name *name = &x->folders->names[x->next_folder++];
        if (!name->directory || !number_of(name->text, "", &x->gid) || x->gid == 0)
            continue;
        begin_folder(x);
        return;
    }
    store_leftovers_done(x->store);
}

static void on_listed(struct leftovers *x)
{
    struct store_group *g = group_table_find(&x->store->groups, x->gid);
    x->names = x->io.request.names;
    if (g == NULL) {
        clear_folder(x);
        return;
    }
    judge_all(x, g);
    next_folder(x);
}

static void on_turn(struct task *t)
{
    struct leftovers *x = t->context;
    bool listing = x->step == LIST_GROUPS || x->step == LIST_FOLDER;
    if (is_over(x)) {
        if (listing && t->status == 0)
            disk_names_free(&x->io.request.names);
        store_leftovers_done(x->store);
        return;
    }
    switch (x->step) {
    case LIST_GROUPS:
        if (t->status == 0) {
            x->folders = x->io.request.names;
            next_folder(x);
        } else {
            store_leftovers_done(x->store);
        }
        return;
    case LIST_FOLDER:
        if (t->status == 0)
            on_listed(x);
        else
            next_folder(x);
        return;
    case CLEAR_FOLDER: clear_next(x); return;
    case READ_CHECKPOINT: break;
    }
    UNREACHABLE("the ledger reads checkpoints");
}

void store_leftovers_start(struct store *s)
{
    struct leftovers *x = calloc(1, sizeof *x);
    CHECK(x != NULL && s->leftovers == NULL);
    x->store = s;
    s->leftovers = x;
    task_init(&x->task, s->options.disk, on_turn, x);
    task_path(&x->task, &x->io, DISK_LIST, s->groups_path, NULL);
}
