/* SPDX-License-Identifier: Apache-2.0 */
/* journal_ring.c -- the files of a journal: made before they are needed, used again when released.
 *
 * Idea        One job at a time, in steps: zero what was to be zeroed, keep one spare ready,
 *             remove spares that are too many. A new file is filled with zeros, not allocated:
 *             the sync of a block then changes bytes alone, and no extents. It is used when its
 *             name is durable.
 *
 *             Zeros for a live file go behind its closed blocks. While they are on their way no
 *             flush of that file begins (it would write where they may still arrive, if they
 *             were short and are continued); blocks closed meanwhile are left out by the next
 *             piece.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/journal_state.h"

#define ZEROS_BYTES ((uint64_t)1 << 20) /* of one write */

static void on_ring(struct task *t);

void journal_ring_init(struct journal *j)
{
    task_init(&j->ring.task, j->options.disk, on_ring, j);
}

/* --- files and images ----------------------------------------------------------------------- */

void journal_path(const struct journal *j, uint32_t physical, char path[DISK_PATH_MAX])
{
    int size = snprintf(path, DISK_PATH_MAX, "%s/j-%05u", j->options.folder, physical);
    CHECK(size > 0 && size < DISK_PATH_MAX);
}

struct journal_file *journal_file_new(uint32_t physical)
{
    struct journal_file *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    list_init(&f->link);
    f->physical = physical;
    return f;
}

void journal_file_free(struct journal *j, struct journal_file **at)
{
    if (*at != NULL && (*at)->image != NULL)
        journal_image_give(j, &(*at)->image);
    free(*at);
    *at = NULL;
}

char *journal_image_take(struct journal *j)
{
    for (unsigned i = 0; i < JOURNAL_IMAGES_KEPT; i++) {
        char *image = j->images[i];
        j->images[i] = NULL;
        if (image != NULL)
            return image;
    }
    char *image = aligned_alloc(BLOCK_ALIGN, j->options.file_bytes);
    CHECK(image != NULL);
    return image;
}

void journal_image_give(struct journal *j, char **at)
{
    for (unsigned i = 0; i < JOURNAL_IMAGES_KEPT; i++)
        if (j->images[i] == NULL) {
            j->images[i] = *at;
            *at = NULL;
            return;
        }
    free(*at);
    *at = NULL;
}

static struct journal_file *first_ready(const struct journal *j)
{
    for (struct link *l = j->spares.next; l != &j->spares; l = l->next)
        if (!journal_file_of(l)->zero)
            return journal_file_of(l);
    return NULL;
}

bool journal_ring_take(struct journal *j, uint64_t number)
{
    struct journal_file *f = first_ready(j);
    if (f != NULL) {
        list_remove(&f->link);
        f->number = number;
        f->image = journal_image_take(j);
        f->closed = 0;
        f->written = 0;
        f->synced = 0;
        f->records = 0;
        list_push_back(&j->live, &f->link);
        j->end = journal_file_begin(j, f);
    }
    journal_ring_next(j);
    return f != NULL;
}

/* --- which job ------------------------------------------------------------------------------ */

static struct journal_file *first_to_zero(struct link *files)
{
    for (struct link *l = files->next; l != files; l = l->next)
        if (journal_file_of(l)->zero)
            return journal_file_of(l);
    return NULL;
}

static uint32_t count_files(const struct link *files)
{
    uint32_t count = 0;
    for (const struct link *l = files->next; l != files; l = l->next)
        count++;
    return count;
}

static void mark_used(struct link *files, bool used[JOURNAL_FILES_MAX])
{
    for (struct link *l = files->next; l != files; l = l->next)
        used[journal_file_of(l)->physical] = true;
}

/* The lowest number that is not in use; JOURNAL_FILES_MAX: all are. */
static uint32_t free_physical(struct journal *j)
{
    bool used[JOURNAL_FILES_MAX] = {false};
    mark_used(&j->live, used);
    mark_used(&j->spares, used);
    uint32_t physical = 0;
    while (physical < JOURNAL_FILES_MAX && used[physical])
        physical++;
    return physical;
}

static void begin(struct journal *j, enum journal_job job, struct journal_file *f)
{
    struct journal_ring *r = &j->ring;
    r->job = job;
    r->file = f;
    r->at = 0;
    r->task.step = 0;
    journal_path(j, f->physical, r->path);
    if (r->zeros == NULL && (job == RING_MAKE || job == RING_ZERO)) {
        r->zeros = calloc(1, ZEROS_BYTES);
        CHECK(r->zeros != NULL);
    }
    task_begin(&r->task);
}

static bool begin_zero(struct journal *j)
{
    struct journal_file *f = first_to_zero(&j->spares);
    if (f == NULL)
        f = first_to_zero(&j->live);
    if (f != NULL)
        begin(j, RING_ZERO, f);
    return f != NULL;
}

static bool begin_make(struct journal *j)
{
    if (first_ready(j) != NULL || j->ring.full)
        return false;
    uint32_t physical = free_physical(j);
    if (physical == JOURNAL_FILES_MAX)
        return false;
    begin(j, RING_MAKE, journal_file_new(physical));
    return true;
}

/* What is removed is zeroed before: nobody can do it later. */
static bool begin_remove(struct journal *j)
{
    if (count_files(&j->spares) <= JOURNAL_SPARES_MAX)
        return false;
    struct journal_file *f = journal_file_of(j->spares.prev);
    if (!f->clean) {
        f->zero = true;
        return begin_zero(j);
    }
    list_remove(&f->link);
    begin(j, RING_REMOVE, f);
    return true;
}

void journal_ring_next(struct journal *j)
{
    if (j->ring.job != RING_IDLE || j->failed || j->closing != NULL)
        return;
    if (!begin_zero(j) && !begin_make(j) && !begin_remove(j)) {
        free(j->ring.zeros);
        j->ring.zeros = NULL;
    }
}

/* --- the jobs ------------------------------------------------------------------------------- */

/* The job is over; the file is where it belongs. */
static void over(struct journal *j)
{
    j->ring.file = NULL;
    if (j->options.events.ready != NULL && j->recovered && !j->failed)
        j->options.events.ready(j->options.context);
    j->ring.job = RING_IDLE;
}

/* Fills from `at` on; false: the file's end has been reached. */
static bool fill_piece(struct journal *j)
{
    struct journal_ring *r = &j->ring;
    if (r->at < r->file->closed)
        r->at = r->file->closed;
    uint64_t left = j->options.file_bytes - r->at;
    uint64_t size = left < ZEROS_BYTES ? left : ZEROS_BYTES;
    if (size == 0)
        return false;
    task_write(&r->task, &r->io, r->file->handle, r->at, r->zeros, size);
    r->at += size;
    return true;
}

enum { MAKE_OPEN, MAKE_FILL, MAKE_SYNCED, MAKE_NAMED };

static void make(struct journal *j)
{
    struct journal_ring *r = &j->ring;
    struct task *t = &r->task;
    switch (t->step) {
    case MAKE_OPEN:
        t->step = MAKE_FILL;
        task_open(t, &r->io, r->path,
                  DISK_OPEN_WRITE | DISK_OPEN_CREATE | DISK_OPEN_TRUNCATE | DISK_OPEN_URGENT);
        return;
    case MAKE_FILL:
        if (fill_piece(j))
            return;
        t->step = MAKE_SYNCED;
        task_sync(t, &r->io, r->file->handle);
        return;
    case MAKE_SYNCED:
        t->step = MAKE_NAMED;
        task_path(t, &r->io, DISK_SYNC_DIR, j->options.folder, NULL);
        return;
    case MAKE_NAMED:
        r->file->clean = true;
        list_push_back(&j->spares, &r->file->link);
        over(j);
        return;
    }
    UNREACHABLE("no such step of making a file");
}

/* Closes and removes; what the disk says to it changes nothing: the file is not counted on any
 * more. */
static void unmake(struct journal *j)
{
    struct journal_ring *r = &j->ring;
    struct task *t = &r->task;
    if (r->file->handle != NULL) {
        task_close(t, &r->io, &r->file->handle);
    } else if (t->step == 0) {
        t->step = 1;
        task_path(t, &r->io, DISK_REMOVE, r->path, NULL);
    } else {
        if (r->job == RING_UNMAKE) {
            r->full = true;
            j->retry_ms = 0;
        }
        journal_file_free(j, &r->file);
        over(j);
    }
}

enum { ZERO_FILL, ZERO_SYNCED };

static void zero(struct journal *j)
{
    struct journal_ring *r = &j->ring;
    if (r->task.step == ZERO_SYNCED && r->at == j->options.file_bytes) {
        r->file->clean = true;
        r->file->zero = false;
        over(j);
        return;
    }
    journal_flush_next(j); /* what waited for the piece goes first: it is behind `closed` no more */
    r->task.step = ZERO_FILL;
    if (fill_piece(j))
        return;
    r->task.step = ZERO_SYNCED;
    task_sync(&r->task, &r->io, r->file->handle);
}

/* The journal closes, or has failed: the job ends where it is. */
static void stop(struct journal *j)
{
    struct journal_ring *r = &j->ring;
    if (r->job != RING_ZERO) {
        r->file->zero = true;
        list_push_back(&j->spares, &r->file->link);
    }
    r->file = NULL;
    r->job = RING_IDLE;
}

/* Whether the job can be given up for want of space (or of requests) without any loss: what it
 * was for is then tried again later. */
static bool give_up(struct journal *j, int status)
{
    struct journal_ring *r = &j->ring;
    bool spare = r->job == RING_ZERO && r->file->image == NULL;
    bool space = status == -ENOSPC || status == -EDQUOT || status == -EAGAIN;
    if (!space || (r->job != RING_MAKE && !spare))
        return false;
    list_remove(&r->file->link);
    r->job = RING_UNMAKE;
    r->task.step = 0;
    return true;
}

static void step(struct journal *j)
{
    switch (j->ring.job) {
    case RING_IDLE: break;
    case RING_MAKE: make(j); break;
    case RING_ZERO: zero(j); break;
    case RING_UNMAKE:
    case RING_REMOVE: unmake(j); break;
    }
}

static void on_ring(struct task *t)
{
    struct journal *j = t->context;
    struct journal_ring *r = &j->ring;
    int status = t->status;
    task_forgive(t);
    if (r->job == RING_MAKE && t->step == MAKE_FILL && r->file->handle == NULL && status == 0)
        r->file->handle = r->io.request.file;
    bool removing = r->job == RING_UNMAKE || r->job == RING_REMOVE;
    if (status != 0 && !removing && !give_up(j, status))
        journal_fail(j, status);
    if (j->failed || j->closing != NULL)
        stop(j);
    else
        step(j);
    if (r->job != RING_IDLE)
        return;
    journal_ring_next(j);
    journal_flush_next(j); /* it may have waited for zeros */
    journal_settle(j);
}

/* --- release -------------------------------------------------------------------------------- */

static void recycle(struct journal *j, struct journal_file *f)
{
    list_remove(&f->link);
    journal_image_give(j, &f->image);
    f->closed = 0;
    f->written = 0;
    f->synced = 0;
    f->records = 0;
    f->clean = false;
    if (j->ring.job == RING_ZERO && j->ring.file == f)
        j->ring.at = 0; /* there is more to zero now */
    list_push_back(&j->spares, &f->link);
}

static void zero_all(struct link *files)
{
    for (struct link *l = files->next; l != files; l = l->next)
        if (!journal_file_of(l)->clean)
            journal_file_of(l)->zero = true;
}

void journal_release(struct journal *j, uint64_t floor, bool zero_released)
{
    CHECK(j->recovered && floor >= j->floor && floor <= journal_durable(j));
    j->floor = floor;
    while (!list_empty(&j->live)) {
        struct journal_file *f = journal_file_of(j->live.next);
        bool below = journal_file_begin(j, f) + j->options.file_bytes <= floor;
        if (!below)
            break;
        CHECK(f->synced == f->closed && (j->open == NULL || f->link.next != &j->live));
        recycle(j, f);
        j->ring.full = false;
    }
    if (zero_released) {
        zero_all(&j->spares);
        zero_all(&j->live);
    }
    journal_ring_next(j);
}
