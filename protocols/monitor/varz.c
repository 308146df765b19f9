/* SPDX-License-Identifier: Apache-2.0 */
/* varz.c -- the /varz page; see varz.h. One function a run of members, in the order of the page. */
#include "protocols/monitor/varz.h"

#include "runtime/base/check.h"

static void write_identity(struct json *j, const struct varz_identity *v)
{
    json_put_string(j, "server_id", v->server_id);
    json_put_string(j, "server_name", v->server_name);
    json_put_string(j, "version", v->version);
    json_put_int(j, "proto", v->proto);
    json_opt_string(j, "git_commit", v->git_commit);
    json_put_string(j, "go", v->go);
    json_put_string(j, "host", v->host);
    json_put_int(j, "port", v->port);
    json_opt_bool(j, "auth_required", v->auth_required);
    json_opt_bool(j, "tls_required", v->tls_required);
    json_opt_bool(j, "tls_verify", v->tls_verify);
    json_opt_string(j, "ip", v->ip);
    json_opt_strings(j, "connect_urls", v->connect_urls, v->connect_url_count);
    json_opt_strings(j, "ws_connect_urls", v->ws_connect_urls, v->ws_connect_url_count);
}

static void write_limits(struct json *j, const struct varz_limits *v)
{
    json_put_int(j, "max_connections", v->max_connections);
    json_opt_int(j, "max_subscriptions", v->max_subscriptions);
    json_put_int(j, "ping_interval", v->ping_interval_ns);
    json_put_int(j, "ping_max", v->ping_max);
    json_put_string(j, "http_host", v->http_host);
    json_put_int(j, "http_port", v->http_port);
    json_put_string(j, "http_base_path", v->http_base_path);
    json_put_int(j, "https_port", v->https_port);
    json_put_float(j, "auth_timeout", v->auth_timeout_s);
    json_put_int(j, "max_control_line", v->max_control_line);
    json_put_int(j, "max_payload", v->max_payload);
    json_put_int(j, "max_pending", v->max_pending);
}

static void opt_time(struct json *j, const char *name, int64_t ns)
{
    if (ns)
        json_put_time(j, name, ns);
}

static void write_cluster(struct json *j, const struct varz_cluster *v)
{
    json_put_object(j, "cluster");
    json_opt_string(j, "name", v->name);
    json_opt_string(j, "addr", v->host);
    json_opt_int(j, "cluster_port", v->port);
    json_opt_float(j, "auth_timeout", v->auth_timeout_s);
    json_opt_strings(j, "urls", v->urls, v->url_count);
    json_opt_float(j, "tls_timeout", v->tls_timeout_s);
    json_opt_bool(j, "tls_required", v->tls_required);
    json_opt_bool(j, "tls_verify", v->tls_required);
    json_opt_int(j, "pool_size", v->pool_size);
    json_opt_int(j, "write_deadline", v->write_deadline_ns);
    json_opt_string(j, "write_timeout", v->write_timeout);
    opt_time(j, "tls_cert_not_after", v->tls_cert_not_after_ns);
    json_object_end(j);
}

/* A section of a part that is not there. The reference puts the cluster's write limits into the
 * sections of gateways and leaf nodes, on or off. */
static void write_absent(struct json *j, const char *name, const struct varz_cluster *limits)
{
    json_put_object(j, name);
    if (limits) {
        json_opt_int(j, "write_deadline", limits->write_deadline_ns);
        json_opt_string(j, "write_timeout", limits->write_timeout);
    }
    json_object_end(j);
}

static void write_sections(struct json *j, const struct varz_cluster *cluster)
{
    write_cluster(j, cluster);
    write_absent(j, "gateway", cluster);
    write_absent(j, "leaf", cluster);
    write_absent(j, "mqtt", NULL);
    write_absent(j, "websocket", NULL);
    write_absent(j, "jetstream", NULL);
}

static void write_process(struct json *j, const struct varz_process *v)
{
    json_put_time(j, "start", v->start_ns);
    json_put_time(j, "now", v->now_ns);
    json_put_uptime(j, "uptime", v->now_ns - v->start_ns);
    json_put_int(j, "mem", v->mem_bytes);
    json_put_int(j, "cores", v->cores);
    json_put_int(j, "gomaxprocs", v->workers);
    json_opt_int(j, "gomemlimit", v->mem_limit_bytes);
    json_put_float(j, "cpu", v->cpu_percent);
}

static void write_traffic(struct json *j, const struct varz_traffic *v)
{
    json_put_int(j, "connections", v->connections);
    json_put_uint(j, "total_connections", v->total_connections);
    json_put_int(j, "routes", v->routes);
    json_put_int(j, "remotes", v->remotes);
    json_put_int(j, "leafnodes", v->leafnodes);
    json_put_int(j, "in_msgs", v->in_msgs);
    json_put_int(j, "in_bytes", v->in_bytes);
    json_put_int(j, "in_client_msgs", v->in_client_msgs);
    json_put_int(j, "in_client_bytes", v->in_client_bytes);
    json_put_int(j, "out_msgs", v->out_msgs);
    json_put_int(j, "out_bytes", v->out_bytes);
    json_put_int(j, "out_client_msgs", v->out_client_msgs);
    json_put_int(j, "out_client_bytes", v->out_client_bytes);
    json_put_int(j, "slow_consumers", v->slow_consumers);
    json_put_int(j, "stale_connections", v->stale_connections);
    json_put_int(j, "stalled_clients", v->stalled_clients);
    json_put_uint(j, "subscriptions", v->subscriptions);
}

static bool ascends(struct bytes a, struct bytes b)
{
    int order = memcmp(a.at, b.at, a.size < b.size ? a.size : b.size);
    return order < 0 || (order == 0 && a.size < b.size);
}

static void write_http_requests(struct json *j, const struct varz *v)
{
    json_put_object(j, "http_req_stats");
    for (size_t i = 0; i < v->http_request_count; i++) {
        DCHECK(i == 0 || ascends(v->http_requests[i - 1].key, v->http_requests[i].key));
        json_key(j, v->http_requests[i].key);
        json_uint(j, v->http_requests[i].count);
    }
    json_object_end(j);
}

static void write_metadata(struct json *j, const struct varz_config *v)
{
    if (v->metadata_count == 0)
        return;
    json_put_object(j, "metadata");
    for (size_t i = 0; i < v->metadata_count; i++) {
        DCHECK(i == 0 || ascends(v->metadata[i - 1].key, v->metadata[i].key));
        json_key(j, v->metadata[i].key);
        json_string(j, v->metadata[i].text);
    }
    json_object_end(j);
}

static void write_feature_flags(struct json *j, const struct varz_config *v)
{
    if (v->feature_flag_count == 0)
        return;
    json_put_object(j, "feature_flags");
    for (size_t i = 0; i < v->feature_flag_count; i++) {
        DCHECK(i == 0 || ascends(v->feature_flags[i - 1].key, v->feature_flags[i].key));
        json_key(j, v->feature_flags[i].key);
        json_bool(j, v->feature_flags[i].on);
    }
    json_object_end(j);
}

static void write_config(struct json *j, const struct varz_config *v)
{
    json_put_time(j, "config_load_time", v->load_time_ns);
    json_put_string(j, "config_digest", v->digest);
    json_opt_strings(j, "tags", v->tags, v->tag_count);
    write_metadata(j, v);
    write_feature_flags(j, v);
    json_opt_string(j, "system_account", v->system_account);
    json_opt_uint(j, "pinned_account_fails", v->pinned_account_fails);
}

static void write_by_kind(struct json *j, const char *name, const struct varz_by_kind *v)
{
    json_put_object(j, name);
    json_put_uint(j, "clients", v->clients);
    json_put_uint(j, "routes", v->routes);
    json_put_uint(j, "gateways", v->gateways);
    json_put_uint(j, "leafs", v->leafs);
    json_object_end(j);
}

/* The reference's disks have a semaphore to wait for; ours have none, and so nobody waits. */
static void write_disk_waits(struct json *j)
{
    json_put_object(j, "disk_io_wait_stats");
    json_put_int(j, "waiters", 0);
    json_put_int(j, "waits", 0);
    json_put_int(j, "wait_time", 0);
    json_put_int(j, "max_wait_time", 0);
    json_object_end(j);
}

void varz_write(struct json *j, const struct varz *v)
{
    CHECK(v->identity.server_id.size > 0);
    DCHECK(v->process.now_ns >= v->process.start_ns);
    json_object_begin(j);
    write_identity(j, &v->identity);
    write_limits(j, &v->limits);
    write_sections(j, &v->cluster);
    json_put_float(j, "tls_timeout", v->limits.tls_timeout_s);
    json_put_int(j, "write_deadline", v->limits.write_deadline_ns);
    json_opt_string(j, "write_timeout", v->limits.write_timeout);
    write_process(j, &v->process);
    write_traffic(j, &v->traffic);
    write_http_requests(j, v);
    write_config(j, &v->config);
    write_by_kind(j, "slow_consumer_stats", &v->slow_consumers);
    write_by_kind(j, "stale_connection_stats", &v->stale_connections);
    write_disk_waits(j);
    opt_time(j, "tls_cert_not_after", v->config.tls_cert_not_after_ns);
    json_object_end(j);
}
