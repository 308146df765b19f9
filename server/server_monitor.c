/* SPDX-License-Identifier: Apache-2.0 */
/* server_monitor.c -- see server_monitor.h. */
#include "server/server_monitor.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actors/client/client.h"
#include "runtime/base/check.h"
#include "runtime/system.h"
#include "server/version.h"

#define SYSTEM_ACCOUNT "$SYS"
#define COMPATIBLE_GO "go1.25.0" /* the field is there for tools that expect it */
#define TLS_TIMEOUT_S 2

/* --- the snapshot ------------------------------------------------------------------------------- */

static struct varz_identity make_identity(const struct server_monitor_parts *parts)
{
    const struct client_settings *client = parts->client;
    return (struct varz_identity){
        .server_id = bytes_of(client->server_id),
        .server_name = bytes_of(client->server_name),
        .version = BYTES(SERVER_NATS_VERSION),
        .proto = 1,
        .go = BYTES(COMPATIBLE_GO),
        .host = bytes_of(parts->options->client.host),
        .port = client->port,
        .auth_required = client->auth_required,
        .connect_urls = client->connect_urls,
        .connect_url_count = client->connect_url_count,
    };
}

static struct bytes write_policy_text(enum write_policy policy)
{
    switch (policy) {
    case WRITE_POLICY_DEFAULT: return BYTES("");
    case WRITE_POLICY_CLOSE: return BYTES("close");
    case WRITE_POLICY_RETRY: return BYTES("retry");
    }
    UNREACHABLE("no policy");
}

static struct varz_limits make_limits(const struct options *o, uint16_t http_port)
{
    return (struct varz_limits){
        .max_connections = o->limits.connections_max,
        .max_subscriptions = o->limits.subscriptions_max,
        .ping_interval_ns = o->timing.ping_interval_ns,
        .ping_max = o->timing.pings_out_max,
        .http_host = bytes_of(o->monitor.host),
        .http_port = http_port,
        .auth_timeout_s = o->auth.timeout_s,
        .max_control_line = (int32_t)o->limits.control_line_bytes_max,
        .max_payload = o->limits.payload_bytes_max,
        .max_pending = o->limits.pending_bytes_max,
        .tls_timeout_s = TLS_TIMEOUT_S,
        .write_deadline_ns = o->timing.write_deadline_ns,
        .write_timeout = write_policy_text(o->timing.write_policy),
    };
}

static int by_key(const void *a, const void *b)
{
    const struct varz_text *x = a;
    const struct varz_text *y = b;
    size_t size = x->key.size < y->key.size ? x->key.size : y->key.size;
    int order = memcmp(x->key.at, y->key.at, size);
    return order != 0 ? order : (x->key.size > y->key.size) - (x->key.size < y->key.size);
}

static void make_config(struct server_monitor *m, const struct server_monitor_parts *parts)
{
    const struct options *o = parts->options;
    m->tags = calloc(o->tag_count + 1, sizeof *m->tags);
    m->metadata = calloc(o->metadata_count + 1, sizeof *m->metadata);
    CHECK(m->tags != NULL && m->metadata != NULL);
    for (size_t i = 0; i < o->tag_count; i++)
        m->tags[i] = bytes_of(o->tags[i]);
    for (size_t i = 0; i < o->metadata_count; i++)
        m->metadata[i] =
            (struct varz_text){bytes_of(o->metadata[i].name), bytes_of(o->metadata[i].value)};
    qsort(m->metadata, o->metadata_count, sizeof *m->metadata, by_key);
    m->settings.varz.config = (struct varz_config){
        .load_time_ns = parts->now_ns,
        .digest = bytes_of(o->config_digest),
        .tags = m->tags,
        .tag_count = o->tag_count,
        .metadata = m->metadata,
        .metadata_count = o->metadata_count,
        .system_account = o->system_account ? BYTES(SYSTEM_ACCOUNT) : BYTES(""),
    };
}

#define LOOK(counter) atomic_load_explicit(&(counter), memory_order_relaxed)

static void add_traffic(const void *context, struct varz *varz)
{
    const struct server_monitor *m = context;
    struct varz_traffic *to = &varz->traffic;
    for (uint16_t i = 0; i < m->worker_count; i++) {
        const struct client_counters *from = &m->counters[i];
        to->total_connections += LOOK(from->total);
        to->in_client_msgs += (int64_t)LOOK(from->in_msgs);
        to->in_client_bytes += (int64_t)LOOK(from->in_bytes);
        to->out_client_msgs += (int64_t)LOOK(from->out_msgs);
        to->out_client_bytes += (int64_t)LOOK(from->out_bytes);
        to->slow_consumers += (int64_t)LOOK(from->slow_consumers);
        to->stale_connections += (int64_t)LOOK(from->stale_connections);
        to->stalled_clients += (int64_t)LOOK(from->stalls);
        to->subscriptions += (uint32_t)LOOK(from->subscriptions);
    }
    to->in_msgs = to->in_client_msgs; /* all connections are clients */
    to->in_bytes = to->in_client_bytes;
    to->out_msgs = to->out_client_msgs;
    to->out_bytes = to->out_client_bytes;
    varz->slow_consumers.clients = (uint64_t)to->slow_consumers;
    varz->stale_connections.clients = (uint64_t)to->stale_connections;
}

static void make_settings(struct server_monitor *m, const struct server_monitor_parts *parts)
{
    struct monitor_settings *to = &m->settings;
    to->varz.identity = make_identity(parts);
    to->varz.limits = make_limits(parts->options, m->port);
    to->varz.process.start_ns = parts->now_ns;
    to->varz.process.workers = parts->worker_count;
    make_config(m, parts);
    to->traffic = add_traffic;
    to->traffic_context = m;
    to->listeners = parts->listeners;
    to->probes = m->probes;
    to->worker_count = parts->worker_count;
    m->account = (struct monitor_account){parts->account_name, parts->account};
    to->accounts = &m->account;
    to->account_count = 1;
    to->log = parts->client->log;
    to->version = SERVER_NATS_VERSION;
    to->base_path = bytes_of(parts->options->monitor.base_path);
    if (to->base_path.size > 0 && to->base_path.at[to->base_path.size - 1] == '/')
        to->base_path.size--; /* the root */
    to->varz.limits.http_base_path = to->base_path;
}

/* --- actors ------------------------------------------------------------------------------------- */

static void start_probe(void *context)
{
    struct server_monitor *m = context;
    m->probes[worker_index()] = monitor_probe_spawn();
}

/* The monitor stops them: none without it. */
static void start_probes(struct server_monitor *m, struct system *system)
{
    m->probes = calloc(m->worker_count, sizeof *m->probes);
    CHECK(m->probes != NULL);
    for (uint16_t i = 0; i < m->worker_count; i++)
        system_on_worker(system, i, start_probe, m);
}

static int listen_on(struct server_monitor *m, const struct options *o, struct system *system,
                     struct text *problem)
{
    const char *host = strcmp(o->monitor.host, "localhost") == 0 ? "127.0.0.1" : o->monitor.host;
    uint16_t port = o->monitor.port == OPTIONS_PORT_ANY ? 0 : (uint16_t)o->monitor.port;
    struct net_address address;
    struct net_address bound;
    if (net_address_parse(host, port, &address) != 0) {
        text_add(problem, "host %s is no address", o->monitor.host);
        return -EINVAL;
    }
    start_probes(m, system);
    int status = monitor_spawn(&m->settings, &address, &m->actor, &bound);
    if (status != 0)
        text_add(problem, "can't listen to the monitor port: listen tcp %s:%d: %s", o->monitor.host,
                 o->monitor.port, strerror(-status));
    else
        net_address_text(&bound, m->host, &m->port);
    return status;
}

int server_monitor_start(struct server_monitor *m, const struct server_monitor_parts *parts,
                         struct text *problem)
{
    if (parts->options->monitor.port == 0)
        return 0;
    m->worker_count = parts->worker_count;
    m->counters = parts->client->counters;
    int status = listen_on(m, parts->options, parts->system, problem);
    make_settings(m, parts);
    return status;
}

void server_monitor_done(struct server_monitor *m)
{
    free(m->probes);
    free(m->tags);
    free(m->metadata);
}
