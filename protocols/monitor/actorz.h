/* SPDX-License-Identifier: Apache-2.0 */
/* actorz.h -- the /actorz page: what each actor has done and waits for. Not a page of nats-server.
 *
 * As with /connz, a collector keeps the first `limit` rows by their keys and writes them one by one.
 */
#ifndef PROTOCOLS_MONITOR_ACTORZ_H
#define PROTOCOLS_MONITOR_ACTORZ_H

#include "protocols/json/json_writer.h"
#include "protocols/monitor/monitor_args.h"

enum { ACTORZ_LIMIT_DEFAULT = 1024, ACTORZ_LIMIT_MAX = 65536 };

enum actorz_sort { ACTORZ_BY_ID, ACTORZ_BY_DEPTH, ACTORZ_BY_BUSY, ACTORZ_BY_MESSAGES };

struct actorz_options {
    enum actorz_sort sort;
    int64_t limit;     /* 1..ACTORZ_LIMIT_MAX */
    uint64_t actor_id; /* 0: all */
};

/* sort, limit, actor: 0, or -EINVAL with the refusal filled in. */
__attribute__((warn_unused_result)) int actorz_options_parse(struct monitor_args *args,
                                                             struct actorz_options *ret_options,
                                                             struct monitor_refusal *refusal);

struct actorz_row {
    uint64_t id;
    struct bytes actor_class;
    int worker; /* -1: floating */
    uint64_t messages;
    uint64_t bytes;
    uint64_t busy_ns;
    uint64_t waited_ns;
    uint64_t depth;
    uint64_t depth_max;
    const struct bytes *last; /* borrowed; names of its last messages, oldest first */
    size_t last_count;
};

/* Whether a is listed before b: largest first, then by id. */
bool actorz_before(enum actorz_sort sort, const struct actorz_row *a, const struct actorz_row *b);

void actorz_begin(struct json *j, struct bytes server_id, int64_t now_ns, uint64_t total);
void actorz_row_write(struct json *j, const struct actorz_row *row);
void actorz_end(struct json *j);

#endif
