/* SPDX-License-Identifier: Apache-2.0 */
/* group_judge.c -- whether a message is taken: by its headers, the rules, and what the stream has.
 *
 * Idea        Questions in a fixed order, each of which lets the message pass, or says the outcome,
 *             or wants pages. None changes anything, so all may be asked again from the start.
 *
 *             A part of a batch is asked the same, with what the parts before it have taken
 *             (staged).
 */
#include <errno.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/group/group_private.h"

/* A question: 0 when it is answered, in ret if the answer is no. */
typedef int question_fn(struct group *g, struct publish *p, const struct staged *staged,
                        struct applied *ret);

static struct bytes header(const struct publish *p, enum publish_header h)
{
    return p->headers.values[h];
}

static bool has(const struct publish *p, enum publish_header h)
{
    return header(p, h).size > 0;
}

/* What came from an origin was judged there. */
static bool is_from_origin(const struct publish *p)
{
    return (p->message.flags & MESSAGE_ORIGIN) != 0;
}

static int ask_origin(struct group *g, struct publish *p, const struct staged *staged,
                      struct applied *ret)
{
    if (!is_from_origin(p))
        return 0;
    uint64_t seen = 0;
    const struct source *source = group_find_source(g, p->message.source);
    if (rules_have(&g->rules, RULES_MIRROR))
        seen = group_log_state(g).last_seq;
    else if (source != NULL)
        seen = source->seq;
    if (p->message.origin_seq <= seen || p->message.origin_seq > STREAM_SEQ_MAX)
        ret->outcome = APPLIED_OLD;
    return 0;
}

static int ask_sealed(struct group *g, struct publish *p, const struct staged *staged,
                      struct applied *ret)
{
    if (rules_have(&g->rules, RULES_SEALED))
        group_refuse(ret, REFUSAL_SEALED);
    return 0;
}

static bool is_integer(struct bytes text)
{
    size_t i = text.at[0] == '-' || text.at[0] == '+' ? 1 : 0;
    bool any = i < text.size;
    for (; i < text.size; i++)
        any = any && text.at[i] >= '0' && text.at[i] <= '9';
    return any;
}

static int ask_incr(struct group *g, struct publish *p, const struct staged *staged,
                    struct applied *ret)
{
    if (!has(p, HEADER_INCR) || is_from_origin(p))
        return 0;
    group_refuse(ret,
                 is_integer(header(p, HEADER_INCR)) ? REFUSAL_INCR_DISABLED : REFUSAL_INCR_INVALID);
    return 0;
}

static int ask_stream(struct group *g, struct publish *p, const struct staged *staged,
                      struct applied *ret)
{
    struct bytes expected = header(p, HEADER_EXPECTED_STREAM);
    if (expected.size > 0 && !is_from_origin(p) && !bytes_equal(expected, rules_name(&g->rules)))
        group_refuse(ret, REFUSAL_WRONG_STREAM);
    return 0;
}

static int ask_ttl_allowed(struct group *g, struct publish *p, const struct staged *staged,
                           struct applied *ret)
{
    int64_t seconds;
    if (!is_from_origin(p) && !rules_have(&g->rules, RULES_ALLOW_MSG_TTL) &&
        publish_header_ttl(header(p, HEADER_TTL), &seconds) == 0 && seconds != 0)
        group_refuse(ret, REFUSAL_TTL_DISABLED);
    return 0;
}

/* --- expected sequences ----------------------------------------------------------------------- */

/* The last sequence of a subject with wildcards. A long search goes on where it was left. */
static int last_matching(struct group *g, struct bytes subject, uint32_t part, uint64_t *ret_seq)
{
    struct group_work *work = &g->work;
    if (work->scan_part != part + 1) {
        work->scan_part = part + 1;
        work->scan = group_log_state(g).last_seq;
    }
    struct filter filter = {&subject, 1};
    struct stored found;
    int r = work->scan == 0 ? -ENOENT : msglog_prev(g->log, &filter, work->scan, 1, &found);
    if (r == -EINPROGRESS || r == 0)
        work->scan = found.seq;
    if (r == -ENOENT)
        work->scan = 0;
    *ret_seq = work->scan;
    return r == -ENOENT ? 0 : r;
}

static int last_of(struct group *g, struct bytes subject, uint32_t part, uint64_t *ret_seq)
{
    if (!subject_is_literal(subject))
        return last_matching(g, subject, part, ret_seq);
    int r = msglog_last(g->log, subject, ret_seq);
    if (r == -ENOENT) {
        *ret_seq = 0;
        r = 0;
    }
    return r;
}

static bool is_staged(const struct staged *staged, struct bytes subject)
{
    for (uint32_t i = 0; staged != NULL && i < staged->count; i++)
        if (bytes_equal(staged->parts[i].subject, subject))
            return true;
    return false;
}

static int ask_last_of_subject(struct group *g, struct publish *p, const struct staged *staged,
                               struct applied *ret)
{
    struct bytes other = header(p, HEADER_EXPECTED_LAST_SUBJECT_SEQ_SUBJECT);
    if (is_from_origin(p))
        return 0;
    if (!has(p, HEADER_EXPECTED_LAST_SUBJECT_SEQ)) {
        if (other.size > 0)
            group_refuse(ret, REFUSAL_LAST_SUBJECT_SEQ_MISSING);
        return 0;
    }
    struct bytes subject = other.size > 0 ? other : p->message.subject;
    if (is_staged(staged, subject)) {
        group_refuse(ret, REFUSAL_WRONG_LAST_SEQ_IN_BATCH);
        return 0;
    }
    uint64_t last;
    int r = last_of(g, subject, p->part, &last);
    if (r == 0 && last != publish_header_seq(header(p, HEADER_EXPECTED_LAST_SUBJECT_SEQ))) {
        group_refuse(ret, REFUSAL_WRONG_LAST_SEQ);
        ret->number = last;
    }
    return r;
}

static int ask_last(struct group *g, struct publish *p, const struct staged *staged,
                    struct applied *ret)
{
    if (!has(p, HEADER_EXPECTED_LAST_SEQ) || is_from_origin(p))
        return 0;
    uint64_t before = staged != NULL ? staged->count : 0;
    uint64_t last = group_log_state(g).last_seq + before;
    if (publish_header_seq(header(p, HEADER_EXPECTED_LAST_SEQ)) != last) {
        group_refuse(ret, REFUSAL_WRONG_LAST_SEQ);
        ret->number = last;
    } else if (before > 0) {
        group_refuse(ret, REFUSAL_WRONG_LAST_SEQ_IN_BATCH);
    }
    return 0;
}

/* --- schedules, sources, ids ------------------------------------------------------------------ */

static int ask_schedule(struct group *g, struct publish *p, const struct staged *staged,
                        struct applied *ret)
{
    if (is_from_origin(p))
        return 0;
    struct bytes next = header(p, HEADER_SCHEDULE_NEXT);
    struct bytes scheduler = header(p, HEADER_SCHEDULER);
    if (has(p, HEADER_SCHEDULE)) {
        group_refuse(ret, REFUSAL_SCHEDULES_DISABLED);
    } else if (next.size > 0 || scheduler.size > 0) {
        bool is_purge = bytes_are(next, "purge") && subject_is_valid_publish(scheduler) &&
                        !bytes_equal(scheduler, p->message.subject);
        group_refuse(ret, is_purge ? REFUSAL_SCHEDULES_DISABLED : REFUSAL_SCHEDULER_INVALID);
    }
    return 0;
}

static int ask_source_header(struct group *g, struct publish *p, const struct staged *staged,
                             struct applied *ret)
{
    if (has(p, HEADER_STREAM_SOURCE) && !is_from_origin(p))
        group_refuse(ret, REFUSAL_SOURCE_HEADER);
    return 0;
}

static int ask_msg_id(struct group *g, struct publish *p, const struct staged *staged,
                      struct applied *ret)
{
    struct bytes id = header(p, HEADER_MSG_ID);
    if (id.size == 0 || rules_have(&g->rules, RULES_MIRROR))
        return 0;
    for (uint32_t i = 0; staged != NULL && i < staged->count; i++) {
        if (bytes_equal(staged->parts[i].msg_id, id)) {
            group_refuse(ret, REFUSAL_BATCH_DUPLICATE);
            return 0;
        }
    }
    uint64_t seq;
    if (!dedup_find(&g->dedup, id, g->now_ns, g->rules.duplicate_window_ns, &seq))
        return 0;
    if (staged != NULL)
        group_refuse(ret, REFUSAL_BATCH_DUPLICATE);
    else
        ret->outcome = APPLIED_DUPLICATE;
    ret->seq = seq;
    return 0;
}

static int ask_last_msg_id(struct group *g, struct publish *p, const struct staged *staged,
                           struct applied *ret)
{
    struct bytes expected = header(p, HEADER_EXPECTED_LAST_MSG_ID);
    if (expected.size == 0 || is_from_origin(p))
        return 0;
    if (staged != NULL) {
        group_refuse(ret, REFUSAL_BATCH_HEADER);
        ret->text = BYTES("Nats-Expected-Last-Msg-Id");
    } else if (!bytes_equal(expected, buffer_view(&g->last_msg_id))) {
        group_refuse(ret, REFUSAL_WRONG_LAST_MSG_ID);
        ret->text = buffer_view(&g->last_msg_id);
    }
    return 0;
}

/* --- roll-up, sizes --------------------------------------------------------------------------- */

static int ask_rollup(struct group *g, struct publish *p, const struct staged *staged,
                      struct applied *ret)
{
    enum publish_rollup rollup = publish_header_rollup(header(p, HEADER_ROLLUP));
    bool allowed =
        rules_have(&g->rules, RULES_ALLOW_ROLLUP) && !rules_have(&g->rules, RULES_DENY_PURGE);
    if (rollup == ROLLUP_NONE)
        return 0;
    if (!allowed && !is_from_origin(p)) {
        group_refuse(ret, REFUSAL_ROLLUP_FORBIDDEN);
    } else if (rollup == ROLLUP_BAD) {
        group_refuse(ret, REFUSAL_ROLLUP_INVALID);
        ret->text = header(p, HEADER_ROLLUP);
    } else if (rollup == ROLLUP_SUBJECT && is_staged(staged, p->message.subject)) {
        group_refuse(ret, REFUSAL_ROLLUP_SUBJECT_IN_BATCH);
    } else if (rollup == ROLLUP_ALL && staged != NULL && staged->count > 0) {
        group_refuse(ret, REFUSAL_ROLLUP_ALL_IN_BATCH);
    }
    return 0;
}

static int ask_size(struct group *g, struct publish *p, const struct staged *staged,
                    struct applied *ret)
{
    uint64_t size = (uint64_t)p->message.headers.size + p->message.payload.size;
    if (g->rules.max_msg_size >= 0 && size > (uint64_t)g->rules.max_msg_size)
        group_refuse(ret, REFUSAL_MSG_TOO_LARGE);
    else if (p->message.headers.size > UINT16_MAX)
        group_refuse(ret, REFUSAL_HEADERS_TOO_LARGE);
    return 0;
}

static int ask_ttl(struct group *g, struct publish *p, const struct staged *staged,
                   struct applied *ret)
{
    int64_t seconds;
    if (!p->unwanted && publish_header_ttl(header(p, HEADER_TTL), &seconds) != 0)
        group_refuse(ret, REFUSAL_TTL_INVALID);
    return 0;
}

/* --- limits of a stream that discards new messages -------------------------------------------- */

static uint64_t staged_of(const struct staged *staged, struct bytes subject)
{
    uint64_t count = 0;
    for (uint32_t i = 0; staged != NULL && i < staged->count; i++)
        count += bytes_equal(staged->parts[i].subject, subject);
    return count;
}

/* The message takes the place of its subject's first one: whether that gives it the bytes it is
 * short of. */
static int ask_replaced(struct group *g, const struct publish *p, uint64_t first_seq,
                        struct applied *ret)
{
    struct stored_stat first;
    int r = msglog_stat(g->log, first_seq, &first);
    if (r == 0 && first.size < p->size)
        group_refuse(ret, REFUSAL_MAX_BYTES);
    return r == -ENOENT ? -EBADMSG : r;
}

static int ask_discard_new(struct group *g, struct publish *p, const struct staged *staged,
                           struct applied *ret)
{
    const struct stream_rules *rules = &g->rules;
    if (rules->discard != DISCARD_NEW || p->unwanted)
        return 0;
    struct subject_totals totals = {0};
    uint64_t per_subject =
        rules->max_msgs_per_subject > 0 ? (uint64_t)rules->max_msgs_per_subject : UINT64_MAX;
    if (per_subject != UINT64_MAX) {
        int r = msglog_subject(g->log, p->message.subject, &totals);
        if (r != 0 && r != -ENOENT)
            return r;
    }
    struct msglog_state state = group_log_state(g);
    uint64_t count = staged != NULL ? staged->count : 0;
    uint64_t bytes = staged != NULL ? staged->bytes : 0;
    bool full = totals.msgs + staged_of(staged, p->message.subject) >= per_subject;
    bool replaces = full && staged == NULL;
    if (full && rules_have(rules, RULES_DISCARD_NEW_PER_SUBJECT) && !has(p, HEADER_ROLLUP)) {
        group_refuse(ret, REFUSAL_MAX_MSGS_PER_SUBJECT);
    } else if (rules->max_msgs > 0 && state.msgs + count >= (uint64_t)rules->max_msgs &&
               !replaces) {
        group_refuse(ret, REFUSAL_MAX_MSGS);
    } else if (rules->max_bytes > 0 && state.bytes + bytes + p->size > (uint64_t)rules->max_bytes) {
        if (replaces)
            return ask_replaced(g, p, totals.first_seq, ret);
        group_refuse(ret, REFUSAL_MAX_BYTES);
    }
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* Settles what is stored of the message, which its size follows from. */
static int settle(struct group *g, struct publish *p, const struct staged *staged,
                  struct applied *ret)
{
    publish_settle(g, p);
    return 0;
}

static question_fn *const questions[] = {
    ask_origin,      ask_sealed,      ask_incr,
    ask_stream,      ask_ttl_allowed, ask_last_of_subject,
    ask_last,        ask_schedule,    ask_source_header,
    ask_msg_id,      ask_last_msg_id, ask_rollup,
    ask_size,        settle,          ask_ttl,
    ask_discard_new,
};

int group_judge(struct group *g, struct publish *p, const struct staged *staged,
                struct applied *ret)
{
    ret->outcome = APPLIED_STORED;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        int r = questions[i](g, p, staged, ret);
        if (r != 0 || ret->outcome != APPLIED_STORED)
            return r;
    }
    return 0;
}
