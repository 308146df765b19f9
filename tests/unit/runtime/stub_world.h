/* SPDX-License-Identifier: Apache-2.0 */
/* stub_world.h -- a world without an outside: a clock that a test moves, and workers on one thread.
 *
 * The caller steps the workers itself. Wake-ups are counted and remembered, nothing more.
 */
#ifndef TESTS_UNIT_RUNTIME_STUB_WORLD_H
#define TESTS_UNIT_RUNTIME_STUB_WORLD_H

#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "runtime/system.h"
#include "runtime/worker.h"

#define STUB_WORKERS_MAX 8

struct stub_world {
    struct world world;
    uint64_t now_ns;
    struct prng entropy;
    unsigned wakes[STUB_WORKERS_MAX];
    unsigned started;
    unsigned stopped;
    int start_result; /* of the worker with index start_fails_at */
    unsigned start_fails_at;
};

static inline struct stub_world *stub_of(struct world *world)
{
    return (struct stub_world *)(void *)world;
}

static inline uint64_t stub_clock_ns(struct world *world)
{
    return stub_of(world)->now_ns;
}

static inline int64_t stub_wall_ns(struct world *world)
{
    return (int64_t)stub_of(world)->now_ns;
}

static inline double stub_ns_per_tick(struct world *world)
{
    return 1;
}

static inline void stub_entropy(struct world *world, void *at, size_t size)
{
    for (char *to = at; size > 0; size--)
        *to++ = (char)prng_next(&stub_of(world)->entropy);
}

static inline int stub_worker_start(struct world *world, struct worker *w)
{
    struct stub_world *stub = stub_of(world);
    if (stub->start_result != 0 && w->index == stub->start_fails_at)
        return stub->start_result;
    stub->started++;
    return 0;
}

static inline void stub_worker_stop(struct worker *w)
{
    stub_of(w->system->world)->stopped++;
}

static inline void stub_worker_wake(struct worker *w)
{
    CHECK(w->index < STUB_WORKERS_MAX);
    stub_of(w->system->world)->wakes[w->index]++;
}

static const struct world_ops stub_ops = {
    .name = "stub",
    .clock_ns = stub_clock_ns,
    .wall_ns = stub_wall_ns,
    .ticks = stub_clock_ns,
    .ns_per_tick = stub_ns_per_tick,
    .entropy = stub_entropy,
    .worker_start = stub_worker_start,
    .worker_stop = stub_worker_stop,
    .worker_wake = stub_worker_wake,
};

static inline void stub_init(struct stub_world *stub, uint64_t seed)
{
    memset(stub, 0, sizeof *stub);
    stub->world.ops = &stub_ops;
    stub->now_ns = 1000000000;
    prng_init(&stub->entropy, seed);
}

static inline struct system *stub_system(struct stub_world *stub, uint16_t workers)
{
    struct system_options options = {.worker_count = workers};
    return system_new(&stub->world, &options);
}

/* One round of one worker, as a loop does it. True: it would block now. */
static inline bool stub_round(struct worker *w)
{
    worker_enter(w);
    worker_round(w);
    bool blocks = worker_may_block(w);
    worker_leave(w);
    return blocks;
}

/* Rounds of all workers until all would block and nothing is retired. */
static inline void stub_settle(struct system *system)
{
    for (bool busy = true; busy;) {
        busy = false;
        for (unsigned i = 0; i < system->worker_count; i++) {
            struct worker *w = system->workers[i];
            bool blocks = stub_round(w);
            busy = busy || !blocks || epoch_pending(&w->retired);
        }
    }
}

static inline void stub_pass_ms(struct stub_world *stub, uint64_t ms)
{
    stub->now_ns += ms * 1000000;
}

#endif
