/* SPDX-License-Identifier: Apache-2.0 */
/* store_msg.h -- everything the actor of a store can be told.
 *
 * Every request begins with the asker's kind of the answer, and every answer with a status: 0, or a negative
 * errno: what store/store.h says for the operation; -EIO when the store has failed, -ENOENT when there is no
 * such group; -EAGAIN before it is open (STORE_READY tells when), -ESHUTDOWN when it is being closed, and
 * why it could not be opened.
 */
#ifndef ACTORS_STORE_STORE_MSG_H
#define ACTORS_STORE_STORE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/msg.h"
#include "store/format/entry.h"
#include "store/store.h"

/* clang-format off */
/*    kind          payload                drop                     sent by, and what for */
#define STORE_MESSAGES(X, R)                                                                        \
    RUNTIME_MESSAGES(X, STORE)                                                                      \
    X(STORE_GO_ON,  msg,                   msg_drop_plain)          /* itself: another turn */      \
    R(STORE_READY,  store_ready_request,   msg_drop_plain)          /* anybody: when it is open */  \
    R(STORE_MAKE,   store_make_request,    store_make_request_drop) /* anybody: make this group */  \
    R(STORE_FIND,   store_find_request,    store_find_request_drop) /* anybody: which group is it? */ \
    R(STORE_DELETE, store_delete_request,  msg_drop_plain)          /* anybody: delete this group */ \
    R(STORE_APPEND, store_append_request,  store_append_request_drop) /* anybody: apply this entry */ \
    R(STORE_READ,   store_read_request,    store_read_request_drop) /* anybody: which message is it? */ \
    R(STORE_COUNT,  store_count_request,   msg_drop_plain)          /* anybody: what does it hold? */
/* clang-format on */

enum store_message {
    STORE_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) STORE_KINDS,
};

extern const struct msg_type store_types[STORE_KINDS];

/* Bytes that go with a message: one block of mem_alloc. */
struct store_bytes {
    char *at; /* given */
    size_t size;
};

/* What all requests begin with. */
struct store_request {
    struct msg msg;
    const struct msg_type *answer;
};

/* What all answers begin with. */
struct store_answer {
    struct msg msg;
    int status;
};

/* Answered with a struct store_answer, when the store is open or can not be opened. */
struct store_ready_request {
    struct msg msg;
    const struct msg_type *answer;
};

/* Answered with a struct store_group_answer. */
struct store_make_request {
    struct msg msg;
    const struct msg_type *answer;
    struct store_bytes account;
    struct store_bytes name;
    struct store_bytes config; /* body of its first entry */
    enum msglog_form form;
    enum store_sync sync;
};

/* Answered with a struct store_group_answer. */
struct store_find_request {
    struct msg msg;
    const struct msg_type *answer;
    struct store_bytes account;
    struct store_bytes name;
};

struct store_group_answer {
    struct msg msg;
    int status;
    uint64_t gid;
};

/* Answered with a struct store_group_answer. */
struct store_delete_request {
    struct msg msg;
    const struct msg_type *answer;
    uint64_t gid;
};

/* Answered with a struct store_applied_answer. */
struct store_append_request {
    struct msg msg;
    const struct msg_type *answer;
    uint64_t gid;
    enum entry_kind kind;
    uint8_t flags;
    struct store_bytes body;
};

struct store_applied_answer {
    struct msg msg;
    int status;
    uint8_t outcome; /* enum applied_outcome */
    uint8_t refusal; /* enum refusal */
    uint64_t seq;
    uint64_t removed;
};

enum store_read_how {
    STORE_READ_SEQ,  /* the message of this sequence */
    STORE_READ_NEXT, /* the first at or after it that matches subject */
    STORE_READ_LAST, /* the last of this literal subject */
};

/* Answered with a struct store_message_answer. */
struct store_read_request {
    struct msg msg;
    const struct msg_type *answer;
    uint64_t gid;
    enum store_read_how how;
    uint64_t seq;
    struct store_bytes subject;
};

struct store_message_answer {
    struct msg msg;
    int status; /* -ENOENT: no such message */
    uint64_t seq;
    int64_t time_ns;
    struct store_bytes body; /* format/message.h; released by the answer's drop: the asker's */
};

/* For the drop of an asker's kind that is answered with a message. */
msg_drop_fn store_message_answer_drop;

/* Answered with a struct store_count_answer. */
struct store_count_request {
    struct msg msg;
    const struct msg_type *answer;
    uint64_t gid;
};

struct store_count_answer {
    struct msg msg;
    int status;
    struct msglog_state state;
};

msg_drop_fn store_make_request_drop;
msg_drop_fn store_find_request_drop;
msg_drop_fn store_append_request_drop;
msg_drop_fn store_read_request_drop;

/* A copy in memory of the current worker. */
struct store_bytes store_bytes_copy(struct bytes bytes);

#endif
