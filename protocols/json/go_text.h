/* SPDX-License-Identifier: Apache-2.0 */
/* go_text.h -- numbers, times and strings spelled as Go's standard library spells them.
 *
 * Tools compare and parse what the monitoring pages and INFO say, so the spelling is part of the
 * protocol: shortest floats, RFC 3339 with as many digits as needed, "1m2.5s", quoted strings.
 *
 * Differs     go_text_quote takes ranges for "not printable" where Go has Unicode's tables: a rune of
 *             an unassigned code point is kept where Go writes \u.
 */
#ifndef PROTOCOLS_JSON_GO_TEXT_H
#define PROTOCOLS_JSON_GO_TEXT_H

#include <stdint.h>

#include "runtime/base/bytes.h"

struct output;

/* Go's zero time.Time, where a time is in nanoseconds since 1970. */
#define GO_TIME_ZERO INT64_MIN

/* encoding/json's float64. f is finite. */
void go_text_float(struct output *o, double f);
/* RFC3339Nano in UTC. */
void go_text_time(struct output *o, int64_t ns);
/* time.Duration's String: "0s", "392µs", "1.5ms", "1h2m3s". */
void go_text_duration(struct output *o, int64_t ns);
/* The monitoring pages' uptime: whole seconds, "1y2d3h4m5s" without leading zero units. */
void go_text_uptime(struct output *o, int64_t ns);
/* strconv.Quote. */
void go_text_quote(struct output *o, struct bytes text);

/* One rune of UTF-8 at b: its size in bytes, or 0 when it is not valid there; b is not empty. */
size_t go_text_rune(struct bytes b, uint32_t *ret_rune);

/* A day of the Gregorian calendar, from days since 1970-01-01. */
struct go_date {
    int year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
};
struct go_date go_text_date(int64_t days);

#endif
