/* SPDX-License-Identifier: Apache-2.0 */
/* subjects_flush.c -- a table of subjects becomes a run.
 *
 *     SETTLE ──all are totals──► OPEN ──file is there──► BUILD ──all added──► FINISH ──► WAIT ──durable──► OVER
 *                                  ▲                       └── a failure, once ──┐
 *                                  └─────────────── another number ◄────────────┘
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/file_write.h"
#include "store/subjects_state.h"
#include "store/table/run_build.h"
#include "store/table/subject_flush.h"

#define SETTLE_SLICE 512u
#define BUILD_SLICE 2048u

enum flush_step { FLUSH_SETTLE, FLUSH_OPEN, FLUSH_BUILD, FLUSH_FINISH, FLUSH_WAIT, FLUSH_OVER };

struct subjects_flush *subjects_flush_new(struct subjects *s)
{
    struct subjects_flush *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->subjects = s;
    f->below = subjects_layers(s, false);
    f->count = s->count;
    f->unsettled = s->unsettled;
    f->unreadable = s->unreadable;
    for (uint32_t i = 0; i < s->run_count; i++)
        subjects_write_run(&f->old_runs, s->runs[i]->run.number, s->runs[i]->run.size,
                           s->runs[i]->keys);
    f->table = s->table;
    s->table = subject_table_new(s->options.seed);
    s->unsettled = 0;
    s->settle_from.size = 0;
    s->recall.known = false;
    s->flush = f;
    return f;
}

static void flush_free(struct subjects_flush *f)
{
    f->subjects->flush = NULL;
    f->subjects->settle_from.size = 0;
    subject_table_free(&f->table);
    run_build_free(&f->build);
    file_write_free(&f->write);
    buffer_done(&f->from);
    buffer_done(&f->old_runs);
    free(f);
}

/* --- steps ------------------------------------------------------------------------------------------- */

static void on_pages(struct page_wait *wait)
{
    LIST_ENTRY(wait, struct subjects_flush, wait)->waiting = false;
}

static int settle_slice(struct subjects_flush *f)
{
    struct subjects *s = f->subjects;
    f->wait.ready = on_pages;
    pages_begin(s->options.pages, &f->wait);
    int e = subjects_settle(s, f, &f->from, SETTLE_SLICE, &f->unreadable);
    f->waiting = pages_end(s->options.pages);
    if (e == 0)
        f->from.size = 0;
    return e;
}

static void on_written(void *context, int status)
{
    struct subjects_flush *f = context;
    f->write = NULL;
    f->write_status = status;
}

static void open_file(struct subjects_flush *f, const struct disk *disk, uint64_t *next_file)
{
    char path[DISK_PATH_MAX];
    struct subjects *s = f->subjects;
    f->number = (*next_file)++;
    run_path(s->options.folder, f->number, false, path, sizeof path);
    f->write_status = -EINPROGRESS;
    f->write = file_write_new(&(struct file_write_options){
        .disk = disk, .folder = s->options.folder, .path = path, .done = on_written, .context = f});
    f->from.size = 0;
    f->build = run_build_new(s->options.gid, f->number, subject_table_count(f->table));
}

static void write_pieces(struct subjects_flush *f)
{
    struct run_piece *piece;
    while ((piece = run_build_take(f->build)) != NULL) {
        void *block = piece;
        file_write_add(f->write, &block, piece->at, piece->offset, piece->size);
    }
}

/* The file can not be written: another one may, once. A number that is taken is no failure. */
static int failed(struct subjects_flush *f, int status)
{
    run_build_free(&f->build);
    if (status != -EEXIST && (status == -ENOSPC || f->again))
        return status;
    f->again |= status != -EEXIST;
    f->step = FLUSH_OPEN;
    return -EINPROGRESS;
}

/* The write is to be ended for its failure; -EAGAIN: it is being. */
static int give_up_write(struct subjects_flush *f)
{
    f->step = FLUSH_WAIT;
    file_write_finish(f->write, 0);
    return -EINPROGRESS;
}

static int build_slice(struct subjects_flush *f)
{
    int status = file_write_status(f->write);
    if (status != 0 && status != -EINPROGRESS)
        return give_up_write(f);
    if (!file_write_has_room(f->write))
        return -EAGAIN;
    if (f->step == FLUSH_BUILD) {
        int e = subject_flush(f->table, &f->from, BUILD_SLICE, f->below.run_count == 0, f->build);
        write_pieces(f);
        if (e == 0)
            f->step = FLUSH_FINISH;
        return -EINPROGRESS;
    }
    int e = run_build_finish(f->build);
    write_pieces(f);
    if (e != 0)
        return e;
    f->size = run_build_size(f->build);
    f->keys = run_build_entries(f->build);
    f->step = FLUSH_WAIT;
    file_write_finish(f->write, 0);
    return -EINPROGRESS;
}

int subjects_flush_step(struct subjects_flush *f, const struct disk *disk, uint64_t *next_file)
{
    if (f->waiting)
        return -EAGAIN;
    if (f->subjects->run_count + 1 >= MERGED_RUNS_MAX)
        return f->subjects->merge_failed ? -EBADMSG : -EAGAIN; /* they have to be merged first */
    switch ((enum flush_step)f->step) {
    case FLUSH_SETTLE: {
        int e = f->unsettled == 0 ? 0 : settle_slice(f);
        if (e == 0)
            f->step = FLUSH_OPEN;
        return e == 0 || (e == -EAGAIN && !f->waiting) ? -EINPROGRESS : e;
    }
    case FLUSH_OPEN:
        open_file(f, disk, next_file);
        f->step = FLUSH_BUILD;
        return -EAGAIN;
    case FLUSH_BUILD:
    case FLUSH_FINISH: return build_slice(f);
    case FLUSH_WAIT:
        if (f->write != NULL)
            return -EAGAIN;
        if (f->write_status != 0)
            return failed(f, f->write_status);
        run_build_free(&f->build);
        f->step = FLUSH_OVER;
        return 0;
    case FLUSH_OVER: return 0;
    }
    UNREACHABLE("a flush is in one of its steps");
}

/* --- the end ------------------------------------------------------------------------------------------- */

void subjects_flush_section(const struct subjects_flush *f, struct buffer *runs)
{
    CHECK(f->step == FLUSH_OVER);
    subjects_write_head(runs, f->count, f->unreadable);
    subjects_write_run(runs, f->number, f->size, f->keys);
    buffer_add(runs, f->old_runs.at, f->old_runs.size);
}

uint64_t subjects_flush_size(const struct subjects_flush *f)
{
    return f->size;
}

bool subjects_flush_written(const struct subjects_flush *f, uint64_t *ret_number)
{
    *ret_number = f->number;
    return f->step == FLUSH_OVER;
}

/* What was taken away comes back below what came since. */
static void put_back(struct subjects *s, struct subjects_flush *f)
{
    struct subject_walker w;
    struct bytes subject;
    struct subject_value frozen;
    struct subject_value v;
    for (subject_table_seek(f->table, BYTES(""), &w); subject_walker_get(&w, &subject, &frozen);
         subject_walker_next(&w)) {
        if (!subject_table_get(s->table, subject, &v)) {
            s->unsettled += !frozen.total;
            subject_table_set(s->table, subject, &frozen);
        } else if (!v.total) {
            int e = subject_value_join(&v, &frozen);
            CHECK(e == 0);
            s->unsettled -= v.total;
            if (frozen.total)
                s->count += (uint64_t)(v.count > 0) - (uint64_t)(frozen.count > 0);
            subject_table_set(s->table, subject, &v);
        }
    }
    if (s->run_count > 0)
        return;
    struct buffer from = {0}; /* nothing is below: what has no messages has no place */
    bool more = true;
    while (more) {
        more = false;
        for (subject_table_seek(s->table, buffer_view(&from), &w);
             subject_walker_get(&w, &subject, &v); subject_walker_next(&w)) {
            if (v.total && v.count > 0)
                continue;
            CHECK(v.total);
            from.size = 0;
            buffer_add(&from, subject.at, subject.size);
            (void)subject_table_remove(s->table, subject);
            more = true;
            break;
        }
    }
    buffer_done(&from);
}

void subjects_flush_end(struct subjects_flush **at, bool durable)
{
    struct subjects_flush *f = *at;
    struct subjects *s = f->subjects;
    *at = NULL;
    if (s->options.pages != NULL)
        pages_cancel(s->options.pages, &f->wait);
    s->recall.known = false;
    if (durable) {
        s->merge_failed = false;
        struct subject_run *r = subject_run_new(s, f->number, f->size, f->keys);
        subjects_insert_run(s, 0, r);
        if (s->merge != NULL && !f->hidden)
            s->merge->first++;
        if (f->hidden)
            subjects_retire_runs(s, 0, 1);
        else
            s->unreadable |= f->unreadable;
    } else if (!f->hidden) {
        put_back(s, f);
    }
    flush_free(f);
}
