/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and last messages under several filters, against a walk over all messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

#include "protocols/nats/subject.h"
#include "runtime/base/prng.h"
#include "store/msglog_file.h"
#include "store/msglog_sum.h"

enum { MESSAGES = 3000, SUBJECTS = 1500 };

static const struct bytes filters[][3] = {
    {BYTES(">")},
    {BYTES("s.1.>"), BYTES("s.*.7")},
    {BYTES("s.*.7"), BYTES("s.1.>"), BYTES("s.1.7")},
    {BYTES("s.3.33")},
    {BYTES("none")},
    {BYTES("s.2.*"), BYTES("none.>"), BYTES("s.>")},
};
static const uint32_t filter_counts[] = {0, 2, 3, 1, 1, 3};
enum { FILTERS = sizeof filters / sizeof filters[0] };

static void subject_of(unsigned n, char *at, size_t size)
{
    snprintf(at, size, "s.%u.%u", n % 15, n / 15);
}

static void publish(struct msglog *log, uint64_t index, const char *subject)
{
    char body[64];
    const struct message m = {.subject = bytes_of(subject)};
    message_body_write(&m, body);
    struct entry e = {.gid = 1, .index = index, .term = 1, .kind = ENTRY_MSG};
    e.body = (struct bytes){body, message_body_size(&m)};
    (void)msglog_append(log, &e, &m, 0);
}

static struct msglog *filled(struct prng *prng)
{
    struct msglog *log = msglog_new(&(struct msglog_options){.form = MSGLOG_MEMORY});
    char subject[32];
    for (uint64_t i = 1; i <= MESSAGES; i++) {
        subject_of((unsigned)prng_below(prng, SUBJECTS), subject, sizeof subject);
        publish(log, i, subject);
    }
    for (int i = 0; i < MESSAGES / 3; i++) {
        struct stored_stat s;
        if (msglog_stat(log, 1 + prng_below(prng, MESSAGES), &s) == 0)
            msglog_remove(log, &s);
    }
    return log;
}

static bool takes(const struct filter *f, struct bytes subject)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (subject_matches(f->subjects[i], subject))
            return true;
    return f->count == 0;
}

static void a_sum_is_that_of_all_messages_that_match(void **state)
{
    struct prng prng;
    prng_init(&prng, 1);
    struct msglog *log = filled(&prng);
    for (int i = 0; i < FILTERS; i++) {
        const struct filter filter = {filters[i], filter_counts[i]};
        struct subject_totals expected = {0};
        for (uint64_t seq = 1; seq <= MESSAGES; seq++) {
            struct stored_stat s;
            if (msglog_stat(log, seq, &s) != 0 || !takes(&filter, s.subject))
                continue;
            if (expected.msgs++ == 0)
                expected.first_seq = seq;
            expected.last_seq = seq;
        }
        struct msglog_walk w = {.filter = &filter};
        struct subject_totals sum = {0};
        unsigned calls = 1;
        int status;
        while ((status = msglog_sum(log, &w, &sum)) == -EINPROGRESS)
            calls++;
        assert_int_equal(status, 0);
        assert_int_equal(sum.msgs, expected.msgs);
        assert_int_equal(sum.first_seq, expected.first_seq);
        assert_int_equal(sum.last_seq, expected.last_seq);
        assert_int_equal(calls > 1, i == 0 || i == 5); /* those that match over a slice */
        msglog_walk_done(&w);
    }
    msglog_free(&log);
}

struct seen {
    struct msglog *log;
    uint64_t up_to;
    bool at[MESSAGES + 1];
    unsigned count;
};

static void see(void *context, struct bytes subject, uint64_t seq)
{
    struct seen *seen = context;
    struct stored_stat s;
    assert_int_equal(msglog_stat(seen->log, seq, &s), 0);
    assert_true(bytes_equal(s.subject, subject));
    assert_true(seq <= seen->up_to);
    assert_false(seen->at[seq]);
    seen->at[seq] = true;
    seen->count++;
}

/* Whether a later one of the same subject lies up to there. */
static bool is_last(struct msglog *log, uint64_t seq, struct bytes subject, uint64_t up_to)
{
    struct stored stored;
    const struct filter one = {&subject, 1};
    return msglog_next(log, &one, seq + 1, up_to, &stored) == -ENOENT;
}

static void the_last_of_each_subject_comes_once(void **state)
{
    struct prng prng;
    prng_init(&prng, 2);
    struct msglog *log = filled(&prng);
    static const uint64_t borders[] = {UINT64_MAX, MESSAGES, MESSAGES / 2, 1, 0};
    for (int i = 0; i < FILTERS; i++) {
        const struct filter filter = {filters[i], filter_counts[i]};
        for (size_t j = 0; j < sizeof borders / sizeof *borders; j++) {
            static struct seen seen;
            seen = (struct seen){.log = log, .up_to = borders[j]};
            struct msglog_walk w = {.filter = &filter};
            int status;
            while ((status = msglog_lasts(log, &w, borders[j], see, &seen)) == -EINPROGRESS)
                ;
            assert_int_equal(status, 0);
            unsigned expected = 0;
            for (uint64_t seq = 1; seq <= MESSAGES && seq <= borders[j]; seq++) {
                struct stored_stat s;
                if (msglog_stat(log, seq, &s) == 0 && takes(&filter, s.subject) &&
                    is_last(log, seq, s.subject, borders[j])) {
                    assert_true(seen.at[seq]);
                    expected++;
                }
            }
            assert_int_equal(seen.count, expected);
            msglog_walk_done(&w);
        }
    }
    msglog_free(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_that_of_all_messages_that_match),
        cmocka_unit_test(the_last_of_each_subject_comes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
