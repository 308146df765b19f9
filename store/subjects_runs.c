/* SPDX-License-Identifier: Apache-2.0 */
/* subjects_runs.c -- the files of the subjects: which there are, when they go, what a checkpoint says of them.
 *
 *     section RUNS: u8 version; varint count of distinct subjects; u8 1 if that can not be known;
 *                   for each run, newest first: varint number, varint blocks of 4 KiB, varint keys
 *     section SUBJECTS: for each subject of the table, in order: its size varint, itself, size of its value
 *                   varint, its value (table/subject_value.h)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/subjects_state.h"

enum { SECTION_VERSION = 1 };

void run_path(const char *folder, uint64_t number, bool second, char *ret, size_t size)
{
    int length =
        snprintf(ret, size, "%s/%c-%08llu", folder, second ? 'y' : 'x', (unsigned long long)number);
    CHECK(length > 0 && (size_t)length < size && length < DISK_PATH_MAX);
}

/* --- one ---------------------------------------------------------------------------------------------- */

struct subject_run *subject_run_new(struct subjects *s, uint64_t number, uint64_t size,
                                    uint64_t keys)
{
    size_t path_size = strlen(s->options.folder) + RUN_NAME_SIZE;
    struct subject_run *r = calloc(1, sizeof *r + path_size);
    CHECK(r != NULL);
    r->subjects = s;
    r->keys = keys;
    list_init(&r->link);
    run_path(s->options.folder, number, false, r->path, path_size);
    pages_file_init(s->options.pages, &r->file, r->path);
    run_init(&r->run, &r->file, s->options.gid, number, size);
    return r;
}

static void run_free(struct subject_run *r)
{
    list_remove(&r->link);
    free(r);
}

void subjects_insert_run(struct subjects *s, uint32_t at, struct subject_run *r)
{
    s->runs = realloc(s->runs, (s->run_count + 1) * sizeof(struct subject_run *));
    CHECK(s->runs != NULL && s->run_count < MERGED_RUNS_MAX);
    memmove(s->runs + at + 1, s->runs + at, (s->run_count - at) * sizeof(struct subject_run *));
    s->runs[at] = r;
    s->run_count++;
}

void subjects_retire_runs(struct subjects *s, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        list_push_back(&s->obsolete, &s->runs[i]->link);
    s->run_count -= count;
    if (s->run_count > first)
        memmove(s->runs + first, s->runs + first + count,
                (s->run_count - first) * sizeof(struct subject_run *));
}

uint32_t subjects_run_count(const struct subjects *s)
{
    return s->run_count;
}

uint64_t subjects_run_bytes(const struct subjects *s)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < s->run_count; i++)
        bytes += s->runs[i]->run.size;
    return bytes;
}

/* --- they go ------------------------------------------------------------------------------------------ */

bool subjects_obsolete(struct subjects *s, uint64_t *ret_number)
{
    for (struct link *l = s->obsolete.next; l != &s->obsolete; l = l->next) {
        struct subject_run *r = LIST_ENTRY(l, struct subject_run, link);
        if (r->doomed) {
            *ret_number = r->run.number;
            return true;
        }
    }
    return false;
}

static void on_dropped(void *context)
{
    struct subject_run *r = context;
    struct subjects *s = r->subjects;
    void (*dropped)(void *context) = r->dropped;
    void *dropped_context = r->dropped_context;
    run_free(r);
    if (dropped != NULL)
        dropped(dropped_context);
    subjects_close_when_possible(s);
}

void subjects_close_when_possible(struct subjects *s)
{
    if (s->closing && list_empty(&s->drops) && list_empty(&s->stopped)) {
        s->closing = false;
        s->closed(s->closed_context);
    }
}

static void drop(struct subjects *s, struct subject_run *r, void (*done)(void *context),
                 void *context)
{
    r->dropped = done;
    r->dropped_context = context;
    list_remove(&r->link);
    list_push_back(&s->drops, &r->link);
    pages_drop_file(s->options.pages, &r->file, on_dropped, r);
}

void subjects_drop(struct subjects *s, uint64_t number, void (*done)(void *context), void *context)
{
    for (struct link *l = s->obsolete.next; l != &s->obsolete; l = l->next) {
        struct subject_run *r = LIST_ENTRY(l, struct subject_run, link);
        if (r->run.number == number) {
            drop(s, r, done, context);
            return;
        }
    }
    UNREACHABLE("it is among the obsolete");
}

void subjects_close(struct subjects *s, void (*done)(void *context), void *context)
{
    subjects_merge_stop(s);
    subjects_retire_runs(s, 0, s->run_count);
    while (!list_empty(&s->obsolete))
        drop(s, LIST_ENTRY(s->obsolete.next, struct subject_run, link), NULL, NULL);
    s->closed = done;
    s->closed_context = context;
    s->closing = true;
    subjects_close_when_possible(s);
}

void subjects_runs_done(struct subjects *s)
{
    subjects_retire_runs(s, 0, s->run_count);
    while (!list_empty(&s->obsolete))
        run_free(LIST_ENTRY(s->obsolete.next, struct subject_run, link));
    while (!list_empty(&s->drops)) /* the pages were freed before they let go */
        run_free(LIST_ENTRY(s->drops.next, struct subject_run, link));
    free(s->runs);
}

/* --- sections ------------------------------------------------------------------------------------------- */

void subjects_write_head(struct buffer *b, uint64_t count, bool unreadable)
{
    buffer_u8(b, SECTION_VERSION);
    buffer_varint(b, count);
    buffer_u8(b, unreadable);
}

void subjects_write_run(struct buffer *b, uint64_t number, uint64_t size, uint64_t keys)
{
    buffer_varint(b, number);
    buffer_varint(b, size / RUN_BLOCK_SIZE);
    buffer_varint(b, keys);
}

/* false: it would be more than a checkpoint takes. */
static bool write_table(struct subjects *s, struct buffer *to)
{
    struct subject_walker w;
    struct bytes subject;
    struct subject_value v;
    struct buffer value = {0};
    bool whole = s->options.whole;
    for (subject_table_seek(s->table, BYTES(""), &w);
         (whole || to->size <= SUBJECTS_INLINE_MAX) && subject_walker_get(&w, &subject, &v);
         subject_walker_next(&w)) {
        value.size = 0;
        subject_value_write(&v, &value);
        buffer_bytes(to, subject);
        buffer_bytes(to, buffer_view(&value));
    }
    buffer_done(&value);
    return whole || to->size <= SUBJECTS_INLINE_MAX;
}

bool subjects_is_large(struct subjects *s)
{
    if (s->options.whole)
        return false; /* a checkpoint makes it no smaller */
    struct buffer scratch = {0};
    bool is_small = write_table(s, &scratch);
    buffer_done(&scratch);
    return !is_small;
}

bool subjects_is_quiet(const struct subjects *s)
{
    return s->flush == NULL && s->merge == NULL && list_empty(&s->stopped) &&
           list_empty(&s->obsolete) && list_empty(&s->drops);
}

struct subjects_flush *subjects_save(struct subjects *s, struct buffer *runs,
                                     struct buffer *subjects)
{
    CHECK(s->flush == NULL);
    for (struct link *l = s->obsolete.next; l != &s->obsolete; l = l->next)
        LIST_ENTRY(l, struct subject_run, link)->doomed = true;
    if (!write_table(s, subjects)) {
        subjects->size = 0;
        return subjects_flush_new(s);
    }
    subjects_write_head(runs, s->count, s->unreadable);
    for (uint32_t i = 0; i < s->run_count; i++)
        subjects_write_run(runs, s->runs[i]->run.number, s->runs[i]->run.size, s->runs[i]->keys);
    return NULL;
}

static bool has_run(const struct subjects *s, uint64_t number)
{
    for (uint32_t i = 0; i < s->run_count; i++)
        if (s->runs[i]->run.number == number)
            return true;
    return false;
}

static int load_runs(struct subjects *s, struct bytes section)
{
    struct cursor c = cursor_of(section);
    if (section.size == 0)
        return 0; /* a checkpoint of no log */
    uint8_t version = cursor_u8(&c);
    s->count = cursor_varint(&c);
    uint8_t unreadable = cursor_u8(&c);
    s->unreadable = unreadable != 0;
    if (c.bad || unreadable > 1)
        return -EBADMSG;
    if (version != SECTION_VERSION)
        return -ENOTSUP;
    while (cursor_left(&c) > 0) {
        uint64_t number = cursor_varint(&c);
        uint64_t blocks = cursor_varint_max(&c, UINT64_MAX / RUN_BLOCK_SIZE / 2);
        uint64_t keys = cursor_varint(&c);
        if (c.bad || blocks == 0 || s->run_count == MERGED_RUNS_MAX || has_run(s, number))
            return -EBADMSG;
        subjects_insert_run(s, s->run_count,
                            subject_run_new(s, number, blocks * RUN_BLOCK_SIZE, keys));
    }
    return 0;
}

static int load_table(struct subjects *s, struct bytes section)
{
    struct cursor c = cursor_of(section);
    uint64_t there = 0;
    while (cursor_left(&c) > 0) {
        struct bytes subject = cursor_bytes(&c);
        struct bytes value = cursor_bytes(&c);
        struct subject_value v;
        struct subject_value twice;
        if (c.bad || subject.size > SUBJECT_SIZE_MAX || subject_value_read(value, &v) != 0 ||
            subject_table_get(s->table, subject, &twice) || (s->run_count == 0 && !v.total))
            return -EBADMSG;
        subject_table_set(s->table, subject, &v);
        s->unsettled += !v.total;
        there += v.count > 0;
    }
    return s->run_count == 0 && there != s->count ? -EBADMSG : 0;
}

int subjects_load(struct subjects *s, struct bytes runs, struct bytes subjects)
{
    CHECK(subject_table_count(s->table) == 0 && s->run_count == 0);
    int e = load_runs(s, runs);
    return e != 0 ? e : load_table(s, subjects);
}
