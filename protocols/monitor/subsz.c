/* SPDX-License-Identifier: Apache-2.0 */
/* subsz.c -- the /subsz page; see subsz.h. */
#include "protocols/monitor/subsz.h"

#include "runtime/base/check.h"

int subsz_options_parse(struct monitor_args *args, struct subsz_options *ret_options,
                        struct monitor_refusal *refusal)
{
    struct subsz_options o = {.subs = false};
    int error = monitor_args_bool(args, "subs", &o.subs, refusal);
    if (!error)
        error = monitor_args_int(args, "offset", &o.offset, refusal);
    if (!error)
        error = monitor_args_int(args, "limit", &o.limit, refusal);
    if (error)
        return error;
    o.test = monitor_args_text(args, "test");
    o.account = monitor_args_text(args, "acc");
    error = subsz_options_check(&o, refusal);
    if (!error)
        *ret_options = o;
    return error;
}

/* Tokens that are not empty and no wildcards; other bytes are not looked at. */
static bool is_literal(struct bytes subject)
{
    size_t start = 0;
    for (size_t i = 0; i <= subject.size; i++) {
        if (i < subject.size && subject.at[i] != '.')
            continue;
        struct bytes token = {subject.at + start, i - start};
        if (token.size == 0 || bytes_are(token, "*") || bytes_are(token, ">"))
            return false;
        start = i + 1;
    }
    return true;
}

int subsz_options_check(struct subsz_options *o, struct monitor_refusal *refusal)
{
    if (o->test.size > 0 && !is_literal(o->test))
        return monitor_refuse(refusal,
                              "invalid test subject, must be valid publish subject: ", o->test);
    if (o->offset < 0)
        o->offset = 0;
    if (o->limit <= 0)
        o->limit = SUBSZ_LIMIT_DEFAULT;
    return 0;
}

void subsz_stats_add(struct subsz_stats *sum, const struct subsz_stats *more)
{
    sum->subs += more->subs;
    sum->cached += more->cached;
    sum->inserts += more->inserts;
    sum->removes += more->removes;
    sum->matches += more->matches;
    sum->cache_hits += more->cache_hits;
    sum->max_fanout = more->max_fanout > sum->max_fanout ? more->max_fanout : sum->max_fanout;
    sum->fanout_sum += more->fanout_sum;
    sum->fanout_count += more->fanout_count;
}

static double ratio(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

void subsz_begin(struct json *j, const struct subsz_page *page)
{
    const struct subsz_stats *s = &page->stats;
    DCHECK(s->cache_hits <= s->matches);
    DCHECK((int64_t)page->row_count <= page->total && (int64_t)page->row_count <= page->limit);
    json_object_begin(j);
    json_put_string(j, "server_id", page->server_id);
    json_put_time(j, "now", page->now_ns);
    json_put_uint(j, "num_subscriptions", s->subs);
    json_put_uint(j, "num_cache", s->cached);
    json_put_uint(j, "num_inserts", s->inserts);
    json_put_uint(j, "num_removes", s->removes);
    json_put_uint(j, "num_matches", s->matches);
    json_put_float(j, "cache_hit_rate", ratio(s->cache_hits, s->matches));
    json_put_uint(j, "max_fanout", s->max_fanout);
    json_put_float(j, "avg_fanout", ratio(s->fanout_sum, s->fanout_count));
    json_put_int(j, "total", page->total);
    json_put_int(j, "offset", page->offset);
    json_put_int(j, "limit", page->limit);
    if (page->row_count > 0)
        json_put_array(j, "subscriptions_list");
}

void subsz_end(struct json *j, const struct subsz_page *page)
{
    if (page->row_count > 0)
        json_array_end(j);
    json_object_end(j);
}
