/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects of a log against a model, through flushes, merges and loads on a simulated disk. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/nats/subject.h"
#include "store/format/buffer.h"
#include "store/pages.h"
#include "store/subjects.h"
#include "tests/unit/store/disk_run.h"

#define MODEL_SUBJECTS 500u
#define LIVE_MAX 12u
#define FOLDER "g"

struct model {
    uint64_t seqs[MODEL_SUBJECTS][LIVE_MAX]; /* of each subject, rising */
    uint32_t counts[MODEL_SUBJECTS];
    uint64_t last_seq;
};

struct fixture {
    struct disk_run disk;
    struct pages *pages;
    struct subjects *subjects;
    struct model model;
    uint64_t next_file;
    unsigned flushes;
    unsigned merges;
};

static struct bytes subject_of(unsigned n, char *at, size_t size)
{
    snprintf(at, size, "orders.%u.item-%04u", n % 7, n);
    return bytes_of(at);
}

static struct subjects *subjects_of(struct fixture *f)
{
    return subjects_new(
        &(struct subjects_options){.seed = 3, .gid = 9, .pages = f->pages, .folder = FOLDER});
}

static void on_made(struct disk_request *request)
{
    assert_true(request->result == 0);
}

static void on_dropped(struct disk_request *request)
{
    (void)request;
}

static void set_up(struct fixture *f, uint64_t seed)
{
    static struct disk_request make;
    memset(f, 0, sizeof *f);
    disk_run_init(&f->disk, seed, (struct sim_disk_options){0});
    make = (struct disk_request){
        .op = DISK_MKDIR, .path = FOLDER, .done = on_made, .drop = on_dropped};
    disk_submit(disk_run_door(&f->disk), &make);
    disk_run_all(&f->disk);
    f->pages = pages_new(disk_run_door(&f->disk), 64 << 10);
    f->subjects = subjects_of(f);
}

static void on_closed(void *context)
{
    *(bool *)context = true;
}

static void close_subjects(struct fixture *f, struct subjects **s)
{
    bool closed = false;
    subjects_close(*s, on_closed, &closed);
    disk_run_all(&f->disk);
    assert_true(closed);
    subjects_free(s);
}

static void tear_down(struct fixture *f)
{
    close_subjects(f, &f->subjects);
    bool closed = false;
    pages_close(f->pages, on_closed, &closed);
    disk_run_all(&f->disk);
    assert_true(closed);
    pages_free(&f->pages);
    disk_run_done(&f->disk);
}

/* --- look-ups that wait ------------------------------------------------------------------------------ */

static void on_ready(struct page_wait *wait)
{
    (void)wait;
}

typedef int look_fn(struct subjects *s, void *context);

static int look(struct fixture *f, struct subjects *s, look_fn *run, void *context)
{
    struct page_wait wait = {.ready = on_ready};
    for (;;) {
        pages_begin(f->pages, &wait);
        int status = run(s, context);
        (void)pages_end(f->pages);
        if (status != -EAGAIN && status != -EINPROGRESS) {
            pages_cancel(f->pages, &wait);
            return status;
        }
        disk_run_all(&f->disk);
    }
}

struct get {
    struct bytes subject;
    struct subject_value value;
};

static int run_get_one(struct subjects *s, void *context)
{
    struct get *g = context;
    return subjects_get(s, g->subject, &g->value);
}

static int run_count(struct subjects *s, void *context)
{
    return subjects_count(s, context);
}

static void check_one(struct fixture *f, struct subjects *s, unsigned n)
{
    char text[64];
    struct get g = {.subject = subject_of(n, text, sizeof text)};
    uint32_t count = f->model.counts[n];
    int status = look(f, s, run_get_one, &g);
    assert_int_equal(status, count == 0 ? -ENOENT : 0);
    if (count == 0)
        return;
    assert_int_equal(g.value.count, count);
    assert_true(g.value.first_seq <= f->model.seqs[n][0]);
    assert_true(g.value.last_seq >= f->model.seqs[n][count - 1]);
    assert_true(g.value.last_seq <= f->model.last_seq);
}

static int order_of(const void *a, const void *b)
{
    char x[64];
    char y[64];
    subject_of(*(const unsigned *)a, x, sizeof x);
    subject_of(*(const unsigned *)b, y, sizeof y);
    return strcmp(x, y);
}

static void visit(void *context, struct bytes subject, const struct subject_value *value)
{
    struct buffer *names = context;
    buffer_bytes(names, subject);
    buffer_varint(names, (uint64_t)value->count);
}

struct step {
    struct bytes filter;
    struct bytes after;
    struct buffer names;
};

static int run_scan(struct subjects *s, void *context)
{
    struct step *step = context;
    step->names.size = 0;
    int status = subjects_scan(s, step->filter, step->after, 37, visit, &step->names);
    return status == -EINPROGRESS ? 1 : status;
}

static void check_scan(struct fixture *f, struct subjects *s, const char *filter)
{
    unsigned order[MODEL_SUBJECTS];
    for (unsigned i = 0; i < MODEL_SUBJECTS; i++)
        order[i] = i;
    qsort(order, MODEL_SUBJECTS, sizeof *order, order_of);
    struct buffer after = {0};
    struct step step = {.filter = bytes_of(filter)};
    unsigned at = 0;
    for (int status = 1; status == 1;) {
        step.after = buffer_view(&after);
        status = look(f, s, run_scan, &step);
        assert_in_range(status, 0, 1);
        struct cursor c = cursor_of(buffer_view(&step.names));
        while (cursor_left(&c) > 0) {
            char text[64];
            struct bytes subject = cursor_bytes(&c);
            uint64_t count = cursor_varint(&c);
            while (f->model.counts[order[at]] == 0 ||
                   !subject_matches(bytes_of(filter), subject_of(order[at], text, sizeof text)))
                assert_true(++at < MODEL_SUBJECTS);
            assert_true(bytes_equal(subject, bytes_of(text)));
            assert_int_equal(count, f->model.counts[order[at]]);
            after.size = 0;
            buffer_add(&after, subject.at, subject.size);
            at++;
        }
    }
    for (; at < MODEL_SUBJECTS; at++) {
        char text[64];
        assert_true(f->model.counts[order[at]] == 0 ||
                    !subject_matches(bytes_of(filter), subject_of(order[at], text, sizeof text)));
    }
    buffer_done(&after);
    buffer_done(&step.names);
}

static void check_all(struct fixture *f, struct subjects *s)
{
    uint64_t expected = 0;
    uint64_t count = 0;
    for (unsigned n = 0; n < MODEL_SUBJECTS; n++)
        expected += f->model.counts[n] > 0;
    assert_int_equal(look(f, s, run_count, &count), 0);
    assert_int_equal(count, expected);
    for (unsigned n = 0; n < MODEL_SUBJECTS; n++)
        check_one(f, s, n);
    check_scan(f, s, "orders.3.*");
    check_scan(f, s, ">");
    subjects_check(s);
}

/* --- changes ----------------------------------------------------------------------------------------- */

static void append(struct fixture *f)
{
    char text[64];
    struct model *m = &f->model;
    unsigned n = (unsigned)prng_below(&f->disk.prng, MODEL_SUBJECTS);
    if (m->counts[n] == LIVE_MAX)
        return;
    uint64_t seq = ++m->last_seq;
    m->seqs[n][m->counts[n]++] = seq;
    subjects_appended(f->subjects, subject_of(n, text, sizeof text), seq);
}

static void remove_one(struct fixture *f)
{
    char text[64];
    struct model *m = &f->model;
    unsigned n = (unsigned)prng_below(&f->disk.prng, MODEL_SUBJECTS);
    if (m->counts[n] == 0)
        return;
    uint32_t i = (uint32_t)prng_below(&f->disk.prng, m->counts[n]);
    memmove(&m->seqs[n][i], &m->seqs[n][i + 1], (m->counts[n] - i - 1) * sizeof m->seqs[n][0]);
    m->counts[n]--;
    subjects_removed(f->subjects, subject_of(n, text, sizeof text));
}

static void change(struct fixture *f, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        if (prng_one_in(&f->disk.prng, 3))
            remove_one(f);
        else
            append(f);
    }
}

/* --- files ------------------------------------------------------------------------------------------- */

struct saved {
    struct buffer runs;
    struct buffer table;
    struct model model;
};

static void saved_done(struct saved *saved)
{
    buffer_done(&saved->runs);
    buffer_done(&saved->table);
}

/* A checkpoint: the group goes on meanwhile. */
static void save(struct fixture *f, bool durable, struct saved *ret)
{
    *ret = (struct saved){.model = f->model};
    struct subjects_flush *flush = subjects_save(f->subjects, &ret->runs, &ret->table);
    if (flush == NULL)
        return;
    int status;
    while ((status = subjects_flush_step(flush, disk_run_door(&f->disk), &f->next_file)) != 0) {
        assert_true(status == -EAGAIN || status == -EINPROGRESS);
        change(f, 5);
        if (status == -EAGAIN && !disk_run_step(&f->disk))
            fail_msg("a flush waits for nothing");
    }
    subjects_flush_section(flush, &ret->runs);
    subjects_flush_end(&flush, durable);
    f->flushes += durable;
}

static void merge(struct fixture *f)
{
    while (subjects_wants_merge(f->subjects)) {
        int status = subjects_merge_step(f->subjects, disk_run_door(&f->disk), &f->next_file);
        assert_true(status == 0 || status == -EAGAIN || status == -EINPROGRESS);
        f->merges += status == 0;
        if (status == -EAGAIN)
            (void)disk_run_step(&f->disk);
    }
}

static void drop_obsolete(struct fixture *f)
{
    uint64_t number;
    while (subjects_obsolete(f->subjects, &number)) {
        bool dropped = false;
        subjects_drop(f->subjects, number, on_closed, &dropped);
        disk_run_all(&f->disk);
        assert_true(dropped);
    }
}

/* What was saved says what was there then. */
static void check_saved(struct fixture *f, const struct saved *saved)
{
    struct model now = f->model;
    struct subjects *s = subjects_of(f);
    assert_int_equal(subjects_load(s, buffer_view(&saved->runs), buffer_view(&saved->table)), 0);
    f->model = saved->model;
    check_all(f, s);
    f->model = now;
    close_subjects(f, &s);
}

static void tables_and_runs_say_what_a_model_says(void **state)
{
    (void)state;
    static struct fixture f;
    set_up(&f, 1);
    for (unsigned round = 0; round < 40; round++) {
        struct saved saved;
        change(&f, 10 + (unsigned)prng_below(&f.disk.prng, 700));
        save(&f, !prng_one_in(&f.disk.prng, 5), &saved);
        if (round % 4 == 0 && subjects_run_count(f.subjects) > 0)
            check_saved(&f, &saved);
        drop_obsolete(&f);
        if (round % 3 == 0)
            check_all(&f, f.subjects);
        if (prng_one_in(&f.disk.prng, 2))
            merge(&f);
        saved_done(&saved);
    }
    check_all(&f, f.subjects);
    assert_true(f.flushes > 10 && f.merges > 0);
    tear_down(&f);
}

static void a_cleared_log_forgets_what_is_written_and_what_is_being_written(void **state)
{
    (void)state;
    static struct fixture f;
    set_up(&f, 2);
    for (unsigned i = 0; i < 3; i++) {
        struct saved saved;
        change(&f, 2000);
        save(&f, true, &saved);
        saved_done(&saved);
    }
    change(&f, 2000);
    struct saved saved = {.model = f.model};
    struct subjects_flush *flush = subjects_save(f.subjects, &saved.runs, &saved.table);
    assert_non_null(flush);
    (void)!subjects_flush_step(flush, disk_run_door(&f.disk), &f.next_file);
    subjects_clear(f.subjects);
    memset(f.model.counts, 0, sizeof f.model.counts);
    check_all(&f, f.subjects);
    change(&f, 300);
    while (subjects_flush_step(flush, disk_run_door(&f.disk), &f.next_file) != 0)
        (void)disk_run_step(&f.disk);
    subjects_flush_section(flush, &saved.runs);
    subjects_flush_end(&flush, true);
    check_saved(&f, &saved);
    check_all(&f, f.subjects);
    saved_done(&saved);
    assert_int_equal(subjects_run_count(f.subjects), 0);
    tear_down(&f);
}

static void sections_that_are_cut_or_changed_do_no_harm(void **state)
{
    (void)state;
    static struct fixture f;
    set_up(&f, 3);
    struct saved saved;
    change(&f, 2000);
    save(&f, true, &saved);
    saved_done(&saved);
    change(&f, 60);
    save(&f, true, &saved);
    assert_true(saved.table.size > 0);
    for (size_t bit = 0; bit < saved.table.size * 8; bit++) {
        struct subjects *s = subjects_of(&f);
        saved.table.at[bit / 8] ^= (char)(1 << bit % 8);
        (void)!subjects_load(s, buffer_view(&saved.runs), buffer_view(&saved.table));
        saved.table.at[bit / 8] ^= (char)(1 << bit % 8);
        subjects_free(&s);
    }
    for (size_t size = 0; size < saved.table.size; size++) {
        struct subjects *s = subjects_of(&f);
        (void)!subjects_load(s, buffer_view(&saved.runs), (struct bytes){saved.table.at, size});
        subjects_free(&s);
    }
    saved_done(&saved);
    tear_down(&f);
}

static void a_flush_that_is_given_up_is_the_table_again(void **state)
{
    (void)state;
    static struct fixture f;
    set_up(&f, 4);
    change(&f, 3000);
    struct saved saved = {0};
    struct subjects_flush *flush = subjects_save(f.subjects, &saved.runs, &saved.table);
    assert_non_null(flush);
    change(&f, 200);
    while (subjects_flush_step(flush, disk_run_door(&f.disk), &f.next_file) != 0)
        (void)disk_run_step(&f.disk);
    check_all(&f, f.subjects);
    subjects_flush_end(&flush, false);
    assert_int_equal(subjects_run_count(f.subjects), 0);
    check_all(&f, f.subjects);
    saved_done(&saved);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_and_runs_say_what_a_model_says),
        cmocka_unit_test(a_cleared_log_forgets_what_is_written_and_what_is_being_written),
        cmocka_unit_test(sections_that_are_cut_or_changed_do_no_harm),
        cmocka_unit_test(a_flush_that_is_given_up_is_the_table_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
