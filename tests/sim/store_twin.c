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

static bool compare_states(struct twin *t, struct group *group, struct msglog *log,
                           uint64_t subjects, char *why, size_t size)
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
        return true;
    snprintf(why, size,
             "states differ: msgs %" PRIu64 " %" PRIu64 ", first %" PRIu64 " %" PRIu64
             ", last %" PRIu64 " %" PRIu64 ", subjects %" PRIu64 " %" PRIu64 ", applied %" PRIu64
             " %" PRIu64 ", hashes of messages %s, of groups %s",
             a.msgs, b.msgs, a.first_seq, b.first_seq, a.last_seq, b.last_seq, a.subjects,
             b.subjects, x.applied, y.applied, a.hash == b.hash ? "equal" : "differ",
             group_state_hash(t->group) == group_state_hash(group) ? "equal" : "differ");
    return false;
}

static bool same_message(const struct stored *a, const struct stored *b)
{
    return a->seq == b->seq && a->time_ns == b->time_ns && bytes_equal(a->body, b->body);
}

/* The message of one sequence, and what its subject has. */
static int compare_message(struct twin *t, struct msglog *log, uint64_t seq, char *why, size_t size)
{
    struct stored a;
    struct stored b;
    int x = msglog_read(t->log, seq, &a);
    int y = msglog_read(log, seq, &b);
    if (y == -EAGAIN)
        return y;
    if (x != y || (x == 0 && !same_message(&a, &b))) {
        snprintf(why, size, "message %" PRIu64 " differs: status %d %d", seq, x, y);
        return 0;
    }
    if (x != 0)
        return 0;
    struct subject_totals i;
    struct subject_totals j;
    x = msglog_subject(t->log, a.message.subject, &i);
    y = msglog_subject(log, a.message.subject, &j);
    if (y == -EAGAIN)
        return y;
    if (x != y || i.msgs != j.msgs || i.first_seq != j.first_seq || i.last_seq != j.last_seq)
        snprintf(why, size,
                 "subject of %" PRIu64 " differs: status %d %d, msgs %" PRIu64 " %" PRIu64
                 ", first %" PRIu64 " %" PRIu64 ", last %" PRIu64 " %" PRIu64,
                 seq, x, y, i.msgs, j.msgs, i.first_seq, j.first_seq, i.last_seq, j.last_seq);
    return 0;
}

int twin_compare(struct twin *t, struct group *group, struct msglog *log, uint64_t *cursor,
                 char *ret_why, size_t why_size)
{
    ret_why[0] = 0;
    struct msglog_state state;
    msglog_state(t->log, &state);
    if (*cursor == 0) {
        uint64_t subjects;
        int status = msglog_subject_count(log, &subjects);
        if (status != 0)
            return status;
        if (!compare_states(t, group, log, subjects, ret_why, why_size))
            return 0;
        *cursor = state.msgs == 0 ? UINT64_MAX : state.first_seq;
    }
    for (unsigned i = 0; i < SEQS_A_STEP && *cursor != UINT64_MAX; i++) {
        int status = compare_message(t, log, *cursor, ret_why, why_size);
        if (status != 0 || ret_why[0] != 0)
            return status;
        *cursor = *cursor < state.last_seq ? *cursor + 1 : UINT64_MAX;
    }
    return 0;
}
