/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h -- the inside of a worker and of a system; for the runtime's own files only.
 *
 * A worker is one loop on one thread (host), or one of several on the simulator's only thread. What
 * is not marked shared is touched by its own thread alone.
 */
#ifndef RUNTIME_WORKER_H
#define RUNTIME_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/actor.h"
#include "runtime/base/prng.h"
#include "runtime/base/reclaim.h"
#include "runtime/buf.h"
#include "runtime/epoch.h"
#include "runtime/slab.h"
#include "runtime/trace.h"
#include "runtime/wheel.h"
#include "runtime/world.h"

#define TURN_MESSAGES_MAX 64
#define TURN_BYTES_MAX ((uint64_t)256 << 10)
#define ROUND_TURNS_MAX 256
#define NEXT_RUN_MAX 16 /* turns through `next` before `ready` goes first */
#define FLOAT_WAIT_MS 1 /* a floating actor moves away when the oldest ready one waits longer */
#define BUF_COMMON_SIZE ((uint32_t)64 << 10)
#define BUF_SPARE_MAX 64
#define READ_BUFFER_SIZE ((size_t)64 << 10)

struct actor_queue {
    struct actor *first;
    struct actor *last;
    uint32_t count;
};

struct worker_slot {
    void *state;
    void (*free_)(void *state);
};

struct worker {
    struct system *system;
    uint16_t index;
    bool in_section;
    struct world_worker *io; /* the world's half */

    /* scheduling */
    struct actor_queue ready;
    struct actor *next; /* woken by the turn that just ended: runs first, its data is warm */
    unsigned next_run;
    uint64_t ready_since_ms; /* when the oldest of ready was queued, about */
    struct actor *running;
    const struct msg *current;
    struct actor *flush_first;
    struct actor *flush_last;
    uint64_t turn_limit; /* messages a turn; the simulator draws it */
    /* The simulator's: sees every message before its receiver does. NULL on a host. */
    void (*observe)(struct worker *w, const struct actor *a, const struct msg *m);

    uint64_t clock_ns; /* of this round */
    uint64_t clock_ms;
    uint64_t tick_at; /* counter at the end of the last turn */
    struct wheel wheel;
    struct heap heap;
    struct epoch_retired retired;
    struct reclaimer reclaimer;
    struct prng prng;
    struct buf
        *read_buf; /* what sockets are read into; replaced when a turn has kept a reference */
    struct buf *spare_bufs;
    unsigned spare_buf_count;
    struct worker_slot locals[WORKER_LOCALS];
    struct trace_ring *trace;
    uint64_t dropped; /* messages to nobody */

    /* shared with other threads, a line each */
    _Alignas(64) _Atomic(struct actor *) arrivals; /* actors others scheduled here */
    _Alignas(64) _Atomic uint32_t sleeping;
    _Alignas(64) _Atomic(struct msg *) foreign; /* completions of threads that are no workers */
};

#define SLOT_CHUNK 4096
#define SLOT_CHUNKS_MAX 4096

/* Free: generation << 1 | 1. Taken: the actor. */
typedef _Atomic uintptr_t actor_slot;

struct system {
    struct world *world;
    uint16_t worker_count;
    struct worker **workers;
    struct heap **heaps;
    struct epoch epoch;
    struct epoch_slot *epoch_slots;
    uint64_t seed;
    _Atomic(actor_slot *) slot_chunks[SLOT_CHUNKS_MAX];
    /* The free list of slots, under a lock-free stack with a tag against ABA: index | tag << 32. */
    _Atomic uint64_t slot_free;
    _Atomic uint32_t slots_made;
    _Atomic uint32_t actors; /* alive, for the orderly stop */
    _Atomic uint64_t trace_until_ns;
    _Atomic bool stopping;
    void (*on_stopped)(void *context);
    void *stopped_context;
};

/* The worker whose turn, callback or set-up runs on this thread. */
extern _Thread_local struct worker *current_worker;

struct worker *worker_new(struct system *system, uint16_t index);
/* After the last round: runs what is retired, frees its locals and its timers. */
void worker_shutdown(struct worker *w);
void worker_free(struct worker **w);

/* --- what a world calls ------------------------------------------------------------------------- */

/* Around everything that happens on a worker. Enter sets the round's clock and opens the section. */
void worker_enter(struct worker *w);
void worker_leave(struct worker *w);

/* Where the next read of a socket goes: the worker's read buffer, whole and unshared. */
void worker_read_space(struct worker *w, struct net_space *ret_space);

/* Around an event of a socket that its owner handles on the spot. */
void worker_turn_begin(struct worker *w, struct actor *self);
void worker_turn_end(struct worker *w, struct actor *self);

/* Arrivals, timers, up to ROUND_TURNS_MAX turns, flushes, blocks sent home. */
void worker_round(struct worker *w);
void worker_collect(struct worker *w); /* arrivals, foreign messages and expired timers only */
bool worker_run_one(struct worker *w, uint32_t nth); /* the nth ready actor; false: none */
uint32_t worker_ready_count(const struct worker *w); /* how many nth can name */
void worker_flush(struct worker *w);

/* True: the worker may block; until the world enters again it counts as asleep. */
bool worker_may_block(struct worker *w);

/* When it has to wake by itself; UINT64_MAX: never. */
uint64_t worker_wake_ms(const struct worker *w);

/* From any thread: hands m to `to` through worker w. Takes m, which msg_alloc_foreign gave, or a
 * worker (as a request that comes back with its result). */
void worker_post(struct worker *w, struct actor_ref to, struct msg *m);

/* --- turns' ends (actor.c, trace.c) ---------------------------------------------------------------- */

/* Releases a message to nobody. Takes m. */
void worker_drop(struct worker *w, struct msg *m);

/* Ends an actor for everybody else: answers or drops what it will not handle, and takes it from its
 * slot. True: it is in no queue. */
bool worker_bury(struct worker *w, struct actor *a);
/* Its memory and its slot go when no reader can hold its pointer. */
void worker_retire(struct worker *w, struct actor *a);
/* A timer of an actor has left the wheel. */
void worker_timer_left(struct worker *w, const struct timer *timer);

#define NO_KIND UINT32_MAX /* a turn that began with no message: an event of the world */
/* A turn that began at the tick `began` is over; tracing is on, or was until now. */
void worker_trace(struct worker *w, const struct actor *a, uint64_t began, uint32_t kind,
                  uint32_t messages);

/* --- slots (system.c) --------------------------------------------------------------------------- */

struct actor *system_lookup(struct system *system, struct actor_ref ref);
struct actor_ref system_slot_take(struct system *system, struct actor *a);
void system_slot_clear(struct system *system,
                       struct actor_ref ref); /* found no more, not yet free */
void system_slot_release(struct system *system, struct actor_ref ref); /* after the grace period */
void system_actor_gone(struct system *system);

extern const struct msg_type timer_message_type;

#endif
