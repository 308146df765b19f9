/* SPDX-License-Identifier: Apache-2.0 */
/* Runs in files of a disk, through pages that are few: looked up, scanned and merged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "disk_run.h"
#include "store/pages.h"
#include "store/table/merged.h"
#include "store/table/run_merge.h"
#include "store/table/subject_flush.h"

enum { GID = 5, SUBJECTS = 4000, RUNS = 3, BUDGET = 40000, PATH_MAX_HERE = 16 };

struct bench {
    struct disk_run disk;
    struct pages *pages;
    struct page_file files[RUNS + 1];
    char paths[RUNS + 1][PATH_MAX_HERE];
    struct run runs[RUNS + 1];
    struct merged merged;
    int64_t counts[SUBJECTS];
};

static struct bytes subject_of(char text[32], int i)
{
    return (struct bytes){text, (size_t)snprintf(text, 32, "sensor.%04d.heat", i)};
}

static void on_ended(struct disk_request *request)
{
    ++*(int *)request->context;
}

static void perform(struct bench *b, struct disk_request *r)
{
    int ended = 0;
    r->done = on_ended;
    r->context = &ended;
    disk_submit(disk_run_door(&b->disk), r);
    disk_run_all(&b->disk);
    assert_int_equal(ended, 1);
    assert_true(r->result >= 0);
}

/* Writes the pieces that there are to the file. */
static void write_pieces(struct bench *b, struct disk_file *file, struct run_build *from)
{
    struct run_piece *piece;
    while ((piece = run_build_take(from)) != NULL) {
        struct iovec part = {piece->at, piece->size};
        struct disk_request r = {.op = DISK_WRITE,
                                 .file = file,
                                 .offset = piece->offset,
                                 .parts = &part,
                                 .part_count = 1};
        perform(b, &r);
        assert_int_equal(r.result, piece->size);
        free(piece);
    }
}

static struct disk_file *make_file(struct bench *b, uint32_t number)
{
    snprintf(b->paths[number], PATH_MAX_HERE, "x-%u", number);
    struct disk_request r = {.op = DISK_OPEN,
                             .path = b->paths[number],
                             .flags = DISK_OPEN_WRITE | DISK_OPEN_CREATE,
                             .mode = 0600};
    perform(b, &r);
    return r.file;
}

/* The file is complete: it can be read as a run. */
static void end_file(struct bench *b, struct disk_file *file, struct run_build *from,
                     uint32_t number)
{
    while (run_build_finish(from) == -EINPROGRESS)
        write_pieces(b, file, from);
    write_pieces(b, file, from);
    struct disk_request r = {.op = DISK_CLOSE, .file = file};
    perform(b, &r);
    pages_file_init(b->pages, &b->files[number], b->paths[number]);
    run_init(&b->runs[number], &b->files[number], GID, number, run_build_size(from));
}

static void make_run(struct bench *b, uint32_t number)
{
    char text[32];
    struct subject_table *t = subject_table_new(number);
    for (int n = 0; n < SUBJECTS; n++) {
        int i = (int)prng_below(&b->disk.prng, SUBJECTS);
        struct subject_value v = {.count = 1, .first_seq = 1, .last_seq = number};
        subject_table_add(t, subject_of(text, i), &v);
        b->counts[i]++;
    }
    struct disk_file *file = make_file(b, number);
    struct run_build *build = run_build_new(GID, number, subject_table_count(t));
    struct buffer from = {0};
    while (subject_flush(t, &from, 1000, number == 0, build) == -EINPROGRESS)
        write_pieces(b, file, build);
    end_file(b, file, build, number);
    run_build_free(&build);
    buffer_done(&from);
    subject_table_free(&t);
}

static void on_ready(struct page_wait *wait)
{
}

/* Waits for what a look-up that said -EAGAIN asked for. */
static void await_pages(struct bench *b, int e)
{
    bool waiting = pages_end(b->pages);
    assert_int_equal(waiting, e == -EAGAIN);
    disk_run_all(&b->disk);
}

static void look_up_all(struct bench *b)
{
    char text[32];
    for (int n = 0; n < 300; n++) {
        int i = (int)prng_below(&b->disk.prng, SUBJECTS);
        struct subject_value v = {0};
        int e = -EAGAIN;
        struct page_wait wait = {.ready = on_ready};
        for (int tries = 0; e == -EAGAIN; tries++) {
            assert_in_range(tries, 0, 8); /* footer, filter, root, index, block */
            pages_begin(b->pages, &wait);
            e = merged_get(&b->merged, b->pages, subject_of(text, i), &v);
            await_pages(b, e);
        }
        assert_int_equal(e, b->counts[i] == 0 ? -ENOENT : 0);
        assert_int_equal(v.count, b->counts[i]);
    }
}

struct visited {
    const struct bench *bench;
    int next;
};

static void on_subject(void *context, struct bytes subject, const struct subject_value *value)
{
    char text[32];
    struct visited *v = context;
    while (v->bench->counts[v->next] == 0)
        v->next++;
    assert_true(bytes_equal(subject, subject_of(text, v->next)));
    assert_int_equal(value->count, v->bench->counts[v->next]);
    v->next++;
}

static void scan_all(struct bench *b)
{
    struct visited v = {.bench = b};
    struct merged_scan s;
    struct page_wait wait = {.ready = on_ready};
    merged_scan_init(&s, BYTES("sensor.*.heat"), BYTES(""));
    int e;
    do {
        pages_begin(b->pages, &wait);
        e = merged_scan_step(&s, &b->merged, b->pages, 200, on_subject, &v);
        await_pages(b, e);
    } while (e == -EAGAIN || e == -EINPROGRESS);
    assert_int_equal(e, 0);
    for (; v.next < SUBJECTS; v.next++)
        assert_int_equal(b->counts[v.next], 0);
    merged_scan_done(&s);
}

static void merge_all(struct bench *b)
{
    struct run_merge_options options = {.runs = b->merged.runs,
                                        .count = b->merged.run_count,
                                        .oldest = true,
                                        .gid = GID,
                                        .file = RUNS};
    struct run_merge *m = run_merge_new(&options);
    struct disk_file *file = make_file(b, RUNS);
    struct page_wait wait = {.ready = on_ready};
    int e;
    do {
        pages_begin(b->pages, &wait);
        e = run_merge_step(m, b->pages);
        await_pages(b, e);
        if (run_merge_output(m) != NULL)
            write_pieces(b, file, run_merge_output(m));
    } while (e == -EAGAIN || e == -EINPROGRESS);
    assert_int_equal(e, 0);
    end_file(b, file, run_merge_output(m), RUNS);
    run_merge_free(&m);
    b->merged.runs[0] = &b->runs[RUNS];
    b->merged.run_count = 1;
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

static void runs_in_files_are_read_through_few_pages(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    disk_run_init(&b->disk, 1, (struct sim_disk_options){0});
    b->pages = pages_new(disk_run_door(&b->disk), BUDGET);
    for (uint32_t i = 0; i < RUNS; i++) {
        make_run(b, i);
        b->merged.runs[RUNS - 1 - i] = &b->runs[i];
    }
    b->merged.run_count = RUNS;
    look_up_all(b);
    scan_all(b);
    merge_all(b);
    look_up_all(b);
    scan_all(b);
    bool closed = false;
    pages_close(b->pages, on_closed, &closed);
    disk_run_all(&b->disk);
    assert_true(closed);
    pages_free(&b->pages);
    disk_run_done(&b->disk);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_in_files_are_read_through_few_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
