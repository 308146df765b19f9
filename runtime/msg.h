/* SPDX-License-Identifier: Apache-2.0 */
/* msg.h -- the envelope every actor message starts with.
 *
 * A message belongs to exactly one party at a time: the sender until SEND, then the mailbox, then
 * the receiver until its handler returns. The runtime drops it after that, so a handler that wants
 * to keep something of it moves it out and leaves NULL behind. A message that nobody will read (the
 * actor is gone) goes through the same drop function, which is why every kind must name one.
 *
 * Requests are answered exactly once. The right to answer is an owned token: a handler that cannot
 * answer at once takes it out with reply_take; a request whose token was neither taken nor answered
 * when it is dropped is answered GONE by the runtime.
 */
#ifndef RUNTIME_MSG_H
#define RUNTIME_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An actor's address: slot in the low half, generation in the high half; 0 is nobody. */
struct actor_ref {
    uint64_t id;
};

#define NOBODY ((struct actor_ref){0})

static inline bool ref_equal(struct actor_ref a, struct actor_ref b)
{
    return a.id == b.id;
}

struct msg;
typedef void msg_drop_fn(struct msg *m);

struct msg_type {
    const char *name;
    uint32_t kind; /* index in the receiver's message table */
    bool request;  /* is answered exactly once; an unread one is answered GONE */
    uint32_t size;
    msg_drop_fn *drop; /* releases what the payload owns, not the message itself */
};

struct msg {
    struct msg *next;            /* the mailbox's; nobody else touches it */
    const struct msg_type *type; /* so that it can be dropped without its receiver */
    uint32_t tag;                /* chosen by the asker, repeated in the answer */
    uint32_t sent_ms;            /* the sender's loop clock */
    struct actor_ref from;       /* who asks; NOBODY once the token is taken */
};

/* The first kinds of every receiver's table, by which the runtime itself speaks to an actor. */
enum runtime_kind {
    RUNTIME_GONE,
    RUNTIME_STOP,
    RUNTIME_TIMER,
    RUNTIME_IO,
    RUNTIME_KINDS,
};

/* clang-format off */
/*    kind        payload         drop            what for */
#define RUNTIME_MESSAGES(X, P)                                                              \
    X(P##_GONE,  msg,       msg_drop_plain) /* the actor that was asked is no more; its tag */ \
    X(P##_STOP,  msg,       msg_drop_plain) /* end: keep its token, release everything, exit */ \
    X(P##_TIMER, msg_timer, msg_drop_plain) /* a timer that this actor armed has fired */      \
    X(P##_IO,    msg_io,    msg_io_drop)    /* the world finished something it asked for */
/* clang-format on */

struct msg_timer {
    struct msg msg;
    uint32_t which;  /* the actor's name for the timer */
    uint32_t number; /* of actor_after: which arming fired */
};

/* A completion of the world; what data is depends on what was asked: see file.h, resolve.h. An
 * actor gives its X_IO messages to msg_io_done, which leads to what the request named. */
struct msg_io {
    struct msg msg;
    int64_t result;                /* >= 0, or a negative errno */
    void *data;                    /* given */
    void (*done_data)(void *data); /* takes data: the asker's turn goes on there */
    void (*drop_data)(void *data); /* takes data: the asker is gone */
};

msg_drop_fn msg_drop_plain; /* for payloads that own nothing */
msg_drop_fn msg_io_drop;

/* For the handler of X_IO. */
void msg_io_done(struct msg *m);

/* One table a receiver: its enum, and its msg_types with names, sizes and drops. Requests are the
 * kinds listed in the receiver's X_REQUESTS through MSG_REQUEST below. */
#define MSG_ENUM_ROW(kind, payload, drop) kind,
#define MSG_TYPE_ROW(kind, payload, drop) {#kind, kind, false, sizeof(struct payload), drop},
#define MSG_REQUEST_ENUM_ROW(kind, payload, drop) kind,
#define MSG_REQUEST_TYPE_ROW(kind, payload, drop) {#kind, kind, true, sizeof(struct payload), drop},

/* A zeroed message of the current worker's memory. Aborts when there is none left. */
struct msg *msg_alloc(const struct msg_type *type);

/* The same from a thread that is no worker, for worker_post. */
struct msg *msg_alloc_foreign(const struct msg_type *type);

/* Releases a message that was not sent: what it owns, an answer GONE if it is an unanswered request,
 * and its memory. Leaves NULL behind. */
void msg_free(struct msg **m);

#define MSG_NEW(types, kind, payload) ((struct payload *)(void *)msg_alloc(&(types)[kind]))

/* Takes m. Never fails and never blocks. */
void actor_send(struct actor_ref to, struct msg *m);

/* Sends p and forgets it, so that a use after SEND is a NULL dereference and not a race. */
#define SEND(to, p)                  \
    do {                             \
        actor_send((to), &(p)->msg); \
        (p) = NULL;                  \
    } while (0)

/* The right to answer one request. Owned: end it with reply_send or reply_gone. */
struct reply {
    struct actor_ref to; /* NOBODY: none held */
    uint32_t tag;
};

/* Asks: sends p as a request of the running actor; the answer carries tag. */
void actor_ask(struct actor_ref to, struct msg *request, uint32_t tag);

/* Asks an actor to end. Answered GONE with tag when it has (at once, if it is no more): the receiver
 * keeps the token of its STOP until its done, where it gives it up with reply_gone. */
void actor_stop(struct actor_ref whom, uint32_t tag);

struct reply reply_take(struct msg *request);

/* Takes answer and the token. */
void reply_send(struct reply *reply, struct msg *answer);
void reply_gone(struct reply *reply);

#endif
