/* SPDX-License-Identifier: Apache-2.0 */
#include "actors/logger/logger.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors/logger/logger_msg.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"

struct logger {
    struct actor actor;
    struct logger_options options;
    int fd;
    struct reply stopped;
};

const struct msg_type logger_types[LOGGER_KINDS] = {
    LOGGER_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

void logger_line_drop(struct msg *m)
{
    mem_free(((struct logger_line *)(void *)m)->text);
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size < 0 || log->to.id == 0)
        return;
    if ((size_t)size >= sizeof text)
        size = sizeof text - 1;
    struct logger_line *m = MSG_NEW(logger_types, LOGGER_LINE, logger_line);
    m->level = level;
    m->wall_ns = wall_ns();
    m->text = mem_alloc((size_t)size + 1);
    memcpy(m->text, text, (size_t)size);
    m->size = (uint32_t)size;
    SEND(log->to, m);
}

void logger_reopen(const struct log *log)
{
    actor_send(log->to, msg_alloc(&logger_types[LOGGER_REOPEN]));
}

static void on_line(struct logger *l, const struct logger_line *m)
{
    static const char *const labels[] = {"INF", "WRN", "ERR", "FTL", "DBG", "TRC"};
    char line[4400];
    struct tm tm;
    time_t seconds = m->wall_ns / 1000000000;
    localtime_r(&seconds, &tm);
    int size = snprintf(line, sizeof line, "[%d] %04d/%02d/%02d %02d:%02d:%02d.%06d [%s] %.*s\n",
                        (int)getpid(), tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                        tm.tm_min, tm.tm_sec, (int)(m->wall_ns / 1000 % 1000000), labels[m->level],
                        (int)m->size, m->text);
    if (write(l->fd, line, (size_t)size) < 0)
        return;
}

static void logger_receive(struct actor *self, struct msg *m)
{
    struct logger *l = (struct logger *)(void *)self;
    switch ((enum logger_message)m->type->kind) {
    case LOGGER_STOP:
        l->stopped = reply_take(m);
        actor_exit(self);
        break;
    case LOGGER_LINE: on_line(l, (struct logger_line *)(void *)m); break;
    case LOGGER_REOPEN:
    case LOGGER_GONE:
    case LOGGER_TIMER:
    case LOGGER_IO:
    case LOGGER_KINDS: break;
    }
}

static void logger_done(struct actor *self)
{
    struct logger *l = (struct logger *)(void *)self;
    if (l->fd != STDERR_FILENO)
        close(l->fd);
    reply_gone(&l->stopped);
}

static const struct actor_class logger_class = {
    .name = "logger",
    .types = logger_types,
    .type_count = LOGGER_KINDS,
    .pinned = true,
    .receive = logger_receive,
    .done = logger_done,
};

struct actor_ref logger_spawn(const struct logger_options *options)
{
    struct logger *l = (struct logger *)(void *)actor_spawn(&logger_class, sizeof *l);
    l->options = *options;
    l->fd = STDERR_FILENO;
    if (options->file != NULL) {
        int fd = open(options->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd >= 0)
            l->fd = fd;
    }
    return l->actor.self;
}
