/* SPDX-License-Identifier: Apache-2.0 */
/* group_limits.c -- messages that go without an entry that names them: by age, time to live,
 * limits.
 *
 * Idea        Every message that has to go is a step of its own: it is looked up, with what its
 *             delete marker has to know, and removed. First go those that are too old, in order of
 *             sequences, up to the first that is not; then those whose own time has ended, in order
 *             of these times. Where a slice ends decides nothing, as the order is one and what has
 *             gone is gone.
 *
 *             A message that may never go stands before the others for ever, so the search begins
 *             behind such (age_seq).
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/group/group_private.h"

#define SECOND_NS ((int64_t)1000000000)

/* --- delete markers --------------------------------------------------------------------------- */

/* Whether a marker has to take the place of the message: it is the last of its subject and none
 * itself. */
static int wants_marker(struct group *g, const struct stored_stat *s, bool *ret_wants)
{
    *ret_wants = false;
    if (g->rules.marker_ttl_ns < SECOND_NS || rules_have(&g->rules, RULES_SEALED))
        return 0;
    struct subject_totals totals;
    int r = msglog_subject(g->log, s->subject, &totals);
    if (r != 0)
        return r == -ENOENT ? -EBADMSG : r;
    if (totals.msgs > 1)
        return 0;
    struct stored stored;
    r = msglog_read(g->log, s->seq, &stored);
    if (r != 0)
        return r == -ENOENT ? -EBADMSG : r;
    struct publish_headers headers;
    publish_headers_read(stored.message.headers, &headers);
    *ret_wants = !publish_headers_are_marker(&headers);
    return 0;
}

/* Makes the marker's body. The subject is copied with it, as its message is about to go. */
static void make_marker(struct group *g, struct bytes subject)
{
    struct buffer headers = {0};
    publish_marker_headers(&headers, g->rules.marker_ttl_ns);
    struct message m = {.subject = subject, .headers = buffer_view(&headers)};
    size_t size = message_body_size(&m);
    g->made.size = 0;
    message_body_write(&m, buffer_room(&g->made, size));
    g->made.size = size;
    buffer_done(&headers);
}

static void place_marker(struct group *g, const struct entry *e)
{
    struct message m;
    int r = message_body_read(buffer_view(&g->made), &m);
    CHECK(r == 0);
    g->last_msg_id.size = 0;
    if (!group_wants(g, m.subject)) {
        group_skip(g, group_log_state(g).last_seq + 1);
        return;
    }
    group_append(g, e, &m, true, 0, g->rules.marker_ttl_ns / SECOND_NS);
}

static int expire_one(struct group *g, const struct entry *e, const struct stored_stat *s)
{
    bool marker;
    int r = wants_marker(g, s, &marker);
    if (r != 0)
        return r;
    if (marker)
        make_marker(g, s->subject);
    group_remove(g, s, GROUP_BY_AGE);
    if (marker)
        place_marker(g, e);
    return 0;
}

/* --- age -------------------------------------------------------------------------------------- */

int64_t group_age_time(const struct group *g, const struct msglog_state *s)
{
    if (s->msgs == 0)
        return AGE_NONE;
    if (s->first_seq < g->age_seq || (s->first_seq == g->age_seq && g->age_time_ns != AGE_UNKNOWN))
        return g->age_time_ns;
    return s->first_time_ns != 0 ? s->first_time_ns : AGE_UNKNOWN;
}

/* One message, if one is too old: 0 and *ret_more says so. */
static int age_step(struct group *g, const struct entry *e, bool *ret_more)
{
    *ret_more = false;
    struct msglog_state state = group_log_state(g);
    int64_t time_ns = group_age_time(g, &state);
    int64_t limit;
    if (g->rules.max_age_ns <= 0 || time_ns == AGE_NONE ||
        __builtin_sub_overflow(g->now_ns, g->rules.max_age_ns, &limit) || time_ns > limit)
        return 0;
    struct stored_stat s;
    int r = group_find_live(g, g->age_seq, &s);
    if (r == -ENOENT) {
        g->age_seq = state.last_seq + 1;
        g->age_time_ns = AGE_NONE;
        return 0;
    }
    if (r != 0)
        return r;
    if (ttl_table_is_never(&g->ttl, s.seq)) {
        g->age_seq = s.seq + 1;
        g->age_time_ns = AGE_UNKNOWN;
        *ret_more = true;
        return 0;
    }
    if (s.time_ns > limit) {
        g->age_seq = s.seq;
        g->age_time_ns = s.time_ns;
        return 0;
    }
    *ret_more = true;
    return expire_one(g, e, &s);
}

/* --- time to live ----------------------------------------------------------------------------- */

static int ttl_step(struct group *g, const struct entry *e, bool *ret_more)
{
    *ret_more = false;
    uint64_t seq;
    int64_t due_ns;
    if (!rules_have(&g->rules, RULES_ALLOW_MSG_TTL) || !ttl_table_first(&g->ttl, &seq, &due_ns) ||
        due_ns > g->now_ns)
        return 0;
    struct stored_stat s;
    int r = msglog_stat(g->log, seq, &s);
    if (r != 0 && r != -ENOENT)
        return r;
    *ret_more = true;
    if (r == 0)
        return expire_one(g, e, &s);
    ttl_table_remove(&g->ttl, seq); /* of a message that a repair gave up */
    return 0;
}

typedef int step_fn(struct group *g, const struct entry *e, bool *ret_more);

static int run_steps(struct group *g, const struct entry *e, step_fn *step, uint32_t *budget)
{
    for (;;) {
        if (*budget == 0)
            return -EINPROGRESS;
        bool more;
        int r = step(g, e, &more);
        if (r != 0 || !more)
            return r;
        --*budget;
    }
}

int group_expire(struct group *g, const struct entry *e, uint32_t *budget)
{
    int r = run_steps(g, e, age_step, budget);
    return r != 0 ? r : run_steps(g, e, ttl_step, budget);
}

/* --- limits ----------------------------------------------------------------------------------- */

bool group_is_over(const struct group *g, const struct msglog_state *s)
{
    const struct stream_rules *r = &g->rules;
    return r->discard == DISCARD_OLD && ((r->max_msgs > 0 && s->msgs > (uint64_t)r->max_msgs) ||
                                         (r->max_bytes > 0 && s->bytes > (uint64_t)r->max_bytes));
}

static int limit_step(struct group *g, const struct entry *e, bool *ret_more)
{
    struct msglog_state state = group_log_state(g);
    *ret_more = group_is_over(g, &state);
    if (!*ret_more)
        return 0;
    struct stored_stat s;
    int r = group_find_live(g, state.first_seq, &s);
    if (r != 0)
        return r == -ENOENT ? -EBADMSG : r;
    group_remove(g, &s, GROUP_BY_LIMIT);
    g->work.removed++;
    return 0;
}

int group_enforce(struct group *g, uint32_t *budget)
{
    return run_steps(g, NULL, limit_step, budget);
}
