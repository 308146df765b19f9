/* SPDX-License-Identifier: Apache-2.0 */
/* logger.c -- lines in, one write at a time out.
 *
 * Idea        One disk request is under way at most. While it runs, lines gather; then all that
 *             have come, up to LOG_BATCH_SIZE, go out with one append. Orders (open another file,
 *             tell when written) stand in the same queue, so each holds for exactly what came
 *             before it.
 * Invariants  1 busy: the request is under way, and only its end starts another
 *             2 a batch ends with the line that takes the file over its limit: that line is the
 *               last one in the file that is renamed
 *             3 the gauge of bytes under way counts a line until it is written
 * Bounds      lines: by the gauge (log.c). The batch: LOG_BATCH_SIZE and one line. The end: a
 *             reader of standard error that takes nothing for LOG_PATIENCE_MS is given up, with what
 *             it was to be told.
 */
#include "actors/logger/logger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "actors/logger/logger_state.h"
#include "runtime/base/check.h"
#include "runtime/file.h"

#define LOG_BATCH_SIZE ((size_t)64 << 10)

const struct msg_type logger_types[LOGGER_KINDS] = {
    LOGGER_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

/* --- the queue -------------------------------------------------------------------------------- */

void log_queue_push(struct log_queue *queue, struct log_entry *entry)
{
    entry->next = NULL;
    if (queue->first == NULL)
        queue->first = entry;
    else
        queue->last->next = entry;
    queue->last = entry;
}

void log_queue_push_front(struct log_queue *queue, struct log_entry *entry)
{
    entry->next = queue->first;
    if (queue->first == NULL)
        queue->last = entry;
    queue->first = entry;
}

static struct log_entry *queue_pop(struct log_queue *queue)
{
    struct log_entry *entry = queue->first;
    queue->first = entry->next;
    return entry;
}

/* What the logger itself says is not counted in the gauge: it is a line or two at a time. */
static struct log_entry *own_entry(enum log_level level, const char *format, va_list arguments)
{
    char text[LOG_FORMAT_MAX];
    int size = vsnprintf(text, sizeof text, format, arguments);
    CHECK(size >= 0);
    size_t kept = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    return log_entry_new(level, wall_ns(), (struct bytes){text, kept});
}

void logger_say(struct logger *logger, enum log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_queue_push(&logger->direct, own_entry(level, format, arguments));
    va_end(arguments);
}

void logger_say_first(struct logger *logger, enum log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_queue_push_front(&logger->queue, own_entry(level, format, arguments));
    va_end(arguments);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void add_line(struct logger *logger, struct log_entry **at, enum log_line_style style)
{
    struct log_entry *entry = *at;
    size_t size = log_line(logger->batch + logger->batch_size, &logger->output.format, style,
                           entry->level, entry->wall_ns, (struct bytes){entry->text, entry->size});
    logger->batch_size += size;
    logger->batch_lines++;
    logger->batch_charge += entry->charge;
    mem_free(entry);
    *at = NULL;
    if (style == LOG_LINE_DIRECT) {
        logger->file_size += logger->count_direct ? size : 0;
        logger->count_direct = false;
        return;
    }
    logger->file_size += size;
    logger->rotation_due =
        !logger->standard && logger->limit > 0 && logger->file_size > logger->limit;
}

/* Whole lines, up to LOG_BATCH_SIZE or the one that passes it. */
static size_t room_for(const struct log_entry *entry, size_t room)
{
    for (; entry != NULL && entry->order == NULL && room < LOG_BATCH_SIZE; entry = entry->next)
        room += entry->size + LOG_PREFIX_MAX;
    return room;
}

static bool fits(const struct logger *logger, const struct log_entry *entry)
{
    return entry != NULL && entry->order == NULL &&
           logger->batch_size + entry->size + LOG_PREFIX_MAX <= logger->batch_room;
}

static void fill_batch(struct logger *logger)
{
    while (fits(logger, logger->direct.first)) {
        struct log_entry *entry = queue_pop(&logger->direct);
        add_line(logger, &entry, LOG_LINE_DIRECT);
    }
    if (logger->direct.first != NULL)
        return;
    while (fits(logger, logger->queue.first) && !logger->rotation_due) {
        struct log_entry *entry = queue_pop(&logger->queue);
        add_line(logger, &entry, LOG_LINE_USUAL);
    }
}

static void end_batch(struct logger *logger)
{
    (void)actor_inflight_add(logger->actor.self, -logger->batch_charge);
    mem_free(logger->batch);
    logger->batch = NULL;
    logger->batch_size = 0;
    logger->batch_lines = 0;
    logger->batch_charge = 0;
}

static void on_written(struct disk_request *request);

static void write_part(struct logger *logger)
{
    logger->request.parts = &logger->part;
    logger->request.part_count = 1;
    logger->request.file = logger->file;
    logger_submit(logger, DISK_APPEND, on_written);
}

/* A log that can not be written has nobody to tell: the lines are counted as dropped. */
static void on_written(struct disk_request *request)
{
    struct logger *logger = request->context;
    logger->busy = false;
    logger->written = logger->written || request->result > 0;
    if (request->result > 0 && (uint64_t)request->result < logger->part.iov_len) {
        logger->part.iov_base = (char *)logger->part.iov_base + request->result;
        logger->part.iov_len -= (size_t)request->result;
        write_part(logger);
        return;
    }
    logger->write_failed = request->result <= 0;
    if (logger->write_failed)
        atomic_fetch_add_explicit(&logger->log->counts->dropped, logger->batch_lines,
                                  memory_order_relaxed);
    end_batch(logger);
    logger_go_on(logger);
}

static void write_batch(struct logger *logger)
{
    size_t room = room_for(logger->direct.first, 0);
    logger->batch_room = room_for(logger->queue.first, room);
    logger->batch = mem_alloc(logger->batch_room);
    fill_batch(logger);
    DCHECK(logger->batch_size > 0);
    logger->part = (struct iovec){logger->batch, logger->batch_size};
    write_part(logger);
}

/* --- what is next ----------------------------------------------------------------------------- */

void logger_submit(struct logger *logger, enum disk_op op, disk_done_fn *done)
{
    CHECK(!logger->busy);
    logger->busy = true;
    logger->request.op = op;
    logger->request.done = done;
    logger->request.context = logger;
    disk_submit(file_disk(), &logger->request);
}

/* Only when all is written, so that it is one line however many were dropped. */
static void say_dropped(struct logger *logger, uint64_t count)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%llu lines dropped", (unsigned long long)count);
    CHECK(size > 0 && (size_t)size < sizeof text);
    log_queue_push(&logger->queue,
                   log_entry_new(LOG_LEVEL_WARN, wall_ns(), (struct bytes){text, (size_t)size}));
}

static void on_closed(struct disk_request *request)
{
    struct logger *logger = request->context;
    logger->busy = false;
    logger->file = NULL;
    actor_exit(&logger->actor);
}

static void end(struct logger *logger)
{
    logger->request.file = logger->file;
    if (logger->standard)
        actor_exit(&logger->actor);
    else
        logger_submit(logger, DISK_CLOSE, on_closed);
}

static bool has_lines(const struct logger *logger)
{
    return logger->direct.first != NULL || logger->queue.first != NULL;
}

/* The order at the queue's head: all before it is written. */
static void take_order(struct logger *logger)
{
    struct log_entry *entry = queue_pop(&logger->queue);
    struct log_order *order = entry->order;
    mem_free(entry);
    if (order->kind != LOG_ORDER_TELL)
        logger_open_output(logger, &order);
    else
        logger_order_end(&order, 0);
}

static void tell_dropped(struct logger *logger)
{
    if (has_lines(logger) || logger->write_failed)
        return;
    uint64_t count =
        atomic_exchange_explicit(&logger->log->counts->dropped, 0, memory_order_relaxed);
    if (count > 0)
        say_dropped(logger, count);
}

void logger_go_on(struct logger *logger)
{
    while (!logger->busy) {
        tell_dropped(logger);
        if (logger->rotation_due)
            logger_rotate(logger);
        else if (logger->direct.first == NULL && logger->queue.first != NULL &&
                 logger->queue.first->order != NULL)
            take_order(logger);
        else if (has_lines(logger))
            write_batch(logger);
        else
            break;
    }
    if (!logger->busy && logger->stopping)
        end(logger);
}

/* --- messages --------------------------------------------------------------------------------- */

static void on_line(struct logger *logger, struct logger_line *m)
{
    log_queue_push(&logger->queue, m->entry);
    m->entry = NULL;
}

static struct log_order *push_order(struct logger *logger, enum log_order_kind kind)
{
    struct log_entry *entry = log_entry_new(LOG_LEVEL_INFO, 0, (struct bytes){NULL, 0});
    entry->order = mem_alloc(sizeof *entry->order);
    entry->order->kind = kind;
    log_queue_push(&logger->queue, entry);
    return entry->order;
}

static void on_open(struct logger *logger, struct logger_open *m)
{
    struct log_order *order = push_order(logger, LOG_ORDER_OPEN);
    order->reply = reply_take(&m->msg);
    order->answer = m->answer;
    order->output = m->output;
}

static void on_flush(struct logger *logger, struct logger_flush *m)
{
    struct log_order *order = push_order(logger, LOG_ORDER_TELL);
    order->reply = reply_take(&m->msg);
    order->answer = m->answer;
}

static void on_stop(struct logger *logger, struct msg *m)
{
    CHECK(!logger->stopping);
    logger->stopped = reply_take(m);
    logger->stopping = true;
    (void)actor_after(&logger->actor, 0, logger->patience_ms);
}

/* While it ends: what is under way is waited for as long as it gets on. */
static void on_timer(struct logger *logger)
{
    if (!logger->written && logger->standard)
        file_give_up_stderr();
    logger->written = false;
    (void)actor_after(&logger->actor, 0, logger->patience_ms);
}

void logger_order_end(struct log_order **at, int status)
{
    struct log_order *order = *at;
    *at = NULL;
    if (order->reply.to.id != 0) {
        struct logger_answer *answer = (struct logger_answer *)(void *)msg_alloc(order->answer);
        DCHECK(order->answer->size == sizeof *answer);
        answer->status = status;
        reply_send(&order->reply, &answer->msg);
    }
    mem_free(order);
}

static void receive(struct actor *self, struct msg *m)
{
    struct logger *logger = (struct logger *)(void *)self;
    switch ((enum logger_message)m->type->kind) {
    case LOGGER_GONE: break;
    case LOGGER_STOP: on_stop(logger, m); break;
    case LOGGER_TIMER: on_timer(logger); break;
    case LOGGER_IO: msg_io_done(m); return;
    case LOGGER_LINE: on_line(logger, (struct logger_line *)(void *)m); break;
    case LOGGER_REOPEN: (void)push_order(logger, LOG_ORDER_REOPEN); break;
    case LOGGER_OPEN: on_open(logger, (struct logger_open *)(void *)m); break;
    case LOGGER_FLUSH: on_flush(logger, (struct logger_flush *)(void *)m); break;
    case LOGGER_KINDS: UNREACHABLE("no message");
    }
    logger_go_on(logger);
}

static void check(const struct actor *self)
{
    const struct logger *logger = (const struct logger *)(const void *)self;
    CHECK(logger->file != NULL || logger->busy);
    CHECK(implies(logger->batch != NULL, logger->busy));
    CHECK(implies(logger->standard, logger->file != NULL));
    CHECK(implies(has_lines(logger) || logger->rotation_due || logger->stopping, logger->busy));
    CHECK(implies(logger->opening != NULL || logger->names != NULL, logger->busy));
}

/* It exits only when all is written and nothing is under way. */
static void done(struct actor *self)
{
    struct logger *logger = (struct logger *)(void *)self;
    CHECK(!logger->busy && !has_lines(logger));
    reply_gone(&logger->stopped);
}

static const struct actor_class logger_class = {
    .name = "logger",
    .types = logger_types,
    .type_count = LOGGER_KINDS,
    .receive = receive,
    .check = check,
    .done = done,
};

struct actor_ref logger_spawn(struct log *log, const struct log_output *output)
{
    struct logger *logger =
        (struct logger *)(void *)actor_spawn(&logger_class, sizeof(struct logger));
    logger->log = log;
    logger->output.format = output->format;
    logger->patience_ms = output->patience_ms != 0 ? output->patience_ms : LOG_PATIENCE_MS;
    logger->file = file_stderr();
    logger->standard = true;
    if (output->file[0] != 0)
        push_order(logger, LOG_ORDER_OPEN)->output = *output;
    log->counts = &log->own_counts;
    log->to = logger->actor.self;
    return log->to;
}
