/* SPDX-License-Identifier: Apache-2.0 */
/* lifecycle_msg.h -- everything the lifecycle actor can be told. */
#ifndef ACTORS_LIFECYCLE_LIFECYCLE_MSG_H
#define ACTORS_LIFECYCLE_LIFECYCLE_MSG_H

#include "runtime/msg.h"

/* clang-format off */
/*    kind                 payload  drop            sent by, and what for */
#define LIFECYCLE_MESSAGES(X, R)                                                           \
    RUNTIME_MESSAGES(X, LIFECYCLE)                                                         \
    X(LIFECYCLE_COUNT,     msg,     msg_drop_plain) /* itself: look at the next slice of actors */ \
    X(LIFECYCLE_SHUTDOWN,  msg,     msg_drop_plain) /* embedding host: end, in order */    \
    X(LIFECYCLE_LAME_DUCK, msg,     msg_drop_plain) /* embedding host: leave gently */     \
    X(LIFECYCLE_EMPTY,     msg,     msg_drop_plain) /* listener: none of my clients is left */
/* clang-format on */

enum lifecycle_message { LIFECYCLE_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) LIFECYCLE_KINDS };

extern const struct msg_type lifecycle_types[LIFECYCLE_KINDS];

#endif
