/* SPDX-License-Identifier: Apache-2.0 */
/* scenarios.h -- the scenarios' functions, for scenarios.c. */
#ifndef TESTS_SIM_SCENARIOS_H
#define TESTS_SIM_SCENARIOS_H

struct run;

/* scenario_runtime.c */
void scenario_ping_pong(struct run *run);
void scenario_echo(struct run *run);

/* scenario_random.c */
void scenario_random(struct run *run);
void scenario_subjects(struct run *run);

#endif
