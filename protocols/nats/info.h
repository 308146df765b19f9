/* SPDX-License-Identifier: Apache-2.0 */
/* info.h -- the INFO line a server greets a client with, and sends again when something changes.
 *
 * Members and their order are those of nats-server 2.14.5, then two of our own that tell who really
 * speaks. Members of routes, gateways and leaf nodes are not a client's business and are not here.
 */
#ifndef PROTOCOLS_NATS_INFO_H
#define PROTOCOLS_NATS_INFO_H

#include <stdint.h>

#include "runtime/base/bytes.h"

struct output;

/* The same for every client of a server until it is configured anew. Empty members are left out where
 * nats-server leaves them out. */
struct info_server {
    struct bytes server_id;
    struct bytes server_name;
    struct bytes version;
    int proto;
    struct bytes git_commit;
    struct bytes go;
    struct bytes host;
    int port;
    bool headers;
    bool auth_required;
    bool tls_required;
    bool tls_verify;
    bool tls_available;
    bool jetstream;
    struct bytes ip;
    struct bytes cluster;
    bool cluster_dynamic;
    struct bytes domain;
    const struct bytes *connect_urls; /* borrowed */
    size_t connect_url_count;
    bool lame_duck;
    struct bytes compression;
    int api_level;
    struct bytes xkey;
    struct bytes impl;
    struct bytes impl_version;
};

/* What differs from client to client. */
struct info_client {
    int32_t max_payload;
    uint64_t client_id;
    struct bytes client_ip;
    struct bytes nonce;
    bool connect_info; /* the INFO after CONNECT, which tells the next two */
    struct bytes remote_account;
    bool account_is_system;
};

/* Appends the line with its end. */
void info_write(struct output *o, const struct info_server *server,
                const struct info_client *client);

#endif
