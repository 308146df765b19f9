/* SPDX-License-Identifier: Apache-2.0 */
/* Times to live by sequence and by time, against an array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "runtime/base/prng.h"
#include "store/format/buffer.h"
#include "store/group/ttl_table.h"

enum { SEQS = 2000 };

static uint64_t first_of(const int64_t *due, uint64_t end)
{
    uint64_t first = 0;
    for (uint64_t seq = 1; seq < end; seq++)
        if (due[seq] != 0 && due[seq] != TTL_NEVER && (first == 0 || due[seq] < due[first]))
            first = seq;
    return first;
}

static void compare_first(struct ttl_table *t, const int64_t *due, uint64_t end)
{
    uint64_t seq = 0;
    int64_t due_ns = 0;
    uint64_t expected = first_of(due, end);
    assert_true(ttl_table_first(t, &seq, &due_ns) == (expected != 0));
    assert_int_equal(seq, expected);
    assert_int_equal(due_ns, expected != 0 ? due[expected] : 0);
}

static void random_times_are_as_in_an_array(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct prng p;
        struct ttl_table t = {0};
        int64_t due[SEQS] = {0};
        uint64_t end = 1;
        prng_init(&p, seed);
        while (end < SEQS) {
            if (prng_one_in(&p, 2)) {
                due[end] = prng_one_in(&p, 5) ? TTL_NEVER : 1 + (int64_t)prng_below(&p, 500);
                ttl_table_add(&t, end, due[end]);
                end++;
            }
            uint64_t seq = prng_below(&p, end);
            assert_true(ttl_table_is_never(&t, seq) == (due[seq] == TTL_NEVER));
            if (prng_one_in(&p, 3)) {
                ttl_table_remove(&t, seq);
                due[seq] = 0;
            }
            if (prng_one_in(&p, 500)) {
                ttl_table_remove_below(&t, seq);
                memset(due, 0, seq * sizeof due[0]);
            }
            if (prng_one_in(&p, 20)) {
                compare_first(&t, due, end);
                ttl_table_check(&t);
            }
        }
        ttl_table_done(&t);
    }
}

static void nothing_is_due_in_an_empty_table(void **state)
{
    struct ttl_table t = {0};
    uint64_t seq;
    int64_t due;
    assert_false(ttl_table_first(&t, &seq, &due));
    ttl_table_remove(&t, 1);
    ttl_table_remove_below(&t, 1);
    ttl_table_add(&t, 1, TTL_NEVER);
    assert_false(ttl_table_first(&t, &seq, &due));
    ttl_table_check(&t);
    ttl_table_done(&t);
}

static void what_is_stored_is_read_back(void **state)
{
    struct ttl_table t = {0};
    struct ttl_table back = {0};
    struct buffer b = {0};
    struct buffer again = {0};
    for (uint64_t seq = 1; seq < 200; seq++)
        ttl_table_add(&t, seq * 3, seq % 7 == 0 ? TTL_NEVER : 1000 - (int64_t)seq);
    ttl_table_write(&t, &b);
    struct cursor c = cursor_of(buffer_view(&b));
    assert_int_equal(ttl_table_read(&back, &c), 0);
    assert_true(cursor_is_at_end(&c));
    ttl_table_check(&back);
    ttl_table_write(&back, &again);
    assert_true(bytes_equal(buffer_view(&b), buffer_view(&again)));
    ttl_table_done(&back);
    for (size_t size = 0; size < b.size; size++) {
        c = cursor_of((struct bytes){b.at, size});
        assert_int_equal(ttl_table_read(&back, &c), -EBADMSG);
        ttl_table_done(&back);
    }
    buffer_done(&b);
    buffer_done(&again);
    ttl_table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_times_are_as_in_an_array),
        cmocka_unit_test(nothing_is_due_in_an_empty_table),
        cmocka_unit_test(what_is_stored_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
