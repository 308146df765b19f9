/* SPDX-License-Identifier: Apache-2.0 */
/* listener_msg.h -- everything a listener can be told. */
#ifndef ACTORS_LISTENER_LISTENER_MSG_H
#define ACTORS_LISTENER_LISTENER_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/msg.h"
#include "runtime/net.h"

struct client_settings;

/* clang-format off */
/*    kind                     payload                 drop                 sent by, and what for */
#define LISTENER_MESSAGES(X, R)                                                                      \
    RUNTIME_MESSAGES(X, LISTENER)                                                                    \
    X(LISTENER_OPEN,          listener_open,          msg_drop_plain)       /* server: take connections */ \
    X(LISTENER_ADOPT,         listener_adopt,         listener_adopt_drop)  /* first listener: this one is yours */ \
    X(LISTENER_CLIENT_CLOSED, listener_client_closed, msg_drop_plain)       /* client: I am ending */ \
    X(LISTENER_LESS,          listener_less,          msg_drop_plain)       /* other listener: so many ended */ \
    R(LISTENER_LAME_DUCK,     listener_lame_duck,     msg_drop_plain)       /* lifecycle: no new ones, and let
                                                                                yours go; answered when none is left */
/* clang-format on */

enum listener_message { LISTENER_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) LISTENER_KINDS };

extern const struct msg_type listener_types[LISTENER_KINDS];

struct listener_open {
    struct msg msg;
    const struct client_settings *settings; /* shared: outlives all clients */
};

struct listener_adopt {
    struct msg msg;
    struct accepted accepted; /* given */
    bool held;                /* accepted is still ours to refuse */
    uint64_t cid;
    bool refuse;
};

struct listener_client_closed {
    struct msg msg;
    struct actor_ref client;
};

struct listener_less {
    struct msg msg;
    uint32_t count;
};

struct listener_lame_duck {
    struct msg msg;
    const struct msg_type *answer; /* a plain struct msg */
    uint64_t grace_ms;             /* before the first client is closed */
    uint64_t over_ms;              /* time in which all are */
};

msg_drop_fn listener_adopt_drop;

#endif
