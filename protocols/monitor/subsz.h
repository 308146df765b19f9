/* SPDX-License-Identifier: Apache-2.0 */
/* subsz.h -- the /subsz page: its arguments and its document. */
#ifndef PROTOCOLS_MONITOR_SUBSZ_H
#define PROTOCOLS_MONITOR_SUBSZ_H

#include "protocols/monitor/connz.h"

enum { SUBSZ_LIMIT_DEFAULT = 1024 };

struct subsz_options {
    bool subs;
    int64_t offset; /* >= 0 once checked */
    int64_t limit;  /* > 0 once checked */
    struct bytes account;
    struct bytes test; /* a subject to publish to; empty: all subscriptions */
};

/* Reads and checks the page's arguments: 0, or -EINVAL with the refusal filled in. */
__attribute__((warn_unused_result)) int subsz_options_parse(struct monitor_args *args,
                                                            struct subsz_options *ret_options,
                                                            struct monitor_refusal *refusal);
/* Checks options and puts defaults into them, for the page and for the system account's request. */
__attribute__((warn_unused_result)) int subsz_options_check(struct subsz_options *options,
                                                            struct monitor_refusal *refusal);

/* The index of one account, or of several added up. */
struct subsz_stats {
    uint32_t subs;
    uint32_t cached;
    uint64_t inserts;
    uint64_t removes;
    uint64_t matches;
    uint64_t cache_hits;
    uint32_t max_fanout;
    uint64_t fanout_sum;   /* over the cached results, */
    uint64_t fanout_count; /* of which there are so many */
};
void subsz_stats_add(struct subsz_stats *sum, const struct subsz_stats *more);

struct subsz_page {
    struct bytes server_id;
    int64_t now_ns;
    struct subsz_stats stats;
    int64_t total; /* 0 unless subscriptions were asked for */
    int64_t offset;
    int64_t limit;
    size_t row_count; /* of the subscriptions that follow */
};

/* Between the two: row_count times sub_detail_write. */
void subsz_begin(struct json *j, const struct subsz_page *page);
void subsz_end(struct json *j, const struct subsz_page *page);

#endif
