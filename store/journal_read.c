/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

#define PIECE_BYTES ((uint64_t)4 << 20)
#define PAGE_BYTES ((uint64_t)4096)

static void on_read(struct task *t);

void journal_read_done(struct journal_read *r)
{
    CHECK(!task_busy(&r->task));
    free(r->unreadable);
    r->unreadable = NULL;
    r->unreadable_count = 0;
}

static void open_file(struct journal_read *r, bool direct)
{
    r->direct = direct;
    r->step = READ_OPENED;
    task_open(&r->task, &r->io[0], r->path, direct ? DISK_OPEN_DIRECT : 0);
}

void journal_read_begin(struct journal_read *r, const struct disk *disk, char *image, uint64_t size,
                        void (*done)(void *context, int status), void *context)
{
    journal_read_done(r);
    task_init(&r->task, disk, on_read, r);
    r->image = image;
    r->size = size;
    r->done = done;
    r->context = context;
    r->careful = false;
    r->shorter = false;
    r->status = 0;
    open_file(r, true);
}

static uint64_t piece_bytes(const struct journal_read *r)
{
    return r->careful ? PAGE_BYTES : PIECE_BYTES;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void read_pieces(struct journal_read *r)
{
    r->step = READ_PIECES;
    r->from = r->next;
    for (unsigned i = 0; i < JOURNAL_READS_MAX && r->next < r->size; i++) {
        uint64_t size = min_of(r->size - r->next, piece_bytes(r));
        task_read(&r->task, &r->io[i], r->handle, r->next, r->image + r->next, size);
        r->next += size;
    }
}

static void read_from_start(struct journal_read *r)
{
    r->next = 0;
    r->shorter = false;
    read_pieces(r);
}

static void close_file(struct journal_read *r, enum journal_read_step step)
{
    r->step = step;
    task_close(&r->task, &r->io[0], &r->handle);
}

static void note_unreadable(struct journal_read *r, uint64_t offset)
{
    if (r->unreadable == NULL) {
        r->unreadable = calloc(r->size / PAGE_BYTES + 1, sizeof r->unreadable[0]);
        CHECK(r->unreadable != NULL);
    }
    r->unreadable[r->unreadable_count++] = offset;
}

/* What the disk did not give is zeros. */
static void take_pieces(struct journal_read *r)
{
    unsigned i = 0;
    for (uint64_t at = r->from; at < r->next; at += piece_bytes(r), i++) {
        uint64_t size = min_of(r->next - at, piece_bytes(r));
        int64_t result = r->io[i].request.result;
        uint64_t got = result < 0 ? 0 : (uint64_t)result;
        if (result < 0)
            note_unreadable(r, at);
        else if (got < size)
            r->shorter = true;
        memset(r->image + at + got, 0, size - got);
    }
}

static void end_pieces(struct journal_read *r, int status)
{
    if (status == -EIO && !r->careful) {
        r->careful = true;
        read_from_start(r);
    } else if (status == -EINVAL && r->direct) {
        close_file(r, READ_AGAIN); /* a short direct read can not be continued where it ended */
    } else if (status != 0 && status != -EIO) {
        r->status = status;
        close_file(r, READ_CLOSED);
    } else {
        take_pieces(r);
        if (r->next < r->size)
            read_pieces(r);
        else
            close_file(r, READ_CLOSED);
    }
}

static void end_open(struct journal_read *r, int status)
{
    if (status == -EINVAL && r->direct) {
        open_file(r, false); /* not every file system can */
    } else if (status != 0) {
        r->done(r->context, status);
    } else {
        r->handle = r->io[0].request.file;
        read_from_start(r);
    }
}

static void on_read(struct task *t)
{
    struct journal_read *r = t->context;
    int status = t->status;
    task_forgive(t);
    switch (r->step) {
    case READ_OPENED: end_open(r, status); break;
    case READ_PIECES: end_pieces(r, status); break;
    case READ_AGAIN:
        journal_read_done(r);
        open_file(r, false);
        break;
    case READ_CLOSED: r->done(r->context, r->status); break;
    }
}
