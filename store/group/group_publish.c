/* SPDX-License-Identifier: Apache-2.0 */
/* group_publish.c -- a message that is taken: what has to go for it, and storing it.
 *
 * Idea        nats-server stores a message and then removes what is over a limit or rolled up, in
 *             this order: of the subject its oldest, of the stream its oldest by count, then by
 *             bytes, then what the roll-up replaces. What goes is decided here as if the message
 *             were stored already, all of it is looked up, and then it goes and the message is
 *             stored, in one step:
 *
 *                 evicted_below          subject_below
 *                 ▼                      ▼
 *                 x x x x x . . x . . x  .  .  .  .   + the message
 *                 by count or bytes │ x: of its subject
 *
 *             More of them than a slice go in slices before it comes. What has gone then is no
 *             longer there to be decided again, so each slice begins from the start.
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/group/group_private.h"

/* The stream as it will be. */
struct room {
    const struct publish *publish;
    uint64_t msgs;
    uint64_t bytes;
    uint64_t evicted_below; /* of all subjects all before it go */
    uint64_t subject_below; /* of the message's subject all before it go */
};

bool group_wants(const struct group *g, struct bytes subject)
{
    return g->rules.retention != RETENTION_INTEREST ||
           (g->events->is_wanted != NULL &&
            g->events->is_wanted(g->context, group_log_state(g).last_seq + 1, subject));
}

int publish_read(const struct entry *e, struct publish *ret)
{
    struct publish p = {.entry = e};
    int r = message_body_read(e->body, &p.message);
    if (r != 0)
        return r;
    publish_headers_read(p.message.headers, &p.headers);
    if (p.headers.values[HEADER_MSG_ID].size > DEDUP_ID_MAX)
        p.headers.values[HEADER_MSG_ID].size = DEDUP_ID_MAX;
    *ret = p;
    return 0;
}

/* The message with a longer time to live, in g->made. */
static void raise_ttl(struct group *g, struct publish *p, int64_t seconds)
{
    struct buffer headers = {0};
    publish_headers_with_ttl(&headers, p->message.headers, seconds);
    struct message m = p->message;
    m.headers = buffer_view(&headers);
    size_t size = message_body_size(&m);
    g->made.size = 0;
    message_body_write(&m, buffer_room(&g->made, size));
    g->made.size = size;
    buffer_done(&headers);
    int r = message_body_read(buffer_view(&g->made), &p->message);
    CHECK(r == 0);
    p->made = true;
    p->ttl_seconds = seconds;
}

void publish_settle(struct group *g, struct publish *p)
{
    const struct stream_rules *rules = &g->rules;
    p->unwanted = !group_wants(g, p->message.subject);
    if (rules_have(rules, RULES_ALLOW_ROLLUP) && !rules_have(rules, RULES_DENY_PURGE)) {
        p->rollup = publish_header_rollup(p->headers.values[HEADER_ROLLUP]);
        if (p->rollup == ROLLUP_BAD)
            p->rollup = ROLLUP_NONE;
    }
    if (publish_header_ttl(p->headers.values[HEADER_TTL], &p->ttl_seconds) != 0)
        p->ttl_seconds = 0;
    int64_t least = rules->marker_ttl_ns / 1000000000;
    if (p->ttl_seconds > 0 && p->ttl_seconds < least && rules->max_msgs_per_subject != 1 &&
        !p->unwanted)
        raise_ttl(g, p, least);
    p->size = msglog_size(msglog_form(g->log), &p->message);
}

/* --- room ------------------------------------------------------------------------------------- */

static bool plan_is_full(const struct group *g)
{
    return g->plan.count >= g->slice;
}

static void take(struct group *g, struct room *room, const struct stored_stat *s,
                 enum group_reason reason)
{
    plan_add(&g->plan, s, reason);
    room->msgs--;
    room->bytes -= s->size;
}

/* Whether the message that was found goes already. */
static bool is_taken(const struct room *room, const struct stored_stat *s)
{
    return s->seq < room->evicted_below ||
           (s->seq < room->subject_below &&
            bytes_equal(s->subject, room->publish->message.subject));
}

/* The oldest of the subject that does not go yet goes; -ENOENT: there is none. */
static int take_of_subject(struct group *g, struct room *room, uint64_t last_seq,
                           enum group_reason reason)
{
    struct filter filter = {&room->publish->message.subject, 1};
    struct stored stored = {.seq = room->subject_below};
    if (stored.seq < room->evicted_below)
        stored.seq = room->evicted_below;
    int r;
    do
        r = msglog_next(g->log, &filter, stored.seq, last_seq, &stored);
    while (r == -EINPROGRESS);
    if (r != 0)
        return r;
    struct stored_stat s = group_stat_of(g, &stored);
    room->subject_below = s.seq + 1;
    take(g, room, &s, reason);
    return 0;
}

/* So many of the oldest of the subject go; one, as a rule, which is known without a search. */
static int take_count_of_subject(struct group *g, struct room *room,
                                 const struct subject_totals *totals, uint64_t count,
                                 enum group_reason reason)
{
    if (room->subject_below < totals->first_seq)
        room->subject_below = totals->first_seq;
    for (; count > 0 && !plan_is_full(g); count--) {
        int r;
        if (totals->first_seq >= room->evicted_below && room->subject_below == totals->first_seq) {
            struct stored_stat s;
            r = msglog_stat(g->log, totals->first_seq, &s);
            if (r == 0) {
                room->subject_below++;
                take(g, room, &s, reason);
            }
        } else {
            r = take_of_subject(g, room, totals->last_seq, reason);
        }
        if (r != 0)
            return r == -ENOENT ? -EBADMSG : r;
    }
    return 0;
}

/* What is over the limit of messages per subject, with the one that comes. */
static int make_room_in_subject(struct group *g, struct room *room,
                                const struct subject_totals *totals)
{
    int64_t max = g->rules.max_msgs_per_subject;
    if (max <= 0 || totals->msgs < (uint64_t)max)
        return 0;
    return take_count_of_subject(g, room, totals, totals->msgs + 1 - (uint64_t)max, GROUP_BY_LIMIT);
}

static int make_room_in_stream(struct group *g, struct room *room)
{
    for (;;) {
        struct msglog_state s = {.msgs = room->msgs, .bytes = room->bytes};
        if (plan_is_full(g) || room->msgs == 1 || !group_is_over(g, &s))
            return 0;
        struct stored_stat found;
        int r = group_find_live(g, room->evicted_below, &found);
        if (r != 0)
            return r == -ENOENT ? -EBADMSG : r;
        if (!is_taken(room, &found))
            take(g, room, &found, GROUP_BY_LIMIT);
        room->evicted_below = found.seq + 1;
    }
}

static int roll_up_subject(struct group *g, struct room *room, const struct subject_totals *totals)
{
    int r = 0;
    if (totals->msgs == 1 && totals->first_seq >= room->subject_below &&
        totals->first_seq >= room->evicted_below)
        return take_count_of_subject(g, room, totals, 1, GROUP_BY_ROLLUP);
    while (r == 0 && !plan_is_full(g))
        r = take_of_subject(g, room, totals->last_seq, GROUP_BY_ROLLUP);
    return r == -ENOENT ? 0 : r;
}

/* Plans what goes, up to a slice of it. Nothing changes. */
static int make_room(struct group *g, const struct publish *p)
{
    struct msglog_state state = group_log_state(g);
    struct room room = {.publish = p};
    struct subject_totals totals = {0};
    room.msgs = state.msgs + 1;
    room.bytes = state.bytes + p->size;
    if (g->rules.max_msgs_per_subject > 0 || p->rollup == ROLLUP_SUBJECT) {
        int r = msglog_subject(g->log, p->message.subject, &totals);
        if (r != 0 && r != -ENOENT)
            return r;
    }
    int r = 0;
    if (!p->unwanted) {
        r = make_room_in_subject(g, &room, &totals);
        if (r == 0)
            r = make_room_in_stream(g, &room);
    }
    if (r == 0 && p->rollup == ROLLUP_SUBJECT && totals.msgs > 0)
        r = roll_up_subject(g, &room, &totals);
    return r;
}

/* --- storing ---------------------------------------------------------------------------------- */

/* It would be over the limit alone: it gets a sequence, and everything goes. */
static bool is_hopeless(const struct group *g, const struct publish *p)
{
    struct msglog_state alone = {.msgs = 1, .bytes = p->size};
    return group_is_over(g, &alone);
}

static void note_published(struct group *g, const struct publish *p, uint64_t seq)
{
    struct bytes id = p->headers.values[HEADER_MSG_ID];
    g->last_msg_id.size = 0;
    buffer_add(&g->last_msg_id, id.at, id.size);
    if (id.size > 0 && g->rules.duplicate_window_ns > 0)
        dedup_put(&g->dedup, id, seq, g->now_ns);
    if ((p->message.flags & MESSAGE_ORIGIN) && !rules_have(&g->rules, RULES_MIRROR))
        group_set_source(g, p->message.source, p->message.origin_seq);
}

/* Removes what the message does not leave; the plan, or all there is. */
static int clear_the_place(struct group *g, const struct publish *p)
{
    struct msglog_state state = group_log_state(g);
    int r;
    if (p->rollup == ROLLUP_ALL)
        return state.msgs == 0 ? 0 : group_compact(g, state.last_seq + 1, GROUP_BY_ROLLUP);
    plan_clear(&g->plan);
    r = make_room(g, p);
    if (r != 0)
        return r;
    bool full = plan_is_full(g);
    group_carry_out(g);
    return full ? -EINPROGRESS : 0;
}

int group_store(struct group *g, const struct publish *p, uint64_t *ret_seq)
{
    int r = clear_the_place(g, p);
    if (r != 0)
        return r;
    bool mirrored = rules_have(&g->rules, RULES_MIRROR) && (p->message.flags & MESSAGE_ORIGIN);
    uint64_t next = group_log_state(g).last_seq + 1;
    uint64_t seq = mirrored ? p->message.origin_seq : next;
    if (p->unwanted || is_hopeless(g, p))
        group_skip(g, seq);
    else
        seq = group_append(g, p->entry, &p->message, p->made, seq, p->ttl_seconds);
    note_published(g, p, seq);
    *ret_seq = seq;
    return 0;
}

int apply_message(struct group *g, const struct entry *e, struct applied *ret)
{
    struct publish p;
    int r = publish_read(e, &p);
    if (r != 0)
        return r;
    if (g->work.judged) {
        publish_settle(g, &p);
    } else {
        r = group_judge(g, &p, NULL, ret);
        if (r != 0 || ret->outcome != APPLIED_STORED)
            return r;
        g->work.judged = true;
    }
    ret->outcome = p.unwanted ? APPLIED_SKIPPED : APPLIED_STORED;
    return group_store(g, &p, &ret->seq);
}
