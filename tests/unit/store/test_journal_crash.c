/* SPDX-License-Identifier: Apache-2.0 */
/* Crashes of every kind at every request to the disk, also while recovering from the last one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/unit/store/journal_run.h"

enum { ACTS = 260, SEEDS_LONG = 60, SEEDS_RELAXED = 60, STARTS = 6 };

static const enum sim_crash kinds[] = {SIM_CRASH_KILL, SIM_CRASH_POWER, SIM_CRASH_WORST};

/* Recovers, and crashes after `steps` of it if it takes so long; then it was no start. */
static bool recover_or_crash(struct journal_run *run, uint64_t steps, enum sim_crash how)
{
    struct journal_recovery recovery = run_recovery(run);
    run_open(run);
    journal_recover(run->journal, run->floor, &recovery);
    while (!run->recovered && steps-- > 0)
        (void)disk_run_step(&run->disk);
    if (!run->recovered) {
        run_crash(run, how);
        return false;
    }
    assert_int_equal(run->rots, 0);
    run_take_over(run);
    return true;
}

static void recover_whole(struct journal_run *run)
{
    assert_true(recover_or_crash(run, UINT64_MAX, SIM_CRASH_KILL));
}

/* Works until so many requests have ended; false: the work was over before. */
static bool work_until(struct journal_run *run, uint64_t steps)
{
    run->disk.steps = 0;
    for (int i = 0; i < ACTS; i++) {
        run_act(run);
        if (run->disk.steps >= steps)
            return true;
    }
    journal_flush(run->journal, true);
    while (run->disk.steps < steps && disk_run_step(&run->disk))
        ;
    return run->disk.steps >= steps;
}

static void crash_at_every_request(uint64_t seed, enum sim_crash how)
{
    bool reached = true;
    for (uint64_t steps = 1; reached; steps++) {
        struct journal_run run;
        run_init(&run, seed, (struct sim_disk_options){0});
        run.seals = seed % 2 == 0;
        recover_whole(&run);
        reached = work_until(&run, steps);
        run_crash(&run, how);
        recover_whole(&run);
        (void)work_until(&run, 12);
        run_crash(&run, how);
        recover_whole(&run);
        run_done(&run);
    }
}

static void nothing_durable_is_lost_by_a_kill(void **state)
{
    crash_at_every_request(1, SIM_CRASH_KILL);
}

static void nothing_durable_is_lost_by_a_power_cut(void **state)
{
    crash_at_every_request(2, SIM_CRASH_POWER);
    crash_at_every_request(3, SIM_CRASH_POWER);
}

static void nothing_durable_is_lost_with_all_that_was_not_synced(void **state)
{
    crash_at_every_request(4, SIM_CRASH_WORST);
}

/* The first start makes the first file: it may crash as well. */
static void the_first_start_may_crash_anywhere(void **state)
{
    for (uint64_t steps = 0; steps < 12; steps++)
        for (int k = 0; k < 3; k++) {
            struct journal_run run;
            run_init(&run, steps, (struct sim_disk_options){0});
            if (!recover_or_crash(&run, steps, kinds[k]))
                recover_whole(&run);
            (void)work_until(&run, 30);
            run_crash(&run, kinds[k]);
            recover_whole(&run);
            run_done(&run);
        }
}

static void a_recovery_that_crashes_is_repeated(void **state)
{
    for (int k = 0; k < 3; k++) {
        bool recovered = false;
        for (uint64_t steps = 0; !recovered; steps++) {
            struct journal_run run;
            run_init(&run, 7, (struct sim_disk_options){0});
            run.seals = true;
            recover_whole(&run);
            (void)work_until(&run, 60);
            run_crash(&run, kinds[k]);
            recovered = recover_or_crash(&run, steps, kinds[k]);
            if (!recovered)
                recover_whole(&run);
            (void)work_until(&run, 20);
            run_crash(&run, kinds[k]);
            recover_whole(&run);
            run_done(&run);
        }
    }
}

static void a_long_life_of_crashes_loses_nothing(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS_LONG; seed++) {
        struct journal_run run;
        run_init(&run, seed, (struct sim_disk_options){.faults.short_move = 5});
        run.seals = seed % 2 == 0;
        for (int start = 0; start < STARTS; start++) {
            enum sim_crash how = kinds[prng_below(&run.prng, 3)];
            while (!recover_or_crash(&run, prng_below(&run.prng, 60), how))
                ;
            (void)work_until(&run, prng_below(&run.prng, 200));
            run_crash(&run, how);
        }
        recover_whole(&run);
        run_done(&run);
    }
}

/* Many blocks that no sync has covered: of these any may be stored. A start drops what lies
 * behind the first that is not, and goes on in the same file, or at once in the next one. */
static void of_relaxed_writes_a_beginning_survives(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS_RELAXED; seed++) {
        struct journal_run run;
        run_init(&run, seed, (struct sim_disk_options){0});
        run.seals = seed % 2 == 0;
        for (int start = 0; start < STARTS; start++) {
            recover_whole(&run);
            if (prng_one_in(&run.prng, 2))
                assert_int_equal(journal_leave_file(run.journal), 0);
            for (uint64_t blocks = prng_below(&run.prng, 20); blocks > 0; blocks--) {
                for (uint64_t i = prng_below(&run.prng, 20); i > 0; i--)
                    assert_int_equal(run_append(&run, i % RUN_GROUPS, 300), 0);
                journal_flush(run.journal, prng_one_in(&run.prng, 4));
                disk_run_all(&run.disk);
            }
            run_crash(&run, prng_one_in(&run.prng, 4) ? SIM_CRASH_KILL : SIM_CRASH_POWER);
        }
        recover_whole(&run);
        run_done(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_durable_is_lost_by_a_kill),
        cmocka_unit_test(nothing_durable_is_lost_by_a_power_cut),
        cmocka_unit_test(nothing_durable_is_lost_with_all_that_was_not_synced),
        cmocka_unit_test(the_first_start_may_crash_anywhere),
        cmocka_unit_test(a_recovery_that_crashes_is_repeated),
        cmocka_unit_test(of_relaxed_writes_a_beginning_survives),
        cmocka_unit_test(a_long_life_of_crashes_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
