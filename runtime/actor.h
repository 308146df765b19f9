/* SPDX-License-Identifier: Apache-2.0 */
/* actor.h -- what an actor is, and what it can ask of the runtime.
 *
 * An actor is a class, private state that begins with a struct actor, and a mailbox. It handles one
 * message at a time to completion on one worker, never blocks and takes no lock. Pinned actors stay
 * on the worker that spawned them (they own a socket of that worker's loop); floating ones run where
 * they were woken.
 *
 * All functions here are called from a turn (a handler, an event of a socket, a timer), or from the
 * thread that sets the system up before it starts.
 */
#ifndef RUNTIME_ACTOR_H
#define RUNTIME_ACTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/mailbox.h"
#include "runtime/msg.h"

struct actor;
struct buf;
struct prng;
struct reclaimer;
struct system;
struct worker;

struct actor_class {
    const char *name;
    const struct msg_type *types; /* the receiver's table, for names in traces */
    uint32_t type_count;
    bool pinned;
    void (*receive)(struct actor *self, struct msg *m); /* m is borrowed: see msg.h */
    void (*flush)(struct actor *self); /* end of a round in which actor_flush_later was called */
    void (*check)(const struct actor *self); /* invariants; after every message in debug */
    void (*done)(struct actor *self);        /* after exit, before the memory goes */
};

#define ACTOR_RING 8 /* the kinds of the last messages */

struct actor {
    /* Read and written by senders. */
    struct actor_ref self;
    struct mailbox inbox;
    struct actor *sched_next; /* of the one queue it is in */
    const struct actor_class *class;
    struct system *system;
    _Atomic uint16_t home;    /* pinned: its worker; floating: where it ran last */
    _Atomic uint8_t pressure; /* gauge: enum pressure, stored by the runner */
    uint8_t ring_at;          /* the runner's */
    bool exiting;             /* actor_exit was called in this turn */
    bool flush_queued;        /* is in its worker's flush list */
    uint16_t timers_armed;    /* its own: 0 when it is done */
    _Atomic int64_t inflight; /* gauge: bytes pushed at it and not yet handled */
    struct actor *flush_next;
    /* Read and written by the runner. Counters have one writer; monitoring reads them. */
    struct msg *todo; /* taken, oldest first */
    _Atomic uint64_t messages;
    _Atomic uint64_t bytes;
    _Atomic uint64_t busy_ticks;
    _Atomic uint64_t waited_ms;
    _Atomic uint32_t depth; /* messages of the last take */
    _Atomic uint32_t depth_max;
    _Atomic uint8_t ring[ACTOR_RING];
    uint64_t turn_bytes; /* what this turn has done so far: actor_worked */
};

_Static_assert(sizeof(struct actor) == 128, "two cache lines: senders' and the runner's");

/* A zeroed actor of size bytes (its struct begins with struct actor) on the current worker. */
struct actor *actor_spawn(const struct actor_class *class, size_t size);

/* Ends the running actor after this message: no further one is handled, requests in its mailbox are
 * answered GONE, its done is called, and its memory goes when no reader can hold it. */
void actor_exit(struct actor *self);

/* Handles all that is in the mailbox of the running, pinned actor now. */
void actor_drain(struct actor *self);

/* Calls the class's flush once at the end of this round. */
void actor_flush_later(struct actor *self);

/* Adds to what this turn has done; a turn ends at TURN_BYTES_MAX. */
void actor_worked(struct actor *self, size_t bytes);

/* Gauges of an actor that senders may read: advice, never a decision about state. Relaxed atomics;
 * the runner stores pressure, senders and the runner add to the bytes in flight. */
enum pressure { PRESSURE_CALM, PRESSURE_HIGH, PRESSURE_FULL, PRESSURE_CLOSED };

/* CLOSED when it is gone; HIGH at least when INFLIGHT_HIGH bytes wait in its mailbox: its worker may be
 * too busy to say so itself. */
#define INFLIGHT_HIGH ((int64_t)8 << 20)
enum pressure actor_pressure(struct actor_ref target);
void actor_set_pressure(struct actor *self, enum pressure pressure);
int64_t actor_inflight_add(struct actor_ref target, int64_t bytes); /* returns the new value */

/* --- timers ------------------------------------------------------------------------------------ */

/* A timer of a pinned actor, inside its state. Fires as a TIMER message with `which`. One that is
 * still armed at the end of its owner's done is a failed check: its memory would stay linked. */
struct timer {
    struct link link; /* next is NULL: not armed */
    uint64_t due_ms;
    struct actor_ref owner;
    uint32_t which;
    uint32_t number; /* of actor_after; 0 for timers inside an actor */
};

void timer_arm(struct timer *timer, struct actor *self, uint32_t which, uint64_t delay_ms);
void timer_cancel(struct timer *timer);

static inline bool timer_armed(const struct timer *timer)
{
    return timer->link.next != NULL;
}

/* For floating actors: a TIMER message after delay_ms with the number returned here. It cannot be
 * cancelled; a late one is told by its number. */
uint32_t actor_after(struct actor *self, uint32_t which, uint64_t delay_ms);

/* --- the worker, as an actor sees it ------------------------------------------------------------ */

uint64_t now_ms(void); /* this round's clock, monotonic */
uint64_t now_ns(void);
int64_t wall_ns(void); /* since the epoch, UTC */
struct prng *worker_prng(void);
unsigned worker_index(void);
struct system *worker_system(void);
struct actor *worker_running(void);

/* State that all actors of a kind share on one worker (a cache, an out-map). Made at first use by
 * make, freed with the worker by free_. key < WORKER_LOCALS, given out in server/. */
#define WORKER_LOCALS 8
void *worker_local(unsigned key, void *(*make)(void), void (*free_)(void *));

/* The counted buffer that on_read's bytes lie in, unless on_space led them elsewhere. Who keeps a
 * reference keeps the bytes: the worker then reads into another one. Borrowed. */
struct buf *worker_read_buf(void);

/* Memory that readers of other workers may still follow (reclaim.h). */
struct reclaimer *worker_reclaimer(void);

/* Memory of the current worker, zeroed; may be freed on any worker and goes home by itself.
 * Aborts when there is none left: sizes from peers are bounded by the caller. */
void *mem_alloc(size_t size);
void mem_free(void *at);

#endif
