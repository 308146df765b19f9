/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_store_faults.c -- a disk that fails, fills up and stalls: the store says so, and a good disk has
 * everything that was acknowledged. */
#include <errno.h>

#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"
#include "tests/sim/store_world.h"

#define LIVES 5u
#define STEPS_A_LIFE 2500u
#define STEPS_A_FAULT 300u
#define ROOM_MAX (300u << 10)

/* One request, somewhere, once. */
static void fail_once(struct store_world *w)
{
    static const enum disk_op ops[] = {DISK_OPEN,     DISK_MKDIR,    DISK_REMOVE, DISK_LIST,
                                       DISK_SYNC_DIR, DISK_READ,     DISK_STAT,   DISK_WRITE,
                                       DISK_SYNC,     DISK_ALLOCATE, DISK_CLOSE};
    enum disk_op op = ops[prng_below(&w->prng, sizeof ops / sizeof ops[0])];
    sim_disk_fail_next(w->disk, op, prng_one_in(&w->prng, 4) ? -ENOSPC : -EIO);
}

/* Requests of one kind, or of all, now and then. */
static void fail_some(struct store_world *w)
{
    struct sim_disk_faults faults = {.stall = 100, .short_move = 5};
    uint32_t one_in = 5 + (uint32_t)prng_below(&w->prng, 300);
    if (prng_one_in(&w->prng, 4))
        for (unsigned op = 0; op < DISK_OPS; op++)
            faults.fail[op] = one_in * 4;
    else
        faults.fail[prng_below(&w->prng, DISK_OPS)] = one_in;
    sim_disk_set_faults(w->disk, &faults);
}

/* A little room is left, or none. */
static void fill_up(struct store_world *w)
{
    sim_disk_set_capacity(w->disk, (uint64_t)1 << 40);
    struct disk_request space = {.op = DISK_SPACE, .path = "store"};
    if (world_perform(w, &space) != 0)
        return;
    uint64_t used = space.space.total - space.space.available;
    sim_disk_set_capacity(w->disk, used + 1 + prng_below(&w->prng, ROOM_MAX));
}

static void heal(struct store_world *w)
{
    sim_disk_set_faults(w->disk, &(struct sim_disk_faults){0});
    sim_disk_set_capacity(w->disk, 0);
    sim_disk_fail_none(w->disk);
}

static void fail(struct store_world *w)
{
    w->failing = true;
    switch (prng_below(&w->prng, 3)) {
    case 0: fail_once(w); break;
    case 1: fail_some(w); break;
    case 2: fill_up(w); break;
    }
}

/* Good and bad times in turn; a store that has failed stays so. */
static void live(struct store_world *w)
{
    for (uint64_t left = prng_below(&w->prng, STEPS_A_LIFE); left > STEPS_A_FAULT;
         left -= STEPS_A_FAULT) {
        if (prng_one_in(&w->prng, 2))
            fail(w);
        else
            heal(w);
        world_steps(w, prng_below(&w->prng, STEPS_A_FAULT));
    }
    if (prng_one_in(&w->prng, 2))
        return;
    heal(w);
    if (!world_is_over(w))
        world_settle(w);
    if (!world_is_over(w))
        world_check(w);
}

static void go_down(struct store_world *w)
{
    switch (prng_below(&w->prng, 4)) {
    case 0: world_crash(w, SIM_CRASH_KILL); break;
    case 1: world_crash(w, SIM_CRASH_POWER); break;
    case 2: world_crash(w, SIM_CRASH_WORST); break;
    case 3: world_stop(w); break;
    }
}

/* A start on the bad disk, which may end in any way. */
static void start_badly(struct store_world *w)
{
    fail(w);
    if (world_open(w) == 0 && !world_is_over(w))
        world_find_again(w);
    if (!world_is_over(w) && w->store != NULL)
        go_down(w);
}

void scenario_store_faults(struct run *run)
{
    static struct store_world w;
    world_init(&w, run, &world_shapes[prng_below(run->prng, world_shape_count)]);
    for (unsigned life = 0; life < LIVES && !run->failed; life++) {
        heal(&w);
        w.failing = false;
        world_start(&w);
        if (!run->failed)
            live(&w);
        if (!run->failed)
            go_down(&w);
        if (!run->failed && prng_one_in(&w.prng, 2))
            start_badly(&w);
    }
    heal(&w);
    w.failing = false;
    if (!run->failed)
        world_start(&w);
    if (!run->failed)
        world_settle(&w);
    if (!run->failed)
        world_stop(&w);
    world_done(&w);
}
