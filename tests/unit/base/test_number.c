/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/number.h"
#include "runtime/base/prng.h"

/* In memory of exactly its size, so that a sanitizer sees a byte too many. */
static bool parsed(const char *text, size_t size, uint64_t *ret_number)
{
    char *exact = malloc(size + (size == 0));
    assert_non_null(exact);
    memcpy(exact, text, size);
    bool is = number_parse((struct bytes){exact, size}, NUMBER_DIGITS_MAX, ret_number);
    free(exact);
    return is;
}

static void what_prints_as_the_text_is_its_number(void **state)
{
    struct prng prng;
    prng_init(&prng, 7);
    uint64_t power = 1;
    for (unsigned digits = 1; digits <= NUMBER_DIGITS_MAX; digits++, power *= 10)
        for (unsigned i = 0; i < 2000; i++) {
            uint64_t first = digits == 1 ? 0 : power;
            uint64_t number = first + prng_next(&prng) % (power * 10 - first);
            number = i == 0 ? first : i == 1 ? power * 10 - 1 : number;
            char text[24];
            int size = snprintf(text, sizeof text, "%" PRIu64, number);
            uint64_t read = 1;
            assert_int_equal(size, digits);
            assert_true(parsed(text, (size_t)size, &read));
            assert_true(read == number);
        }
}

static void any_other_byte_at_any_place_makes_it_none(void **state)
{
    for (size_t size = 1; size <= NUMBER_DIGITS_MAX; size++)
        for (size_t at = 0; at < size; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[NUMBER_DIGITS_MAX + 1] = "1234567891234567891";
                text[at] = (char)byte;
                uint64_t number = 99;
                bool digit = byte >= '0' && byte <= '9';
                bool leads = at == 0 && byte == '0' && size > 1;
                assert_int_equal(parsed(text, size, &number), digit && !leads);
                if (!digit || leads)
                    assert_int_equal(number, 99);
            }
}

static void nothing_and_too_many_digits_are_none(void **state)
{
    uint64_t number = 99;
    assert_false(parsed("", 0, &number));
    assert_false(parsed("12345678912345678912", 20, &number));
    assert_false(number_parse(BYTES("123"), 2, &number));
    assert_int_equal(number, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_prints_as_the_text_is_its_number),
        cmocka_unit_test(any_other_byte_at_any_place_makes_it_none),
        cmocka_unit_test(nothing_and_too_many_digits_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
