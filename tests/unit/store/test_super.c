/* SPDX-License-Identifier: Apache-2.0 */
/* The super block: its bytes, and its two copies through crashes and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "store/format/checksum.h"
#include "store/format/little.h"
#include "store/super.h"
#include "tests/unit/store/disk_run.h"

static const struct super_block BLOCK = {
    .uuid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .generation = 17,
    .ledger = 18,
    .boot_epoch = 19,
    .clean = true,
};

static bool same(const struct super_block *a, const struct super_block *b)
{
    return memcmp(a->uuid, b->uuid, sizeof a->uuid) == 0 && a->generation == b->generation &&
           a->ledger == b->ledger && a->boot_epoch == b->boot_epoch && a->clean == b->clean;
}

/* --- bytes ---------------------------------------------------------------------------------------- */

static void a_block_is_read_as_it_was_written(void **state)
{
    char bytes[SUPER_BLOCK_SIZE];
    super_block_write(&BLOCK, bytes);
    struct super_block read;
    assert_int_equal(super_block_read(bytes, &read), 0);
    assert_true(same(&read, &BLOCK));
    assert_true(super_block_store(&read) == 0x0807060504030201u);
    assert_memory_equal(bytes, "MYELINST\1\0\0\0\0\x10\0\0", 16);
}

static void no_bit_of_a_block_may_turn(void **state)
{
    char bytes[SUPER_BLOCK_SIZE];
    super_block_write(&BLOCK, bytes);
    struct super_block read;
    for (size_t bit = 0; bit < 8 * SUPER_BLOCK_SIZE; bit++) {
        bytes[bit / 8] ^= (char)(1u << bit % 8);
        assert_int_equal(super_block_read(bytes, &read), -EBADMSG);
        bytes[bit / 8] ^= (char)(1u << bit % 8);
    }
}

/* A byte changed, and the hash made right again. */
static void change(char *bytes, size_t at, char byte)
{
    bytes[at] = byte;
    put_u64(bytes + 4088,
            checksum(checksum_seed(get_u64("MYELINST"), SUPER_BLOCK_SIZE, 0), bytes, 4088));
}

static int read_changed(size_t at, char byte)
{
    char bytes[SUPER_BLOCK_SIZE];
    super_block_write(&BLOCK, bytes);
    change(bytes, at, byte);
    struct super_block read;
    return super_block_read(bytes, &read);
}

static void another_format_is_not_taken_for_damage(void **state)
{
    assert_int_equal(read_changed(16, 99), 0);
    assert_int_equal(read_changed(8, 2), -ENOTSUP);
    assert_int_equal(read_changed(11, 1), -ENOTSUP);
    assert_int_equal(read_changed(0, 'X'), -EBADMSG);
    assert_int_equal(read_changed(13, 0x20), -EBADMSG); /* size */
    assert_int_equal(read_changed(32, 0), -EBADMSG);    /* generation 0 */
    assert_int_equal(read_changed(48, 0), -EBADMSG);    /* ledger 0 */
    assert_int_equal(read_changed(44, 2), -EBADMSG);    /* clean: neither */
    assert_int_equal(read_changed(45, 1), -EBADMSG);    /* zeros */
    assert_int_equal(read_changed(4087, 1), -EBADMSG);
}

/* --- copies --------------------------------------------------------------------------------------- */

struct bench {
    struct disk_run run;
    struct super *super;
    unsigned ended;
    int status;
    struct super_block block;
};

static void on_loaded(void *context, int status, const struct super_block *block)
{
    struct bench *b = context;
    assert_int_equal(status == 0, block != NULL);
    b->ended++;
    b->status = status;
    if (block != NULL)
        b->block = *block;
}

static void on_saved(void *context, int status)
{
    struct bench *b = context;
    b->ended++;
    b->status = status;
}

static void set_up(struct bench *b, uint64_t seed)
{
    *b = (struct bench){0};
    disk_run_init(&b->run, seed, (struct sim_disk_options){0});
    b->super = super_new(disk_run_door(&b->run), ".");
}

static void tear_down(struct bench *b)
{
    disk_run_crash(&b->run, SIM_CRASH_KILL);
    super_free(&b->super);
    disk_run_done(&b->run);
}

static void crash(struct bench *b, enum sim_crash how)
{
    disk_run_crash(&b->run, how);
    super_free(&b->super);
    b->super = super_new(disk_run_door(&b->run), ".");
}

static int load(struct bench *b)
{
    b->ended = 0;
    super_load(b->super, on_loaded, b);
    disk_run_all(&b->run);
    assert_int_equal(b->ended, 1);
    return b->status;
}

static int save(struct bench *b, uint64_t ledger)
{
    struct super_block block = BLOCK;
    block.ledger = ledger;
    b->ended = 0;
    super_save(b->super, &block, on_saved, b);
    disk_run_all(&b->run);
    assert_int_equal(b->ended, 1);
    return b->status;
}

static void what_was_saved_is_loaded_with_rising_generations(void **state)
{
    struct bench b;
    set_up(&b, 1);
    assert_int_equal(load(&b), -ENOENT);
    for (uint64_t ledger = 1; ledger < 20; ledger++) {
        assert_int_equal(save(&b, ledger), 0);
        if (ledger % 3 == 0)
            crash(&b, SIM_CRASH_WORST);
        assert_int_equal(load(&b), 0);
        assert_int_equal(b.block.ledger, ledger);
        assert_int_equal(b.block.generation, ledger);
    }
    tear_down(&b);
}

static void a_crash_at_any_request_of_a_save_leaves_the_old_block_or_the_new(void **state)
{
    unsigned old = 0;
    unsigned new = 0;
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct bench b;
        set_up(&b, seed);
        uint64_t saves = seed % 3; /* before the one that is cut short */
        enum sim_crash how = (enum sim_crash)(seed / 3 % 3);
        (void)load(&b);
        for (uint64_t i = 1; i <= saves; i++)
            assert_int_equal(save(&b, i), 0);
        struct super_block block = BLOCK;
        block.ledger = saves + 1;
        b.ended = 0;
        super_save(b.super, &block, on_saved, &b);
        for (uint64_t steps = seed / 9 % 16; steps > 0; steps--)
            (void)disk_run_step(&b.run);
        bool told = b.ended > 0;
        crash(&b, how);
        int status = load(&b);
        assert_true(status == 0 || (status == -ENOENT && saves == 0 && !told));
        uint64_t found = status == 0 ? b.block.ledger : 0;
        assert_true(found == saves + 1 || (found == saves && !told));
        old += found == saves;
        new += found == saves + 1;
        assert_int_equal(save(&b, 50), 0);
        crash(&b, SIM_CRASH_WORST);
        assert_int_equal(load(&b), 0);
        assert_int_equal(b.block.ledger, 50);
        tear_down(&b);
    }
    assert_true(old > 100 && new > 100);
}

static void two_crashes_in_a_row_do_no_more_than_one(void **state)
{
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct bench b;
        set_up(&b, seed);
        (void)load(&b);
        assert_int_equal(save(&b, 1), 0);
        uint64_t at_least = 1;
        for (uint64_t ledger = 2; ledger < 5; ledger++) {
            crash(&b, SIM_CRASH_POWER);
            assert_int_equal(load(&b), 0);
            assert_true(b.block.ledger >= at_least);
            at_least = b.block.ledger;
            struct super_block block = BLOCK;
            block.ledger = ledger;
            super_save(b.super, &block, on_saved, &b);
            for (uint64_t steps = prng_below(&b.run.prng, 9); steps > 0; steps--)
                (void)disk_run_step(&b.run);
        }
        crash(&b, SIM_CRASH_POWER);
        assert_int_equal(load(&b), 0);
        tear_down(&b);
    }
}

static void damage_of_one_copy_costs_nothing_and_is_repaired_by_the_next_save(void **state)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        struct bench b;
        set_up(&b, copy);
        (void)load(&b);
        assert_int_equal(save(&b, 5), 0);
        assert_int_equal(sim_disk_flip(b.run.disk, copy ? "super.b" : "super.a", 20, 1), 0);
        assert_int_equal(load(&b), 0);
        assert_int_equal(b.block.ledger, 5);
        assert_int_equal(save(&b, 6), 0);
        assert_int_equal(sim_disk_flip(b.run.disk, copy ? "super.a" : "super.b", 20, 1), 0);
        assert_int_equal(load(&b), 0);
        assert_int_equal(b.block.ledger, 6);
        tear_down(&b);
    }
}

static void perform_ended(struct disk_request *request)
{
}

static int64_t perform(struct bench *b, struct disk_request *r)
{
    r->done = perform_ended;
    disk_submit(disk_run_door(&b->run), r);
    disk_run_all(&b->run);
    return r->result;
}

static void copies_that_are_there_but_not_readable_are_never_no_store(void **state)
{
    struct bench b;
    set_up(&b, 1);
    (void)load(&b);
    assert_int_equal(save(&b, 5), 0);
    assert_int_equal(sim_disk_flip(b.run.disk, "super.a", 0, 1), 0);
    assert_int_equal(sim_disk_flip(b.run.disk, "super.b", 4095, 1), 0);
    assert_int_equal(load(&b), -EBADMSG);
    struct disk_request remove = {.op = DISK_REMOVE, .path = "super.a"};
    assert_int_equal(perform(&b, &remove), 0);
    assert_int_equal(load(&b), -EBADMSG);
    struct sim_disk_faults faults = {0};
    faults.fail[DISK_READ] = 1;
    sim_disk_set_faults(b.run.disk, &faults);
    assert_int_equal(load(&b), -EIO);
    faults.fail[DISK_READ] = 0;
    faults.fail[DISK_OPEN] = 1;
    sim_disk_set_faults(b.run.disk, &faults);
    assert_int_equal(load(&b), -EIO);
    tear_down(&b);
}

static void an_empty_file_is_a_damaged_copy(void **state)
{
    struct bench b;
    set_up(&b, 1);
    struct disk_request make = {
        .op = DISK_OPEN, .path = "super.b", .flags = DISK_OPEN_WRITE | DISK_OPEN_CREATE};
    assert_int_equal(perform(&b, &make), 0);
    assert_int_equal(load(&b), -EBADMSG);
    tear_down(&b);
}

static void a_copy_of_a_later_format_stops_us_even_beside_a_good_one(void **state)
{
    struct bench b;
    set_up(&b, 1);
    (void)load(&b);
    assert_int_equal(save(&b, 5), 0);
    char bytes[SUPER_BLOCK_SIZE];
    super_block_write(&BLOCK, bytes);
    change(bytes, 8, 2);
    struct disk_request open = {.op = DISK_OPEN, .path = "super.a", .flags = DISK_OPEN_WRITE};
    assert_int_equal(perform(&b, &open), 0);
    struct iovec part = {bytes, sizeof bytes};
    struct disk_request write = {
        .op = DISK_WRITE, .file = open.file, .parts = &part, .part_count = 1};
    assert_int_equal(perform(&b, &write), SUPER_BLOCK_SIZE);
    assert_int_equal(load(&b), -ENOTSUP);
    tear_down(&b);
}

static void a_failed_save_says_so_and_leaves_a_block(void **state)
{
    static const enum disk_op ops[] = {DISK_OPEN,   DISK_WRITE,    DISK_SYNC,
                                       DISK_RENAME, DISK_SYNC_DIR, DISK_CLOSE};
    for (unsigned seed = 0; seed < 240; seed++) {
        enum disk_op op = ops[seed % 6];
        struct bench b;
        set_up(&b, seed);
        (void)load(&b);
        bool first = seed / 6 % 2 == 0;
        if (!first)
            assert_int_equal(save(&b, 1), 0);
        struct sim_disk_faults faults = {.short_move = 2};
        faults.fail[op] = 2;
        sim_disk_set_faults(b.run.disk, &faults);
        int status = save(&b, 2);
        sim_disk_set_faults(b.run.disk, &(struct sim_disk_faults){0});
        crash(&b, SIM_CRASH_POWER);
        int loaded = load(&b);
        uint64_t found = loaded == 0 ? b.block.ledger : 0;
        assert_true(loaded == 0 || (first && loaded == -ENOENT && status != 0));
        assert_true(found == 2 || (status != 0 && found == (first ? 0 : 1)));
        assert_int_equal(save(&b, 3), 0);
        crash(&b, SIM_CRASH_WORST);
        assert_int_equal(load(&b), 0);
        assert_int_equal(b.block.ledger, 3);
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_read_as_it_was_written),
        cmocka_unit_test(no_bit_of_a_block_may_turn),
        cmocka_unit_test(another_format_is_not_taken_for_damage),
        cmocka_unit_test(what_was_saved_is_loaded_with_rising_generations),
        cmocka_unit_test(a_crash_at_any_request_of_a_save_leaves_the_old_block_or_the_new),
        cmocka_unit_test(two_crashes_in_a_row_do_no_more_than_one),
        cmocka_unit_test(damage_of_one_copy_costs_nothing_and_is_repaired_by_the_next_save),
        cmocka_unit_test(copies_that_are_there_but_not_readable_are_never_no_store),
        cmocka_unit_test(an_empty_file_is_a_damaged_copy),
        cmocka_unit_test(a_copy_of_a_later_format_stops_us_even_beside_a_good_one),
        cmocka_unit_test(a_failed_save_says_so_and_leaves_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
