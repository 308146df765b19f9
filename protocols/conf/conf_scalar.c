/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/conf/conf_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf_error.h"
#include "runtime/base/check.h"

/* before'TEXT'after */
static int refuse(struct conf_error *error, const char *before, struct bytes text,
                  const char *after)
{
    conf_error_clear(error);
    conf_error_add(error, "%s'", before);
    conf_error_add_bytes(error, text);
    conf_error_add(error, "'%s", after);
    return -EINVAL;
}

/* What a suffix multiplies by: a letter counts in thousands, a letter with b or i in 1024s. 0: none. */
static uint64_t unit_of(struct bytes suffix)
{
    static const char letters[] = "kmgtpe";
    if (suffix.size == 0)
        return 1;
    const char *letter = strchr(letters, suffix.at[0] | 0x20);
    if (letter == NULL || *letter == '\0')
        return 0;
    uint64_t base = 1000;
    if (suffix.size > 1) {
        struct bytes rest = {suffix.at + 1, suffix.size - 1};
        if (!conf_key_is(rest, "b") && !conf_key_is(rest, "i") && !conf_key_is(rest, "ib"))
            return 0;
        base = 1024;
    }
    uint64_t unit = base;
    for (const char *l = letters; l < letter; l++)
        unit *= base;
    return unit;
}

int conf_scalar_integer(struct bytes text, int64_t *ret_value, struct conf_error *error)
{
    bool negative = text.size > 0 && text.at[0] == '-';
    size_t i = negative ? 1 : 0;
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value = 0;
    for (; i < text.size && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text.at[i] - '0');
        if (value > (limit - digit) / 10)
            return refuse(error, "integer ", text, " is out of the range");
        value = value * 10 + digit;
    }
    uint64_t unit = unit_of((struct bytes){text.at + i, text.size - i});
    if (unit == 0)
        return 1;
    DCHECK(value <= limit);
    *ret_value = (int64_t)((negative ? -value : value) * unit);
    return 0;
}

int conf_scalar_float(struct bytes text, double *ret_value, struct conf_error *error)
{
    char *copy = strndup(text.at, text.size);
    CHECK(copy != NULL);
    char *end = NULL;
    double value = strtod(copy, &end);
    DCHECK(end == copy + text.size);
    free(copy);
    if (!isfinite(value))
        return refuse(error, "float ", text, " is out of the range");
    *ret_value = value;
    return 0;
}

static int two_digits(const char *at)
{
    return (at[0] - '0') * 10 + (at[1] - '0');
}

int conf_scalar_datetime(struct bytes text, struct conf_error *error)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    CHECK(text.size == strlen("2006-01-02T15:04:05Z"));
    int year = two_digits(text.at) * 100 + two_digits(text.at + 2);
    int month = two_digits(text.at + 5);
    int day = two_digits(text.at + 8);
    bool ok = month >= 1 && month <= 12 && day >= 1;
    if (ok) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        ok = day <= days[month - 1] + (leap && month == 2 ? 1 : 0);
    }
    ok = ok && two_digits(text.at + 11) < 24 && two_digits(text.at + 14) < 60 &&
         two_digits(text.at + 17) < 60;
    if (!ok)
        return refuse(error, "expected Zulu formatted DateTime, but got ", text, "");
    return 0;
}
