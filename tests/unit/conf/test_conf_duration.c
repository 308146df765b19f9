/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocols/conf/conf_duration.h"

static const struct {
    const char *text;
    int64_t ns;
    const char *printed;
} durations[] = {
    {"0", 0, "0s"},
    {"1ns", 1, "1ns"},
    {"1500ns", 1500, "1.5\xc2\xb5s"},
    {"300ms", 300000000, "300ms"},
    {"1.5s", 1500000000, "1.5s"},
    {".5s", 500000000, "500ms"},
    {"2s", 2000000000, "2s"},
    {"2m", 120000000000, "2m0s"},
    {"1h30m2.5s", 5402500000000, "1h30m2.5s"},
    {"-10s", -10000000000, "-10s"},
    {"+1m", 60000000000, "1m0s"},
    {"1us1\xc2\xb5s1\xce\xbcs", 3000, "3\xc2\xb5s"},
    {"9223372036854775807ns", INT64_MAX, "2562047h47m16.854775807s"},
    {"-9223372036854775808ns", INT64_MIN, "-2562047h47m16.854775808s"},
    {"0.3333333333333333333h", 1200000000000, "20m0s"},
};

static const struct {
    const char *text;
    const char *error;
} refusals[] = {
    {"", "time: invalid duration \"\""},
    {"-", "time: invalid duration \"-\""},
    {"abc", "time: invalid duration \"abc\""},
    {".s", "time: invalid duration \".s\""},
    {"1", "time: missing unit in duration \"1\""},
    {"1s2", "time: missing unit in duration \"1s2\""},
    {"1x", "time: unknown unit \"x\" in duration \"1x\""},
    {"1 s", "time: unknown unit \" s\" in duration \"1 s\""},
    {"9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""},
    {"99999999999999999999s", "time: invalid duration \"99999999999999999999s\""},
    {"2562048h", "time: invalid duration \"2562048h\""},
};

static void durations_are_read_and_printed(void **state)
{
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        struct conf_error error;
        int64_t ns = -1;
        char text[CONF_DURATION_MAX];
        assert_int_equal(conf_duration_parse(bytes_of(durations[i].text), &ns, &error), 0);
        assert_true(ns == durations[i].ns);
        conf_duration_print(ns, text);
        assert_string_equal(text, durations[i].printed);
    }
}

static void what_is_no_duration_is_refused_and_changes_nothing(void **state)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct conf_error error;
        int64_t ns = 77;
        assert_true(conf_duration_parse(bytes_of(refusals[i].text), &ns, &error) < 0);
        assert_string_equal(error.text, refusals[i].error);
        assert_true(ns == 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_and_printed),
        cmocka_unit_test(what_is_no_duration_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
