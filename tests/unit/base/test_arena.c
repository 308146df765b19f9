/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/arena.h"

static void memory_is_zeroed_aligned_and_its_own(void **state)
{
    struct arena a;
    arena_init(&a);
    char *last[200] = {NULL};
    for (size_t i = 0; i < 200; i++) {
        char *at = arena_alloc(&a, i * 7);
        assert_true((uintptr_t)at % _Alignof(max_align_t) == 0);
        for (size_t j = 0; j < i * 7; j++)
            assert_true(at[j] == 0);
        memset(at, (int)i, i * 7);
        last[i] = at;
    }
    for (size_t i = 1; i < 200; i++)
        for (size_t j = 0; j < i * 7; j++)
            assert_true((unsigned char)last[i][j] == (unsigned char)i);
    assert_true(a.held_bytes >= 199 * 200 / 2 * 7);
    arena_done(&a);
    assert_true(a.held_bytes == 0);
}

static void copies_end_with_a_nul(void **state)
{
    struct arena a;
    arena_init(&a);
    assert_string_equal(arena_copy(&a, (struct bytes){"abcdef", 3}), "abc");
    assert_string_equal(arena_copy(&a, (struct bytes){NULL, 0}), "");
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_its_own),
        cmocka_unit_test(copies_end_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
