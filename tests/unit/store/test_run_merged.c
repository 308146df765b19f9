/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects over memory and runs against plain counts, while runs are written and merged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "protocols/nats/subject.h"
#include "run_stub.h"
#include "store/table/merged.h"
#include "store/table/run_merge.h"
#include "store/table/seqset.h"
#include "store/table/subject_flush.h"

enum { GID = 3, SUBJECTS = 600, TEXT_MAX = 32, RUNS = MERGED_RUNS_MAX };

/* What is true of each subject. */
struct truth {
    char text[TEXT_MAX];
    int64_t count;
    uint64_t first_seq; /* of all time: no message before it */
    uint64_t last_seq;
};

struct world {
    struct prng prng;
    struct truth truth[SUBJECTS]; /* in order */
    uint64_t seq;
    uint64_t next_file;
    struct pages pages;
    struct merged merged;
    struct stub_file files[RUNS]; /* newest first, as the runs */
    struct run runs[RUNS];
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct truth *)a)->text, ((const struct truth *)b)->text);
}

static void set_up(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    prng_init(&w->prng, seed);
    w->pages.late = true;
    w->next_file = 1;
    for (int i = 0; i < SUBJECTS; i++)
        snprintf(w->truth[i].text, TEXT_MAX, "%c.%d.kind%d", 'a' + i % 3, i / 10, i % 10);
    qsort(w->truth, SUBJECTS, sizeof *w->truth, by_text);
    w->merged.table_count = 1;
    w->merged.tables[0] = subject_table_new(seed);
}

static void tear_down(struct world *w)
{
    for (uint32_t i = 0; i < w->merged.run_count; i++)
        stub_file_done(&w->files[i]);
    for (uint32_t i = 0; i < w->merged.table_count; i++)
        subject_table_free(&w->merged.tables[i]);
    stub_forget(&w->pages);
}

static void append(struct world *w, struct truth *t)
{
    struct subject_value v = {.count = 1, .first_seq = ++w->seq, .last_seq = w->seq};
    subject_table_add(w->merged.tables[0], bytes_of(t->text), &v);
    t->count++;
    t->last_seq = w->seq;
    if (t->first_seq == 0)
        t->first_seq = w->seq;
}

static void delete_one(struct world *w, struct truth *t)
{
    if (t->count == 0)
        return;
    struct subject_value v = {.count = -1};
    subject_table_add(w->merged.tables[0], bytes_of(t->text), &v);
    if (--t->count == 0)
        t->first_seq = t->last_seq = 0; /* whatever tables say of it then */
}

static void change(struct world *w, int changes)
{
    for (int i = 0; i < changes; i++) {
        struct truth *t = &w->truth[prng_below(&w->prng, SUBJECTS)];
        if (prng_one_in(&w->prng, 3)) {
            for (int n = 0; n < 3; n++)
                delete_one(w, t);
        } else {
            append(w, t);
        }
    }
}

/* --- runs come and go ------------------------------------------------------------------------ */

/* The runs first..first+count-1 are replaced by the file. */
static void replace(struct world *w, uint32_t first, uint32_t count, struct stub_file file,
                    uint64_t number)
{
    for (uint32_t i = first; i < first + count; i++)
        stub_file_done(&w->files[i]);
    uint32_t left = w->merged.run_count - first - count;
    assert_true(first + 1 + left <= RUNS);
    memmove(w->files + first + 1, w->files + first + count, left * sizeof *w->files);
    memmove(w->runs + first + 1, w->runs + first + count, left * sizeof *w->runs);
    w->files[first] = file;
    w->merged.run_count = first + 1 + left;
    for (uint32_t i = 0; i < w->merged.run_count; i++) {
        struct run *r = &w->runs[i];
        stub_open(r, &w->files[i], GID, i == first ? number : r->number);
        w->merged.runs[i] = r;
    }
    stub_forget(&w->pages);
}

static void assert_right(struct world *w);

/* The table in memory becomes the newest run, while another takes the changes. */
static void flush(struct world *w)
{
    struct merged *m = &w->merged;
    m->tables[1] = m->tables[0];
    m->tables[0] = subject_table_new(1);
    m->table_count = 2;
    change(w, 20);
    assert_right(w);
    struct buffer from = {0};
    uint64_t number = w->next_file++;
    struct run_build *b = run_build_new(GID, number, subject_table_count(m->tables[1]));
    struct stub_file file = {0};
    while (subject_flush(m->tables[1], &from, 50, m->run_count == 0, b) == -EINPROGRESS)
        stub_take(b, &file);
    stub_finish(&b, &file);
    buffer_done(&from);
    m->table_count = 1;
    subject_table_free(&m->tables[1]);
    replace(w, 0, 0, file, number);
}

static struct stub_file merge_runs(struct pages *pages, const struct run_merge_options *options)
{
    struct stub_file file = {0};
    struct run_merge *merge = run_merge_new(options);
    int e;
    while ((e = run_merge_step(merge, pages)) != 0) {
        assert_true(e == -EAGAIN || e == -EINPROGRESS);
        if (run_merge_output(merge) != NULL)
            stub_take(run_merge_output(merge), &file);
        if (e == -EINPROGRESS)
            stub_forget(pages);
    }
    stub_take(run_merge_output(merge), &file);
    assert_int_equal(run_build_size(run_merge_output(merge)), file.size);
    run_merge_free(&merge);
    return file;
}

static void merge(struct world *w)
{
    uint32_t count = w->merged.run_count;
    if (count < 2)
        return;
    uint32_t taken = 2 + (uint32_t)prng_below(&w->prng, count - 1);
    uint32_t first = (uint32_t)prng_below(&w->prng, count - taken + 1);
    uint64_t number = w->next_file++;
    struct run_merge_options options = {
        .runs = w->merged.runs + first,
        .count = taken,
        .oldest = first + taken == count,
        .gid = GID,
        .file = number,
    };
    struct stub_file file = merge_runs(&w->pages, &options);
    replace(w, first, taken, file, number);
}

/* --- what is asked --------------------------------------------------------------------------- */

static void assert_subject(struct world *w, const struct truth *t)
{
    struct subject_value v;
    int e;
    while ((e = merged_get(&w->merged, &w->pages, bytes_of(t->text), &v)) == -EAGAIN)
        ;
    assert_int_equal(e, t->count == 0 ? -ENOENT : 0);
    if (t->count == 0)
        return;
    assert_int_equal(v.count, t->count);
    assert_int_equal(v.last_seq, t->last_seq);
    assert_in_range(v.first_seq, 1, t->first_seq);
    uint64_t last;
    while ((e = merged_last(&w->merged, &w->pages, bytes_of(t->text), &last)) == -EAGAIN)
        ;
    assert_int_equal(e, 0);
    assert_int_equal(last, t->last_seq);
}

struct visit {
    struct world *world;
    struct bytes pattern;
    int at;
    uint32_t visited;
};

static void on_subject(void *context, struct bytes subject, const struct subject_value *value)
{
    struct visit *v = context;
    v->visited++;
    for (;; v->at++) {
        assert_true(v->at < SUBJECTS);
        const struct truth *t = &v->world->truth[v->at];
        if (t->count > 0 &&
            (v->pattern.size == 0 || subject_matches(v->pattern, bytes_of(t->text))))
            break;
    }
    const struct truth *t = &v->world->truth[v->at++];
    assert_true(bytes_are(subject, t->text));
    assert_int_equal(value->count, t->count);
    assert_int_equal(value->last_seq, t->last_seq);
}

static void scan(struct world *w, const char *pattern, uint32_t max)
{
    struct visit v = {.world = w, .pattern = bytes_of(pattern)};
    struct merged_scan s;
    merged_scan_init(&s, v.pattern, BYTES(""));
    int e;
    do {
        uint32_t before = v.visited;
        e = merged_scan_step(&s, &w->merged, &w->pages, max, on_subject, &v);
        assert_true(e == 0 || e == -EINPROGRESS || e == -EAGAIN);
        assert_true(v.visited - before <= max);
        if (e == -EAGAIN)
            assert_int_equal(v.visited, before);
    } while (e != 0);
    merged_scan_done(&s);
    for (; v.at < SUBJECTS; v.at++) {
        const struct truth *t = &w->truth[v.at];
        assert_false(t->count > 0 &&
                     (v.pattern.size == 0 || subject_matches(v.pattern, bytes_of(t->text))));
    }
}

static void assert_right(struct world *w)
{
    for (int i = 0; i < SUBJECTS; i += 7)
        assert_subject(w, &w->truth[i]);
    scan(w, "", 100);
    scan(w, "b.*.kind3", 7);
    scan(w, "*.5.*", MERGED_FOUND_MAX);
    scan(w, "c.>", 33);
    scan(w, "b.12.kind1", 1);
    scan(w, "z.>", 1);
}

static void tables_and_runs_say_what_is_true(void **state)
{
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        set_up(w, seed);
        for (int i = 0; i < 30; i++) {
            change(w, 400);
            if (prng_one_in(&w->prng, 2))
                flush(w);
            if (prng_one_in(&w->prng, 5))
                merge(w);
            if (i % 3 == 0)
                assert_right(w);
        }
        assert_right(w);
        tear_down(w);
    }
    free(w);
}

static void a_merge_of_all_drops_subjects_without_messages(void **state)
{
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    set_up(w, 9);
    change(w, 3000);
    flush(w);
    for (int i = 0; i < SUBJECTS; i++) {
        while (w->truth[i].count > 0)
            delete_one(w, &w->truth[i]);
    }
    flush(w);
    flush(w);
    while (w->merged.run_count > 1)
        merge(w);
    assert_int_equal(run_open(&w->runs[0], &w->pages), -EAGAIN);
    assert_int_equal(run_open(&w->runs[0], &w->pages), 0);
    assert_in_range(w->runs[0].footer.entries, 0, 40); /* those that changed during the flushes */
    assert_right(w);
    tear_down(w);
    free(w);
}

static void what_was_learnt_of_a_first_holds_against_older_tables(void **state)
{
    struct subject_value v = {.count = -1, .first_seq = 20, .first_bound = true};
    struct subject_value older = {.count = 5, .first_seq = 7, .last_seq = 30};
    assert_int_equal(subject_value_join(&v, &older), 0);
    assert_int_equal(v.count, 4);
    assert_int_equal(v.first_seq, 20);
    assert_int_equal(v.last_seq, 30);
    older.count = INT64_MAX;
    assert_int_equal(subject_value_join(&v, &older), -EOVERFLOW);
}

static void counts_that_can_not_be_are_told(void **state)
{
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    set_up(w, 1);
    struct subject_value v = {.count = -1};
    subject_table_add(w->merged.tables[0], BYTES("a"), &v);
    assert_int_equal(merged_get(&w->merged, &w->pages, BYTES("a"), &v), -EBADMSG);
    struct merged_scan s;
    merged_scan_init(&s, BYTES(""), BYTES(""));
    assert_int_equal(merged_scan_step(&s, &w->merged, &w->pages, 1, NULL, NULL), -EBADMSG);
    merged_scan_done(&s);
    tear_down(w);
    free(w);
}

/* --- tables of state ------------------------------------------------------------------------- */

struct line {
    const char *key;
    const char *value; /* NULL: not in this run */
};

static struct stub_file run_of(uint64_t number, const struct line *lines, size_t count)
{
    struct stub_file file = {0};
    struct run_build *b = run_build_new(GID, number, count);
    for (size_t i = 0; i < count; i++) {
        if (lines[i].value != NULL)
            run_build_add(b, bytes_of(lines[i].key), bytes_of(lines[i].value));
    }
    stub_finish(&b, &file);
    return file;
}

static void assert_lines(struct pages *pages, struct stub_file *file, uint64_t number,
                         const struct line *lines, size_t count)
{
    struct run r;
    stub_open(&r, file, GID, number);
    uint64_t entries = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes value;
        int e;
        while ((e = run_get(&r, pages, bytes_of(lines[i].key), &value)) == -EAGAIN)
            ;
        assert_int_equal(e, lines[i].value == NULL ? -ENOENT : 0);
        if (e == 0)
            assert_true(bytes_are(value, lines[i].value));
        entries += e == 0;
    }
    assert_int_equal(r.footer.entries, entries);
}

static void of_state_the_newest_value_stays_and_an_empty_one_deletes(void **state)
{
    enum { LINES = 5 };
    static const struct line newer[LINES] = {
        {"Ca", "new"}, {"Cb", ""}, {"Cc", NULL}, {"Dx", ""}, {"Dy", "1"}};
    static const struct line older[LINES] = {
        {"Ca", "old"}, {"Cb", "old"}, {"Cc", "old"}, {"Dx", NULL}, {"Dy", NULL}};
    static const struct line kept[2][LINES] = {
        {{"Ca", "new"}, {"Cb", ""}, {"Cc", "old"}, {"Dx", ""}, {"Dy", "1"}},
        {{"Ca", "new"}, {"Cb", NULL}, {"Cc", "old"}, {"Dx", NULL}, {"Dy", "1"}},
    };
    struct pages pages = {.late = true};
    struct stub_file files[2] = {run_of(2, newer, LINES), run_of(1, older, LINES)};
    struct run runs[2];
    stub_open(&runs[0], &files[0], GID, 2);
    stub_open(&runs[1], &files[1], GID, 1);
    struct run *both[2] = {&runs[0], &runs[1]};
    for (int oldest = 0; oldest < 2; oldest++) {
        uint64_t number = 3 + (uint64_t)oldest;
        struct run_merge_options options = {
            .runs = both, .count = 2, .oldest = oldest, .gid = GID, .file = number};
        struct stub_file file = merge_runs(&pages, &options);
        assert_lines(&pages, &file, number, kept[oldest], LINES);
        stub_file_done(&file);
    }
    stub_forget(&pages);
    stub_file_done(&files[0]);
    stub_file_done(&files[1]);
}

/* --- a sequence set in runs ------------------------------------------------------------------ */

static void add_liveness(void *context, uint64_t block, struct bytes value)
{
    char key[RUN_LIVENESS_KEY_SIZE];
    run_liveness_key(key, block);
    run_build_add(context, (struct bytes){key, sizeof key}, value);
}

static void assert_same_set(const struct seqset *a, const struct seqset *b)
{
    struct buffer x = {0};
    struct buffer y = {0};
    seqset_encode(a, &x);
    seqset_encode(b, &y);
    assert_true(bytes_equal(buffer_view(&x), buffer_view(&y)));
    buffer_done(&x);
    buffer_done(&y);
}

static void load_set(struct pages *pages, struct stub_file *file, uint64_t number,
                     struct seqset *ret)
{
    struct run r;
    struct run_cursor c = {0};
    stub_open(&r, file, GID, number);
    pages->late = false;
    int e = run_cursor_seek(&c, &r, pages, BYTES("L"));
    uint64_t block;
    for (; e == 0 && !run_cursor_at_end(&c); e = run_cursor_next(&c)) {
        assert_true(run_liveness_block(run_cursor_key(&c), &block));
        assert_int_equal(seqset_load(ret, block, run_cursor_value(&c)), 0);
    }
    assert_int_equal(e, 0);
    run_cursor_done(&c);
}

static void dead_sequences_live_on_in_runs(void **state)
{
    enum { CHECKPOINTS = 6 };
    struct prng p;
    prng_init(&p, 6);
    struct pages pages = {.late = true};
    struct stub_file files[CHECKPOINTS];
    struct run runs[CHECKPOINTS];
    struct run *newest_first[CHECKPOINTS];
    struct seqset s;
    seqset_init(&s);
    for (uint64_t i = 0; i < CHECKPOINTS; i++) {
        for (int n = 0; n < 3000; n++)
            seqset_add(&s, prng_below(&p, 2000000));
        for (int n = 0; n < 40; n++) {
            uint64_t from = prng_below(&p, 2000000);
            seqset_add_range(&s, from, from + prng_below(&p, 40000));
        }
        seqset_compact(&s, i * 100000);
        struct run_build *b = run_build_new(GID, 10 + i, 1000);
        seqset_changed(&s, add_liveness, b);
        seqset_saved(&s);
        files[i] = (struct stub_file){0};
        stub_finish(&b, &files[i]);
        stub_open(&runs[i], &files[i], GID, 10 + i);
        newest_first[CHECKPOINTS - 1 - i] = &runs[i];
    }
    struct run_merge_options options = {
        .runs = newest_first,
        .count = CHECKPOINTS,
        .oldest = true,
        .gid = GID,
        .file = 99,
        .liveness_floor = s.floor / SEQBLOCK_SIZE,
    };
    struct stub_file file = merge_runs(&pages, &options);
    struct seqset loaded;
    seqset_init(&loaded);
    seqset_compact(&loaded, s.floor);
    load_set(&pages, &file, 99, &loaded);
    seqset_check(&loaded);
    assert_same_set(&s, &loaded);
    seqset_done(&loaded);
    seqset_done(&s);
    stub_forget(&pages);
    stub_file_done(&file);
    for (uint64_t i = 0; i < CHECKPOINTS; i++)
        stub_file_done(&files[i]);
}

/* --- large ones ------------------------------------------------------------------------------ */

/* Every second of the numbers, or all that are left. */
static struct stub_file large_run(uint64_t number, int parity, int count)
{
    struct stub_file file = {0};
    struct run_build *b = run_build_new(GID, number, 0);
    char key[32];
    for (int i = parity; i < count; i += 2) {
        int size = snprintf(key, sizeof key, "D%08d-%s", i, "an id of some length");
        run_build_add(b, (struct bytes){key, (size_t)size}, (struct bytes){key, (size_t)size});
        stub_take(b, &file);
    }
    stub_finish(&b, &file);
    return file;
}

static void large_runs_are_merged_in_slices(void **state)
{
    enum { COUNT = 40000 };
    struct stub_file files[2] = {large_run(1, 0, COUNT), large_run(2, 1, COUNT)};
    struct run runs[2];
    struct run *both[2] = {&runs[0], &runs[1]};
    struct pages pages = {0};
    stub_open(&runs[0], &files[0], GID, 1);
    stub_open(&runs[1], &files[1], GID, 2);
    struct run_merge_options options = {
        .runs = both, .count = 2, .oldest = true, .gid = GID, .file = 3};
    struct run_merge *m = run_merge_new(&options);
    struct stub_file file = {0};
    int slices = 0;
    while (run_merge_step(m, &pages) == -EINPROGRESS) {
        struct run_piece *piece = run_build_take(run_merge_output(m));
        assert_int_equal(piece == NULL ? 0 : piece->offset, piece == NULL ? 0 : file.size);
        if (piece != NULL)
            assert_in_range(piece->size, RUN_PIECE_SIZE, RUN_PIECE_SIZE + RUN_BLOCK_SIZE);
        free(piece);
        file.size += piece == NULL ? 0 : RUN_PIECE_SIZE;
        slices++;
    }
    assert_in_range(slices, 5, 50);
    assert_int_equal(run_build_entries(run_merge_output(m)), COUNT);
    run_merge_free(&m); /* with pieces that nobody took */
    stub_forget(&pages);
    stub_file_done(&files[0]);
    stub_file_done(&files[1]);
}

/* --- failures and choices -------------------------------------------------------------------- */

static void a_broken_source_ends_a_merge(void **state)
{
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    set_up(w, 2);
    change(w, 3000);
    flush(w);
    change(w, 3000);
    flush(w);
    w->files[1].at[RUN_BLOCK_SIZE + 100] ^= 1;
    stub_forget(&w->pages);
    struct run_merge_options options = {
        .runs = w->merged.runs, .count = 2, .oldest = true, .gid = GID, .file = 50};
    struct run_merge *m = run_merge_new(&options);
    int e;
    while ((e = run_merge_step(m, &w->pages)) == -EAGAIN || e == -EINPROGRESS)
        ;
    assert_int_equal(e, -EBADMSG);
    run_merge_free(&m);
    tear_down(w);
    free(w);
}

static void runs_of_about_one_size_are_chosen(void **state)
{
    uint64_t sizes[40];
    uint32_t first = 99;
    for (uint32_t i = 0; i < 40; i++)
        sizes[i] = 10000;
    assert_int_equal(run_merge_choose(sizes, 7, &first), 0);
    assert_int_equal(run_merge_choose(sizes, 8, &first), 8);
    assert_int_equal(first, 0);
    /* few small ones before large ones are left alone */
    for (uint32_t i = 4; i < 11; i++)
        sizes[i] = 1000000;
    assert_int_equal(run_merge_choose(sizes, 11, &first), 0);
    sizes[11] = 900000;
    assert_int_equal(run_merge_choose(sizes, 12, &first), 8);
    assert_int_equal(first, 4);
    /* the newest tier that is full comes first */
    for (uint32_t i = 0; i < 20; i++)
        sizes[i] = i < 9 ? 10000 + i : 1000000;
    assert_int_equal(run_merge_choose(sizes, 20, &first), 8);
    assert_int_equal(first, 0);
    /* a small one between large ones goes with them */
    sizes[12] = 100;
    assert_int_equal(run_merge_choose(sizes + 9, 8, &first), 8);
    /* and when there are too many, the cheapest go */
    uint64_t steep[RUN_MERGE_RUNS_MAX + 1];
    for (uint32_t i = 0; i <= RUN_MERGE_RUNS_MAX; i++)
        steep[i] = (uint64_t)100000 << (i / 7 * 3);
    assert_int_equal(run_merge_choose(steep, RUN_MERGE_RUNS_MAX, &first), 0);
    assert_int_equal(run_merge_choose(steep, RUN_MERGE_RUNS_MAX + 1, &first), 8);
    assert_int_equal(first, 0);
}

/* Runs of one flush each, for long: how many there are, and how often a byte is written. */
static void merging_keeps_runs_few_and_writes_bytes_a_few_times(void **state)
{
    struct prng p;
    prng_init(&p, 4);
    uint64_t sizes[MERGED_RUNS_MAX];
    uint32_t count = 0;
    uint64_t flushed = 0;
    uint64_t written = 0;
    for (int i = 0; i < 20000; i++) {
        memmove(sizes + 1, sizes, count++ * sizeof *sizes);
        sizes[0] = 20000 + prng_below(&p, 200000);
        flushed += sizes[0];
        uint32_t first;
        uint32_t taken = run_merge_choose(sizes, count, &first);
        if (taken > 0) {
            uint64_t sum = 0;
            for (uint32_t k = first; k < first + taken; k++)
                sum += sizes[k];
            written += sum;
            sizes[first] = sum;
            count -= taken - 1;
            memmove(sizes + first + 1, sizes + first + taken, (count - first - 1) * sizeof *sizes);
        }
        assert_in_range(count, 1, RUN_MERGE_RUNS_MAX + 1);
    }
    assert_in_range(written / flushed, 2, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_and_runs_say_what_is_true),
        cmocka_unit_test(a_merge_of_all_drops_subjects_without_messages),
        cmocka_unit_test(what_was_learnt_of_a_first_holds_against_older_tables),
        cmocka_unit_test(counts_that_can_not_be_are_told),
        cmocka_unit_test(of_state_the_newest_value_stays_and_an_empty_one_deletes),
        cmocka_unit_test(dead_sequences_live_on_in_runs),
        cmocka_unit_test(large_runs_are_merged_in_slices),
        cmocka_unit_test(a_broken_source_ends_a_merge),
        cmocka_unit_test(runs_of_about_one_size_are_chosen),
        cmocka_unit_test(merging_keeps_runs_few_and_writes_bytes_a_few_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
