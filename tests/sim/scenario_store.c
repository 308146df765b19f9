/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_store.c -- a store, alone on a disk: whatever happens, what was acknowledged is there. */
#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"
#include "tests/sim/store_files.h"
#include "tests/sim/store_world.h"

#define LIVES 6u
#define STEPS_A_LIFE 4000u

/* Ends a life in some way. */
static void go_down(struct store_world *w)
{
    switch (prng_below(&w->prng, 4)) {
    case 0: world_crash(w, SIM_CRASH_KILL); break;
    case 1: world_crash(w, SIM_CRASH_POWER); break;
    case 2: world_crash(w, SIM_CRASH_WORST); break;
    case 3: world_stop(w); break;
    }
}

static void live(struct store_world *w)
{
    struct run *run = w->run;
    for (unsigned life = 0; life < LIVES && !run->failed; life++) {
        world_start(w);
        world_steps(w, prng_below(&w->prng, STEPS_A_LIFE));
        if (!run->failed)
            go_down(w);
    }
    if (!run->failed)
        world_start(w);
    if (!run->failed)
        world_settle(w);
    if (!run->failed)
        files_check(w);
    if (!run->failed)
        world_keys_check_files(w);
    if (!run->failed)
        world_check(w);
    if (!run->failed)
        world_stop(w);
}

void scenario_store_crashes(struct run *run)
{
    static struct store_world w;
    world_init(&w, run, &world_shapes[prng_below(run->prng, world_shape_count)]);
    live(&w);
    world_done(&w);
}

void scenario_store_tables(struct run *run)
{
    static struct store_world w;
    world_init(&w, run, &world_many_subjects);
    w.options.section_bytes = 512;
    w.options.tables_bytes = 16 << 10;
    w.options.idle_ms = 3;
    live(&w);
    world_done(&w);
}
