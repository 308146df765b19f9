/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/conf/conf_duration.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_quote.h"
#include "runtime/base/check.h"

static const uint64_t LIMIT = (uint64_t)1 << 63;

struct unit {
    const char *name;
    uint64_t ns;
};

static const struct unit units[] = {
    {"ns", 1},           {"us", 1000},      {"\xc2\xb5s", 1000}, /* micro sign */
    {"\xce\xbcs", 1000},                                         /* Greek mu */
    {"ms", 1000000},     {"s", 1000000000}, {"m", 60 * 1000000000ull}, {"h", 3600 * 1000000000ull},
};

static int refuse(struct conf_error *error, const char *what, struct bytes text)
{
    conf_error_clear(error);
    conf_error_add(error, "time: %s ", what);
    conf_quote(error, text);
    return -EINVAL;
}

static const struct unit *unit_named(struct bytes name)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (bytes_are(name, units[i].name))
            return &units[i];
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char first(struct bytes b)
{
    return b.size > 0 ? b.at[0] : '\0';
}

static void advance(struct bytes *b)
{
    DCHECK(b->size > 0);
    b->at++;
    b->size--;
}

/* Digits before the point; false when they say more than 2^63. */
static bool whole(struct bytes *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (; is_digit(first(*rest)); advance(rest)) {
        if (value > LIMIT / 10)
            return false;
        value = value * 10 + (uint64_t)(rest->at[0] - '0');
        if (value > LIMIT)
            return false;
    }
    *ret_value = value;
    return true;
}

/* Digits after the point, as many as fit; the others change nothing. */
static void fraction(struct bytes *rest, uint64_t *ret_value, double *ret_scale)
{
    bool full = false;
    *ret_value = 0;
    *ret_scale = 1;
    for (; is_digit(first(*rest)); advance(rest)) {
        uint64_t more = *ret_value * 10 + (uint64_t)(rest->at[0] - '0');
        full = full || *ret_value > (LIMIT - 1) / 10 || more > LIMIT;
        if (!full) {
            *ret_value = more;
            *ret_scale *= 10;
        }
    }
}

/* One number with its unit, added to the total. `text` is the whole, for the messages. */
static int add_term(struct bytes *rest, struct bytes text, uint64_t *total,
                    struct conf_error *error)
{
    static const char invalid[] = "invalid duration";
    uint64_t value;
    uint64_t part = 0;
    double scale = 1;
    const char *begin = rest->at;
    if (!whole(rest, &value))
        return refuse(error, invalid, text);
    bool any = rest->at != begin;
    if (first(*rest) == '.') {
        advance(rest);
        begin = rest->at;
        fraction(rest, &part, &scale);
        any = any || rest->at != begin;
    }
    if (!any)
        return refuse(error, invalid, text);
    struct bytes name = {rest->at, 0};
    for (; rest->size > 0 && first(*rest) != '.' && !is_digit(first(*rest)); advance(rest))
        name.size++;
    if (name.size == 0)
        return refuse(error, "missing unit in duration", text);
    const struct unit *unit = unit_named(name);
    if (unit == NULL) {
        refuse(error, "unknown unit", name);
        conf_error_add(error, " in duration ");
        conf_quote(error, text);
        return -EINVAL;
    }
    if (value > LIMIT / unit->ns)
        return refuse(error, invalid, text);
    value *= unit->ns;
    if (part > 0)
        value += (uint64_t)((double)part * ((double)unit->ns / scale));
    if (value > LIMIT || *total + value > LIMIT)
        return refuse(error, invalid, text);
    *total += value;
    return 0;
}

int conf_duration_parse(struct bytes text, int64_t *ret_ns, struct conf_error *error)
{
    struct bytes rest = text;
    bool negative = first(rest) == '-';
    if (negative || first(rest) == '+')
        advance(&rest);
    if (bytes_are(rest, "0")) {
        *ret_ns = 0;
        return 0;
    }
    if (rest.size == 0)
        return refuse(error, "invalid duration", text);
    uint64_t total = 0;
    while (rest.size > 0) {
        char c = first(rest);
        if (c != '.' && !is_digit(c))
            return refuse(error, "invalid duration", text);
        int rc = add_term(&rest, text, &total, error);
        if (rc < 0)
            return rc;
    }
    if (!negative && total == LIMIT)
        return refuse(error, "invalid duration", text);
    CHECK(total <= LIMIT);
    *ret_ns = (int64_t)(negative ? -total : total);
    return 0;
}

/* "12.05" for 12050 with 3 decimals: no zeros at the end, and no point then. */
static void print_decimal(char *text, size_t room, uint64_t value, unsigned decimals,
                          const char *unit)
{
    uint64_t scale = 1;
    for (unsigned i = 0; i < decimals; i++)
        scale *= 10;
    uint64_t part = value % scale;
    while (decimals > 0 && part % 10 == 0) {
        part /= 10;
        decimals--;
    }
    int size;
    unsigned long long head = value / scale;
    if (decimals > 0)
        size = snprintf(text, room, "%llu.%0*llu%s", head, (int)decimals, (unsigned long long)part,
                        unit);
    else
        size = snprintf(text, room, "%llu%s", head, unit);
    CHECK(size > 0 && (size_t)size < room);
}

void conf_duration_print(int64_t ns, char text[CONF_DURATION_MAX])
{
    uint64_t left = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    size_t used = 0;
    const uint64_t second = 1000000000;
    if (ns == 0) {
        memcpy(text, "0s", sizeof("0s"));
        return;
    }
    if (ns < 0)
        text[used++] = '-';
    if (left < second) {
        bool micro = left >= 1000 && left < 1000000;
        print_decimal(text + used, CONF_DURATION_MAX - used, left,
                      left < 1000 ? 0
                      : micro     ? 3
                                  : 6,
                      left < 1000 ? "ns"
                      : micro     ? "\xc2\xb5s"
                                  : "ms");
        return;
    }
    uint64_t hours = left / (3600 * second);
    uint64_t minutes = left / (60 * second);
    if (hours > 0)
        used += (size_t)snprintf(text + used, CONF_DURATION_MAX - used, "%lluh",
                                 (unsigned long long)hours);
    if (minutes > 0)
        used += (size_t)snprintf(text + used, CONF_DURATION_MAX - used, "%llum",
                                 (unsigned long long)(minutes % 60));
    CHECK(used < CONF_DURATION_MAX);
    print_decimal(text + used, CONF_DURATION_MAX - used, left % (60 * second), 9, "s");
}
