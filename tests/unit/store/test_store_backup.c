/* SPDX-License-Identifier: Apache-2.0 */
/* nats-server's backups out of a store and into one: what survives, while it goes on, through crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_backup.h"
#include "tests/unit/store/backup_story.h"
#include "tests/unit/store/state_scene.h"

#define NOW_S 1700000000

/* --- what JSON does elsewhere ---------------------------------------------------------------------------- */

static int write_stream_meta(void *context, struct bytes config, struct buffer *to)
{
    (void)context;
    scene_print(to, "{\"name\":\"S\",\"created\":\"2024-01-01T00:00:00Z\",\"config\":%.*s}",
                (int)config.size, config.at);
    return 0;
}

static int write_consumer_meta(void *context, const struct consumer_put *put, struct buffer *to)
{
    (void)context;
    scene_print(to, "{\"name\":\"%.*s\",\"config\":%.*s}", (int)put->name.size, put->name.at,
                (int)put->config.size, put->config.at);
    return 0;
}

static int read_stream_meta(void *context, struct bytes meta, struct buffer *to)
{
    (void)context;
    assert_true(meta.size > 0);
    store_run_config(to, "S", -1);
    return 0;
}

static int read_consumer_meta(void *context, uint32_t id, struct bytes name, struct bytes meta,
                              struct buffer *to)
{
    (void)context;
    const struct bytes filter[] = {BYTES("s.*")};
    const struct consumer_put put = {
        .id = id,
        .ack = CONSUMER_ACK_EXPLICIT,
        .ack_wait_ms = 30000,
        .start_seq = 1,
        .name = name,
        .config = BYTES("{\"c\":1}"),
        .filter_count = id % 2,
    };
    assert_true(meta.size > 0);
    consumer_put_write(to, &put, filter, NULL);
    return 0;
}

/* --- there and back ---------------------------------------------------------------------------------------- */

static struct store_backup *backup_of(struct store_run *run, struct store_group *g)
{
    return store_backup_new(&(struct store_backup_options){
        .store = run->store,
        .gid = store_group_gid(g),
        .now_s = NOW_S,
        .stream_meta = write_stream_meta,
        .consumer_meta = write_consumer_meta,
    });
}

/* Some of the archive; false: it is whole. */
static bool save_some(struct store_run *run, struct store_backup *b, struct pile *archive)
{
    size_t size;
    int status;
    char *at = pile_reserve(archive, 4096);
    while ((status = store_backup_step(b, at, 4096, &size)) == -EAGAIN)
        assert_true(store_run_step(run));
    assert_int_equal(status, 0);
    archive->size += size;
    return size > 0;
}

static struct pile save(struct store_run *run, struct store_group *g, struct scene *scene)
{
    struct pile archive = {.at = NULL};
    struct store_backup *b = backup_of(run, g);
    while (save_some(run, b, &archive))
        for (unsigned i = 0; scene != NULL && i < 10; i++)
            scene_step(scene);
    store_backup_free(&b);
    return archive;
}

static struct store_restore *restore_of(struct store_run *run)
{
    return store_restore_new(&(struct store_restore_options){
        .store = run->store,
        .account = BYTES("B"),
        .name = BYTES("S"),
        .sync = STORE_SYNC_ALWAYS,
        .now_ns = (int64_t)run->disk.now_ns,
        .fill_bytes_max = 5000,
        .config = read_stream_meta,
        .consumer = read_consumer_meta,
    });
}

static struct store_group *restored(struct store_run *run)
{
    return store_find(run->store, BYTES("B"), BYTES("S"));
}

/* Until the archive has been taken, or an error. */
static int feed(struct store_run *run, struct store_restore *r, struct bytes archive, size_t step)
{
    int status = 0;
    for (size_t done = 0; status == 0 && done < archive.size; done += step) {
        struct bytes in = {archive.at + done,
                           archive.size - done < step ? archive.size - done : step};
        while ((status = store_restore_step(r, &in)) == 1 || status == -EAGAIN)
            if (status == -EAGAIN)
                assert_true(store_run_step(run));
    }
    return status;
}

static int end(struct store_run *run, struct store_restore *r, struct store_group **ret)
{
    int status;
    while ((status = store_restore_end(r, ret)) == -EAGAIN)
        assert_true(store_run_step(run));
    return status;
}

static struct store_group *restore(struct store_run *run, const struct pile *archive, size_t step)
{
    struct store_group *g = NULL;
    struct store_restore *r = restore_of(run);
    assert_int_equal(feed(run, r, pile_bytes(archive), step), 0);
    assert_null(restored(run));
    assert_int_equal(end(run, r, &g), 0);
    store_restore_free(&r);
    assert_ptr_equal(restored(run), g);
    return g;
}

static void expect_same(struct store_run *run, const struct buffer *wanted)
{
    struct buffer text = {0};
    struct store_group *g = restored(run);
    assert_non_null(g);
    scene_tell(run, g, &text);
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

static void round_trip(uint64_t seed, unsigned steps, bool goes_on)
{
    struct store_run run;
    struct scene scene;
    struct buffer wanted = {0};
    store_run_init(&run, seed);
    run.options.compact_dead_min = 8192;
    assert_int_equal(store_run_open(&run), 0);
    scene_init(&scene, &run, store_run_make_group(&run, "S"), seed);
    scene_play(&scene, steps);
    scene_tell(&run, scene.group, &wanted);
    struct pile archive = save(&run, scene.group, goes_on ? &scene : NULL);
    scene_settle(&scene);
    struct store_group *g = restore(&run, &archive, 1 + (size_t)(seed * 7919 % 20000));
    expect_same(&run, &wanted);
    struct pile again = save(&run, g, NULL);
    assert_true(bytes_equal(pile_bytes(&archive), pile_bytes(&again)));
    restart(&run);
    expect_same(&run, &wanted);
    assert_true(store_run_publish(&run, restored(&run), "s.1", "more") > 0);
    store_run_settle(&run);
    assert_int_equal(run.failed + run.lost, 0);
    buffer_done(&wanted);
    pile_done(&archive);
    pile_done(&again);
    store_run_done(&run);
}

static void a_stream_comes_back_with_its_consumers(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++)
        round_trip(seed, 60 * (unsigned)seed, false);
}

static void what_happens_meanwhile_is_not_in_the_backup(void **state)
{
    for (uint64_t seed = 11; seed <= 16; seed++)
        round_trip(seed, 200, true);
}

static void empty_and_sparse_streams_come_back(void **state)
{
    for (unsigned shape = 0; shape < 4; shape++) {
        struct store_run run;
        struct scene scene;
        struct buffer wanted = {0};
        store_run_init(&run, 2);
        assert_int_equal(store_run_open(&run), 0);
        scene_init(&scene, &run, store_run_make_group(&run, "S"), 1);
        if (shape > 1)
            scene_skip(&scene, 1000000007);
        if (shape > 0)
            for (unsigned i = 0; i < 9; i++)
                scene_publish(&scene, 100);
        if (shape == 3)
            scene_skip(&scene, 600000);
        if (shape == 1)
            scene_purge(&scene, "", 0);
        scene_settle(&scene);
        scene_tell(&run, scene.group, &wanted);
        struct pile archive = save(&run, scene.group, NULL);
        assert_non_null(restore(&run, &archive, 100));
        expect_same(&run, &wanted);
        buffer_done(&wanted);
        pile_done(&archive);
        store_run_done(&run);
    }
}

/* --- what is told late ---------------------------------------------------------------------------------------- */

static void put_record(struct pile *block, unsigned number, enum backup_record_kind kind,
                       uint64_t seq, const char *subject)
{
    const struct backup_record r = {
        .kind = kind,
        .message = {.seq = seq,
                    .time_ns = 1600000000000000000 + (int64_t)seq,
                    .subject = bytes_of(subject),
                    .payload = kind == BACKUP_RECORD_MESSAGE ? BYTES("text") : BYTES("")}};
    pack_record(block, "S", number, &r);
}

static void a_message_that_a_later_tombstone_deletes_is_not_there(void **state)
{
    struct store_run run;
    struct pile tar = {.at = NULL};
    struct pile block = {.at = NULL};
    pack_stream(&tar, "S");
    for (uint64_t seq = 1; seq <= 2000; seq++)
        put_record(&block, 1, BACKUP_RECORD_MESSAGE, seq, "s.1");
    pack_file(&tar, "msgs/1.blk", pile_bytes(&block));
    block.size = 0;
    for (uint64_t seq = 1; seq <= 2000; seq += 2)
        put_record(&block, 2, BACKUP_RECORD_TOMBSTONE, seq, "");
    put_record(&block, 2, BACKUP_RECORD_MESSAGE, 2001, "s.2");
    put_record(&block, 2, BACKUP_RECORD_TOMBSTONE, 2001, "");
    pack_file(&tar, "msgs/2.blk", pile_bytes(&block));
    pile_add_zeros(&tar, TAR_END_SIZE);
    struct pile archive = pack(&tar);
    store_run_init(&run, 2);
    assert_int_equal(store_run_open(&run), 0);
    struct store_group *g = restore(&run, &archive, 777);
    struct store_run_look l;
    assert_int_equal(store_run_read(&run, g, 2, &l), 0);
    assert_string_equal(l.text, "text");
    assert_int_equal(l.state.msgs, 1000);
    assert_int_equal(l.state.first_seq, 2);
    assert_int_equal(l.state.last_seq, 2001);
    assert_int_equal(store_run_read(&run, g, 3, &l), -ENOENT);
    msglog_check(g->log);
    pile_done(&archive);
    pile_done(&block);
    pile_done(&tar);
    store_run_done(&run);
}

/* --- damage and crashes ------------------------------------------------------------------------------------------ */

static struct pile small_archive(struct store_run *run, struct buffer *wanted)
{
    struct scene scene;
    store_run_init(run, 3);
    assert_int_equal(store_run_open(run), 0);
    scene_init(&scene, run, store_run_make_group(run, "S"), 9);
    scene_play(&scene, 40);
    scene_tell(run, scene.group, wanted);
    return save(run, scene.group, NULL);
}

static void expect_nothing(struct store_run *run)
{
    store_run_settle(run);
    assert_null(restored(run));
    assert_int_equal(run->store->groups.count, 1);
    assert_true(scene_folders(run) <= 1);
}

static void what_is_cut_or_damaged_leaves_nothing(void **state)
{
    struct store_run run;
    struct buffer wanted = {0};
    struct prng prng;
    prng_init(&prng, 7);
    struct pile archive = small_archive(&run, &wanted);
    for (unsigned round = 0; round < 200; round++) {
        size_t at = prng_below(&prng, archive.size);
        bool cut = round % 2 == 0;
        struct store_group *g;
        struct store_restore *r = restore_of(&run);
        char bit = (char)(cut ? 0 : 1 << prng_below(&prng, 8));
        archive.at[at] ^= bit;
        int status =
            feed(&run, r, (struct bytes){archive.at, cut ? at : archive.size}, 1 + round * 91);
        if (status == 0)
            status = end(&run, r, &g);
        store_restore_free(&r);
        archive.at[at] ^= bit;
        if (status == 0) { /* a copy of zeros from elsewhere among zeros: the same archive */
            assert_false(cut);
            expect_same(&run, &wanted);
            assert_int_equal(store_run_delete(&run, g), 0);
        }
        expect_nothing(&run);
    }
    buffer_done(&wanted);
    pile_done(&archive);
    store_run_done(&run);
}

/* Restores until the disk has performed so many requests; whether it came to its end. */
static bool restore_until(struct store_run *run, const struct pile *archive, uint64_t steps)
{
    struct store_group *g;
    struct store_restore *r = restore_of(run);
    struct bytes in = pile_bytes(archive);
    run->disk.steps = 0;
    int status = 1;
    while (run->disk.steps < steps && (in.size > 0 || status != 0)) {
        status = store_restore_step(r, &in);
        assert_true(status >= 0 || status == -EAGAIN);
        if (status == -EAGAIN)
            (void)store_run_step(run);
    }
    while (in.size == 0 && run->disk.steps < steps &&
           (status = store_restore_end(r, &g)) == -EAGAIN)
        (void)store_run_step(run);
    bool over = in.size == 0 && run->disk.steps < steps && status == 0;
    store_restore_free(&r);
    return over;
}

static void after_a_crash_all_of_a_stream_is_there_or_nothing(void **state)
{
    static const enum sim_crash ways[] = {SIM_CRASH_KILL, SIM_CRASH_POWER, SIM_CRASH_WORST};
    struct store_run run;
    struct buffer wanted = {0};
    struct pile archive = small_archive(&run, &wanted);
    unsigned there = 0;
    bool over = false;
    for (uint64_t steps = 1; !over; steps++) {
        over = restore_until(&run, &archive, steps);
        store_run_crash(&run, ways[steps % 3]);
        assert_int_equal(store_run_open(&run), 0);
        store_run_settle(&run);
        if (restored(&run) != NULL) {
            there++;
            expect_same(&run, &wanted);
            assert_int_equal(store_run_delete(&run, restored(&run)), 0);
        }
        assert_true(!over || there > 0);
        expect_nothing(&run);
    }
    assert_int_equal(run.failed + run.lost, 0);
    buffer_done(&wanted);
    pile_done(&archive);
    store_run_done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_comes_back_with_its_consumers),
        cmocka_unit_test(what_happens_meanwhile_is_not_in_the_backup),
        cmocka_unit_test(empty_and_sparse_streams_come_back),
        cmocka_unit_test(a_message_that_a_later_tombstone_deletes_is_not_there),
        cmocka_unit_test(what_is_cut_or_damaged_leaves_nothing),
        cmocka_unit_test(after_a_crash_all_of_a_stream_is_there_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
