/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/json/go_text.h"
#include "protocols/json/output.h"

/* The output is done after this. */
static void expect(struct output *o, const char *text)
{
    assert_int_equal(output_error(o), 0);
    output_byte(o, '\0');
    assert_string_equal(o->at, text);
    output_done(o);
}

static void floats_have_the_fewest_digits_that_read_back(void **state)
{
    static const struct {
        double f;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {2, "2"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {0.8, "0.8"},
        {1.0 / 6, "0.16666666666666666"},
        {100, "100"},
        {123456789.125, "123456789.125"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.25e-10, "1.25e-10"},
        {0.30000000000000004, "0.30000000000000004"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct output o;
        output_init(&o, 100);
        go_text_float(&o, rows[i].f);
        expect(&o, rows[i].text);
    }
}

static void times_have_as_many_digits_as_needed(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {1500000000, "1970-01-01T00:00:01.5Z"},
        {INT64_C(951782400000000000), "2000-02-29T00:00:00Z"},
        {INT64_C(951868799999000000), "2000-02-29T23:59:59.999Z"},
        {INT64_C(1795461107893407042), "2026-11-23T19:11:47.893407042Z"},
        {INT64_C(4107542400000000000), "2100-03-01T00:00:00Z"},
        {GO_TIME_ZERO, "0001-01-01T00:00:00Z"},
        {GO_TIME_ZERO + 1, "1677-09-21T00:12:43.145224193Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct output o;
        output_init(&o, 100);
        go_text_time(&o, rows[i].ns);
        expect(&o, rows[i].text);
    }
}

static void durations_start_with_their_largest_unit(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {1, "1ns"},
        {999, "999ns"},
        {1000, "1\xc2\xb5s"},
        {392000, "392\xc2\xb5s"},
        {1100, "1.1\xc2\xb5s"},
        {1000000, "1ms"},
        {1500000, "1.5ms"},
        {2000001, "2.000001ms"},
        {1000000000, "1s"},
        {INT64_C(62500000000), "1m2.5s"},
        {INT64_C(3600000000000), "1h0m0s"},
        {INT64_C(90061000000001), "25h1m1.000000001s"},
        {-1500, "-1.5\xc2\xb5s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct output o;
        output_init(&o, 100);
        go_text_duration(&o, rows[i].ns);
        expect(&o, rows[i].text);
    }
}

static void uptimes_are_whole_seconds_without_leading_zeros(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {59, "59s"},
        {60, "1m0s"},
        {3600, "1h0m0s"},
        {86400 + 2 * 3600 + 3 * 60 + 4, "1d2h3m4s"},
        {365 * 86400, "1y0d0h0m0s"},
        {INT64_C(800) * 86400 + 1, "2y70d0h0m1s"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct output o;
        output_init(&o, 100);
        go_text_uptime(&o, rows[i].seconds * 1000000000 + 999999999);
        expect(&o, rows[i].text);
    }
}

static void quoting_escapes_what_cannot_be_printed(void **state)
{
    static const struct {
        struct bytes text;
        const char *quoted;
    } rows[] = {
        {BYTES("x"), "\"x\""},
        {BYTES("a\"b\\"), "\"a\\\"b\\\\\""},
        {BYTES("\a\b\f\n\r\t\v"), "\"\\a\\b\\f\\n\\r\\t\\v\""},
        {BYTES("\x01\x7f\xff"), "\"\\x01\\x7f\\xff\""},
        {BYTES("\xc2\xb5\xc2\xa0"), "\"\xc2\xb5\\u00a0\""},
        {BYTES("<&>"), "\"<&>\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct output o;
        output_init(&o, 100);
        go_text_quote(&o, rows[i].text);
        expect(&o, rows[i].quoted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_have_the_fewest_digits_that_read_back),
        cmocka_unit_test(times_have_as_many_digits_as_needed),
        cmocka_unit_test(durations_start_with_their_largest_unit),
        cmocka_unit_test(uptimes_are_whole_seconds_without_leading_zeros),
        cmocka_unit_test(quoting_escapes_what_cannot_be_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
