/* SPDX-License-Identifier: Apache-2.0 */
/* sim_worker.c -- virtual workers: the loop of host/, cut into steps that the seed interleaves.
 *
 *   POLL --events told--> RUN --turns run--> FLUSH --> BLOCK --> POLL, blocked or not
 *
 * A step is one event of a socket, one collection, one turn, one flush, or one decision to block.
 * Between steps other workers, clients and the network move on, as they do beside a real loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/process.h"
#include "runtime/sim/sim_state.h"
#include "runtime/system.h"

#define NS_PER_MS ((uint64_t)1000000)
#define SIM_RESIDENT_BYTES ((int64_t)16 << 20)
#define WALL_START_NS ((int64_t)1767225600 * 1000000000) /* 2026-01-01 */
#define WALL_SKEW_MAX_NS ((uint64_t)2000000000)

static struct sim_world *world_of(struct world *world)
{
    return (struct sim_world *)(void *)world;
}

/* --- clock and entropy -------------------------------------------------------------------------- */

static uint64_t sim_clock_ns(struct world *world)
{
    return world_of(world)->sim->now_ns;
}

static int64_t sim_wall_ns(struct world *world)
{
    return (int64_t)world_of(world)->sim->now_ns + world_of(world)->wall_offset_ns;
}

static double sim_ns_per_tick(struct world *world)
{
    return 1;
}

static void sim_entropy(struct world *world, void *at, size_t size)
{
    char *to = at;
    while (size > 0) {
        uint64_t word = prng_next(&world_of(world)->entropy);
        size_t part = size < sizeof word ? size : sizeof word;
        memcpy(to, &word, part);
        to += part;
        size -= part;
    }
}

static uint64_t sim_replay_seed(struct world *world)
{
    return world_of(world)->sim->seed;
}

void sim_wall_jump(struct world *world, int64_t ns)
{
    world_of(world)->wall_offset_ns += ns;
}

/* --- life --------------------------------------------------------------------------------------- */

static void on_message(struct worker *w, const struct actor *a, const struct msg *m);

static int sim_worker_start(struct world *world, struct worker *w)
{
    struct sim_world *host = world_of(world);
    struct world_worker *io = calloc(1, sizeof *io);
    CHECK(io != NULL);
    io->world = host;
    io->worker = w;
    io->number = sim_table_add(&host->sim->workers, io);
    host->system = w->system;
    host->workers = realloc(host->workers, (host->worker_count + 1) * sizeof *host->workers);
    CHECK(host->workers != NULL && w->index == host->worker_count);
    host->workers[host->worker_count++] = io;
    w->io = io;
    w->observe = on_message;
    if (host->sim->options.poison >= 0)
        heap_poison(&w->heap, (uint8_t)host->sim->options.poison);
    sim_set_add(&host->sim->workers_runnable, &io->runnable);
    return 0;
}

static void sim_worker_stop(struct worker *w)
{
    struct world_worker *io = w->io;
    struct sim *sim = io->world->sim;
    w->io = NULL;
    while (io->calls != NULL) {
        struct sim_call *call = io->calls;
        io->calls = call->next;
        free(call);
    }
    sim_set_remove(&sim->workers_runnable, &io->runnable);
    sim_set_done(&io->ready); /* all connections and listeners were closed */
    sim_table_remove(&sim->workers, io->number);
    free(io);
}

void sim_world_end(struct world *world)
{
    struct sim_world *host = world_of(world);
    for (unsigned i = 0; i < host->worker_count; i++)
        CHECK(host->workers[i]->over);
    sim_files_end(host);
    for (unsigned i = 0; i < host->worker_count; i++) {
        sim_worker_stop(host->workers[i]->worker);
    }
    host->worker_count = 0;
}

struct world *sim_world_new(struct sim *sim, unsigned host)
{
    CHECK(host < sim->host_count);
    struct sim_world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    world->world.ops = &sim_ops;
    world->sim = sim;
    world->host = host;
    prng_split(&world->entropy, &sim->prng_worlds);
    world->wall_offset_ns =
        WALL_START_NS + (int64_t)prng_below(&sim->prng_worlds, WALL_SKEW_MAX_NS);
    return &world->world;
}

void sim_world_free(struct world **at)
{
    struct sim_world *world = world_of(*at);
    *at = NULL;
    CHECK(world->worker_count == 0);
    free(world->workers);
    free(world);
}

bool sim_world_stopped(const struct world *world)
{
    const struct sim_world *host = (const struct sim_world *)(const void *)world;
    for (unsigned i = 0; i < host->worker_count; i++)
        if (!host->workers[i]->over)
            return false;
    return true;
}

/* --- who runs ----------------------------------------------------------------------------------- */

static void arm(struct world_worker *io, uint64_t time_ns)
{
    io->arming++;
    if (time_ns != UINT64_MAX)
        sim_queue_push(&io->world->sim->queue, (struct sim_event){.time_ns = time_ns,
                                                                  .due = DUE_WORKER,
                                                                  .of = io->number,
                                                                  .arming = io->arming});
}

void sim_worker_touch(struct world_worker *io)
{
    if (!io->blocked)
        return;
    io->blocked = false;
    if (io->stalled)
        return;
    io->arming++;
    sim_set_add(&io->world->sim->workers_runnable, &io->runnable);
}

void sim_worker_due(struct world_worker *io, uint64_t arming)
{
    if (io->arming != arming || io->over)
        return;
    io->stalled = false;
    io->blocked = false;
    sim_set_add(&io->world->sim->workers_runnable, &io->runnable);
}

static void stall(struct world_worker *io, uint64_t ns)
{
    struct sim *sim = io->world->sim;
    if (io->over)
        return;
    sim_note(sim, RECORD_STALL, io->number, 0, ns);
    io->stalled = true;
    sim_set_remove(&sim->workers_runnable, &io->runnable);
    arm(io, sim->now_ns + ns);
}

void sim_stall(struct world *world, unsigned worker, uint64_t ns)
{
    CHECK(worker < world_of(world)->worker_count);
    stall(world_of(world)->workers[worker], ns);
}

static void sim_worker_wake(struct worker *w)
{
    if (w->io != NULL) /* it may be woken while its system is being freed */
        sim_worker_touch(w->io);
}

/* --- calls and signals -------------------------------------------------------------------------- */

static void add_call(struct world_worker *io, struct sim_call call)
{
    struct sim_call *kept = malloc(sizeof *kept);
    CHECK(kept != NULL);
    *kept = call;
    struct sim_call **last = &io->calls;
    while (*last != NULL)
        last = &(*last)->next;
    *last = kept;
    sim_worker_touch(io);
}

void sim_call(struct world *world, unsigned worker, sim_call_fn *call, void *context)
{
    CHECK(worker < world_of(world)->worker_count);
    add_call(world_of(world)->workers[worker], (struct sim_call){.call = call, .context = context});
}

void sim_signal(struct world *world, int number)
{
    for (unsigned i = 0; i < world_of(world)->worker_count; i++)
        add_call(world_of(world)->workers[i], (struct sim_call){.signal = number});
}

static int sim_signal_watch(struct actor *owner, int number, signal_fn *on_signal)
{
    struct world_worker *io = current_worker->io;
    for (unsigned i = 0; i < SIGNALS_MAX; i++)
        if (io->watches[i].owner == NULL) {
            io->watches[i] = (struct sim_watch){owner, on_signal, number};
            return 0;
        }
    return -ENOSPC;
}

static void sim_signals_ignore(struct actor *owner)
{
    struct world_worker *io = current_worker->io;
    for (unsigned i = 0; i < SIGNALS_MAX; i++)
        if (io->watches[i].owner == owner)
            io->watches[i].owner = NULL;
}

static void tell_signal(struct world_worker *io, int number)
{
    sim_note(io->world->sim, RECORD_SIGNAL, io->number, (uint32_t)number, 0);
    for (unsigned i = 0; i < SIGNALS_MAX; i++) {
        struct sim_watch watch = io->watches[i];
        if (watch.owner == NULL || watch.number != number)
            continue;
        worker_turn_begin(io->worker, watch.owner);
        watch.on_signal(watch.owner, number);
        worker_turn_end(io->worker, watch.owner);
    }
}

static void run_call(struct world_worker *io)
{
    struct sim_call *call = io->calls;
    io->calls = call->next;
    if (call->signal != 0) {
        tell_signal(io, call->signal);
    } else {
        sim_note(io->world->sim, RECORD_CALL, io->number, 0, 0);
        call->call(call->context);
    }
    free(call);
}

/* --- steps -------------------------------------------------------------------------------------- */

static void digest_runtime_kinds(struct sim *sim, const struct msg *m)
{
    if (m->type->kind == RUNTIME_TIMER) {
        const struct msg_timer *timer = (const struct msg_timer *)(const void *)m;
        sim_digest_u64(sim, (uint64_t)timer->which << 32 | timer->number);
    } else if (m->type->kind == RUNTIME_IO) {
        sim_digest_u64(sim, (uint64_t)((const struct msg_io *)(const void *)m)->result);
    }
}

static void on_message(struct worker *w, const struct actor *a, const struct msg *m)
{
    struct sim *sim = w->io->world->sim;
    digest_runtime_kinds(sim, m);
    if (sim->options.payload != NULL)
        sim->options.payload(sim, m);
    sim_digest_u64(sim, (uint64_t)m->tag << 32 | m->sent_ms);
    sim_note(sim, RECORD_MESSAGE, a->self.id, m->type->kind | (uint32_t)w->io->number << 24,
             m->from.id ^ (uint64_t)m->type->size << 48);
}

static void step_poll(struct sim *sim, struct world_worker *io)
{
    if (io->calls != NULL) {
        run_call(io);
        return;
    }
    if (io->budget > 0 && io->ready.count > 0) {
        io->budget--;
        size_t nth = prng_below(&sim->prng_schedule, io->ready.count);
        struct sim_member *member = io->ready.members[nth];
        sim_source_event(io, LIST_ENTRY(member, struct sim_source, ready));
        return;
    }
    sim_note(sim, RECORD_COLLECT, io->number, 0, 0);
    worker_collect(io->worker);
    io->phase = PHASE_RUN;
    io->budget = 1 + (uint32_t)prng_below(&sim->prng_schedule, ROUND_TURNS_MAX);
}

static void step_run(struct sim *sim, struct world_worker *io)
{
    struct worker *w = io->worker;
    const struct sim_schedule *schedule = &sim->options.schedule;
    uint32_t ready = w->ready.count + (w->next != NULL);
    uint32_t nth = 0;
    if (ready > 1 && sim_one_in(&sim->prng_schedule, schedule->reorder_in))
        nth = (uint32_t)prng_below(&sim->prng_schedule, ready);
    w->turn_limit = 1 + prng_below(&sim->prng_schedule, schedule->turn_limit_max);
    if (io->budget-- == 0 || !worker_run_one(w, nth))
        io->phase = PHASE_FLUSH;
}

static void step_flush(struct sim *sim, struct world_worker *io)
{
    struct worker *w = io->worker;
    worker_flush(w);
    heap_send_home(&w->heap);
    size_t gone = 0;
    if (epoch_pending(&w->retired) &&
        prng_one_in(&sim->prng_schedule, sim->options.schedule.epoch_in))
        gone = epoch_poll(&w->system->epoch, &w->retired, w->system->epoch_slots,
                          w->system->worker_count);
    sim_note(sim, RECORD_FLUSH, io->number, (uint32_t)gone, 0);
    io->phase = PHASE_BLOCK;
}

static void step_block(struct sim *sim, struct world_worker *io)
{
    struct worker *w = io->worker;
    bool block = worker_may_block(w) && io->ready.count == 0 && io->calls == NULL;
    uint64_t wake_ms = worker_wake_ms(w);
    worker_leave(w);
    io->phase = PHASE_POLL;
    io->budget = 1 + (uint32_t)prng_below(&sim->prng_schedule, sim->options.schedule.events_max);
    sim_note(sim, RECORD_BLOCK, io->number, block, wake_ms);
    if (!block)
        return;
    io->blocked = true;
    sim_set_remove(&sim->workers_runnable, &io->runnable);
    arm(io, wake_ms > UINT64_MAX / NS_PER_MS ? UINT64_MAX : wake_ms * NS_PER_MS);
}

static void end_worker(struct sim *sim, struct world_worker *io)
{
    worker_leave(io->worker);
    io->over = true;
    sim_set_remove(&sim->workers_runnable, &io->runnable);
}

void sim_worker_step(struct world_worker *io)
{
    struct sim *sim = io->world->sim;
    CHECK(!io->blocked && !io->stalled && !io->over);
    current_worker = io->worker;
    if (system_actor_count(io->world->system) == 0) {
        end_worker(sim, io);
        return;
    }
    if (sim_one_in(&sim->prng_schedule, sim->options.schedule.stall_in)) {
        stall(io, 1 + prng_below(&sim->prng_schedule, sim->options.schedule.stall_ns_max));
        return;
    }
    if (!io->worker->in_section)
        worker_enter(io->worker);
    switch (io->phase) {
    case PHASE_POLL: step_poll(sim, io); break;
    case PHASE_RUN: step_run(sim, io); break;
    case PHASE_FLUSH: step_flush(sim, io); break;
    case PHASE_BLOCK: step_block(sim, io); break;
    }
}

/* --- the world ---------------------------------------------------------------------------------- */

/* The same in every run. */
static void sim_process_figures(struct world *world, struct process_figures *ret_figures)
{
    (void)world;
    *ret_figures = (struct process_figures){.resident_bytes = SIM_RESIDENT_BYTES, .cores = 1};
}

const struct world_ops sim_ops = {
    .name = "sim",
    .clock_ns = sim_clock_ns,
    .wall_ns = sim_wall_ns,
    .ticks = sim_clock_ns,
    .ns_per_tick = sim_ns_per_tick,
    .entropy = sim_entropy,
    .process_figures = sim_process_figures,
    .replay_seed = sim_replay_seed,
    .worker_start = sim_worker_start,
    .worker_stop = sim_worker_stop,
    .worker_wake = sim_worker_wake,
    .listen = sim_listen,
    .listener_address = sim_listener_address,
    .listener_close = sim_listener_close,
    .conn_adopt = sim_conn_adopt,
    .accepted_refuse = sim_accepted_refuse,
    .conn_dial = sim_conn_dial,
    .read_start = sim_read_start,
    .read_stop = sim_read_stop,
    .try_write = sim_try_write,
    .write = sim_write,
    .conn_close = sim_conn_close,
    .local_address = sim_local_address,
    .signal_watch = sim_signal_watch,
    .signals_ignore = sim_signals_ignore,
    .file_submit = sim_file_submit,
    .file_stderr = sim_file_stderr,
    .file_abandon = sim_file_abandon,
    .file_give_up = sim_file_give_up,
    .resolve_submit = sim_resolve_submit,
};
