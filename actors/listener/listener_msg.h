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
    X(LISTENER_SWEEP,         msg,                    msg_drop_plain)       /* itself: tell the next slice of clients */ \
    X(LISTENER_ADOPT,         listener_adopt,         listener_adopt_drop)  /* first listener: this one is yours */ \
    X(LISTENER_CLIENT_CLOSED, listener_client_closed, listener_client_closed_drop) /* client: I am ending */ \
    X(LISTENER_LESS,          listener_less,          listener_less_drop)   /* other listener: one has ended */ \
    R(LISTENER_REPORT,        listener_report,        msg_drop_plain)       /* monitor: who is here? */ \
    R(LISTENER_CLOSED,        listener_closed,        msg_drop_plain)       /* monitor: who was here? */ \
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

struct buf;

struct listener_client_closed {
    struct msg msg;
    struct actor_ref client;
    struct buf *record; /* given: its last struct conn_record (protocols/monitor); or NULL */
};

struct listener_less {
    struct msg msg;
    uint32_t count;
    struct buf *record; /* given: as above */
};

/* Answered struct listener_reported of the asker's kind. */
struct listener_report {
    struct msg msg;
    const struct msg_type *answer;
    bool clients; /* with the handles */
};

struct listener_reported {
    struct msg msg;
    struct actor_ref *clients; /* given: this worker's; NULL: none */
    uint32_t client_count;
    uint32_t connections; /* of all workers; the first listener's answer */
    bool listening;       /* likewise */
};

/* To the first listener: a slice of the connections that ended, by the number of their end. Answered
 * struct listener_closed_told of the asker's kind. */
struct listener_closed {
    struct msg msg;
    const struct msg_type *answer;
    uint64_t from;
    uint32_t count_max;
};

struct listener_closed_told {
    struct msg msg;
    struct buf **records; /* given: from number `from` on */
    uint32_t count;
    uint64_t from; /* as asked, or the oldest that is kept */
    bool more;
};

struct listener_lame_duck {
    struct msg msg;
    const struct msg_type *answer; /* a plain struct msg */
    uint64_t grace_ms;             /* before the first client is closed */
    uint64_t over_ms;              /* time in which all are */
};

msg_drop_fn listener_adopt_drop;
msg_drop_fn listener_client_closed_drop;
msg_drop_fn listener_less_drop;
msg_drop_fn listener_reported_drop;
msg_drop_fn listener_closed_told_drop;

#endif
