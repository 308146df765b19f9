/* SPDX-License-Identifier: Apache-2.0 */
/* page_small.c -- pages of one piece, and which page is which.
 *
 * /routez, /gatewayz, /leafz and /jsz say what a server says that has none of these: this one has none
 * yet.
 */
#include "actors/logger/logger_msg.h"
#include "actors/monitor/page.h"
#include "protocols/json/go_text.h"
#include "protocols/monitor/healthz.h"
#include "runtime/base/check.h"

#define FAILURE_TEXT_MAX 4096

const struct page_class *page_class_of(enum monitor_page which)
{
    switch (which) {
    case MONITOR_INDEX: return &page_index;
    case MONITOR_VARZ: return &page_varz;
    case MONITOR_CONNZ: return &page_connz;
    case MONITOR_SUBSZ:
    case MONITOR_SUBSCRIPTIONSZ: return &page_subsz;
    case MONITOR_ROUTEZ: return &page_routez;
    case MONITOR_LEAFZ: return &page_leafz;
    case MONITOR_GATEWAYZ: return &page_gatewayz;
    case MONITOR_HEALTHZ: return &page_healthz;
    case MONITOR_ACTORZ: return &page_actorz;
    case MONITOR_TRACEZ: return &page_tracez;
    case MONITOR_JSZ: return &page_jsz;
    case MONITOR_ACCOUNTZ: return &page_accountz;
    case MONITOR_ACCSTATZ: return &page_accstatz;
    case MONITOR_RAFTZ:
    case MONITOR_EXPVAR:
    case MONITOR_STACKSZ:
    case MONITOR_IPQUEUESZ: return &page_absent;
    case MONITOR_NOT_FOUND: return &page_not_found;
    case MONITOR_REDIRECT:
    case MONITOR_BAD_TARGET:
    case MONITOR_OPTIONS:
    case MONITOR_NO_EXPECT:
    case MONITOR_PAGE_COUNT: break;
    }
    UNREACHABLE("this is no page");
}

/* --- texts -------------------------------------------------------------------------------------- */

static enum page_step index_step(struct page *p)
{
    p->content = HTTP_CONTENT_HTML;
    monitor_index_write(&p->json.out, p->settings->base_path, p->settings->version);
    return PAGE_ENDS;
}

const struct page_class page_index = {.size = sizeof(struct page), .step = index_step};

static enum page_step not_found_step(struct page *p)
{
    p->status = 404;
    p->content = HTTP_CONTENT_NO_PAGE;
    output_add(&p->json.out, monitor_not_found_text());
    return PAGE_ENDS;
}

const struct page_class page_not_found = {.size = sizeof(struct page), .step = not_found_step};

static enum page_step absent_step(struct page *p)
{
    p->status = 404;
    p->content = HTTP_CONTENT_NO_PAGE;
    output_text(&p->json.out, monitor_page_path(p->which));
    output_text(&p->json.out, " is not supported yet\n");
    return PAGE_ENDS;
}

const struct page_class page_absent = {.size = sizeof(struct page), .step = absent_step};

/* --- nothing there ------------------------------------------------------------------------------ */

static void begin_document(struct page *p)
{
    json_object_begin(&p->json);
    json_put_string(&p->json, "server_id", page_server_id(p));
}

static void put_empty_array(struct json *j, const char *name)
{
    json_put_array(j, name);
    json_array_end(j);
}

static void put_empty_object(struct json *j, const char *name)
{
    json_put_object(j, name);
    json_object_end(j);
}

static enum page_step routez_step(struct page *p)
{
    begin_document(p);
    json_put_string(&p->json, "server_name", p->settings->varz.identity.server_name);
    json_put_time(&p->json, "now", p->now_ns);
    json_put_int(&p->json, "num_routes", 0);
    put_empty_array(&p->json, "routes");
    json_object_end(&p->json);
    return PAGE_ENDS;
}

const struct page_class page_routez = {.size = sizeof(struct page), .step = routez_step};

static enum page_step gatewayz_step(struct page *p)
{
    begin_document(p);
    json_put_time(&p->json, "now", p->now_ns);
    put_empty_object(&p->json, "outbound_gateways");
    put_empty_object(&p->json, "inbound_gateways");
    json_object_end(&p->json);
    return PAGE_ENDS;
}

const struct page_class page_gatewayz = {.size = sizeof(struct page), .step = gatewayz_step};

static enum page_step leafz_step(struct page *p)
{
    begin_document(p);
    json_put_time(&p->json, "now", p->now_ns);
    json_put_int(&p->json, "leafnodes", 0);
    put_empty_array(&p->json, "leafs");
    json_object_end(&p->json);
    return PAGE_ENDS;
}

const struct page_class page_leafz = {.size = sizeof(struct page), .step = leafz_step};

/* --- /jsz: JetStream is off ---------------------------------------------------------------------- */

static int jsz_begin(struct page *p)
{
    /* In the reference's order; what they say does not matter where there is nothing. */
    static const char *const flags[] = {"accounts", "streams", "consumers", "direct-consumers",
                                        "config"};
    static const char *const more[] = {"leader-only", "raft", "stream-leader-only"};
    bool flag;
    int64_t number;
    int status = 0;
    for (unsigned i = 0; status == 0 && i < sizeof flags / sizeof *flags; i++)
        status = monitor_args_bool(&p->args, flags[i], &flag, &p->refusal);
    if (status == 0)
        status = monitor_args_int(&p->args, "offset", &number, &p->refusal);
    if (status == 0)
        status = monitor_args_int(&p->args, "limit", &number, &p->refusal);
    for (unsigned i = 0; status == 0 && i < sizeof more / sizeof *more; i++)
        status = monitor_args_bool(&p->args, more[i], &flag, &p->refusal);
    return status;
}

static void put_zeros(struct json *j, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        json_put_int(j, names[i], 0);
}

#define PUT_ZEROS(j, ...)                              \
    put_zeros((j), (const char *const[]){__VA_ARGS__}, \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static enum page_step jsz_step(struct page *p)
{
    struct json *j = &p->json;
    json_object_begin(j);
    PUT_ZEROS(j, "memory", "storage", "reserved_memory", "reserved_storage", "accounts",
              "ha_assets");
    json_put_object(j, "api");
    PUT_ZEROS(j, "level", "total", "errors");
    json_object_end(j);
    json_put_string(j, "server_id", page_server_id(p));
    json_put_time(j, "now", p->now_ns);
    json_put_bool(j, "disabled", true);
    json_put_object(j, "config");
    PUT_ZEROS(j, "max_memory", "max_storage");
    json_object_end(j);
    PUT_ZEROS(j, "streams", "consumers", "messages", "bytes", "total");
    json_object_end(j);
    return PAGE_ENDS;
}

const struct page_class page_jsz = {.size = sizeof(struct page),
                                    .begin = jsz_begin,
                                    .step = jsz_step};

/* --- /healthz ----------------------------------------------------------------------------------- */

struct healthz_page {
    struct page page;
    struct healthz_options options;
    bool asked;
    bool listening;
};

static int healthz_begin(struct page *p)
{
    struct healthz_page *h = (struct healthz_page *)(void *)p;
    int status = healthz_options_parse(&p->args, &h->options, &p->refusal);
    if (status == 0 && h->options.js_enabled)
        LOG_WARN(p->settings->log,
                 "Healthcheck: js-enabled deprecated, use js-enabled-only instead");
    return status;
}

/* The text is quoted, and has quotes itself. */
static void log_failure(const struct page *p, const char *error)
{
    struct output text;
    output_init(&text, FAILURE_TEXT_MAX);
    go_text_quote(&text, bytes_of(error));
    LOG_WARN(p->settings->log, "Healthcheck failed: %.*s", (int)text.size, text.at);
    output_done(&text);
}

static enum page_step healthz_step(struct page *p)
{
    struct healthz_page *h = (struct healthz_page *)(void *)p;
    if (!h->asked) {
        struct listener_report *m = MSG_NEW(listener_types, LISTENER_REPORT, listener_report);
        m->answer = &monitor_conn_types[MONITOR_CONN_LISTENER];
        page_ask(p, p->settings->listeners[0], &m->msg, 0);
        h->asked = true;
        return PAGE_WAITS;
    }
    const char *not_ready =
        h->listening ? NULL : "failed to be ready for connections after 1ms: server: not listening";
    struct healthz_verdict verdict = healthz_judge(&h->options, not_ready);
    p->status = verdict.code;
    if (verdict.error != NULL && h->options.details)
        LOG_WARN(p->settings->log, "Healthcheck failed: 1 errors");
    else if (verdict.error != NULL)
        log_failure(p, verdict.error);
    p->json.layout = JSON_COMPACT;
    healthz_write(&p->json, &h->options, &verdict);
    return PAGE_ENDS;
}

static void healthz_answer(struct page *p, struct msg *m)
{
    CHECK(m->type->kind == MONITOR_CONN_LISTENER);
    ((struct healthz_page *)(void *)p)->listening =
        ((const struct listener_reported *)(const void *)m)->listening;
}

const struct page_class page_healthz = {
    .size = sizeof(struct healthz_page),
    .begin = healthz_begin,
    .step = healthz_step,
    .answer = healthz_answer,
};
