/* SPDX-License-Identifier: Apache-2.0 */
/* actorz.c -- the /actorz page; see actorz.h. */
#include "protocols/monitor/actorz.h"

#include "runtime/base/check.h"

static int parse_sort(struct bytes name, enum actorz_sort *ret_sort,
                      struct monitor_refusal *refusal)
{
    static const char *const names[] = {
        [ACTORZ_BY_ID] = "id",
        [ACTORZ_BY_DEPTH] = "depth",
        [ACTORZ_BY_BUSY] = "busy",
        [ACTORZ_BY_MESSAGES] = "messages",
    };
    *ret_sort = ACTORZ_BY_ID;
    if (name.size == 0)
        return 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bytes_are(name, names[i])) {
            *ret_sort = (enum actorz_sort)i;
            return 0;
        }
    }
    return monitor_refuse(refusal, "invalid sorting option: ", name);
}

int actorz_options_parse(struct monitor_args *args, struct actorz_options *ret_options,
                         struct monitor_refusal *refusal)
{
    struct actorz_options o = {.limit = 0};
    int error = parse_sort(monitor_args_text(args, "sort"), &o.sort, refusal);
    if (!error)
        error = monitor_args_int(args, "limit", &o.limit, refusal);
    if (!error)
        error = monitor_args_uint(args, "actor", &o.actor_id, refusal);
    if (error)
        return error;
    if (o.limit <= 0)
        o.limit = ACTORZ_LIMIT_DEFAULT;
    if (o.limit > ACTORZ_LIMIT_MAX)
        o.limit = ACTORZ_LIMIT_MAX;
    *ret_options = o;
    return 0;
}

static uint64_t sorted_by(enum actorz_sort sort, const struct actorz_row *row)
{
    switch (sort) {
    case ACTORZ_BY_ID: return 0;
    case ACTORZ_BY_DEPTH: return row->depth;
    case ACTORZ_BY_BUSY: return row->busy_ns;
    case ACTORZ_BY_MESSAGES: return row->messages;
    }
    UNREACHABLE("no sort");
}

bool actorz_before(enum actorz_sort sort, const struct actorz_row *a, const struct actorz_row *b)
{
    uint64_t of_a = sorted_by(sort, a);
    uint64_t of_b = sorted_by(sort, b);
    return of_a > of_b || (of_a == of_b && a->id < b->id);
}

void actorz_begin(struct json *j, struct bytes server_id, int64_t now_ns, uint64_t total)
{
    json_object_begin(j);
    json_put_string(j, "server_id", server_id);
    json_put_time(j, "now", now_ns);
    json_put_uint(j, "total", total);
    json_put_array(j, "actors");
}

void actorz_row_write(struct json *j, const struct actorz_row *row)
{
    DCHECK(row->depth <= row->depth_max);
    json_object_begin(j);
    json_put_uint(j, "id", row->id);
    json_put_string(j, "class", row->actor_class);
    json_put_int(j, "worker", row->worker);
    json_put_uint(j, "messages", row->messages);
    json_put_uint(j, "bytes", row->bytes);
    json_put_uint(j, "busy_ns", row->busy_ns);
    json_put_uint(j, "waited_ns", row->waited_ns);
    json_put_uint(j, "depth", row->depth);
    json_put_uint(j, "depth_max", row->depth_max);
    json_put_strings(j, "last", row->last, row->last_count);
    json_object_end(j);
}

void actorz_end(struct json *j)
{
    json_array_end(j);
    json_object_end(j);
}
