/* SPDX-License-Identifier: Apache-2.0 */
#include "store/file_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

#define WRITES_MAX 16 /* requests at once */

enum file_write_step {
    FILE_OPENING,
    FILE_WRITING,
    FILE_SYNCING,
    FILE_SYNCING_FOLDER,
    FILE_CLOSING,
    FILE_REMOVING,
    FILE_OVER,
};

struct piece {
    struct piece *next;
    void *block; /* given */
    const char *at;
    uint64_t offset;
    uint64_t size; /* all of it */
    uint64_t sent; /* under way or written */
};

struct file_write {
    struct file_write_options options; /* but for its texts */
    enum file_write_step step;
    bool idle;     /* open, with nothing under way */
    bool finished; /* there will be no more pieces */
    int status;
    struct task task;
    struct task_io ios[WRITES_MAX];
    struct disk_file *file;
    struct piece *first; /* given; the oldest that is not written */
    struct piece **last;
    uint64_t queued; /* bytes */
    char *folder;    /* given */
    char path[];
};

static void on_turn(struct task *t);

struct file_write *file_write_new(const struct file_write_options *options)
{
    struct file_write *w = calloc(1, sizeof *w + strlen(options->path) + 1);
    CHECK(w != NULL);
    w->options = *options;
    memcpy(w->path, options->path, strlen(options->path) + 1);
    w->folder = strdup(options->folder);
    CHECK(w->folder != NULL);
    w->last = &w->first;
    task_init(&w->task, options->disk, on_turn, w);
    task_open(&w->task, &w->ios[0], w->path,
              DISK_OPEN_WRITE | DISK_OPEN_CREATE | DISK_OPEN_EXCLUSIVE);
    return w;
}

static void piece_pop(struct file_write *w)
{
    struct piece *p = w->first;
    w->first = p->next;
    if (w->first == NULL)
        w->last = &w->first;
    w->queued -= p->size;
    free(p->block);
    free(p);
}

void file_write_free(struct file_write **at)
{
    struct file_write *w = *at;
    *at = NULL;
    if (w == NULL)
        return;
    CHECK(!task_busy(&w->task));
    while (w->first != NULL)
        piece_pop(w);
    free(w->folder);
    free(w);
}

int file_write_status(const struct file_write *w)
{
    return w->step == FILE_OPENING && w->status == 0 ? -EINPROGRESS : w->status;
}

bool file_write_has_room(const struct file_write *w)
{
    return file_write_status(w) == 0 && w->queued < FILE_WRITE_QUEUE_MAX;
}

static void go_on(struct file_write *w)
{
    if (w->idle) {
        w->idle = false;
        task_begin(&w->task);
    }
}

void file_write_add(struct file_write *w, void **block, const char *at, uint64_t offset,
                    uint64_t size)
{
    CHECK(!w->finished && size > 0);
    struct piece *p = malloc(sizeof *p);
    CHECK(p != NULL);
    *p = (struct piece){.block = *block, .at = at, .offset = offset, .size = size};
    *block = NULL;
    *w->last = p;
    w->last = &p->next;
    w->queued += size;
    go_on(w);
}

void file_write_finish(struct file_write *w, int status)
{
    CHECK(!w->finished || status != 0);
    if (w->status == 0 && w->step < FILE_CLOSING)
        w->status = status;
    w->finished = true;
    go_on(w);
}

/* --- steps ------------------------------------------------------------------------------------------ */

/* Submits what is queued; false: all is written. */
static bool write_more(struct file_write *w)
{
    while (w->first != NULL && w->first->sent == w->first->size)
        piece_pop(w);
    unsigned io = 0;
    for (struct piece *p = w->first; p != NULL && io < WRITES_MAX; p = p->next) {
        while (p->sent < p->size && io < WRITES_MAX) {
            uint64_t size = p->size - p->sent < DISK_BYTES_MAX ? p->size - p->sent : DISK_BYTES_MAX;
            task_write(&w->task, &w->ios[io++], w->file, p->offset + p->sent, p->at + p->sent,
                       size);
            p->sent += size;
        }
    }
    return io > 0;
}

static void end(struct file_write *w)
{
    void (*done)(void *context, int status) = w->options.done;
    void *context = w->options.context;
    int status = w->status;
    file_write_free(&w);
    done(context, status);
}

static void after_writes(struct file_write *w)
{
    if (w->status == 0 && write_more(w))
        return;
    if (!w->finished) {
        w->idle = true;
        return;
    }
    if (w->file == NULL) {
        end(w);
    } else if (w->status != 0) {
        w->step = FILE_CLOSING;
        task_close(&w->task, &w->ios[0], &w->file);
    } else {
        w->step = FILE_SYNCING;
        task_sync(&w->task, &w->ios[0], w->file);
    }
}

static void on_turn(struct task *t)
{
    struct file_write *w = t->context;
    if (w->status == 0 && t->status != 0 && w->step < FILE_CLOSING)
        w->status = t->status;
    switch (w->step) {
    case FILE_OPENING:
        w->step = FILE_WRITING;
        w->file = w->status == 0 ? w->ios[0].request.file : NULL;
        after_writes(w);
        return;
    case FILE_WRITING: after_writes(w); return;
    case FILE_SYNCING:
        if (w->status == 0) {
            w->step = FILE_SYNCING_FOLDER;
            task_path(t, &w->ios[0], DISK_SYNC_DIR, w->folder, NULL);
            return;
        }
        __attribute__((fallthrough));
    case FILE_SYNCING_FOLDER:
        w->step = FILE_CLOSING;
        task_close(t, &w->ios[0], &w->file);
        return;
    case FILE_CLOSING:
        if (w->status != 0) {
            w->step = FILE_REMOVING;
            task_path(t, &w->ios[0], DISK_REMOVE, w->path, NULL);
            return;
        }
        __attribute__((fallthrough));
    case FILE_REMOVING:
        w->step = FILE_OVER;
        end(w);
        return;
    case FILE_OVER: UNREACHABLE("its owner was told");
    }
}
