/* SPDX-License-Identifier: Apache-2.0 */
/* Ledger and super block, crashed at every request; and every write and sync failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/store/ledger_run.h"

enum { COMMITS = 14, SEEDS = 2, OPS_MAX = 2000 };

static uint64_t performed(const struct owner *o)
{
    return sim_disk_counts(o->run.disk)->performed;
}

/* Runs until it is ready, or `ops` requests have been performed since `from`. */
static bool run_to(struct owner *o, uint64_t from, uint64_t ops)
{
    while (performed(o) - from < ops)
        if (!disk_run_step(&o->run))
            return true;
    return o->ready && sim_disk_next_ns(o->run.disk) == UINT64_MAX;
}

/* Start, COMMITS commits of whatever the seed says; false: cut short after `ops` requests. */
static bool play(struct owner *o, uint64_t seed, uint64_t ops)
{
    uint64_t from = performed(o);
    struct prng prng;
    prng_init(&prng, seed);
    owner_start(o);
    if (!run_to(o, from, ops) || o->status != 0)
        return false;
    for (unsigned i = 0; i < COMMITS; i++) {
        owner_put_some(o, &prng);
        owner_commit(o);
        if (!run_to(o, from, ops) || o->status != 0)
            return false;
    }
    return true;
}

/* What is found is the last commit that was told as done, or the one that was under way. */
static void check_found(struct owner *o)
{
    assert_int_equal(o->status, 0);
    assert_int_equal(o->lost, 0);
    assert_true(model_equal(&o->told, &o->durable) || model_equal(&o->told, &o->under_way));
    o->durable = o->under_way = o->told;
}

static void check_goes_on(struct owner *o)
{
    owner_put(o, LEDGER_CHECKPOINT, 1);
    assert_int_equal(owner_committed(o), 0);
    owner_crash(o, SIM_CRASH_WORST);
    assert_int_equal(owner_started(o), 0);
    assert_true(model_equal(&o->told, &o->durable));
    o->under_way = o->durable;
}

static void crash_everywhere(enum sim_crash how)
{
    unsigned rewritten = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool over = false;
        for (uint64_t ops = 1; !over; ops++) {
            struct owner o;
            owner_init(&o, 1000 * seed + ops);
            over = play(&o, seed, ops);
            assert_true(ops < OPS_MAX);
            owner_crash(&o, how);
            owner_start(&o);
            owner_run(&o);
            check_found(&o);
            check_goes_on(&o);
            rewritten += o.block.ledger > 2;
            owner_done(&o);
        }
    }
    assert_true(rewritten > 10);
}

static void a_killed_process_loses_no_commit(void **state)
{
    crash_everywhere(SIM_CRASH_KILL);
}

static void a_loss_of_power_loses_no_commit(void **state)
{
    crash_everywhere(SIM_CRASH_POWER);
}

static void a_loss_of_all_that_was_not_synced_loses_no_commit(void **state)
{
    crash_everywhere(SIM_CRASH_WORST);
}

static void a_crash_in_the_start_after_a_crash_loses_nothing_either(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct owner o;
        owner_init(&o, seed);
        struct prng prng;
        prng_init(&prng, seed);
        play(&o, seed % 7, 20 + prng_below(&prng, 150));
        owner_crash(&o, (enum sim_crash)prng_below(&prng, 3));
        for (unsigned again = 0; again < 3; again++) {
            uint64_t from = performed(&o);
            owner_start(&o);
            (void)run_to(&o, from, prng_below(&prng, 25));
            owner_crash(&o, (enum sim_crash)prng_below(&prng, 3));
        }
        owner_start(&o);
        owner_run(&o);
        check_found(&o);
        check_goes_on(&o);
        owner_done(&o);
    }
}

/* After the failure the process is killed, so that the next start reads what the cache has; then all that
 * was never stored is lost. */
static void fail_everywhere(enum disk_op op, uint32_t one_in, unsigned *failed)
{
    struct sim_disk_faults faults = {0};
    faults.fail[op] = one_in;
    for (uint64_t ops = 1; ops < OPS_MAX; ops++) {
        struct owner o;
        owner_init(&o, ops);
        bool over = play(&o, 3, ops);
        sim_disk_set_faults(o.run.disk, &faults);
        if (!over)
            disk_run_all(&o.run);
        assert_true(o.ready);
        assert_in_range(o.failures, 0, 1);
        if (o.failures > 0) {
            (*failed)++;
            assert_true(o.status == -EIO);
            assert_int_equal(owner_committed(&o), -EIO);
            assert_int_equal(o.failures, 1);
        }
        sim_disk_set_faults(o.run.disk, &(struct sim_disk_faults){0});
        owner_crash(&o, SIM_CRASH_KILL);
        (void)owner_started(&o);
        check_found(&o);
        owner_crash(&o, SIM_CRASH_WORST);
        (void)owner_started(&o);
        assert_true(model_equal(&o.told, &o.durable));
        check_goes_on(&o);
        owner_done(&o);
        if (over)
            return;
    }
    fail();
}

static void a_failed_write_fails_the_ledger_once_and_for_good(void **state)
{
    unsigned failed = 0;
    fail_everywhere(DISK_WRITE, 1, &failed);
    fail_everywhere(DISK_WRITE, 2, &failed);
    assert_true(failed > 40);
}

static void what_a_failed_sync_left_in_the_cache_is_stored_by_the_next_start(void **state)
{
    unsigned failed = 0;
    fail_everywhere(DISK_SYNC, 1, &failed);
    fail_everywhere(DISK_SYNC, 2, &failed);
    assert_true(failed > 40);
}

static void a_failed_request_on_a_name_loses_nothing(void **state)
{
    unsigned failed = 0;
    fail_everywhere(DISK_OPEN, 2, &failed);
    fail_everywhere(DISK_SYNC_DIR, 2, &failed);
    fail_everywhere(DISK_REMOVE, 2, &failed);
    fail_everywhere(DISK_RENAME, 2, &failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_process_loses_no_commit),
        cmocka_unit_test(a_loss_of_power_loses_no_commit),
        cmocka_unit_test(a_loss_of_all_that_was_not_synced_loses_no_commit),
        cmocka_unit_test(a_crash_in_the_start_after_a_crash_loses_nothing_either),
        cmocka_unit_test(a_failed_write_fails_the_ledger_once_and_for_good),
        cmocka_unit_test(what_a_failed_sync_left_in_the_cache_is_stored_by_the_next_start),
        cmocka_unit_test(a_failed_request_on_a_name_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
