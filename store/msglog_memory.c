/* SPDX-License-Identifier: Apache-2.0 */
#include "store/msglog_memory.h"

#include <errno.h>
#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/memory_subjects.h"

#define SLACK 64u
/* Of a subject with fewer messages the next one is found along its list, not along the vector. */
#define LIST_WALK_MAX 64u

struct memory_message {
    uint64_t seq;
    uint64_t index;
    uint64_t body_hash;
    int64_t time_ns;
    struct memory_message *prev; /* of the same subject */
    struct memory_message *next;
    struct memory_subject *subject;
    uint32_t term;
    uint32_t size; /* of the body */
    char body[];
};

struct slot {
    uint64_t seq;
    struct memory_message *message; /* given; NULL: a hole */
};

struct msglog_memory {
    struct slot *slots; /* given */
    size_t first;       /* place of the first message */
    size_t end;         /* behind the last one */
    size_t capacity;
    struct msglog_state state;
    struct memory_subjects subjects;
    uint64_t asked; /* counts look-ups with filters */
};

struct msglog_memory *msglog_memory_new(uint64_t seed)
{
    struct msglog_memory *log = calloc(1, sizeof *log);
    CHECK(log != NULL);
    log->subjects.seed = seed;
    log->state.first_seq = 1;
    return log;
}

void msglog_memory_free(struct msglog_memory **log)
{
    struct msglog_memory *l = *log;
    if (l == NULL)
        return;
    *log = NULL;
    for (size_t i = l->first; i < l->end; i++)
        free(l->slots[i].message);
    free(l->slots);
    memory_subjects_done(&l->subjects);
    free(l);
}

void msglog_memory_state(const struct msglog_memory *log, struct msglog_state *ret)
{
    *ret = log->state;
    ret->subjects = log->subjects.count;
    ret->deleted = ret->msgs == 0 ? 0 : ret->last_seq - ret->first_seq + 1 - ret->msgs;
}

/* --- the vector ------------------------------------------------------------------------------- */

/* The first place whose sequence is seq or higher. */
static size_t rank(const struct msglog_memory *log, uint64_t seq)
{
    size_t low = log->first;
    size_t high = log->end;
    if (low < high && seq >= log->slots[low].seq && seq - log->slots[low].seq < high - low &&
        log->slots[low + (seq - log->slots[low].seq)].seq == seq)
        return low + (seq - log->slots[low].seq); /* no gap before it, as in most streams */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->slots[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct memory_message *find(const struct msglog_memory *log, uint64_t seq)
{
    size_t at = rank(log, seq);
    return at < log->end && log->slots[at].seq == seq ? log->slots[at].message : NULL;
}

/* Moves the messages to the front of a vector of this capacity, without the holes. */
static void close_up(struct msglog_memory *log, size_t capacity)
{
    struct slot *slots = capacity > 0 ? malloc(capacity * sizeof slots[0]) : NULL;
    CHECK(slots != NULL || capacity == 0);
    size_t count = 0;
    for (size_t i = log->first; i < log->end; i++)
        if (log->slots[i].message != NULL)
            slots[count++] = log->slots[i];
    free(log->slots);
    log->slots = slots;
    log->first = 0;
    log->end = count;
    log->capacity = capacity;
}

static void push(struct msglog_memory *log, struct memory_message *m)
{
    if (log->end == log->capacity)
        close_up(log, log->state.msgs < SLACK ? 2 * SLACK : 2 * log->state.msgs);
    log->slots[log->end++] = (struct slot){m->seq, m};
}

/* After messages have gone: the ends are messages again, and holes are not most of it. */
static void tidy(struct msglog_memory *log)
{
    while (log->first < log->end && log->slots[log->first].message == NULL)
        log->first++;
    while (log->first < log->end && log->slots[log->end - 1].message == NULL)
        log->end--;
    if (log->end - log->first > 2 * log->state.msgs + SLACK)
        close_up(log, 2 * log->state.msgs + SLACK);
    struct msglog_state *s = &log->state;
    bool any = log->first < log->end;
    s->first_seq = any ? log->slots[log->first].seq : s->last_seq + 1;
    s->first_time_ns = any ? log->slots[log->first].message->time_ns : 0;
}

/* --- changes ---------------------------------------------------------------------------------- */

static struct message parse(const struct memory_message *m)
{
    struct message message;
    int r = message_body_read((struct bytes){m->body, m->size}, &message);
    CHECK(r == 0);
    return message;
}

static void link_last(struct memory_subject *s, struct memory_message *m)
{
    m->subject = s;
    m->prev = s->last;
    if (s->last != NULL)
        s->last->next = m;
    else
        s->first = m;
    s->last = m;
    s->msgs++;
}

static void unlink_message(struct msglog_memory *log, struct memory_message *m)
{
    struct memory_subject *s = m->subject;
    if (m->prev != NULL)
        m->prev->next = m->next;
    else
        s->first = m->next;
    if (m->next != NULL)
        m->next->prev = m->prev;
    else
        s->last = m->prev;
    if (--s->msgs == 0)
        memory_subjects_remove(&log->subjects, s);
}

static uint64_t hash_of(uint64_t seq, int64_t time_ns, const struct message *m)
{
    return stored_hash(seq, time_ns, msglog_content(MSGLOG_MEMORY, msglog_size(MSGLOG_MEMORY, m)));
}

uint64_t msglog_memory_append(struct msglog_memory *log, const struct entry *e,
                              const struct message *m, uint64_t seq)
{
    struct msglog_state *state = &log->state;
    struct memory_message *stored = calloc(1, sizeof *stored + e->body.size);
    CHECK(stored != NULL && e->body.size <= ENTRY_BODY_MAX);
    stored->seq = seq > state->last_seq ? seq : state->last_seq + 1;
    stored->index = e->index;
    stored->term = e->term;
    stored->body_hash = e->body_hash;
    stored->time_ns = m->flags & MESSAGE_OWN_TIME ? m->time_ns : e->time_ns;
    stored->size = (uint32_t)e->body.size;
    memcpy(stored->body, e->body.at, e->body.size);
    link_last(memory_subjects_get(&log->subjects, m->subject), stored);
    push(log, stored);
    if (state->msgs++ == 0) {
        state->first_seq = stored->seq;
        state->first_time_ns = stored->time_ns;
    }
    state->bytes += msglog_size(MSGLOG_MEMORY, m);
    state->last_seq = stored->seq;
    state->last_time_ns = stored->time_ns;
    state->hash += hash_of(stored->seq, stored->time_ns, m);
    return stored->seq;
}

void msglog_memory_skip(struct msglog_memory *log, uint64_t to)
{
    CHECK(to > log->state.last_seq);
    log->state.last_seq = to;
    if (log->state.msgs == 0)
        log->state.first_seq = to + 1;
}

/* Takes the message out of everything but the vector, where its place is a hole now. */
static void drop(struct msglog_memory *log, struct slot *slot)
{
    struct memory_message *m = slot->message;
    struct message message = parse(m);
    log->state.msgs--;
    log->state.bytes -= msglog_size(MSGLOG_MEMORY, &message);
    log->state.hash -= hash_of(m->seq, m->time_ns, &message);
    unlink_message(log, m);
    slot->message = NULL;
    free(m);
}

void msglog_memory_remove(struct msglog_memory *log, const struct stored_stat *s)
{
    size_t at = rank(log, s->seq);
    CHECK(at < log->end && log->slots[at].seq == s->seq && log->slots[at].message != NULL);
    drop(log, &log->slots[at]);
    tidy(log);
}

void msglog_memory_compact(struct msglog_memory *log, uint64_t seq)
{
    size_t end = rank(log, seq);
    for (size_t i = log->first; i < end; i++)
        if (log->slots[i].message != NULL)
            drop(log, &log->slots[i]);
    if (seq > log->state.last_seq + 1)
        log->state.last_seq = seq - 1;
    tidy(log);
}

/* --- look-ups --------------------------------------------------------------------------------- */

static void fill(const struct memory_message *m, struct stored *ret)
{
    *ret = (struct stored){
        .seq = m->seq,
        .index = m->index,
        .term = m->term,
        .time_ns = m->time_ns,
        .body = {m->body, m->size},
        .body_hash = m->body_hash,
        .message = parse(m),
    };
}

int msglog_memory_stat(const struct msglog_memory *log, uint64_t seq, struct stored_stat *ret)
{
    const struct memory_message *m = find(log, seq);
    if (m == NULL)
        return -ENOENT;
    struct message message = parse(m);
    *ret = (struct stored_stat){
        .seq = m->seq,
        .time_ns = m->time_ns,
        .size = msglog_size(MSGLOG_MEMORY, &message),
        .subject = message.subject,
    };
    return 0;
}

int msglog_memory_read(const struct msglog_memory *log, uint64_t seq, struct stored *ret)
{
    const struct memory_message *m = find(log, seq);
    if (m == NULL)
        return -ENOENT;
    fill(m, ret);
    return 0;
}

/* Whether the subject is wanted; each is asked once a look-up. */
static bool matches(const struct msglog_memory *log, const struct filter *filter,
                    struct memory_subject *s)
{
    if (filter->count == 0)
        return true;
    if (s->asked == log->asked)
        return s->matches;
    s->asked = log->asked;
    s->matches = false;
    for (uint32_t i = 0; i < filter->count && !s->matches; i++)
        s->matches = subject_matches(filter->subjects[i], memory_subject_name(s));
    return s->matches;
}

/* The one subject of a literal filter; false: it has wildcards, or several subjects, or none. */
static bool is_one_subject(const struct msglog_memory *log, const struct filter *filter,
                           struct memory_subject **ret)
{
    if (filter->count != 1 || !subject_is_literal(filter->subjects[0]))
        return false;
    *ret = memory_subjects_find(&log->subjects, filter->subjects[0]);
    return true;
}

/* Looks along the list of a subject with few messages, or at its ends. 1: look along the vector. */
static int next_of_subject(const struct memory_subject *s, uint64_t from, uint64_t to,
                           struct stored *ret)
{
    if (s == NULL || s->last->seq < from || s->first->seq > to)
        return -ENOENT;
    const struct memory_message *m = s->first;
    if (m->seq < from && s->msgs > LIST_WALK_MAX)
        return 1;
    while (m->seq < from)
        m = m->next;
    if (m->seq > to)
        return -ENOENT;
    fill(m, ret);
    return 0;
}

static int prev_of_subject(const struct memory_subject *s, uint64_t from, uint64_t to,
                           struct stored *ret)
{
    if (s == NULL || s->first->seq > from || s->last->seq < to)
        return -ENOENT;
    const struct memory_message *m = s->last;
    if (m->seq > from && s->msgs > LIST_WALK_MAX)
        return 1;
    while (m->seq > from)
        m = m->prev;
    if (m->seq < to)
        return -ENOENT;
    fill(m, ret);
    return 0;
}

int msglog_memory_next(struct msglog_memory *log, const struct filter *filter, uint64_t from,
                       uint64_t to, struct stored *ret)
{
    struct memory_subject *one;
    if (is_one_subject(log, filter, &one)) {
        int r = next_of_subject(one, from, to, ret);
        if (r <= 0)
            return r;
    }
    log->asked++;
    uint32_t scanned = 0;
    for (size_t i = rank(log, from); i < log->end && log->slots[i].seq <= to; i++) {
        struct memory_message *m = log->slots[i].message;
        if (m != NULL && matches(log, filter, m->subject)) {
            fill(m, ret);
            return 0;
        }
        if (++scanned == MSGLOG_SCAN_MAX) {
            ret->seq = log->slots[i].seq + 1;
            return -EINPROGRESS;
        }
    }
    return -ENOENT;
}

int msglog_memory_prev(struct msglog_memory *log, const struct filter *filter, uint64_t from,
                       uint64_t to, struct stored *ret)
{
    struct memory_subject *one;
    if (is_one_subject(log, filter, &one)) {
        int r = prev_of_subject(one, from, to, ret);
        if (r <= 0)
            return r;
    }
    log->asked++;
    uint32_t scanned = 0;
    size_t i = from == UINT64_MAX ? log->end : rank(log, from + 1);
    while (i-- > log->first && log->slots[i].seq >= to) {
        struct memory_message *m = log->slots[i].message;
        if (m != NULL && matches(log, filter, m->subject)) {
            fill(m, ret);
            return 0;
        }
        if (++scanned == MSGLOG_SCAN_MAX && log->slots[i].seq > 0) {
            ret->seq = log->slots[i].seq - 1;
            return -EINPROGRESS;
        }
    }
    return -ENOENT;
}

static struct subject_totals totals_of(const struct memory_subject *s)
{
    return (struct subject_totals){s->msgs, s->first->seq, s->last->seq};
}

int msglog_memory_subject(const struct msglog_memory *log, struct bytes subject,
                          struct subject_totals *ret)
{
    const struct memory_subject *s = memory_subjects_find(&log->subjects, subject);
    if (s == NULL)
        return -ENOENT;
    *ret = totals_of(s);
    return 0;
}

int msglog_memory_last(const struct msglog_memory *log, struct bytes subject, uint64_t *ret_seq)
{
    const struct memory_subject *s = memory_subjects_find(&log->subjects, subject);
    if (s == NULL)
        return -ENOENT;
    *ret_seq = s->last->seq;
    return 0;
}

struct visits {
    struct bytes filter;
    uint32_t left;
    subject_visit_fn *visit;
    void *context;
};

static bool visit_one(void *context, const struct memory_subject *s)
{
    struct visits *v = context;
    struct bytes name = memory_subject_name(s);
    if (!subject_matches(v->filter, name))
        return true;
    if (v->left == 0)
        return false;
    v->left--;
    struct subject_totals totals = totals_of(s);
    v->visit(v->context, name, &totals);
    return true;
}

/* What every subject that matches begins with: the tokens before the first wildcard. */
static struct bytes literal_prefix(struct bytes filter)
{
    struct subject_walk w = subject_walk(filter);
    struct bytes token;
    size_t size = 0;
    while (subject_next(&w, &token) && !token_is_star(token) && !token_is_rest(token))
        size = (size_t)(w.at - filter.at);
    return (struct bytes){filter.at, size};
}

int msglog_memory_subjects(const struct msglog_memory *log, struct bytes filter, struct bytes after,
                           uint32_t max, subject_visit_fn *visit, void *context)
{
    struct visits v = {filter, max, visit, context};
    bool all = memory_subjects_walk(&log->subjects, literal_prefix(filter), after, visit_one, &v);
    return all ? 0 : -EINPROGRESS;
}

/* Times rise with sequences, but for messages with a time of their own, of which an early one may
 * hide. */
int msglog_memory_subject_count(struct msglog_memory *log, uint64_t *ret_count)
{
    *ret_count = log->subjects.count;
    return 0;
}

int msglog_memory_seq_at(const struct msglog_memory *log, int64_t time_ns, uint64_t *ret_seq)
{
    size_t low = log->first;
    size_t high = log->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t at = middle;
        while (at < high && log->slots[at].message == NULL)
            at++;
        if (at < high && log->slots[at].message->time_ns < time_ns)
            low = at + 1;
        else
            high = middle;
    }
    while (low < log->end && log->slots[low].message == NULL)
        low++;
    *ret_seq = low < log->end ? log->slots[low].seq : log->state.last_seq + 1;
    return 0;
}

static uint64_t count_in(const struct msglog_memory *log, size_t from, size_t end)
{
    uint64_t count = 0;
    for (size_t i = from; i < end; i++)
        count += log->slots[i].message != NULL;
    return count;
}

int msglog_memory_count_from(const struct msglog_memory *log, uint64_t from, uint64_t *ret_count)
{
    size_t at = rank(log, from);
    if (log->end - log->first == log->state.msgs)
        *ret_count = log->end - at;
    else if (at - log->first < log->end - at)
        *ret_count = log->state.msgs - count_in(log, log->first, at);
    else
        *ret_count = count_in(log, at, log->end);
    return 0;
}

/* --- check ------------------------------------------------------------------------------------ */

static void check_message(const struct memory_message *m)
{
    struct message message = parse(m);
    CHECK(bytes_equal(message.subject, memory_subject_name(m->subject)));
    CHECK(m->prev == NULL ? m->subject->first == m : m->prev->seq < m->seq); /* 3 */
    CHECK(m->next == NULL ? m->subject->last == m : m->next->prev == m);     /* 3 */
}

void msglog_memory_check(const struct msglog_memory *log)
{
    struct msglog_state sum = {0};
    for (size_t i = log->first; i < log->end; i++) {
        CHECK(i == log->first || log->slots[i - 1].seq < log->slots[i].seq); /* 1 */
        const struct memory_message *m = log->slots[i].message;
        if (m == NULL) {
            CHECK(i > log->first && i + 1 < log->end); /* 1 */
            continue;
        }
        check_message(m);
        struct message message = parse(m);
        sum.msgs++;
        sum.bytes += msglog_size(MSGLOG_MEMORY, &message);
        sum.hash += hash_of(m->seq, m->time_ns, &message);
    }
    const struct msglog_state *s = &log->state;
    CHECK(sum.msgs == s->msgs && sum.bytes == s->bytes && sum.hash == s->hash); /* 4 */
    CHECK(log->end - log->first <= 2 * s->msgs + SLACK);                        /* 2 */
    CHECK(s->msgs > 0 ? log->slots[log->first].seq == s->first_seq
                      : s->first_seq == s->last_seq + 1);
    memory_subjects_check(&log->subjects);
}
