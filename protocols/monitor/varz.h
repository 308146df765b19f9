/* SPDX-License-Identifier: Apache-2.0 */
/* varz.h -- the /varz page: what the server is, what it is set to, what it has done.
 *
 * The sections of parts that are not there (gateway, leaf, mqtt, websocket, jetstream) are empty
 * objects but for a quirk, which is what nats-server prints for them when they are off.
 */
#ifndef PROTOCOLS_MONITOR_VARZ_H
#define PROTOCOLS_MONITOR_VARZ_H

#include "protocols/json/json_writer.h"

struct varz_identity {
    struct bytes server_id;
    struct bytes server_name;
    struct bytes version;
    int proto;
    struct bytes git_commit;
    struct bytes go;
    struct bytes host;
    int port;
    bool auth_required;
    bool tls_required;
    bool tls_verify;
    struct bytes ip;
    const struct bytes *connect_urls; /* borrowed */
    size_t connect_url_count;
    const struct bytes *ws_connect_urls; /* borrowed */
    size_t ws_connect_url_count;
};

struct varz_limits {
    int64_t max_connections;
    int64_t max_subscriptions;
    int64_t ping_interval_ns;
    int64_t ping_max;
    struct bytes http_host;
    int http_port;
    struct bytes http_base_path;
    int https_port;
    double auth_timeout_s;
    int32_t max_control_line;
    int64_t max_payload;
    int64_t max_pending;
    double tls_timeout_s;
    int64_t write_deadline_ns;
    struct bytes write_timeout; /* "close", "retry" or empty */
};

/* All zero: no cluster. */
struct varz_cluster {
    struct bytes name;
    struct bytes host;
    int port;
    double auth_timeout_s;
    const struct bytes *urls; /* borrowed */
    size_t url_count;
    double tls_timeout_s;
    bool tls_required; /* and so verified */
    int64_t pool_size;
    int64_t write_deadline_ns;
    struct bytes write_timeout;
    int64_t tls_cert_not_after_ns; /* 0: none */
};

struct varz_process {
    int64_t start_ns;
    int64_t now_ns;
    int64_t mem_bytes;
    int cores;
    int workers;             /* shown as gomaxprocs */
    int64_t mem_limit_bytes; /* 0: none */
    double cpu_percent;
};

struct varz_traffic {
    int64_t connections;
    uint64_t total_connections;
    int64_t routes;
    int64_t remotes;
    int64_t leafnodes;
    int64_t in_msgs;
    int64_t in_bytes;
    int64_t in_client_msgs;
    int64_t in_client_bytes;
    int64_t out_msgs;
    int64_t out_bytes;
    int64_t out_client_msgs;
    int64_t out_client_bytes;
    int64_t slow_consumers;
    int64_t stale_connections;
    int64_t stalled_clients;
    uint32_t subscriptions;
};

/* How many connections of each kind something happened to. */
struct varz_by_kind {
    uint64_t clients;
    uint64_t routes;
    uint64_t gateways;
    uint64_t leafs;
};

/* Go prints maps sorted by key: so are these arrays, by their owner. */
struct varz_count {
    struct bytes key;
    uint64_t count;
};
struct varz_text {
    struct bytes key;
    struct bytes text;
};
struct varz_flag {
    struct bytes key;
    bool on;
};

struct varz_config {
    int64_t load_time_ns;
    struct bytes digest;
    const struct bytes *tags; /* borrowed */
    size_t tag_count;
    const struct varz_text *metadata; /* borrowed; sorted */
    size_t metadata_count;
    const struct varz_flag *feature_flags; /* borrowed; sorted */
    size_t feature_flag_count;
    struct bytes system_account;
    uint64_t pinned_account_fails;
    int64_t tls_cert_not_after_ns; /* 0: none */
};

struct varz {
    struct varz_identity identity;
    struct varz_limits limits;
    struct varz_cluster cluster;
    struct varz_process process;
    struct varz_traffic traffic;
    const struct varz_count *http_requests; /* borrowed; sorted by path */
    size_t http_request_count;
    struct varz_config config;
    struct varz_by_kind slow_consumers;
    struct varz_by_kind stale_connections;
};

void varz_write(struct json *j, const struct varz *v);

#endif
