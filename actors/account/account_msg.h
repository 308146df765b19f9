/* SPDX-License-Identifier: Apache-2.0 */
/* account_msg.h -- everything an account can be told. */
#ifndef ACTORS_ACCOUNT_ACCOUNT_MSG_H
#define ACTORS_ACCOUNT_ACCOUNT_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/msg.h"

struct interest;

/* clang-format off */
/*    kind              payload          drop                 sent by, and what for */
#define ACCOUNT_MESSAGES(X, R)                                                                       \
    RUNTIME_MESSAGES(X, ACCOUNT)                                                                     \
    R(ACCOUNT_REGISTER, account_register, msg_drop_plain)      /* client: let me in -> registered */ \
    R(ACCOUNT_CHANGE,   account_change,   account_change_drop) /* client: subscriptions came and went */ \
    X(ACCOUNT_LEFT,     account_left,     msg_drop_plain)      /* client: gone, all removed */ \
    X(ACCOUNT_QUIET,    account_quiet,    account_quiet_drop)  /* itself: no reader holds this memory */ \
    R(ACCOUNT_REPORT,   account_report,   msg_drop_plain)      /* monitor: counts, a slice of subs */
/* clang-format on */

enum account_message {
    ACCOUNT_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) ACCOUNT_KINDS,
};

extern const struct msg_type account_types[ACCOUNT_KINDS];

/* Asked by an actor that will publish and subscribe here. Answered ACCOUNT_REGISTERED_KIND of the
 * asker's choosing: struct account_registered. */
struct account_register {
    struct msg msg;
    const struct msg_type *answer; /* borrowed, static: struct account_registered's type there */
};

struct account_registered {
    struct msg msg;
    const struct interest *interest; /* shared: readers follow it in their read sections; lives as
                                        long as the asker is registered */
    uint64_t interest_id;
};

#define ACCOUNT_OPS_MAX 1024 /* of one ACCOUNT_CHANGE */
#define ACCOUNT_OP_NONE UINT32_MAX

/* One subscription comes or goes. */
struct account_op {
    uint32_t slot;  /* the client's name for it */
    uint32_t entry; /* add: set by the account (index.h); remove: as it was given */
    uint32_t queue; /* likewise; 0: plain */
    int32_t status; /* set by the account: 0 or a negative errno */
    uint32_t added; /* remove: the op of this same list that added it, or ACCOUNT_OP_NONE */
    uint32_t text;  /* add: offset of subject, queue name and sid in the text */
    uint16_t subject_size;
    uint16_t queue_size;
    uint16_t sid_size;
    bool add;
};

/* Applied in order, answered with the same ops: struct account_changed. */
struct account_change {
    struct msg msg;
    const struct msg_type *answer;
    struct account_op *ops; /* given; at most ACCOUNT_OPS_MAX */
    uint32_t count;
    char *text; /* given */
};

struct account_changed {
    struct msg msg;
    struct account_op *ops; /* given */
    uint32_t count;
};

struct account_left {
    struct msg msg;
};

struct reclaim_entry;

struct account_quiet {
    struct msg msg;
    struct reclaim_entry *entry; /* given: its done is to be called */
};

msg_drop_fn account_quiet_drop;
msg_drop_fn account_change_drop;
msg_drop_fn account_changed_drop;

/* The account's figures and a slice of its subscriptions, for monitoring. Answered struct
 * account_reported of the asker's kind. */
struct account_report {
    struct msg msg;
    const struct msg_type *answer;
    uint32_t cursor_entry; /* 0 at first, then as answered */
    uint32_t cursor_skip;
    uint32_t count_max; /* subscriptions in the slice; 0: figures alone */
};

struct buf;

struct account_reported {
    struct msg msg;
    uint64_t subscriptions;
    uint64_t inserts;
    uint64_t removes;
    struct buf *slice; /* given: a struct account_slice at its start; NULL: figures alone */
    uint32_t cursor_entry;
    uint32_t cursor_skip;
    bool more; /* the walk is not at its end */
};

/* One block that does not move; texts lie behind the subscriptions. */
struct account_sub {
    struct bytes subject;
    struct bytes queue;
    struct bytes sid;
    struct actor_ref conn;
    uint32_t slot;
};

struct account_slice {
    uint32_t count;
    struct account_sub subs[];
};

msg_drop_fn account_reported_drop;

#endif
