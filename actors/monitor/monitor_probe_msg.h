/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_probe_msg.h -- everything a probe can be told: what only an actor of a worker can see there. */
#ifndef ACTORS_MONITOR_MONITOR_PROBE_MSG_H
#define ACTORS_MONITOR_MONITOR_PROBE_MSG_H

#include <stdint.h>

#include "runtime/msg.h"

/* clang-format off */
/*    kind                 payload        drop              sent by, and what for */
#define MONITOR_PROBE_MESSAGES(X, R)                                                        \
    RUNTIME_MESSAGES(X, MONITOR_PROBE)                                                      \
    R(MONITOR_PROBE_TRACE, monitor_trace, msg_drop_plain) /* conn: the turns of your worker */
/* clang-format on */

enum monitor_probe_message {
    MONITOR_PROBE_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) MONITOR_PROBE_KINDS,
};

extern const struct msg_type monitor_probe_types[MONITOR_PROBE_KINDS];

/* Answered struct monitor_traced of the asker's kind. */
struct monitor_trace {
    struct msg msg;
    const struct msg_type *answer;
    uint64_t since_ns;
};

struct trace_event;

struct monitor_traced {
    struct msg msg;
    struct trace_event *events; /* given; at most TRACE_EVENTS, oldest first; NULL: none */
    uint32_t count;
};

msg_drop_fn monitor_traced_drop;

#endif
