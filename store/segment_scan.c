/* SPDX-License-Identifier: Apache-2.0 */
#include "store/segment_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/segment.h"
#include "store/task.h"

#define WINDOW ((uint64_t)1 << 20) /* of one read behind a bad header */

enum { OPEN, HEAD, MORE, FIND, CLOSED };

struct segment_scan {
    struct segment_scan_options options;
    struct task task;
    struct task_io io;
    struct disk_file *file;
    uint64_t offset; /* of the piece */
    uint64_t have;   /* bytes of it, and maybe of what follows */
    uint64_t wanted; /* bytes, with those that are being read */
    char *at;        /* given */
    uint64_t capacity;
    bool stopped;
    int status;
    char path[DISK_PATH_MAX];
};

static void on_turn(struct task *t);

struct segment_scan *segment_scan_new(const struct segment_scan_options *options)
{
    struct segment_scan *scan = calloc(1, sizeof *scan);
    CHECK(scan != NULL && options->size > 0 && options->size % CHUNK_ALIGN == 0);
    scan->options = *options;
    segment_path(options->folder, options->number, scan->path, sizeof scan->path);
    scan->options.folder = NULL;
    task_init(&scan->task, options->disk, on_turn, scan);
    return scan;
}

void segment_scan_free(struct segment_scan **at)
{
    struct segment_scan *scan = *at;
    *at = NULL;
    CHECK(!task_busy(&scan->task));
    free(scan->at);
    free(scan);
}

/* --- the end ------------------------------------------------------------------------------------- */

static void finish(struct segment_scan *scan)
{
    void (*ended)(void *context, int status) = scan->options.ended;
    void *context = scan->options.context;
    int status = scan->status;
    segment_scan_free(&scan);
    ended(context, status);
}

static void end(struct segment_scan *scan, int status)
{
    scan->status = status;
    scan->task.step = CLOSED;
    if (scan->file != NULL)
        task_close(&scan->task, &scan->io, &scan->file);
    else
        finish(scan);
}

/* --- reading ------------------------------------------------------------------------------------- */

static uint64_t left(const struct segment_scan *scan)
{
    return scan->options.size - scan->offset;
}

static struct chunk_place place_at(const struct segment_scan *scan, uint64_t at)
{
    return (struct chunk_place){scan->options.gid, scan->options.number, scan->offset + at};
}

/* Reads on until `size` bytes of the piece are there, or as many as one request takes. */
static void read_to(struct segment_scan *scan, uint64_t size)
{
    CHECK(size > scan->have && size <= left(scan));
    if (size - scan->have > DISK_BYTES_MAX)
        size = scan->have + DISK_BYTES_MAX;
    if (size > scan->capacity) {
        scan->at = realloc(scan->at, size);
        CHECK(scan->at != NULL);
        scan->capacity = size;
    }
    scan->wanted = size;
    task_read(&scan->task, &scan->io, scan->file, scan->offset + scan->have, scan->at + scan->have,
              size - scan->have);
}

/* What the file does not have are zeros. */
static void take_read(struct segment_scan *scan)
{
    uint64_t end = scan->have + (uint64_t)scan->io.request.result;
    CHECK(end <= scan->wanted);
    memset(scan->at + end, 0, scan->wanted - end);
    scan->have = scan->wanted;
}

static void give(struct segment_scan *scan, uint64_t size)
{
    struct chunk_place place = place_at(scan, 0);
    scan->offset += size;
    scan->have = 0;
    scan->task.step = HEAD;
    scan->options.piece(scan->options.context, &place, (struct bytes){scan->at, size});
}

/* Where the piece ends that has no header, if that can be told from what is there; 0: not yet. */
static uint64_t found_end(const struct segment_scan *scan, uint64_t from)
{
    for (uint64_t end = from; end <= scan->have; end += CHUNK_ALIGN) {
        struct chunk_footer footer;
        struct chunk_place place = place_at(scan, end - CHUNK_FOOTER_SIZE);
        if (chunk_footer_read(&place, scan->at + end - CHUNK_FOOTER_SIZE, &footer) == 0 &&
            footer.chunk >= scan->offset && footer.chunk < scan->offset + end)
            return footer.chunk == scan->offset ? end : footer.chunk - scan->offset;
        struct chunk_info info;
        place = place_at(scan, end);
        if (end < scan->have && chunk_header_read(&place, scan->at + end, &info) == 0)
            return end;
    }
    return scan->have == left(scan) || scan->have >= SEGMENT_PIECE_MAX - WINDOW ? scan->have : 0;
}

static void find(struct segment_scan *scan, uint64_t from)
{
    uint64_t end = found_end(scan, from);
    if (end > 0) {
        give(scan, end);
        return;
    }
    scan->task.step = FIND;
    read_to(scan, scan->have + WINDOW < left(scan) ? scan->have + WINDOW : left(scan));
}

/* The first CHUNK_ALIGN bytes are there. */
static void on_head(struct segment_scan *scan)
{
    struct chunk_place place = place_at(scan, 0);
    struct chunk_info info;
    bool whole = chunk_header_read(&place, scan->at, &info) == 0 && info.size <= left(scan) &&
                 info.size <= SEGMENT_PIECE_MAX;
    if (!whole) {
        find(scan, CHUNK_ALIGN);
    } else if (info.size == scan->have) {
        give(scan, info.size);
    } else {
        scan->task.step = MORE;
        read_to(scan, info.size);
    }
}

static void on_more(struct segment_scan *scan)
{
    struct chunk_place place = place_at(scan, 0);
    struct chunk_info info;
    int r = chunk_header_read(&place, scan->at, &info);
    CHECK(r == 0);
    if (scan->have == info.size)
        give(scan, info.size);
    else
        read_to(scan, info.size);
}

static void on_turn(struct task *t)
{
    struct segment_scan *scan = t->context;
    if (t->step == CLOSED) {
        finish(scan);
        return;
    }
    if (t->step == OPEN && t->status == 0)
        scan->file = scan->io.request.file;
    if (t->status != 0 || scan->stopped) {
        end(scan, t->status != 0 ? t->status : -ECANCELED);
        return;
    }
    uint64_t before = scan->have;
    if (t->step == OPEN) {
        t->step = HEAD;
        read_to(scan, CHUNK_ALIGN);
        return;
    }
    take_read(scan);
    switch (t->step) {
    case HEAD: on_head(scan); return;
    case MORE: on_more(scan); return;
    case FIND: find(scan, before); return;
    default: UNREACHABLE("no such step");
    }
}

void segment_scan_next(struct segment_scan *scan)
{
    CHECK(!task_busy(&scan->task));
    if (scan->stopped)
        end(scan, -ECANCELED);
    else if (left(scan) == 0)
        end(scan, 0);
    else if (scan->file == NULL)
        task_open(&scan->task, &scan->io, scan->path, 0);
    else
        read_to(scan, CHUNK_ALIGN);
}

void segment_scan_stop(struct segment_scan *scan)
{
    scan->stopped = true;
    if (!task_busy(&scan->task))
        end(scan, -ECANCELED);
}
