/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/stage.h"

void stage_init(struct stage *stage, struct run *run)
{
    *stage = (struct stage){.run = run};
    broker_options(&stage->broker, run);
    model_init(&stage->model, run);
}

void stage_start(struct stage *stage)
{
    broker_start(&stage->broker);
    stage->host = sim_host(stage->run->sim);
}

static bool is_ready(void *context)
{
    return party_ready(context);
}

struct party *stage_party(struct stage *stage)
{
    struct party *p = party_new(&stage->model, stage->host, &stage->broker.address);
    party_connect(p);
    (void)run_until(stage->run, is_ready, p, 60 * SECONDS, "a client is let in");
    return p;
}

static bool all_flushed(void *context)
{
    const struct stage *stage = context;
    for (unsigned i = 0; i < stage->model.party_count; i++)
        if (!party_flushed(stage->model.parties[i]) && !stage->run->failed)
            return false;
    return true;
}

bool stage_flush(struct stage *stage)
{
    for (unsigned i = 0; i < stage->model.party_count; i++)
        if (party_ready(stage->model.parties[i]))
            party_ping(stage->model.parties[i]);
    return run_until(stage->run, all_flushed, stage, 600 * SECONDS,
                     "all clients get their PONGs") &&
           !stage->run->failed;
}

void stage_end(struct stage *stage)
{
    for (unsigned i = 0; i < stage->model.party_count; i++)
        stage->model.parties[i]->may_be_closed = true;
    broker_stop(&stage->broker);
    broker_end(&stage->broker);
    for (unsigned i = 0; i < stage->model.party_count; i++)
        party_free(&stage->model.parties[i]);
    model_done(&stage->model);
}
