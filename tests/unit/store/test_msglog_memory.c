/* SPDX-License-Identifier: Apache-2.0 */
/* The memory form of a message log, against an array of messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "protocols/nats/subject.h"
#include "runtime/base/prng.h"
#include "store/format/buffer.h"
#include "tests/unit/store/msglog_double.h"

enum { MESSAGES_MAX = 3000, SUBJECTS = 40 };

struct listed {
    uint64_t seq; /* 0: dead */
    int64_t time_ns;
    unsigned subject;
};

struct bench {
    struct prng prng;
    struct msglog_memory *log;
    struct listed list[MESSAGES_MAX];
    unsigned count;
    uint64_t last_seq;
    int64_t now_ns;
    uint64_t index;
};

static char names[SUBJECTS][16];

static const char *const filters[] = {"s.1", "s.*",   "s.>", "t.*.x", "*.1",
                                      ">",   "t.2.x", "z",   "s.1*"};
enum { FILTERS = sizeof filters / sizeof filters[0] };

static void name_subjects(void)
{
    for (unsigned i = 0; i < SUBJECTS; i++)
        snprintf(names[i], sizeof names[i], i % 2 ? "s.%u" : "t.%u.x", i);
}

static void append(struct bench *b, uint64_t seq)
{
    unsigned subject = (unsigned)prng_below(&b->prng, SUBJECTS);
    struct message m = {.subject = bytes_of(names[subject]), .payload = BYTES("xyz")};
    struct buffer body = {0};
    size_t size = message_body_size(&m);
    message_body_write(&m, buffer_room(&body, size));
    body.size = size;
    b->now_ns += (int64_t)prng_below(&b->prng, 3);
    struct entry e = {
        .index = ++b->index, .term = 1, .time_ns = b->now_ns, .body = buffer_view(&body)};
    uint64_t got = msglog_memory_append(b->log, &e, &m, seq);
    assert_int_equal(got, seq > b->last_seq ? seq : b->last_seq + 1);
    b->last_seq = got;
    b->list[b->count++] = (struct listed){got, b->now_ns, subject};
    buffer_done(&body);
}

static void remove_one(struct bench *b)
{
    struct listed *l = &b->list[prng_below(&b->prng, b->count)];
    struct stored_stat s;
    if (prng_one_in(&b->prng, 2)) /* mostly old ones */
        for (unsigned i = 0; i < b->count && l->seq == 0; i++)
            l = &b->list[i];
    if (l->seq == 0)
        return;
    assert_int_equal(msglog_memory_stat(b->log, l->seq, &s), 0);
    assert_true(bytes_are(s.subject, names[l->subject]));
    msglog_memory_remove(b->log, &s);
    assert_int_equal(msglog_memory_stat(b->log, l->seq, &s), -ENOENT);
    l->seq = 0;
}

static void compact(struct bench *b, uint64_t seq)
{
    msglog_memory_compact(b->log, seq);
    for (unsigned i = 0; i < b->count; i++)
        if (b->list[i].seq < seq)
            b->list[i].seq = 0;
    if (seq > b->last_seq + 1)
        b->last_seq = seq - 1;
}

static bool is_wanted(const struct listed *l, const char *filter)
{
    return l->seq != 0 &&
           (filter == NULL || subject_matches(bytes_of(filter), bytes_of(names[l->subject])));
}

static void compare_walks(struct bench *b, const char *text)
{
    struct bytes subject = text != NULL ? bytes_of(text) : (struct bytes){0};
    struct filter filter = {&subject, text != NULL};
    uint64_t from = prng_below(&b->prng, b->last_seq + 2);
    uint64_t to = prng_below(&b->prng, b->last_seq + 2);
    uint64_t next = 0;
    uint64_t prev = 0;
    for (unsigned i = 0; i < b->count; i++) {
        const struct listed *l = &b->list[i];
        if (!is_wanted(l, text))
            continue;
        if (next == 0 && l->seq >= from && l->seq <= to)
            next = l->seq;
        if (l->seq <= from && l->seq >= to)
            prev = l->seq;
    }
    struct stored s = {0};
    assert_int_equal(msglog_memory_next(b->log, &filter, from, to, &s), next ? 0 : -ENOENT);
    assert_true(next == 0 || s.seq == next);
    assert_int_equal(msglog_memory_prev(b->log, &filter, from, to, &s), prev ? 0 : -ENOENT);
    assert_true(prev == 0 || s.seq == prev);
}

struct seen {
    struct bench *bench;
    const char *filter;
    char last[16];
    unsigned count;
};

static struct subject_totals totals_of(const struct bench *b, const char *subject)
{
    struct subject_totals t = {0};
    for (unsigned i = 0; i < b->count; i++) {
        if (b->list[i].seq == 0 || strcmp(names[b->list[i].subject], subject) != 0)
            continue;
        t.first_seq = t.msgs++ == 0 ? b->list[i].seq : t.first_seq;
        t.last_seq = b->list[i].seq;
    }
    return t;
}

static void see(void *context, struct bytes subject, const struct subject_totals *totals)
{
    struct seen *seen = context;
    char name[16] = {0};
    memcpy(name, subject.at, subject.size);
    assert_true(strcmp(seen->last, name) < 0);
    assert_true(subject_matches(bytes_of(seen->filter), subject));
    struct subject_totals t = totals_of(seen->bench, name);
    assert_true(t.msgs == totals->msgs && t.first_seq == totals->first_seq &&
                t.last_seq == totals->last_seq);
    memcpy(seen->last, name, sizeof name);
    seen->count++;
}

static void compare_subjects(struct bench *b, const char *filter)
{
    struct seen seen = {.bench = b, .filter = filter};
    unsigned expected = 0;
    for (unsigned i = 0; i < SUBJECTS; i++)
        expected += totals_of(b, names[i]).msgs > 0 &&
                    subject_matches(bytes_of(filter), bytes_of(names[i]));
    int r;
    do {
        char after[16];
        memcpy(after, seen.last, sizeof after);
        r = msglog_memory_subjects(b->log, bytes_of(filter), bytes_of(after),
                                   1 + (uint32_t)prng_below(&b->prng, 5), see, &seen);
    } while (r == -EINPROGRESS);
    assert_int_equal(r, 0);
    assert_int_equal(seen.count, expected);
}

static void compare_counts(struct bench *b)
{
    uint64_t from = prng_below(&b->prng, b->last_seq + 2);
    int64_t time_ns = (int64_t)prng_below(&b->prng, (uint64_t)b->now_ns + 2);
    uint64_t expected = 0;
    uint64_t at = b->last_seq + 1;
    uint64_t live = 0;
    for (unsigned i = b->count; i-- > 0;) {
        const struct listed *l = &b->list[i];
        if (l->seq == 0)
            continue;
        live++;
        expected += l->seq >= from;
        if (l->time_ns >= time_ns)
            at = l->seq;
    }
    uint64_t got;
    assert_int_equal(msglog_memory_count_from(b->log, from, &got), 0);
    assert_int_equal(got, expected);
    assert_int_equal(msglog_memory_seq_at(b->log, time_ns, &got), 0);
    assert_int_equal(got, at);
    struct msglog_state s;
    msglog_memory_state(b->log, &s);
    assert_int_equal(s.msgs, live);
    assert_int_equal(s.last_seq, b->last_seq);
    assert_int_equal(s.deleted, live > 0 ? s.last_seq - s.first_seq + 1 - live : 0);
}

static void step(struct bench *b)
{
    uint64_t draw = prng_below(&b->prng, 1000);
    if (draw < 500)
        append(b, prng_one_in(&b->prng, 20) ? b->last_seq + prng_below(&b->prng, 100) : 0);
    else if (draw < 960 && b->count > 0)
        remove_one(b);
    else if (draw < 963)
        compact(b, prng_below(&b->prng, b->last_seq + 10));
    else if (draw < 965)
        msglog_memory_skip(b->log, b->last_seq += 3);
}

static void random_changes_are_as_in_an_array(void **state)
{
    name_subjects();
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct bench *b = calloc(1, sizeof *b);
        assert_non_null(b);
        prng_init(&b->prng, seed);
        b->log = msglog_memory_new(seed);
        for (unsigned steps = 0; b->count < 1500; steps++) {
            step(b);
            if (steps % 8 != 0)
                continue;
            compare_walks(b, NULL);
            compare_walks(b, filters[steps / 8 % FILTERS]);
            compare_subjects(b, filters[steps / 8 % FILTERS]);
            compare_counts(b);
            msglog_memory_check(b->log);
        }
        msglog_memory_free(&b->log);
        free(b);
    }
}

static void a_long_way_without_a_match_goes_in_slices(void **state)
{
    struct msglog_memory *log = msglog_memory_new(1);
    char body[64];
    struct message m = {.subject = BYTES("a")};
    struct entry e = {.body = {body, message_body_size(&m)}};
    message_body_write(&m, body);
    for (unsigned i = 0; i < 2 * MSGLOG_SCAN_MAX + 10; i++)
        msglog_memory_append(log, &e, &m, 0);
    struct bytes subject = BYTES("b.*");
    struct filter filter = {&subject, 1};
    struct stored s = {.seq = 1};
    unsigned slices = 0;
    int r;
    while ((r = msglog_memory_next(log, &filter, s.seq, UINT64_MAX, &s)) == -EINPROGRESS)
        slices++;
    assert_int_equal(r, -ENOENT);
    assert_int_equal(slices, 2);
    s.seq = UINT64_MAX;
    while ((r = msglog_memory_prev(log, &filter, s.seq, 1, &s)) == -EINPROGRESS)
        slices++;
    assert_int_equal(r, -ENOENT);
    assert_int_equal(slices, 4);
    msglog_memory_free(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_are_as_in_an_array),
        cmocka_unit_test(a_long_way_without_a_match_goes_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
