/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c -- what happens next. */
#include "runtime/sim/sim.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/sim/sim_hosts.h"
#include "runtime/sim/sim_state.h"

#define US ((uint64_t)1000)
#define MS ((uint64_t)1000000)

/* --- options ------------------------------------------------------------------------------------ */

void sim_options_init(struct sim_options *options)
{
    *options = (struct sim_options){
        .poison = -1,
        .net = {.latency_min_ns = 20 * US,
                .latency_max_ns = 20 * US,
                .send_buffer = 256u << 10,
                .receive_buffer = 256u << 10,
                .segment_max = 64u << 10},
        .schedule = {.step_ns_max = 1 * US, .turn_limit_max = 64, .epoch_in = 1, .events_max = 64},
    };
}

static uint64_t pick(struct prng *prng, const uint64_t *of, unsigned count)
{
    return of[prng_below(prng, count)];
}

#define PICK(prng, ...)                           \
    pick((prng), (const uint64_t[]){__VA_ARGS__}, \
         (unsigned)(sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)))

void sim_options_draw(struct sim_options *options, struct prng *prng)
{
    sim_options_init(options);
    struct sim_net *net = &options->net;
    net->latency_min_ns = PICK(prng, 0, 5 * US, 50 * US, 1 * MS);
    net->latency_max_ns = net->latency_min_ns + PICK(prng, 0, 10 * US, 200 * US, 20 * MS);
    net->bytes_per_s = PICK(prng, 0, 0, 1u << 30, 10u << 20, 1u << 20);
    net->send_buffer = (uint32_t)PICK(prng, 1u << 10, 16u << 10, 256u << 10);
    net->receive_buffer = (uint32_t)PICK(prng, 1u << 10, 64u << 10, 256u << 10);
    net->segment_max = (uint32_t)PICK(prng, 100, 536, 1460, 64u << 10);
    net->short_in = (uint32_t)PICK(prng, 0, 2, 5, 50);
    net->short_write_in = (uint32_t)PICK(prng, 0, 2, 20);
    struct sim_schedule *schedule = &options->schedule;
    schedule->step_ns_max = (uint32_t)PICK(prng, 100, 1 * US, 20 * US);
    schedule->reorder_in = (uint32_t)PICK(prng, 0, 1, 3, 20);
    schedule->turn_limit_max = (uint32_t)PICK(prng, 1, 3, 64);
    schedule->epoch_in = (uint32_t)PICK(prng, 1, 3, 30);
    schedule->stall_in = (uint32_t)PICK(prng, 0, 50, 1000);
    schedule->stall_ns_max = PICK(prng, 50 * US, 5 * MS);
    schedule->events_max = (uint32_t)PICK(prng, 1, 4, 64);
}

/* --- life --------------------------------------------------------------------------------------- */

struct sim *sim_new(uint64_t seed, const struct sim_options *options)
{
    struct sim *sim = calloc(1, sizeof *sim);
    CHECK(sim != NULL);
    sim->seed = seed;
    sim->options = *options;
    sim->now_ns = 1000 * MS;
    struct prng root;
    prng_init(&root, seed);
    prng_split(&sim->prng_scenario, &root);
    prng_split(&sim->prng_schedule, &root);
    prng_split(&sim->prng_net, &root);
    prng_split(&sim->prng_worlds, &root);
    sim->names = sim_hosts_new();
    sim_records_init(&sim->records, seed, options->record);
    return sim;
}

void sim_free(struct sim **at)
{
    struct sim *sim = *at;
    *at = NULL;
    for (size_t i = 0; i < sim->links.count; i++)
        CHECK(sim->links.at[i] == NULL); /* every connection has been let go of */
    for (unsigned i = 0; i < SIM_LISTENERS_MAX; i++)
        CHECK(sim->listeners[i] == NULL);
    for (unsigned i = 0; i < sim->host_count; i++)
        sim_machine_done(&sim->machines[i]);
    sim_hosts_free(&sim->names);
    sim_table_done(&sim->look_ups);
    sim_set_done(&sim->workers_runnable);
    sim_set_done(&sim->clients_runnable);
    sim_table_done(&sim->workers);
    sim_table_done(&sim->clients);
    sim_table_done(&sim->links);
    sim_queue_done(&sim->queue);
    sim_records_done(&sim->records);
    free(sim);
}

struct sim_net *sim_net(struct sim *sim)
{
    return &sim->options.net;
}

void sim_heal(struct sim *sim)
{
    sim->options.net.reset_in = 0;
    sim->options.schedule.stall_in = 0;
    for (unsigned a = 0; a < sim->host_count; a++)
        for (unsigned b = 0; b < sim->host_count; b++)
            if (sim->apart[a] >> b & 1)
                sim_partition(sim, a, b, false);
}

struct prng *sim_prng(struct sim *sim)
{
    return &sim->prng_scenario;
}

uint64_t sim_now_ns(const struct sim *sim)
{
    return sim->now_ns;
}

uint64_t sim_steps(const struct sim *sim)
{
    return sim->steps;
}

/* --- hosts -------------------------------------------------------------------------------------- */

unsigned sim_host(struct sim *sim)
{
    CHECK(sim->host_count < SIM_HOSTS_MAX);
    unsigned host = sim->host_count++;
    sim_machine_init(&sim->machines[host], sim, host);
    return host;
}

void sim_host_address(unsigned host, uint16_t port, struct net_address *ret_address)
{
    struct net_address address = {0};
    address.v4.sin_family = AF_INET;
    address.v4.sin_addr.s_addr = htonl(0x0a000001u + host);
    address.v4.sin_port = htons(port);
    *ret_address = address;
}

void sim_partition(struct sim *sim, unsigned a, unsigned b, bool apart)
{
    CHECK(a < sim->host_count && b < sim->host_count && a != b);
    uint64_t bit_b = (uint64_t)1 << b;
    uint64_t bit_a = (uint64_t)1 << a;
    sim->apart[a] = apart ? sim->apart[a] | bit_b : sim->apart[a] & ~bit_b;
    sim->apart[b] = apart ? sim->apart[b] | bit_a : sim->apart[b] & ~bit_a;
    if (apart)
        return;
    for (uint64_t i = 0; i < sim->links.count; i++) {
        struct sim_link *link = sim_table_get(&sim->links, i);
        if (link != NULL && !sim_apart(sim, link))
            sim_link_resume(link);
    }
}

/* --- going on ----------------------------------------------------------------------------------- */

static void run_event(struct sim *sim, const struct sim_event *event)
{
    switch (event->due) {
    case DUE_WORKER: {
        struct world_worker *io = sim_table_get(&sim->workers, event->of);
        if (io != NULL)
            sim_worker_due(io, event->arming);
        break;
    }
    case DUE_CLIENT: {
        struct sim_client *client = sim_table_get(&sim->clients, event->of);
        if (client != NULL)
            sim_client_due(client, event->arming);
        break;
    }
    case DUE_SEGMENT: {
        struct sim_link *link = sim_table_get(&sim->links, event->of);
        if (link != NULL)
            sim_link_segment_due(link, (unsigned)event->arming);
        break;
    }
    case DUE_DISK: sim_machine_due(&sim->machines[event->of], event->arming); break;
    case DUE_LOOK_UP: sim_look_up_due(sim, event->of); break;
    case DUE_CONNECT: {
        struct sim_link *link = sim_table_get(&sim->links, event->of);
        if (link != NULL)
            sim_link_connect_due(link);
        break;
    }
    }
}

static void run_due(struct sim *sim)
{
    const struct sim_event *first;
    while ((first = sim_queue_first(&sim->queue)) != NULL && first->time_ns <= sim->now_ns) {
        struct sim_event event = *first;
        sim_queue_pop(&sim->queue);
        run_event(sim, &event);
    }
}

/* A worker or a client: half of the steps each, so that many clients do not starve few workers. */
static bool run_someone(struct sim *sim)
{
    struct sim_set *workers = &sim->workers_runnable;
    struct sim_set *clients = &sim->clients_runnable;
    if (workers->count + clients->count == 0)
        return false;
    bool worker =
        clients->count == 0 || (workers->count > 0 && prng_one_in(&sim->prng_schedule, 2));
    struct sim_set *set = worker ? workers : clients;
    struct sim_member *member = set->members[prng_below(&sim->prng_schedule, set->count)];
    if (worker)
        sim_worker_step(LIST_ENTRY(member, struct world_worker, runnable));
    else
        sim_client_step((struct sim_client *)(void *)member);
    sim->steps++;
    sim->now_ns += 1 + prng_below(&sim->prng_schedule, sim->options.schedule.step_ns_max);
    return true;
}

bool sim_step(struct sim *sim, uint64_t until_ns)
{
    for (;;) {
        run_due(sim);
        if (run_someone(sim))
            return true;
        const struct sim_event *first = sim_queue_first(&sim->queue);
        if (first == NULL || first->time_ns > until_ns) {
            if (until_ns != UINT64_MAX && sim->now_ns < until_ns)
                sim->now_ns = until_ns;
            return false;
        }
        sim->now_ns = first->time_ns;
    }
}

bool sim_idle(struct sim *sim)
{
    run_due(sim);
    return sim->workers_runnable.count + sim->clients_runnable.count == 0;
}

bool sim_run_until(struct sim *sim, sim_done_fn *done, void *context, uint64_t limit_ns)
{
    uint64_t until_ns = sim->now_ns + limit_ns;
    while (!done(context)) {
        if (sim->now_ns >= until_ns)
            return false;
        if (!sim_step(sim, until_ns) && !done(context))
            return false;
    }
    return true;
}

void sim_run_for(struct sim *sim, uint64_t ns)
{
    uint64_t until_ns = sim->now_ns + ns;
    while (sim->now_ns < until_ns)
        if (!sim_step(sim, until_ns))
            return;
}
