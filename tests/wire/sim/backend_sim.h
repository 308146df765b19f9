/* SPDX-License-Identifier: Apache-2.0 */
/* backend_sim.h -- the backend of simulated servers: virtual time, one process, a seed. */
#ifndef TESTS_WIRE_SIM_BACKEND_SIM_H
#define TESTS_WIRE_SIM_BACKEND_SIM_H

#include <stdint.h>

#include "tests/wire/backend.h"

/* Seed 0: a calm network and schedule; others draw how rough they are. */
struct wire_backend *backend_sim_new(uint64_t seed);

#endif
