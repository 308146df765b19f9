/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "protocols/monitor/top_rows.h"
#include "runtime/base/prng.h"
#include "tests/unit/monitor/expect_json.h"

static int by_key(const void *a, const void *b)
{
    const struct top_row *x = a;
    const struct top_row *y = b;
    return connz_key_before(x->key, y->key) ? -1 : connz_key_before(y->key, x->key);
}

/* Against sorting all of them: any count of rows, any limit, few values so that many are equal. */
static void the_first_rows_are_those_of_a_sort(void **state)
{
    struct prng prng;
    prng_init(&prng, 7);
    for (unsigned round = 0; round < 400; round++) {
        size_t count = (size_t)prng_below(&prng, 200);
        size_t limit = 1 + (size_t)prng_below(&prng, 100);
        struct top_row all[200];
        struct top_rows top;
        top_rows_init(&top, limit);
        for (size_t i = 0; i < count; i++) {
            all[i] = (struct top_row){
                {(int64_t)prng_below(&prng, 20) - 10, i * 7 % 200}, prng_next(&prng), i % 2 == 0};
            top_rows_add(&top, &all[i]);
            top_rows_check(&top);
        }
        while (!top_rows_sort(&top, 1 + (size_t)prng_below(&prng, 30)))
            top_rows_check(&top);
        top_rows_check(&top);
        qsort(all, count, sizeof *all, by_key);
        assert_int_equal(top.count, count < limit ? count : limit);
        for (size_t i = 0; i < top.count; i++) {
            assert_int_equal(top.rows[i].key.cid, all[i].key.cid);
            assert_int_equal(top.rows[i].ref, all[i].ref);
            assert_int_equal(top.rows[i].closed, all[i].closed);
        }
        top_rows_done(&top);
    }
}

static void a_step_of_the_sort_is_bounded(void **state)
{
    struct top_rows top;
    top_rows_init(&top, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        const struct top_row row = {{0, i * 389 % 1000}, 0, false};
        top_rows_add(&top, &row);
    }
    unsigned steps = 1;
    for (; !top_rows_sort(&top, 100); steps++)
        assert_int_equal(top.heap, 1000 - 100 * steps);
    assert_int_equal(steps, 10);
    top_rows_done(&top);
}

static void no_rows_are_sorted_at_once(void **state)
{
    struct top_rows top;
    top_rows_init(&top, 5);
    assert_true(top_rows_sort(&top, 1));
    assert_int_equal(top.count, 0);
    top_rows_done(&top);
}

static void a_limit_past_the_bound_is_the_bound(void **state)
{
    struct top_rows top;
    top_rows_init(&top, UINT64_MAX);
    assert_int_equal(top.limit, TOP_ROWS_MAX);
    top_rows_done(&top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rows_are_those_of_a_sort),
        cmocka_unit_test(a_step_of_the_sort_is_bounded),
        cmocka_unit_test(no_rows_are_sorted_at_once),
        cmocka_unit_test(a_limit_past_the_bound_is_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
