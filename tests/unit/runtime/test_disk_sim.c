/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated disk keeps over a crash, and how it goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "runtime/base/prng.h"
#include "runtime/sim/sim_disk.h"

#define RW (DISK_OPEN_WRITE | DISK_OPEN_CREATE)
#define SEEDS 200

struct bench {
    struct prng prng;
    struct sim_disk *disk;
};

static void set_up(struct bench *bench, uint64_t seed)
{
    prng_init(&bench->prng, seed);
    struct sim_disk_options options = {.delay_min_ns = 1, .delay_max_ns = 100, .stall_ns = 1000000};
    bench->disk = sim_disk_new(&bench->prng, &options);
}

static void run_all(struct bench *bench)
{
    while (sim_disk_next_ns(bench->disk) != UINT64_MAX)
        sim_disk_step(bench->disk, sim_disk_next_ns(bench->disk));
}

static void note(struct disk_request *request)
{
    int *ended = request->context;
    *ended += 1;
}

static void note_drop(struct disk_request *request)
{
    int *ended = request->context;
    *ended += 100;
}

/* Performs one request to its end. */
static int64_t perform(struct bench *bench, struct disk_request *request)
{
    int ended = 0;
    request->done = note;
    request->context = &ended;
    disk_submit(sim_disk_door(bench->disk), request);
    run_all(bench);
    assert_int_equal(ended, 1);
    return request->result;
}

static struct disk_file *open_file(struct bench *bench, const char *path, uint32_t flags)
{
    struct disk_request r = {.op = DISK_OPEN, .path = path, .flags = flags, .mode = 0600};
    return perform(bench, &r) == 0 ? r.file : NULL;
}

static int64_t write_at(struct bench *bench, struct disk_file *file, uint64_t offset,
                        const char *at, size_t size)
{
    struct iovec part = {(char *)(uintptr_t)at, size};
    struct disk_request r = {
        .op = DISK_WRITE, .file = file, .offset = offset, .parts = &part, .part_count = 1};
    return perform(bench, &r);
}

static int64_t read_at(struct bench *bench, struct disk_file *file, uint64_t offset, char *at,
                       size_t size)
{
    struct iovec part = {at, size};
    struct disk_request r = {
        .op = DISK_READ, .file = file, .offset = offset, .parts = &part, .part_count = 1};
    return perform(bench, &r);
}

static int64_t on_file(struct bench *bench, enum disk_op op, struct disk_file *file)
{
    struct disk_request r = {.op = op, .file = file};
    return perform(bench, &r);
}

static int64_t on_path(struct bench *bench, enum disk_op op, const char *path, const char *to)
{
    struct disk_request r = {.op = op, .path = path, .to = to, .mode = 0700};
    return perform(bench, &r);
}

/* A new file, durable by name, with `size` bytes of `byte` that are synced. */
static struct disk_file *make_file(struct bench *bench, const char *path, char byte, size_t size)
{
    struct disk_file *file = open_file(bench, path, RW);
    assert_non_null(file);
    char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    memset(bytes, byte, size);
    assert_int_equal(write_at(bench, file, 0, bytes, size), size);
    free(bytes);
    assert_int_equal(on_file(bench, DISK_SYNC, file), 0);
    assert_int_equal(on_path(bench, DISK_SYNC_DIR, ".", NULL), 0);
    return file;
}

/* --- crashes ---------------------------------------------------------------------------------- */

static void what_was_synced_survives_every_crash(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct bench bench;
        set_up(&bench, seed);
        struct disk_file *file = make_file(&bench, "f", 'a', 5000);
        assert_int_equal(write_at(&bench, file, 5000, "more", 4), 4);
        sim_disk_crash(bench.disk, seed % 2 ? SIM_CRASH_POWER : SIM_CRASH_WORST);
        file = open_file(&bench, "f", 0);
        assert_non_null(file);
        char bytes[5000];
        assert_int_equal(read_at(&bench, file, 0, bytes, sizeof bytes), 5000);
        for (int i = 0; i < 5000; i++)
            assert_int_equal(bytes[i], 'a');
        sim_disk_free(&bench.disk);
    }
}

static void of_unsynced_writes_crashes_leave_all_nothing_and_parts(void **state)
{
    enum { SECTORS = 8, SIZE = SECTORS * SIM_SECTOR };
    unsigned all = 0;
    unsigned none = 0;
    unsigned first_only = 0;
    unsigned second_only = 0;
    unsigned torn = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct bench bench;
        set_up(&bench, seed);
        struct disk_file *file = make_file(&bench, "f", '.', 2 * SIZE);
        static char bytes[2 * SIZE];
        memset(bytes, 'w', sizeof bytes);
        assert_int_equal(write_at(&bench, file, 0, bytes, SIZE), SIZE);
        assert_int_equal(write_at(&bench, file, SIZE, bytes, SIZE), SIZE);
        sim_disk_crash(bench.disk, SIM_CRASH_POWER);
        file = open_file(&bench, "f", 0);
        assert_int_equal(read_at(&bench, file, 0, bytes, sizeof bytes), sizeof bytes);
        unsigned kept[2] = {0, 0};
        for (unsigned i = 0; i < 2 * SECTORS; i++) {
            for (unsigned j = 1; j < SIM_SECTOR; j++)
                assert_int_equal(bytes[i * SIM_SECTOR], bytes[i * SIM_SECTOR + j]);
            kept[i / SECTORS] += bytes[i * SIM_SECTOR] == 'w';
        }
        all += kept[0] == SECTORS && kept[1] == SECTORS;
        none += kept[0] + kept[1] == 0;
        first_only += kept[0] == SECTORS && kept[1] == 0;
        second_only += kept[0] == 0 && kept[1] == SECTORS;
        torn += (kept[0] > 0 && kept[0] < SECTORS) || (kept[1] > 0 && kept[1] < SECTORS);
        sim_disk_free(&bench.disk);
    }
    assert_true(all > 0 && none > 0 && first_only > 0 && second_only > 0 && torn > 0);
}

static void a_killed_process_loses_nothing_it_wrote(void **state)
{
    struct bench bench;
    set_up(&bench, 1);
    struct disk_file *file = open_file(&bench, "f", RW);
    assert_int_equal(write_at(&bench, file, 0, "kept", 4), 4);
    assert_int_equal(on_file(&bench, DISK_LOCK, file), 0);
    sim_disk_crash(bench.disk, SIM_CRASH_KILL);
    file = open_file(&bench, "f", RW);
    assert_non_null(file);
    char bytes[4];
    assert_int_equal(read_at(&bench, file, 0, bytes, 4), 4);
    assert_memory_equal(bytes, "kept", 4);
    assert_int_equal(on_file(&bench, DISK_LOCK, file), 0);
    sim_disk_crash(bench.disk, SIM_CRASH_WORST);
    assert_null(open_file(&bench, "f", 0));
    sim_disk_free(&bench.disk);
}

static void a_name_is_stored_by_a_sync_of_its_directory_alone(void **state)
{
    struct bench bench;
    set_up(&bench, 1);
    assert_int_equal(on_path(&bench, DISK_MKDIR, "d", NULL), 0);
    struct disk_file *file = open_file(&bench, "d/f", RW);
    assert_int_equal(write_at(&bench, file, 0, "x", 1), 1);
    assert_int_equal(on_file(&bench, DISK_SYNC, file), 0);
    assert_int_equal(on_path(&bench, DISK_SYNC_DIR, "d", NULL), 0);
    sim_disk_crash(bench.disk, SIM_CRASH_WORST); /* "d" itself was not stored */
    assert_null(open_file(&bench, "d/f", 0));
    assert_int_equal(on_path(&bench, DISK_MKDIR, "d", NULL), 0);
    file = open_file(&bench, "d/f", RW);
    assert_int_equal(write_at(&bench, file, 0, "x", 1), 1);
    assert_int_equal(on_file(&bench, DISK_SYNC, file), 0);
    assert_int_equal(on_path(&bench, DISK_SYNC_DIR, "./", NULL), 0);
    sim_disk_crash(bench.disk, SIM_CRASH_WORST); /* "f" in it was not */
    assert_null(open_file(&bench, "d/f", 0));
    file = open_file(&bench, "d/f", RW);
    assert_int_equal(on_path(&bench, DISK_SYNC_DIR, "d", NULL), 0);
    sim_disk_crash(bench.disk, SIM_CRASH_WORST);
    assert_non_null(open_file(&bench, "d/f", 0));
    sim_disk_free(&bench.disk);
}

static void a_rename_is_whole_or_not_at_all(void **state)
{
    unsigned was_old = 0;
    unsigned was_new = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct bench bench;
        set_up(&bench, seed);
        (void)make_file(&bench, "old", 'o', 1);
        (void)make_file(&bench, "new", 'n', 1);
        assert_int_equal(on_path(&bench, DISK_RENAME, "new", "old"), 0);
        sim_disk_crash(bench.disk, SIM_CRASH_POWER);
        struct disk_file *file = open_file(&bench, "old", 0);
        assert_non_null(file);
        char byte;
        assert_int_equal(read_at(&bench, file, 0, &byte, 1), 1);
        was_old += byte == 'o';
        was_new += byte == 'n';
        assert_true((byte == 'o') == (open_file(&bench, "new", 0) != NULL));
        sim_disk_free(&bench.disk);
    }
    assert_true(was_old > 0 && was_new > 0 && was_old + was_new == SEEDS);
}

static void a_removed_file_may_come_back_with_its_bytes(void **state)
{
    struct bench bench;
    set_up(&bench, 1);
    (void)make_file(&bench, "f", 'a', 3);
    assert_int_equal(on_path(&bench, DISK_REMOVE, "f", NULL), 0);
    assert_null(open_file(&bench, "f", 0));
    sim_disk_crash(bench.disk, SIM_CRASH_WORST);
    struct disk_file *file = open_file(&bench, "f", 0);
    char bytes[4];
    assert_int_equal(read_at(&bench, file, 0, bytes, 4), 3);
    assert_int_equal(on_path(&bench, DISK_REMOVE, "f", NULL), 0);
    assert_int_equal(on_path(&bench, DISK_SYNC_DIR, ".", NULL), 0);
    sim_disk_crash(bench.disk, SIM_CRASH_WORST);
    assert_null(open_file(&bench, "f", 0));
    sim_disk_free(&bench.disk);
}

static void requests_under_way_at_a_crash_are_dropped_once(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct bench bench;
        set_up(&bench, seed);
        struct disk_file *file = make_file(&bench, "f", 'a', 4);
        enum { COUNT = 5 };
        struct disk_request requests[COUNT];
        int ended[COUNT] = {0};
        struct iovec parts[COUNT];
        char bytes[COUNT] = "12345";
        for (unsigned i = 0; i < COUNT; i++) {
            parts[i] = (struct iovec){&bytes[i], 1};
            requests[i] = (struct disk_request){.op = DISK_APPEND,
                                                .file = file,
                                                .parts = &parts[i],
                                                .part_count = 1,
                                                .done = note,
                                                .drop = note_drop,
                                                .context = &ended[i]};
            disk_submit(sim_disk_door(bench.disk), &requests[i]);
        }
        sim_disk_crash(bench.disk, SIM_CRASH_KILL);
        for (unsigned i = 0; i < COUNT; i++)
            assert_int_equal(ended[i], 100);
        file = open_file(&bench, "f", 0);
        char read[4 + COUNT];
        int64_t size = read_at(&bench, file, 0, read, sizeof read);
        assert_in_range(size, 4, 4 + COUNT);
        assert_memory_equal(read + 4, "12345", (size_t)size - 4); /* a beginning, in order */
        sim_disk_free(&bench.disk);
    }
}

/* --- faults ----------------------------------------------------------------------------------- */

static void after_a_failed_sync_a_good_one_does_not_bring_the_bytes_back(void **state)
{
    unsigned lost = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct bench bench;
        set_up(&bench, seed);
        struct disk_file *file = make_file(&bench, "f", 'a', 1);
        assert_int_equal(write_at(&bench, file, 0, "b", 1), 1);
        sim_disk_fail_next(bench.disk, DISK_SYNC, -EIO);
        assert_int_equal(on_file(&bench, DISK_SYNC, file), -EIO);
        assert_int_equal(on_file(&bench, DISK_SYNC, file), 0);
        char byte;
        assert_int_equal(read_at(&bench, file, 0, &byte, 1), 1);
        assert_int_equal(byte, 'b'); /* the cache has it */
        sim_disk_crash(bench.disk, SIM_CRASH_POWER);
        file = open_file(&bench, "f", 0);
        assert_int_equal(read_at(&bench, file, 0, &byte, 1), 1);
        lost += byte == 'a';
        sim_disk_free(&bench.disk);
    }
    assert_in_range(lost, 1, SEEDS - 1);
}

static void a_full_disk_takes_what_fits_then_nothing_until_there_is_room(void **state)
{
    struct bench bench;
    set_up(&bench, 1);
    sim_disk_set_capacity(bench.disk, 3 * 4096);
    struct disk_file *file = open_file(&bench, "f", RW);
    static char bytes[5 * 4096];
    assert_int_equal(write_at(&bench, file, 0, bytes, 5 * 4096), 3 * 4096);
    assert_int_equal(write_at(&bench, file, 3 * 4096, bytes, 1), -ENOSPC);
    assert_int_equal(write_at(&bench, file, 0, bytes, 100), 100); /* over what is there */
    struct disk_request space = {.op = DISK_SPACE, .path = "."};
    assert_int_equal(perform(&bench, &space), 0);
    assert_int_equal(space.space.available, 0);
    struct disk_request more = {.op = DISK_ALLOCATE, .file = file, .offset = 3 * 4096, .size = 1};
    assert_int_equal(perform(&bench, &more), -ENOSPC);
    struct disk_request cut = {.op = DISK_TRUNCATE, .file = file, .size = 4096};
    assert_int_equal(perform(&bench, &cut), 0);
    assert_int_equal(write_at(&bench, file, 4096, bytes, 1), 1);
    sim_disk_free(&bench.disk);
}

static void every_fault_that_is_asked_for_happens(void **state)
{
    struct bench bench;
    set_up(&bench, 7);
    struct disk_file *file = make_file(&bench, "f", 0, 64 << 10);
    struct sim_disk_faults faults = {.short_move = 10, .flip = 10, .misdirect = 10, .stall = 10};
    for (unsigned op = 0; op < DISK_OPS; op++)
        faults.fail[op] = 10;
    faults.fail[DISK_CLOSE] = 0;
    sim_disk_set_faults(bench.disk, &faults);
    char bytes[4096] = {0};
    unsigned failed = 0;
    for (int i = 0; i < 500; i++) {
        int64_t result = i % 2 ? write_at(&bench, file, 4096 * (uint64_t)(i % 16), bytes, 4096)
                               : read_at(&bench, file, 4096 * (uint64_t)(i % 16), bytes, 4096);
        failed += result == -EIO;
        assert_true(result == -EIO || (result > 0 && result <= 4096));
    }
    const struct sim_disk_counts *counts = sim_disk_counts(bench.disk);
    assert_int_equal(counts->failed, failed);
    assert_true(counts->failed > 0 && counts->shortened > 0 && counts->flipped > 0);
    assert_true(counts->misdirected > 0 && counts->stalled > 0);
    sim_disk_free(&bench.disk);
}

static void a_bit_turned_by_hand_stays_turned(void **state)
{
    struct bench bench;
    set_up(&bench, 1);
    struct disk_file *file = make_file(&bench, "f", 'a', 10);
    assert_int_equal(sim_disk_flip(bench.disk, "./f", 3, 0x01), 0);
    assert_int_equal(sim_disk_flip(bench.disk, "f", 10, 0x01), -EINVAL);
    assert_int_equal(sim_disk_flip(bench.disk, "g", 0, 0x01), -ENOENT);
    sim_disk_crash(bench.disk, SIM_CRASH_POWER);
    file = open_file(&bench, "f", 0);
    char bytes[10];
    assert_int_equal(read_at(&bench, file, 0, bytes, 10), 10);
    assert_memory_equal(bytes, "aaa`aaaaaa", 10);
    sim_disk_free(&bench.disk);
}

static void direct_files_want_alignment(void **state)
{
    struct bench bench;
    set_up(&bench, 1);
    struct disk_file *file = open_file(&bench, "f", RW | DISK_OPEN_DIRECT);
    char *bytes = aligned_alloc(DISK_ALIGN, 2 * DISK_ALIGN);
    assert_non_null(bytes);
    memset(bytes, 'd', 2 * DISK_ALIGN);
    assert_int_equal(write_at(&bench, file, 0, bytes, DISK_ALIGN), DISK_ALIGN);
    assert_int_equal(write_at(&bench, file, 1, bytes, DISK_ALIGN), -EINVAL);
    assert_int_equal(write_at(&bench, file, 0, bytes, 100), -EINVAL);
    assert_int_equal(write_at(&bench, file, 0, bytes + 1, DISK_ALIGN), -EINVAL);
    free(bytes);
    sim_disk_free(&bench.disk);
}

static void more_than_the_bound_is_refused_but_closes_are_not(void **state)
{
    struct bench bench;
    set_up(&bench, 1);
    struct disk_file *file = make_file(&bench, "f", 'a', 1);
    struct disk_request *requests = calloc(DISK_REQUESTS_MAX + 2, sizeof *requests);
    assert_non_null(requests);
    int ended = 0;
    for (unsigned i = 0; i < DISK_REQUESTS_MAX + 2; i++) {
        bool last = i == DISK_REQUESTS_MAX + 1;
        requests[i] = (struct disk_request){
            .op = last ? DISK_CLOSE : DISK_SYNC, .file = file, .done = note, .context = &ended};
        disk_submit(sim_disk_door(bench.disk), &requests[i]);
    }
    run_all(&bench);
    assert_int_equal(ended, DISK_REQUESTS_MAX + 2);
    for (unsigned i = 0; i < DISK_REQUESTS_MAX; i++)
        assert_int_equal(requests[i].result, 0);
    assert_int_equal(requests[DISK_REQUESTS_MAX].result, -EAGAIN);
    assert_int_equal(requests[DISK_REQUESTS_MAX + 1].result, 0);
    free(requests);
    sim_disk_free(&bench.disk);
}

static uint64_t run_and_hash(uint64_t seed)
{
    struct bench bench;
    set_up(&bench, seed);
    struct sim_disk_faults faults = {.short_move = 5, .flip = 5, .misdirect = 5, .stall = 5};
    struct disk_file *file = make_file(&bench, "f", 'a', 8192);
    sim_disk_set_faults(bench.disk, &faults);
    char bytes[4096];
    memset(bytes, 'b', sizeof bytes);
    uint64_t hash = 0;
    for (int i = 0; i < 50; i++) {
        hash = hash * 31 + (uint64_t)write_at(&bench, file, (uint64_t)i * 100, bytes, 4096);
        hash = hash * 31 + sim_disk_counts(bench.disk)->stalled;
    }
    sim_disk_crash(bench.disk, SIM_CRASH_POWER);
    file = open_file(&bench, "f", 0);
    int64_t size = read_at(&bench, file, 0, bytes, sizeof bytes);
    for (int64_t i = 0; i < size; i++)
        hash = hash * 31 + (unsigned char)bytes[i];
    sim_disk_free(&bench.disk);
    return hash;
}

static void the_seed_decides_all_of_it(void **state)
{
    assert_true(run_and_hash(3) == run_and_hash(3));
    assert_true(run_and_hash(3) != run_and_hash(4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_survives_every_crash),
        cmocka_unit_test(of_unsynced_writes_crashes_leave_all_nothing_and_parts),
        cmocka_unit_test(a_killed_process_loses_nothing_it_wrote),
        cmocka_unit_test(a_name_is_stored_by_a_sync_of_its_directory_alone),
        cmocka_unit_test(a_rename_is_whole_or_not_at_all),
        cmocka_unit_test(a_removed_file_may_come_back_with_its_bytes),
        cmocka_unit_test(requests_under_way_at_a_crash_are_dropped_once),
        cmocka_unit_test(after_a_failed_sync_a_good_one_does_not_bring_the_bytes_back),
        cmocka_unit_test(a_full_disk_takes_what_fits_then_nothing_until_there_is_room),
        cmocka_unit_test(every_fault_that_is_asked_for_happens),
        cmocka_unit_test(a_bit_turned_by_hand_stays_turned),
        cmocka_unit_test(direct_files_want_alignment),
        cmocka_unit_test(more_than_the_bound_is_refused_but_closes_are_not),
        cmocka_unit_test(the_seed_decides_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
