/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "store/entry_log.h"
#include "store/tail.h"

/* A plain array beside it: random pushes with gaps and drops, all questions after each. */
static void a_tail_agrees_with_an_array(void **state)
{
    enum { STEPS = 3000, KEPT = 2000 };
    static uint64_t seqs[STEPS];
    struct prng prng;
    prng_init(&prng, 7);
    struct tail t = {0};
    size_t from = 0;
    size_t to = 0;
    uint64_t seq = 10;
    for (int step = 0; step < STEPS; step++) {
        if (to - from > 3 && prng_one_in(&prng, 20)) {
            uint64_t below = seqs[from] + prng_below(&prng, seq - seqs[from] + 3);
            tail_drop_below(&t, below);
            while (from < to && seqs[from] < below)
                from++;
        }
        seq += prng_one_in(&prng, 10) ? 1 + prng_below(&prng, 9) : 1;
        seqs[to++] = seq;
        tail_push(&t, &(struct tail_entry){.seq = seq, .index = seq * 2});
        tail_check(&t);
        assert_int_equal(t.count, to - from);
        uint64_t asked = seqs[from] - 2 + prng_below(&prng, seq - seqs[from] + 5);
        size_t rank = 0;
        while (from + rank < to && seqs[from + rank] < asked)
            rank++;
        assert_int_equal(tail_rank(&t, asked), rank);
        const struct tail_entry *found = tail_find(&t, asked);
        bool there = from + rank < to && seqs[from + rank] == asked;
        assert_int_equal(found != NULL, there);
        if (there)
            assert_int_equal(found->index, asked * 2);
    }
    tail_drop_below(&t, UINT64_MAX);
    assert_int_equal(t.count, 0);
    tail_done(&t);
}

static void an_empty_tail_has_nothing(void **state)
{
    struct tail t = {0};
    assert_null(tail_find(&t, 0));
    assert_int_equal(tail_rank(&t, 5), 0);
    tail_drop_below(&t, 9);
    tail_check(&t);
    tail_done(&t);
}

static void entries_are_found_by_index_until_a_checkpoint_covers_them(void **state)
{
    struct entry_log log;
    entry_log_init(&log, 100);
    for (uint64_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 37; i++)
            entry_log_push(&log, &(struct logged){.kind = ENTRY_MSG,
                                                  .body_size = i,
                                                  .position = (log.end + 1) * 10});
        log.durable = log.end;
        log.applied = log.end - 5;
        for (uint64_t index = log.base + 1; index <= log.end; index++) {
            struct entry e = entry_log_entry(&log, 3, index);
            assert_int_equal(e.index, index);
            assert_int_equal(e.gid, 3);
            assert_int_equal(entry_log_at(&log, index)->position, index * 10);
        }
        entry_log_check(&log);
        entry_log_cover(&log, log.applied - round % 3);
        entry_log_check(&log);
    }
    entry_log_done(&log);
}

static void a_cut_drops_what_was_not_applied(void **state)
{
    struct entry_log log;
    entry_log_init(&log, 0);
    for (uint32_t i = 0; i < 10; i++)
        entry_log_push(&log, &(struct logged){.body_size = 100});
    log.durable = 8;
    log.applied = 4;
    entry_log_cut(&log, 6);
    entry_log_check(&log);
    assert_int_equal(log.end, 6);
    assert_int_equal(log.durable, 6);
    assert_int_equal(log.body_bytes, 600);
    entry_log_push(&log, &(struct logged){.body_size = 1});
    assert_int_equal(log.end, 7);
    entry_log_check(&log);
    entry_log_done(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tail_agrees_with_an_array),
        cmocka_unit_test(an_empty_tail_has_nothing),
        cmocka_unit_test(entries_are_found_by_index_until_a_checkpoint_covers_them),
        cmocka_unit_test(a_cut_drops_what_was_not_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
