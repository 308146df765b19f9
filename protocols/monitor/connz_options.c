/* SPDX-License-Identifier: Apache-2.0 */
/* connz_options.c -- the arguments of /connz, and the order of its rows; see connz.h. */
#include <errno.h>

#include "protocols/monitor/connz.h"
#include "runtime/base/check.h"

static const char *const SORT_NAMES[CONNZ_SORT_COUNT] = {
    [CONNZ_BY_CID] = "cid",
    [CONNZ_BY_START] = "start",
    [CONNZ_BY_SUBS] = "subs",
    [CONNZ_BY_PENDING] = "pending",
    [CONNZ_BY_OUT_MSGS] = "msgs_to",
    [CONNZ_BY_IN_MSGS] = "msgs_from",
    [CONNZ_BY_OUT_BYTES] = "bytes_to",
    [CONNZ_BY_IN_BYTES] = "bytes_from",
    [CONNZ_BY_LAST] = "last",
    [CONNZ_BY_IDLE] = "idle",
    [CONNZ_BY_UPTIME] = "uptime",
    [CONNZ_BY_STOP] = "stop",
    [CONNZ_BY_REASON] = "reason",
    [CONNZ_BY_RTT] = "rtt",
};

int connz_sort_parse(struct bytes name, enum connz_sort *ret_sort, struct monitor_refusal *refusal)
{
    if (name.size == 0) {
        *ret_sort = CONNZ_BY_CID;
        return 0;
    }
    for (int sort = 0; sort < CONNZ_SORT_COUNT; sort++) {
        if (bytes_are(name, SORT_NAMES[sort])) {
            *ret_sort = (enum connz_sort)sort;
            return 0;
        }
    }
    return monitor_refuse(refusal, "invalid sorting option: ", name);
}

static int parse_subs(struct monitor_args *args, enum connz_subs *ret_subs,
                      struct monitor_refusal *refusal)
{
    struct monitor_args again = *args; /* the word, or else the truth value, of one argument */
    if (monitor_same_word(monitor_args_text(&again, "subs"), "detail")) {
        *ret_subs = CONNZ_SUBS_DETAIL;
        return 0;
    }
    bool subs = false;
    int error = monitor_args_bool(args, "subs", &subs, refusal);
    *ret_subs = subs ? CONNZ_SUBS : CONNZ_NO_SUBS;
    return error;
}

static int parse_state(struct monitor_args *args, enum connz_state *ret_state,
                       struct monitor_refusal *refusal)
{
    struct bytes text = monitor_args_text(args, "state");
    if (text.size == 0 || monitor_same_word(text, "open"))
        *ret_state = CONNZ_OPEN;
    else if (monitor_same_word(text, "closed"))
        *ret_state = CONNZ_CLOSED;
    else if (monitor_same_word(text, "any") || monitor_same_word(text, "all"))
        *ret_state = CONNZ_ALL;
    else
        return monitor_refuse(refusal, "Error decoding state for ", text);
    return 0;
}

/* In the order of the reference, since of several wrong arguments the first is told; the name of
 * the sort is looked at last. */
int connz_options_parse(struct monitor_args *args, struct connz_options *ret_options,
                        struct monitor_refusal *refusal)
{
    struct connz_options o = {.sort = CONNZ_BY_CID};
    int error = monitor_args_bool(args, "auth", &o.auth, refusal);
    if (!error)
        error = parse_subs(args, &o.subs, refusal);
    if (!error)
        error = monitor_args_int(args, "offset", &o.offset, refusal);
    if (!error)
        error = monitor_args_int(args, "limit", &o.limit, refusal);
    if (!error)
        error = monitor_args_uint(args, "cid", &o.cid, refusal);
    if (!error)
        error = parse_state(args, &o.state, refusal);
    if (!error)
        error = connz_sort_parse(monitor_args_text(args, "sort"), &o.sort, refusal);
    if (error)
        return error;
    o.user = monitor_args_text(args, "user");
    o.account = monitor_args_text(args, "acc");
    o.mqtt_client = monitor_args_text(args, "mqtt_client");
    error = connz_options_check(&o, refusal);
    if (!error)
        *ret_options = o;
    return error;
}

int connz_options_check(struct connz_options *o, struct monitor_refusal *refusal)
{
    struct bytes none = {"", 0};
    if (o->sort == CONNZ_BY_STOP && o->state != CONNZ_CLOSED)
        return monitor_refuse(refusal, "sort by stop only valid on closed connections", none);
    if (o->sort == CONNZ_BY_REASON && o->state != CONNZ_CLOSED)
        return monitor_refuse(refusal, "sort by reason only valid on closed connections", none);
    if (bytes_are(o->filter_subject, ">"))
        o->filter_subject = none;
    if (o->filter_subject.size > 0 && o->account.size == 0)
        return monitor_refuse(refusal, "filter by subject only valid with account filtering", none);
    if (o->offset < 0)
        o->offset = 0;
    if (o->limit <= 0)
        o->limit = CONNZ_LIMIT_DEFAULT;
    if (o->cid > 0)
        o->limit = 1;
    return 0;
}

static int64_t key_value(enum connz_sort sort, const struct conn_info *c, int64_t now_ns)
{
    /* Counters are listed from the largest down; -INT64_MAX is still a number. */
    switch (sort) {
    case CONNZ_BY_CID:
    case CONNZ_BY_START: return 0;
    case CONNZ_BY_SUBS: return -(int64_t)c->sub_count;
    case CONNZ_BY_PENDING: return -c->pending_bytes;
    case CONNZ_BY_OUT_MSGS: return -c->out_msgs;
    case CONNZ_BY_IN_MSGS: return -c->in_msgs;
    case CONNZ_BY_OUT_BYTES: return -c->out_bytes;
    case CONNZ_BY_IN_BYTES: return -c->in_bytes;
    case CONNZ_BY_LAST: return -c->last_ns;
    case CONNZ_BY_IDLE: return c->last_ns;
    case CONNZ_BY_UPTIME: return (c->stop_ns ? c->stop_ns : now_ns) - c->start_ns;
    case CONNZ_BY_STOP: return -c->stop_ns;
    case CONNZ_BY_REASON: return closed_state_rank(c->reason);
    case CONNZ_BY_RTT: return -c->rtt_ns;
    case CONNZ_SORT_COUNT: break;
    }
    UNREACHABLE("no sort");
}

struct connz_key connz_key_of(enum connz_sort sort, const struct conn_info *c, int64_t now_ns)
{
    DCHECK(c->pending_bytes >= 0 && c->rtt_ns >= 0 && c->last_ns >= c->start_ns);
    return (struct connz_key){.value = key_value(sort, c, now_ns), .cid = c->cid};
}

bool connz_key_before(struct connz_key a, struct connz_key b)
{
    return a.value < b.value || (a.value == b.value && a.cid < b.cid);
}
