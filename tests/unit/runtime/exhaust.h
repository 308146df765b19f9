/* SPDX-License-Identifier: Apache-2.0 */
/* exhaust.h -- runs a small scenario of actors in every order that is near to first-come.
 *
 * Idea        At each turn the driver chooses which ready actor of which virtual worker runs. First
 *             come is option 0; any other is a departure, and their number is bounded, as is the
 *             number of turns at which there is a choice. A depth-first search runs the scenario anew
 *             for each list of choices. A state that was seen before with as many departures left
 *             is not searched again: it is run to its end in first-come order.
 * Bounds      5 actors, 14 turns and 3 departures give some thousand runs of about 0.1 ms.
 *
 * A scenario spawns its actors in begin, answers questions of the world in idle, ends all actors in
 * end. Its digest covers what decides its future and is not in the queues: the actors' own state.
 */
#ifndef TESTS_UNIT_RUNTIME_EXHAUST_H
#define TESTS_UNIT_RUNTIME_EXHAUST_H

#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/hash.h"
#include "tests/unit/runtime/stub_world.h"

#define EXHAUST_TURNS_MAX 64
#define EXHAUST_RUN_MAX 10000 /* turns of one run: more do not end */

struct exhaust;

struct exhaust_scenario {
    const char *name;
    uint16_t workers;
    uint64_t turn_limit; /* messages a turn; 1 gives the most orders */
    unsigned turns_max;  /* with a choice; 14 */
    unsigned departures_max;
    void (*begin)(struct exhaust *x);
    /* Nothing is ready. May send more or move the clock; true: it did. Optional. */
    bool (*idle)(struct exhaust *x);
    uint64_t (*digest)(struct exhaust *x);       /* optional: without it nothing is cut */
    uint64_t (*digest_msg)(const struct msg *m); /* of a payload; optional */
    void (*end)(struct exhaust *x);              /* checks, and lets all actors exit */
    void *context;
};

struct exhaust_choice {
    uint16_t taken;
    uint16_t of;
};

struct exhaust_seen {
    uint64_t state; /* 0: free */
    uint32_t departures_left;
    uint32_t turns_left;
};

struct exhaust {
    struct stub_world stub;
    struct system *system;
    const struct exhaust_scenario *scenario;
    struct exhaust_choice choices[EXHAUST_TURNS_MAX];
    unsigned depth;
    unsigned fresh_from; /* choices from here on are made for the first time in this run */
    unsigned turn;       /* of this run */
    unsigned idles;
    unsigned departures;
    bool cut; /* this run's state was seen: no more choices */
    struct exhaust_seen *seen;
    size_t seen_size; /* a power of two */
    size_t seen_count;
    uint64_t runs;
    uint64_t cuts;
    const char *failure;
};

/* Ends the search after this run; the first reason stays. */
static inline void exhaust_fail(struct exhaust *x, const char *why)
{
    if (x->failure == NULL)
        x->failure = why;
}

#define EXHAUST_CHECK(x, cond)        \
    do {                              \
        if (!(cond))                  \
            exhaust_fail((x), #cond); \
    } while (0)

static inline uint64_t exhaust_mix(uint64_t a, uint64_t b)
{
    return hash_u64(a * 0x9e3779b97f4a7c15u + b + 1);
}

/* --- states seen ------------------------------------------------------------------------------- */

static inline uint64_t exhaust_chain(const struct exhaust *x, uint64_t h, const struct msg *m)
{
    for (; m != NULL; m = m->next) {
        h = exhaust_mix(h, m->type->kind);
        h = exhaust_mix(h, m->tag);
        h = exhaust_mix(h, m->from.id);
        if (x->scenario->digest_msg != NULL)
            h = exhaust_mix(h, x->scenario->digest_msg(m));
    }
    return exhaust_mix(h, 77);
}

static inline uint64_t exhaust_actor(const struct exhaust *x, uint64_t h, const struct actor *a)
{
    uintptr_t word = a->inbox.word;
    h = exhaust_chain(x, exhaust_mix(h, a->self.id), a->todo);
    return exhaust_chain(x, h, word > MAILBOX_GONE ? (const struct msg *)word : NULL);
}

/* Never 0. Messages are in queues only: an actor with one is ready. */
static inline uint64_t exhaust_state(struct exhaust *x)
{
    uint64_t h = exhaust_mix(x->stub.now_ns, x->idles);
    for (unsigned i = 0; i < x->system->worker_count; i++) {
        const struct worker *w = x->system->workers[i];
        if (w->next != NULL)
            h = exhaust_actor(x, exhaust_mix(h, 5), w->next);
        const struct actor *a = w->ready.first;
        for (uint32_t n = 0; n < w->ready.count; n++, a = a->sched_next)
            h = exhaust_actor(x, h, a);
        h = exhaust_mix(h, i);
    }
    h = exhaust_mix(h, x->scenario->digest(x));
    return h == 0 ? 1 : h;
}

static inline struct exhaust_seen *exhaust_find(struct exhaust *x, uint64_t state)
{
    size_t at = (size_t)state & (x->seen_size - 1);
    while (x->seen[at].state != 0 && x->seen[at].state != state)
        at = (at + 1) & (x->seen_size - 1);
    return &x->seen[at];
}

static inline void exhaust_grow(struct exhaust *x)
{
    struct exhaust_seen *old = x->seen;
    size_t old_size = x->seen_size;
    x->seen_size = old_size == 0 ? 4096 : old_size * 2;
    x->seen = calloc(x->seen_size, sizeof *x->seen);
    CHECK(x->seen != NULL);
    for (size_t i = 0; i < old_size; i++)
        if (old[i].state != 0)
            *exhaust_find(x, old[i].state) = old[i];
    free(old);
}

/* True: all that can follow from here was or will be searched from where the state was seen first. */
static inline bool exhaust_seen_before(struct exhaust *x)
{
    if (x->seen_count * 2 >= x->seen_size)
        exhaust_grow(x);
    uint32_t departures_left = x->scenario->departures_max - x->departures;
    uint32_t turns_left = x->scenario->turns_max - x->turn;
    uint64_t state = exhaust_state(x);
    struct exhaust_seen *seen = exhaust_find(x, state);
    if (seen->state == state && seen->departures_left >= departures_left &&
        seen->turns_left >= turns_left)
        return true;
    if (seen->state == 0)
        x->seen_count++;
    *seen = (struct exhaust_seen){state, departures_left, turns_left};
    return false;
}

/* --- one run ----------------------------------------------------------------------------------- */

static inline unsigned exhaust_ready(struct exhaust *x)
{
    unsigned ready = 0;
    for (unsigned i = 0; i < x->system->worker_count; i++) {
        struct worker *w = x->system->workers[i];
        worker_enter(w);
        worker_collect(w);
        worker_leave(w);
        ready += worker_ready_count(w);
    }
    return ready;
}

/* Workers take turns; option 0 is the first come of the one whose turn it is. */
static inline void exhaust_run_option(struct exhaust *x, unsigned option)
{
    unsigned count = x->system->worker_count;
    for (unsigned i = 0; i < count; i++) {
        struct worker *w = x->system->workers[(x->turn + i) % count];
        uint32_t ready = worker_ready_count(w);
        if (option >= ready) {
            option -= ready;
            continue;
        }
        w->turn_limit = x->scenario->turn_limit;
        worker_enter(w);
        CHECK(worker_run_one(w, option));
        worker_flush(w);
        worker_leave(w);
        return;
    }
    UNREACHABLE("an option of nobody");
}

static inline unsigned exhaust_decide(struct exhaust *x, unsigned ready)
{
    if (x->cut || x->turn >= x->scenario->turns_max)
        return 0;
    if (x->turn >= x->fresh_from && x->scenario->digest != NULL && exhaust_seen_before(x)) {
        x->cut = true;
        x->cuts++;
        return 0;
    }
    if (x->turn == x->depth) {
        bool free_choice = x->departures < x->scenario->departures_max;
        x->choices[x->depth++] = (struct exhaust_choice){0, (uint16_t)(free_choice ? ready : 1)};
    }
    const struct exhaust_choice *choice = &x->choices[x->turn];
    CHECK(choice->of == 1 || choice->of == ready); /* else the scenario is not deterministic */
    x->departures += choice->taken != 0;
    return choice->taken;
}

static inline void exhaust_run_once(struct exhaust *x)
{
    const struct exhaust_scenario *s = x->scenario;
    stub_init(&x->stub, 1);
    x->system = stub_system(&x->stub, s->workers);
    x->turn = x->idles = x->departures = 0;
    x->cut = false;
    s->begin(x);
    while (x->failure == NULL) {
        unsigned ready = exhaust_ready(x);
        if (ready == 0) {
            x->idles++;
            if (s->idle == NULL || !s->idle(x))
                break;
            continue;
        }
        exhaust_run_option(x, exhaust_decide(x, ready));
        if (++x->turn > EXHAUST_RUN_MAX)
            exhaust_fail(x, "the run does not end");
    }
    x->runs++;
    if (x->failure != NULL)
        return; /* the system stays as it is, to be looked at */
    s->end(x);
    stub_settle(x->system);
    EXHAUST_CHECK(x, system_actor_count(x->system) == 0);
    if (x->failure == NULL)
        system_free(&x->system);
}

static inline bool exhaust_backtrack(struct exhaust *x)
{
    for (; x->depth > 0; x->depth--) {
        struct exhaust_choice *last = &x->choices[x->depth - 1];
        if (++last->taken < last->of) {
            x->fresh_from = x->depth;
            return true;
        }
    }
    return false;
}

static inline void exhaust_print(const struct exhaust *x)
{
    printf("  %s: %llu runs, %llu of them cut, %zu states", x->scenario->name,
           (unsigned long long)x->runs, (unsigned long long)x->cuts, x->seen_count);
    if (x->failure != NULL) {
        printf(": %s; choices", x->failure);
        for (unsigned i = 0; i < x->depth; i++)
            printf(" %u", x->choices[i].taken);
    }
    printf("\n");
}

/* Runs the scenario in all orders, or up to the first that fails. Returns the number of runs. */
static inline uint64_t exhaust(const struct exhaust_scenario *s, const char **ret_failure)
{
    static struct exhaust x; /* large; a test runs one search at a time */
    CHECK(s->turns_max <= EXHAUST_TURNS_MAX);
    memset(&x, 0, sizeof x);
    x.scenario = s;
    do
        exhaust_run_once(&x);
    while (x.failure == NULL && exhaust_backtrack(&x));
    exhaust_print(&x);
    free(x.seen);
    *ret_failure = x.failure;
    return x.runs;
}

#endif
