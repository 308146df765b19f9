/* SPDX-License-Identifier: Apache-2.0 */
/* sim_files.c -- files and name look-ups of servers: a disk a host, which outlives the servers on it,
 * and one table of names.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/file.h"
#include "runtime/resolve.h"
#include "runtime/sim/sim_disk.h"
#include "runtime/sim/sim_hosts.h"
#include "runtime/sim/sim_state.h"

#define DISK_DELAY_MIN_NS ((uint64_t)20000)
#define DISK_DELAY_MAX_NS ((uint64_t)2000000)
#define LOOK_UP_MAX_NS ((uint64_t)20000000)

static struct sim_machine *machine_of(const struct worker *w)
{
    struct sim_world *world = (struct sim_world *)(void *)w->system->world;
    return &world->sim->machines[world->host];
}

/* --- the disk ----------------------------------------------------------------------------------- */

static void on_ended(void *context, struct disk_request *request, bool crashed)
{
    struct sim_machine *machine = context;
    CHECK(!crashed);
    struct file_request *file = request->disk.carrier;
    sim_note(machine->sim, RECORD_FILE, file->owner.id, request->op, (uint64_t)request->result);
    file_request_ended(file);
}

static void on_standard_error(void *context, struct bytes bytes)
{
    struct sim_machine *machine = context;
    while (machine->output_size + bytes.size > machine->output_capacity) {
        machine->output_capacity =
            machine->output_capacity == 0 ? 4096 : machine->output_capacity * 2;
        machine->output = realloc(machine->output, machine->output_capacity);
        CHECK(machine->output != NULL);
    }
    memcpy(machine->output + machine->output_size, bytes.at, bytes.size);
    machine->output_size += bytes.size;
}

void sim_machine_init(struct sim_machine *machine, struct sim *sim, unsigned host)
{
    const struct sim_disk_options options = {.delay_min_ns = DISK_DELAY_MIN_NS,
                                             .delay_max_ns = DISK_DELAY_MAX_NS,
                                             .ended = on_ended,
                                             .standard_error = on_standard_error,
                                             .context = machine};
    machine->sim = sim;
    machine->host = host;
    prng_split(&machine->prng, &sim->prng_worlds);
    machine->disk = sim_disk_new(&machine->prng, &options);
}

void sim_machine_done(struct sim_machine *machine)
{
    sim_disk_free(&machine->disk);
    free(machine->output);
}

static void arm(struct sim_machine *machine)
{
    uint64_t next_ns = sim_disk_next_ns(machine->disk);
    if (next_ns == UINT64_MAX)
        return;
    sim_queue_push(&machine->sim->queue, (struct sim_event){.time_ns = next_ns,
                                                            .due = DUE_DISK,
                                                            .of = machine->host,
                                                            .arming = ++machine->arming});
}

void sim_machine_due(struct sim_machine *machine, uint64_t arming)
{
    if (arming != machine->arming)
        return;
    sim_disk_step(machine->disk, machine->sim->now_ns);
    arm(machine);
}

void sim_file_submit(struct worker *w, struct file_request *request)
{
    struct sim_machine *machine = machine_of(w);
    sim_disk_step(machine->disk, machine->sim->now_ns); /* so that it knows what time it is */
    sim_disk_submit(machine->disk, request->disk);
    arm(machine);
}

struct disk_file *sim_file_stderr(struct world *world)
{
    struct sim_world *host = (struct sim_world *)(void *)world;
    return sim_disk_stderr(host->sim->machines[host->host].disk);
}

void sim_file_abandon(struct disk_file *file)
{
    sim_disk_abandon(machine_of(current_worker)->disk, file);
}

/* Its standard error takes everything at once. */
void sim_file_give_up(struct world *world)
{
    (void)world;
}

struct sim_disk *sim_host_disk(struct sim *sim, unsigned host)
{
    CHECK(host < sim->host_count);
    return sim->machines[host].disk;
}

struct bytes sim_host_output(const struct sim *sim, unsigned host)
{
    CHECK(host < sim->host_count);
    return (struct bytes){sim->machines[host].output, sim->machines[host].output_size};
}

/* --- look-ups ----------------------------------------------------------------------------------- */

void sim_resolve_submit(struct worker *w, struct resolve_request *request)
{
    struct sim *sim = machine_of(w)->sim;
    sim_queue_push(
        &sim->queue,
        (struct sim_event){.time_ns = sim->now_ns + 1 + prng_below(&sim->prng_net, LOOK_UP_MAX_NS),
                           .due = DUE_LOOK_UP,
                           .of = sim_table_add(&sim->look_ups, request)});
}

void sim_look_up_due(struct sim *sim, uint64_t number)
{
    struct resolve_request *request = sim_table_get(&sim->look_ups, number);
    if (request == NULL)
        return; /* its server has ended */
    sim_table_remove(&sim->look_ups, number);
    int status = sim_hosts_look_up(sim->names, request);
    sim_note(sim, RECORD_LOOK_UP, request->owner.id, request->answer.count, (uint64_t)status);
    resolve_request_ended(request, status);
}

struct sim_hosts *sim_names(struct sim *sim)
{
    return sim->names;
}

/* --- the end of a server ------------------------------------------------------------------------ */

void sim_files_end(struct sim_world *world)
{
    struct sim *sim = world->sim;
    struct sim_machine *machine = &sim->machines[world->host];
    for (uint64_t i = 0; i < sim->look_ups.count; i++) {
        const struct resolve_request *request = sim_table_get(&sim->look_ups, i);
        if (request != NULL && request->worker->system == world->system)
            sim_look_up_due(sim, i);
    }
    uint64_t next_ns;
    while ((next_ns = sim_disk_next_ns(machine->disk)) != UINT64_MAX) {
        if (next_ns > sim->now_ns)
            sim->now_ns = next_ns;
        sim_disk_step(machine->disk, sim->now_ns);
    }
}
