/* SPDX-License-Identifier: Apache-2.0 */
/* log.c -- the sender's side of the log.
 *
 * Bounds      what is under way is counted in the logger's gauge of bytes: added here, taken off
 *             when it is written. It advises: every worker may be one line over the bound.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/logger/log_entry.h"
#include "actors/logger/log_line.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/system.h"

struct log_entry *log_entry_new(enum log_level level, int64_t wall, struct bytes text)
{
    DCHECK(text.size <= LOG_TEXT_MAX);
    struct log_entry *entry = mem_alloc(sizeof *entry + text.size);
    entry->level = level;
    entry->wall_ns = wall;
    entry->size = (uint32_t)text.size;
    if (text.size > 0)
        memcpy(entry->text, text.at, text.size);
    return entry;
}

void logger_line_drop(struct msg *m)
{
    struct logger_line *line = (struct logger_line *)(void *)m;
    mem_free(line->entry);
}

/* There is no logger yet, or no more. A standard error that takes nothing loses the line. */
static void write_here(const struct log *log, enum log_level level, struct bytes text)
{
    char *line = malloc(text.size + LOG_PREFIX_MAX);
    CHECK(line != NULL);
    int64_t wall = log->world == NULL ? INT64_MIN : world_wall_ns(log->world);
    size_t size = log_line(line, &log->format, LOG_LINE_USUAL, level, wall, text);
    size_t done = 0;
    while (done < size) {
        ssize_t written = write(STDERR_FILENO, line + done, size - done);
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    free(line);
}

void log_text(const struct log *log, enum log_level level, struct bytes text)
{
    if (!log_on(log, level))
        return;
    if (text.size > LOG_TEXT_MAX)
        text.size = LOG_TEXT_MAX;
    if (log->to.id == 0) {
        write_here(log, level, text);
        return;
    }
    int64_t charge = (int64_t)(sizeof(struct logger_line) + sizeof(struct log_entry) + text.size);
    int64_t most = level >= LOG_LEVEL_INFO ? LOG_BYTES_MAX : LOG_BYTES_HIGH;
    if (actor_inflight_add(log->to, charge) > most) {
        (void)actor_inflight_add(log->to, -charge);
        atomic_fetch_add_explicit(&log->counts->dropped, 1, memory_order_relaxed);
        return;
    }
    struct logger_line *line = MSG_NEW(logger_types, LOGGER_LINE, logger_line);
    line->entry = log_entry_new(level, wall_ns(), text);
    line->entry->charge = (uint32_t)charge;
    SEND(log->to, line);
}

void logger_reopen(const struct log *log)
{
    if (log->to.id != 0)
        actor_send(log->to, msg_alloc(&logger_types[LOGGER_REOPEN]));
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
    char text[LOG_FORMAT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CHECK(size >= 0);
    size_t kept = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    log_text(log, level, (struct bytes){text, kept});
}
