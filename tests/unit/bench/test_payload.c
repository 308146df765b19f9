/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's messages: a receiver must see each kind of damage, or its figures mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/bench/payload.h"

enum { SIZE_MAX_TESTED = 8192 };

static const size_t SIZES[] = {16,   17,   24,   128,  1023,           1024,
                               1031, 1032, 2048, 3000, SIZE_MAX_TESTED};
enum { SIZE_COUNT = sizeof SIZES / sizeof SIZES[0] };

static void make(char *at, const char *pattern, size_t size, uint32_t source, uint32_t number)
{
    memcpy(at, pattern, size);
    payload_stamp(at, size, source, number);
}

static void a_message_says_who_sent_it_and_which_it_is(void **state)
{
    char pattern[SIZE_MAX_TESTED], message[SIZE_MAX_TESTED];
    payload_pattern(pattern, sizeof pattern);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        uint32_t source = 0, number = 0;
        make(message, pattern, SIZES[i], 7, 123456);
        assert_true(payload_whole(pattern, message, SIZES[i], &source, &number));
        assert_int_equal(source, 7);
        assert_int_equal(number, 123456);
    }
}

static void a_change_of_any_byte_is_seen(void **state)
{
    char pattern[SIZE_MAX_TESTED], message[SIZE_MAX_TESTED];
    payload_pattern(pattern, sizeof pattern);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        make(message, pattern, SIZES[i], 3, 99);
        for (size_t at = 0; at < SIZES[i]; at++) {
            uint32_t source, number;
            message[at] ^= 1;
            assert_false(payload_whole(pattern, message, SIZES[i], &source, &number));
            message[at] ^= 1;
        }
    }
}

static void a_message_made_of_two_is_seen(void **state)
{
    char pattern[SIZE_MAX_TESTED], first[SIZE_MAX_TESTED], second[SIZE_MAX_TESTED];
    uint32_t source, number;
    payload_pattern(pattern, sizeof pattern);
    make(first, pattern, sizeof first, 0, 1);
    make(second, pattern, sizeof second, 0, 2);
    memcpy(first + 4096, second + 4096, 4096);
    assert_false(payload_whole(pattern, first, sizeof first, &source, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_says_who_sent_it_and_which_it_is),
        cmocka_unit_test(a_change_of_any_byte_is_seen),
        cmocka_unit_test(a_message_made_of_two_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
