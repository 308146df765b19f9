/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store_view.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/ledger_walk.h"

#define TEXTS 4
#define TEXT_MAX 512

/* --- life -------------------------------------------------------------------------------------------- */

void view_init(struct store_view *v, const char *path)
{
    *v = (struct store_view){.super_status = -ENOENT, .ledger_status = -ENOENT};
    (void)snprintf(v->path, sizeof v->path, "%s", path);
    sync_disk_init(&v->disk);
    v->rots_last = &v->rots;
}

static void group_done(struct view_group *g)
{
    free(g->record_body);
    free(g->checkpoint_body);
    free(g->spill_body);
    free(g->segments);
    free(g->runs);
    free(g->trash);
}

static void on_task(struct task *t)
{
    (void)t;
}

void view_done(struct store_view *v)
{
    struct task t;
    struct task_io io[2] = {{.moved = 0}};
    task_init(&t, &v->disk.door, on_task, v);
    for (int i = 0; i < 2; i++)
        if (v->ledger_file[i] != NULL)
            task_close(&t, &io[i], &v->ledger_file[i]);
    sync_disk_run(&v->disk);
    ledger_scan_done(&v->scan);
    free(v->ledger_path[0]);
    free(v->ledger_path[1]);
    for (uint32_t i = 0; i < v->group_count; i++)
        group_done(&v->groups[i]);
    free(v->groups);
    for (uint32_t i = 0; i < v->journal.file_count; i++)
        free((char *)(uintptr_t)v->journal.files[i].image);
    free(v->journal.files);
    free(v->journal_names);
    free(v->entries);
    while (v->rots != NULL) {
        struct view_rot *r = v->rots;
        v->rots = r->next;
        free(r);
    }
}

/* --- texts --------------------------------------------------------------------------------------------- */

static char *next_text(void)
{
    static char texts[TEXTS]
                     [TEXT_MAX]; /* the tool is one thread; each is used in one line of output */
    static unsigned next;
    return texts[next++ % TEXTS];
}

const char *view_printable(struct bytes text)
{
    char *at = next_text();
    size_t n = 0;
    for (size_t i = 0; i < text.size && n + 1 < TEXT_MAX; i++)
        at[n++] = isprint((unsigned char)text.at[i]) ? text.at[i] : '?';
    at[n] = 0;
    return at;
}

const char *view_group_title(const struct store_view *v, uint64_t gid)
{
    const struct view_group *g = view_group(v, gid);
    const char *account = "";
    const char *name = "";
    if (g != NULL && g->record_status == 0) {
        account = view_printable(g->record.account);
        name = view_printable(g->record.name);
    }
    char *at = next_text();
    if (*name != 0)
        (void)snprintf(at, TEXT_MAX, "stream %.200s of account %.200s (group %llu)", name, account,
                       (unsigned long long)gid);
    else
        (void)snprintf(at, TEXT_MAX, "group %llu", (unsigned long long)gid);
    return at;
}

/* --- super blocks ---------------------------------------------------------------------------------------- */

static void read_copy(const struct store_view *v, char letter, struct view_copy *copy)
{
    char path[VIEW_PATH_MAX];
    char block[SUPER_BLOCK_SIZE] = {0};
    (void)snprintf(path, sizeof path, "%s/super.%c", v->path, letter);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        copy->status = -errno;
        return;
    }
    ssize_t size = pread(fd, block, sizeof block, 0);
    copy->status = size < 0 ? -errno : super_block_read(block, &copy->block);
    (void)close(fd); /* it was read only */
}

void view_read_super(struct store_view *v)
{
    v->super_status = -ENOENT;
    for (int i = 0; i < 2; i++) {
        struct view_copy *copy = &v->super_copies[i];
        read_copy(v, "ab"[i], copy);
        if (copy->status == 0 &&
            (v->super_status != 0 || copy->block.generation > v->super.generation)) {
            v->super = copy->block;
            v->super_status = 0;
        } else if (v->super_status == -ENOENT) {
            v->super_status = copy->status;
        }
    }
    for (int i = 0; i < 2; i++)
        if (v->super_copies[i].status == -ENOTSUP)
            v->super_status = -ENOTSUP;
}

/* --- groups -------------------------------------------------------------------------------------------------- */

static int by_gid(const void *a, const void *b)
{
    uint64_t x = ((const struct view_group *)a)->gid;
    uint64_t y = ((const struct view_group *)b)->gid;
    return (x > y) - (x < y);
}

struct view_group *view_group(const struct store_view *v, uint64_t gid)
{
    struct view_group key = {.gid = gid};
    return v->group_count == 0
               ? NULL
               : bsearch(&key, v->groups, v->group_count, sizeof *v->groups, by_gid);
}

/* Made at its place when it is not there; numbers rise mostly. */
static struct view_group *group_for(struct store_view *v, uint64_t gid)
{
    struct view_group *found = view_group(v, gid);
    if (found != NULL)
        return found;
    v->groups = realloc(v->groups, (v->group_count + 1) * sizeof *v->groups);
    CHECK(v->groups != NULL);
    uint32_t at = v->group_count++;
    for (; at > 0 && v->groups[at - 1].gid > gid; at--)
        v->groups[at] = v->groups[at - 1];
    v->groups[at] =
        (struct view_group){.gid = gid, .record_status = -ENOENT, .checkpoint_status = -ENOENT};
    return &v->groups[at];
}

static int read_edges(struct view_group *g)
{
    struct pages *pages = pages_new(&(struct disk){0}, 1 << 20);
    struct segments *s =
        segments_new(&(struct segments_options){.pages = pages, .folder = "", .gid = g->gid});
    int status = segments_read_edges(s, g->checkpoint.sections[CHECKPOINT_SEGMENTS]);
    if (status == 0) {
        g->segment_count = segments_count(s);
        g->segments = calloc(g->segment_count + 1, sizeof *g->segments);
        CHECK(g->segments != NULL);
        for (uint32_t i = 0; i < g->segment_count; i++)
            segments_edge(s, i, &g->segments[i]);
    }
    pages_free(&pages);
    segments_free(&s);
    return status;
}

/* The section of subjects_runs.c. */
static int read_runs(struct view_group *g)
{
    struct bytes section = g->checkpoint.sections[CHECKPOINT_RUNS];
    struct cursor c = cursor_of(section);
    if (section.size == 0)
        return 0;
    (void)cursor_u8(&c);
    (void)cursor_varint(&c);
    (void)cursor_u8(&c);
    g->runs = calloc(section.size / 3 + 1, sizeof *g->runs);
    CHECK(g->runs != NULL);
    while (!c.bad && cursor_left(&c) > 0) {
        struct view_run *r = &g->runs[g->run_count++];
        r->number = cursor_varint(&c);
        r->size = cursor_varint_max(&c, UINT64_MAX / RUN_BLOCK_SIZE) * RUN_BLOCK_SIZE;
        r->keys = cursor_varint(&c);
    }
    return c.bad ? -EBADMSG : 0;
}

static void read_trash(struct view_group *g)
{
    struct bytes section = g->checkpoint.sections[CHECKPOINT_TRASH];
    struct cursor c = cursor_of(section);
    g->trash = calloc(section.size + 1, sizeof *g->trash);
    CHECK(g->trash != NULL);
    while (!c.bad && cursor_left(&c) > 0) {
        g->trash[g->trash_count++] = cursor_varint(&c);
        (void)cursor_varint(&c);
    }
}

static char *copy_of(struct bytes body)
{
    char *at = malloc(body.size + 1);
    CHECK(at != NULL);
    memcpy(at, body.at, body.size);
    return at;
}

static void take_checkpoint(struct store_view *v, struct view_group *g, struct bytes body)
{
    g->checkpoint_body = copy_of(body);
    g->checkpoint_status =
        checkpoint_read((struct bytes){g->checkpoint_body, body.size}, &g->checkpoint);
    if (g->checkpoint_status == 0)
        g->checkpoint_status = view_read_spill(v, g);
    if (g->checkpoint_status != 0)
        return;
    g->segments_status = read_edges(g);
    g->runs_status = read_runs(g);
    read_trash(g);
}

static void take_record(struct store_view *v, const struct ledger_record *r, bool doubtful)
{
    if (r->kind == LEDGER_FLOOR) {
        struct cursor c = cursor_of(r->body);
        v->floor = cursor_u64(&c);
        v->next_gid = cursor_u64(&c);
        return;
    }
    if (r->kind != LEDGER_GROUP && r->kind != LEDGER_CHECKPOINT)
        return;
    struct view_group *g = group_for(v, r->gid);
    g->doubtful |= doubtful;
    if (r->kind == LEDGER_CHECKPOINT) {
        take_checkpoint(v, g, r->body);
        return;
    }
    g->record_body = copy_of(r->body);
    g->record_status = group_record_read((struct bytes){g->record_body, r->body.size}, &g->record);
}

/* --- the ledger ------------------------------------------------------------------------------------------------ */

static void open_copies(struct store_view *v, uint32_t flags)
{
    for (int i = 0; i < 2; i++) {
        struct task t;
        struct task_io io = {.moved = 0};
        int size = asprintf(&v->ledger_path[i], "%s/ledger/%c-%05llu", v->path, "ab"[i],
                            (unsigned long long)v -> super.ledger);
        CHECK(size > 0);
        task_init(&t, &v->disk.door, on_task, v);
        task_open(&t, &io, v->ledger_path[i], flags);
        sync_disk_run(&v->disk);
        if (t.status != 0)
            continue;
        v->ledger_file[i] = io.request.file;
        task_stat(&t, &io, v->ledger_file[i]);
        sync_disk_run(&v->disk);
        v->ledger_size[i] = t.status == 0 ? io.request.stat.size : 0;
    }
}

struct walking {
    struct store_view *view;
    struct ledger_walk walk;
    bool over;
    int status;
};

static void on_scan(struct task *t)
{
    struct walking *w = t->context;
    task_forgive(t); /* the scan has seen it */
    w->status = ledger_scan_run(&w->view->scan, t);
}

static void on_walk(struct task *t)
{
    struct walking *w = t->context;
    struct ledger_record r;
    while ((w->status = ledger_walk_next(&w->walk, t, &r)) == 0) {
        uint64_t position = w->walk.places[w->walk.next - 1].position;
        take_record(w->view, &r, position < w->view->scan.places.lost_end);
    }
}

void view_read_ledger(struct store_view *v, uint32_t flags)
{
    struct walking w = {.view = v};
    struct task t;
    const struct ledger_identity id = {super_block_store(&v->super), v->super.ledger};
    if (v->super.ledger == 0)
        return;
    open_copies(v, flags);
    if (v->ledger_file[0] == NULL && v->ledger_file[1] == NULL)
        return;
    ledger_scan_init(&v->scan, &id, v->ledger_file, v->ledger_size);
    task_init(&t, &v->disk.door, on_scan, &w);
    task_begin(&t);
    sync_disk_run(&v->disk);
    v->ledger_status = w.status;
    if (w.status != 0)
        return;
    struct disk_file *const file[2] = {v->ledger_file[v->ledger_file[0] == NULL],
                                       v->ledger_file[v->ledger_file[1] != NULL]};
    ledger_walk_init(&w.walk, &id, &v->scan.places, file, v->scan.commit.position);
    task_init(&t, &v->disk.door, on_walk, &w);
    task_begin(&t);
    sync_disk_run(&v->disk);
    ledger_walk_done(&w.walk);
    v->ledger_status = w.status == -ENOENT ? 0 : w.status;
}
