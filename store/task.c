/* SPDX-License-Identifier: Apache-2.0 */
#include "store/task.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"

#define FILE_MODE 0600
#define FOLDER_MODE 0700

void task_init(struct task *t, const struct disk *disk, task_run_fn *run, void *context)
{
    *t = (struct task){.disk = disk, .run = run, .context = context};
}

void task_begin(struct task *t)
{
    if (t->pending == 0 && !t->abandoned)
        t->run(t);
}

static void ended(struct task *t, int64_t result)
{
    CHECK(t->pending > 0);
    if (result < 0 && t->status == 0)
        t->status = (int)result;
    if (--t->pending > 0 || t->abandoned)
        return;
    t->run(t);
}

static void on_drop(struct disk_request *request)
{
    struct task_io *io = request->context;
    io->task->abandoned = true;
    io->task->pending--;
}

/* Skips what has been moved; false: all has. */
static bool advance(struct task_io *io, size_t moved)
{
    while (io->parts_left > 0 && moved >= io->parts->iov_len) {
        moved -= io->parts->iov_len;
        io->parts++;
        io->parts_left--;
    }
    if (io->parts_left == 0)
        return false;
    io->parts->iov_base = (char *)io->parts->iov_base + moved;
    io->parts->iov_len -= moved;
    return true;
}

static void submit(struct task_io *io)
{
    io->request.parts = io->parts;
    io->request.part_count = io->parts_left;
    disk_submit(io->task->disk, &io->request);
}

static void on_moved(struct disk_request *request)
{
    struct task_io *io = request->context;
    int64_t moved = request->result;
    if (moved > 0) {
        io->moved += moved;
        request->offset += (uint64_t)moved;
        if (advance(io, (size_t)moved)) {
            submit(io);
            return;
        }
    } else if (moved == 0 && io->parts_left > 0 && request->op == DISK_WRITE) {
        request->result = -EIO; /* a disk that takes nothing and says nothing */
    }
    if (request->result >= 0)
        request->result = io->moved;
    ended(io->task, request->result);
}

static void on_done(struct disk_request *request)
{
    struct task_io *io = request->context;
    ended(io->task, request->result);
}

static struct disk_request *prepare(struct task *t, struct task_io *io, enum disk_op op,
                                    disk_done_fn *done)
{
    memset(io, 0, sizeof *io);
    io->task = t;
    io->request.op = op;
    io->request.done = done;
    io->request.drop = on_drop;
    io->request.context = io;
    if (t->pending++ == 0)
        t->status = 0;
    return &io->request;
}

void task_open(struct task *t, struct task_io *io, const char *path, uint32_t flags)
{
    struct disk_request *r = prepare(t, io, DISK_OPEN, on_done);
    r->path = path;
    r->flags = flags;
    r->mode = FILE_MODE;
    disk_submit(t->disk, r);
}

static void move(struct task_io *io, struct disk_file *file, uint64_t offset, struct iovec *parts,
                 uint32_t count)
{
    io->request.file = file;
    io->request.offset = offset;
    io->parts = parts;
    io->parts_left = count;
    submit(io);
}

void task_read(struct task *t, struct task_io *io, struct disk_file *file, uint64_t offset,
               void *at, size_t size)
{
    (void)prepare(t, io, DISK_READ, on_moved);
    io->part = (struct iovec){at, size};
    move(io, file, offset, &io->part, 1);
}

void task_write(struct task *t, struct task_io *io, struct disk_file *file, uint64_t offset,
                const void *at, size_t size)
{
    (void)prepare(t, io, DISK_WRITE, on_moved);
    io->part = (struct iovec){(void *)(uintptr_t)at, size};
    move(io, file, offset, &io->part, 1);
}

void task_write_parts(struct task *t, struct task_io *io, struct disk_file *file, uint64_t offset,
                      struct iovec *parts, uint32_t count)
{
    (void)prepare(t, io, DISK_WRITE, on_moved);
    move(io, file, offset, parts, count);
}

static void on_file(struct task *t, struct task_io *io, enum disk_op op, struct disk_file *file,
                    uint64_t offset, uint64_t size)
{
    struct disk_request *r = prepare(t, io, op, on_done);
    r->file = file;
    r->offset = offset;
    r->size = size;
    disk_submit(t->disk, r);
}

void task_sync(struct task *t, struct task_io *io, struct disk_file *file)
{
    on_file(t, io, DISK_SYNC, file, 0, 0);
}

void task_close(struct task *t, struct task_io *io, struct disk_file **file)
{
    struct disk_file *f = *file;
    *file = NULL;
    on_file(t, io, DISK_CLOSE, f, 0, 0);
}

void task_stat(struct task *t, struct task_io *io, struct disk_file *file)
{
    on_file(t, io, DISK_STAT, file, 0, 0);
}

void task_allocate(struct task *t, struct task_io *io, struct disk_file *file, uint64_t offset,
                   uint64_t size)
{
    on_file(t, io, DISK_ALLOCATE, file, offset, size);
}

void task_truncate(struct task *t, struct task_io *io, struct disk_file *file, uint64_t size)
{
    on_file(t, io, DISK_TRUNCATE, file, 0, size);
}

void task_lock(struct task *t, struct task_io *io, struct disk_file *file)
{
    on_file(t, io, DISK_LOCK, file, 0, 0);
}

void task_path(struct task *t, struct task_io *io, enum disk_op op, const char *path,
               const char *to)
{
    struct disk_request *r = prepare(t, io, op, on_done);
    CHECK(disk_op_on_path(op) && op != DISK_OPEN);
    r->path = path;
    r->to = to;
    r->mode = FOLDER_MODE;
    disk_submit(t->disk, r);
}
