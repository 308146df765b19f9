/* SPDX-License-Identifier: Apache-2.0 */
/* logger_state.h -- what the files of the logger share. */
#ifndef ACTORS_LOGGER_LOGGER_STATE_H
#define ACTORS_LOGGER_LOGGER_STATE_H

#include "actors/logger/log_entry.h"
#include "actors/logger/log_line.h"
#include "runtime/actor.h"
#include "runtime/base/disk.h"

enum log_order_kind {
    LOG_ORDER_TELL,   /* that this place is reached */
    LOG_ORDER_OPEN,   /* `output` */
    LOG_ORDER_REOPEN, /* what is open */
};

struct log_order {
    enum log_order_kind kind;
    struct reply reply; /* to NOBODY: the log itself tells */
    const struct msg_type *answer;
    struct log_output output;
};

struct log_queue {
    struct log_entry *first;
    struct log_entry *last;
};

struct logger {
    struct actor actor;
    struct log *log;      /* borrowed */
    struct reply stopped; /* the token of STOP, given up when it is gone */
    struct log_output output;
    struct disk_file *file;
    bool standard;     /* file is the process's standard error: not ours to close */
    bool busy;         /* the one request is under way */
    bool rotation_due; /* the last line written went over the limit */
    bool count_direct; /* the next direct line is the first of a new file: it counts */
    bool write_failed; /* the last write: telling of dropped lines waits for one that works */
    bool stopping;
    bool written; /* stopping: something was, since the last look */
    uint64_t patience_ms;
    uint64_t file_size; /* as rotation counts it */
    uint64_t limit;     /* size_limit, or more after a rotation that failed */

    struct log_queue queue;  /* in the order of their coming */
    struct log_queue direct; /* the logger's own about its files: before all others */

    struct disk_request request;
    struct iovec part;
    char *batch; /* being written; NULL: none */
    size_t batch_room;
    size_t batch_size;
    uint32_t batch_lines;
    int64_t batch_charge;

    struct log_order *opening; /* given; its file is being opened */
    struct disk_file *opened;  /* for it */
    uint64_t opened_size;
    struct disk_names *names; /* given; of the directory, while old files are removed */
    uint32_t name_at;
    uint32_t removals_left;
    char backup[DISK_PATH_MAX]; /* the name that a rotated file gets */
    char path[DISK_PATH_MAX];   /* of the request */
};

void log_queue_push(struct log_queue *queue, struct log_entry *entry);
void log_queue_push_front(struct log_queue *queue, struct log_entry *entry);

/* Begins whatever is next, when nothing is under way. */
void logger_go_on(struct logger *logger);

/* Submits the one request; done is called with it at its end. */
void logger_submit(struct logger *logger, enum disk_op op, disk_done_fn *done);

/* A line of the logger's own about its files, before all others. */
void logger_say(struct logger *logger, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A usual line, before those that wait. */
void logger_say_first(struct logger *logger, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- logger_file.c ---------------------------------------------------------------------------- */

/* Takes order: opens its output, switches to it, tells. */
void logger_open_output(struct logger *logger, struct log_order **order);

/* Renames the file, begins a new one, and removes the oldest. */
void logger_rotate(struct logger *logger);

/* Answers, if it is to be, and frees. */
void logger_order_end(struct log_order **order, int status);

#endif
