/* SPDX-License-Identifier: Apache-2.0 */
/* healthz.c -- the /healthz page; see healthz.h. */
#include "protocols/monitor/healthz.h"

#include "runtime/base/check.h"

int healthz_options_parse(struct monitor_args *args, struct healthz_options *ret_options,
                          struct monitor_refusal *refusal)
{
    struct healthz_options o = {.details = false};
    int error = monitor_args_bool(args, "js-enabled", &o.js_enabled, refusal);
    if (!error)
        error = monitor_args_bool(args, "js-enabled-only", &o.js_enabled_only, refusal);
    if (!error)
        error = monitor_args_bool(args, "js-server-only", &o.js_server_only, refusal);
    if (!error)
        error = monitor_args_bool(args, "js-meta-only", &o.js_meta_only, refusal);
    if (!error)
        error = monitor_args_bool(args, "details", &o.details, refusal);
    if (error)
        return error;
    o.account = monitor_args_text(args, "account");
    o.stream = monitor_args_text(args, "stream");
    o.consumer = monitor_args_text(args, "consumer");
    *ret_options = o;
    return 0;
}

struct healthz_verdict healthz_judge(const struct healthz_options *o, const char *not_ready)
{
    if (o->account.size == 0 && o->stream.size > 0)
        return (struct healthz_verdict){
            .code = 400,
            .status = "error",
            .type = HEALTHZ_BAD_REQUEST,
            .error = "\"account\" must not be empty when checking stream health",
        };
    if (o->stream.size == 0 && o->consumer.size > 0)
        return (struct healthz_verdict){
            .code = 400,
            .status = "error",
            .type = HEALTHZ_BAD_REQUEST,
            .error = "\"stream\" must not be empty when checking consumer health",
        };
    if (not_ready)
        return (struct healthz_verdict){
            .code = 500,
            .status = "error",
            .type = HEALTHZ_CONNECTION,
            .error = not_ready,
        };
    return (struct healthz_verdict){.code = 200, .status = "ok"};
}

static const char *type_text(enum healthz_error_type type)
{
    switch (type) {
    case HEALTHZ_CONNECTION: return "CONNECTION";
    case HEALTHZ_BAD_REQUEST: return "BAD_REQUEST";
    case HEALTHZ_JETSTREAM: return "JETSTREAM";
    case HEALTHZ_ACCOUNT: return "ACCOUNT";
    case HEALTHZ_STREAM: return "STREAM";
    case HEALTHZ_CONSUMER: return "CONSUMER";
    }
    UNREACHABLE("no type of health error");
}

/* With details the list of errors decides the status, without them there is one error text. */
void healthz_write(struct json *j, const struct healthz_options *o,
                   const struct healthz_verdict *verdict)
{
    DCHECK((verdict->code == 200) == (verdict->error == NULL));
    json_object_begin(j);
    if (!o->details) {
        json_put_string(j, "status", bytes_of(verdict->status));
        if (verdict->error)
            json_put_string(j, "error", bytes_of(verdict->error));
    } else {
        json_put_string(j, "status", bytes_of(verdict->error ? "error" : "ok"));
    }
    if (o->details && verdict->error) {
        json_put_array(j, "errors");
        json_object_begin(j);
        json_put_string(j, "type", bytes_of(type_text(verdict->type)));
        json_put_string(j, "error", bytes_of(verdict->error));
        json_object_end(j);
        json_array_end(j);
    }
    json_object_end(j);
}
