/* SPDX-License-Identifier: Apache-2.0 */
/* logger_msg.h -- lines for the log, from any actor. */
#ifndef ACTORS_LOGGER_LOGGER_MSG_H
#define ACTORS_LOGGER_LOGGER_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/msg.h"

enum log_level {
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_TRACE
};

/* clang-format off */
#define LOGGER_MESSAGES(X, R)                                                   \
    RUNTIME_MESSAGES(X, LOGGER)                                                 \
    X(LOGGER_LINE,   logger_line, logger_line_drop) /* anybody: write this */   \
    X(LOGGER_REOPEN, msg,         msg_drop_plain)   /* lifecycle: the file was moved away */
/* clang-format on */

enum logger_message { LOGGER_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) LOGGER_KINDS };

extern const struct msg_type logger_types[LOGGER_KINDS];

struct logger_line {
    struct msg msg;
    enum log_level level;
    int64_t wall_ns;
    char *text; /* given */
    uint32_t size;
};

msg_drop_fn logger_line_drop;

/* What senders need; shared, immutable. */
struct log {
    struct actor_ref to;
    bool debug;
    bool trace;
};

void log_write(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void logger_reopen(const struct log *log);

#define LOG_INFO(log, ...) log_write((log), LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(log, ...) log_write((log), LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(log, ...) log_write((log), LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_DEBUG(log, ...) \
    ((log)->debug ? log_write((log), LOG_LEVEL_DEBUG, __VA_ARGS__) : (void)0)
#define LOG_TRACE(log, ...) \
    ((log)->trace ? log_write((log), LOG_LEVEL_TRACE, __VA_ARGS__) : (void)0)

#endif
