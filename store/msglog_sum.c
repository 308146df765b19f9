/* SPDX-License-Identifier: Apache-2.0 */
#include "store/msglog_sum.h"

#include <errno.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"

void msglog_walk_done(struct msglog_walk *w)
{
    buffer_done(&w->after);
}

/* --- the walk ------------------------------------------------------------------------------------------ */

static uint32_t parts(const struct msglog_walk *w)
{
    return w->filter->count == 0 ? 1 : w->filter->count;
}

static struct bytes part(const struct msglog_walk *w)
{
    return w->filter->count == 0 ? BYTES(">") : w->filter->subjects[w->nth];
}

static bool was_brought(const struct msglog_walk *w, struct bytes subject)
{
    for (uint32_t i = 0; i < w->nth; i++)
        if (subject_matches(w->filter->subjects[i], subject))
            return true;
    return false;
}

/* One subject of a walk. 0: go on; else the walk stops before it and says this. */
typedef int subject_step_fn(void *context, struct msglog *log, struct bytes subject,
                            const struct subject_totals *totals);

/* Collects one subject out of msglog_subjects. */
struct next_subject {
    struct buffer *name;
    struct subject_totals totals;
    bool found;
};

static void on_subject(void *context, struct bytes subject, const struct subject_totals *totals)
{
    struct next_subject *next = context;
    next->found = true;
    next->totals = *totals;
    next->name->size = 0;
    buffer_add(next->name, subject.at, subject.size);
}

/* 0 and the subject after w->after; -ENOENT: this part has no more. */
static int next_subject(struct msglog *log, const struct msglog_walk *w, struct buffer *ret_name,
                        struct subject_totals *ret)
{
    struct next_subject next = {.name = ret_name};
    int status = msglog_subjects(log, part(w), buffer_view(&w->after), 1, on_subject, &next);
    if (!next.found)
        return status == 0 ? -ENOENT : status;
    *ret = next.totals;
    return 0;
}

static int walk(struct msglog *log, struct msglog_walk *w, subject_step_fn *step, void *context)
{
    struct buffer name = {0};
    int status = 0;
    for (unsigned i = 0; status == 0 && w->nth < parts(w); i++) {
        struct subject_totals totals;
        status = i == MSGLOG_SUM_SLICE ? -EINPROGRESS : next_subject(log, w, &name, &totals);
        if (status == -ENOENT) {
            w->nth++;
            w->after.size = 0;
            status = 0;
        } else if (status == 0) {
            if (!was_brought(w, buffer_view(&name)))
                status = step(context, log, buffer_view(&name), &totals);
            if (status == 0) {
                w->after.size = 0;
                buffer_add(&w->after, name.at, name.size);
            }
        }
    }
    buffer_done(&name);
    return status;
}

/* --- what is made of it ---------------------------------------------------------------------------------- */

static int add(void *context, struct msglog *log, struct bytes subject,
               const struct subject_totals *totals)
{
    struct subject_totals *sum = context;
    (void)log;
    (void)subject;
    if (sum->msgs == 0 || totals->first_seq < sum->first_seq)
        sum->first_seq = totals->first_seq;
    if (totals->last_seq > sum->last_seq)
        sum->last_seq = totals->last_seq;
    sum->msgs += totals->msgs;
    return 0;
}

int msglog_sum(struct msglog *log, struct msglog_walk *w, struct subject_totals *sum)
{
    return walk(log, w, add, sum);
}

struct lasts {
    uint64_t up_to;
    msglog_last_fn *visit;
    void *context;
};

static int visit_last(void *context, struct msglog *log, struct bytes subject,
                      const struct subject_totals *totals)
{
    const struct lasts *l = context;
    if (totals->first_seq > l->up_to)
        return 0;
    struct stored stored = {.seq = totals->last_seq};
    const struct filter filter = {&subject, 1};
    uint64_t from = l->up_to;
    int status = 0;
    while (stored.seq > l->up_to &&
           (status = msglog_prev(log, &filter, from, 1, &stored)) == -EINPROGRESS)
        from = stored.seq;
    if (status == 0)
        l->visit(l->context, subject, stored.seq);
    return status == -ENOENT ? 0 : status;
}

int msglog_lasts(struct msglog *log, struct msglog_walk *w, uint64_t up_to, msglog_last_fn *visit,
                 void *context)
{
    struct lasts l = {up_to, visit, context};
    return walk(log, w, visit_last, &l);
}
