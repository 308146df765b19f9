/* SPDX-License-Identifier: Apache-2.0 */
/* store_actor.h -- the actor that drives a store. */
#ifndef ACTORS_STORE_STORE_ACTOR_H
#define ACTORS_STORE_STORE_ACTOR_H

#include <stdint.h>

#include "runtime/msg.h"

struct log;

struct store_settings {
    const char *path;      /* borrowed; outlives the actor */
    const struct log *log; /* borrowed; outlives the actor */
    uint8_t uuid[16];      /* of a store that has to be made: from the world's entropy */
    uint64_t memory_bytes; /* 0: as in store.h, like the others */
    uint64_t journal_file_bytes;
    uint64_t replay_debt_bytes;
    uint32_t sync_interval_ms;
};

/* On the current worker; it opens the store at once. It ends on STOP, when the store is closed. */
struct actor_ref store_actor_spawn(const struct store_settings *settings);

#endif
