/* SPDX-License-Identifier: Apache-2.0 */
#include "actors/logger/log_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/base/check.h"

#define NS_PER_SECOND 1000000000

static const struct {
    const char *plain;
    const char *coloured;
} labels[LOG_LEVELS] = {
    [LOG_LEVEL_TRACE] = {"[TRC] ", "[\x1b[33mTRC\x1b[0m] "},
    [LOG_LEVEL_DEBUG] = {"[DBG] ", "[\x1b[36mDBG\x1b[0m] "},
    [LOG_LEVEL_INFO] = {"[INF] ", "[\x1b[32mINF\x1b[0m] "},
    [LOG_LEVEL_WARN] = {"[WRN] ", "[\x1b[0;93mWRN\x1b[0m] "},
    [LOG_LEVEL_ERROR] = {"[ERR] ", "[\x1b[31mERR\x1b[0m] "},
    [LOG_LEVEL_FATAL] = {"[FTL] ", "[\x1b[31mFTL\x1b[0m] "},
};

void log_date_of(int64_t wall_ns, bool utc, struct log_date *ret_date)
{
    int64_t ns = wall_ns % NS_PER_SECOND;
    if (ns < 0)
        ns += NS_PER_SECOND;
    time_t second = (time_t)((wall_ns - ns) / NS_PER_SECOND);
    struct tm tm;
    CHECK((utc ? gmtime_r(&second, &tm) : localtime_r(&second, &tm)) != NULL);
    *ret_date = (struct log_date){
        .year = tm.tm_year + 1900,
        .month = (unsigned)tm.tm_mon + 1,
        .day = (unsigned)tm.tm_mday,
        .hour = (unsigned)tm.tm_hour,
        .minute = (unsigned)tm.tm_min,
        .second = (unsigned)tm.tm_sec,
        .ns = (unsigned)ns,
    };
}

/* snprintf's size into a buffer that is known to be large enough. */
static size_t printed(int size, size_t room)
{
    CHECK(size >= 0 && (size_t)size < room);
    return (size_t)size;
}

static size_t print_time(char *to, size_t room, int64_t wall_ns, bool utc)
{
    struct log_date d;
    log_date_of(wall_ns, utc, &d);
    return printed(snprintf(to, room, "%04d/%02u/%02u %02u:%02u:%02u.%06u ", d.year, d.month, d.day,
                            d.hour, d.minute, d.second, d.ns / 1000),
                   room);
}

size_t log_line(char *to, const struct log_format *format, enum log_line_style style,
                enum log_level level, int64_t wall_ns, struct bytes text)
{
    CHECK((unsigned)level < LOG_LEVELS);
    bool direct = style == LOG_LINE_DIRECT;
    size_t size = 0;
    if (format->pid != 0)
        size += printed(snprintf(to, LOG_PREFIX_MAX, "[%u] ", format->pid), LOG_PREFIX_MAX);
    if (format->time && wall_ns != INT64_MIN)
        size += print_time(to + size, LOG_PREFIX_MAX - size, wall_ns,
                           format->local_is_utc || (format->utc && !direct));
    const char *label = format->colours ? labels[level].coloured : labels[level].plain;
    size_t label_size = strlen(label);
    DCHECK(size + label_size + 2 <= LOG_PREFIX_MAX);
    memcpy(to + size, label, label_size);
    size += label_size;
    if (text.size > 0)
        memcpy(to + size, text.at, text.size);
    size += text.size;
    if (direct)
        to[size++] = '\r';
    if (direct || to[size - 1] != '\n')
        to[size++] = '\n';
    return size;
}

void log_stamp(char to[LOG_STAMP_SIZE], const struct log_date *d)
{
    (void)printed(snprintf(to, LOG_STAMP_SIZE, ".%04d.%02u.%02u.%02u.%02u.%02u.%09u", d->year,
                           d->month, d->day, d->hour, d->minute, d->second, d->ns),
                  LOG_STAMP_SIZE);
}

/* Reads a dot and `width` digits; -1: they are not there. */
static int read_number(const char **at, unsigned width)
{
    const char *p = *at;
    if (*p++ != '.')
        return -1;
    int number = 0;
    for (unsigned i = 0; i < width; i++, p++) {
        if (*p < '0' || *p > '9')
            return -1;
        number = number * 10 + (*p - '0');
    }
    *at = p;
    return number;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool log_name_is_backup(const char *name, const char *base)
{
    size_t base_size = strlen(base);
    if (strncmp(name, base, base_size) != 0)
        return false;
    const char *at = name + base_size;
    static const struct {
        unsigned width;
        int least;
        int most;
    } parts[] = {{4, 0, 9999}, {2, 1, 12}, {2, 1, 31}, {2, 0, 23}, {2, 0, 59}, {2, 0, 59}};
    int numbers[6];
    for (unsigned i = 0; i < 6; i++) {
        numbers[i] = read_number(&at, parts[i].width);
        if (numbers[i] < parts[i].least || numbers[i] > parts[i].most)
            return false;
    }
    if (numbers[2] > days_of(numbers[0], numbers[1]))
        return false;
    if (*at == 0)
        return true;
    if (*at++ != '.' || *at == 0)
        return false;
    return at[strspn(at, "0123456789")] == 0;
}
