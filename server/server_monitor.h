/* SPDX-License-Identifier: Apache-2.0 */
/* server_monitor.h -- what the monitoring pages tell of a server, from its options. */
#ifndef SERVER_SERVER_MONITOR_H
#define SERVER_SERVER_MONITOR_H

#include "actors/monitor/monitor.h"
#include "server/options.h"

struct client_counters;
struct client_settings;

struct server_monitor {
    struct monitor_settings settings;
    struct monitor_account account;
    struct actor_ref actor; /* NOBODY: no monitoring */
    struct actor_ref *probes;
    const struct client_counters *counters; /* by worker */
    struct bytes *tags;
    struct varz_text *metadata;
    uint16_t worker_count;
    uint16_t port;
    char host[NET_HOST_MAX];
};

/* What it goes by, of the server. */
struct server_monitor_parts {
    const struct options *options;
    const struct client_settings *client;
    const struct actor_ref *listeners;
    struct system *system;
    const char *account_name;
    struct actor_ref account;
    uint16_t worker_count;
    int64_t now_ns;
};

/* Spawns the monitor and its probes and listens, when a port is configured. 0, or a negative errno with
 * the problem told. */
int server_monitor_start(struct server_monitor *m, const struct server_monitor_parts *parts,
                         struct text *problem) __attribute__((warn_unused_result));
void server_monitor_done(struct server_monitor *m);

#endif
