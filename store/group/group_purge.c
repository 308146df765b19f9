/* SPDX-License-Identifier: Apache-2.0 */
/* group_purge.c -- messages that an entry takes away: named ones, all, all before a sequence, those
 * of some subjects; and sequences that will never be.
 *
 * Idea        All, and all before a sequence, go at once at the cost of chunks. The rest is a walk
 *             through what matches, a message a step, and GROUP_SLICE of them a call. To keep some
 *             of them the matches are counted before, subject by subject.
 */
#include <errno.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/group/group_private.h"

/* --- delete ----------------------------------------------------------------------------------- */

static int plan_delete(struct group *g, const struct stream_delete *d)
{
    plan_clear(&g->plan);
    for (uint32_t i = 0; i < d->count; i++) {
        struct stored_stat s;
        int r = msglog_stat(g->log, stream_delete_seq(d, i), &s);
        if (r == -ENOENT)
            continue;
        if (r != 0)
            return r;
        plan_add(&g->plan, &s, d->erase ? GROUP_BY_ERASE : GROUP_BY_DELETE);
    }
    return 0;
}

int apply_delete(struct group *g, const struct entry *e, struct applied *ret)
{
    struct stream_delete d;
    int r = stream_delete_read(e->body, &d);
    if (r != 0)
        return r;
    if (rules_have(&g->rules, RULES_SEALED)) {
        group_refuse(ret, REFUSAL_SEALED);
        return 0;
    }
    if (rules_have(&g->rules, RULES_DENY_DELETE)) {
        group_refuse(ret, REFUSAL_DELETE_FORBIDDEN);
        return 0;
    }
    r = plan_delete(g, &d);
    if (r != 0)
        return r;
    if (g->plan.count == 0) {
        group_refuse(ret, REFUSAL_SEQ_NOT_FOUND);
        ret->number = stream_delete_seq(&d, 0);
        return 0;
    }
    group_carry_out(g);
    ret->outcome = APPLIED_CHANGED;
    ret->removed = g->work.removed;
    return 0;
}

/* --- purge ------------------------------------------------------------------------------------ */

enum purge_phase { PURGE_COUNT, PURGE_WALK, PURGE_FIRST };

static bool is_all(const struct stream_purge *p)
{
    return p->filter.size == 0 || bytes_are(p->filter, ">");
}

/* All, or all before a sequence: what is to be kept says nothing then, as in nats-server. */
static int purge_below(struct group *g, const struct stream_purge *p)
{
    struct msglog_state before = group_log_state(g);
    uint64_t seq = p->up_to > 0 ? p->up_to : before.last_seq + 1;
    if (seq <= before.first_seq && !g->work.begun)
        return 0;
    int r = group_compact(g, seq, GROUP_BY_PURGE);
    g->work.removed += before.msgs - group_log_state(g).msgs;
    return r;
}

static void add_matches(void *context, struct bytes subject, const struct subject_totals *totals)
{
    struct group_work *work = context;
    work->left += totals->msgs;
    work_visit(work, subject);
}

/* How many messages match, into work.left. */
static int count_matches(struct group *g, struct bytes filter)
{
    struct group_work *work = &g->work;
    if (filter.size == 0) {
        work->left = group_log_state(g).msgs;
        return 0;
    }
    if (subject_is_literal(filter)) {
        struct subject_totals totals = {0};
        int r = msglog_subject(g->log, filter, &totals);
        work->left = totals.msgs;
        return r == -ENOENT ? 0 : r;
    }
    int r = msglog_subjects(g->log, filter, buffer_view(&work->after), g->slice, add_matches, work);
    work_advance(work); /* what was counted stays counted, also when a page is missing */
    return r;
}

static int count_what_goes(struct group *g, const struct stream_purge *p)
{
    g->work.left = p->keep == 0 ? UINT64_MAX : g->work.left;
    if (p->keep > 0) {
        int r = count_matches(g, is_all(p) ? (struct bytes){0} : p->filter);
        if (r != 0)
            return r;
        g->work.left = g->work.left > p->keep ? g->work.left - p->keep : 0;
    }
    g->work.phase = PURGE_WALK;
    g->work.cursor = 1;
    return 0;
}

static int walk(struct group *g, const struct stream_purge *p, uint32_t *budget)
{
    struct bytes subject = p->filter;
    struct filter filter = {&subject, is_all(p) ? 0 : 1};
    uint64_t last = p->up_to > 0 ? p->up_to - 1 : group_log_state(g).last_seq;
    while (g->work.left > 0 && g->work.cursor <= last) {
        if (*budget == 0)
            return -EINPROGRESS;
        struct stored stored;
        int r = msglog_next(g->log, &filter, g->work.cursor, last, &stored);
        if (r == -EINPROGRESS)
            g->work.cursor = stored.seq;
        if (r != 0)
            return r == -ENOENT ? 0 : r;
        struct stored_stat s = group_stat_of(g, &stored);
        g->work.cursor = s.seq + 1;
        g->work.left--;
        g->work.removed++;
        --*budget;
        group_remove(g, &s, GROUP_BY_PURGE);
    }
    return 0;
}

static int purge_matching(struct group *g, const struct stream_purge *p, uint32_t *budget)
{
    if (g->work.phase == PURGE_COUNT) {
        int r = count_what_goes(g, p);
        if (r != 0)
            return r;
    }
    return walk(g, p, budget);
}

/* The first message that is left and matches, which consumers go on from. */
static int find_first(struct group *g, const struct stream_purge *p, uint64_t *ret_seq)
{
    struct bytes subject = p->filter;
    struct filter filter = {&subject, is_all(p) ? 0 : 1};
    struct msglog_state state = group_log_state(g);
    if (g->work.phase != PURGE_FIRST) {
        g->work.phase = PURGE_FIRST;
        g->work.cursor = state.first_seq;
    }
    struct stored stored = {.seq = state.last_seq + 1};
    int r = -ENOENT;
    if (is_all(p))
        stored.seq = state.first_seq;
    else if (g->work.cursor <= state.last_seq)
        r = msglog_next(g->log, &filter, g->work.cursor, state.last_seq, &stored);
    if (r == -EINPROGRESS)
        g->work.cursor = stored.seq;
    if (r != 0 && r != -ENOENT)
        return r;
    *ret_seq = r == 0 || is_all(p) ? stored.seq : state.last_seq + 1;
    return 0;
}

static int purge(struct group *g, const struct stream_purge *p, uint32_t *budget)
{
    if (p->up_to == 1 || g->work.phase == PURGE_FIRST)
        return 0; /* nothing is before the first; or it is done */
    return is_all(p) && (p->up_to > 0 || p->keep == 0) ? purge_below(g, p)
                                                       : purge_matching(g, p, budget);
}

int apply_purge(struct group *g, const struct entry *e, uint32_t *budget, struct applied *ret)
{
    struct stream_purge p;
    int r = stream_purge_read(e->body, &p);
    if (r != 0)
        return r;
    if (rules_have(&g->rules, RULES_SEALED)) {
        group_refuse(ret, REFUSAL_SEALED);
        return 0;
    }
    if (rules_have(&g->rules, RULES_DENY_PURGE)) {
        group_refuse(ret, REFUSAL_PURGE_FORBIDDEN);
        return 0;
    }
    uint64_t first_match = 0;
    r = purge(g, &p, budget);
    if (r == 0)
        r = find_first(g, &p, &first_match);
    if (r != 0)
        return r;
    if (g->events->purged != NULL)
        g->events->purged(g->context, p.filter, first_match);
    ret->outcome = APPLIED_CHANGED;
    ret->removed = g->work.removed;
    return 0;
}

/* --- skip ------------------------------------------------------------------------------------- */

int apply_skip(struct group *g, const struct entry *e, struct applied *ret)
{
    struct stream_skip s;
    int r = stream_skip_read(e->body, &s);
    if (r != 0)
        return r;
    if (s.to <= group_log_state(g).last_seq) {
        ret->outcome = APPLIED_OLD;
        return 0;
    }
    group_skip(g, s.to);
    ret->outcome = APPLIED_CHANGED;
    return 0;
}
