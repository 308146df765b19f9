/* SPDX-License-Identifier: Apache-2.0 */
/* top_rows.c -- see top_rows.h. */
#include "protocols/monitor/top_rows.h"

#include <stdlib.h>

#include "runtime/base/check.h"

#define CAPACITY_FIRST ((size_t)64)

void top_rows_init(struct top_rows *t, uint64_t limit)
{
    CHECK(limit > 0);
    *t = (struct top_rows){.limit = limit < TOP_ROWS_MAX ? (size_t)limit : TOP_ROWS_MAX};
}

void top_rows_done(struct top_rows *t)
{
    free(t->rows);
    *t = (struct top_rows){0};
}

static bool before(const struct top_row *a, const struct top_row *b)
{
    return connz_key_before(a->key, b->key);
}

static void swap(struct top_row *a, struct top_row *b)
{
    struct top_row was = *a;
    *a = *b;
    *b = was;
}

static void sift_up(struct top_row *rows, size_t at)
{
    while (at > 0 && before(&rows[(at - 1) / 2], &rows[at])) {
        swap(&rows[(at - 1) / 2], &rows[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct top_row *rows, size_t count)
{
    for (size_t at = 0;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (before(&rows[last], &rows[child]))
                last = child;
        if (last == at)
            return;
        swap(&rows[at], &rows[last]);
        at = last;
    }
}

static void grow(struct top_rows *t)
{
    size_t capacity = t->capacity == 0 ? CAPACITY_FIRST : t->capacity * 2;
    if (capacity > t->limit)
        capacity = t->limit;
    t->rows = realloc(t->rows, capacity * sizeof *t->rows);
    CHECK(t->rows != NULL);
    t->capacity = capacity;
}

void top_rows_add(struct top_rows *t, const struct top_row *row)
{
    CHECK(t->heap == t->count); /* no sort has begun */
    if (t->count == t->limit) {
        if (before(row, &t->rows[0])) {
            t->rows[0] = *row;
            sift_down(t->rows, t->count);
        }
        return;
    }
    if (t->count == t->capacity)
        grow(t);
    t->rows[t->count] = *row;
    sift_up(t->rows, t->count);
    t->heap = ++t->count;
}

bool top_rows_sort(struct top_rows *t, size_t count_max)
{
    CHECK(t->heap <= t->count);
    for (; t->heap > 1 && count_max > 0; count_max--) {
        swap(&t->rows[0], &t->rows[--t->heap]);
        sift_down(t->rows, t->heap);
    }
    return t->heap <= 1;
}

void top_rows_check(const struct top_rows *t)
{
    CHECK(t->count <= t->limit && t->count <= t->capacity);
    for (size_t i = 1; i < t->heap; i++)
        CHECK(!before(&t->rows[(i - 1) / 2], &t->rows[i]));
    for (size_t i = t->heap + 1; i < t->count; i++)
        CHECK(!before(&t->rows[i], &t->rows[i - 1]));
}
