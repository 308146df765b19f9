/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a group as a stream of pieces, and back: while the group goes on, through crashes and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/format/state_piece.h"
#include "store/msglog_state.h"
#include "store/state_read.h"
#include "store/state_write.h"
#include "tests/unit/store/state_scene.h"

#define PIECES_MAX 4096u

/* A stream that was kept. */
struct kept {
    struct buffer bytes;
    size_t ends[PIECES_MAX];
    unsigned count;
};

static struct bytes piece_of(const struct kept *k, unsigned i)
{
    size_t from = i == 0 ? 0 : k->ends[i - 1];
    return (struct bytes){k->bytes.at + from, k->ends[i] - from};
}

/* The next piece into the kept ones; false: that was all. */
static bool keep_next(struct store_run *run, struct state_writer *w, struct kept *k)
{
    struct bytes piece;
    int status;
    while ((status = state_writer_next(w, &piece)) == -EAGAIN)
        (void)store_run_step(run);
    assert_int_equal(status, 0);
    if (piece.size == 0)
        return false;
    assert_true(k->count < PIECES_MAX);
    buffer_add(&k->bytes, piece.at, piece.size);
    k->ends[k->count++] = k->bytes.size;
    return true;
}

static struct state_writer *writer_of(struct store_run *run, struct store_group *g,
                                      uint32_t piece_size)
{
    return state_writer_new(&(struct state_writer_options){
        .store = run->store, .gid = store_group_gid(g), .piece_size = piece_size});
}

/* The whole stream, while the scene goes on (NULL: nothing happens meanwhile). */
static void keep_all(struct store_run *run, struct store_group *g, uint32_t piece_size,
                     struct scene *scene, struct kept *k)
{
    struct state_writer *w = writer_of(run, g, piece_size);
    while (keep_next(run, w, k)) {
        for (unsigned i = 0; scene != NULL && i < 8; i++)
            scene_step(scene);
    }
    state_writer_free(&w);
}

static struct state_reader *reader_of(struct store_run *run, const char *name)
{
    return state_reader_new(&(struct state_reader_options){.store = run->store,
                                                           .account = BYTES("A"),
                                                           .name = bytes_of(name),
                                                           .sync = STORE_SYNC_ALWAYS,
                                                           .fill_bytes_max = 5000});
}

static int give(struct store_run *run, struct state_reader *r, struct bytes piece)
{
    int status;
    while ((status = state_reader_piece(r, piece)) == -EAGAIN)
        assert_true(store_run_step(run));
    return status;
}

static int end(struct store_run *run, struct state_reader *r, struct store_group **ret)
{
    int status;
    while ((status = state_reader_end(r, ret)) == -EAGAIN)
        assert_true(store_run_step(run));
    return status;
}

/* All of it into a group of this name. */
static struct store_group *read_all(struct store_run *run, const struct kept *k, const char *name)
{
    struct store_group *g = NULL;
    struct state_reader *r = reader_of(run, name);
    for (unsigned i = 0; i < k->count; i++) {
        assert_int_equal(give(run, r, piece_of(k, i)), 0);
        assert_null(store_run_find(run, name));
    }
    assert_int_equal(end(run, r, &g), 0);
    state_reader_free(&r);
    assert_ptr_equal(store_run_find(run, name), g);
    return g;
}

static void expect_state(struct store_run *run, const char *name, const struct buffer *wanted)
{
    struct buffer text = {0};
    struct store_group *g = store_run_find(run, name);
    assert_non_null(g);
    scene_tell_state(run, g, &text);
    assert_true(scene_same(wanted, &text));
    msglog_check(g->log);
    stream_group_check(g->stream);
    buffer_done(&text);
}

static void restart(struct store_run *run)
{
    assert_int_equal(store_run_close(run), 0);
    assert_int_equal(store_run_open(run), 0);
}

/* --- there and back ------------------------------------------------------------------------------------ */

static void round_trip(uint64_t seed, unsigned steps, bool goes_on)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct buffer wanted = {0};
    store_run_init(&run, seed);
    run.options.compact_dead_min = 8192;
    assert_int_equal(store_run_open(&run), 0);
    scene_init(&scene, &run, store_run_make_group(&run, "S"), seed);
    scene_play(&scene, steps);
    scene_tell_state(&run, scene.group, &wanted);
    keep_all(&run, scene.group, 300 + (uint32_t)(seed * 977 % 9000), goes_on ? &scene : NULL,
             &kept);
    scene_settle(&scene);
    assert_non_null(read_all(&run, &kept, "T"));
    expect_state(&run, "T", &wanted);
    restart(&run);
    expect_state(&run, "T", &wanted);
    assert_true(store_run_publish(&run, store_run_find(&run, "T"), "s.1", "more") > 0);
    store_run_settle(&run);
    assert_int_equal(run.failed + run.lost, 0);
    buffer_done(&wanted);
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

static void a_group_comes_back_as_it_was(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++)
        round_trip(seed, 60 * (unsigned)seed, false);
}

static void what_happens_meanwhile_is_not_in_the_stream(void **state)
{
    for (uint64_t seed = 11; seed <= 18; seed++)
        round_trip(seed, 150, true);
}

enum shape {
    SHAPE_NEW,
    SHAPE_PURGED,
    SHAPE_SKIPPED,
    SHAPE_LATE,
    SHAPE_LARGE,
    SHAPE_LAST_GONE,
    SHAPES
};

static void make_shape(struct scene *s, enum shape shape)
{
    if (shape == SHAPE_SKIPPED || shape == SHAPE_LATE)
        scene_skip(s, 1000000007);
    if (shape != SHAPE_NEW && shape != SHAPE_SKIPPED)
        for (unsigned i = 0; i < 5; i++)
            scene_publish(s, 100);
    if (shape == SHAPE_LARGE)
        scene_publish(s, 300000);
    if (shape == SHAPE_PURGED)
        scene_purge(s, "", 0);
    scene_settle(s);
    if (shape == SHAPE_LAST_GONE)
        assert_int_equal(store_run_remove(s->run, s->group, 5), 0);
}

static void groups_of_all_shapes_come_back(void **state)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        struct store_run run;
        struct scene scene;
        struct kept kept = {.count = 0};
        struct buffer wanted = {0};
        store_run_init(&run, 5);
        run.options.journal_file_bytes = 1 << 20; /* for the large one */
        run.options.replay_debt_bytes = 3 << 20;
        assert_int_equal(store_run_open(&run), 0);
        scene_init(&scene, &run, store_run_make_group(&run, "S"), 1);
        make_shape(&scene, (enum shape)shape);
        scene_tell_state(&run, scene.group, &wanted);
        keep_all(&run, scene.group, 0, NULL, &kept);
        assert_non_null(read_all(&run, &kept, "T"));
        expect_state(&run, "T", &wanted);
        store_run_settle(&run);
        store_run_crash(&run, SIM_CRASH_WORST);
        assert_int_equal(store_run_open(&run), 0);
        expect_state(&run, "T", &wanted);
        buffer_done(&wanted);
        buffer_done(&kept.bytes);
        store_run_done(&run);
    }
}

/* --- pins ------------------------------------------------------------------------------------------------ */

/* A store with a group whose messages are mostly in segments. */
static struct store_group *begin(struct store_run *run, struct scene *scene, unsigned steps)
{
    store_run_init(run, 3);
    run->options.compact_dead_min = 8192;
    assert_int_equal(store_run_open(run), 0);
    scene_init(scene, run, store_run_make_group(run, "S"), 9);
    scene_play(scene, steps);
    restart(run);
    scene->group = store_run_find(run, "S");
    return scene->group;
}

static unsigned files_of(struct store_run *run, struct store_group *g)
{
    char folder[64];
    snprintf(folder, sizeof folder, "store/g/%" PRIu64, store_group_gid(g));
    struct disk_request list = {.op = DISK_LIST, .path = folder};
    assert_int_equal(store_run_perform(run, &list), 0);
    unsigned count = 0;
    for (uint32_t i = 0; i < list.names->count; i++)
        count += list.names->names[i].text[0] == 's';
    disk_names_free(&list.names);
    return count;
}

/* And what follows from it. */
static void checkpoint(struct store_run *run, struct store_group *g)
{
    store_want_checkpoint(run->store, g);
    while (!list_empty(&g->want_link) || g->draining)
        assert_true(store_run_step(run));
    store_run_settle(run);
}

static void files_stay_for_as_long_as_somebody_reads_them(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct buffer wanted = {0};
    struct store_group *g = begin(&run, &scene, 300);
    scene_tell_state(&run, g, &wanted);
    struct state_writer *w = writer_of(&run, g, 1000);
    assert_true(keep_next(&run, w, &kept));
    assert_int_equal(files_of(&run, g), 1);
    scene_purge(&scene, "", 0);
    scene_settle(&scene);
    checkpoint(&run, g);
    assert_int_equal(files_of(&run, g), 1);
    while (keep_next(&run, w, &kept))
        ;
    state_writer_free(&w);
    store_run_settle(&run);
    assert_int_equal(files_of(&run, g), 0);
    assert_non_null(read_all(&run, &kept, "T"));
    expect_state(&run, "T", &wanted);
    buffer_done(&wanted);
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

static void a_segment_that_was_written_anew_is_read_as_it_was(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct buffer wanted = {0};
    struct store_stats stats;
    struct store_group *g = begin(&run, &scene, 300);
    scene_tell_state(&run, g, &wanted);
    struct state_writer *w = writer_of(&run, g, 1000);
    assert_true(keep_next(&run, w, &kept));
    struct msglog_state log;
    msglog_state(g->log, &log);
    for (uint64_t seq = log.first_seq; seq < log.last_seq; seq++)
        if (seq % 8 != 0 && !seqset_contains(&g->log->file->dead, seq))
            assert_int_equal(store_run_remove(&run, g, seq), 0);
    checkpoint(&run, g);
    store_stats(run.store, &stats);
    assert_true(stats.rewrites > 0);
    assert_true(files_of(&run, g) > segments_count(msglog_segments(g->log)));
    while (keep_next(&run, w, &kept))
        ;
    state_writer_free(&w);
    store_run_settle(&run);
    assert_int_equal(files_of(&run, g), segments_count(msglog_segments(g->log)));
    assert_non_null(read_all(&run, &kept, "T"));
    expect_state(&run, "T", &wanted);
    buffer_done(&wanted);
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

static void a_group_can_be_deleted_while_it_is_read(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct bytes piece;
    struct store_group *g = begin(&run, &scene, 200);
    struct state_writer *w = writer_of(&run, g, 1000);
    assert_true(keep_next(&run, w, &kept));
    int status = state_writer_next(w, &piece); /* pages are on their way */
    assert_true(status == 0 || status == -EAGAIN);
    assert_int_equal(store_run_delete(&run, g), 0);
    while ((status = state_writer_next(w, &piece)) == 0)
        assert_true(piece.size > 0);
    assert_int_equal(status, -ECANCELED);
    store_run_settle(&run);
    assert_int_equal(scene_folders(&run), 0);
    state_writer_free(&w);
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

static void what_cannot_be_pinned_says_why(void **state)
{
    struct store_run run;
    struct store_group *g;
    struct bytes piece;
    store_run_init(&run, 3);
    assert_int_equal(store_run_open(&run), 0);
    assert_int_equal(store_run_make_as(&run, "M", MSGLOG_MEMORY, STORE_SYNC_ALWAYS, &g), 0);
    struct state_writer *w = writer_of(&run, g, 0);
    assert_int_equal(state_writer_next(w, &piece), -ENOTSUP);
    state_writer_free(&w);
    w = state_writer_new(&(struct state_writer_options){.store = run.store, .gid = 999});
    assert_int_equal(state_writer_next(w, &piece), -ENOENT);
    state_writer_free(&w);
    store_run_done(&run);
}

/* --- a reader's bounds -------------------------------------------------------------------------------------- */

static void a_reader_holds_little_of_what_it_reads(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct store_group *g = begin(&run, &scene, 400);
    keep_all(&run, g, 2000, NULL, &kept);
    assert_true(kept.bytes.size > 200000);
    struct state_reader *r = reader_of(&run, "T");
    for (unsigned i = 0; i < kept.count; i++) {
        assert_int_equal(give(&run, r, piece_of(&kept, i)), 0);
        struct store_group *t = group_table_find_name(&run.store->groups, BYTES("A"), BYTES("T"));
        uint64_t held = 0;
        for (size_t nth = 0; nth < t->log->file->tail.count; nth++)
            held += tail_at(&t->log->file->tail, nth)->body_size;
        assert_true(held <= 5000 + 61000);
    }
    state_reader_free(&r);
    store_run_settle(&run);
    assert_null(store_run_find(&run, "T"));
    assert_int_equal(scene_folders(&run), 1);
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

static void a_name_that_is_taken_is_refused(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct store_group *g = begin(&run, &scene, 10);
    keep_all(&run, g, 0, NULL, &kept);
    struct state_reader *r = reader_of(&run, "S");
    assert_int_equal(give(&run, r, piece_of(&kept, 0)), -EEXIST);
    state_reader_free(&r);
    r = reader_of(&run, "T");
    assert_int_equal(give(&run, r, piece_of(&kept, 0)), 0);
    struct store_group *t;
    assert_int_equal(store_run_make_as(&run, "T", MSGLOG_FILE, STORE_SYNC_ALWAYS, &t), -EEXIST);
    state_reader_free(&r);
    store_run_settle(&run);
    assert_int_equal(store_run_make_as(&run, "T", MSGLOG_FILE, STORE_SYNC_ALWAYS, &t), 0);
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

/* --- damage --------------------------------------------------------------------------------------------------- */

static void expect_nothing(struct store_run *run)
{
    store_run_settle(run);
    assert_null(store_run_find(run, "T"));
    assert_int_equal(run->store->groups.count, 1);
    assert_true(scene_folders(run) <= 1);
}

static void a_stream_that_was_cut_leaves_nothing(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct store_group *g = begin(&run, &scene, 40);
    keep_all(&run, g, 2000, NULL, &kept);
    for (unsigned count = 0; count < kept.count; count++) {
        struct state_reader *r = reader_of(&run, "T");
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(give(&run, r, piece_of(&kept, i)), 0);
        struct bytes cut = piece_of(&kept, count);
        struct store_group *t;
        if (count % 2 == 0) {
            cut.size--;
            assert_int_equal(give(&run, r, cut), -EBADMSG);
        }
        assert_int_equal(end(&run, r, &t), -EBADMSG);
        state_reader_free(&r);
        expect_nothing(&run);
    }
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

static void pieces_in_the_wrong_place_are_refused(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct store_group *g = begin(&run, &scene, 40);
    keep_all(&run, g, 2000, NULL, &kept);
    for (unsigned at = 1; at < kept.count; at++) {
        struct state_reader *r = reader_of(&run, "T");
        for (unsigned i = 0; i < at; i++)
            assert_int_equal(give(&run, r, piece_of(&kept, i)), 0);
        unsigned wrong = at % 2 == 0 ? at - 1 : (at + 1) % kept.count;
        assert_int_equal(give(&run, r, piece_of(&kept, wrong)), -EBADMSG);
        assert_int_equal(give(&run, r, piece_of(&kept, at)), -EBADMSG);
        state_reader_free(&r);
        expect_nothing(&run);
    }
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

static void no_bit_of_a_piece_can_turn(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct state_piece p;
    struct store_group *g = begin(&run, &scene, 12);
    keep_all(&run, g, 700, NULL, &kept);
    for (unsigned i = 0; i < kept.count; i++) {
        struct bytes piece = piece_of(&kept, i);
        char *at = kept.bytes.at + (piece.at - kept.bytes.at);
        for (size_t bit = 0; bit < piece.size * 8; bit++) {
            at[bit / 8] ^= (char)(1 << bit % 8);
            assert_int_equal(state_piece_read(piece, &p), -EBADMSG);
            at[bit / 8] ^= (char)(1 << bit % 8);
        }
        for (size_t size = 0; size < piece.size; size++)
            assert_int_equal(state_piece_read((struct bytes){piece.at, size}, &p), -EBADMSG);
        assert_int_equal(state_piece_read(piece, &p), 0);
    }
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

/* The same piece with another body under right hashes. */
static void reseal(struct bytes piece, struct buffer *to, size_t bit)
{
    struct state_piece p;
    assert_int_equal(state_piece_read(piece, &p), 0);
    char *body = malloc(p.body.size + 1);
    memcpy(body, p.body.at, p.body.size);
    body[bit / 8] ^= (char)(1 << bit % 8);
    p.body.at = body;
    to->size = 0;
    (void)state_piece_write(to, &p);
    free(body);
}

static void a_lie_under_right_hashes_is_found_out(void **state)
{
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct buffer lie = {0};
    struct prng prng;
    prng_init(&prng, 4);
    struct store_group *g = begin(&run, &scene, 12);
    keep_all(&run, g, 700, NULL, &kept);
    for (unsigned round = 0; round < 150; round++) {
        unsigned bad = (unsigned)prng_below(&prng, kept.count);
        struct bytes piece = piece_of(&kept, bad);
        reseal(piece, &lie, prng_below(&prng, (piece.size - STATE_PIECE_HEADER_SIZE) * 8));
        struct state_reader *r = reader_of(&run, "T");
        int status = 0;
        for (unsigned i = 0; status == 0 && i < kept.count; i++)
            status = give(&run, r, i == bad ? buffer_view(&lie) : piece_of(&kept, i));
        assert_true(status == -EBADMSG || status == -ENOTSUP || status == -EFBIG);
        state_reader_free(&r);
        expect_nothing(&run);
    }
    buffer_done(&lie);
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

/* --- crashes -------------------------------------------------------------------------------------------------- */

/* Reads the stream until the disk has performed so many requests; whether it came to its end. */
static bool read_until(struct store_run *run, const struct kept *k, uint64_t steps)
{
    struct store_group *g;
    struct state_reader *r = reader_of(run, "T");
    run->disk.steps = 0;
    int status = -EAGAIN;
    for (unsigned i = 0; run->disk.steps < steps && status != 0;) {
        status = i < k->count ? state_reader_piece(r, piece_of(k, i)) : state_reader_end(r, &g);
        assert_true(status == 0 || status == -EAGAIN);
        if (status == 0 && i < k->count) {
            i++;
            status = -EAGAIN;
        } else if (status != 0) {
            (void)store_run_step(run);
        }
    }
    state_reader_free(&r);
    return status == 0;
}

static void after_a_crash_all_of_a_group_is_there_or_nothing(void **state)
{
    static const enum sim_crash ways[] = {SIM_CRASH_KILL, SIM_CRASH_POWER, SIM_CRASH_WORST};
    struct store_run run;
    struct scene scene;
    struct kept kept = {.count = 0};
    struct buffer wanted = {0};
    struct store_group *g = begin(&run, &scene, 40);
    scene_tell_state(&run, g, &wanted);
    keep_all(&run, g, 4000, NULL, &kept);
    unsigned there = 0;
    bool over = false;
    for (uint64_t steps = 1; !over; steps++) {
        over = read_until(&run, &kept, steps);
        store_run_crash(&run, ways[steps % 3]);
        assert_int_equal(store_run_open(&run), 0);
        store_run_settle(&run);
        if (store_run_find(&run, "T") != NULL) {
            there++;
            expect_state(&run, "T", &wanted);
            assert_int_equal(store_run_delete(&run, store_run_find(&run, "T")), 0);
        }
        assert_true(!over || there > 0);
        expect_nothing(&run);
        expect_state(&run, "S", &wanted);
    }
    assert_int_equal(run.failed + run.lost, 0);
    buffer_done(&wanted);
    buffer_done(&kept.bytes);
    store_run_done(&run);
}

static void a_full_or_failing_disk_leaves_nothing(void **state)
{
    for (unsigned nth = 0; nth < 12; nth++) {
        struct store_run run;
        struct scene scene;
        struct kept kept = {.count = 0};
        struct store_group *t;
        struct store_group *g = begin(&run, &scene, 30);
        keep_all(&run, g, 3000, NULL, &kept);
        struct state_reader *r = reader_of(&run, "T");
        int status = 0;
        for (unsigned i = 0; status == 0 && i < kept.count; i++) {
            if (i == nth)
                sim_disk_fail_next(run.disk.disk, nth % 2 ? DISK_SYNC : DISK_WRITE, -EIO);
            status = give(&run, r, piece_of(&kept, i));
        }
        if (status == 0)
            status = end(&run, r, &t);
        assert_true(status == 0 || status == -EIO);
        state_reader_free(&r);
        store_run_crash(&run, SIM_CRASH_POWER);
        assert_int_equal(store_run_open(&run), 0);
        store_run_settle(&run);
        assert_true((store_run_find(&run, "T") != NULL) == (status == 0));
        buffer_done(&kept.bytes);
        store_run_done(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_comes_back_as_it_was),
        cmocka_unit_test(what_happens_meanwhile_is_not_in_the_stream),
        cmocka_unit_test(groups_of_all_shapes_come_back),
        cmocka_unit_test(files_stay_for_as_long_as_somebody_reads_them),
        cmocka_unit_test(a_segment_that_was_written_anew_is_read_as_it_was),
        cmocka_unit_test(a_group_can_be_deleted_while_it_is_read),
        cmocka_unit_test(what_cannot_be_pinned_says_why),
        cmocka_unit_test(a_reader_holds_little_of_what_it_reads),
        cmocka_unit_test(a_name_that_is_taken_is_refused),
        cmocka_unit_test(a_stream_that_was_cut_leaves_nothing),
        cmocka_unit_test(pieces_in_the_wrong_place_are_refused),
        cmocka_unit_test(no_bit_of_a_piece_can_turn),
        cmocka_unit_test(a_lie_under_right_hashes_is_found_out),
        cmocka_unit_test(after_a_crash_all_of_a_group_is_there_or_nothing),
        cmocka_unit_test(a_full_or_failing_disk_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
