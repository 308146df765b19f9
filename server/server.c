/* SPDX-License-Identifier: Apache-2.0 */
/* server.c -- from options to actors: what is spawned where, and who knows whom. */
#include "server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/account/account.h"
#include "actors/client/client.h"
#include "actors/lifecycle/lifecycle.h"
#include "actors/lifecycle/lifecycle_msg.h"
#include "actors/listener/listener.h"
#include "actors/listener/listener_msg.h"
#include "actors/logger/logger.h"
#include "actors/logger/logger_msg.h"
#include "protocols/nats/nkey.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/system.h"
#include "runtime/world.h"
#include "server/address.h"
#include "server/server_monitor.h"
#include "server/version.h"

#define GLOBAL_ACCOUNT "$G"
#define GLOBAL_INTEREST 1
#define NS_PER_MS 1000000
#define PAYLOAD_WARN_BYTES (8 << 20)
#define HOST_MAX 256

struct server {
    const struct options *options;
    struct system *system;
    struct client_counters *counters;
    struct client_settings settings;
    struct client_user *users;
    struct actor_ref *listeners;
    struct actor_ref lifecycle;
    struct server_monitor monitor;
    struct log log;
    struct bytes connect_url;
    char connect_url_text[NET_HOST_MAX + 8];
    uint16_t worker_count;
    char advertised_host[HOST_MAX];
    char id[NKEY_TEXT_SIZE];
    char xkey[NKEY_TEXT_SIZE];
};

/* --- settings ----------------------------------------------------------------------------------- */

static void make_identity(struct server *s, struct world *world)
{
    uint8_t seed[NKEY_SEED_SIZE];
    world->ops->entropy(world, seed, sizeof seed);
    nkey_public_text(NKEY_SERVER, seed, s->id);
    world->ops->entropy(world, seed, sizeof seed);
    nkey_public_text(NKEY_CURVE, seed, s->xkey);
    memset(seed, 0, sizeof seed);
}

static void make_users(struct server *s)
{
    const struct options_auth *auth = &s->options->auth;
    size_t count = auth->user_count + (auth->user != NULL);
    s->users = calloc(count + 1, sizeof *s->users);
    CHECK(s->users != NULL);
    for (size_t i = 0; i < auth->user_count; i++)
        s->users[i] = (struct client_user){auth->users[i].user, auth->users[i].password};
    if (auth->user != NULL)
        s->users[auth->user_count] =
            (struct client_user){auth->user, auth->password == NULL ? "" : auth->password};
    s->settings.users = s->users;
    s->settings.user_count = (uint32_t)count;
    s->settings.auth_token = auth->token;
    s->settings.auth_required = count > 0 || auth->token != NULL;
    s->settings.auth_timeout_ms = (uint64_t)(auth->timeout_s * 1000);
}

static void make_settings(struct server *s)
{
    const struct options *o = s->options;
    struct client_settings *to = &s->settings;
    to->counters = s->counters;
    to->log = &s->log;
    to->server_id = s->id;
    to->xkey = s->xkey;
    to->server_name = o->server_name != NULL ? o->server_name : s->id;
    to->host = o->client.host;
    to->trace_headers = o->log.trace_headers;
    to->max_payload = (uint32_t)o->limits.payload_bytes_max;
    to->max_control_line = (uint32_t)o->limits.control_line_bytes_max;
    to->max_pending = (uint64_t)o->limits.pending_bytes_max;
    to->max_subscriptions = (uint32_t)o->limits.subscriptions_max;
    to->max_sub_tokens = (uint32_t)o->limits.subject_tokens_max;
    to->ping_interval_ms = (uint64_t)(o->timing.ping_interval_ns / NS_PER_MS);
    to->ping_max = (uint32_t)o->timing.pings_out_max;
    to->write_deadline_ms = (uint64_t)(o->timing.write_deadline_ns / NS_PER_MS);
    to->max_traced_msg_len = (uint32_t)o->log.traced_bytes_max;
    to->headers = o->headers;
    to->no_stall = !o->stall_fast_producer;
    to->write_retry = o->timing.write_policy == WRITE_POLICY_RETRY;
    make_users(s);
}

/* --- actors ------------------------------------------------------------------------------------- */

struct listener_start {
    struct server *server;
    struct listener_options options;
    uint16_t worker;
    int status;
    struct net_address address;
};

static void start_listener(void *context)
{
    struct listener_start *start = context;
    start->status = listener_spawn(&start->options, start->worker == 0,
                                   &start->server->listeners[start->worker], &start->address);
}

static const char *host_to_bind(const char *host)
{
    return strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
}

static int start_listeners(struct server *s, struct text *problem)
{
    const struct options *o = s->options;
    struct listener_start start = {.server = s};
    int64_t most = o->limits.connections_max;
    start.options.connections_max = (int32_t)(most > INT32_MAX ? INT32_MAX : most);
    start.options.peers = s->listeners;
    start.options.spawn_client = client_spawn;
    start.options.closed_max = (uint32_t)o->limits.closed_connections_max;
    start.options.peer_count = s->worker_count;
    uint16_t port = o->client.port == OPTIONS_PORT_ANY ? 0 : (uint16_t)o->client.port;
    if (net_address_parse(host_to_bind(o->client.host), port, &start.options.address) != 0) {
        text_add(problem, "host %s is no address", o->client.host);
        return -1;
    }
    for (uint16_t i = 0; i < s->worker_count; i++) {
        start.worker = i;
        system_on_worker(s->system, i, start_listener, &start);
        if (start.status != 0) {
            text_add(problem, "Error listening on port: %s:%d, \"%s\"", o->client.host,
                     o->client.port, strerror(-start.status));
            return start.status;
        }
        if (i == 0) {
            char host[NET_HOST_MAX];
            net_address_text(&start.address, host, &s->settings.port);
        }
    }
    return 0;
}

/* INFO tells where the operator says that clients find it, or where it listens. */
static void make_advertised(struct server *s)
{
    const struct options_listener *client = &s->options->client;
    struct bytes host = bytes_of(client->host);
    int port = s->settings.port;
    if (client->advertise != NULL &&
        address_parse(bytes_of(client->advertise), s->settings.port, &host, &port)) {
        snprintf(s->advertised_host, sizeof s->advertised_host, "%.*s", (int)host.size, host.at);
        s->settings.advertised_host = s->advertised_host;
        s->settings.advertised_port = (uint16_t)port;
        return;
    }
    s->settings.advertised_host = client->host;
    s->settings.advertised_port = s->settings.port;
}

static void warn(const struct server *s)
{
    const struct options *o = s->options;
    for (size_t i = 0; i < o->notice_count; i++)
        LOG_WARN(&s->log, "%s", o->notices[i]);
    if (s->settings.auth_required)
        LOG_WARN(&s->log, "Plaintext passwords detected, use nkeys or bcrypt");
    if (o->limits.payload_bytes_max > PAYLOAD_WARN_BYTES)
        LOG_WARN(&s->log,
                 "Maximum payloads over 8.00 MB are generally discouraged and could lead to "
                 "poor performance");
}

static void announce(struct server *s)
{
    const struct log *log = &s->log;
    LOG_INFO(log, "Starting nats-server");
    LOG_INFO(log, "  Version:  %s", SERVER_NATS_VERSION);
    LOG_INFO(log, "  Git:      [not set]");
    LOG_INFO(log, "  Myelin:   %s", MYELIN_VERSION);
    LOG_INFO(log, "  Name:     %s", s->settings.server_name);
    LOG_INFO(log, "  ID:       %s", s->id);
    if (s->options->config_file != NULL)
        LOG_INFO(log, "Using configuration file: %s (%s)", s->options->config_file,
                 s->options->config_digest);
    warn(s);
    if (s->monitor.port != 0)
        LOG_INFO(log, "Starting http monitor on %s:%u", s->options->monitor.host, s->monitor.port);
    LOG_INFO(log, "Listening for client connections on %s:%u", s->options->client.host,
             s->settings.port);
    LOG_INFO(log, "Server is ready");
}

static void start_logger(struct server *s, const struct server_wiring *wiring)
{
    const struct options_log *o = &s->options->log;
    struct world *world = system_world(s->system);
    struct log_output output = {
        .format = {wiring->pid, o->time, o->time_utc, o->file == NULL && wiring->terminal, false},
        .size_limit = o->file_bytes_max > 0 ? (uint64_t)o->file_bytes_max : 0,
        .files_max = o->files_max > 0 && o->files_max <= UINT32_MAX ? (uint32_t)o->files_max : 0,
    };
    if (o->file != NULL)
        snprintf(output.file, sizeof output.file, "%s", o->file);
    s->log.world = world;
    s->log.format = output.format;
    (void)logger_spawn(&s->log, &output);
}

static int start_monitor(struct server *s, struct text *problem)
{
    struct world *world = system_world(s->system);
    const struct server_monitor_parts parts = {
        .options = s->options,
        .client = &s->settings,
        .listeners = s->listeners,
        .system = s->system,
        .account_name = GLOBAL_ACCOUNT,
        .account = s->settings.global_account,
        .worker_count = s->worker_count,
        .now_ns = world->ops->wall_ns(world),
    };
    return server_monitor_start(&s->monitor, &parts, problem);
}

static int start_actors(struct server *s, const struct server_wiring *wiring, struct text *problem)
{
    const struct options *o = s->options;
    s->log.silent = !wiring->logs;
    if (!s->log.silent)
        start_logger(s, wiring);
    s->log.debug = o->log.debug;
    s->log.trace = o->log.trace;
    s->settings.global_account = account_spawn(GLOBAL_ACCOUNT, GLOBAL_INTEREST);
    int status = start_listeners(s, problem);
    if (status == 0)
        status = start_monitor(s, problem);
    struct lifecycle_options lifecycle = {
        .log = &s->log,
        .listeners = s->listeners,
        .listener_count = s->worker_count,
        .others = {s->settings.global_account, s->monitor.actor},
        .other_count = s->monitor.actor.id != 0 ? 2 : 1,
        .logger = s->log.to,
        .lame_duck_ms = (uint64_t)(o->timing.lame_duck_ns / NS_PER_MS),
        .lame_duck_grace_ms = (uint64_t)(o->timing.lame_duck_grace_ns / NS_PER_MS),
        .signals = wiring->signals && status == 0,
    };
    int watched = lifecycle_spawn(&lifecycle, &s->lifecycle);
    if (watched != 0)
        text_add(problem, "signals can not be watched: %s", strerror(-watched));
    return status != 0 ? status : watched;
}

static void open_listeners(struct server *s)
{
    for (uint16_t i = 0; i < s->worker_count; i++) {
        struct listener_open *m = MSG_NEW(listener_types, LISTENER_OPEN, listener_open);
        m->settings = &s->settings;
        SEND(s->listeners[i], m);
    }
}

/* --- life --------------------------------------------------------------------------------------- */

struct server *server_new(struct world *world, const struct options *options,
                          const struct server_wiring *wiring, struct text *problem)
{
    struct server *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->options = options;
    s->worker_count = (uint16_t)(options->workers > 0 ? options->workers : 1);
    s->listeners = calloc(s->worker_count, sizeof *s->listeners);
    s->counters = aligned_alloc(64, s->worker_count * sizeof *s->counters);
    CHECK(s->listeners != NULL && s->counters != NULL);
    memset(s->counters, 0, s->worker_count * sizeof *s->counters);
    make_identity(s, world);
    make_settings(s);
    const struct system_options system_options = {s->worker_count};
    s->system = system_new(world, &system_options);
    CHECK(s->system != NULL);
    if (start_actors(s, wiring, problem) != 0) {
        server_shutdown(s); /* the caller runs the world: it ends at once, and then frees */
        return s;
    }
    make_advertised(s);
    open_listeners(s);
    announce(s);
    return s;
}

void server_free(struct server **at)
{
    struct server *s = *at;
    *at = NULL;
    system_free(&s->system);
    server_monitor_done(&s->monitor);
    free(s->users);
    free(s->counters);
    free(s->listeners);
    free(s);
}

void server_shutdown(struct server *s)
{
    actor_send(s->lifecycle, msg_alloc(&lifecycle_types[LIFECYCLE_SHUTDOWN]));
}

struct system *server_system(struct server *s)
{
    return s->system;
}

struct actor_ref server_lifecycle(const struct server *s)
{
    return s->lifecycle;
}

uint16_t server_client_port(const struct server *s)
{
    return s->settings.port;
}

uint16_t server_monitor_port(const struct server *s)
{
    return s->monitor.port;
}

const char *server_id(const struct server *s)
{
    return s->id;
}
