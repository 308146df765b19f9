/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/bench/hist.h"

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static void a_bucket_stands_for_its_values_to_one_in_sixty_four(void **state)
{
    for (uint64_t value = 0; value < 100000; value++)
        assert_true(distance(hist_value(hist_bucket(value)), value) <= value / 64);
    for (unsigned bit = 17; bit < 64; bit++) {
        uint64_t value = (1ull << bit) + (1ull << (bit - 3)) + 5;
        assert_true(hist_bucket(value) < HIST_BUCKETS);
        assert_true(distance(hist_value(hist_bucket(value)), value) <= value / 64);
    }
    assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
}

static void larger_values_have_no_smaller_buckets(void **state)
{
    for (uint64_t value = 1; value < 1000000; value++) {
        unsigned step = hist_bucket(value) - hist_bucket(value - 1);
        assert_true(step <= 1);
    }
}

static void percentiles_of_one_to_ten_thousand_are_near(void **state)
{
    struct hist *h = calloc(1, sizeof *h);
    static const double shares[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    assert_non_null(h);
    for (uint64_t value = 1; value <= 10000; value++)
        hist_add(h, value);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint64_t exact = (uint64_t)(shares[i] * 10000);
        assert_true(distance(hist_percentile(h, shares[i]), exact) <= exact / 32);
    }
    assert_int_equal(hist_percentile(h, 1.0), 10000);
    free(h);
}

static void without_samples_percentiles_are_zero(void **state)
{
    struct hist *h = calloc(1, sizeof *h);
    assert_non_null(h);
    assert_int_equal(hist_percentile(h, 0.99), 0);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_stands_for_its_values_to_one_in_sixty_four),
        cmocka_unit_test(larger_values_have_no_smaller_buckets),
        cmocka_unit_test(percentiles_of_one_to_ten_thousand_are_near),
        cmocka_unit_test(without_samples_percentiles_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
