/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/stream_group.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/group/consumer_form.h"
#include "store/group/consumers.h"
#include "store/group/group_restore.h"
#include "store/msglog.h"

#define LAPSE_SLICE 1000u

struct stream_group {
    struct group *group;         /* given */
    struct consumers *consumers; /* given */
    struct msglog *log;          /* borrowed */
    struct stream_follower follower;
    uint64_t gid;
    uint64_t seed;
    uint64_t *settled; /* given: sequences that the entry settles, in the order in which it does */
    size_t settled_count;
    size_t settled_capacity;
    uint64_t lapsed_from; /* messages that may be wanted by nobody now; 0: none */
    uint64_t lapsed_to;
    struct applied lapsing; /* what came of the entry that made them so */
};

/* --- what happens to messages ------------------------------------------------------------------------- */

static void on_appended(void *context, const struct group_message *m)
{
    struct stream_group *g = context;
    if (m->seq > g->consumers->last_seq + 1) /* a mirror has left some out */
        consumers_skipped(g->consumers, m->seq - 1);
    consumers_appended(g->consumers, m->seq, m->subject);
}

static void on_removed(void *context, const struct group_message *m, enum group_reason reason)
{
    struct stream_group *g = context;
    consumers_removed(g->consumers, m->seq, m->subject);
    if (g->follower.removed != NULL)
        g->follower.removed(g->follower.context, m, reason);
}

static void on_removed_below(void *context, uint64_t seq, enum group_reason reason)
{
    struct stream_group *g = context;
    struct msglog_state state;
    msglog_state(g->log, &state);
    consumers_compacted(g->consumers, seq, state.msgs);
    if (g->follower.removed_below != NULL)
        g->follower.removed_below(g->follower.context, seq, reason);
}

static void on_skipped(void *context, uint64_t seq)
{
    struct stream_group *g = context;
    consumers_skipped(g->consumers, seq);
}

static void on_purged(void *context, struct bytes filter, uint64_t first_match)
{
    struct stream_group *g = context;
    struct msglog_state state;
    msglog_state(g->log, &state);
    consumers_purged(g->consumers, filter, state.first_seq, first_match);
}

static bool is_wanted(void *context, uint64_t seq, struct bytes subject)
{
    struct stream_group *g = context;
    return consumers_want(g->consumers, seq, subject);
}

static uint64_t hash(void *context)
{
    const struct stream_group *g = context;
    return g->consumers->hash;
}

/* --- entries about consumers --------------------------------------------------------------------------- */

static void note_settled(void *context, struct consumer *c, uint64_t seq)
{
    struct stream_group *g = context;
    (void)c;
    if (g->settled_count == g->settled_capacity) {
        g->settled_capacity = g->settled_capacity == 0 ? 64 : g->settled_capacity * 2;
        g->settled = realloc(g->settled, g->settled_capacity * sizeof *g->settled);
        CHECK(g->settled != NULL);
    }
    g->settled[g->settled_count++] = seq;
}

static bool is_live(void *context, uint64_t seq)
{
    struct stream_group *g = context;
    struct stored_stat s;
    int status = msglog_stat(g->log, seq, &s);
    return status != -ENOENT;
}

static enum rules_retention retention(const struct stream_group *g)
{
    return group_rules(g->group)->retention;
}

static struct consumers_world world_of(struct stream_group *g)
{
    struct msglog_state state;
    msglog_state(g->log, &state);
    return (struct consumers_world){
        .now_ns = group_now(g->group),
        .first_seq = state.first_seq,
        .live = is_live,
        .settled = retention(g) == RETENTION_LIMITS ? NULL : note_settled,
        .context = g,
    };
}

/* Everything that removing what the entry settles will need is here, or -EAGAIN. */
static int look_ahead(struct stream_group *g, const struct entry *e,
                      const struct consumers_world *world)
{
    g->settled_count = 0;
    if (world->settled == NULL || (e->kind != ENTRY_DELIVERED && e->kind != ENTRY_ACKS))
        return 0;
    consumers_preview(g->consumers, e, world);
    int result = 0;
    for (size_t i = 0; i < g->settled_count; i++) {
        int status = group_can_remove(g->group, g->settled[i]);
        if (status != 0 && status != -ENOENT)
            result = status; /* all of them are asked for at once */
    }
    g->settled_count = 0;
    return result;
}

static bool goes(struct stream_group *g, uint64_t seq)
{
    struct stored_stat s;
    if (msglog_stat(g->log, seq, &s) != 0)
        return false;
    return retention(g) == RETENTION_WORK_QUEUE || !consumers_want(g->consumers, seq, s.subject);
}

static uint64_t remove_settled(struct stream_group *g)
{
    uint64_t removed = 0;
    for (size_t i = 0; i < g->settled_count; i++) {
        if (!goes(g, g->settled[i]))
            continue;
        group_remove_acked(g->group, g->settled[i]);
        removed++;
    }
    g->settled_count = 0;
    return removed;
}

/* A slice of the messages that a consumer has stopped wanting: 0: all were looked at. */
static int remove_lapsed(struct stream_group *g)
{
    const struct filter all = {NULL, 0};
    for (unsigned i = 0; g->lapsed_from <= g->lapsed_to; i++) {
        if (i == LAPSE_SLICE)
            return -EINPROGRESS;
        struct stored stored = {.seq = g->lapsed_from};
        int status = msglog_next(g->log, &all, g->lapsed_from, g->lapsed_to, &stored);
        if (status == -ENOENT)
            break;
        if (status == -EINPROGRESS)
            g->lapsed_from = stored.seq;
        if (status != 0)
            return status;
        g->lapsed_from = stored.seq + 1;
        if (!consumers_want(g->consumers, stored.seq, stored.message.subject)) {
            group_remove_acked(g->group, stored.seq);
            g->lapsing.removed++;
        }
    }
    g->lapsed_from = g->lapsed_to = 0;
    return 0;
}

/* The entry was applied, but for messages that it made unwanted: the rest of those. */
static int go_on_lapsing(struct stream_group *g, struct applied *ret)
{
    int status = remove_lapsed(g);
    if (status == -EAGAIN)
        return status;
    if (status == 0)
        *ret = g->lapsing;
    return status;
}

static int apply(void *context, const struct entry *e, struct applied *ret)
{
    struct stream_group *g = context;
    if (g->lapsed_from != 0)
        return go_on_lapsing(g, ret);
    const struct consumers_world world = world_of(g);
    int status = look_ahead(g, e, &world);
    if (status != 0)
        return status;
    struct consumers_applied applied = {0};
    status = consumers_apply(g->consumers, e, &world, &applied);
    if (status == -EBADMSG || status == -ENOTSUP)
        return -EBADMSG;
    if (status != 0) {
        ret->outcome = APPLIED_REFUSED;
        ret->number = (uint64_t)-status;
        return 0;
    }
    ret->outcome = APPLIED_CHANGED;
    ret->removed = remove_settled(g);
    if (retention(g) != RETENTION_INTEREST || applied.lapsed_from == 0)
        return 0;
    g->lapsing = *ret;
    g->lapsed_from = applied.lapsed_from;
    g->lapsed_to = applied.lapsed_to;
    return -EINPROGRESS;
}

static const struct group_events events = {
    .appended = on_appended,
    .removed = on_removed,
    .removed_below = on_removed_below,
    .skipped = on_skipped,
    .purged = on_purged,
    .is_wanted = is_wanted,
    .apply = apply,
    .hash = hash,
};

/* --- life ------------------------------------------------------------------------------------------------ */

struct stream_group *stream_group_new(uint64_t gid, uint64_t seed, struct msglog *log)
{
    struct stream_group *g = calloc(1, sizeof *g);
    CHECK(g != NULL);
    g->log = log;
    g->gid = gid;
    g->seed = seed;
    g->consumers = consumers_new(seed);
    g->group = group_new(&(struct group_options){
        .gid = gid, .seed = seed, .log = log, .events = &events, .context = g});
    return g;
}

void stream_group_free(struct stream_group **at)
{
    struct stream_group *g = *at;
    *at = NULL;
    if (g == NULL)
        return;
    group_free(&g->group);
    consumers_free(&g->consumers);
    free(g->settled);
    free(g);
}

void stream_group_follow(struct stream_group *g, const struct stream_follower *follower)
{
    g->follower = *follower;
}

struct group *stream_group_stream(struct stream_group *g)
{
    return g->group;
}

struct consumers *stream_group_consumers(struct stream_group *g)
{
    return g->consumers;
}

void stream_group_write(const struct stream_group *g, struct buffer *stream,
                        struct buffer *consumers)
{
    CHECK(!group_is_busy(g->group) && g->lapsed_from == 0);
    group_write(g->group, stream);
    if (g->consumers->count > 0)
        consumers_write(consumers, g->consumers);
}

int stream_group_read(struct stream_group *g, struct bytes stream, struct bytes consumers)
{
    int status = group_read(g->group, stream);
    if (status != 0)
        return status;
    struct msglog_state state;
    msglog_state(g->log, &state);
    if (consumers.size == 0) {
        if (state.last_seq > 0)
            consumers_skipped(g->consumers, state.last_seq);
        return 0;
    }
    struct consumers *set = NULL;
    status = consumers_read(consumers, g->seed, state.last_seq, &set);
    if (status != 0)
        return status;
    consumers_free(&g->consumers);
    g->consumers = set;
    return 0;
}

/* --- from outside ----------------------------------------------------------------------------------------- */

int stream_group_adopt(struct stream_group *g, uint64_t gid, uint64_t state_hash,
                       struct bytes stream, struct bytes consumers)
{
    group_renumber(g->group, gid);
    int status = stream_group_read(g, stream, consumers);
    if (status == 0 && group_state_hash(g->group) != state_hash)
        status = -EBADMSG;
    group_renumber(g->group, g->gid);
    return status;
}

/* The next entry, of one consumer, without what retention makes of it. */
static int restore_entry(struct stream_group *g, uint32_t term, enum entry_kind kind,
                         struct bytes body)
{
    struct group_counters counters;
    group_counters(g->group, &counters);
    struct consumers_world world = world_of(g);
    world.settled = NULL;
    const struct entry e = {
        .gid = g->gid, .index = counters.applied + 1, .term = term, .kind = kind, .body = body};
    struct consumers_applied applied = {0};
    int status = consumers_apply(g->consumers, &e, &world, &applied);
    if (status == 0)
        group_restore_count(g->group, e.index, term);
    return status;
}

/* The body of the HANDOVER that puts a consumer where the state says. */
static void write_handover(struct buffer *b, const struct consumer_put *put, struct bytes body,
                           struct consumer_state *state)
{
    struct buffer bytes = {0};
    struct consumer *c = consumer_new(put, body, 1);
    consumer_take_state(c, state);
    consumer_state_write(&bytes, c);
    consumer_free(&c);
    consumer_handover_write(b, put->id, buffer_view(&bytes));
    buffer_done(&bytes);
}

int stream_group_restore_consumer(struct stream_group *g, uint32_t term, struct bytes body,
                                  struct consumer_state *state)
{
    struct consumer_put put;
    int status = consumer_put_read(body, &put);
    if (status == 0 && !consumer_state_fits(state, put.ack, g->consumers->last_seq))
        status = -EBADMSG;
    if (status == 0)
        status = restore_entry(g, term, ENTRY_CONSUMER_PUT, body);
    if (status != 0)
        return status;
    struct buffer handover = {0};
    write_handover(&handover, &put, body, state);
    status = restore_entry(g, term, ENTRY_HANDOVER, buffer_view(&handover));
    buffer_done(&handover);
    return status;
}

void stream_group_check(struct stream_group *g)
{
    group_check(g->group);
    consumers_check(g->consumers);
}
