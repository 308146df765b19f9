/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.h -- one story told to a simulation, from a seed.
 *
 * A scenario builds its servers and clients, runs them, and takes all apart again. What must not be is
 * told with run_fail: the run then goes on to its end as fast as it can, and counts as failed.
 */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim/sim.h"

#define SECONDS ((uint64_t)1000000000)
#define MILLISECONDS ((uint64_t)1000000)

struct run {
    struct sim *sim;
    struct prng *prng; /* the scenario's own */
    uint64_t seed;
    bool rough; /* options were drawn */
    bool logs;  /* the logs of servers that have ended go to stderr */
    bool failed;
    char why[1024]; /* the first failure */
};

void run_fail(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs until done; not within the limit is a failure called `what`. */
bool run_until(struct run *run, sim_done_fn *done, void *context, uint64_t limit_ns,
               const char *what);

struct scenario {
    const char *name;
    const char *story;
    void (*run)(struct run *run);
    sim_payload_fn *payload;
    bool slow;  /* not among the default ones */
    bool calm;  /* options are not drawn: the scenario sets what is rough itself */
    bool store; /* among those of --store */
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

#endif
