/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "actors/logger/log_line.h"

/* 2026-11-23 19:54:25.532716206 UTC */
#define WALL_NS 1795463665532716206

static const struct {
    struct log_format format;
    enum log_line_style style;
    enum log_level level;
    const char *text;
    const char *line;
} lines[] = {
    {{31563, true, true, false, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_INFO,
     "Server is ready",
     "[31563] 2026/11/23 19:54:25.532716 [INF] Server is ready\n"},
    {{31563, false, false, false, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_DEBUG,
     "Go build: none",
     "[31563] [DBG] Go build: none\n"},
    {{0, true, true, false, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_TRACE,
     "a",
     "2026/11/23 19:54:25.532716 [TRC] a\n"},
    {{7, true, false, false, true},
     LOG_LINE_USUAL,
     LOG_LEVEL_WARN,
     "",
     "[7] 2026/11/23 19:54:25.532716 [WRN] \n"},
    {{7, false, false, false, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_ERROR,
     "has its end\n",
     "[7] [ERR] has its end\n"},
    {{7, false, false, true, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_INFO,
     "x",
     "[7] [\x1b[32mINF\x1b[0m] x\n"},
    {{7, false, false, true, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_DEBUG,
     "x",
     "[7] [\x1b[36mDBG\x1b[0m] x\n"},
    {{7, false, false, true, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_WARN,
     "x",
     "[7] [\x1b[0;93mWRN\x1b[0m] x\n"},
    {{7, false, false, true, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_ERROR,
     "x",
     "[7] [\x1b[31mERR\x1b[0m] x\n"},
    {{7, false, false, true, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_FATAL,
     "x",
     "[7] [\x1b[31mFTL\x1b[0m] x\n"},
    {{7, false, false, true, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_TRACE,
     "x",
     "[7] [\x1b[33mTRC\x1b[0m] x\n"},
    {{7, true, false, false, false},
     LOG_LINE_USUAL,
     LOG_LEVEL_INFO,
     "local",
     "[7] 2026/11/24 01:24:25.532716 [INF] local\n"},
    {{7, true, true, false, false},
     LOG_LINE_DIRECT,
     LOG_LEVEL_INFO,
     "Rotated log",
     "[7] 2026/11/24 01:24:25.532716 [INF] Rotated log\r\n"},
};

static void a_line_has_pid_time_label_and_text_as_asked_for(void **state)
{
    assert_int_equal(setenv("TZ", "UTC-5:30", 1), 0);
    tzset();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char to[LOG_PREFIX_MAX + 64];
        size_t size = log_line(to, &lines[i].format, lines[i].style, lines[i].level, WALL_NS,
                               bytes_of(lines[i].text));
        to[size] = 0;
        assert_string_equal(to, lines[i].line);
    }
}

static void without_a_clock_there_is_no_time(void **state)
{
    struct log_format format = {.pid = 1, .time = true};
    char to[LOG_PREFIX_MAX + 8];
    size_t size = log_line(to, &format, LOG_LINE_USUAL, LOG_LEVEL_INFO, INT64_MIN, BYTES("x"));
    to[size] = 0;
    assert_string_equal(to, "[1] [INF] x\n");
}

static void a_stamp_has_nanoseconds(void **state)
{
    struct log_date date;
    log_date_of(WALL_NS, true, &date);
    char stamp[LOG_STAMP_SIZE];
    log_stamp(stamp, &date);
    assert_string_equal(stamp, ".2026.11.23.19.54.25.532716206");
}

static void time_before_1970_has_positive_parts(void **state)
{
    struct log_date date;
    log_date_of(-1, true, &date);
    assert_int_equal(date.year, 1969);
    assert_int_equal(date.second, 59);
    assert_int_equal(date.ns, 999999999);
}

static const struct {
    const char *name;
    bool backup;
} names[] = {
    {"l.log", false},
    {"l.log.2026.11.23.19.54.25.532716206", true},
    {"l.log.2026.11.23.19.54.25.5", true},
    {"l.log.2026.11.23.19.54.25", true},
    {"l.log.2024.02.29.00.00.00.000000000", true},
    {"l.log.2026.02.29.00.00.00.000000000", false},
    {"l.log.2026.13.23.19.54.25.532716206", false},
    {"l.log.2026.11.00.19.54.25.532716206", false},
    {"l.log.2026.11.23.24.54.25.532716206", false},
    {"l.log.2026.11.23.19.60.25.532716206", false},
    {"l.log.2026.11.23.19.54.25.", false},
    {"l.log.2026.11.23.19.54.25.5x", false},
    {"l.log.2026.11.23.19.54", false},
    {"l.log.26.11.23.19.54.25.532716206", false},
    {"l.log2026.11.23.19.54.25.532716206", false},
    {"l.log.gz", false},
    {"other.2026.11.23.19.54.25.532716206", false},
};

static void only_names_with_a_stamp_are_backups(void **state)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (log_name_is_backup(names[i].name, "l.log") != names[i].backup)
            fail_msg("%s", names[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_pid_time_label_and_text_as_asked_for),
        cmocka_unit_test(without_a_clock_there_is_no_time),
        cmocka_unit_test(a_stamp_has_nanoseconds),
        cmocka_unit_test(time_before_1970_has_positive_parts),
        cmocka_unit_test(only_names_with_a_stamp_are_backups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
