/* SPDX-License-Identifier: Apache-2.0 */
/* log_entry.h -- a line on its way from its sender to the file; shared by log.c and the logger. */
#ifndef ACTORS_LOGGER_LOG_ENTRY_H
#define ACTORS_LOGGER_LOG_ENTRY_H

#include "actors/logger/logger_msg.h"

struct log_order; /* the logger's */

struct log_entry {
    struct log_entry *next;
    struct log_order *order; /* given; not NULL: no line but something to do at this place */
    int64_t wall_ns;
    uint32_t charge; /* what it counts for in the logger's bytes under way */
    uint32_t size;
    enum log_level level;
    char text[];
};

/* Of the current worker's memory; text is copied. */
struct log_entry *log_entry_new(enum log_level level, int64_t wall_ns, struct bytes text);

#endif
