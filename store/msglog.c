/* SPDX-License-Identifier: Apache-2.0 */
/* msglog.c -- which of the two forms a message log has. */
#include "store/msglog.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/msglog_memory.h"
#include "store/msglog_state.h"

#define HEADERS_EXTRA 4u

struct msglog *msglog_new(const struct msglog_options *options)
{
    struct msglog *log = calloc(1, sizeof *log);
    CHECK(log != NULL);
    log->form = options->form;
    if (log->form == MSGLOG_FILE)
        msglog_file_init(log, options);
    else
        log->memory = msglog_memory_new(options->seed);
    return log;
}

void msglog_free(struct msglog **at)
{
    struct msglog *log = *at;
    *at = NULL;
    if (log == NULL)
        return;
    if (log->form == MSGLOG_FILE)
        msglog_file_done(log);
    else
        msglog_memory_free(&log->memory);
    free(log);
}

enum msglog_form msglog_form(const struct msglog *log)
{
    return log->form;
}

uint64_t msglog_size(enum msglog_form form, const struct message *m)
{
    uint64_t extra = form == MSGLOG_FILE ? MSGLOG_FILE_EXTRA : MSGLOG_MEMORY_EXTRA;
    if (m->headers.size > 0)
        extra += HEADERS_EXTRA;
    return extra + m->subject.size + m->headers.size + m->payload.size;
}

/* clang-format off */
#define IN_FORM(log, call, ...) \
    ((log)->form == MSGLOG_FILE ? msglog_file_##call((log), ##__VA_ARGS__) \
                                : msglog_memory_##call((log)->memory, ##__VA_ARGS__))
/* clang-format on */

void msglog_state(const struct msglog *log, struct msglog_state *ret)
{
    IN_FORM(log, state, ret);
}

uint64_t msglog_append(struct msglog *log, const struct entry *e, const struct message *m,
                       uint64_t seq)
{
    return IN_FORM(log, append, e, m, seq);
}

uint64_t msglog_append_made(struct msglog *log, const struct entry *e, const struct message *m,
                            uint64_t seq)
{
    if (log->form == MSGLOG_MEMORY) /* which copies every body */
        return msglog_memory_append(log->memory, e, m, seq);
    return msglog_file_append_made(log, e, m, seq);
}

void msglog_skip(struct msglog *log, uint64_t to)
{
    IN_FORM(log, skip, to);
}

void msglog_remove(struct msglog *log, const struct stored_stat *s)
{
    IN_FORM(log, remove, s);
}

int msglog_compact(struct msglog *log, uint64_t seq)
{
    if (log->form == MSGLOG_FILE)
        return msglog_file_compact(log, seq);
    msglog_memory_compact(log->memory, seq);
    return 0;
}

int msglog_stat(struct msglog *log, uint64_t seq, struct stored_stat *ret)
{
    return IN_FORM(log, stat, seq, ret);
}

int msglog_read(struct msglog *log, uint64_t seq, struct stored *ret)
{
    return IN_FORM(log, read, seq, ret);
}

int msglog_next(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                struct stored *ret)
{
    return IN_FORM(log, next, filter, from, to, ret);
}

int msglog_prev(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                struct stored *ret)
{
    return IN_FORM(log, prev, filter, from, to, ret);
}

int msglog_subject(struct msglog *log, struct bytes subject, struct subject_totals *ret)
{
    return IN_FORM(log, subject, subject, ret);
}

int msglog_last(struct msglog *log, struct bytes subject, uint64_t *ret_seq)
{
    return IN_FORM(log, last, subject, ret_seq);
}

int msglog_subjects(struct msglog *log, struct bytes filter, struct bytes after, uint32_t max,
                    subject_visit_fn *visit, void *context)
{
    return IN_FORM(log, subjects, filter, after, max, visit, context);
}

int msglog_subject_count(struct msglog *log, uint64_t *ret_count)
{
    return IN_FORM(log, subject_count, ret_count);
}

int msglog_seq_at(struct msglog *log, int64_t time_ns, uint64_t *ret_seq)
{
    return IN_FORM(log, seq_at, time_ns, ret_seq);
}

int msglog_count_from(struct msglog *log, uint64_t from, uint64_t *ret_count)
{
    return IN_FORM(log, count_from, from, ret_count);
}
