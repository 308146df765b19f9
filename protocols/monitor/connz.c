/* SPDX-License-Identifier: Apache-2.0 */
/* connz.c -- the document of /connz; see connz.h. */
#include "protocols/monitor/connz.h"

#include "runtime/base/check.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)

void connz_begin(struct json *j, const struct connz_page *page)
{
    DCHECK((int64_t)page->row_count <= page->total && (int64_t)page->row_count <= page->limit);
    CHECK(!page->no_account || page->row_count == 0);
    json_object_begin(j);
    json_put_string(j, "server_id", page->no_account ? (struct bytes){"", 0} : page->server_id);
    json_put_time(j, "now", page->now_ns);
    json_put_uint(j, "num_connections", page->row_count);
    json_put_int(j, "total", page->total);
    json_put_int(j, "offset", page->offset);
    json_put_int(j, "limit", page->limit);
    json_key(j, BYTES("connections"));
    if (page->no_account)
        json_null(j);
    else
        json_array_begin(j);
}

void connz_end(struct json *j, const struct connz_page *page)
{
    if (!page->no_account)
        json_array_end(j);
    json_object_end(j);
}

/* Below a millisecond nobody wants nanoseconds. */
static int64_t shown_rtt(int64_t rtt_ns)
{
    return rtt_ns > NS_PER_US && rtt_ns < NS_PER_MS ? rtt_ns - rtt_ns % NS_PER_US : rtt_ns;
}

static void write_times(struct json *j, const struct conn_info *c, int64_t now_ns)
{
    json_put_time(j, "start", c->start_ns);
    json_put_time(j, "last_activity", c->last_ns);
    if (c->stop_ns) {
        json_put_time(j, "stop", c->stop_ns);
        json_put_string(j, "reason", bytes_of(closed_state_text(c->reason)));
    }
    int64_t end_ns = c->stop_ns ? c->stop_ns : now_ns;
    json_put_duration(j, "rtt", shown_rtt(c->rtt_ns));
    json_put_uptime(j, "uptime", end_ns - c->start_ns);
    json_put_uptime(j, "idle", end_ns - c->last_ns);
}

static void write_traffic(struct json *j, const struct conn_info *c)
{
    json_put_int(j, "pending_bytes", c->pending_bytes);
    json_put_int(j, "in_msgs", c->in_msgs);
    json_put_int(j, "out_msgs", c->out_msgs);
    json_put_int(j, "in_bytes", c->in_bytes);
    json_put_int(j, "out_bytes", c->out_bytes);
    json_opt_int(j, "stalls", c->stalls);
    json_put_uint(j, "subscriptions", c->sub_count);
}

static void write_tls(struct json *j, const struct conn_info_tls *tls)
{
    json_opt_string(j, "tls_version", tls->version);
    json_opt_string(j, "tls_cipher_suite", tls->cipher);
    if (tls->cert_count > 0) {
        json_put_array(j, "tls_peer_certs");
        for (size_t i = 0; i < tls->cert_count; i++) {
            json_object_begin(j);
            json_opt_string(j, "subject", tls->certs[i].subject);
            json_opt_string(j, "spki_sha256", tls->certs[i].spki_sha256);
            json_opt_string(j, "cert_sha256", tls->certs[i].cert_sha256);
            json_object_end(j);
        }
        json_array_end(j);
    }
    json_opt_bool(j, "tls_first", tls->first);
}

void connz_conn_begin(struct json *j, const struct conn_info *c, int64_t now_ns)
{
    CHECK(c->port >= 0 && c->port <= UINT16_MAX);
    DCHECK((c->stop_ns == 0) == (c->reason == CLOSED_STATE_OPEN));
    json_object_begin(j);
    json_put_uint(j, "cid", c->cid);
    json_opt_string(j, "kind", c->kind);
    json_opt_string(j, "type", c->type);
    json_put_string(j, "ip", c->ip);
    json_put_int(j, "port", c->port);
    write_times(j, c, now_ns);
    write_traffic(j, c);
    json_opt_string(j, "name", c->name);
    json_opt_string(j, "lang", c->lang);
    json_opt_string(j, "version", c->version);
    write_tls(j, &c->tls);
    json_opt_string(j, "authorized_user", c->auth.user);
    json_opt_string(j, "account", c->auth.account);
}

void connz_subs_begin(struct json *j, enum connz_subs subs)
{
    CHECK(subs != CONNZ_NO_SUBS);
    json_put_array(j, subs == CONNZ_SUBS ? "subscriptions_list" : "subscriptions_list_detail");
}

void connz_sub(struct json *j, enum connz_subs subs, const struct sub_detail *sub)
{
    if (subs == CONNZ_SUBS)
        json_string(j, sub->subject);
    else
        sub_detail_write(j, sub);
}

void connz_subs_end(struct json *j)
{
    json_array_end(j);
}

void connz_conn_end(struct json *j, const struct conn_info *c)
{
    json_opt_string(j, "jwt", c->auth.jwt);
    json_opt_string(j, "issuer_key", c->auth.issuer_key);
    json_opt_string(j, "name_tag", c->auth.name_tag);
    json_opt_strings(j, "tags", c->auth.tags, c->auth.tag_count);
    json_opt_string(j, "mqtt_client", c->mqtt_client);
    if (c->proxy_key.size > 0) {
        json_put_object(j, "proxy");
        json_put_string(j, "key", c->proxy_key);
        json_object_end(j);
    }
    json_object_end(j);
}

void sub_detail_write(struct json *j, const struct sub_detail *sub)
{
    json_object_begin(j);
    json_opt_string(j, "account", sub->account);
    json_opt_string(j, "account_tag", sub->account_tag);
    json_put_string(j, "subject", sub->subject);
    json_opt_string(j, "qgroup", sub->queue);
    json_put_string(j, "sid", sub->sid);
    json_put_int(j, "msgs", sub->msgs);
    json_opt_int(j, "max", sub->max);
    json_put_uint(j, "cid", sub->cid);
    json_object_end(j);
}
