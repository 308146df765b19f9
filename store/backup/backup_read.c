/* SPDX-License-Identifier: Apache-2.0 */
/* backup_read.c -- the way of the bytes: S2 pieces to files, and the events that come out of them.
 *
 *     in ──s2──► piece ──tar──► data of the file at hand ──backup_read_file.c──► event ──► taken
 *
 * Invariants  1 while an event waits, nothing else goes on: what it points at is in piece, in a cut
 *               record, or held
 *             2 an error is the last thing that a reader says; -EAGAIN is none
 */
#include "store/backup/backup_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/backup/backup_read_state.h"

enum { EVENT_WORK = 64 };

struct backup_reader *backup_reader_new(const struct backup_reader_options *options)
{
    CHECK(options->stream.size > 0 && options->stream.size <= BACKUP_NAME_MAX);
    struct backup_reader *r = calloc(1, sizeof(*r));
    CHECK(r != NULL);
    r->options = *options;
    memcpy(r->stream, options->stream.at, options->stream.size);
    r->options.stream.at = r->stream;
    r->s2 = s2_reader_new();
    tar_reader_init(&r->tar);
    backup_block_init(&r->block);
    backup_index_init(&r->index);
    return r;
}

void backup_reader_free(struct backup_reader **reader)
{
    struct backup_reader *r = *reader;
    *reader = NULL;
    if (r == NULL)
        return;
    s2_reader_free(&r->s2);
    backup_block_done(&r->block);
    backup_index_done(&r->index);
    free(r->meta.at);
    free(r->sum.at);
    free(r->state.at);
    free(r->failure.at);
    free(r);
}

const char *backup_reader_why(const struct backup_reader *r)
{
    return r->why;
}

int backup_reader_fail(struct backup_reader *r, int error, const char *format, ...)
{
    if (r->why[0] != '\0')
        return error;
    int n =
        r->entry_name[0] != '\0' ? snprintf(r->why, sizeof r->why, "%.300s: ", r->entry_name) : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(r->why + n, sizeof r->why - (size_t)n, format, args);
    va_end(args);
    /* Names and texts are the archive's: nothing in them may steer a terminal. */
    for (char *c = r->why; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    return error;
}

void backup_reader_forget_consumer(struct backup_reader *r)
{
    r->consumer_size = 0;
    r->meta.there = r->sum.there = r->state.there = false;
}

/* --- events ---------------------------------------------------------------------------------------- */

static int tell_range(struct backup_reader *r)
{
    const struct backup_range *range = &r->index.ranges[r->range_next];
    int status = r->options.events.deleted(r->options.context, range->from, range->to);
    if (status == 0)
        r->range_next++;
    return status;
}

static int tell_consumer(struct backup_reader *r)
{
    struct backup_consumer c = {
        .name = {r->consumer, r->consumer_size},
        .meta = backup_held_bytes(&r->meta),
        .state = backup_held_bytes(&r->state),
    };
    int status = r->options.events.consumer(r->options.context, &c);
    if (status == 0) {
        r->summary.consumers++;
        backup_reader_forget_consumer(r);
    }
    return status;
}

/* Tells the event that waits; 1 when it was taken. */
static int tell(struct backup_reader *r)
{
    const struct backup_events *events = &r->options.events;
    void *context = r->options.context;
    const struct backup_message *m = &r->record.message;
    int status = 0;
    switch (r->event) {
    case BACKUP_EVENT_NONE: break;
    case BACKUP_EVENT_CONFIG: status = events->config(context, backup_held_bytes(&r->meta)); break;
    case BACKUP_EVENT_MESSAGE: status = events->message(context, m); break;
    case BACKUP_EVENT_DELETED: status = events->deleted(context, m->seq, m->seq); break;
    case BACKUP_EVENT_RANGES: status = tell_range(r); break;
    case BACKUP_EVENT_CONSUMER: status = tell_consumer(r); break;
    }
    CHECK(status <= 0);
    bool more = r->event == BACKUP_EVENT_RANGES && r->range_next < r->index.range_count;
    if (status == 0 && !more)
        r->event = BACKUP_EVENT_NONE;
    if (status < 0 && status != -EAGAIN)
        backup_reader_fail(r, status, "was not taken");
    return status < 0 ? status : 1;
}

/* --- the way of the bytes --------------------------------------------------------------------------- */

static int on_tar_event(struct backup_reader *r, const struct tar_event *e)
{
    switch (e->kind) {
    case TAR_MORE: return 0;
    case TAR_FILE: return backup_reader_file_begin(r, e->name, e->size);
    case TAR_DATA: r->data = e->data; return 0;
    case TAR_CLOSE: return backup_reader_file_end(r);
    case TAR_END: r->entry_name[0] = '\0'; return 0;
    }
    UNREACHABLE("event of a tar reader");
}

/* 1: something was done; 0: *in is used up. */
static int advance(struct backup_reader *r, struct bytes *in)
{
    if (r->data.size > 0) {
        int status = backup_reader_file_data(r);
        return status < 0 ? status : 1;
    }
    struct tar_event e;
    int status = tar_reader_next(&r->tar, &r->piece, &e);
    if (status < 0)
        return backup_reader_fail(r, status, "the tar archive is malformed here");
    if (e.kind != TAR_MORE) {
        status = on_tar_event(r, &e);
        return status < 0 ? status : 1;
    }
    status = s2_reader_next(r->s2, in, &r->piece);
    if (status < 0)
        return backup_reader_fail(r, status,
                                  status == -EILSEQ ? "wrong checksum of the compressed bytes here"
                                                    : "the compressed bytes are malformed here");
    return status;
}

/* What there is to do that was fed before. */
static size_t backlog(const struct backup_reader *r)
{
    return r->data.size + r->piece.size;
}

static int step(struct backup_reader *r, struct bytes *in)
{
    for (size_t work = 0; work < BACKUP_STEP_WORK; work += EVENT_WORK) {
        size_t before = backlog(r);
        int status = r->event == BACKUP_EVENT_NONE ? advance(r, in) : tell(r);
        if (status <= 0)
            return status;
        size_t after = backlog(r);
        work += after > before ? after - before : before - after;
    }
    return 1;
}

int backup_reader_step(struct backup_reader *r, struct bytes *in)
{
    if (r->error < 0)
        return r->error;
    int status = step(r, in);
    if (status < 0 && status != -EAGAIN)
        r->error = status;
    return status;
}

int backup_reader_end(struct backup_reader *r, struct backup_summary *ret)
{
    if (r->error == 0)
        r->error = r->event != BACKUP_EVENT_NONE || backlog(r) > 0 || s2_reader_end(r->s2) < 0 ||
                           r->tar.state != TAR_AT_END || r->consumer_size > 0
                       ? backup_reader_fail(r, -EBADMSG, "the archive ends here")
                       : 0;
    if (r->error == 0 && r->phase < BACKUP_PHASE_MESSAGES)
        r->error = backup_reader_fail(r, -EBADMSG, "the archive has no configuration");
    if (r->error == 0)
        *ret = r->summary;
    return r->error;
}
