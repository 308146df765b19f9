/* SPDX-License-Identifier: Apache-2.0 */
/* subjects_merge.c -- neighbouring runs become one, in the background.
 *
 *     OPEN ──► MERGE ──► WAIT ──durable──► replaces its sources
 *
 * The result has what its sources have, so it may take their place whenever it is there; the checkpoint that names
 * them is as good as the next one, which names it.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/file_write.h"
#include "store/subjects_state.h"
#include "store/table/run_build.h"

enum merge_step { MERGE_OPEN, MERGE_BUILD, MERGE_WAIT };

static uint32_t choose(const struct subjects *s, uint32_t *ret_first)
{
    uint64_t sizes[MERGED_RUNS_MAX];
    for (uint32_t i = 0; i < s->run_count; i++)
        sizes[i] = s->runs[i]->run.size;
    return run_merge_choose(sizes, s->run_count, ret_first);
}

bool subjects_wants_merge(const struct subjects *s)
{
    uint32_t first;
    return s->merge != NULL ||
           (!s->merge_failed && s->run_count >= RUN_MERGE_FANIN && choose(s, &first) > 0);
}

bool subjects_merge_idle(const struct subjects *s)
{
    return s->merge == NULL && list_empty(&s->stopped);
}

static void merge_free(struct subjects_merge *m)
{
    list_remove(&m->link);
    run_merge_free(&m->merge);
    file_write_free(&m->write);
    free(m);
}

static void begin(struct subjects *s)
{
    uint32_t first;
    uint32_t count = choose(s, &first);
    CHECK(count > 0 && count <= RUN_MERGE_SOURCES_MAX);
    struct subjects_merge *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->subjects = s;
    m->first = first;
    m->count = count;
    list_init(&m->link);
    for (uint32_t i = 0; i < count; i++)
        m->runs[i] = s->runs[first + i];
    s->merge = m;
}

/* --- steps ---------------------------------------------------------------------------------------------- */

static void on_pages(struct page_wait *wait)
{
    LIST_ENTRY(wait, struct subjects_merge, wait)->waiting = false;
}

static void on_written(void *context, int status)
{
    struct subjects_merge *m = context;
    m->write = NULL;
    m->write_status = status;
    if (!m->stopped)
        return;
    struct subjects *s = m->subjects;
    merge_free(m);
    subjects_close_when_possible(s);
}

static void open_file(struct subjects_merge *m, const struct disk *disk, uint64_t *next_file)
{
    char path[DISK_PATH_MAX];
    struct subjects *s = m->subjects;
    struct run *runs[RUN_MERGE_SOURCES_MAX];
    for (uint32_t i = 0; i < m->count; i++)
        runs[i] = &m->runs[i]->run;
    m->number = (*next_file)++;
    run_path(s->options.folder, m->number, false, path, sizeof path);
    m->write_status = -EINPROGRESS;
    m->write = file_write_new(&(struct file_write_options){
        .disk = disk, .folder = s->options.folder, .path = path, .done = on_written, .context = m});
    m->merge = run_merge_new(&(struct run_merge_options){
        .runs = runs,
        .count = m->count,
        .oldest = m->first + m->count == s->run_count,
        .gid = s->options.gid,
        .file = m->number,
    });
}

static void write_pieces(struct subjects_merge *m)
{
    struct run_build *b = run_merge_output(m->merge);
    struct run_piece *piece;
    while (b != NULL && (piece = run_build_take(b)) != NULL) {
        void *block = piece;
        file_write_add(m->write, &block, piece->at, piece->offset, piece->size);
    }
}

static int merge_slice(struct subjects_merge *m)
{
    struct subjects *s = m->subjects;
    int status = file_write_status(m->write);
    if (status == 0) {
        if (!file_write_has_room(m->write))
            return -EAGAIN;
        m->wait.ready = on_pages;
        pages_begin(s->options.pages, &m->wait);
        status = run_merge_step(m->merge, s->options.pages);
        m->waiting = pages_end(s->options.pages);
        write_pieces(m);
    } else if (status == -EINPROGRESS) {
        return -EAGAIN;
    }
    if (status == -EINPROGRESS || status == -EAGAIN)
        return m->waiting ? -EAGAIN : -EINPROGRESS;
    if (status == 0) {
        m->size = run_build_size(run_merge_output(m->merge));
        m->keys = run_build_entries(run_merge_output(m->merge));
    }
    m->step = MERGE_WAIT;
    file_write_finish(m->write, status);
    return -EINPROGRESS;
}

static int end(struct subjects_merge *m)
{
    struct subjects *s = m->subjects;
    int status = m->write_status;
    pages_cancel(s->options.pages, &m->wait);
    if (status == 0) {
        for (uint32_t i = 0; i < m->count; i++)
            CHECK(s->runs[m->first + i] == m->runs[i]);
        subjects_retire_runs(s, m->first, m->count);
        subjects_insert_run(s, m->first, subject_run_new(s, m->number, m->size, m->keys));
    }
    s->merge = NULL;
    merge_free(m);
    s->merge_failed = status != 0 && status != -EEXIST;
    return status == -EEXIST ? -EINPROGRESS : status;
}

int subjects_merge_step(struct subjects *s, const struct disk *disk, uint64_t *next_file)
{
    if (s->merge == NULL)
        begin(s);
    struct subjects_merge *m = s->merge;
    if (m->cancelled) {
        subjects_merge_stop(s);
        return -EINPROGRESS;
    }
    if (m->waiting)
        return -EAGAIN;
    switch ((enum merge_step)m->step) {
    case MERGE_OPEN:
        open_file(m, disk, next_file);
        m->step = MERGE_BUILD;
        return -EAGAIN;
    case MERGE_BUILD: return merge_slice(m);
    case MERGE_WAIT: return m->write != NULL ? -EAGAIN : end(m);
    }
    UNREACHABLE("a merge is in one of its steps");
}

/* --- the end --------------------------------------------------------------------------------------------- */

void subjects_merge_stop(struct subjects *s)
{
    struct subjects_merge *m = s->merge;
    if (m == NULL)
        return;
    s->merge = NULL;
    pages_cancel(s->options.pages, &m->wait);
    if (m->write == NULL) {
        merge_free(m);
        return;
    }
    m->stopped = true;
    list_push_back(&s->stopped, &m->link);
    file_write_finish(m->write, -ECANCELED);
}

void subjects_abandon(struct subjects *s)
{
    if (s->merge != NULL) {
        pages_cancel(s->options.pages, &s->merge->wait);
        merge_free(s->merge);
        s->merge = NULL;
    }
    while (!list_empty(&s->stopped))
        merge_free(LIST_ENTRY(s->stopped.next, struct subjects_merge, link));
    if (s->flush != NULL) {
        struct subjects_flush *f = s->flush;
        subjects_flush_end(&f, false);
    }
}
