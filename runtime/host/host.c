/* SPDX-License-Identifier: Apache-2.0 */
/* host.c -- a worker's loop: poll, run the round, decide to block.
 *
 * Idea        libuv calls in this order: timers, pending, idle, prepare, poll (sockets' events, which run
 *             turns on the spot), check, closing. The round runs in check, so after all that this poll
 *             brought. The decision to block is taken in prepare and nowhere else, as timers and
 *             pending callbacks may have made work just before; when there is work, an idle handle is
 *             active, which makes the poll return at once.
 * Invariants  1 outside its callbacks a loop's worker is out of its read section while it polls
 *             2 the wheel's next tick is armed whenever the worker blocks
 */
#include "runtime/host/host.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/check.h"
#include "runtime/host/host_loop.h"
#include "runtime/system.h"

/* --- clock and entropy -------------------------------------------------------------------------- */

static uint64_t clock_of(clockid_t id)
{
    struct timespec now;
    CHECK(clock_gettime(id, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t host_clock_ns(struct world *world)
{
    return clock_of(CLOCK_MONOTONIC);
}

static int64_t host_wall_ns(struct world *world)
{
    return (int64_t)clock_of(CLOCK_REALTIME);
}

static uint64_t host_ticks(struct world *world)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return clock_of(CLOCK_MONOTONIC);
#endif
}

static double host_ns_per_tick(struct world *world)
{
    const struct host *host = (const struct host *)world;
    uint64_t ticks = host_ticks(world) - host->start_ticks;
    return ticks == 0 ? 1 : (double)(host_clock_ns(world) - host->start_ns) / (double)ticks;
}

static void host_entropy(struct world *world, void *at, size_t size)
{
    CHECK(uv_random(NULL, NULL, at, size, 0, NULL) == 0);
}

/* --- the loop ----------------------------------------------------------------------------------- */

static void on_async(uv_async_t *async)
{
    (void)async; /* it has ended the poll: that was all */
}

static void on_timer(uv_timer_t *timer)
{
    struct world_worker *io = timer->data;
    io->timer_ms = UINT64_MAX;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void arm_timer(struct world_worker *io)
{
    uint64_t due_ms = worker_wake_ms(io->worker);
    if (due_ms == io->timer_ms)
        return;
    io->timer_ms = due_ms;
    if (due_ms == UINT64_MAX) {
        CHECK(uv_timer_stop(&io->timer) == 0);
        return;
    }
    uint64_t now_ms_ = io->worker->clock_ms;
    uint64_t delay = due_ms > now_ms_ ? due_ms - now_ms_ : 0;
    CHECK(uv_timer_start(&io->timer, on_timer, delay, 0) == 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct world_worker *io = prepare->data;
    host_enter(io);
    bool block = worker_may_block(io->worker);
    if (block) {
        arm_timer(io);
        CHECK(uv_idle_stop(&io->idle) == 0);
    } else {
        CHECK(uv_idle_start(&io->idle, on_idle) == 0);
    }
    worker_leave(io->worker);
}

static void on_check(uv_check_t *check)
{
    struct world_worker *io = check->data;
    host_enter(io);
    worker_round(io->worker);
    io->round++;
    host_resume_reading(io);
}

static int host_worker_start(struct world *world, struct worker *w)
{
    struct world_worker *io = calloc(1, sizeof *io);
    CHECK(io != NULL);
    io->worker = w;
    io->timer_ms = UINT64_MAX;
    list_init(&io->paused);
    list_init(&io->resolving);
    int status = uv_loop_init(&io->loop);
    if (status != 0) {
        free(io);
        return status;
    }
    w->io = io;
    io->loop.data = io;
    io->async.data = io->prepare.data = io->check.data = io->idle.data = io->timer.data = io;
    CHECK(uv_async_init(&io->loop, &io->async, on_async) == 0);
    CHECK(uv_prepare_init(&io->loop, &io->prepare) == 0);
    CHECK(uv_check_init(&io->loop, &io->check) == 0);
    CHECK(uv_idle_init(&io->loop, &io->idle) == 0);
    CHECK(uv_timer_init(&io->loop, &io->timer) == 0);
    CHECK(uv_prepare_start(&io->prepare, on_prepare) == 0);
    CHECK(uv_check_start(&io->check, on_check) == 0);
    return 0;
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void host_worker_stop(struct worker *w)
{
    struct world_worker *io = w->io;
    host_resolve_cancel(io);
    host_files_wait(io); /* their ends are posted through io */
    CHECK(uv_prepare_stop(&io->prepare) == 0 && uv_check_stop(&io->check) == 0);
    uv_walk(&io->loop, close_handle, NULL);
    while (uv_run(&io->loop, UV_RUN_DEFAULT) != 0)
        ;
    w->io = NULL;
    worker_leave(w); /* a look-up's end has entered */
    CHECK(uv_loop_close(&io->loop) == 0);
    free(io);
}

static void host_worker_wake(struct worker *w)
{
    CHECK(uv_async_send(&w->io->async) == 0);
}

static void *run_worker(void *context)
{
    struct worker *w = context;
    current_worker = w;
    w->tick_at = host_ticks(NULL);
    while (system_actor_count(w->system) > 0)
        (void)uv_run(&w->io->loop, UV_RUN_ONCE);
    worker_leave(w);
    return NULL;
}

void host_run(struct system *system)
{
    for (unsigned i = 1; i < system->worker_count; i++)
        CHECK(pthread_create(&system->workers[i]->io->thread, NULL, run_worker,
                             system->workers[i]) == 0);
    (void)run_worker(system->workers[0]);
    for (unsigned i = 1; i < system->worker_count; i++)
        CHECK(pthread_join(system->workers[i]->io->thread, NULL) == 0);
    for (unsigned i = 0; i < system->worker_count; i++)
        host_worker_stop(system->workers[i]);
}

/* --- signals ------------------------------------------------------------------------------------ */

static void on_signal(uv_signal_t *handle, int number)
{
    struct host_signal *s = handle->data;
    struct world_worker *io = s->owner == NULL ? NULL : handle->loop->data;
    if (io == NULL)
        return;
    host_enter(io);
    worker_turn_begin(io->worker, s->owner);
    struct actor *owner = s->owner;
    s->on_signal(owner, number);
    worker_turn_end(io->worker, owner);
}

static int host_signal_watch(struct actor *owner, int number, signal_fn *call)
{
    struct world_worker *io = current_worker->io;
    io->loop.data = io;
    for (unsigned i = 0; i < SIGNALS_MAX; i++) {
        struct host_signal *s = &io->signals[i];
        if (s->owner != NULL || s->closing)
            continue;
        int status = uv_signal_init(&io->loop, &s->handle);
        if (status != 0)
            return status;
        s->handle.data = s;
        s->owner = owner;
        s->on_signal = call;
        return uv_signal_start(&s->handle, on_signal, number);
    }
    return UV_ENOSPC;
}

static void on_signal_closed(uv_handle_t *handle)
{
    struct host_signal *s = handle->data;
    s->closing = false;
}

static void host_signals_ignore(struct actor *owner)
{
    struct world_worker *io = current_worker->io;
    for (unsigned i = 0; i < SIGNALS_MAX; i++)
        if (io->signals[i].owner == owner) {
            io->signals[i].owner = NULL;
            io->signals[i].closing = true;
            uv_close((uv_handle_t *)&io->signals[i].handle, on_signal_closed);
        }
}

/* --- the world ---------------------------------------------------------------------------------- */

const struct world_ops host_ops = {
    .name = "host",
    .clock_ns = host_clock_ns,
    .wall_ns = host_wall_ns,
    .ticks = host_ticks,
    .ns_per_tick = host_ns_per_tick,
    .entropy = host_entropy,
    .process_figures = host_process_figures,
    .worker_start = host_worker_start,
    .worker_stop = host_worker_stop,
    .worker_wake = host_worker_wake,
    .listen = host_listen,
    .listener_address = host_listener_address,
    .listener_close = host_listener_close,
    .conn_adopt = host_conn_adopt,
    .accepted_refuse = host_accepted_refuse,
    .conn_dial = host_conn_dial,
    .read_start = host_read_start,
    .read_stop = host_read_stop,
    .try_write = host_try_write,
    .write = host_write,
    .conn_close = host_conn_close,
    .local_address = host_local_address,
    .signal_watch = host_signal_watch,
    .signals_ignore = host_signals_ignore,
    .file_submit = host_file_submit,
    .file_stderr = host_file_stderr,
    .file_abandon = host_file_abandon,
    .file_give_up = host_file_give_up,
    .resolve_submit = host_resolve_submit,
};

struct world *host_new(void)
{
    struct host *host = calloc(1, sizeof *host);
    CHECK(host != NULL);
    host->world.ops = &host_ops;
    host->start_ns = host_clock_ns(&host->world);
    host->start_ticks = host_ticks(&host->world);
    host->files = host_files_new();
    return &host->world;
}

void host_free(struct world **world)
{
    struct host *host = (struct host *)*world;
    *world = NULL;
    host_files_free(&host->files);
    free(host);
}
