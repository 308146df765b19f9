/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_lost.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/msglog_file.h"
#include "store/store_state.h"
#include "store/table/seqset.h"

static struct seqset *lost_of(struct store_group *g)
{
    if (g->lost == NULL) {
        g->lost = malloc(sizeof *g->lost);
        CHECK(g->lost != NULL);
        seqset_init(g->lost);
    }
    return g->lost;
}

void store_lost_done(struct store_group *g)
{
    if (g->lost != NULL)
        seqset_done(g->lost);
    free(g->lost);
    g->lost = NULL;
}

bool store_lost_has(const struct store_group *g, uint64_t seq)
{
    return g->lost != NULL && seqset_contains(g->lost, seq);
}

/* Part of a range that was found: of it, what is alive and news. Returns where to go on. */
static uint64_t add_part(struct store *s, struct store_group *g, uint64_t from, uint64_t last)
{
    uint64_t first = msglog_next_live(g->log, from);
    if (first > last)
        return last + 1;
    if (seqset_contains(g->lost, first))
        return first + 1;
    uint64_t end = first;
    while (end < last && msglog_next_live(g->log, end + 1) == end + 1 &&
           !seqset_contains(g->lost, end + 1))
        end++;
    (void)seqset_add_range(g->lost, first, end);
    if (s->options.lost != NULL)
        s->options.lost(s->options.context, g, first, end);
    return end + 1;
}

bool store_lost_add(struct store *s, struct store_group *g, const struct seqset *lost)
{
    uint64_t before = g->lost == NULL ? 0 : seqset_total(g->lost);
    uint64_t first;
    for (uint64_t from = 0; seqset_next(lost, from, &first);) {
        (void)lost_of(g);
        uint64_t last = seqset_next_out(lost, first) - 1;
        for (from = first; from <= last;)
            from = add_part(s, g, from, last);
    }
    return g->lost != NULL && seqset_total(g->lost) > before;
}

/* A seqset only grows: the rest is copied. */
void store_lost_remove(struct store_group *g, uint64_t seq)
{
    if (!store_lost_has(g, seq))
        return;
    struct seqset rest;
    seqset_init(&rest);
    uint64_t first;
    for (uint64_t from = 0; seqset_next(g->lost, from, &first);) {
        from = seqset_next_out(g->lost, first);
        if (first < seq)
            (void)seqset_add_range(&rest, first, (from <= seq ? from : seq) - 1);
        if (from > seq + 1)
            (void)seqset_add_range(&rest, first > seq ? first : seq + 1, from - 1);
    }
    seqset_done(g->lost);
    *g->lost = rest;
}

bool store_lost_next(const struct store_group *g, uint64_t from, uint64_t *ret_first,
                     uint64_t *ret_last)
{
    uint64_t lost;
    while (g->lost != NULL && seqset_next(g->lost, from, &lost)) {
        uint64_t first = msglog_next_live(g->log, lost);
        uint64_t end = seqset_next_out(g->lost, lost);
        if (first < end) {
            uint64_t last = first;
            while (last + 1 < end && msglog_next_live(g->log, last + 1) == last + 1)
                last++;
            *ret_first = first;
            *ret_last = last;
            return true;
        }
        from = end;
    }
    return false;
}

void store_lost_write(struct store_group *g, struct buffer *to)
{
    if (g->lost == NULL)
        return;
    struct msglog_state state;
    msglog_state(g->log, &state);
    seqset_compact(g->lost, state.first_seq);
    if (seqset_total(g->lost) > 0)
        seqset_encode(g->lost, to);
    else
        store_lost_done(g);
}

int store_lost_read(struct store_group *g, struct bytes section)
{
    if (section.size == 0 || g->lost != NULL) /* what is in memory is newer */
        return 0;
    int status = seqset_decode(lost_of(g), section);
    if (status != 0)
        store_lost_done(g);
    return status;
}
