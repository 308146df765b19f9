/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h -- takes connections in and keeps the clients of one worker. */
#ifndef ACTORS_LISTENER_LISTENER_H
#define ACTORS_LISTENER_LISTENER_H

#include <stdint.h>

#include "runtime/msg.h"
#include "runtime/net.h"

/* One a worker. The first of them listens, and deals connections out to all. */
struct listener_options {
    struct net_address address;
    int32_t connections_max; /* < 0: none at all; 0: any number */
    const struct actor_ref *peers; /* by worker, itself included; shared with all of them */
    uint16_t peer_count;
};

/* On the current worker. peers may be filled in after this, before the system runs. */
struct actor_ref listener_spawn(const struct listener_options *options);

#endif
