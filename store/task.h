/* SPDX-License-Identifier: Apache-2.0 */
/* task.h -- a procedure of several disk requests: parking is a state, not a stack.
 *
 * Idea        A task's function runs, submits requests and returns; when all of them have ended, it
 *             is called again, with `status` the first failure among them, and goes on from its
 *             `step`. A short read or write is continued here, so who asks for n bytes gets n, the
 *             file's end, or an error.
 *
 *                 run ──submits──► requests under way ──the last one ends──► run ...
 *
 * Invariants  1 run is not called while one of its requests is under way
 *             2 a task that has neither run last nor requests under way is over; its owner knows it by
 *               what run did last
 * Bounds      the caller's memory; nothing is allocated but for lists that a directory returns.
 */
#ifndef STORE_TASK_H
#define STORE_TASK_H

#include <stdbool.h>

#include "runtime/base/disk.h"

struct task;
struct task_io;

typedef void task_run_fn(struct task *t);

struct task {
    const struct disk *disk; /* borrowed */
    task_run_fn *run;
    void *context;
    unsigned step;    /* the procedure's own */
    unsigned pending; /* requests under way */
    int status;       /* first failure since run was called last */
    bool abandoned;   /* its disk crashed, or nobody is left to be told */
};

/* One request; its memory is the caller's, zeroed before its first use, and must stay until it ended. */
struct task_io {
    struct disk_request request; /* result, stat, names, file: when it has ended */
    struct task *task;
    struct iovec part;   /* of one-part reads and writes */
    struct iovec *parts; /* borrowed: changed while a short move is continued */
    uint32_t parts_left;
    int64_t moved; /* bytes so far */
};

void task_init(struct task *t, const struct disk *disk, task_run_fn *run, void *context);

/* Calls run now when nothing is under way, else after the last request. */
void task_begin(struct task *t);

static inline bool task_busy(const struct task *t)
{
    return t->pending > 0;
}

/* Each submits one request; its result is in io->request.result after it ended (moved bytes for reads
 * and writes). Reads end early at the end of the file only. path must stay. */
void task_open(struct task *t, struct task_io *io, const char *path, uint32_t flags);
void task_read(struct task *t, struct task_io *io, struct disk_file *file, uint64_t offset,
               void *at, size_t size);
void task_write(struct task *t, struct task_io *io, struct disk_file *file, uint64_t offset,
                const void *at, size_t size);
/* parts are changed; at most DISK_PARTS_MAX, and DISK_BYTES_MAX in all. */
void task_write_parts(struct task *t, struct task_io *io, struct disk_file *file, uint64_t offset,
                      struct iovec *parts, uint32_t count);
void task_sync(struct task *t, struct task_io *io, struct disk_file *file);
void task_close(struct task *t, struct task_io *io, struct disk_file **file);
void task_stat(struct task *t, struct task_io *io, struct disk_file *file);
void task_allocate(struct task *t, struct task_io *io, struct disk_file *file, uint64_t offset,
                   uint64_t size);
void task_truncate(struct task *t, struct task_io *io, struct disk_file *file, uint64_t size);
void task_lock(struct task *t, struct task_io *io, struct disk_file *file);
/* On paths: DISK_MKDIR, DISK_REMOVE, DISK_LIST, DISK_SYNC_DIR, DISK_SPACE; DISK_RENAME with to. */
void task_path(struct task *t, struct task_io *io, enum disk_op op, const char *path,
               const char *to);

/* The first failure so far counts as none: for a result that was looked at and may be. */
static inline void task_forgive(struct task *t)
{
    t->status = 0;
}

#endif
