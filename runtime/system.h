/* SPDX-License-Identifier: Apache-2.0 */
/* system.h -- one server's machine: its workers, its actors, its life.
 *
 * A process may hold several. Life: system_new -> spawn the first actors (on worker 0, as the caller's
 * thread stands in for it between system_new and system_start) -> start -> ... -> system_stop_when
 * idle: the system ends when its last actor has exited.
 */
#ifndef RUNTIME_SYSTEM_H
#define RUNTIME_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/actor.h"

struct world;

struct system_options {
    uint16_t worker_count;
};

/* Returns NULL when the world can not give its workers. The caller's thread is then worker 0's. */
struct system *system_new(struct world *world, const struct system_options *options);

/* Runs a function on worker `index` while the system is being set up. */
void system_on_worker(struct system *system, uint16_t index, void (*run)(void *context),
                      void *context);

/* All actors have exited and all memory is home: checked. */
void system_free(struct system **system);

uint16_t system_worker_count(const struct system *system);
uint32_t system_actor_count(const struct system *system);
struct world *system_world(const struct system *system);
uint64_t system_seed(const struct system *system); /* for hash tables, from the world's entropy */
double system_ns_per_tick(const struct system *system);
int64_t world_wall_ns(struct world *world); /* as wall_ns, for who is on no worker */

/* Calls visit for up to `count` actors from *cursor on (0 at first; 0 again at the end), for
 * monitoring. The actor is borrowed for the call; only its atomic counters may be read. */
typedef void actor_visit_fn(void *context, const struct actor *actor);
void system_visit_actors(struct system *system, uint32_t *cursor, uint32_t count,
                         actor_visit_fn *visit, void *context);

#endif
