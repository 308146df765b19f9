/* SPDX-License-Identifier: Apache-2.0 */
/* logger.h -- the actor that writes the log. */
#ifndef ACTORS_LOGGER_LOGGER_H
#define ACTORS_LOGGER_LOGGER_H

#include "actors/logger/logger_msg.h"

/* From now on log leads to the new logger. It opens its output at its first message; when it can
 * not, it says so and writes to standard error. log is borrowed until the logger is gone: that it
 * is after actor_stop, when all lines are written. */
struct actor_ref logger_spawn(struct log *log, const struct log_output *output);

#endif
