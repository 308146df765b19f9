/* SPDX-License-Identifier: Apache-2.0 */
/* disk_run.h -- a simulated disk for tests of the store: made, stepped, crashed and taken apart. */
#ifndef TESTS_UNIT_STORE_DISK_RUN_H
#define TESTS_UNIT_STORE_DISK_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/prng.h"
#include "runtime/sim/sim_disk.h"

struct disk_run {
    struct prng prng;
    struct sim_disk *disk;
    uint64_t now_ns;
    uint64_t steps; /* since the start, or the last crash */
};

static inline void disk_run_init(struct disk_run *r, uint64_t seed, struct sim_disk_options options)
{
    *r = (struct disk_run){0};
    prng_init(&r->prng, seed);
    if (options.delay_max_ns == 0) {
        options.delay_min_ns = 1000;
        options.delay_max_ns = 100000;
    }
    r->disk = sim_disk_new(&r->prng, &options);
}

static inline const struct disk *disk_run_door(struct disk_run *r)
{
    return sim_disk_door(r->disk);
}

/* Performs what is due next; false: nothing is under way. */
static inline bool disk_run_step(struct disk_run *r)
{
    uint64_t next = sim_disk_next_ns(r->disk);
    if (next == UINT64_MAX)
        return false;
    if (next > r->now_ns)
        r->now_ns = next;
    r->steps++;
    sim_disk_step(r->disk, r->now_ns);
    return true;
}

static inline void disk_run_all(struct disk_run *r)
{
    while (disk_run_step(r))
        ;
}

static inline void disk_run_crash(struct disk_run *r, enum sim_crash how)
{
    sim_disk_crash(r->disk, how);
    r->steps = 0;
}

static inline void disk_run_done(struct disk_run *r)
{
    sim_disk_crash(r->disk, SIM_CRASH_KILL);
    sim_disk_free(&r->disk);
}

#endif
