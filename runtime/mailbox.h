/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.h -- many senders, one receiver, one atomic word.
 *
 * Idea        The word is the mailbox and the "is scheduled" bit in one:
 *
 *                 IDLE   nothing to do, in no queue      BUSY   scheduled or running, mail taken
 *                 GONE   stopped for good                else   newest message, linked to older ones
 *
 *             A push swaps itself in with one CAS. The push that found IDLE, and only that one,
 *             schedules the actor, so an actor is never in two queues. (A pinned actor also runs events
 *             of its sockets, on the same thread as its queue, whatever the word says.) The receiver takes the whole
 *             chain with one exchange and reverses it: oldest first.
 * Invariants  1 the word is IDLE only while the actor is in no queue and handles no message
 *             2 from GONE it never changes
 *             3 messages of one sender come out in the order of their pushes
 * Bounds      a CAS fails only when another push or the receiver got through, so retries are bounded
 *             by the number of workers (senders push batches, not single messages).
 *
 * The memory orders: a push releases what the message says (the taker's exchange acquires it) and
 * acquires what the last runner left behind in go_idle, because the pusher may run the actor next.
 */
#ifndef RUNTIME_MAILBOX_H
#define RUNTIME_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/msg.h"

#define MAILBOX_IDLE ((uintptr_t)0)
#define MAILBOX_BUSY ((uintptr_t)1)
#define MAILBOX_GONE ((uintptr_t)2)

struct mailbox {
    _Atomic uintptr_t word;
};

enum mailbox_push { MAILBOX_QUEUED, MAILBOX_WOKE, MAILBOX_REFUSED };

/* MAILBOX_WOKE: the caller must schedule the actor. MAILBOX_REFUSED: m is still the caller's. */
static inline enum mailbox_push mailbox_push(struct mailbox *box, struct msg *m)
{
    uintptr_t old = ATOMIC_LOAD(&box->word, memory_order_relaxed);
    do {
        if (old == MAILBOX_GONE)
            return MAILBOX_REFUSED;
        m->next = old > MAILBOX_GONE ? (struct msg *)old : NULL;
        /* Release pairs with the exchange in mailbox_take; acquire with mailbox_go_idle. */
    } while (!ATOMIC_CAS(&box->word, &old, (uintptr_t)m, memory_order_acq_rel));
    return old == MAILBOX_IDLE ? MAILBOX_WOKE : MAILBOX_QUEUED;
}

/* Turns a chain newest-first into oldest-first. */
static inline struct msg *mailbox_reverse(struct msg *newest)
{
    struct msg *oldest = NULL;
    while (newest != NULL) {
        struct msg *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

/* All that has come, oldest first. The actor stays BUSY. */
static inline struct msg *mailbox_take(struct mailbox *box)
{
    uintptr_t old = ATOMIC_EXCHANGE(&box->word, MAILBOX_BUSY, memory_order_acquire);
    return old > MAILBOX_GONE ? mailbox_reverse((struct msg *)old) : NULL;
}

/* Ends a turn. False: something came meanwhile, and the actor must be queued again. */
static inline bool mailbox_go_idle(struct mailbox *box)
{
    uintptr_t expected = MAILBOX_BUSY;
    /* Release pairs with the acquire of the push that finds IDLE: the next runner sees our state. */
    return ATOMIC_CAS(&box->word, &expected, MAILBOX_IDLE, memory_order_release);
}

/* Closes it for good and returns what was still in it, oldest first. *ret_idle: it was IDLE, so that
 * nobody has scheduled or is about to schedule the actor. */
static inline struct msg *mailbox_close(struct mailbox *box, bool *ret_idle)
{
    uintptr_t old = ATOMIC_EXCHANGE(&box->word, MAILBOX_GONE, memory_order_acq_rel);
    DCHECK(old != MAILBOX_GONE);
    *ret_idle = old == MAILBOX_IDLE;
    return old > MAILBOX_GONE ? mailbox_reverse((struct msg *)old) : NULL;
}

#endif
