/* SPDX-License-Identifier: Apache-2.0 */
/* store_compact.c -- when segments of a group are written anew: compact_choose.h says which.
 *
 * Idea        A group is looked at when a drain has been through it, which is when what is dead has become so
 *             for good, and again when a rewrite of it is over, until nothing is left to choose.
 * Bounds      COMPACT_JOBS_MAX at once in a store; a group whose rewrite has failed waits COMPACT_RETRY_MS.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/compact_choose.h"
#include "store/group/group.h"
#include "store/msglog_file.h"
#include "store/store_rewrite.h"

#define COMPACT_JOBS_MAX 2u
#define COMPACT_RETRY_MS 60000u

static void on_rewritten(struct store *s, struct store_group *g, int status)
{
    if (status != 0)
        g->compact_retry_ms = s->now_ms + COMPACT_RETRY_MS;
    else
        store_compact_consider(s, g);
}

/* Of a group's list of segments, oldest first. Given. */
static struct compact_segment *measure(const struct store_group *g, uint32_t *ret_count)
{
    const struct segments *segments = msglog_segments(g->log);
    uint32_t count = segments_count(segments);
    struct compact_segment *list = malloc((count + 1) * sizeof *list);
    CHECK(list != NULL);
    int64_t now_ns = group_now(g->group);
    for (uint32_t i = 0; i < count; i++) {
        struct segment_edge edge;
        segments_edge(segments, i, &edge);
        uint64_t age =
            now_ns > edge.max_time_ns ? (uint64_t)now_ns - (uint64_t)edge.max_time_ns : 0;
        list[i] = (struct compact_segment){
            .size = edge.size,
            .records = edge.records,
            .live = msglog_live_in(g->log, edge.first_seq, edge.last_seq),
            .age = age,
        };
    }
    *ret_count = count;
    return list;
}

static struct compact_choice choose(const struct store *s, const struct store_group *g)
{
    uint32_t count;
    struct compact_segment *list = measure(g, &count);
    const struct compact_limits limits = {
        .dead_min = s->options.compact_dead_min,
        .result_max = SEGMENT_BYTES_MAX,
        .small = SEGMENT_BYTES_MIN / 4,
        .count_max = REWRITE_SEGMENTS_MAX,
    };
    struct compact_choice choice = compact_choose(list, count, &limits);
    free(list);
    return choice;
}

static bool may_compact(const struct store *s, const struct store_group *g)
{
    return g->form == MSGLOG_FILE && g->life == GROUP_LOADED && g->rewrite == NULL &&
           !g->deleting && s->now_ms >= g->compact_retry_ms;
}

void store_compact_consider(struct store *s, struct store_group *g)
{
    if (may_compact(s, g) && list_empty(&g->compact_link))
        list_push_back(&s->to_compact, &g->compact_link);
}

static unsigned count_jobs(const struct store *s)
{
    unsigned count = 0;
    for (const struct link *l = s->rewrites.next; l != &s->rewrites; l = l->next)
        count++;
    return count;
}

/* The next one that can begin: one that a drain works on waits for its end. */
static bool begin_one(struct store *s)
{
    struct link *next;
    for (struct link *l = s->to_compact.next; l != &s->to_compact; l = next) {
        next = l->next;
        struct store_group *g = LIST_ENTRY(l, struct store_group, compact_link);
        if (g->draining)
            continue;
        list_remove(l);
        if (!may_compact(s, g))
            return true;
        struct compact_choice choice = choose(s, g);
        if (choice.count > 0)
            store_rewrite(s, g,
                          &(struct rewrite_options){
                              .first = choice.first, .count = choice.count, .done = on_rewritten});
        return true;
    }
    return false;
}

bool store_compact_slice(struct store *s)
{
    store_rewrites_slice(s);
    if (s->failed || s->life != STORE_READY) {
        while (list_pop_front(&s->to_compact) != NULL)
            ;
        return false;
    }
    return count_jobs(s) < COMPACT_JOBS_MAX && begin_one(s);
}
