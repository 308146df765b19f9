/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/broker.h"

#include <signal.h>

#include "actors/account/account_msg.h"
#include "actors/client/client_msg.h"
#include "runtime/base/check.h"
#include "runtime/system.h"
#include "server/server.h"

void broker_options(struct broker *broker, struct run *run)
{
    *broker = (struct broker){.run = run};
    options_init(&broker->options);
    options_set_defaults(&broker->options);
    broker->options.workers = 2 + (int)prng_below(run->prng, 3);
    broker->options.client.port = 4222;
    broker->options.timing.write_deadline_ns = 3600 * (int64_t)SECONDS; /* links may be very slow */
}

void broker_start(struct broker *broker)
{
    struct sim *sim = broker->run->sim;
    broker->host = sim_host(sim);
    broker->world = sim_world_new(sim, broker->host);
    struct text problem;
    text_init(&problem);
    const struct server_wiring wiring = {.signals = true, .logs = true, .pid = 1};
    broker->server = server_new(broker->world, &broker->options, &wiring, &problem);
    CHECK(problem.size == 0);
    text_done(&problem);
    sim_host_address(broker->host, server_client_port(broker->server), &broker->address);
}

static void shut_down(void *context)
{
    server_shutdown(context);
}

void broker_stop(struct broker *broker)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR2}; /* the last: in lame duck mode first */
    uint64_t how = prng_below(broker->run->prng, 4);
    if (how < 3)
        sim_signal(broker->world, signals[how]);
    else
        sim_call(broker->world, 0, shut_down, broker->server);
}

bool broker_stopped(const struct broker *broker)
{
    return sim_world_stopped(broker->world);
}

static bool is_stopped(void *context)
{
    return broker_stopped(context);
}

void broker_end(struct broker *broker)
{
    if (!sim_run_until(broker->run->sim, is_stopped, broker, 600 * SECONDS)) {
        run_fail(broker->run, "the server did not end");
        UNREACHABLE("a server that does not end can not be freed");
    }
    if (broker->run->logs) {
        struct bytes log = sim_host_output(broker->run->sim, broker->host);
        fwrite(log.at, 1, log.size, stderr);
    }
    sim_world_end(broker->world);
    server_free(&broker->server);
    sim_world_free(&broker->world);
    options_done(&broker->options);
}

/* --- what messages say --------------------------------------------------------------------------- */

static void digest_batch(struct sim *sim, const struct batch *batch)
{
    sim_digest_u64(sim, batch->to.id);
    for (uint32_t i = 0; i < batch->slice_count; i++)
        sim_digest_bytes(sim, batch->slices[i].buf->at + batch->slices[i].offset,
                         batch->slices[i].size);
    for (uint32_t i = 0; i < batch->part_count; i++) {
        const struct part *part = &batch->parts[i];
        sim_digest_u64(sim, (uint64_t)part->slot << 32 | part->frames);
        sim_digest_u64(sim, (uint64_t)part->bytes << 32 | part->payload);
        sim_digest_u64(sim, (uint64_t)part->group << 32 | part->hops);
    }
}

static void digest_ops(struct sim *sim, const struct account_op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        sim_digest_u64(sim, (uint64_t)ops[i].slot << 32 | (uint64_t)ops[i].add);
        sim_digest_u64(sim, (uint64_t)ops[i].entry << 32 | ops[i].queue);
    }
}

void broker_payload(struct sim *sim, const struct msg *m)
{
    if (m->type == &client_types[CLIENT_CHANGED]) {
        const struct account_changed *changed = (const struct account_changed *)(const void *)m;
        digest_ops(sim, changed->ops, changed->count);
    } else if (m->type == &account_types[ACCOUNT_CHANGE]) {
        const struct account_change *change = (const struct account_change *)(const void *)m;
        digest_ops(sim, change->ops, change->count);
    } else if (m->type->kind == DELIVERY_BATCH && m->type->size == sizeof(struct batch) &&
               m->type->drop == batch_drop) {
        digest_batch(sim, (const struct batch *)(const void *)m);
    }
}
