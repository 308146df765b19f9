/* SPDX-License-Identifier: Apache-2.0 */
#include "store/compact_choose.h"

uint64_t compact_live_bytes(const struct compact_segment *s)
{
    if (s->live >= s->records)
        return s->size;
    return (uint64_t)((unsigned __int128)s->size * s->live / s->records);
}

static uint64_t dead_bytes(const struct compact_segment *s)
{
    return s->size - compact_live_bytes(s);
}

static bool is_candidate(const struct compact_segment *s, const struct compact_limits *limits)
{
    uint64_t dead = dead_bytes(s);
    return s->live == 0 || (dead >= limits->dead_min && dead >= s->size - dead);
}

/* Whether a neighbour of a candidate goes with it, into a result of `bytes` so far. */
static bool goes_along(const struct compact_segment *s, uint64_t bytes,
                       const struct compact_limits *limits)
{
    uint64_t live = compact_live_bytes(s);
    return (is_candidate(s, limits) || live < limits->small) && live <= limits->result_max &&
           bytes <= limits->result_max - live;
}

/* Double: a score orders, it does not count. */
static double score(const struct compact_segment *s)
{
    return (double)dead_bytes(s) * ((double)s->age + 1);
}

/* count: there is no candidate. */
static uint32_t best(const struct compact_segment *segments, uint32_t count,
                     const struct compact_limits *limits)
{
    uint32_t found = count;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_candidate(&segments[i], limits))
            continue;
        if (found == count || score(&segments[i]) > score(&segments[found]))
            found = i;
    }
    return found;
}

struct compact_choice compact_choose(const struct compact_segment *segments, uint32_t count,
                                     const struct compact_limits *limits)
{
    uint32_t first = best(segments, count, limits);
    if (first == count || limits->count_max == 0)
        return (struct compact_choice){0, 0};
    uint32_t end = first + 1;
    uint64_t bytes = compact_live_bytes(&segments[first]);
    while (end - first < limits->count_max) {
        bool right = end < count && goes_along(&segments[end], bytes, limits);
        bool left = first > 0 && goes_along(&segments[first - 1], bytes, limits);
        if (left)
            bytes += compact_live_bytes(&segments[--first]);
        else if (right)
            bytes += compact_live_bytes(&segments[end++]);
        else
            break;
    }
    return (struct compact_choice){first, end - first};
}
