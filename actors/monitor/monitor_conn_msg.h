/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_conn_msg.h -- everything a connection of the monitoring port can be told. */
#ifndef ACTORS_MONITOR_MONITOR_CONN_MSG_H
#define ACTORS_MONITOR_MONITOR_CONN_MSG_H

#include "actors/account/account_msg.h"
#include "actors/client/client_msg.h"
#include "actors/listener/listener_msg.h"
#include "actors/monitor/monitor_msg.h"
#include "actors/monitor/monitor_probe_msg.h"
#include "runtime/net.h"

/* clang-format off */
/*    kind                    payload               drop                      sent by, and what for */
#define MONITOR_CONN_MESSAGES(X, R)                                                                      \
    RUNTIME_MESSAGES(X, MONITOR_CONN)                                                                    \
    X(MONITOR_CONN_BEGIN,     monitor_conn_begin,   monitor_conn_begin_drop)   /* itself: adopt the socket */ \
    X(MONITOR_CONN_GO_ON,     msg,                  msg_drop_plain)            /* itself: the next piece */ \
    X(MONITOR_CONN_END,       msg,                  msg_drop_plain)            /* monitor: close */      \
    X(MONITOR_CONN_FIGURES,   monitor_figures_told, msg_drop_plain)            /* monitor: answer */     \
    X(MONITOR_CONN_LISTENER,  listener_reported,    listener_reported_drop)    /* listener: answer */    \
    X(MONITOR_CONN_CLOSED,    listener_closed_told, listener_closed_told_drop) /* listener: answer */    \
    X(MONITOR_CONN_DESCRIBED, client_described,     client_described_drop)     /* client: answer */      \
    X(MONITOR_CONN_ACCOUNT,   account_reported,     account_reported_drop)     /* account: answer */     \
    X(MONITOR_CONN_TRACED,    monitor_traced,       monitor_traced_drop)       /* probe: answer */
/* clang-format on */

enum monitor_conn_message {
    MONITOR_CONN_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) MONITOR_CONN_KINDS,
};

extern const struct msg_type monitor_conn_types[MONITOR_CONN_KINDS];

struct monitor_conn_begin {
    struct msg msg;
    struct accepted accepted; /* given */
    bool held;                /* accepted is still ours to refuse */
};

msg_drop_fn monitor_conn_begin_drop;

#endif
