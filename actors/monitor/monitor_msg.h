/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_msg.h -- everything the monitor can be told. */
#ifndef ACTORS_MONITOR_MONITOR_MSG_H
#define ACTORS_MONITOR_MONITOR_MSG_H

#include <stdint.h>

#include "protocols/monitor/monitor_page.h"
#include "runtime/msg.h"
#include "runtime/process.h"

/* clang-format off */
/*    kind              payload          drop               sent by, and what for */
#define MONITOR_MESSAGES(X, R)                                                        \
    RUNTIME_MESSAGES(X, MONITOR)                                                      \
    X(MONITOR_SEEN,     monitor_seen,    msg_drop_plain) /* conn: this page was asked for */ \
    X(MONITOR_ENDED,    monitor_ended,   msg_drop_plain) /* conn: I am ending */      \
    R(MONITOR_FIGURES,  monitor_figures, msg_drop_plain) /* conn: what is counted here? */
/* clang-format on */

enum monitor_message { MONITOR_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) MONITOR_KINDS };

extern const struct msg_type monitor_types[MONITOR_KINDS];

struct monitor_seen {
    struct msg msg;
    enum monitor_page page;
};

struct monitor_ended {
    struct msg msg;
    struct actor_ref conn;
};

/* Answered struct monitor_figures_told of the asker's kind. */
struct monitor_figures {
    struct msg msg;
    const struct msg_type *answer;
};

struct monitor_figures_told {
    struct msg msg;
    uint64_t requests[MONITOR_PAGE_COUNT]; /* by page; an alias counts as its page */
    struct process_figures process;
    double cpu_percent; /* of one core, lately */
};

#endif
