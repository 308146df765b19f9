/* SPDX-License-Identifier: Apache-2.0 */
/* group_message.c -- one message comes or goes, and all that is kept about it with it. */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/group/group_private.h"

#define SECOND_NS ((int64_t)1000000000)

static const struct filter all_subjects = {NULL, 0};

struct stored_stat group_stat_of(const struct group *g, const struct stored *s)
{
    return (struct stored_stat){
        .seq = s->seq,
        .time_ns = s->time_ns,
        .size = msglog_size(msglog_form(g->log), &s->message),
        .subject = s->message.subject,
    };
}

int group_find_live(struct group *g, uint64_t from, struct stored_stat *ret)
{
    struct msglog_state state = group_log_state(g);
    if (state.msgs == 0 || from > state.last_seq)
        return -ENOENT;
    if (from < state.first_seq)
        from = state.first_seq;
    int r = msglog_stat(g->log, from, ret);
    if (r != -ENOENT)
        return r;
    struct stored next = {.seq = from};
    do
        r = msglog_next(g->log, &all_subjects, next.seq, state.last_seq, &next);
    while (r == -EINPROGRESS);
    if (r == 0)
        *ret = group_stat_of(g, &next);
    return r;
}

static struct group_message told(const struct stored_stat *s)
{
    return (struct group_message){s->seq, s->size, s->time_ns, s->subject};
}

void group_remove(struct group *g, const struct stored_stat *s, enum group_reason reason)
{
    struct group_message m = told(s);
    g->work.begun = true;
    if (g->events->removed != NULL)
        g->events->removed(g->context, &m, reason);
    ttl_table_remove(&g->ttl, s->seq);
    if (s->seq == g->age_seq)
        g->age_time_ns = AGE_UNKNOWN;
    msglog_remove(g->log, s);
}

int group_compact(struct group *g, uint64_t seq, enum group_reason reason)
{
    int r = msglog_compact(g->log, seq);
    if (r == 0 || r == -EAGAIN || r == -EINPROGRESS)
        g->work.begun = true; /* what is gone stays gone */
    if (r != 0)
        return r;
    ttl_table_remove_below(&g->ttl, seq);
    if (g->age_seq < seq)
        g->age_time_ns = AGE_UNKNOWN;
    if (g->events->removed_below != NULL)
        g->events->removed_below(g->context, seq, reason);
    return 0;
}

void group_skip(struct group *g, uint64_t to)
{
    g->work.begun = true;
    msglog_skip(g->log, to);
    if (g->events->skipped != NULL)
        g->events->skipped(g->context, to);
}

/* When a message of this time goes for good. */
static int64_t due_of(int64_t time_ns, int64_t ttl_seconds)
{
    int64_t due;
    if (ttl_seconds == TTL_SECONDS_NEVER || __builtin_mul_overflow(ttl_seconds, SECOND_NS, &due) ||
        __builtin_add_overflow(time_ns, due, &due))
        return TTL_NEVER;
    return due;
}

static void note_age(struct group *g, uint64_t seq, int64_t time_ns, int64_t ttl_seconds)
{
    if (g->age_time_ns == AGE_NONE && ttl_seconds != TTL_SECONDS_NEVER) {
        g->age_seq = seq;
        g->age_time_ns = time_ns;
    }
}

uint64_t group_append(struct group *g, const struct entry *e, const struct message *m, bool made,
                      uint64_t seq, int64_t ttl_seconds)
{
    struct entry stamped = *e;
    stamped.time_ns = g->now_ns;
    g->work.begun = true;
    if (made) {
        stamped.body = buffer_view(&g->made);
        stamped.body_hash = entry_body_hash(e->gid, e->index, e->term, stamped.body);
        seq = msglog_append_made(g->log, &stamped, m, seq);
    } else {
        seq = msglog_append(g->log, &stamped, m, seq);
    }
    int64_t time_ns = m->flags & MESSAGE_OWN_TIME ? m->time_ns : g->now_ns;
    if (ttl_seconds != 0)
        ttl_table_add(&g->ttl, seq, due_of(time_ns, ttl_seconds));
    note_age(g, seq, time_ns, ttl_seconds);
    struct group_message told_message = {
        .seq = seq,
        .size = msglog_size(msglog_form(g->log), m),
        .time_ns = time_ns,
        .subject = m->subject,
    };
    if (g->events->appended != NULL)
        g->events->appended(g->context, &told_message);
    return seq;
}

/* --- what a step removes ---------------------------------------------------------------------- */

void plan_clear(struct plan *p)
{
    p->count = 0;
}

void plan_add(struct plan *p, const struct stored_stat *s, enum group_reason reason)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity == 0 ? 16 : 2 * p->capacity;
        p->victims = realloc(p->victims, p->capacity * sizeof p->victims[0]);
        CHECK(p->victims != NULL);
    }
    p->victims[p->count++] = (struct victim){*s, reason};
}

void group_carry_out(struct group *g)
{
    for (uint32_t i = 0; i < g->plan.count; i++)
        group_remove(g, &g->plan.victims[i].stat, g->plan.victims[i].reason);
    g->work.removed += g->plan.count;
    plan_clear(&g->plan);
}

/* --- for consumers ---------------------------------------------------------------------------- */

int group_can_remove(struct group *g, uint64_t seq)
{
    struct stored_stat s;
    return msglog_stat(g->log, seq, &s);
}

void group_remove_acked(struct group *g, uint64_t seq)
{
    struct stored_stat s;
    int r = msglog_stat(g->log, seq, &s);
    CHECK(r == 0);
    group_remove(g, &s, GROUP_BY_ACK);
}
