/* SPDX-License-Identifier: Apache-2.0 */
/* journal_recover.c -- the files of a journal at the start: read, scanned, made ready for appends.
 *
 *     NAMES ──► per file: READ ──► all: scan, deliver ──► per file: REOPEN, SYNC
 *                                                  ──► FOLDER ──► RING ──► done
 *
 * Idea        Every file is read whole, and the highest block in it tells what it holds: a spare
 *             goes back to the ring, the others' images are scanned and stay.
 *
 *             What was delivered may have been written by a process that died before its sync:
 *             it is synced, with the folder's names, before the owner builds on it. What blocks
 *             are left behind the end of the chain are zeroed first, in the last file and in
 *             files beyond: a later scan that finds damage near by can not take them for part of
 *             the chain.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/journal_read.h"
#include "store/journal_scan.h"
#include "store/journal_state.h"

#define NAME_DIGITS 5

enum recover_step {
    RECOVER_NAMES,
    RECOVER_READ,
    RECOVER_REOPEN,
    RECOVER_SYNC,
    RECOVER_FOLDER,
    RECOVER_RING,
};

struct journal_recover {
    struct task task;
    struct task_io io;
    const struct journal_recovery *recovery; /* borrowed */
    uint64_t floor;
    enum recover_step step;
    struct journal_file **files; /* given, but for the files: they are spares, or live */
    bool *held;                  /* given: whether it has blocks from the floor's file on */
    uint32_t count;
    uint32_t at;          /* in files */
    uint32_t counted_at;  /* the file that the last record was in */
    uint64_t *unreadable; /* given: positions of pages in files that are held */
    uint32_t unreadable_count;
    struct disk_names *names; /* given */
    struct journal_read read;
    char path[DISK_PATH_MAX];
};

static void on_recover(struct task *t);

void journal_recover_free(struct journal_recover **at)
{
    struct journal_recover *r = *at;
    *at = NULL;
    if (r == NULL)
        return;
    CHECK(!task_busy(&r->task));
    journal_read_done(&r->read);
    disk_names_free(&r->names);
    free(r->unreadable);
    free(r->files);
    free(r->held);
    free(r);
}

void journal_recover(struct journal *j, uint64_t floor, const struct journal_recovery *recovery)
{
    CHECK(!j->recovered && j->recover == NULL && j->closing == NULL);
    CHECK(floor <= INT64_MAX - j->options.file_bytes);
    struct journal_recover *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->recovery = recovery;
    r->floor = floor;
    j->recover = r;
    j->floor = floor;
    task_init(&r->task, j->options.disk, on_recover, j);
    task_path(&r->task, &r->io, DISK_LIST, j->options.folder, NULL);
}

/* The journal is as it has to be, or it can only be closed. Nothing may follow: done may do
 * anything. */
static void finish(struct journal *j, int status)
{
    struct journal_recover *r = j->recover;
    const struct journal_recovery *recovery = r->recovery;
    bool closing = j->closing != NULL;
    j->recovered = status == 0;
    journal_recover_free(&j->recover);
    if (status == 0 && j->records_end > j->marked)
        j->due_ms = 0;
    recovery->done(recovery->context, status);
    if (closing)
        journal_settle(j);
}

/* --- names ---------------------------------------------------------------------------------- */

/* UINT32_MAX: not the name of a journal file. */
static uint32_t parse_name(const char *text)
{
    uint32_t physical = 0;
    if (strlen(text) != 2 + NAME_DIGITS || text[0] != 'j' || text[1] != '-')
        return UINT32_MAX;
    for (const char *c = text + 2; *c != 0; c++) {
        if (*c < '0' || *c > '9')
            return UINT32_MAX;
        physical = 10 * physical + (uint32_t)(*c - '0');
    }
    return physical;
}

static int take_names(struct journal *j)
{
    struct journal_recover *r = j->recover;
    const struct disk_names *names = r->names;
    r->files = calloc((size_t)names->count + 1, sizeof r->files[0]);
    r->held = calloc((size_t)names->count + 1, sizeof r->held[0]);
    CHECK(r->files != NULL && r->held != NULL);
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t physical = parse_name(names->names[i].text);
        if (physical == UINT32_MAX)
            continue;
        if (physical >= JOURNAL_FILES_MAX)
            return -E2BIG;
        struct journal_file *f = journal_file_new(physical);
        list_push_back(&j->spares, &f->link);
        r->files[r->count++] = f;
    }
    return 0;
}

/* --- reading ------------------------------------------------------------------------------- */

static void on_read(void *context, int status);

static void read_file(struct journal *j)
{
    struct journal_recover *r = j->recover;
    struct journal_file *f = r->files[r->at];
    r->step = RECOVER_READ;
    f->image = journal_image_take(j);
    journal_path(j, f->physical, r->read.path);
    journal_read_begin(&r->read, j->options.disk, f->image, j->options.file_bytes, on_read, j);
}

static void keep_unreadable(struct journal *j, const struct journal_file *f)
{
    struct journal_recover *r = j->recover;
    uint32_t count = r->read.unreadable_count;
    if (count == 0)
        return;
    r->unreadable = realloc(r->unreadable, (r->unreadable_count + count) * sizeof r->unreadable[0]);
    CHECK(r->unreadable != NULL);
    for (uint32_t i = 0; i < count; i++)
        r->unreadable[r->unreadable_count++] =
            f->number * j->options.file_bytes + r->read.unreadable[i];
}

/* It has been read: what it holds decides what becomes of it. Of a file that can not be read,
 * and has nothing that says what it is, nobody knows. */
static int sort_file(struct journal *j)
{
    struct journal_recover *r = j->recover;
    struct journal_file *f = r->files[r->at];
    uint64_t file_bytes = j->options.file_bytes;
    bool any = journal_scan_number(f->image, file_bytes, j->options.store, &f->number) == 0;
    if (!any && r->read.unreadable_count > 0)
        return -EIO;
    r->held[r->at] = any && f->number >= r->floor / file_bytes;
    if (!r->held[r->at]) {
        journal_image_give(j, &f->image);
        f->zero = r->read.shorter; /* nobody finished making it */
    } else {
        keep_unreadable(j, f);
    }
    r->at++;
    return 0;
}

/* --- the scan ------------------------------------------------------------------------------- */

static void count_record(struct journal *j, uint64_t position)
{
    struct journal_recover *r = j->recover;
    uint64_t number = position / j->options.file_bytes;
    while (r->files[r->counted_at]->number != number)
        r->counted_at++;
    r->files[r->counted_at]->records++;
}

static void on_record(void *context, const struct record *record, uint64_t position)
{
    struct journal *j = context;
    const struct journal_recovery *recovery = j->recover->recovery;
    count_record(j, position);
    recovery->record(recovery->context, &record->entry, position, record->first_position);
}

static void on_rot(void *context, const struct journal_rot *rot)
{
    const struct journal *j = context;
    const struct journal_recovery *recovery = j->recover->recovery;
    recovery->rot(recovery->context, rot);
}

static int compare_files(const void *a, const void *b)
{
    uint64_t x = (*(struct journal_file *const *)a)->number;
    uint64_t y = (*(struct journal_file *const *)b)->number;
    return (x > y) - (x < y);
}

/* Those with images first, by number; the others have none to go by. Returns how many have. */
static uint32_t sort_files(struct journal_recover *r)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        if (!r->held[i])
            continue;
        struct journal_file *f = r->files[i];
        r->files[i] = r->files[count];
        r->held[i] = r->held[count];
        r->files[count] = f;
        r->held[count++] = true;
    }
    qsort(r->files, count, sizeof r->files[0], compare_files);
    return count;
}

/* Files of the chain go live; what is left behind its end is zeroed before anything is appended. */
static void sort_out(struct journal *j, const struct journal_scan_file *scanned, uint32_t count,
                     const struct journal_scan_end *end)
{
    struct journal_recover *r = j->recover;
    uint64_t file_bytes = j->options.file_bytes;
    for (uint32_t i = 0; i < r->count; i++) {
        struct journal_file *f = r->files[i];
        bool live = i < count && f->number * file_bytes < end->position;
        bool last = live && end->position <= (f->number + 1) * file_bytes;
        if (live) {
            f->closed = last ? end->position - f->number * file_bytes : scanned[i].end;
            f->written = f->closed;
            f->synced = f->closed;
            f->zero = last && journal_scan_leftover(f->image, file_bytes, j->options.store,
                                                    f->number, f->closed);
            list_remove(&f->link);
            list_push_back(&j->live, &f->link);
        } else {
            f->zero = f->zero || i < count;
            f->records = 0;
            if (f->image != NULL)
                journal_image_give(j, &f->image);
        }
    }
}

/* Where appends go on. A file that would have to be there, and is not, is passed. */
static void set_end(struct journal *j, const struct journal_scan_end *end)
{
    uint64_t file_bytes = j->options.file_bytes;
    struct journal_file *last = journal_last_file(j);
    bool inside = last != NULL && end->position <= (last->number + 1) * file_bytes;
    if (last != NULL && !inside)
        last->closed = last->written = last->synced = file_bytes;
    j->end = inside ? end->position : (end->position + file_bytes - 1) / file_bytes * file_bytes;
    j->closed_to = j->end;
    j->written = j->end;
    j->durable = j->end;
    j->previous = end->previous;
    j->marked = end->durable_to;
    j->records_end = last != NULL ? j->end : 0;
}

/* Whether the chain may end where it does because the disk could not read on: what would be
 * dropped then may be whole. */
static bool end_is_unreadable(const struct journal *j, const struct journal_scan_end *end)
{
    const struct journal_recover *r = j->recover;
    uint64_t file_bytes = j->options.file_bytes;
    uint64_t next_file = (end->position / file_bytes + 1) * file_bytes;
    for (uint32_t i = 0; i < r->unreadable_count; i++) {
        uint64_t page = r->unreadable[i];
        bool torn = page >= end->position && page < end->position + end->torn_size;
        if (torn || page == next_file)
            return true;
    }
    return false;
}

static int scan(struct journal *j)
{
    struct journal_recover *r = j->recover;
    uint32_t count = sort_files(r);
    struct journal_scan_file *files = calloc((size_t)count + 1, sizeof files[0]);
    CHECK(files != NULL);
    int status = 0;
    for (uint32_t i = 0; i < count; i++) {
        files[i] = (struct journal_scan_file){r->files[i]->number, r->files[i]->image, 0};
        if (i > 0 && files[i - 1].number == files[i].number)
            status = -EEXIST;
    }
    struct journal_scan in = {
        .store = j->options.store,
        .file_bytes = j->options.file_bytes,
        .floor = r->floor,
        .files = files,
        .file_count = count,
        .record = on_record,
        .rot = on_rot,
        .context = j,
    };
    struct journal_scan_end end;
    if (status == 0)
        status = journal_scan(&in, &end);
    if (status == 0 && end.epoch >= j->options.boot_epoch)
        status = -ESTALE;
    if (status == 0 && end_is_unreadable(j, &end))
        status = -EIO;
    if (status == 0) {
        sort_out(j, files, count, &end);
        set_end(j, &end);
    }
    free(files);
    return status;
}

/* --- making ready --------------------------------------------------------------------------- */

static void reopen(struct journal *j)
{
    struct journal_recover *r = j->recover;
    r->step = RECOVER_SYNC;
    journal_path(j, r->files[r->at]->physical, r->path);
    task_open(&r->task, &r->io, r->path, DISK_OPEN_WRITE | DISK_OPEN_URGENT);
}

static void sync_file(struct journal *j)
{
    struct journal_recover *r = j->recover;
    const struct journal_file *f = r->files[r->at++];
    r->step = RECOVER_REOPEN;
    task_sync(&r->task, &r->io, f->handle);
}

void journal_recover_settle(struct journal *j)
{
    struct journal_recover *r = j->recover;
    if (r->step == RECOVER_RING && j->ring.job == RING_IDLE)
        finish(j, j->closing != NULL ? -ECANCELED : j->error);
}

/* Zeroes what is behind the end, and makes a first file. */
static void await_ring(struct journal *j)
{
    j->recover->step = RECOVER_RING;
    journal_ring_next(j);
    journal_recover_settle(j);
}

/* --- the steps ------------------------------------------------------------------------------ */

/* The next file, or what comes after the last. Returns a failure. */
static int next_to_read(struct journal *j)
{
    struct journal_recover *r = j->recover;
    if (r->at < r->count) {
        read_file(j);
        return 0;
    }
    int status = scan(j);
    if (status != 0)
        return status;
    r->at = 0;
    if (r->count > 0) {
        reopen(j);
    } else {
        r->step = RECOVER_FOLDER;
        task_path(&r->task, &r->io, DISK_SYNC_DIR, j->options.folder, NULL);
    }
    return 0;
}

static int step(struct journal *j)
{
    struct journal_recover *r = j->recover;
    int status = 0;
    switch (r->step) {
    case RECOVER_NAMES: status = take_names(j); return status != 0 ? status : next_to_read(j);
    case RECOVER_READ: status = sort_file(j); return status != 0 ? status : next_to_read(j);
    case RECOVER_REOPEN:
        if (r->at < r->count) {
            reopen(j);
        } else {
            r->step = RECOVER_FOLDER;
            task_path(&r->task, &r->io, DISK_SYNC_DIR, j->options.folder, NULL);
        }
        break;
    case RECOVER_SYNC: sync_file(j); break;
    case RECOVER_FOLDER: await_ring(j); break;
    case RECOVER_RING: break;
    }
    return 0;
}

/* What the last request has brought is ours, whether it is used or not. */
static void collect(struct journal_recover *r)
{
    const struct disk_request *request = &r->io.request;
    if (request->result < 0)
        return;
    if (r->step == RECOVER_NAMES)
        r->names = request->names;
    else if (r->step == RECOVER_SYNC)
        r->files[r->at]->handle = request->file;
}

static void go_on(struct journal *j, int status)
{
    if (j->closing != NULL)
        status = -ECANCELED;
    if (status == 0)
        status = step(j);
    if (status != 0)
        finish(j, status);
}

static void on_read(void *context, int status)
{
    go_on(context, status);
}

static void on_recover(struct task *t)
{
    struct journal *j = t->context;
    collect(j->recover);
    go_on(j, t->status);
}
