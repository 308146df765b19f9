/* SPDX-License-Identifier: Apache-2.0 */
/* logger.h -- the one that writes the log. */
#ifndef ACTORS_LOGGER_LOGGER_H
#define ACTORS_LOGGER_LOGGER_H

#include <stdbool.h>

#include "runtime/msg.h"

struct logger_options {
    const char *file; /* NULL: stderr */
    bool time;
    bool time_utc;
};

struct actor_ref logger_spawn(const struct logger_options *options);

#endif
