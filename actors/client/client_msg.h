/* SPDX-License-Identifier: Apache-2.0 */
/* client_msg.h -- everything a client connection can be told. */
#ifndef ACTORS_CLIENT_CLIENT_MSG_H
#define ACTORS_CLIENT_CLIENT_MSG_H

#include <stdint.h>

#include "actors/account/account_msg.h"
#include "delivery/batch.h"
#include "protocols/monitor/closed_state.h"
#include "runtime/msg.h"
#include "runtime/net.h"

/* clang-format off */
/*    kind               payload             drop                  sent by, and what for */
#define CLIENT_MESSAGES(X, R)                                                                          \
    RUNTIME_MESSAGES(X, CLIENT)                                                                        \
    DELIVERY_MESSAGES(X, CLIENT)                                                                       \
    X(CLIENT_BEGIN,      client_begin,       msg_drop_plain)       /* itself: adopt the socket, greet */ \
    X(CLIENT_REGISTERED, account_registered, msg_drop_plain)       /* account: you are in */           \
    X(CLIENT_CHANGED,    account_changed,    account_changed_drop) /* account: your subs are in force */ \
    X(CLIENT_CLOSE,      client_close,       msg_drop_plain)       /* listener: end with this reason */ \
    X(CLIENT_LAME_DUCK,  client_lame_duck,   msg_drop_plain)       /* listener: tell your peer to leave */ \
    R(CLIENT_DESCRIBE,   client_describe,    msg_drop_plain)       /* monitor: what are you? */
/* clang-format on */

enum client_message { CLIENT_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) CLIENT_KINDS };

extern const struct msg_type client_types[CLIENT_KINDS];

struct client_begin {
    struct msg msg;
    struct accepted accepted;
    bool refuse; /* there are max_connections already: say so and close */
};

struct client_close {
    struct msg msg;
    enum closed_state reason;
};

struct client_lame_duck {
    struct msg msg;
};

#define CLIENT_ALL_SLOTS UINT32_MAX

/* Answered struct client_described of the asker's kind, or GONE when the connection has ended. */
struct client_describe {
    struct msg msg;
    const struct msg_type *answer;
    uint32_t sub_from;  /* subs: the slice begins at this record */
    uint32_t sub_slot;  /* subs: of this slot alone, or CLIENT_ALL_SLOTS */
    uint32_t count_max; /* subscriptions in the slice; 0: none are told */
};

struct client_described {
    struct msg msg;
    struct buf *record; /* given: a struct conn_record (protocols/monitor) at its start */
};

msg_drop_fn client_described_drop;

#endif
