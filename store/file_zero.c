/* SPDX-License-Identifier: Apache-2.0 */
#include "store/file_zero.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/task.h"

#define ZEROS_BYTES ((uint64_t)1 << 20) /* of one write */

enum { OPENED, SIZED, WRITTEN, SYNCED, CLOSED };

struct file_zero {
    struct task task;
    struct task_io io;
    struct disk_file *file;
    int status; /* the first failure */
    uint64_t size;
    uint64_t at;
    char *zeros; /* given */
    void (*done)(void *context, int status);
    void *context;
};

void file_zero_free(struct file_zero **at)
{
    struct file_zero *z = *at;
    *at = NULL;
    CHECK(!task_busy(&z->task));
    free(z->zeros);
    free(z);
}

static void finish(struct file_zero *z)
{
    void (*done)(void *context, int status) = z->done;
    void *context = z->context;
    int status = z->status;
    file_zero_free(&z);
    done(context, status);
}

static void fill(struct file_zero *z)
{
    uint64_t size = z->size - z->at < ZEROS_BYTES ? z->size - z->at : ZEROS_BYTES;
    if (size == 0) {
        z->task.step = SYNCED;
        task_sync(&z->task, &z->io, z->file);
        return;
    }
    task_write(&z->task, &z->io, z->file, z->at, z->zeros, size);
    z->at += size;
}

static void on_turn(struct task *t)
{
    struct file_zero *z = t->context;
    if (z->status == 0)
        z->status = t->status;
    if (t->step == OPENED && z->status == 0)
        z->file = z->io.request.file;
    if (t->step == CLOSED || z->file == NULL) {
        finish(z);
        return;
    }
    if (z->status != 0)
        t->step = SYNCED;
    switch (t->step) {
    case OPENED:
        t->step = SIZED;
        task_stat(t, &z->io, z->file);
        return;
    case SIZED:
        z->size = z->io.request.stat.size;
        t->step = WRITTEN;
        fill(z);
        return;
    case WRITTEN: fill(z); return;
    case SYNCED:
        t->step = CLOSED;
        task_close(t, &z->io, &z->file);
        return;
    default: UNREACHABLE("no such step");
    }
}

struct file_zero *file_zero_start(const struct disk *disk, const char *path,
                                  void (*done)(void *context, int status), void *context)
{
    struct file_zero *z = calloc(1, sizeof *z);
    CHECK(z != NULL);
    z->zeros = calloc(1, ZEROS_BYTES);
    CHECK(z->zeros != NULL);
    z->done = done;
    z->context = context;
    task_init(&z->task, disk, on_turn, z);
    task_open(&z->task, &z->io, path, DISK_OPEN_WRITE);
    return z;
}
