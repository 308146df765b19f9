/* SPDX-License-Identifier: Apache-2.0 */
#include "store/super.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/task.h"

struct copy {
    char path[DISK_PATH_MAX];
    char new_path[DISK_PATH_MAX]; /* until it is whole */
    struct disk_file *file;
    int status; /* 0: block is its content; -ENOENT; why not */
    struct super_block block;
};

struct super {
    const struct disk *disk; /* borrowed */
    const char *folder;      /* borrowed */
    struct copy copies[2];
    bool loaded;
    uint64_t generation; /* of the last save that was begun, or of what was loaded */
    unsigned first;      /* the copy that a save writes first: the one that counts less */
    unsigned writing;
    unsigned written; /* copies, of the save under way */
    struct task task;
    struct task_io io[2];
    char *bytes[2]; /* given: SUPER_BLOCK_SIZE each */
    void (*load_done)(void *context, int status, const struct super_block *block);
    void (*save_done)(void *context, int status);
    void *context;
};

static void make_path(char to[DISK_PATH_MAX], const char *folder, char copy, const char *end)
{
    int size = snprintf(to, DISK_PATH_MAX, "%s/super.%c%s", folder, copy, end);
    CHECK(size > 0 && size < DISK_PATH_MAX);
}

struct super *super_new(const struct disk *disk, const char *folder)
{
    struct super *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->disk = disk;
    s->folder = folder;
    for (unsigned i = 0; i < 2; i++) {
        make_path(s->copies[i].path, folder, "ab"[i], "");
        make_path(s->copies[i].new_path, folder, "ab"[i], ".new");
        s->bytes[i] = malloc(SUPER_BLOCK_SIZE);
        CHECK(s->bytes[i] != NULL);
    }
    return s;
}

void super_free(struct super **at)
{
    struct super *s = *at;
    *at = NULL;
    if (s == NULL)
        return;
    CHECK(!task_busy(&s->task));
    free(s->bytes[0]);
    free(s->bytes[1]);
    free(s);
}

/* --- load ----------------------------------------------------------------------------------------- */

enum { LOAD_OPEN, LOAD_OPENED, LOAD_READ, LOAD_CLOSED };

static void open_copies(struct super *s)
{
    for (unsigned i = 0; i < 2; i++)
        task_open(&s->task, &s->io[i], s->copies[i].path, 0);
}

static void read_copies(struct super *s)
{
    for (unsigned i = 0; i < 2; i++) {
        struct copy *c = &s->copies[i];
        c->status = (int)s->io[i].request.result;
        c->file = c->status == 0 ? s->io[i].request.file : NULL;
        if (c->file != NULL)
            task_read(&s->task, &s->io[i], c->file, 0, s->bytes[i], SUPER_BLOCK_SIZE);
    }
    task_begin(&s->task); /* runs at once when there was none */
}

static int decode(struct copy *c, int64_t result, const char *bytes)
{
    if (result < 0)
        return (int)result;
    if (result != SUPER_BLOCK_SIZE)
        return -EBADMSG;
    return super_block_read(bytes, &c->block);
}

static void decode_and_close(struct super *s)
{
    for (unsigned i = 0; i < 2; i++) {
        struct copy *c = &s->copies[i];
        if (c->file == NULL)
            continue;
        c->status = decode(c, s->io[i].request.result, s->bytes[i]);
        task_close(&s->task, &s->io[i], &c->file);
    }
    task_begin(&s->task);
}

/* What a store without a valid copy is: of two reasons the one that says more. */
static int reason(int a, int b)
{
    if (a == -ENOTSUP || b == -ENOTSUP)
        return -ENOTSUP;
    if (a == -ENOENT)
        return b;
    return b == -ENOENT || a != -EBADMSG ? a : b;
}

static void end_load(struct super *s)
{
    const struct copy *a = &s->copies[0];
    const struct copy *b = &s->copies[1];
    int status = reason(a->status, b->status);
    bool refused = status == -ENOTSUP || (a->status != 0 && b->status != 0);
    s->loaded = !refused || status == -ENOENT;
    if (refused) {
        s->load_done(s->context, status, NULL);
        return;
    }
    bool second = a->status != 0 || (b->status == 0 && b->block.generation > a->block.generation);
    const struct super_block *block = &s->copies[second].block;
    s->generation = block->generation;
    s->first = !second;
    s->load_done(s->context, 0, block);
}

static void run_load(struct task *t)
{
    struct super *s = t->context;
    switch (t->step++) {
    case LOAD_OPEN: open_copies(s); return;
    case LOAD_OPENED: read_copies(s); return;
    case LOAD_READ: decode_and_close(s); return;
    case LOAD_CLOSED: end_load(s); return;
    }
    UNREACHABLE("no such step");
}

void super_load(struct super *s,
                void (*done)(void *context, int status, const struct super_block *block),
                void *context)
{
    CHECK(!task_busy(&s->task));
    s->load_done = done;
    s->context = context;
    task_init(&s->task, s->disk, run_load, s);
    task_begin(&s->task);
}

/* --- save ----------------------------------------------------------------------------------------- */

enum {
    SAVE_OPEN,
    SAVE_OPENED,
    SAVE_WRITTEN,
    SAVE_SYNCED,
    SAVE_CLOSED,
    SAVE_RENAMED,
    SAVE_NAMED,
    SAVE_FAILED,
};

static struct copy *written_now(struct super *s)
{
    return &s->copies[s->writing];
}

static bool is_new(const struct super *s)
{
    return s->copies[s->writing].status == -ENOENT;
}

static void open_copy(struct super *s)
{
    s->task.step = SAVE_OPENED;
    const struct copy *c = written_now(s);
    task_open(&s->task, &s->io[0], is_new(s) ? c->new_path : c->path,
              DISK_OPEN_WRITE | (is_new(s) ? DISK_OPEN_CREATE | DISK_OPEN_TRUNCATE : 0));
}

/* This copy is durable: on with the other one, or done. */
static void end_copy(struct super *s)
{
    written_now(s)->status = 0;
    s->first = !s->writing;
    if (++s->written == 2) {
        s->save_done(s->context, 0);
        return;
    }
    s->writing = !s->writing;
    open_copy(s);
}

static void end_failed(struct super *s, int status)
{
    struct copy *c = written_now(s);
    s->task.step = SAVE_FAILED;
    s->io[1].request.result = status; /* kept over the close */
    if (c->file != NULL)
        task_close(&s->task, &s->io[0], &c->file);
    task_begin(&s->task);
}

static void go_on_saving(struct super *s)
{
    struct task *t = &s->task;
    struct copy *c = written_now(s);
    switch (t->step++) {
    case SAVE_OPENED:
        c->file = s->io[0].request.file;
        task_write(t, &s->io[0], c->file, 0, s->bytes[0], SUPER_BLOCK_SIZE);
        return;
    case SAVE_WRITTEN: task_sync(t, &s->io[0], c->file); return;
    case SAVE_SYNCED: task_close(t, &s->io[0], &c->file); return;
    case SAVE_CLOSED:
        if (is_new(s))
            task_path(t, &s->io[0], DISK_RENAME, c->new_path, c->path);
        else
            end_copy(s);
        return;
    case SAVE_RENAMED: task_path(t, &s->io[0], DISK_SYNC_DIR, s->folder, NULL); return;
    case SAVE_NAMED: end_copy(s); return;
    }
    UNREACHABLE("no such step");
}

static void run_save(struct task *t)
{
    struct super *s = t->context;
    if (t->step == SAVE_FAILED)
        s->save_done(s->context, (int)s->io[1].request.result);
    else if (t->step == SAVE_OPEN)
        open_copy(s);
    else if (t->status != 0)
        end_failed(s, t->status);
    else
        go_on_saving(s);
}

void super_save(struct super *s, const struct super_block *block,
                void (*done)(void *context, int status), void *context)
{
    CHECK(s->loaded && !task_busy(&s->task));
    struct super_block next = *block;
    next.generation = ++s->generation;
    super_block_write(&next, s->bytes[0]);
    s->save_done = done;
    s->context = context;
    s->written = 0;
    s->writing = s->first;
    task_init(&s->task, s->disk, run_save, s);
    task_begin(&s->task);
}
