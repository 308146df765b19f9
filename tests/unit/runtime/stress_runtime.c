/* SPDX-License-Identifier: Apache-2.0 */
/* stress_runtime.c -- the runtime on real threads: everybody talks to everybody, and dies often.
 *
 * usage: stress_runtime [--seconds N] [--workers N] [--messages N] [--seed N]
 *
 * Members, pinned and floating, hold a seat each in a table of handles. They send notes on with hops
 * to go, ask each other, keep tokens and answer late, arm timers, flush, drain, and now and then die,
 * leaving the seat to a child. Another thread, no worker, posts completions. At the end: each message
 * was freed once, each request answered once or its asker is gone, all memory is home.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/host/host.h"
#include "runtime/report.h"
#include "runtime/system.h"
#include "tests/unit/runtime/probe.h"

#define SEATS 48
#define COORDINATOR_TICK_MS 2
#define HOPS_MAX 150

struct stress {
    struct world *world;
    struct world_ops ops; /* the host's, with wake-ups counted */
    void (*host_wake)(struct worker *w);
    struct system *system;
    struct probe_book book;
    /* Handles of the members. A side way, unlike a message: so stored with release by who has made
     * the member, loaded with acquire. */
    _Atomic uint64_t seats[SEATS];
    _Atomic uint64_t abandoned; /* requests whose asker died first */
    _Atomic uint64_t wakes;
    _Atomic uint64_t posted;
    _Atomic bool stopping;
    _Atomic bool poster_done;
    uint64_t messages;
    uint64_t seconds;
    uint64_t seed;
    uint16_t workers;
};

static struct stress the; /* the program's: a message's function has no other context */

struct member {
    struct probe probe;
    struct prng prng;
    unsigned seat;
    unsigned outstanding;
    uint32_t next_tag;
    bool dying;
};

static struct member *member_of(struct probe *p)
{
    return (struct member *)(void *)p;
}

static bool stopping(void)
{
    return atomic_load_explicit(&the.stopping, memory_order_acquire);
}

static struct actor_ref seat_ref(struct member *m)
{
    uint64_t id =
        atomic_load_explicit(&the.seats[prng_below(&m->prng, SEATS)], memory_order_acquire);
    return (struct actor_ref){id};
}

static void on_note(struct probe *self, struct msg *m);
static void on_ask(struct probe *self, struct msg *m);
static void on_answer(struct probe *self, const struct msg *m);
static void on_timer(struct probe *self, const struct msg_timer *m);
static void on_flush(struct probe *self);
static void on_done(struct probe *self);

static void arm(struct member *m)
{
    uint64_t delay = 1 + prng_below(&m->prng, 4);
    if (!m->probe.actor.class->pinned)
        (void)actor_after(&m->probe.actor, 1, delay);
    else if (!timer_armed(&m->probe.timer))
        timer_arm(&m->probe.timer, &m->probe.actor, 1, delay);
}

static void seat(unsigned number, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    const struct actor_class *class = prng_one_in(&prng, 3) ? &probe_floating : &probe_pinned;
    struct member *m = (struct member *)(void *)actor_spawn(class, sizeof *m);
    m->prng = prng;
    m->seat = number;
    m->probe.book = &the.book;
    m->probe.on_answer = on_answer;
    m->probe.on_timer = on_timer;
    m->probe.on_flush = on_flush;
    m->probe.on_done = on_done;
    probe_count(&the.book.spawned);
    atomic_store_explicit(&the.seats[number], m->probe.actor.self.id, memory_order_release);
    probe_note(m->probe.actor.self, &the.book, on_note, 0);
}

/* Dies after this turn; while the test goes on, a child takes the seat. */
static void die(struct member *m)
{
    if (m->dying)
        return;
    m->dying = true;
    actor_exit(&m->probe.actor);
    if (!stopping())
        seat(m->seat, prng_next(&m->prng));
}

static void answer_kept(struct member *m)
{
    struct probe *p = &m->probe;
    while (p->kept_count > 0)
        probe_reply(p, &p->kept[--p->kept_count]);
}

static void ask_somebody(struct member *m)
{
    m->outstanding++;
    probe_ask(&m->probe, seat_ref(m), on_ask, ++m->next_tag);
}

static void act(struct member *m, uint64_t hops)
{
    struct probe *p = &m->probe;
    if (hops > 0)
        probe_note(seat_ref(m), &the.book, on_note, hops - 1);
    switch (prng_below(&m->prng, 16)) {
    case 0: die(m); break;
    case 1:
    case 2: ask_somebody(m); break;
    case 3: answer_kept(m); break;
    case 4: arm(m); break;
    case 5:
        if (p->actor.class->pinned)
            actor_flush_later(&p->actor);
        break;
    default: break;
    }
}

static void on_note(struct probe *self, struct msg *m)
{
    struct member *member = member_of(self);
    if (stopping()) {
        die(member);
        return;
    }
    uint64_t hops = ((struct probe_msg *)(void *)m)->value;
    act(member, hops);
    if (hops == 0 && !member->dying)
        arm(member); /* newly seated, or a chain has ended */
}

static void on_ask(struct probe *self, struct msg *m)
{
    struct member *member = member_of(self);
    if (stopping() || prng_one_in(&member->prng, 32)) {
        die(member);
        return;
    }
    switch (prng_below(&member->prng, 3)) {
    case 0: probe_answer(self, m); break;
    case 1:
        if (self->kept_count < PROBE_KEPT_MAX)
            probe_keep(self, m);
        break;
    default: break; /* answered GONE */
    }
}

static void on_answer(struct probe *self, const struct msg *m)
{
    struct member *member = member_of(self);
    CHECK(member->outstanding > 0);
    CHECK(m->tag >= 1 && m->tag <= member->next_tag);
    member->outstanding--;
}

static void on_timer(struct probe *self, const struct msg_timer *m)
{
    struct member *member = member_of(self);
    if (stopping()) {
        die(member);
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        probe_note(seat_ref(member), &the.book, on_note, prng_below(&member->prng, HOPS_MAX));
    answer_kept(member);
}

/* An event of its worker, and not a message: it may drain, and die while it is queued. */
static void on_flush(struct probe *self)
{
    struct member *member = member_of(self);
    if (prng_one_in(&member->prng, 2))
        actor_drain(&self->actor);
    if (!self->actor.exiting && prng_one_in(&member->prng, 4))
        die(member);
}

static void on_done(struct probe *self)
{
    struct member *member = member_of(self);
    atomic_fetch_add_explicit(&the.abandoned, member->outstanding, memory_order_relaxed);
}

/* --- who starts and ends it ---------------------------------------------------------------------- */

static uint64_t seconds_now(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec;
}

static bool enough(const struct probe *coordinator)
{
    return atomic_load_explicit(&the.book.handled, memory_order_relaxed) >= the.messages &&
           seconds_now() - (uint64_t)(uintptr_t)coordinator->state >= the.seconds;
}

/* Ends when everybody else has; the seats are asked again, as a child may have been seated late. */
static void on_tick(struct probe *self, const struct msg_timer *m)
{
    if (!stopping() && enough(self))
        atomic_store_explicit(&the.stopping, true, memory_order_release);
    if (stopping())
        for (unsigned i = 0; i < SEATS; i++) {
            uint64_t id = atomic_load_explicit(&the.seats[i], memory_order_acquire);
            probe_note((struct actor_ref){id}, &the.book, on_note, 0);
        }
    if (stopping() && system_actor_count(the.system) == 1 &&
        atomic_load_explicit(&the.poster_done, memory_order_acquire))
        actor_exit(&self->actor);
    else
        timer_arm(&self->timer, &self->actor, 0, COORDINATOR_TICK_MS);
}

static void start_tick(struct probe *self, struct msg *m)
{
    timer_arm(&self->timer, &self->actor, 0, COORDINATOR_TICK_MS);
}

static void count_wake(struct worker *w)
{
    atomic_fetch_add_explicit(&the.wakes, 1, memory_order_relaxed);
    the.host_wake(w);
}

static void *post(void *context)
{
    struct prng prng;
    prng_init(&prng, the.seed + 1);
    while (!stopping()) {
        struct probe_msg *m =
            (struct probe_msg *)(void *)msg_alloc_foreign(&probe_types[PROBE_NOTE]);
        m->book = &the.book;
        m->run = on_note;
        m->value = 1;
        probe_count(&the.book.made);
        probe_count(&the.posted);
        uint64_t id =
            atomic_load_explicit(&the.seats[prng_below(&prng, SEATS)], memory_order_acquire);
        worker_post(the.system->workers[prng_below(&prng, the.workers)], (struct actor_ref){id},
                    &m->msg);
        (void)sched_yield();
    }
    atomic_store_explicit(&the.poster_done, true, memory_order_release);
    return NULL;
}

static void seat_some(void *context)
{
    for (unsigned i = 0; i < SEATS; i++)
        if (i % the.workers == worker_index())
            seat(i, the.seed * 1000 + i);
}

static void run(void)
{
    the.world = host_new();
    the.ops = *the.world->ops;
    the.host_wake = the.ops.worker_wake;
    the.ops.worker_wake = count_wake;
    the.world->ops = &the.ops;
    struct system_options options = {.worker_count = the.workers};
    the.system = system_new(the.world, &options);
    CHECK(the.system != NULL);
    for (uint16_t i = 0; i < the.workers; i++)
        system_on_worker(the.system, i, seat_some, NULL);
    struct probe *coordinator = probe_spawn(&probe_pinned, &the.book);
    coordinator->on_timer = on_tick;
    coordinator->state = (void *)(uintptr_t)seconds_now();
    probe_note(coordinator->actor.self, &the.book, start_tick, 0);
    pthread_t poster;
    CHECK(pthread_create(&poster, NULL, post, NULL) == 0);
    host_run(the.system);
    CHECK(pthread_join(poster, NULL) == 0);
    system_free(&the.system);
    host_free(&the.world);
}

static void check_book(void)
{
    const struct probe_book *book = &the.book;
    printf("%u workers: %llu messages, %llu handled, %llu posted; %llu lives; %llu requests: "
           "%llu answered, %llu gone, %llu abandoned; %llu timers; %llu wake-ups\n",
           (unsigned)the.workers, (unsigned long long)book->made, (unsigned long long)book->handled,
           (unsigned long long)the.posted, (unsigned long long)book->done,
           (unsigned long long)book->asked, (unsigned long long)book->answered,
           (unsigned long long)book->gone, (unsigned long long)the.abandoned,
           (unsigned long long)book->timers, (unsigned long long)the.wakes);
    CHECK(book->made == book->freed);
    CHECK(book->spawned == book->done);
    CHECK(book->handled <= book->made);
    CHECK(book->asked == book->answered + book->gone + the.abandoned);
    CHECK(book->handled >= the.messages);
    CHECK(book->answered > 0 && book->gone > 0 && book->timers > 0 && book->done > SEATS);
    CHECK(the.wakes > 0 && the.wakes < book->made);
}

static uint64_t argument(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return otherwise;
}

int main(int argc, char **argv)
{
    the.seconds = argument(argc, argv, "--seconds", 0);
    the.messages = argument(argc, argv, "--messages", 100000);
    the.seed = argument(argc, argv, "--seed", 1);
    uint64_t workers = argument(argc, argv, "--workers", 3);
    CHECK(workers >= 1 && workers <= 64);
    the.workers = (uint16_t)workers;
    report_install();
    run();
    check_book();
    return 0;
}
