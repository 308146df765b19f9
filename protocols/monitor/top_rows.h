/* SPDX-License-Identifier: Apache-2.0 */
/* top_rows.h -- of many rows that come in any order, the first `limit` of a page's order.
 *
 * Idea        A heap of the rows kept, the last of them on top: a row that comes is compared with it and
 *             takes its place or goes. In the end the heap is taken apart in place, last row first, a
 *             bounded number of rows a call, so that no turn is long.
 * Invariants  1. count <= limit; before the sort rows[0..count) is a heap, the last row at 0
 *             2. while sorting, rows[heap..count) are in their final places
 * Bounds      limit rows of 32 bytes, taken as they come; TOP_ROWS_MAX of them.
 */
#ifndef PROTOCOLS_MONITOR_TOP_ROWS_H
#define PROTOCOLS_MONITOR_TOP_ROWS_H

#include "protocols/monitor/connz.h"

#define TOP_ROWS_MAX ((size_t)1 << 20)

struct top_row {
    struct connz_key key; /* what it is ordered by */
    uint64_t ref;         /* the collector's: where to ask for it */
    bool closed;          /* likewise */
};

struct top_rows {
    struct top_row *rows; /* given */
    size_t count;
    size_t capacity;
    size_t limit;
    size_t heap; /* not sorted yet */
};

/* limit > 0; what is past TOP_ROWS_MAX is not kept. */
void top_rows_init(struct top_rows *t, uint64_t limit);
void top_rows_done(struct top_rows *t);

void top_rows_add(struct top_rows *t, const struct top_row *row);

/* Puts up to `count_max` rows in their places; true when all are. No row is added after the first
 * call. */
bool top_rows_sort(struct top_rows *t, size_t count_max);

void top_rows_check(const struct top_rows *t);

#endif
