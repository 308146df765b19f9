/* SPDX-License-Identifier: Apache-2.0 */
/* The map of pending deliveries, against an array with a slot for every sequence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "store/group/pending.h"

enum { SEQS_MAX = 40000, STEPS = 60000 };

struct model {
    struct prng prng;
    struct delivery all[SEQS_MAX]; /* by sequence; count 0: none */
    uint64_t last_seq;
    uint64_t last_dseq;
    uint64_t waiting;
    uint64_t exhausted;
    int64_t now_ms;
    uint64_t stride; /* sequences are up to this far apart */
};

static void expect_equal(const struct delivery *a, const struct delivery *b)
{
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->dseq, b->dseq);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->exhausted, b->exhausted);
}

static void push(struct model *m, struct pending *p)
{
    uint64_t seq = m->last_seq + 1 + prng_below(&m->prng, m->stride);
    if (seq >= SEQS_MAX)
        return;
    m->now_ms += (int64_t)prng_below(&m->prng, prng_one_in(&m->prng, 50) ? 1u << 30 : 3);
    m->last_seq = seq;
    m->last_dseq += prng_one_in(&m->prng, 20) ? 1 + prng_below(&m->prng, 1000) : 1;
    struct delivery d = {.seq = seq, .dseq = m->last_dseq, .time_ms = m->now_ms, .count = 1};
    m->all[seq] = d;
    m->waiting++;
    pending_push(p, &d);
}

static uint64_t any_seq(struct model *m)
{
    uint64_t back = prng_one_in(&m->prng, 3) ? SEQS_MAX : 50;
    uint64_t low = m->last_seq > back ? m->last_seq - back : 0;
    return low + prng_below(&m->prng, m->last_seq - low + 1);
}

static void take(struct model *m, struct pending *p, uint64_t seq)
{
    struct delivery d;
    bool there = pending_take(p, seq, &d);
    assert_int_equal(there, m->all[seq].count > 0);
    if (!there)
        return;
    expect_equal(&d, &m->all[seq]);
    if (d.exhausted) {
        m->exhausted--;
    } else {
        m->waiting--;
    }
    m->all[seq].count = 0;
}

static void update(struct model *m, struct pending *p, uint64_t seq)
{
    struct delivery *d = &m->all[seq];
    if (d->count == 0)
        return;
    d->time_ms = m->now_ms - (int64_t)prng_below(&m->prng, 100000);
    d->count += (uint32_t)prng_below(&m->prng, prng_one_in(&m->prng, 10) ? 1000 : 2);
    if (!d->exhausted && prng_one_in(&m->prng, 8)) {
        d->exhausted = true;
        m->waiting--;
        m->exhausted++;
    }
    pending_update(p, d);
}

static uint64_t model_first(const struct model *m)
{
    for (uint64_t seq = 1; seq <= m->last_seq; seq++) {
        if (m->all[seq].count > 0 && !m->all[seq].exhausted)
            return seq;
    }
    return 0;
}

static void expect_all(struct model *m, struct pending *p)
{
    uint64_t at = 1;
    struct delivery d;
    pending_check(p);
    assert_int_equal(p->waiting, m->waiting);
    assert_int_equal(p->exhausted, m->exhausted);
    assert_int_equal(p->first_seq, model_first(m));
    for (uint64_t seq = 1; seq <= m->last_seq; seq++) {
        if (m->all[seq].count == 0)
            continue;
        assert_true(pending_next(p, at, &d));
        expect_equal(&d, &m->all[seq]);
        at = seq + 1;
    }
    assert_false(pending_next(p, at, &d));
}

static void run(uint64_t seed, uint64_t stride)
{
    static struct model m;
    struct pending p = {0};
    m = (struct model){.now_ms = 1000000, .stride = stride};
    prng_init(&m.prng, seed);
    for (int step = 0; step < STEPS; step++) {
        unsigned what = (unsigned)prng_below(&m.prng, 10);
        if (what < 5) {
            push(&m, &p);
        } else if (what < 8) {
            take(&m, &p, any_seq(&m));
        } else if (what < 9) {
            update(&m, &p, any_seq(&m));
        } else {
            struct delivery d;
            uint64_t seq = any_seq(&m);
            assert_int_equal(pending_get(&p, seq, &d), m.all[seq].count > 0);
        }
        if (step % 5000 == 0)
            expect_all(&m, &p);
    }
    expect_all(&m, &p);
    for (uint64_t seq = 1; seq <= m.last_seq; seq++)
        take(&m, &p, seq);
    expect_all(&m, &p);
    assert_int_equal(pending_memory(&p), 0);
    pending_done(&p);
}

static void test_any_order_of_steps_agrees_with_an_array(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(seed, 1);
        run(seed, 4);
        run(seed, 40);
    }
}

static void fill(struct pending *p, uint64_t count, uint64_t stride)
{
    for (uint64_t i = 1; i <= count; i++) {
        struct delivery d = {.seq = i * stride, .dseq = i, .time_ms = (int64_t)i / 100, .count = 1};
        pending_push(p, &d);
    }
}

static void test_a_dense_run_takes_less_than_4_bytes_an_entry(void **state)
{
    struct pending p = {0};
    fill(&p, 100 * PENDING_CHUNK_SLOTS, 1);
    assert_true(pending_memory(&p) < 4 * 100 * PENDING_CHUNK_SLOTS);
    pending_done(&p);
}

static void test_a_sparse_run_takes_less_than_16_bytes_an_entry(void **state)
{
    struct pending p = {0};
    fill(&p, 100 * PENDING_CHUNK_SLOTS, 1000000007);
    assert_true(pending_memory(&p) < 16 * 100 * PENDING_CHUNK_SLOTS);
    pending_check(&p);
    pending_done(&p);
}

static void test_stragglers_do_not_keep_the_memory_of_what_was_settled(void **state)
{
    struct pending p = {0};
    struct delivery d;
    fill(&p, 100 * PENDING_CHUNK_SLOTS, 1);
    for (uint64_t seq = 1; seq <= 100 * PENDING_CHUNK_SLOTS; seq++) {
        if (seq % 500 != 0)
            assert_true(pending_take(&p, seq, &d));
    }
    pending_check(&p);
    assert_true(pending_memory(&p) < 64 * pending_count(&p));
    pending_done(&p);
}

static void test_times_and_counts_of_any_size_are_kept(void **state)
{
    static const int64_t times[] = {0, -1, 1, INT64_MAX / 4, INT64_MIN / 4, 5000000000, 70000};
    struct pending p = {0};
    struct delivery d;
    fill(&p, 7, 1);
    for (uint64_t i = 0; i < 7; i++) {
        struct delivery to = {.seq = i + 1, .dseq = i + 1, .time_ms = times[i]};
        to.count = PENDING_COUNT_MAX - (uint32_t)i;
        pending_update(&p, &to);
    }
    for (uint64_t i = 0; i < 7; i++) {
        assert_true(pending_get(&p, i + 1, &d));
        assert_int_equal(d.time_ms, times[i]);
        assert_int_equal(d.count, PENDING_COUNT_MAX - i);
    }
    pending_check(&p);
    pending_done(&p);
}

static void test_the_first_waiting_entry_passes_over_exhausted_ones(void **state)
{
    struct pending p = {0};
    struct delivery d;
    fill(&p, 5000, 1);
    for (uint64_t seq = 1; seq <= 3000; seq++) {
        assert_true(pending_get(&p, seq, &d));
        d.exhausted = true;
        pending_update(&p, &d);
    }
    assert_int_equal(p.first_seq, 3001);
    assert_int_equal(p.exhausted, 3000);
    assert_int_equal(p.redelivered, 3000);
    assert_int_equal(pending_low(&p), 1);
    pending_check(&p);
    pending_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_of_steps_agrees_with_an_array),
        cmocka_unit_test(test_a_dense_run_takes_less_than_4_bytes_an_entry),
        cmocka_unit_test(test_a_sparse_run_takes_less_than_16_bytes_an_entry),
        cmocka_unit_test(test_stragglers_do_not_keep_the_memory_of_what_was_settled),
        cmocka_unit_test(test_times_and_counts_of_any_size_are_kept),
        cmocka_unit_test(test_the_first_waiting_entry_passes_over_exhausted_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
