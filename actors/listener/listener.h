/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h -- takes connections in and keeps the clients of one worker. */
#ifndef ACTORS_LISTENER_LISTENER_H
#define ACTORS_LISTENER_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/msg.h"
#include "runtime/net.h"

struct client_settings;

/* client_spawn of actors/client/client.h: given by the wiring, as one actor knows of another no more
 * than its messages. */
typedef struct actor_ref listener_spawn_fn(const struct client_settings *settings,
                                           const struct accepted *accepted, uint64_t cid,
                                           struct actor_ref keeper, bool refuse);

/* One a worker. The first of them listens, and deals connections out to all. */
struct listener_options {
    struct net_address address;
    uint32_t closed_max;           /* connections that ended, kept for monitoring */
    int32_t connections_max;       /* < 0: none at all; 0: any number */
    const struct actor_ref *peers; /* by worker, itself included; shared with all of them */
    uint16_t peer_count;
    listener_spawn_fn *spawn_client;
};

/* On the current worker, before the system runs; peers may be filled in after this. One that listens
 * does so from here on, and tells where; connections wait until LISTENER_OPEN. */
int listener_spawn(const struct listener_options *options, bool listens,
                   struct actor_ref *ret_listener, struct net_address *ret_address)
    __attribute__((warn_unused_result));

#endif
