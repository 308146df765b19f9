/* SPDX-License-Identifier: Apache-2.0 */
/* go_text.c -- numbers, times and strings as Go spells them; see go_text.h. */
#include "protocols/json/go_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocols/json/output.h"
#include "runtime/base/check.h"

enum { DIGITS_MAX = 17 };

#define NS_PER_S INT64_C(1000000000)
#define S_PER_DAY INT64_C(86400)

/* 0.d1d2d3... * 10^point, d1 not 0 unless all is 0. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int count;
    int point;
};

/* The fewest digits that read back as f. Skips whatever the locale takes for a decimal point. */
static struct decimal shortest(double f)
{
    char text[64];
    for (int precision = 0; precision < DIGITS_MAX; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, f);
        if (strtod(text, NULL) == f)
            break;
    }
    struct decimal d = {.count = 0};
    const char *at = text;
    for (; *at != 'e'; at++) {
        CHECK(*at);
        if (*at >= '0' && *at <= '9' && d.count < DIGITS_MAX)
            d.digits[d.count++] = *at;
    }
    d.point = atoi(at + 1) + 1;
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.count--;
    CHECK(d.count > 0);
    return d;
}

static void print_exponent(struct output *o, const struct decimal *d)
{
    output_byte(o, d->digits[0]);
    if (d->count > 1) {
        output_byte(o, '.');
        output_add(o, (struct bytes){d->digits + 1, (size_t)d->count - 1});
    }
    int exponent = d->point - 1;
    /* Two digits at least after e+, one after e-: encoding/json drops that zero there alone. */
    output_print(o, exponent < 0 ? "e%d" : "e+%02d", exponent);
}

static void print_plain(struct output *o, const struct decimal *d)
{
    if (d->point <= 0) {
        output_text(o, "0.");
        output_repeat(o, '0', (size_t)-d->point);
        output_add(o, (struct bytes){d->digits, (size_t)d->count});
        return;
    }
    for (int i = 0; i < d->point; i++)
        output_byte(o, i < d->count ? d->digits[i] : '0');
    if (d->count > d->point) {
        output_byte(o, '.');
        output_add(o, (struct bytes){d->digits + d->point, (size_t)(d->count - d->point)});
    }
}

void go_text_float(struct output *o, double f)
{
    CHECK(isfinite(f));
    if (signbit(f))
        output_byte(o, '-');
    f = fabs(f);
    if (f == 0) {
        output_byte(o, '0');
        return;
    }
    struct decimal d = shortest(f);
    if (f < 1e-6 || f >= 1e21)
        print_exponent(o, &d);
    else
        print_plain(o, &d);
}

/* Years of 400 are all alike (146097 days); counted from March, the leap day is the last. */
struct go_date go_text_date(int64_t days)
{
    days += 719468; /* from 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int day_of_era = (int)(days - era * 146097);
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (5 * day_of_year + 2) / 153;
    struct go_date date = {
        .year = (int)(era * 400) + year_of_era + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
    DCHECK(date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= 31);
    return date;
}

/* A point and `digits` digits of n without their trailing zeros; nothing at all for 0. */
static void print_fraction(struct output *o, int64_t n, int digits)
{
    DCHECK(n >= 0);
    if (n == 0)
        return;
    for (; n % 10 == 0; n /= 10)
        digits--;
    DCHECK(digits > 0);
    output_print(o, ".%0*lld", digits, (long long)n);
}

void go_text_time(struct output *o, int64_t ns)
{
    if (ns == GO_TIME_ZERO) {
        output_text(o, "0001-01-01T00:00:00Z");
        return;
    }
    bool before = ns % NS_PER_S < 0; /* a fraction counts forwards before 1970, too */
    int64_t seconds = ns / NS_PER_S - before;
    int64_t fraction = ns % NS_PER_S + (before ? NS_PER_S : 0);
    int64_t days = seconds / S_PER_DAY - (seconds % S_PER_DAY < 0);
    int second = (int)(seconds - days * S_PER_DAY);
    struct go_date date = go_text_date(days);
    output_print(o, "%04d-%02d-%02dT%02d:%02d:%02d", date.year, date.month, date.day, second / 3600,
                 second / 60 % 60, second % 60);
    print_fraction(o, fraction, 9);
    output_byte(o, 'Z');
}

static void print_below_second(struct output *o, uint64_t ns)
{
    if (ns < 1000) {
        output_print(o, "%lluns", (unsigned long long)ns);
        return;
    }
    bool micro = ns < 1000000;
    uint64_t unit = micro ? 1000 : 1000000;
    output_print(o, "%llu", (unsigned long long)(ns / unit));
    print_fraction(o, (int64_t)(ns % unit), micro ? 3 : 6);
    output_text(o, micro ? "\xc2\xb5s" : "ms");
}

void go_text_duration(struct output *o, int64_t ns)
{
    if (ns == 0) {
        output_text(o, "0s");
        return;
    }
    uint64_t rest = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    if (ns < 0)
        output_byte(o, '-');
    if (rest < NS_PER_S) {
        print_below_second(o, rest);
        return;
    }
    unsigned long long seconds = rest / NS_PER_S;
    if (seconds >= 3600)
        output_print(o, "%lluh", seconds / 3600);
    if (seconds >= 60)
        output_print(o, "%llum", seconds / 60 % 60);
    output_print(o, "%llu", seconds % 60);
    print_fraction(o, (int64_t)(rest % NS_PER_S), 9);
    output_byte(o, 's');
}

void go_text_uptime(struct output *o, int64_t ns)
{
    long long seconds = ns / NS_PER_S;
    long long minutes = seconds / 60;
    long long hours = minutes / 60;
    long long days = hours / 24;
    if (days / 365 > 0)
        output_print(o, "%lldy", days / 365);
    if (days > 0)
        output_print(o, "%lldd", days % 365);
    if (hours > 0)
        output_print(o, "%lldh", hours % 24);
    if (minutes > 0)
        output_print(o, "%lldm", minutes % 60);
    output_print(o, "%llds", seconds % 60);
}

size_t go_text_rune(struct bytes b, uint32_t *ret_rune)
{
    DCHECK(b.size > 0);
    const unsigned char *at = (const unsigned char *)b.at;
    if (at[0] < 0x80) {
        *ret_rune = at[0];
        return 1;
    }
    size_t size = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    if (size == 0 || size > b.size)
        return 0;
    uint32_t rune = at[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        rune = rune << 6 | (at[i] & 0x3fu);
    }
    bool overlong = (size == 3 && rune < 0x800) || (size == 4 && rune < 0x10000);
    if (overlong || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
        return 0;
    *ret_rune = rune;
    return size;
}

static bool printable(uint32_t rune)
{
    static const uint32_t ranges[][2] = {
        {0x00, 0x1f},     {0x7f, 0xa0},       {0xad, 0xad},        {0x600, 0x605},
        {0x1680, 0x1680}, {0x2000, 0x200f},   {0x2028, 0x202f},    {0x205f, 0x206f},
        {0x3000, 0x3000}, {0xe000, 0xf8ff},   {0xfeff, 0xfeff},    {0xfff0, 0xfffb},
        {0xfffe, 0xffff}, {0xe0000, 0xe00ff}, {0xe01f0, 0x10ffff},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (rune >= ranges[i][0] && rune <= ranges[i][1])
            return false;
    }
    return true;
}

static void quote_rune(struct output *o, struct bytes encoded, uint32_t rune)
{
    static const char letters[] = "abtnvfr"; /* 7..13 */
    if (rune == '"' || rune == '\\')
        output_print(o, "\\%c", (int)rune);
    else if (printable(rune))
        output_add(o, encoded);
    else if (rune >= 7 && rune <= 13)
        output_print(o, "\\%c", letters[rune - 7]);
    else if (rune < 0x20 || rune == 0x7f)
        output_print(o, "\\x%02x", rune);
    else
        output_print(o, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
}

void go_text_quote(struct output *o, struct bytes text)
{
    output_byte(o, '"');
    while (text.size > 0) {
        uint32_t rune = 0;
        size_t size = go_text_rune(text, &rune);
        if (size == 0)
            output_print(o, "\\x%02x", (unsigned char)text.at[0]);
        else
            quote_rune(o, (struct bytes){text.at, size}, rune);
        size = size ? size : 1;
        text = (struct bytes){text.at + size, text.size - size};
    }
    output_byte(o, '"');
}
