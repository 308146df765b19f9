/* SPDX-License-Identifier: Apache-2.0 */
/* log_line.h -- what a line of the log looks like: [pid] YYYY/MM/DD hh:mm:ss.uuuuuu [INF] text */
#ifndef ACTORS_LOGGER_LOG_LINE_H
#define ACTORS_LOGGER_LOG_LINE_H

#include "actors/logger/logger_msg.h"

#define LOG_PREFIX_MAX 96 /* bytes before the text, and its end */

struct log_date {
    int year;
    unsigned month;
    unsigned day;
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned ns;
};

/* utc, or the process's time zone (localtime_r). */
void log_date_of(int64_t wall_ns, bool utc, struct log_date *ret_date);

enum log_line_style {
    LOG_LINE_USUAL,
    LOG_LINE_DIRECT, /* the logger's own about its files: local time, ends in CR LF */
};

/* Writes the line to `to`, which has room for text.size + LOG_PREFIX_MAX; returns its size. A
 * wall_ns of INT64_MIN means that there is no clock. */
size_t log_line(char *to, const struct log_format *format, enum log_line_style style,
                enum log_level level, int64_t wall_ns, struct bytes text);

/* ".YYYY.MM.DD.hh.mm.ss.nnnnnnnnn", what a rotated file gets behind its name. */
#define LOG_STAMP_SIZE 32
void log_stamp(char to[LOG_STAMP_SIZE], const struct log_date *date);

/* Whether name is `base` with such a stamp (or one with a shorter fraction, or none). */
bool log_name_is_backup(const char *name, const char *base);

#endif
