/* SPDX-License-Identifier: Apache-2.0 */
/* healthz.h -- the /healthz page: its arguments, its verdict, its document.
 *
 * What is checked here is what a server without JetStream has to check: the arguments, and whether
 * it takes connections. A server with JetStream goes on where healthz_judge says "ok".
 */
#ifndef PROTOCOLS_MONITOR_HEALTHZ_H
#define PROTOCOLS_MONITOR_HEALTHZ_H

#include "protocols/json/json_writer.h"
#include "protocols/monitor/monitor_args.h"

struct healthz_options {
    bool js_enabled; /* deprecated by the next, and as good as that */
    bool js_enabled_only;
    bool js_server_only;
    bool js_meta_only;
    bool details;
    struct bytes account;
    struct bytes stream;
    struct bytes consumer;
};

/* 0, or -EINVAL with the refusal filled in. */
__attribute__((warn_unused_result)) int healthz_options_parse(struct monitor_args *args,
                                                              struct healthz_options *ret_options,
                                                              struct monitor_refusal *refusal);

enum healthz_error_type {
    HEALTHZ_CONNECTION,
    HEALTHZ_BAD_REQUEST,
    HEALTHZ_JETSTREAM,
    HEALTHZ_ACCOUNT,
    HEALTHZ_STREAM,
    HEALTHZ_CONSUMER,
};

struct healthz_verdict {
    int code;           /* of HTTP */
    const char *status; /* "ok", "error", "unavailable" */
    enum healthz_error_type type;
    const char *error; /* NULL: none */
};

/* not_ready is NULL, or why the server takes no connections. */
struct healthz_verdict healthz_judge(const struct healthz_options *options, const char *not_ready);

void healthz_write(struct json *j, const struct healthz_options *options,
                   const struct healthz_verdict *verdict);

#endif
