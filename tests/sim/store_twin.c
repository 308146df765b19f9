/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/store_twin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/msglog_file.h"

#define SEQS_A_STEP 64u

struct twin {
    struct msglog *log;  /* given */
    struct group *group; /* given */
};

struct twin *twin_new(uint64_t gid)
{
    struct twin *t = malloc(sizeof *t);
    CHECK(t != NULL);
    t->log = msglog_new(&(struct msglog_options){.form = MSGLOG_MEMORY, .gid = gid, .seed = 1});
    t->group = group_new(&(struct group_options){.gid = gid, .seed = 1, .log = t->log});
    return t;
}

void twin_free(struct twin **at)
{
    struct twin *t = *at;
    *at = NULL;
    if (t == NULL)
        return;
    group_free(&t->group);
    msglog_free(&t->log);
    free(t);
}

void twin_apply(struct twin *t, const struct entry *e, struct applied *ret)
{
    int status;
    while ((status = group_apply(t->group, e, ret)) == -EINPROGRESS)
        ;
    CHECK(status == 0);
}

struct msglog *twin_log(struct twin *t)
{
    return t->log;
}

struct group *twin_group(struct twin *t)
{
    return t->group;
}

/* --- comparing ------------------------------------------------------------------------------------------ */

static void compare_states(struct twin *t, struct group *group, struct msglog *log,
                           uint64_t subjects, struct twin_comparison *c)
{
    struct msglog_state a;
    struct msglog_state b;
    struct group_counters x;
    struct group_counters y;
    msglog_state(t->log, &a);
    msglog_state(log, &b);
    b.subjects = subjects;
    group_counters(t->group, &x);
    group_counters(group, &y);
    if (a.msgs == b.msgs && a.first_seq == b.first_seq && a.last_seq == b.last_seq &&
        a.subjects == b.subjects && a.deleted == b.deleted && a.hash == b.hash &&
        x.applied == y.applied && x.time_ns == y.time_ns &&
        group_state_hash(t->group) == group_state_hash(group))
        return;
    snprintf(c->why, sizeof c->why,
             "states differ: msgs %" PRIu64 " %" PRIu64 ", first %" PRIu64 " %" PRIu64
             ", last %" PRIu64 " %" PRIu64 ", subjects %" PRIu64 " %" PRIu64 ", applied %" PRIu64
             " %" PRIu64 ", hashes of messages %s, of groups %s",
             a.msgs, b.msgs, a.first_seq, b.first_seq, a.last_seq, b.last_seq, a.subjects,
             b.subjects, x.applied, y.applied, a.hash == b.hash ? "equal" : "differ",
             group_state_hash(t->group) == group_state_hash(group) ? "equal" : "differ");
}

static bool same_message(const struct stored *a, const struct stored *b)
{
    return a->seq == b->seq && a->time_ns == b->time_ns && bytes_equal(a->body, b->body);
}

/* What a log said, against what its twin said: whether it is to be compared, too. */
static bool is_comparable(struct twin_comparison *c, int twin, int log, const char *what)
{
    bool unreadable = log == -EBADMSG || log == -EIO;
    if (twin == 0 && unreadable && c->may_lack)
        c->unreadable++;
    else if (twin != log)
        snprintf(c->why, sizeof c->why, "%s of %" PRIu64 ": status %d %d", what, c->cursor, twin,
                 log);
    return twin == 0 && log == 0;
}

static int compare_subject(struct twin *t, struct msglog *log, struct bytes subject,
                           struct twin_comparison *c)
{
    struct subject_totals a;
    struct subject_totals b;
    int x = msglog_subject(t->log, subject, &a);
    int y = msglog_subject(log, subject, &b);
    if (y == -EAGAIN)
        return y;
    if (is_comparable(c, x, y, "subject") &&
        (a.msgs != b.msgs || a.first_seq != b.first_seq || a.last_seq != b.last_seq))
        snprintf(c->why, sizeof c->why,
                 "subject of %" PRIu64 " differs: msgs %" PRIu64 " %" PRIu64 ", first %" PRIu64
                 " %" PRIu64 ", last %" PRIu64 " %" PRIu64,
                 c->cursor, a.msgs, b.msgs, a.first_seq, b.first_seq, a.last_seq, b.last_seq);
    return 0;
}

/* The message of one sequence, and what its subject has. */
static int compare_message(struct twin *t, struct msglog *log, struct twin_comparison *c)
{
    struct stored a;
    struct stored b;
    int x = msglog_read(t->log, c->cursor, &a);
    int y = msglog_read(log, c->cursor, &b);
    if (y == -EAGAIN)
        return y;
    if (is_comparable(c, x, y, "message") && !same_message(&a, &b))
        snprintf(c->why, sizeof c->why, "message %" PRIu64 " differs", c->cursor);
    return x == 0 && c->why[0] == 0 ? compare_subject(t, log, a.message.subject, c) : 0;
}

int twin_compare(struct twin *t, struct group *group, struct msglog *log, struct twin_comparison *c)
{
    struct msglog_state state;
    msglog_state(t->log, &state);
    if (c->cursor == 0) {
        uint64_t subjects;
        int status = msglog_subject_count(log, &subjects);
        if (status != 0)
            return status;
        compare_states(t, group, log, subjects, c);
        c->cursor = state.msgs == 0 ? UINT64_MAX : state.first_seq;
    }
    for (unsigned i = 0; i < SEQS_A_STEP && c->cursor != UINT64_MAX && c->why[0] == 0; i++) {
        int status = compare_message(t, log, c);
        if (status != 0)
            return status;
        c->cursor = c->cursor < state.last_seq ? c->cursor + 1 : UINT64_MAX;
    }
    return 0;
}
