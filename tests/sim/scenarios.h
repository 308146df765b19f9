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

/* scenario_orders.c */
void scenario_flushes(struct run *run);
void scenario_reply_finds_inbox(struct run *run);
void scenario_reply_finds_inbox_large(struct run *run);
void scenario_maxima(struct run *run);
void scenario_splits(struct run *run);

/* scenario_store.c */
void scenario_store_crashes(struct run *run);
void scenario_store_tables(struct run *run);

/* scenario_store_every.c */
void scenario_store_every_crash(struct run *run);

/* scenario_store_faults.c */
void scenario_store_faults(struct run *run);

/* scenario_store_actor.c */
void scenario_store_actor(struct run *run);

/* scenario_stress.c */
void scenario_slots(struct run *run);
void scenario_stalled_worker(struct run *run);
void scenario_flood(struct run *run);
void scenario_pinned(struct run *run);
void scenario_stop(struct run *run);
void scenario_stop_large(struct run *run);

#endif
