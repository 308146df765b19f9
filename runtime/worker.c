/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c -- turns: which actor runs next on a worker, and for how long.
 *
 * Idea        An actor is in exactly one place: idle, in one queue, or running. Queues are a worker's
 *             own; another worker schedules an actor here by pushing it on `arrivals`. A floating
 *             actor runs where it was woken, through `next`, while what it needs is in the cache.
 * Invariants  1 only the push that found IDLE schedules (mailbox.h)
 *             2 a worker that blocks has `sleeping` set, has seen `arrivals` and `foreign` empty after
 *               that, has nothing ready, and is outside its read section
 *             3 what a turn drops, it drops on this worker
 * Bounds      a turn: TURN_MESSAGES_MAX messages or TURN_BYTES_MAX bytes. A round: ROUND_TURNS_MAX turns.
 *
 * Sleep and wake: the waker pushes on `arrivals`, then looks at `sleeping`; the worker sets `sleeping`,
 * then looks at `arrivals`. All four are sequentially consistent, so one of the two sees the other.
 */
#include "runtime/worker.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/system.h"

_Thread_local struct worker *current_worker;

static struct world *world_of(const struct worker *w)
{
    return w->system->world;
}

/* --- life --------------------------------------------------------------------------------------- */

static void reclaim_defer(void *context, struct reclaim_entry *entry)
{
    struct worker *w = context;
    epoch_defer(&w->retired, entry);
}

struct worker *worker_new(struct system *system, uint16_t index)
{
    struct worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);
    CHECK(w != NULL);
    memset(w, 0, sizeof *w);
    w->system = system;
    w->index = index;
    w->turn_limit = TURN_MESSAGES_MAX;
    w->reclaimer = (struct reclaimer){reclaim_defer, w};
    heap_init(&w->heap, index, system->heaps, system->worker_count);
    epoch_retired_init(&w->retired);
    uint64_t seed;
    world_of(w)->ops->entropy(world_of(w), &seed, sizeof seed);
    prng_init(&w->prng, seed);
    w->clock_ns = world_of(w)->ops->clock_ns(world_of(w));
    w->clock_ms = w->clock_ns / 1000000;
    wheel_init(&w->wheel, w->clock_ms);
    return w;
}

void worker_read_space(struct worker *w, struct net_space *ret_space)
{
    if (w->read_buf != NULL && atomic_load_explicit(&w->read_buf->refs, memory_order_acquire) > 1)
        buf_unref(&w->read_buf);
    if (w->read_buf == NULL)
        w->read_buf = buf_new(READ_BUFFER_SIZE);
    *ret_space = (struct net_space){w->read_buf->at, READ_BUFFER_SIZE};
}

struct buf *worker_read_buf(void)
{
    return current_worker->read_buf;
}

static void spare_bufs_free(struct worker *w)
{
    while (w->spare_bufs != NULL) {
        struct buf *buf = w->spare_bufs;
        w->spare_bufs = *(struct buf **)(void *)buf->at;
        heap_free(&w->heap, buf);
    }
}

/* The worker's thread is over; the caller stands in for it. Heaps go last: see system_free. */
void worker_free(struct worker **at)
{
    struct worker *w = *at;
    *at = NULL;
    CHECK(w->ready.count == 0 && w->next == NULL);
    free(w->trace);
    heap_done(&w->heap);
    free(w);
}

/* --- scheduling --------------------------------------------------------------------------------- */

static void queue_push(struct worker *w, struct actor *a)
{
    struct actor_queue *q = &w->ready;
    a->sched_next = NULL;
    if (q->first == NULL) {
        q->first = a;
        w->ready_since_ms = w->clock_ms;
    } else {
        q->last->sched_next = a;
    }
    q->last = a;
    q->count++;
}

static struct actor *queue_pop(struct worker *w)
{
    struct actor_queue *q = &w->ready;
    struct actor *a = q->first;
    if (a == NULL)
        return NULL;
    q->first = a->sched_next;
    q->count--;
    return a;
}

static void arrivals_push(struct worker *to, struct actor *a)
{
    struct actor *old = ATOMIC_LOAD(&to->arrivals, memory_order_relaxed);
    do {
        a->sched_next = old;
    } while (!ATOMIC_CAS(&to->arrivals, &old, a, memory_order_seq_cst));
}

static void wake(struct worker *to)
{
    /* Pairs with the store of `sleeping` and the loads after it in worker_may_block. */
    if (ATOMIC_LOAD(&to->sleeping, memory_order_seq_cst) != 0 &&
        ATOMIC_EXCHANGE(&to->sleeping, 0, memory_order_seq_cst) != 0)
        world_of(to)->ops->worker_wake(to);
}

/* An idle worker for a floating actor while this one is behind, or this one. */
static struct worker *worker_for_floating(struct worker *w)
{
    if (w->ready.first == NULL || w->clock_ms - w->ready_since_ms <= FLOAT_WAIT_MS)
        return w;
    for (unsigned i = 1; i < w->system->worker_count; i++) {
        struct worker *other = w->system->workers[(w->index + i) % w->system->worker_count];
        if (ATOMIC_LOAD(&other->sleeping, memory_order_relaxed) != 0)
            return other;
    }
    return w;
}

/* For the push that found IDLE, and nobody else. */
static void schedule(struct worker *w, struct actor *a)
{
    struct worker *to =
        a->class->pinned ? w->system->workers[COUNTER_GET(&a->home)] : worker_for_floating(w);
    if (to != w) {
        arrivals_push(to, a);
        wake(to);
        return;
    }
    if (a->class->pinned) {
        queue_push(w, a);
        return;
    }
    if (w->next != NULL)
        queue_push(w, w->next);
    w->next = a;
}

/* --- sending ------------------------------------------------------------------------------------ */

void worker_drop(struct worker *w, struct msg *m)
{
    w->dropped++;
    msg_free(&m);
}

/* As actor_send, with a sender's worker at hand. */
static void send_on(struct worker *w, struct actor_ref to, struct msg *m)
{
    m->sent_ms = (uint32_t)w->clock_ms;
    struct actor *a = system_lookup(w->system, to);
    enum mailbox_push pushed = a == NULL ? MAILBOX_REFUSED : mailbox_push(&a->inbox, m);
    if (pushed == MAILBOX_WOKE)
        schedule(w, a);
    else if (pushed == MAILBOX_REFUSED)
        worker_drop(w, m);
}

void actor_send(struct actor_ref to, struct msg *m)
{
    DCHECK(!m->type->request || m->from.id != 0);
    send_on(current_worker, to, m);
}

void actor_ask(struct actor_ref to, struct msg *request, uint32_t tag)
{
    CHECK(request->type->request);
    request->from = current_worker->running->self;
    request->tag = tag;
    send_on(current_worker, to, request);
}

void worker_post(struct worker *w, struct actor_ref to, struct msg *m)
{
    m->from = to; /* until it is in the mailbox: `from` of a completion is nobody's */
    struct msg *old = ATOMIC_LOAD(&w->foreign, memory_order_relaxed);
    do {
        m->next = old;
    } while (!ATOMIC_CAS(&w->foreign, &old, m, memory_order_seq_cst));
    wake(w);
}

/* --- turns -------------------------------------------------------------------------------------- */

static uint64_t ticks_now(const struct worker *w)
{
    return world_of(w)->ops->ticks(world_of(w));
}

void worker_turn_begin(struct worker *w, struct actor *a)
{
    DCHECK(w->running == NULL);
    w->running = a;
    a->turn_bytes = 0;
    COUNTER_SET(&a->home, w->index);
}

static void count_turn(struct worker *w, struct actor *a)
{
    uint64_t now = ticks_now(w);
    COUNTER_ADD(&a->busy_ticks, now - w->tick_at);
    COUNTER_ADD(&a->bytes, a->turn_bytes);
    w->tick_at = now;
}

void worker_turn_end(struct worker *w, struct actor *a)
{
    uint64_t began = w->tick_at;
    count_turn(w, a);
    if (__builtin_expect(
            atomic_load_explicit(&w->system->trace_until_ns, memory_order_relaxed) != 0, 0))
        worker_trace(w, a, began, NO_KIND, 0);
    w->running = NULL;
    /* When its mailbox was not idle, the actor is in a queue, or the push that found it idle is about
     * to put it there: it is retired when it comes out (run_turn), as the queue holds its pointer. */
    if (a->exiting && worker_bury(w, a))
        worker_retire(w, a);
}

static void handle(struct worker *w, struct actor *a, struct msg *m)
{
    w->current = m;
    COUNTER_SET(&a->ring[a->ring_at++ % ACTOR_RING], (uint8_t)m->type->kind);
    COUNTER_ADD(&a->waited_ms, (uint32_t)((uint32_t)w->clock_ms - m->sent_ms));
    if (__builtin_expect(w->observe != NULL, 0))
        w->observe(w, a, m);
    a->class->receive(a, m);
    w->current = NULL;
    msg_free(&m);
#ifndef NDEBUG
    if (a->class->check != NULL && !a->exiting)
        a->class->check(a);
#endif
}

static void take(struct actor *a)
{
    struct msg *taken = mailbox_take(&a->inbox);
    if (taken == NULL)
        return;
    uint32_t count = 0;
    for (const struct msg *m = taken; m != NULL; m = m->next)
        count++;
    COUNTER_SET(&a->depth, count);
    if (count > COUNTER_GET(&a->depth_max))
        COUNTER_SET(&a->depth_max, count);
    a->todo = taken;
}

/* Handles up to `limit` messages of todo. */
static uint32_t run_messages(struct worker *w, struct actor *a, uint64_t limit)
{
    uint32_t done = 0;
    while (a->todo != NULL && done < limit && a->turn_bytes < TURN_BYTES_MAX && !a->exiting) {
        struct msg *m = a->todo;
        a->todo = m->next;
        if (m->next != NULL)
            __builtin_prefetch(m->next);
        done++;
        handle(w, a, m);
    }
    COUNTER_ADD(&a->messages, done);
    return done;
}

static void run_turn(struct worker *w, struct actor *a)
{
    if (a->exiting) { /* it ended in an event while it was queued */
        worker_retire(w, a);
        return;
    }
    worker_turn_begin(w, a);
    uint64_t began = w->tick_at;
    if (a->todo == NULL)
        take(a);
    uint32_t kind = a->todo != NULL ? a->todo->type->kind : NO_KIND;
    uint32_t done = run_messages(w, a, w->turn_limit);
    count_turn(w, a);
    if (__builtin_expect(
            atomic_load_explicit(&w->system->trace_until_ns, memory_order_relaxed) != 0, 0))
        worker_trace(w, a, began, kind, done);
    w->running = NULL;
    if (a->exiting) {
        (void)worker_bury(w, a);
        worker_retire(w,
                      a); /* it has just left its queue, and from BUSY nobody schedules it again */
    } else if (a->todo != NULL || !mailbox_go_idle(&a->inbox)) {
        queue_push(w, a);
    }
}

void actor_drain(struct actor *a)
{
    struct worker *w = current_worker;
    DCHECK(w->running == a && a->class->pinned);
    const struct msg *outer = w->current;
    /* An idle word means an empty mailbox. Any other means that the actor is in a queue already and
     * will be run again, find nothing, and go idle: so BUSY may stay. */
    if (a->todo == NULL && ATOMIC_LOAD(&a->inbox.word, memory_order_relaxed) == MAILBOX_IDLE)
        return;
    struct msg *later = a->todo;
    if (later == NULL) {
        take(a);
    } else {
        struct msg *last = later;
        while (last->next != NULL)
            last = last->next;
        last->next = mailbox_take(&a->inbox);
    }
    /* What comes in meanwhile stays for the next turn, so this ends. */
    uint64_t done = 0;
    for (; a->todo != NULL && !a->exiting; done++) {
        struct msg *m = a->todo;
        a->todo = m->next;
        handle(w, a, m);
    }
    COUNTER_ADD(&a->messages, done);
    w->current = outer;
}

/* Takes the actor behind `nth` others out of the queue; the order of the rest stays. */
static struct actor *queue_take(struct worker *w, uint32_t nth)
{
    struct actor_queue *q = &w->ready;
    if (nth == 0)
        return queue_pop(w);
    if (nth >= q->count)
        return NULL;
    struct actor *before = q->first;
    for (; nth > 1; nth--)
        before = before->sched_next;
    struct actor *a = before->sched_next;
    before->sched_next = a->sched_next;
    if (q->last == a)
        q->last = before;
    q->count--;
    return a;
}

uint32_t worker_ready_count(const struct worker *w)
{
    return w->ready.count + (w->next != NULL ? 1 : 0);
}

bool worker_run_one(struct worker *w, uint32_t nth)
{
    bool next_leads = w->next != NULL && (w->next_run < NEXT_RUN_MAX || w->ready.first == NULL);
    uint32_t next_at = next_leads ? 0 : 1; /* where `next` stands in the order that nth counts */
    struct actor *a = NULL;
    if (w->next != NULL && nth == next_at) {
        a = w->next;
        w->next = NULL;
        w->next_run++;
    } else {
        w->next_run = 0;
        a = queue_take(w, w->next != NULL && nth > next_at ? nth - 1 : nth);
        if (w->ready.first != NULL)
            w->ready_since_ms = w->clock_ms;
    }
    if (a == NULL)
        return false;
    run_turn(w, a);
    return true;
}

/* --- rounds ------------------------------------------------------------------------------------- */

void worker_enter(struct worker *w)
{
    current_worker = w;
    w->clock_ns = world_of(w)->ops->clock_ns(world_of(w));
    w->clock_ms = w->clock_ns / 1000000;
    if (w->in_section)
        return;
    if (ATOMIC_LOAD(&w->sleeping, memory_order_relaxed) != 0)
        ATOMIC_STORE(&w->sleeping, 0, memory_order_relaxed); /* a wake-up too many does no harm */
    w->in_section = true;
    w->tick_at = ticks_now(w);
    epoch_enter(&w->system->epoch, &w->system->epoch_slots[w->index]);
}

void worker_leave(struct worker *w)
{
    if (!w->in_section)
        return;
    w->in_section = false;
    epoch_leave(&w->system->epoch_slots[w->index]);
}

static void take_arrivals(struct worker *w)
{
    if (ATOMIC_LOAD(&w->arrivals, memory_order_relaxed) == NULL)
        return;
    /* Acquire pairs with the CAS in arrivals_push. */
    struct actor *newest = ATOMIC_EXCHANGE(&w->arrivals, NULL, memory_order_seq_cst);
    struct actor *oldest = NULL;
    while (newest != NULL) {
        struct actor *older = newest->sched_next;
        newest->sched_next = oldest;
        oldest = newest;
        newest = older;
    }
    while (oldest != NULL) {
        struct actor *later = oldest->sched_next;
        queue_push(w, oldest);
        oldest = later;
    }
}

static void take_foreign(struct worker *w)
{
    if (ATOMIC_LOAD(&w->foreign, memory_order_relaxed) == NULL)
        return;
    struct msg *m = mailbox_reverse(ATOMIC_EXCHANGE(&w->foreign, NULL, memory_order_seq_cst));
    while (m != NULL) {
        struct msg *later = m->next;
        struct actor_ref to = m->from;
        m->from = NOBODY;
        send_on(w, to, m);
        m = later;
    }
}

static void fire(struct worker *w, struct timer *timer)
{
    struct msg_timer *m = (struct msg_timer *)(void *)msg_alloc(&timer_message_type);
    m->which = timer->which;
    m->number = timer->number;
    struct actor_ref owner = timer->owner;
    if (timer->number != 0)
        mem_free(timer); /* of actor_after */
    else
        worker_timer_left(w, timer);
    send_on(w, owner, &m->msg);
}

void worker_collect(struct worker *w)
{
    take_foreign(w);
    take_arrivals(w);
    struct timer *timer;
    while ((timer = wheel_expired(&w->wheel, w->clock_ms)) != NULL)
        fire(w, timer);
}

void worker_flush(struct worker *w)
{
    struct actor *a = w->flush_first;
    w->flush_first = NULL;
    w->flush_last = NULL;
    while (a != NULL) {
        struct actor *later = a->flush_next;
        a->flush_queued = false;
        worker_turn_begin(w, a);
        a->class->flush(a);
        worker_turn_end(w, a);
        a = later;
    }
}

void worker_round(struct worker *w)
{
    worker_collect(w);
    for (unsigned turns = 0; turns < ROUND_TURNS_MAX; turns++)
        if (!worker_run_one(w, 0))
            break;
    worker_flush(w);
    if (epoch_pending(&w->retired))
        (void)epoch_poll(&w->system->epoch, &w->retired, w->system->epoch_slots,
                         w->system->worker_count);
    heap_send_home(&w->heap); /* last: this worker may sleep for long now */
}

bool worker_may_block(struct worker *w)
{
    if (w->ready.count > 0 || w->next != NULL || w->flush_first != NULL)
        return false;
    ATOMIC_STORE(&w->sleeping, 1, memory_order_seq_cst);
    /* Pairs with arrivals_push and worker_post, which push before they look at sleeping. */
    if (ATOMIC_LOAD(&w->arrivals, memory_order_seq_cst) != NULL ||
        ATOMIC_LOAD(&w->foreign, memory_order_seq_cst) != NULL) {
        ATOMIC_STORE(&w->sleeping, 0, memory_order_seq_cst);
        return false;
    }
    return true;
}

#define RECLAIM_TICK_MS 10 /* a sleeping worker with retired memory looks again after this */

uint64_t worker_wake_ms(const struct worker *w)
{
    uint64_t next = wheel_next_ms(&w->wheel);
    if (epoch_pending(&w->retired) && next > w->clock_ms + RECLAIM_TICK_MS)
        next = w->clock_ms + RECLAIM_TICK_MS;
    return next;
}

/* --- the end ------------------------------------------------------------------------------------ */

void worker_shutdown(struct worker *w)
{
    take_foreign(w); /* what came too late for anybody is dropped */
    epoch_drain(&w->retired);
    for (unsigned i = 0; i < WORKER_LOCALS; i++)
        if (w->locals[i].state != NULL)
            w->locals[i].free_(w->locals[i].state);
    memset(w->locals, 0, sizeof w->locals);
    struct timer *timer;
    while ((timer = wheel_expired(&w->wheel, UINT64_MAX - 2)) != NULL)
        if (timer->number != 0)
            mem_free(timer);
    buf_unref(&w->read_buf);
    spare_bufs_free(w);
    heap_send_home(&w->heap);
}
