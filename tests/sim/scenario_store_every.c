/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_store_every.c -- a short life, ended at every single operation of the disk.
 *
 * Idea        The generator makes the same steps from the same seed, so a life can be run again and again and
 *             each time end one operation later: first where the process is killed, the power is lost, or
 *             nothing that was not synced is kept, in turn; then again at some operation of the recovery.
 *             What comes up after that has to be right, and to work on.
 */
#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"
#include "tests/sim/store_world.h"

#define STEPS_A_LIFE 500u
#define STEPS_AFTER 60u
#define CUTS_OF_RECOVERIES 60u /* a recovery has about so many operations */

static void world_begin(struct store_world *w, struct run *run, struct prng *prng)
{
    struct run story = *run;
    struct prng copy = *prng;
    story.prng = &copy;
    world_init(w, &story, &world_brief);
    w->run = run;
    w->options.journal_file_bytes = 16 << 10;
    w->options.replay_debt_bytes = 48 << 10;
}

/* A whole life; returns how many operations it took. */
static uint64_t live(struct run *run, struct prng *prng)
{
    static struct store_world w;
    world_begin(&w, run, prng);
    world_start(&w);
    world_steps(&w, STEPS_A_LIFE);
    if (!run->failed)
        world_stop(&w);
    uint64_t performed = sim_disk_counts(w.disk)->performed;
    world_done(&w);
    return performed;
}

static void live_until(struct store_world *w, uint64_t crash_at)
{
    w->crash_at = crash_at;
    world_start(w);
    world_steps(w, STEPS_A_LIFE);
    if (!world_is_over(w))
        world_stop(w);
}

static void crash_at(struct run *run, struct prng *prng, uint64_t operation, enum sim_crash how)
{
    static struct store_world w;
    world_begin(&w, run, prng);
    live_until(&w, operation);
    if (!run->failed)
        world_crash(&w, how);
    w.crash_at = sim_disk_counts(w.disk)->performed + 1 + operation * 7 % CUTS_OF_RECOVERIES;
    if (!run->failed)
        world_start(&w);
    if (!run->failed && w.crash_due)
        world_crash(&w, (enum sim_crash)(operation / 3 % 3));
    w.crash_at = 0;
    if (!run->failed && w.store == NULL)
        world_start(&w);
    world_steps(&w, STEPS_AFTER);
    if (!run->failed)
        world_settle(&w);
    if (!run->failed)
        world_check(&w);
    if (!run->failed)
        world_stop(&w);
    if (!run->failed)
        world_start(&w);
    world_done(&w);
}

void scenario_store_every_crash(struct run *run)
{
    struct prng prng;
    prng_split(&prng, run->prng);
    uint64_t operations = live(run, &prng);
    for (uint64_t i = 1; i <= operations && !run->failed; i++)
        crash_at(run, &prng, i, (enum sim_crash)(i % 3));
}
