/* SPDX-License-Identifier: Apache-2.0 */
/* page_accounts.c -- /accountz and /accstatz: the accounts, and what they have done.
 *
 * Connections and traffic are the server's, which has one account.
 */
#include "actors/monitor/page.h"
#include "protocols/monitor/subsz.h"
#include "runtime/base/check.h"

struct accounts_page {
    struct page page;
    bool asked;
    bool unused;       /* /accstatz: those without connections too */
    struct bytes name; /* /accountz: of the account asked for; empty: all */
    int64_t connections;
    uint64_t subscriptions;
    uint64_t inserts;
    uint64_t removes;
};

static struct accounts_page *state_of(struct page *p)
{
    return (struct accounts_page *)(void *)p;
}

static void ask(struct accounts_page *s)
{
    const struct monitor_settings *settings = s->page.settings;
    CHECK(settings->account_count == 1);
    struct listener_report *listener = MSG_NEW(listener_types, LISTENER_REPORT, listener_report);
    listener->answer = &monitor_conn_types[MONITOR_CONN_LISTENER];
    page_ask(&s->page, settings->listeners[0], &listener->msg, 0);
    struct account_report *account = MSG_NEW(account_types, ACCOUNT_REPORT, account_report);
    account->answer = &monitor_conn_types[MONITOR_CONN_ACCOUNT];
    page_ask(&s->page, settings->accounts[0].actor, &account->msg, 0);
    s->asked = true;
}

static void accounts_answer(struct page *p, struct msg *m)
{
    struct accounts_page *s = state_of(p);
    if (m->type->kind == MONITOR_CONN_LISTENER) {
        s->connections = ((const struct listener_reported *)(const void *)m)->connections;
        return;
    }
    CHECK(m->type->kind == MONITOR_CONN_ACCOUNT);
    const struct account_reported *reported = (const struct account_reported *)(const void *)m;
    s->subscriptions = reported->subscriptions;
    s->inserts = reported->inserts;
    s->removes = reported->removes;
}

static void begin_document(struct page *p)
{
    json_object_begin(&p->json);
    json_put_string(&p->json, "server_id", page_server_id(p));
    json_put_time(&p->json, "now", p->now_ns);
}

/* --- /accountz ---------------------------------------------------------------------------------- */

static int accountz_begin(struct page *p)
{
    struct accounts_page *s = state_of(p);
    s->name = monitor_args_text(&p->args, "acc");
    if (s->name.size == 0 || bytes_are(s->name, p->settings->accounts[0].name))
        return 0;
    (void)monitor_refuse(&p->refusal, "Account ", s->name);
    output_text(&p->refusal.text, " does not exist");
    return -1;
}

static void put_index(struct json *j, const struct accounts_page *s)
{
    json_put_object(j, "sublist_stats");
    json_put_uint(j, "num_subscriptions", s->subscriptions);
    json_put_uint(j, "num_cache", 0);
    json_put_uint(j, "num_inserts", s->inserts);
    json_put_uint(j, "num_removes", s->removes);
    json_put_uint(j, "num_matches", 0);
    json_put_uint(j, "cache_hit_rate", 0);
    json_put_uint(j, "max_fanout", 0);
    json_put_uint(j, "avg_fanout", 0);
    json_object_end(j);
}

static void put_detail(struct json *j, const struct accounts_page *s)
{
    json_put_object(j, "account_detail");
    json_put_string(j, "account_name", s->name);
    json_put_time(j, "update_time", s->page.settings->varz.process.start_ns);
    json_put_bool(j, "expired", false);
    json_put_bool(j, "complete", true);
    json_put_bool(j, "jetstream_enabled", false);
    json_put_int(j, "leafnode_connections", 0);
    json_put_int(j, "client_connections", s->connections);
    json_put_uint(j, "subscriptions", s->subscriptions);
    json_put_string(j, "name_tag", s->name);
    put_index(j, s);
    json_object_end(j);
}

static enum page_step accountz_step(struct page *p)
{
    struct accounts_page *s = state_of(p);
    if (s->name.size > 0 && !s->asked) {
        ask(s);
        return PAGE_WAITS;
    }
    begin_document(p);
    json_opt_string(&p->json, "system_account", p->settings->varz.config.system_account);
    if (s->name.size > 0) {
        put_detail(&p->json, s);
    } else {
        const struct bytes name = bytes_of(p->settings->accounts[0].name);
        json_put_strings(&p->json, "accounts", &name, 1);
    }
    json_object_end(&p->json);
    return PAGE_ENDS;
}

const struct page_class page_accountz = {
    .size = sizeof(struct accounts_page),
    .begin = accountz_begin,
    .step = accountz_step,
    .answer = accounts_answer,
};

/* --- /accstatz ---------------------------------------------------------------------------------- */

static int accstatz_begin(struct page *p)
{
    return monitor_args_bool(&p->args, "unused", &state_of(p)->unused, &p->refusal);
}

static void put_counts(struct json *j, const char *name, int64_t msgs, int64_t bytes)
{
    json_put_object(j, name);
    json_put_int(j, "msgs", msgs);
    json_put_int(j, "bytes", bytes);
}

static void put_traffic(struct json *j, const char *name, int64_t msgs, int64_t bytes)
{
    static const char *const others[] = {"gateways", "routes", "leafs"};
    put_counts(j, name, msgs, bytes);
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        put_counts(j, others[i], 0, 0);
        json_object_end(j);
    }
    json_object_end(j);
}

static void put_account(struct json *j, const struct accounts_page *s)
{
    CHECK(s->asked && s->inserts - s->removes == s->subscriptions);
    struct bytes name = bytes_of(s->page.settings->accounts[0].name);
    struct varz varz = {0};
    s->page.settings->traffic(s->page.settings->traffic_context, &varz);
    json_object_begin(j);
    json_put_string(j, "acc", name);
    json_put_string(j, "name", name);
    json_put_int(j, "conns", s->connections);
    json_put_int(j, "leafnodes", 0);
    json_put_int(j, "total_conns", s->connections);
    json_put_uint(j, "num_subscriptions", s->subscriptions);
    put_traffic(j, "sent", varz.traffic.out_msgs, varz.traffic.out_bytes);
    put_traffic(j, "received", varz.traffic.in_msgs, varz.traffic.in_bytes);
    json_put_int(j, "slow_consumers", varz.traffic.slow_consumers);
    json_object_end(j);
}

static enum page_step accstatz_step(struct page *p)
{
    struct accounts_page *s = state_of(p);
    if (!s->asked) {
        ask(s);
        return PAGE_WAITS;
    }
    begin_document(p);
    json_put_array(&p->json, "account_statz");
    if (s->unused || s->connections > 0)
        put_account(&p->json, s);
    json_array_end(&p->json);
    json_object_end(&p->json);
    return PAGE_ENDS;
}

const struct page_class page_accstatz = {
    .size = sizeof(struct accounts_page),
    .begin = accstatz_begin,
    .step = accstatz_step,
    .answer = accounts_answer,
};
