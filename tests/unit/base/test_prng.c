/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/prng.h"

static void a_seed_decides_every_number(void **state)
{
    struct prng a;
    struct prng b;
    prng_init(&a, 7);
    prng_init(&b, 7);
    for (int i = 0; i < 1000; i++)
        assert_true(prng_next(&a) == prng_next(&b));
    prng_init(&b, 8);
    assert_true(prng_next(&a) != prng_next(&b));
}

static void below_stays_below_and_reaches_all(void **state)
{
    struct prng p;
    prng_init(&p, 1);
    int seen[6] = {0};
    for (int i = 0; i < 6000; i++) {
        uint64_t n = prng_below(&p, 6);
        assert_true(n < 6);
        seen[n]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i], 800, 1200);
}

static void a_child_does_not_follow_its_parent(void **state)
{
    struct prng parent;
    struct prng child;
    prng_init(&parent, 3);
    prng_split(&child, &parent);
    struct prng again = child;
    prng_next(&parent);
    assert_true(prng_next(&child) == prng_next(&again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_decides_every_number),
        cmocka_unit_test(below_stays_below_and_reaches_all),
        cmocka_unit_test(a_child_does_not_follow_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
