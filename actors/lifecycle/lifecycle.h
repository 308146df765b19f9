/* SPDX-License-Identifier: Apache-2.0 */
/* lifecycle.h -- the one that ends everything: signals, lame duck, orderly stop. */
#ifndef ACTORS_LIFECYCLE_LIFECYCLE_H
#define ACTORS_LIFECYCLE_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/msg.h"

struct log;

#define LIFECYCLE_OTHERS_MAX 8

struct lifecycle_options {
    const struct log *log;             /* borrowed for the life of the system */
    const struct actor_ref *listeners; /* likewise */
    uint16_t listener_count;
    uint16_t other_count;
    struct actor_ref others[LIFECYCLE_OTHERS_MAX]; /* stopped with the listeners */
    struct actor_ref logger;                       /* stopped last; NOBODY: none */
    uint64_t lame_duck_ms;
    uint64_t lame_duck_grace_ms;
    bool signals; /* watch the process's signals */
};

/* On worker 0, when all it watches over is there. 0, or a negative errno. */
int lifecycle_spawn(const struct lifecycle_options *options, struct actor_ref *ret_lifecycle)
    __attribute__((warn_unused_result));

#endif
