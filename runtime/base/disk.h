/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h -- files and directories, as requests that are answered later.
 *
 * Idea        A disk is one function that takes requests. A request is the caller's memory: it
 *             names an operation and its arguments, and gets the result. It ends exactly once, by
 *             `done` (in a turn of whoever submitted it) or, when nobody is left to be told, by
 *             `drop`. Both may release the request, and all that it points at must stay until then.
 * Orders      1 Of one file, the requests that change it (write, append, sync, allocate, truncate)
 *               are performed in the order of their submission, one at a time; none is left out
 *               because an earlier one failed. So write, write, sync may be submitted at once.
 *             2 Reads and stats of an open file are performed at any time, also beside a running
 *               sync; one that was submitted after a write had ended sees that write.
 *             3 Close is performed after all that was submitted before it on that file.
 *             4 Requests that name a path (open, rename, remove, ...) have no order, neither among
 *               themselves nor with those on files: who needs one waits for the end of the first.
 * Durability  What a sync that ended with 0 was submitted after is on stable storage. A name
 *             (created, renamed, removed) is durable after a sync of its directory. After a failed
 *             sync nobody knows what is stored, and a later one that succeeds says nothing about
 *             it.
 * Bounds      DISK_REQUESTS_MAX under way at one disk; what comes beyond ends with -EAGAIN. Sizes
 *             of one request: DISK_BYTES_MAX, DISK_PARTS_MAX, DISK_PATH_MAX, DISK_NAMES_MAX.
 */
#ifndef RUNTIME_BASE_DISK_H
#define RUNTIME_BASE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "runtime/base/list.h"

#define DISK_REQUESTS_MAX 4096
#define DISK_BYTES_MAX ((uint64_t)64 << 20)
#define DISK_PARTS_MAX 1024
#define DISK_PATH_MAX 1024
#define DISK_NAMES_MAX ((uint32_t)1 << 20)

struct disk_file; /* an open file; the disk's */
struct disk_request;

enum disk_op {
    /* on a path */
    DISK_OPEN,     /* path, flags, mode -> file */
    DISK_MKDIR,    /* path, mode */
    DISK_RENAME,   /* path, to: replaces what is there */
    DISK_REMOVE,   /* path: a file, or an empty directory */
    DISK_LIST,     /* path -> names */
    DISK_SYNC_DIR, /* path: the names in it */
    DISK_SPACE,    /* path -> space: of the device under it */
    /* on an open file, without order */
    DISK_READ, /* offset, parts -> bytes; fewer than asked for: the end, or a short read */
    DISK_STAT, /* -> stat */
    /* on an open file, in order */
    DISK_WRITE,    /* offset, parts -> bytes; fewer than given: a short write */
    DISK_APPEND,   /* parts -> bytes, as above, at the file's end (of the terminal, the pipe) */
    DISK_SYNC,     /* fdatasync: the bytes, and the size that finds them */
    DISK_ALLOCATE, /* offset, size: space for this range, which reads as zeros where nothing was */
    DISK_TRUNCATE, /* size: the file's new one, up or down */
    DISK_LOCK,     /* one holder, until close or the end of the process; -EWOULDBLOCK: another's */
    DISK_CLOSE,    /* whatever the result, file is gone */
    DISK_OPS,
};

enum disk_open_flag {
    DISK_OPEN_WRITE = 1u << 0,     /* and read; without it: read only */
    DISK_OPEN_CREATE = 1u << 1,    /* when there is none */
    DISK_OPEN_EXCLUSIVE = 1u << 2, /* with CREATE: -EEXIST when there is one */
    DISK_OPEN_TRUNCATE = 1u << 3,  /* to nothing */
    DISK_OPEN_APPEND = 1u << 4,    /* for DISK_APPEND alone; no reads */
    DISK_OPEN_DIRECT = 1u << 5, /* past the page cache: offsets, sizes and memory at DISK_ALIGN */
    DISK_OPEN_URGENT = 1u << 6, /* its requests go before others' and never wait for their syncs */
};

#define DISK_ALIGN 4096

struct disk_stat {
    uint64_t size;
    bool directory;
};

struct disk_space {
    uint64_t total;
    uint64_t available; /* to this process */
};

struct disk_name {
    const char *text;
    bool directory;
};

/* What a directory holds, without "." and "..", sorted by bytes. */
struct disk_names {
    uint32_t count;
    struct disk_name *names; /* in the same allocation */
};

void disk_names_free(struct disk_names **names);

typedef void disk_done_fn(struct disk_request *request);

struct disk_request {
    enum disk_op op;
    uint32_t flags; /* enum disk_open_flag */
    uint32_t mode;  /* of what open and mkdir create */
    uint32_t part_count;
    const struct iovec *parts; /* borrowed, with their bytes */
    const char *path;          /* borrowed */
    const char *to;            /* borrowed */
    struct disk_file *file;    /* set by open */
    uint64_t offset;
    uint64_t size;

    int64_t result; /* bytes, or 0, or a negative errno */
    union {
        struct disk_stat stat;
        struct disk_space space;
        struct disk_names *names; /* given */
    };

    disk_done_fn *done; /* the result is there */
    disk_done_fn *drop; /* nobody is left to use it: releases; may be NULL */
    void *context;      /* the caller's */

    struct {
        struct link link;
        void *carrier;
        uint64_t due_ns;
        uint64_t number;
    } disk; /* the disk's, while the request is under way */
};

/* Takes the request until it ends; never calls done or drop from inside. */
typedef void disk_submit_fn(void *context, struct disk_request *request);

struct disk {
    disk_submit_fn *submit;
    void *context;
};

/* Submits it. The arguments are checked here: a request out of bounds is a bug of the caller. */
void disk_submit(const struct disk *disk, struct disk_request *request);

/* Whether requests of this kind follow one another on their file. */
static inline bool disk_op_ordered(enum disk_op op)
{
    return op >= DISK_WRITE;
}

static inline bool disk_op_on_path(enum disk_op op)
{
    return op < DISK_READ;
}

/* All bytes of the parts. */
uint64_t disk_parts_size(const struct iovec *parts, uint32_t count);

const char *disk_op_name(enum disk_op op);

/* Collects the names of a directory for DISK_LIST. */
struct disk_names_builder {
    char *text; /* given: names, each with its end, a byte before it telling whether a directory */
    size_t size;
    size_t capacity;
    uint32_t count;
};

/* -E2BIG past DISK_NAMES_MAX. */
int disk_names_add(struct disk_names_builder *builder, const char *name, bool directory)
    __attribute__((warn_unused_result));
struct disk_names *disk_names_finish(struct disk_names_builder *builder);
void disk_names_cancel(struct disk_names_builder *builder);

#endif
