/* SPDX-License-Identifier: Apache-2.0 */
/* msglog_double.h -- all of msglog.h over the memory form, with look-ups that want pages when a
 * test says so.
 *
 * To be included by one file of a test program. When `page_rounds` is not 0, the first so many asks
 * for each thing since double_forget say -EAGAIN, as those of a file log do that has to read it.
 * Its form is what the test says; sizes follow the form.
 */
#ifndef TESTS_UNIT_STORE_MSGLOG_DOUBLE_H
#define TESTS_UNIT_STORE_MSGLOG_DOUBLE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "store/msglog.h"
#include "store/msglog_memory.h"

#define DOUBLE_ASKED_SLOTS 65536u

struct double_asked {
    uint64_t key;
    unsigned rounds;
};

struct msglog {
    struct msglog_memory *memory; /* given */
    unsigned page_rounds;
    uint64_t missed; /* counts -EAGAIN */
    struct double_asked *asked;
};

static inline struct msglog *double_new(uint64_t seed)
{
    struct msglog *log = calloc(1, sizeof *log);
    CHECK(log != NULL);
    log->memory = msglog_memory_new(seed);
    return log;
}

static inline void double_free(struct msglog **log)
{
    msglog_memory_free(&(*log)->memory);
    free((*log)->asked);
    free(*log);
    *log = NULL;
}

/* Every thing has to be asked for anew. */
static inline void double_forget(struct msglog *log)
{
    if (log->asked != NULL)
        memset(log->asked, 0, DOUBLE_ASKED_SLOTS * sizeof log->asked[0]);
}

static bool misses(struct msglog *log, uint64_t what, uint64_t number, struct bytes text)
{
    if (log->page_rounds == 0)
        return false;
    if (log->asked == NULL) {
        log->asked = calloc(DOUBLE_ASKED_SLOTS, sizeof log->asked[0]);
        CHECK(log->asked != NULL);
    }
    uint64_t key = hash_bytes(hash_u64(hash_u64(what) ^ number), text.at, text.size) | 1;
    size_t at = key % DOUBLE_ASKED_SLOTS;
    while (log->asked[at].key != 0 && log->asked[at].key != key)
        at = (at + 1) % DOUBLE_ASKED_SLOTS;
    log->asked[at].key = key;
    if (log->asked[at].rounds == log->page_rounds)
        return false;
    log->asked[at].rounds++;
    log->missed++;
    return true;
}

static const struct bytes no_text = {"", 0};

uint64_t msglog_size(enum msglog_form form, const struct message *m)
{
    uint64_t size = (form == MSGLOG_FILE ? 30 : 16) + m->subject.size + m->payload.size;
    return m->headers.size > 0 ? size + m->headers.size + (form == MSGLOG_FILE ? 4 : 0) : size;
}

enum msglog_form msglog_form(const struct msglog *log)
{
    return MSGLOG_MEMORY;
}

void msglog_state(const struct msglog *log, struct msglog_state *ret)
{
    msglog_memory_state(log->memory, ret);
}

uint64_t msglog_append(struct msglog *log, const struct entry *e, const struct message *m,
                       uint64_t seq)
{
    return msglog_memory_append(log->memory, e, m, seq);
}

uint64_t msglog_append_made(struct msglog *log, const struct entry *e, const struct message *m,
                            uint64_t seq)
{
    return msglog_memory_append(log->memory, e, m, seq);
}

void msglog_skip(struct msglog *log, uint64_t to)
{
    msglog_memory_skip(log->memory, to);
}

void msglog_remove(struct msglog *log, const struct stored_stat *s)
{
    msglog_memory_remove(log->memory, s);
}

int msglog_compact(struct msglog *log, uint64_t seq)
{
    struct msglog_state s;
    if (misses(log, 1, seq, no_text))
        return -EAGAIN;
    msglog_state(log, &s);
    if (log->page_rounds > 0 && seq <= s.last_seq && s.first_seq + 1 < seq) {
        msglog_memory_compact(log->memory, s.first_seq + 1); /* what is not all goes in slices */
        return -EINPROGRESS;
    }
    msglog_memory_compact(log->memory, seq);
    return 0;
}

int msglog_stat(struct msglog *log, uint64_t seq, struct stored_stat *ret)
{
    return misses(log, 2, seq, no_text) ? -EAGAIN : msglog_memory_stat(log->memory, seq, ret);
}

int msglog_read(struct msglog *log, uint64_t seq, struct stored *ret)
{
    return misses(log, 3, seq, no_text) ? -EAGAIN : msglog_memory_read(log->memory, seq, ret);
}

static struct bytes filter_text(const struct filter *filter)
{
    return filter->count > 0 ? filter->subjects[0] : no_text;
}

int msglog_next(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                struct stored *ret)
{
    if (misses(log, 4, from, filter_text(filter)))
        return -EAGAIN;
    return msglog_memory_next(log->memory, filter, from, to, ret);
}

int msglog_prev(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                struct stored *ret)
{
    if (misses(log, 5, from, filter_text(filter)))
        return -EAGAIN;
    return msglog_memory_prev(log->memory, filter, from, to, ret);
}

int msglog_subject(struct msglog *log, struct bytes subject, struct subject_totals *ret)
{
    return misses(log, 6, 0, subject) ? -EAGAIN : msglog_memory_subject(log->memory, subject, ret);
}

int msglog_last(struct msglog *log, struct bytes subject, uint64_t *ret_seq)
{
    return misses(log, 7, 0, subject) ? -EAGAIN : msglog_memory_last(log->memory, subject, ret_seq);
}

int msglog_subjects(struct msglog *log, struct bytes filter, struct bytes after, uint32_t max,
                    subject_visit_fn *visit, void *context)
{
    if (misses(log, 8, hash_bytes(0, after.at, after.size), filter))
        return -EAGAIN;
    return msglog_memory_subjects(log->memory, filter, after, max, visit, context);
}

int msglog_seq_at(struct msglog *log, int64_t time_ns, uint64_t *ret_seq)
{
    if (misses(log, 9, (uint64_t)time_ns, no_text))
        return -EAGAIN;
    return msglog_memory_seq_at(log->memory, time_ns, ret_seq);
}

int msglog_count_from(struct msglog *log, uint64_t from, uint64_t *ret_count)
{
    if (misses(log, 10, from, no_text))
        return -EAGAIN;
    return msglog_memory_count_from(log->memory, from, ret_count);
}

#endif
