/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the journal that changed on the disk: who is blamed, who is not, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "store/store_state.h"
#include "tests/unit/store/store_run.h"

/* Where the nth synced message of the journal lies: each was a flush, and so a block, of its own. */
static uint64_t position_of(struct store_group *g, uint64_t index)
{
    return entry_log_at(&g->entries, index)->position;
}

/* A byte of the body of that record. */
static void rot(struct store_run *r, uint64_t position)
{
    assert_int_equal(sim_disk_flip(r->disk.disk, "store/journal/j-00000", position + 70, 0x10), 0);
}

static void begin(struct store_run *r, struct store_group **a, struct store_group **b)
{
    store_run_init(r, 3);
    assert_int_equal(store_run_open(r), 0);
    *a = store_run_make_group(r, "A");
    *b = store_run_make_group(r, "B");
    for (unsigned i = 0; i < 4; i++) {
        assert_true(store_run_publish(r, *a, "s", "a message of A, long enough to be hit") > 0);
        assert_true(store_run_publish(r, *b, "s", "a message of B, long enough to be hit") > 0);
    }
    store_run_settle(r);
}

static void rot_of_one_group_leaves_the_others_whole(void **state)
{
    struct store_run r;
    struct store_group *a;
    struct store_group *b;
    begin(&r, &a, &b);
    uint64_t position = position_of(a, 3);
    store_run_crash(&r, SIM_CRASH_KILL);
    rot(&r, position);
    assert_int_equal(store_run_open(&r), 0);
    assert_int_equal(r.lost, 1);
    assert_true(store_group_damaged(store_run_find(&r, "A")));
    b = store_run_find(&r, "B");
    assert_false(store_group_damaged(b));
    assert_int_equal(store_run_count(&r, b), 4);
    assert_int_equal(store_run_publish(&r, b, "s", "on it goes"), 5);
    assert_int_equal(store_run_publish(&r, store_run_find(&r, "A"), "s", "no"), -EROFS);
    store_run_done(&r);
}

static void a_group_that_has_lost_entries_stays_damaged_when_the_journal_is_gone(void **state)
{
    struct store_run r;
    struct store_group *a;
    struct store_group *b;
    begin(&r, &a, &b);
    uint64_t position = position_of(a, 3);
    store_run_crash(&r, SIM_CRASH_KILL);
    rot(&r, position);
    assert_int_equal(store_run_open(&r), 0);
    store_run_publish_much(&r, store_run_find(&r, "B"), 2 << 20);
    assert_int_equal(store_run_close(&r), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(store_run_open(&r), 0);
        assert_true(store_group_damaged(store_run_find(&r, "A")));
        assert_false(store_group_damaged(store_run_find(&r, "B")));
        assert_int_equal(store_run_close(&r), 0);
    }
    store_run_done(&r);
}

static void rot_in_the_last_flush_before_a_crash_is_a_torn_end(void **state)
{
    struct store_run r;
    struct store_group *a;
    struct store_group *b;
    begin(&r, &a, &b);
    uint64_t end_of_b = 0;
    assert_true(store_run_publish(&r, b, "s", "the last one, whose flush nothing follows") > 0);
    end_of_b = position_of(b, 6);
    store_run_crash(&r, SIM_CRASH_KILL);
    rot(&r, end_of_b);
    assert_int_equal(store_run_open(&r), 0);
    assert_int_equal(r.lost, 0);
    assert_int_equal(store_run_count(&r, store_run_find(&r, "A")), 4);
    assert_int_equal(store_run_count(&r, store_run_find(&r, "B")), 4);
    store_run_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rot_of_one_group_leaves_the_others_whole),
        cmocka_unit_test(a_group_that_has_lost_entries_stays_damaged_when_the_journal_is_gone),
        cmocka_unit_test(rot_in_the_last_flush_before_a_crash_is_a_torn_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
