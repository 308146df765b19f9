/* SPDX-License-Identifier: Apache-2.0 */
#include "store/segment_write.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"

enum { OPEN, WRITE, SYNC, SYNC_FOLDER, CLOSE, DONE };
/* A chunk of one huge record is written in two pieces. */
enum { IOS_MAX = SEGMENT_WRITE_CHUNKS_MAX * 2 };

struct finished {
    char *at; /* given */
    struct chunk_info info;
};

struct segment_write {
    struct segment_write_options options;
    struct task task;
    struct task_io io;   /* all but writes */
    struct task_io *ios; /* given: of the writes */
    struct disk_file *file;
    int status; /* the first failure */
    uint64_t end;
    uint32_t count;
    uint32_t capacity;
    struct finished *chunks; /* given */
    char path[DISK_PATH_MAX];
};

static void on_turn(struct task *t);

struct segment_write *segment_write_new(const struct segment_write_options *options)
{
    struct segment_write *w = calloc(1, sizeof *w);
    CHECK(w != NULL && options->offset % CHUNK_ALIGN == 0);
    w->options = *options;
    w->end = options->offset;
    segment_path(options->folder, options->number, w->path, sizeof w->path);
    task_init(&w->task, options->disk, on_turn, w);
    return w;
}

void segment_write_free(struct segment_write **at)
{
    struct segment_write *w = *at;
    *at = NULL;
    CHECK(!task_busy(&w->task));
    for (uint32_t i = 0; i < w->count; i++)
        free(w->chunks[i].at);
    free(w->chunks);
    free(w->ios);
    free(w);
}

void segment_write_add(struct segment_write *w, char **chunk, const struct chunk_info *info)
{
    CHECK(w->count < SEGMENT_WRITE_CHUNKS_MAX && w->task.step == OPEN);
    CHECK(info->offset == w->end && info->size % CHUNK_ALIGN == 0 && info->size > 0);
    if (w->count == w->capacity) {
        w->capacity = w->capacity == 0 ? 4 : w->capacity * 2;
        w->chunks = realloc(w->chunks, w->capacity * sizeof *w->chunks);
        CHECK(w->chunks != NULL);
    }
    w->chunks[w->count].at = *chunk;
    w->chunks[w->count++].info = *info;
    w->end += info->size;
    *chunk = NULL;
}

uint64_t segment_write_end(const struct segment_write *w)
{
    return w->end;
}

uint32_t segment_write_count(const struct segment_write *w)
{
    return w->count;
}

const struct chunk_info *segment_write_info(const struct segment_write *w, uint32_t i)
{
    CHECK(i < w->count);
    return &w->chunks[i].info;
}

void segment_write_start(struct segment_write *w)
{
    if (w->count == 0)
        w->task.step = DONE;
    task_begin(&w->task);
}

/* --- steps ---------------------------------------------------------------------------------------- */

static void open_file(struct segment_write *w)
{
    uint32_t flags = DISK_OPEN_WRITE;
    if (w->options.offset == 0)
        flags |= DISK_OPEN_CREATE | DISK_OPEN_EXCLUSIVE;
    task_open(&w->task, &w->io, w->path, flags);
}

/* All at once. The sync has to wait for their end: the rest of a short write is submitted only then. */
static void write_chunks(struct segment_write *w)
{
    w->file = w->io.request.file;
    w->ios = calloc(w->count * 2, sizeof *w->ios);
    CHECK(w->ios != NULL);
    uint32_t io = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct chunk_info *info = &w->chunks[i].info;
        for (uint64_t at = 0, size; at < info->size; at += size) {
            size = info->size - at < DISK_BYTES_MAX ? info->size - at : DISK_BYTES_MAX;
            CHECK(io < IOS_MAX && io < w->count * 2);
            task_write(&w->task, &w->ios[io++], w->file, info->offset + at, w->chunks[i].at + at,
                       size);
        }
    }
}

static void finish(struct segment_write *w)
{
    void (*done)(void *context, int status) = w->options.done;
    void *context = w->options.context;
    int status = w->status;
    segment_write_free(&w);
    done(context, status);
}

static void close_file(struct segment_write *w)
{
    w->task.step = DONE;
    task_close(&w->task, &w->io, &w->file);
}

static void on_turn(struct task *t)
{
    struct segment_write *w = t->context;
    if (w->status == 0 && t->step != DONE)
        w->status = t->status;
    bool failed = w->status < 0;
    switch (t->step++) {
    case OPEN: open_file(w); return;
    case WRITE:
        if (failed)
            finish(w);
        else
            write_chunks(w);
        return;
    case SYNC:
        if (failed)
            close_file(w);
        else
            task_sync(t, &w->io, w->file);
        return;
    case SYNC_FOLDER:
        if (failed || w->options.offset > 0)
            close_file(w);
        else
            task_path(t, &w->io, DISK_SYNC_DIR, w->options.folder, NULL);
        return;
    case CLOSE: close_file(w); return;
    case DONE: finish(w); return;
    default: UNREACHABLE("no such step");
    }
}
