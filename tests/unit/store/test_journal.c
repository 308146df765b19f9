/* SPDX-License-Identifier: Apache-2.0 */
/* A journal at work: what is told when, files that come and go, and disks that fail or are full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "store/journal_state.h"
#include "tests/unit/store/journal_run.h"

static void set_up(struct journal_run *run, uint64_t seed)
{
    run_init(run, seed, (struct sim_disk_options){0});
    run_recover(run);
    run_take_over(run);
}

static struct journal_span span_of(const struct journal_run *run)
{
    struct journal_span span;
    journal_span(run->journal, &span);
    return span;
}

static void flush_all(struct journal_run *run)
{
    journal_flush(run->journal, true);
    disk_run_all(&run->disk);
}

static void start_again(struct journal_run *run)
{
    run_crash(run, SIM_CRASH_WORST);
    run_recover(run);
    run_take_over(run);
    assert_int_equal(run->rots, 0);
}

static void on_closed(void *context, int status)
{
    struct journal_run *run = context;
    run->closed = status == 0;
}

/* --- appending ------------------------------------------------------------------------------ */

static void an_entry_is_durable_when_it_is_told_so(void **state)
{
    struct journal_run run;
    set_up(&run, 1);
    assert_int_equal(run_append(&run, 0, 100), 0);
    assert_int_equal(run_append(&run, 1, 100), 0);
    disk_run_all(&run.disk);
    assert_int_equal(run.told[0], 0);
    flush_all(&run);
    assert_int_equal(run.told[0], 1);
    assert_int_equal(run.told[1], 1);
    start_again(&run);
    assert_int_equal(run.count, 2);
    run_done(&run);
}

static void a_flush_without_sync_makes_nothing_durable_until_a_later_one(void **state)
{
    struct journal_run run;
    set_up(&run, 2);
    assert_int_equal(run_append(&run, 0, 100), 0);
    journal_flush(run.journal, false);
    disk_run_all(&run.disk);
    assert_int_equal(run.told[0], 0);
    assert_true(span_of(&run).written > span_of(&run).durable);
    flush_all(&run);
    assert_int_equal(run.told[0], 1);
    assert_true(span_of(&run).written == span_of(&run).durable);
    run_done(&run);
}

static void what_comes_during_a_flush_goes_out_together_with_the_next(void **state)
{
    struct journal_run run;
    set_up(&run, 3);
    assert_int_equal(run_append(&run, 0, 100), 0);
    flush_all(&run); /* a spare is there */
    uint64_t performed = sim_disk_counts(run.disk.disk)->performed;
    assert_int_equal(run_append(&run, 0, 100), 0);
    journal_flush(run.journal, true);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(run_append(&run, i % RUN_GROUPS, 100), 0);
        journal_flush(run.journal, true);
    }
    disk_run_all(&run.disk);
    assert_int_equal(sim_disk_counts(run.disk.disk)->performed, performed + 4);
    assert_int_equal(span_of(&run).durable, span_of(&run).end);
    run_done(&run);
}

static void an_entry_replaced_before_it_was_durable_is_not_named(void **state)
{
    struct journal_run run;
    set_up(&run, 4);
    for (int i = 0; i < 5; i++)
        assert_int_equal(run_append(&run, 0, 100), 0);
    journal_flush(run.journal, true); /* the block is on its way with 1 to 5 */
    assert_int_equal(run_put(&run, (struct run_record){.gid = 1, .index = 3, .kind = ENTRY_MSG}),
                     0);
    while (run.told[0] == 0)
        assert_true(disk_run_step(&run.disk));
    assert_int_equal(run.told[0], 2);
    assert_int_equal(run_put(&run, (struct run_record){.gid = 1, .index = 1, .kind = ENTRY_CUT}),
                     0);
    flush_all(&run);
    assert_int_equal(run.told[0], 1);
    run_done(&run);
}

static void a_record_that_fits_no_file_is_refused(void **state)
{
    struct journal_run run;
    set_up(&run, 5);
    static char body[RUN_FILE_BYTES];
    struct entry e = {.gid = 1, .index = 1, .kind = ENTRY_MSG, .body = {body, sizeof body}};
    struct journal_place place;
    assert_int_equal(journal_append(run.journal, &run.members[0], &e, &place), -EMSGSIZE);
    e.body.size -= 64 + 80 + 32 + 56;
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    assert_int_equal(journal_append(run.journal, &run.members[0], &e, &place), 0);
    assert_int_equal(place.position, 64);
    e.body.size = (size_t)ENTRY_BODY_MAX + 1;
    assert_int_equal(journal_append(run.journal, &run.members[0], &e, &place), -EMSGSIZE);
    journal_check(run.journal);
    run_done(&run);
}

static void a_block_is_closed_when_it_is_full_though_a_flush_runs(void **state)
{
    struct journal_run run;
    run_init(&run, 6, (struct sim_disk_options){0});
    run.file_bytes = (uint64_t)16 << 20;
    run_recover(&run);
    run_take_over(&run);
    for (int i = 0; i < 1300; i++) {
        assert_int_equal(run_append(&run, 0, 8000), 0);
        if (i == 0)
            journal_flush(run.journal, true);
    }
    assert_true(span_of(&run).end > 2 * (uint64_t)JOURNAL_BLOCK_BYTES_MAX);
    flush_all(&run);
    assert_int_equal(run.told[0], 1300);
    start_again(&run);
    assert_int_equal(run.count, 1300);
    run_done(&run);
}

/* --- the beat ------------------------------------------------------------------------------- */

static void silence_is_followed_by_one_beat(void **state)
{
    struct journal_run run;
    set_up(&run, 7);
    assert_true(journal_due_ms(run.journal) == UINT64_MAX);
    assert_int_equal(run_append(&run, 0, 100), 0);
    flush_all(&run);
    uint64_t end = span_of(&run).end;
    assert_int_equal(journal_due_ms(run.journal), 0);
    journal_tick(run.journal, 1000);
    uint64_t beat = 0;
    for (unsigned i = 0; i < 3 && journal_due_ms(run.journal) != UINT64_MAX; i++) {
        beat = journal_due_ms(run.journal);
        journal_tick(run.journal, beat);
        disk_run_all(&run.disk);
    }
    assert_true(beat > 1000 && beat <= 1000 + JOURNAL_BEAT_MS);
    assert_int_equal(span_of(&run).end, end + 4096);
    assert_true(journal_due_ms(run.journal) == UINT64_MAX);
    run_done(&run);
}

/* With the beat, one damaged byte of the last record is rot; without it, a torn end. */
static void the_beat_tells_rot_from_a_torn_end(void **state)
{
    for (int beat = 0; beat < 2; beat++) {
        struct journal_run run;
        set_up(&run, 8);
        assert_int_equal(run_append(&run, 0, 100), 0);
        flush_all(&run);
        for (uint64_t now = 0; beat && journal_due_ms(run.journal) != UINT64_MAX; now += 10) {
            journal_tick(run.journal, now);
            disk_run_all(&run.disk);
        }
        run_crash(&run, SIM_CRASH_WORST);
        assert_int_equal(sim_disk_flip(run.disk.disk, "journal/j-00000", 64 + 60, 1), 0);
        run.bodies_kept = true;
        run_recover(&run);
        assert_int_equal(run.status, 0);
        assert_int_equal(run.delivered, 0);
        assert_int_equal(run.rots, beat);
        if (beat) {
            assert_int_equal(run.rot.gid, 1);
            assert_int_equal(run.rot.index_first, 1);
            assert_int_equal(run.rot.index_last, 1);
        }
        run_done(&run);
    }
}

/* --- files ---------------------------------------------------------------------------------- */

static void fill_files(struct journal_run *run, uint64_t files)
{
    uint64_t to = span_of(run).end + files * RUN_FILE_BYTES;
    while (span_of(run).end < to) {
        int status = run_append(run, 0, 3000);
        assert_true(status == 0 || status == -EAGAIN);
        flush_all(run);
    }
}

static uint32_t count_names(struct journal_run *run)
{
    struct disk_request r = {.op = DISK_LIST, .path = "journal", .done = run_note};
    disk_submit(disk_run_door(&run->disk), &r);
    disk_run_all(&run->disk);
    assert_int_equal(r.result, 0);
    uint32_t count = r.names->count;
    disk_names_free(&r.names);
    return count;
}

static void released_files_are_used_again(void **state)
{
    struct journal_run run;
    set_up(&run, 9);
    for (int round = 0; round < 20; round++) {
        fill_files(&run, 1);
        run.floor = span_of(&run).file_end;
        journal_release(run.journal, run.floor, false);
        disk_run_all(&run.disk);
        journal_check(run.journal);
        assert_true(span_of(&run).files <= 2);
    }
    assert_true(count_names(&run) <= 4);
    start_again(&run);
    run_done(&run);
}

static void spares_of_a_burst_are_removed(void **state)
{
    struct journal_run run;
    set_up(&run, 10);
    fill_files(&run, 10);
    assert_true(count_names(&run) >= 11);
    run.floor = span_of(&run).durable;
    journal_release(run.journal, run.floor, false);
    disk_run_all(&run.disk);
    assert_true(span_of(&run).idle);
    assert_true(count_names(&run) <= 1 + JOURNAL_SPARES_MAX);
    start_again(&run);
    fill_files(&run, 2);
    run_done(&run);
}

/* All of a file, from a disk that reads short; false: there is no such file. */
static bool read_whole(struct journal_run *run, const char *path, char bytes[RUN_FILE_BYTES])
{
    struct disk_request r = {.op = DISK_OPEN, .path = path, .done = run_note};
    disk_submit(disk_run_door(&run->disk), &r);
    disk_run_all(&run->disk);
    if (r.result != 0)
        return false;
    struct disk_file *file = r.file;
    uint64_t got = 0;
    do {
        struct iovec part = {bytes + got, RUN_FILE_BYTES - got};
        r = (struct disk_request){.op = DISK_READ, .file = file, .offset = got, .done = run_note};
        r.parts = &part;
        r.part_count = 1;
        disk_submit(disk_run_door(&run->disk), &r);
        disk_run_all(&run->disk);
        assert_true(r.result > 0);
        got += (uint64_t)r.result;
    } while (got < RUN_FILE_BYTES);
    sim_disk_abandon(run->disk.disk, file);
    return true;
}

/* Whether any file has a body of 3000 bytes made by run_body with this number. */
static bool is_on_disk(struct journal_run *run, uint64_t number)
{
    static char bytes[RUN_FILE_BYTES];
    char body[3000];
    run_body(number, sizeof body, body);
    for (int i = 0; i < 20; i++) {
        char path[64];
        snprintf(path, sizeof path, "journal/j-%05d", i);
        if (read_whole(run, path, bytes) && memmem(bytes, sizeof bytes, body, sizeof body) != NULL)
            return true;
    }
    return false;
}

/* Goes on in a file that was released as it was: the spare that was made before comes first. */
static void begin_recycled_file(struct journal_run *run)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(journal_leave_file(run->journal), 0);
        assert_int_equal(run_append(run, 0, 10), 0);
        flush_all(run);
    }
}

static void erased_records_are_on_no_file(void **state)
{
    struct journal_run run;
    set_up(&run, 11);
    uint64_t number = run.numbers;
    fill_files(&run, 2);
    assert_true(is_on_disk(&run, number));
    run.floor = span_of(&run).file_end;
    journal_release(run.journal, run.floor, false); /* recycled as it is, and begun again */
    begin_recycled_file(&run);
    for (uint64_t n = number; n < run.numbers - 1; n++)
        if (run.records[n - number].position < run.floor && is_on_disk(&run, n))
            number = n;
    assert_true(is_on_disk(&run, number));
    journal_release(run.journal, run.floor, true);
    assert_true(span_of(&run).zeroing);
    uint32_t ready = run.ready;
    while (span_of(&run).zeroing) { /* appends go on meanwhile */
        (void)run_append(&run, 1, 500);
        journal_flush(run.journal, true);
        assert_true(disk_run_step(&run.disk));
    }
    assert_true(run.ready > ready);
    for (uint64_t n = 0; n < run.count; n++)
        if (run.records[n].position < run.floor)
            assert_false(is_on_disk(&run, run.records[n].number));
    flush_all(&run);
    start_again(&run);
    run_done(&run);
}

/* Groups 0 and 2 seal, 1 does not; bodies in memory are plain, also of what is carried forward. */
static void a_sealed_body_is_plain_in_memory_and_on_no_disk(void **state)
{
    struct journal_run run;
    set_up(&run, 31);
    run.seals = true;
    for (unsigned group = 0; group < 3; group++)
        assert_int_equal(run_append(&run, group, 3000), 0);
    flush_all(&run);
    struct run_record copy = run.records[0];
    copy.first_position = copy.position;
    assert_int_equal(run_put(&run, copy), 0); /* it looks at the bodies in memory */
    assert_int_equal(run_append(&run, 2, 3000), 0);
    flush_all(&run);
    for (uint32_t i = 0; i < run.count; i++)
        assert_int_equal(is_on_disk(&run, run.records[i].number), run.records[i].gid == 2);
    start_again(&run); /* it looks at what they open to */
    run_done(&run);
}

static void a_body_that_can_not_be_sealed_fails_the_journal(void **state)
{
    struct journal_run run;
    set_up(&run, 32);
    run.seals = true;
    assert_int_equal(run_append(&run, 0, 3000), 0);
    flush_all(&run);
    run.seal_status = -ENOKEY;
    assert_int_equal(run_append(&run, 1, 3000), 0);
    assert_int_equal(run_append(&run, 0, 3000), 0);
    flush_all(&run);
    assert_int_equal(run.failures, 1);
    assert_int_equal(run.failure, -ENOKEY);
    assert_int_equal(run.told[1], 0);
    assert_false(is_on_disk(&run, run.records[2].number));
    run_crash(&run, SIM_CRASH_KILL);
    run_recover(&run);
    run_take_over(&run);
    assert_int_equal(run.count, 1);
    run_done(&run);
}

static void leave_file_if_another_is_ready(struct journal_run *run)
{
    int status = journal_leave_file(run->journal);
    assert_true(status == 0 || status == -EAGAIN);
}

/* Zeros for what is behind the end of a file, blocks that are appended to it, and releases of it
 * meet in every order. */
static void erasing_and_appending_do_not_harm_each_other(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct journal_run run;
        run_init(&run, seed, (struct sim_disk_options){.faults.short_move = 2});
        run_recover(&run);
        run_take_over(&run);
        fill_files(&run, 2);
        run.floor = span_of(&run).file_end;
        journal_release(run.journal, run.floor, false);
        begin_recycled_file(&run);
        for (int i = 0; i < 50; i++) {
            (void)run_append(&run, i % RUN_GROUPS, 200);
            journal_flush(run.journal, true);
            if (prng_one_in(&run.prng, 4))
                run_release(&run, true);
            if (prng_one_in(&run.prng, 10))
                leave_file_if_another_is_ready(&run);
            for (uint64_t n = prng_below(&run.prng, 5); n > 0; n--)
                (void)disk_run_step(&run.disk);
            journal_check(run.journal);
        }
        run_release(&run, true);
        (void)run_append(&run, 0, 200);
        for (uint64_t n = prng_below(&run.prng, 12); n > 0; n--)
            (void)disk_run_step(&run.disk);
        flush_all(&run);
        assert_false(span_of(&run).zeroing);
        assert_int_equal(span_of(&run).durable, span_of(&run).end);
        uint64_t file = run.floor / RUN_FILE_BYTES * RUN_FILE_BYTES;
        for (uint64_t n = 0; n < run.count && run.records[n].position < file; n++)
            if (run.records[n].size == 3000)
                assert_false(is_on_disk(&run, run.records[n].number));
        start_again(&run);
        run_done(&run);
    }
}

/* Two files are live: 3000 bytes a record in a recycled one, which is not clean behind them. */
static void set_up_recycled(struct journal_run *run, uint64_t seed)
{
    run_init(run, seed, (struct sim_disk_options){.faults.short_move = 2});
    run_recover(run);
    run_take_over(run);
    fill_files(run, 2);
    run->floor = span_of(run).file_end;
    journal_release(run->journal, run->floor, false);
    disk_run_all(&run->disk);
    begin_recycled_file(run);
    run->floor = span_of(run).durable;
    journal_release(run->journal, run->floor, false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_append(run, 0, 3000), 0);
    flush_all(run);
}

static void a_block_is_not_overtaken_by_zeros(void **state)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct journal_run run;
        set_up_recycled(&run, seed);
        journal_release(run.journal, run.floor, true);
        assert_true(span_of(&run).zeroing);
        const struct journal_ring *ring = &run.journal->ring;
        while (ring->job != RING_ZERO || ring->file->image == NULL)
            assert_true(disk_run_step(&run.disk));
        for (int i = 0; i < 4; i++) {
            assert_int_equal(run_append(&run, 0, 3500), 0);
            journal_flush(run.journal, true);
            (void)disk_run_step(&run.disk);
        }
        flush_all(&run);
        assert_int_equal(span_of(&run).durable, span_of(&run).end);
        assert_false(span_of(&run).zeroing);
        start_again(&run);
        run_done(&run);
    }
}

static void a_file_released_while_it_is_zeroed_is_zeroed_from_its_beginning(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct journal_run run;
        set_up_recycled(&run, seed);
        assert_int_equal(journal_leave_file(run.journal), 0);
        assert_int_equal(run_append(&run, 0, 10), 0);
        flush_all(&run);
        uint64_t number = run.records[run.count - 2].number;
        assert_true(is_on_disk(&run, number));
        journal_release(run.journal, run.floor, true);
        for (uint64_t n = prng_below(&run.prng, 6); n > 0; n--)
            (void)disk_run_step(&run.disk);
        run.floor = span_of(&run).durable;
        journal_release(run.journal, run.floor, true);
        disk_run_all(&run.disk);
        assert_false(span_of(&run).zeroing);
        assert_false(is_on_disk(&run, number));
        start_again(&run);
        run_done(&run);
    }
}

static void the_file_that_is_filled_can_be_left_and_released(void **state)
{
    struct journal_run run;
    set_up(&run, 12);
    assert_int_equal(run_append(&run, 0, 100), 0);
    assert_int_equal(journal_leave_file(run.journal), -EAGAIN); /* no other is ready yet */
    disk_run_all(&run.disk);
    assert_int_equal(journal_leave_file(run.journal), 0);
    assert_int_equal(journal_leave_file(run.journal), 0); /* there is nothing in it to leave */
    flush_all(&run);
    assert_int_equal(span_of(&run).durable, RUN_FILE_BYTES);
    run.floor = span_of(&run).durable;
    journal_release(run.journal, run.floor, true);
    disk_run_all(&run.disk);
    assert_int_equal(run_append(&run, 0, 100), 0);
    flush_all(&run);
    assert_int_equal(span_of(&run).records, 1);
    start_again(&run);
    assert_int_equal(span_of(&run).records, 1);
    run_done(&run);
}

static void a_close_ends_all_and_the_next_start_finds_it(void **state)
{
    struct journal_run run;
    set_up(&run, 13);
    assert_int_equal(run_append(&run, 0, 100), 0);
    flush_all(&run);
    assert_int_equal(run_append(&run, 0, 100), 0);
    journal_flush(run.journal, true);
    journal_close(run.journal, on_closed);
    disk_run_all(&run.disk);
    assert_true(run.closed);
    assert_int_equal(run.told[0], 2); /* the flush that was under way ended */
    journal_free(&run.journal);
    run_recover(&run);
    run_take_over(&run);
    assert_int_equal(run.count, 2);
    run_done(&run);
}

static void a_close_during_recovery_ends_it(void **state)
{
    for (uint64_t steps = 0; steps < 30; steps++) {
        struct journal_run run;
        set_up(&run, 14);
        assert_int_equal(run_append(&run, 0, 100), 0);
        flush_all(&run);
        run_crash(&run, SIM_CRASH_KILL);
        struct journal_recovery recovery = run_recovery(&run);
        run_open(&run);
        journal_recover(run.journal, 0, &recovery);
        for (uint64_t i = 0; i < steps; i++)
            (void)disk_run_step(&run.disk);
        bool recovered = run.recovered;
        journal_close(run.journal, on_closed);
        disk_run_all(&run.disk);
        assert_true(run.closed && run.recovered);
        assert_int_equal(run.status, recovered ? 0 : -ECANCELED);
        journal_free(&run.journal);
        run_done(&run);
    }
}

/* --- disks that fail ------------------------------------------------------------------------ */

static void a_failed_write_or_sync_fails_the_journal_once(void **state)
{
    static const enum disk_op ops[] = {DISK_WRITE, DISK_SYNC};
    for (int i = 0; i < 2; i++) {
        struct journal_run run;
        set_up(&run, 15);
        assert_int_equal(run_append(&run, 0, 100), 0);
        flush_all(&run);
        assert_int_equal(run_append(&run, 0, 100), 0);
        sim_disk_fail_next(run.disk.disk, ops[i], -EIO);
        flush_all(&run);
        assert_int_equal(run.failures, 1);
        assert_int_equal(run.failure, -EIO);
        assert_int_equal(run.told[0], 1);
        assert_int_equal(run_append(&run, 0, 100), -EIO);
        assert_int_equal(journal_leave_file(run.journal), -EIO);
        flush_all(&run);
        assert_int_equal(run.failures, 1);
        assert_int_equal(run.told[0], 1);
        journal_close(run.journal, on_closed);
        disk_run_all(&run.disk);
        assert_true(run.closed);
        journal_free(&run.journal);
        run_recover(&run);
        run_take_over(&run);
        assert_true(run.count >= 1);
        run_done(&run);
    }
}

/* At any request: nothing that was told is lost, and nothing else is told afterwards. */
static void a_failure_at_any_request_loses_nothing_that_was_told(void **state)
{
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct journal_run run;
        set_up(&run, seed);
        static const enum disk_op ops[] = {DISK_WRITE, DISK_SYNC, DISK_OPEN, DISK_SYNC_DIR,
                                           DISK_REMOVE};
        uint64_t at = prng_below(&run.prng, 200);
        for (uint64_t i = 0; i < 250; i++) {
            if (i == at)
                sim_disk_fail_next(run.disk.disk, ops[seed % 5], -EIO);
            run_act(&run);
        }
        run_crash(&run, seed % 2 ? SIM_CRASH_POWER : SIM_CRASH_WORST);
        sim_disk_set_faults(run.disk.disk, &(struct sim_disk_faults){0});
        run_recover(&run);
        if (run.status != 0) { /* the failure was still to come */
            run_crash(&run, SIM_CRASH_KILL);
            run_recover(&run);
        }
        assert_int_equal(run.rots, 0);
        run_take_over(&run);
        run_done(&run);
    }
}

static void a_read_that_fails_once_is_repeated(void **state)
{
    struct journal_run run;
    set_up(&run, 21);
    fill_files(&run, 1);
    run_crash(&run, SIM_CRASH_KILL);
    sim_disk_fail_next(run.disk.disk, DISK_READ, -EIO);
    run_recover(&run);
    run_take_over(&run);
    assert_int_equal(run.rots, 0);
    run_done(&run);
}

/* Pages that can not be read are rot, or, where the chain ends by them, no start; a later start
 * that can read them finds all. */
static void pages_that_can_not_be_read_are_told_or_end_the_start(void **state)
{
    unsigned refused = 0;
    unsigned rotten = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct journal_run run;
        set_up(&run, seed);
        fill_files(&run, 1 + seed % 2);
        run_crash(&run, SIM_CRASH_KILL);
        run.bodies_kept = true;
        sim_disk_set_faults(run.disk.disk,
                            &(struct sim_disk_faults){.fail[DISK_READ] = 2 + (uint32_t)seed});
        run_recover(&run);
        assert_true(run.status == 0 || run.status == -EIO);
        refused += run.status != 0;
        rotten += run.status == 0 && run.rots > 0;
        run_crash(&run, SIM_CRASH_KILL);
        sim_disk_set_faults(run.disk.disk, &(struct sim_disk_faults){0});
        run.bodies_kept = false;
        run_recover(&run);
        assert_int_equal(run.rots, 0);
        uint32_t count = run.count;
        run_take_over(&run);
        assert_int_equal(run.count, count);
        run_done(&run);
    }
    assert_true(refused > 0 && rotten > 0);
}

static void a_failed_recovery_says_so_and_can_be_closed(void **state)
{
    for (unsigned op = 0; op < DISK_OPS; op++)
        for (int k = 0; k < 3; k++) {
            struct journal_run run;
            set_up(&run, 16);
            fill_files(&run, 2);
            run_crash(&run, SIM_CRASH_KILL);
            struct journal_recovery recovery = run_recovery(&run);
            run_open(&run);
            journal_recover(run.journal, 0, &recovery);
            for (int i = 0; i < k * 4; i++)
                (void)disk_run_step(&run.disk);
            sim_disk_fail_next(run.disk.disk, (enum disk_op)op, -EIO);
            disk_run_all(&run.disk);
            assert_true(run.recovered && (run.status == 0 || run.status == -EIO));
            assert_int_equal(run.failures, 0);
            journal_close(run.journal, on_closed);
            disk_run_all(&run.disk);
            assert_true(run.closed);
            journal_free(&run.journal);
            run_done(&run);
        }
}

static void short_moves_are_continued(void **state)
{
    struct journal_run run;
    run_init(&run, 17, (struct sim_disk_options){.faults.short_move = 2});
    run_recover(&run);
    run_take_over(&run);
    for (int i = 0; i < 100; i++) {
        (void)run_append_any(&run);
        journal_flush(run.journal, true);
        (void)disk_run_step(&run.disk);
    }
    flush_all(&run);
    assert_true(sim_disk_counts(run.disk.disk)->shortened > 20);
    start_again(&run);
    run_done(&run);
}

static void a_full_disk_is_no_failure_and_ends_with_a_release(void **state)
{
    struct journal_run run;
    set_up(&run, 18);
    sim_disk_set_capacity(run.disk.disk, 4 * RUN_FILE_BYTES + RUN_FILE_BYTES / 2);
    int status = 0;
    while (status == 0 || !journal_full(run.journal)) {
        status = run_append(&run, 0, 3000);
        flush_all(&run);
    }
    assert_int_equal(status, -EAGAIN);
    assert_int_equal(run.failures, 0);
    assert_int_equal(count_names(&run), 4);
    assert_int_equal(journal_due_ms(run.journal), 0);
    journal_tick(run.journal, 1000);
    journal_tick(run.journal, 1000 + JOURNAL_RETRY_MS); /* asked again in vain */
    disk_run_all(&run.disk);
    assert_true(journal_full(run.journal));
    run.floor = span_of(&run).file_end;
    journal_release(run.journal, run.floor, false);
    assert_int_equal(run_append(&run, 0, 3000), 0);
    flush_all(&run);
    start_again(&run);
    run_done(&run);
}

static void space_that_comes_back_is_found(void **state)
{
    struct journal_run run;
    set_up(&run, 19);
    sim_disk_set_capacity(run.disk.disk, 2 * RUN_FILE_BYTES + RUN_FILE_BYTES / 2);
    while (!journal_full(run.journal)) {
        (void)run_append(&run, 0, 3000);
        flush_all(&run);
    }
    sim_disk_set_capacity(run.disk.disk, 0);
    uint32_t ready = run.ready;
    for (uint64_t now = 0; now <= 2 * JOURNAL_RETRY_MS; now += 100)
        journal_tick(run.journal, now);
    disk_run_all(&run.disk);
    assert_false(journal_full(run.journal));
    assert_true(run.ready > ready);
    fill_files(&run, 3);
    run_done(&run);
}

static void an_older_start_may_not_write(void **state)
{
    struct journal_run run;
    set_up(&run, 20);
    assert_int_equal(run_append(&run, 0, 100), 0);
    flush_all(&run);
    run_crash(&run, SIM_CRASH_KILL);
    run.epoch -= 1;
    run_recover(&run);
    assert_int_equal(run.status, -ESTALE);
    run_done(&run);
}

/* Any work over several files with short moves and releases, then each start finds it. */
static void random_work_is_found_by_the_next_start(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct journal_run run;
        run_init(&run, seed, (struct sim_disk_options){.faults.short_move = 4});
        run_recover(&run);
        run_take_over(&run);
        for (int i = 0; i < 1500; i++)
            run_act(&run);
        flush_all(&run);
        uint32_t count = run.count;
        start_again(&run);
        assert_int_equal(run.count, count);
        run_done(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_durable_when_it_is_told_so),
        cmocka_unit_test(a_flush_without_sync_makes_nothing_durable_until_a_later_one),
        cmocka_unit_test(what_comes_during_a_flush_goes_out_together_with_the_next),
        cmocka_unit_test(an_entry_replaced_before_it_was_durable_is_not_named),
        cmocka_unit_test(a_record_that_fits_no_file_is_refused),
        cmocka_unit_test(a_block_is_closed_when_it_is_full_though_a_flush_runs),
        cmocka_unit_test(silence_is_followed_by_one_beat),
        cmocka_unit_test(the_beat_tells_rot_from_a_torn_end),
        cmocka_unit_test(released_files_are_used_again),
        cmocka_unit_test(spares_of_a_burst_are_removed),
        cmocka_unit_test(erased_records_are_on_no_file),
        cmocka_unit_test(erasing_and_appending_do_not_harm_each_other),
        cmocka_unit_test(a_block_is_not_overtaken_by_zeros),
        cmocka_unit_test(a_file_released_while_it_is_zeroed_is_zeroed_from_its_beginning),
        cmocka_unit_test(the_file_that_is_filled_can_be_left_and_released),
        cmocka_unit_test(a_close_ends_all_and_the_next_start_finds_it),
        cmocka_unit_test(a_close_during_recovery_ends_it),
        cmocka_unit_test(a_sealed_body_is_plain_in_memory_and_on_no_disk),
        cmocka_unit_test(a_body_that_can_not_be_sealed_fails_the_journal),
        cmocka_unit_test(a_failed_write_or_sync_fails_the_journal_once),
        cmocka_unit_test(a_failure_at_any_request_loses_nothing_that_was_told),
        cmocka_unit_test(a_read_that_fails_once_is_repeated),
        cmocka_unit_test(pages_that_can_not_be_read_are_told_or_end_the_start),
        cmocka_unit_test(a_failed_recovery_says_so_and_can_be_closed),
        cmocka_unit_test(short_moves_are_continued),
        cmocka_unit_test(a_full_disk_is_no_failure_and_ends_with_a_release),
        cmocka_unit_test(space_that_comes_back_is_found),
        cmocka_unit_test(an_older_start_may_not_write),
        cmocka_unit_test(random_work_is_found_by_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
