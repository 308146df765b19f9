/* SPDX-License-Identifier: Apache-2.0 */
/* group.c -- the life of a group, and the way of an entry through it. */
#include "store/group/group.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/group/group_private.h"

static const struct group_events nobody;

struct group *group_new(const struct group_options *options)
{
    struct group *g = calloc(1, sizeof *g);
    CHECK(g != NULL && options->log != NULL);
    g->gid = options->gid;
    g->log = options->log;
    g->events = options->events != NULL ? options->events : &nobody;
    g->context = options->context;
    g->slice = options->slice > 0 ? options->slice : GROUP_SLICE;
    g->counters.rules_version = GROUP_RULES_VERSION;
    g->counters.time_ns = INT64_MIN;
    g->now_ns = INT64_MIN;
    g->age_time_ns = AGE_UNKNOWN;
    dedup_init(&g->dedup, options->seed);
    struct stream_rules rules;
    stream_rules_init(&rules, (struct bytes){0});
    group_set_rules(g, &rules);
    return g;
}

static void work_done(struct group_work *work)
{
    buffer_done(&work->after);
    buffer_done(&work->visited);
    *work = (struct group_work){0};
}

void group_free(struct group **group)
{
    struct group *g = *group;
    if (g == NULL)
        return;
    *group = NULL;
    group_drop_batch(g);
    work_done(&g->work);
    stream_rules_done(&g->rules);
    buffer_done(&g->config);
    buffer_done(&g->last_msg_id);
    buffer_done(&g->made);
    dedup_done(&g->dedup);
    ttl_table_done(&g->ttl);
    free(g->sources);
    free(g->plan.victims);
    free(g);
}

/* --- apply ------------------------------------------------------------------------------------ */

static int apply_rules(struct group *g, const struct entry *e, struct applied *ret)
{
    uint32_t version;
    int r = stream_rules_version_read(e->body, &version);
    if (r != 0)
        return r;
    if (version > GROUP_RULES_VERSION)
        return -ENOTSUP;
    g->counters.rules_version = version;
    ret->outcome = APPLIED_CHANGED;
    return 0;
}

static int apply_consumers(struct group *g, const struct entry *e, struct applied *ret)
{
    if (g->events->apply == NULL)
        return -ENOTSUP;
    int r = g->events->apply(g->context, e, ret);
    if (r == -EINPROGRESS)
        g->work.begun = true;
    return r;
}

static int dispatch(struct group *g, const struct entry *e, uint32_t *budget, struct applied *ret)
{
    switch (e->kind) {
    case ENTRY_NOOP: return 0;
    case ENTRY_MEMBERS: return 0;
    case ENTRY_TIME: return 0;
    case ENTRY_RULES: return apply_rules(g, e, ret);
    case ENTRY_VOTE: return -EBADMSG;
    case ENTRY_CUT: return -EBADMSG;
    case ENTRY_COMMIT: return -EBADMSG;
    case ENTRY_COPY: return -EBADMSG;
    case ENTRY_CONFIG: return apply_config(g, e, budget, ret);
    case ENTRY_MSG: return apply_message(g, e, ret);
    case ENTRY_BATCH: return apply_batch(g, e, ret);
    case ENTRY_DELETE: return apply_delete(g, e, ret);
    case ENTRY_PURGE: return apply_purge(g, e, budget, ret);
    case ENTRY_SKIP: return apply_skip(g, e, ret);
    case ENTRY_SOURCE: return apply_source(g, e, ret);
    case ENTRY_RESTORE: return -ENOTSUP;
    case ENTRY_CONSUMER_PUT: return apply_consumers(g, e, ret);
    case ENTRY_CONSUMER_DROP: return apply_consumers(g, e, ret);
    case ENTRY_DELIVERED: return apply_consumers(g, e, ret);
    case ENTRY_ACKS: return apply_consumers(g, e, ret);
    case ENTRY_CONSUMER_SET: return apply_consumers(g, e, ret);
    case ENTRY_HANDOVER: return apply_consumers(g, e, ret);
    }
    return -EBADMSG; /* a kind that was read, not written here */
}

/* Ids that are past the window; what is left of them goes with later entries. */
static void expire_ids(struct group *g)
{
    int64_t limit;
    if (!__builtin_sub_overflow(g->now_ns, g->rules.duplicate_window_ns, &limit))
        (void)dedup_expire(&g->dedup, limit, GROUP_SLICE);
}

static void finish(struct group *g, const struct entry *e)
{
    work_done(&g->work);
    expire_ids(g);
    g->counters.applied = e->index;
    g->counters.term = e->term;
    g->counters.time_ns = g->now_ns;
    group_committed(g, e->index);
}

/* What is due at the entry's time goes, before the entry and not between its steps: how many calls
 * it takes must not decide what it finds. */
static int expire_before(struct group *g, const struct entry *e, uint32_t *budget)
{
    if (g->work.expired)
        return 0;
    int r = group_expire(g, e, budget);
    if (r == 0)
        r = group_enforce(g, budget); /* a marker may be larger than what it took the place of */
    if (r == 0) {
        g->work.expired = true;
        g->work.removed = 0;
    }
    return r;
}

int group_apply(struct group *g, const struct entry *e, struct applied *ret)
{
    CHECK(e->gid == g->gid && e->index == g->counters.applied + 1);
    uint32_t budget = g->slice;
    struct applied applied = {0};
    g->now_ns = e->time_ns > g->counters.time_ns ? e->time_ns : g->counters.time_ns;
    int r = expire_before(g, e, &budget);
    if (r != 0)
        return r;
    if (e->kind != ENTRY_BATCH)
        group_drop_batch(g);
    r = dispatch(g, e, &budget, &applied);
    if (r != 0)
        return r;
    finish(g, e);
    *ret = applied;
    return 0;
}

/* --- questions -------------------------------------------------------------------------------- */

bool group_is_busy(const struct group *g)
{
    return g->work.begun || g->batch.count > 0;
}

void group_committed(struct group *g, uint64_t index)
{
    if (g->counters.commit < index)
        g->counters.commit = index;
}

void group_counters(const struct group *g, struct group_counters *ret)
{
    *ret = g->counters;
}

struct msglog *group_log(const struct group *g)
{
    return g->log;
}

const struct stream_rules *group_rules(const struct group *g)
{
    return &g->rules;
}

struct bytes group_config(const struct group *g)
{
    return buffer_view(&g->config);
}

int64_t group_now(const struct group *g)
{
    return g->now_ns;
}

int64_t group_next_due(struct group *g)
{
    int64_t due = INT64_MAX;
    struct msglog_state state = group_log_state(g);
    int64_t age = group_age_time(g, &state);
    if (g->rules.max_age_ns > 0 && age != AGE_NONE &&
        __builtin_add_overflow(age, g->rules.max_age_ns, &due))
        due = INT64_MAX;
    uint64_t seq;
    int64_t ttl;
    if (rules_have(&g->rules, RULES_ALLOW_MSG_TTL) && ttl_table_first(&g->ttl, &seq, &ttl) &&
        ttl < due)
        due = ttl;
    return due;
}

uint64_t group_stream_hash(const struct group *g)
{
    struct msglog_state state = group_log_state(g);
    uint64_t hash = state.hash + g->dedup.hash;
    hash += checksum_seed(state.last_seq, (uint64_t)g->counters.time_ns, g->rules_hash);
    hash += checksum(g->counters.rules_version, g->last_msg_id.at, g->last_msg_id.size);
    for (uint32_t i = 0; i < g->source_count; i++) {
        const struct source *s = &g->sources[i];
        hash +=
            checksum(checksum_seed(s->number, s->seq, 0x736f7572), s->identity, s->identity_size);
    }
    return hash;
}

uint64_t group_state_hash(const struct group *g)
{
    uint64_t consumers = g->events->hash != NULL ? g->events->hash(g->context) : 0;
    return group_stream_hash(g) + consumers;
}

void group_check(struct group *g)
{
    struct msglog_state s = group_log_state(g);
    CHECK(g->counters.applied <= g->counters.commit); /* 2 */
    CHECK(g->now_ns >= g->counters.time_ns);          /* 1 */
    CHECK(g->batch.count <= GROUP_BATCH_MAX);         /* 4 */
    for (uint32_t i = 0; i < g->batch.count; i++)
        CHECK(g->batch.parts[i].index == g->counters.applied + 1 - (g->batch.count - i));
    CHECK(implies(!group_is_busy(g), !group_is_over(g, &s))); /* 5 */
    CHECK(s.msgs == 0 || (s.first_seq <= s.last_seq && s.msgs <= s.last_seq - s.first_seq + 1));
    ttl_table_check(&g->ttl);
    dedup_check(&g->dedup);
    for (uint32_t i = 1; i < g->source_count; i++)
        CHECK(g->sources[i - 1].number < g->sources[i].number);
}
