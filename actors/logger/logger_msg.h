/* SPDX-License-Identifier: Apache-2.0 */
/* logger_msg.h -- everything the logger can be told; and how any actor writes a line.
 *
 * LOG_INFO(log, "...") formats on the sender's side and sends one LOGGER_LINE. Nothing blocks. When
 * LOG_BYTES_HIGH bytes are under way, debug and trace lines are dropped and counted; at
 * LOG_BYTES_MAX all lines are. The logger tells the count once it has caught up.
 */
#ifndef ACTORS_LOGGER_LOGGER_MSG_H
#define ACTORS_LOGGER_LOGGER_MSG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/disk.h"
#include "runtime/msg.h"

struct world;

/* clang-format off */
/*    kind           payload       drop                sent by, and what for */
#define LOGGER_MESSAGES(X, R)                                                                \
    RUNTIME_MESSAGES(X, LOGGER)                                                              \
    X(LOGGER_LINE,   logger_line,  logger_line_drop) /* anybody: to be written */            \
    X(LOGGER_REOPEN, msg,          msg_drop_plain)   /* lifecycle: the file was moved away */ \
    R(LOGGER_OPEN,   logger_open,  msg_drop_plain)   /* server: what follows goes there */   \
    R(LOGGER_FLUSH,  logger_flush, msg_drop_plain)   /* server: when all before is written */
/* clang-format on */

enum logger_message {
    LOGGER_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) LOGGER_KINDS,
};

extern const struct msg_type logger_types[LOGGER_KINDS];

struct log_entry;

struct logger_line {
    struct msg msg;
    struct log_entry *entry; /* given */
};

msg_drop_fn logger_line_drop;

/* How a line begins. */
struct log_format {
    uint32_t pid;      /* 0: not shown */
    bool time;         /* logtime */
    bool utc;          /* logtime_utc */
    bool colours;      /* only for a terminal */
    bool local_is_utc; /* there is no time zone: the simulator */
};

struct log_output {
    struct log_format format;
    uint64_t size_limit;      /* logfile_size_limit; 0: none */
    uint32_t files_max;       /* logfile_max_num, with the current one; 0: all are kept */
    uint64_t patience_ms;     /* the end waits so long for a reader of standard error that takes
                                 nothing; 0: LOG_PATIENCE_MS */
    char file[DISK_PATH_MAX]; /* "": standard error */
};

/* Answered logger_answer: 0, or why it could not be opened; then the output stays as it was. */
struct logger_open {
    struct msg msg;
    const struct msg_type *answer; /* the asker's kind, of struct logger_answer */
    struct log_output output;
};

/* Answered logger_answer. */
struct logger_flush {
    struct msg msg;
    const struct msg_type *answer;
};

struct logger_answer {
    struct msg msg;
    int status;
};

/* --- writing lines ---------------------------------------------------------------------------- */

enum log_level {
    LOG_LEVEL_TRACE,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL,
    LOG_LEVELS,
};

#define LOG_FORMAT_MAX 4096             /* bytes of a formatted line; the rest is cut off */
#define LOG_TEXT_MAX ((size_t)64 << 10) /* of a text given whole: traced payload */
#define LOG_PATIENCE_MS 2000
#define LOG_BYTES_HIGH ((int64_t)4 << 20)
#define LOG_BYTES_MAX ((int64_t)8 << 20)

/* Gauges of one log. Senders add, the logger takes back to 0. */
struct log_counts {
    _Atomic uint64_t dropped; /* lines */
};

/* Where lines go: one for a server, made by it before its system runs and alive until after that;
 * everybody else borrows it. */
struct log {
    struct actor_ref to;       /* the logger; NOBODY: straight to standard error */
    struct world *world;       /* for the time; NULL: lines have none */
    struct log_format format;  /* without a logger */
    struct log_counts *counts; /* shared: &own_counts, once there is a logger */
    struct log_counts own_counts;
    bool silent;        /* nothing is logged at all */
    _Atomic bool debug; /* gauges, stored by the server alone */
    _Atomic bool trace;
};

static inline bool log_on(const struct log *log, enum log_level level)
{
    if (level >= LOG_LEVEL_INFO)
        return !log->silent;
    const _Atomic bool *on = level == LOG_LEVEL_DEBUG ? &log->debug : &log->trace;
    return atomic_load_explicit(on, memory_order_relaxed) && !log->silent;
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A line that is ready; copied, cut off at LOG_TEXT_MAX. */
void log_text(const struct log *log, enum log_level level, struct bytes text);

/* Tells the logger that its file was moved away. */
void logger_reopen(const struct log *log);

/* The arguments are evaluated only if the level is on. */
#define LOG_AT(log, level, ...)                     \
    do {                                            \
        if (log_on((log), (level)))                 \
            log_write((log), (level), __VA_ARGS__); \
    } while (0)

#define LOG_TRACE(log, ...) LOG_AT((log), LOG_LEVEL_TRACE, __VA_ARGS__)
#define LOG_DEBUG(log, ...) LOG_AT((log), LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(log, ...) LOG_AT((log), LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(log, ...) LOG_AT((log), LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(log, ...) LOG_AT((log), LOG_LEVEL_ERROR, __VA_ARGS__)
/* It only writes: to end is the server's. */
#define LOG_FATAL(log, ...) LOG_AT((log), LOG_LEVEL_FATAL, __VA_ARGS__)

#endif
