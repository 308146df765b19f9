/* SPDX-License-Identifier: Apache-2.0 */
/* client.h -- one client connection, and what starts it.
 *
 *   GREETED --CONNECT accepted, or none needed--> OPEN --close--> CLOSING --socket closed--> LINGERING
 *      |                                                            ^                            |
 *      +------------------------ close -----------------------------+       account has let go -> exit
 *
 *   GREETED    INFO is sent; only CONNECT is taken when authentication is required
 *   OPEN       everything goes
 *   CLOSING    nothing is read, written or delivered any more; subscriptions are being removed
 *   LINGERING  the socket is gone; frames of queue groups that still come are handed on
 */
#ifndef ACTORS_CLIENT_CLIENT_H
#define ACTORS_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/msg.h"
#include "runtime/net.h"

struct log;

/* Counters of one worker's clients; one writer, monitoring adds them up. */
struct client_counters {
    _Alignas(64) _Atomic uint64_t in_msgs;
    _Atomic uint64_t in_bytes;
    _Atomic uint64_t out_msgs;
    _Atomic uint64_t out_bytes;
    _Atomic uint64_t slow_consumers;
    _Atomic uint64_t stale_connections;
    _Atomic uint64_t stalls;
    _Atomic uint64_t total; /* ever opened */
    _Atomic uint64_t subscriptions;
};

/* One user that may log in. */
struct client_user {
    const char *name;
    const char *password;
};

/* What all clients of a server go by: an immutable snapshot that outlives them, but for `counters`,
 * which each client writes at its worker's place. */
struct client_settings {
    struct client_counters *counters; /* by worker */
    struct actor_ref global_account;
    const struct log *log;
    const char *server_id;
    const char *server_name;
    const char *host;
    uint16_t port;
    const char *advertised_host; /* what INFO tells */
    uint16_t advertised_port;
    const char *xkey; /* "" for none */
    const struct bytes *connect_urls;
    size_t connect_url_count;
    uint32_t max_payload;
    uint32_t max_control_line;
    uint64_t max_pending;
    uint32_t max_subscriptions; /* 0: any number */
    uint32_t max_sub_tokens;    /* 0: any number */
    uint64_t ping_interval_ms;
    uint32_t ping_max;
    uint64_t write_deadline_ms;
    uint64_t auth_timeout_ms;
    uint32_t max_traced_msg_len;
    bool headers;
    bool trace_headers; /* traces show headers alone */
    bool no_stall;
    bool write_retry; /* a write that is too slow is counted and goes on: write_timeout "retry" */
    bool auth_required;
    const char *auth_token; /* NULL: none */
    const struct client_user *users;
    uint32_t user_count;
};

/* Starts a client on the current worker for a connection that was accepted. `keeper` is told when it
 * ends. refuse: it is one too many, and is told so. */
struct actor_ref client_spawn(const struct client_settings *settings,
                              const struct accepted *accepted, uint64_t cid,
                              struct actor_ref keeper, bool refuse);

#endif
