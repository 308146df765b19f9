/* SPDX-License-Identifier: Apache-2.0 */
/* logger_file.c -- which file the log is in: opening another, and rotation by size.
 *
 * Each is a chain of disk requests, one function an end:
 *
 *     open       open -> stat -> close the old one -> answer
 *     rotation   close -> rename -> open -> list the directory -> remove the oldest, one by one
 *
 * Differs     nats-server ends when it can not open its file again after a rotation; here lines go
 *             to standard error from then on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actors/logger/logger_state.h"
#include "protocols/json/go_text.h"
#include "protocols/json/output.h"
#include "runtime/base/check.h"
#include "runtime/file.h"

#define LOG_FILE_MODE 0640
#define ERROR_TEXT_MAX 128
#define QUOTED_MAX ((size_t)8 * DISK_PATH_MAX) /* every byte written as an escape fits */

/* As Go says it: in small letters. */
static const char *error_text(int64_t result, char text[ERROR_TEXT_MAX])
{
    char kept[ERROR_TEXT_MAX];
    const char *said = strerror_r((int)-result, kept, sizeof kept);
    size_t size = strnlen(said, ERROR_TEXT_MAX - 1);
    memcpy(text, said, size);
    text[size] = 0;
    if (size > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
        text[0] = (char)(text[0] - 'A' + 'a');
    return text;
}

/* As Go's %q writes it; to be freed with output_done. */
static const char *quoted(struct output *o, const char *text)
{
    output_init(o, QUOTED_MAX);
    go_text_quote(o, bytes_of(text));
    output_byte(o, 0);
    return output_error(o) == 0 ? o->at : "?";
}

static struct logger *ended(struct disk_request *request)
{
    struct logger *logger = request->context;
    DCHECK(logger->busy);
    logger->busy = false;
    return logger;
}

static void open_path(struct logger *logger, const char *path, disk_done_fn *done)
{
    logger->request.path = path;
    logger->request.flags = DISK_OPEN_CREATE | DISK_OPEN_APPEND;
    logger->request.mode = LOG_FILE_MODE;
    logger_submit(logger, DISK_OPEN, done);
}

/* --- another output --------------------------------------------------------------------------- */

static void open_failed(struct logger *logger, int64_t result)
{
    if (logger->opening->reply.to.id == 0) {
        char text[ERROR_TEXT_MAX];
        logger_say_first(logger, LOG_LEVEL_ERROR, "error opening file: open %s: %s",
                         logger->opening->output.file, error_text(result, text));
    }
    logger_order_end(&logger->opening, (int)result);
    logger_go_on(logger);
}

static void use_opened(struct logger *logger)
{
    logger->file = logger->opened;
    logger->opened = NULL;
    logger->output = logger->opening->output;
    logger->standard = logger->output.file[0] == 0;
    logger->file_size = logger->opened_size;
    logger->limit = logger->output.size_limit;
    logger->rotation_due = false;
    logger->count_direct = false;
    logger->write_failed = false;
    if (logger->opening->kind == LOG_ORDER_REOPEN)
        logger_say_first(logger, LOG_LEVEL_INFO, "File log re-opened");
    if (!logger->standard && logger->limit > 0 && logger->file_size > logger->limit)
        logger_say_first(logger, LOG_LEVEL_INFO, "Rotating logfile...");
    logger_order_end(&logger->opening, 0);
    logger_go_on(logger);
}

/* Whatever it says: all that could be written has been. */
static void on_old_closed(struct disk_request *request)
{
    use_opened(ended(request));
}

static void leave_old(struct logger *logger)
{
    if (logger->standard) {
        use_opened(logger);
        return;
    }
    logger->request.file = logger->file;
    logger_submit(logger, DISK_CLOSE, on_old_closed);
}

static void on_stat(struct disk_request *request)
{
    struct logger *logger = ended(request);
    logger->opened_size = request->result == 0 ? request->stat.size : 0;
    leave_old(logger);
}

static void on_opened(struct disk_request *request)
{
    struct logger *logger = ended(request);
    if (request->result != 0) {
        open_failed(logger, request->result);
        return;
    }
    logger->opened = request->file;
    logger_submit(logger, DISK_STAT, on_stat);
}

void logger_open_output(struct logger *logger, struct log_order **order)
{
    DCHECK(logger->opening == NULL && logger->batch == NULL);
    logger->opening = *order;
    *order = NULL;
    if (logger->opening->kind == LOG_ORDER_REOPEN)
        logger->opening->output = logger->output;
    const char *file = logger->opening->output.file;
    size_t size = strnlen(file, DISK_PATH_MAX);
    if (size == 0 && logger->opening->kind == LOG_ORDER_REOPEN) {
        logger_say_first(logger, LOG_LEVEL_INFO, "File log re-open ignored, not a file logger");
        logger_order_end(&logger->opening, 0);
    } else if (size + LOG_STAMP_SIZE > DISK_PATH_MAX) {
        open_failed(logger, -ENAMETOOLONG);
    } else if (size == 0) {
        logger->opened = file_stderr();
        logger->opened_size = 0;
        leave_old(logger);
    } else {
        open_path(logger, file, on_opened);
    }
}

/* --- the oldest files go ---------------------------------------------------------------------- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* The directory of the log's file: "." when it names none. */
static void directory_of(const char *path, char directory[DISK_PATH_MAX])
{
    size_t size = (size_t)(base_of(path) - path);
    if (size == 0) {
        memcpy(directory, ".", 2);
        return;
    }
    while (size > 1 && path[size - 1] == '/')
        size--;
    memcpy(directory, path, size);
    directory[size] = 0;
}

static void removals_done(struct logger *logger)
{
    disk_names_free(&logger->names);
    logger_go_on(logger);
}

static void remove_next(struct logger *logger);

static void on_removed(struct disk_request *request)
{
    struct logger *logger = ended(request);
    const char *name = logger->names->names[logger->name_at - 1].text;
    struct output o;
    char text[ERROR_TEXT_MAX];
    if (request->result != 0)
        logger_say(
            logger, LOG_LEVEL_ERROR,
            "Unable to remove backup log file %s (remove %s: %s), will attempt next rotation",
            quoted(&o, name), logger->path, error_text(request->result, text));
    else
        logger_say(logger, LOG_LEVEL_INFO, "Purged log file %s", quoted(&o, name));
    output_done(&o);
    if (request->result != 0)
        removals_done(logger);
    else
        remove_next(logger);
}

static bool is_backup(const struct logger *logger, const struct disk_name *name)
{
    return !name->directory && log_name_is_backup(name->text, base_of(logger->output.file));
}

/* Names are sorted, and so are their stamps: the first ones are the oldest. */
static void remove_next(struct logger *logger)
{
    while (logger->removals_left > 0) {
        CHECK(logger->name_at < logger->names->count);
        const struct disk_name *name = &logger->names->names[logger->name_at++];
        if (!is_backup(logger, name))
            continue;
        logger->removals_left--;
        const char *file = logger->output.file;
        int size = snprintf(logger->path, sizeof logger->path, "%.*s%s",
                            (int)(base_of(file) - file), file, name->text);
        if (size < 0 || (size_t)size >= sizeof logger->path)
            continue;
        logger->request.path = logger->path;
        logger_submit(logger, DISK_REMOVE, on_removed);
        return;
    }
    removals_done(logger);
}

static void on_listed(struct disk_request *request)
{
    struct logger *logger = ended(request);
    if (request->result != 0) {
        struct output o;
        char text[ERROR_TEXT_MAX];
        logger_say(logger, LOG_LEVEL_ERROR,
                   "Unable to read directory %s for log purge (open %s: %s), "
                   "will attempt next rotation",
                   quoted(&o, logger->path), logger->path, error_text(request->result, text));
        output_done(&o);
        logger_go_on(logger);
        return;
    }
    logger->names = request->names;
    uint32_t backups = 0;
    for (uint32_t i = 0; i < logger->names->count; i++)
        backups += is_backup(logger, &logger->names->names[i]) ? 1 : 0;
    uint32_t keep = logger->output.files_max - 1;
    logger->removals_left = backups > keep ? backups - keep : 0;
    logger->name_at = 0;
    remove_next(logger);
}

/* --- rotation --------------------------------------------------------------------------------- */

/* The limit doubles, so that a rotation that fails is not tried again at every line. */
static void rotation_failed(struct logger *logger, const char *what, int64_t result)
{
    char text[ERROR_TEXT_MAX];
    logger->limit *= 2;
    logger->backup[0] = 0;
    logger_say(logger, LOG_LEVEL_ERROR,
               "Unable to %s logfile for rotation (%s), will attempt next rotation at size %llu",
               what, error_text(result, text), (unsigned long long)logger->limit);
}

static void reopen_failed(struct logger *logger, int64_t result)
{
    struct output o;
    char text[ERROR_TEXT_MAX];
    logger->file = file_stderr();
    logger->standard = true;
    logger_say(logger, LOG_LEVEL_ERROR,
               "Unable to re-open the logfile %s after rotation: open %s: %s",
               quoted(&o, logger->output.file), logger->output.file, error_text(result, text));
    output_done(&o);
    logger_go_on(logger);
}

static void say_rotated(struct logger *logger)
{
    struct output o;
    logger->file_size = 0;
    logger->limit = logger->output.size_limit;
    logger->count_direct = true;
    logger_say(logger, LOG_LEVEL_INFO, "Rotated log, backup saved as %s",
               quoted(&o, logger->backup));
    output_done(&o);
}

static void on_reopened(struct disk_request *request)
{
    struct logger *logger = ended(request);
    if (request->result != 0) {
        reopen_failed(logger, request->result);
        return;
    }
    logger->file = request->file;
    if (logger->backup[0] != 0)
        say_rotated(logger);
    if (logger->backup[0] == 0 || logger->output.files_max == 0) {
        logger_go_on(logger);
        return;
    }
    directory_of(logger->output.file, logger->path);
    logger->request.path = logger->path;
    logger_submit(logger, DISK_LIST, on_listed);
}

static void on_renamed(struct disk_request *request)
{
    struct logger *logger = ended(request);
    if (request->result != 0)
        rotation_failed(logger, "rename", request->result);
    open_path(logger, logger->output.file, on_reopened);
}

static void on_closed(struct disk_request *request)
{
    struct logger *logger = ended(request);
    logger->file = NULL;
    if (request->result != 0) {
        rotation_failed(logger, "close", request->result);
        open_path(logger, logger->output.file, on_reopened);
        return;
    }
    struct log_date date;
    char stamp[LOG_STAMP_SIZE];
    log_date_of(wall_ns(), logger->output.format.local_is_utc, &date);
    log_stamp(stamp, &date);
    int size = snprintf(logger->backup, sizeof logger->backup, "%s%s", logger->output.file, stamp);
    CHECK(size > 0 && (size_t)size < sizeof logger->backup);
    logger->request.path = logger->output.file;
    logger->request.to = logger->backup;
    logger_submit(logger, DISK_RENAME, on_renamed);
}

void logger_rotate(struct logger *logger)
{
    CHECK(!logger->standard);
    logger->rotation_due = false;
    logger->request.file = logger->file;
    logger_submit(logger, DISK_CLOSE, on_closed);
}
