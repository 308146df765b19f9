/* SPDX-License-Identifier: Apache-2.0 */
/* test_wheel.c -- the timer wheel against a model: a plain array of what is armed, sorted when asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "runtime/wheel.h"

#define SPAN ((uint64_t)1 << 32) /* what the four levels reach: 49.7 days */

struct entry {
    struct timer timer;
    uint64_t due;   /* what the model expects: never before the tick it was armed at */
    uint64_t order; /* of arming */
};

struct model {
    struct wheel wheel;
    struct entry *entries;
    uint32_t count;
    uint64_t armings;
    uint64_t now;
    struct entry **due; /* scratch of model_advance */
};

static void model_init(struct model *m, uint32_t count, uint64_t now)
{
    *m = (struct model){.count = count, .now = now};
    m->entries = calloc(count, sizeof *m->entries);
    m->due = calloc(count, sizeof *m->due);
    assert_true(m->entries != NULL && m->due != NULL);
    wheel_init(&m->wheel, now);
}

static void model_done(struct model *m)
{
    free(m->entries);
    free(m->due);
}

static void model_arm(struct model *m, struct entry *e, uint64_t due)
{
    wheel_add(&m->wheel, &e->timer, due);
    e->due = due > m->now ? due : m->now + 1;
    e->order = m->armings++;
}

static int by_due_then_order(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a;
    const struct entry *y = *(struct entry *const *)b;
    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static uint64_t model_next(const struct model *m)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < m->count; i++)
        if (timer_armed(&m->entries[i].timer) && m->entries[i].due < next)
            next = m->entries[i].due;
    return next;
}

/* Fires all that is due at `now` and compares: the same timers, in the same order. */
static uint32_t model_advance(struct model *m, uint64_t now)
{
    uint32_t expected = 0;
    for (uint32_t i = 0; i < m->count; i++)
        if (timer_armed(&m->entries[i].timer) && m->entries[i].due <= now)
            m->due[expected++] = &m->entries[i];
    if (expected > 0)
        qsort(m->due, expected, sizeof(struct entry *), by_due_then_order);
    for (uint32_t i = 0; i < expected; i++) {
        struct timer *timer = wheel_expired(&m->wheel, now);
        assert_ptr_equal(timer, &m->due[i]->timer);
        assert_false(timer_armed(timer));
    }
    assert_null(wheel_expired(&m->wheel, now));
    m->now = now;
    return expected;
}

static void model_check_next(const struct model *m)
{
    uint64_t real = model_next(m);
    uint64_t said = wheel_next_ms(&m->wheel);
    assert_true(said <= real);
    assert_true(said > m->now);
    if (real / WHEEL_SLOTS == (m->now + 1) / WHEEL_SLOTS)
        assert_true(said == real);
    if (real == UINT64_MAX)
        assert_true(said == UINT64_MAX);
}

/* Delays of all sizes, many of them next to the boundaries of levels. */
static uint64_t draw_delay(struct prng *p)
{
    unsigned bits = (unsigned)prng_below(p, 35);
    uint64_t delay = prng_below(p, ((uint64_t)1 << bits) + 1);
    if (prng_one_in(p, 3)) {
        unsigned level = (unsigned)prng_below(p, 4) + 1;
        delay = ((uint64_t)1 << (level * 8)) - 2 + prng_below(p, 5);
    }
    return delay;
}

static uint64_t draw_step(struct prng *p, const struct model *m)
{
    switch (prng_below(p, 6)) {
    case 0: return m->now + 1;
    case 1: { /* up to a boundary, and one to each side of it */
        uint64_t size = (uint64_t)1 << (8 * (1 + prng_below(p, 3)));
        return (m->now / size + 1) * size + prng_below(p, 2);
    }
    case 2: return m->now + draw_delay(p);
    case 3: { /* as a worker does: when it is told to look again */
        uint64_t next = wheel_next_ms(&m->wheel);
        return next == UINT64_MAX ? m->now : next;
    }
    default: return m->now + prng_below(p, 300);
    }
}

static void run_random(uint64_t seed, uint64_t start, unsigned steps, uint32_t timers)
{
    struct prng p;
    prng_init(&p, seed);
    struct model m;
    model_init(&m, timers, start);
    uint32_t fired = 0;
    for (unsigned step = 0; step < steps; step++) {
        for (unsigned i = 0; i < 8; i++) {
            struct entry *e = &m.entries[prng_below(&p, m.count)];
            if (timer_armed(&e->timer))
                wheel_remove(&m.wheel, &e->timer);
            if (!prng_one_in(&p, 4))
                model_arm(&m, e, m.now + draw_delay(&p));
        }
        model_check_next(&m);
        fired += model_advance(&m, draw_step(&p, &m));
        model_check_next(&m);
    }
    assert_true(fired > steps / 2);
    model_done(&m);
}

static void fires_in_the_order_of_a_sorted_list(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++)
        run_random(seed, prng_below(&(struct prng){{seed, 2, 3, 4}}, SPAN), 600, 60);
}

static void fires_in_order_across_the_end_of_its_span(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++)
        run_random(seed, 3 * SPAN - 1 - prng_below(&(struct prng){{seed, 2, 3, 4}}, 70000), 300,
                   60);
}

static void an_empty_wheel_says_never_and_follows_the_clock(void **state)
{
    struct model m;
    model_init(&m, 1, 10);
    assert_true(wheel_next_ms(&m.wheel) == UINT64_MAX);
    model_advance(&m, 1000000);
    model_arm(&m, &m.entries[0], 1000005);
    assert_true(wheel_next_ms(&m.wheel) == 1000005);
    assert_int_equal(model_advance(&m, 1000004), 0);
    assert_int_equal(model_advance(&m, 1000005), 1);
    assert_true(wheel_next_ms(&m.wheel) == UINT64_MAX);
    model_done(&m);
}

static void a_due_time_that_has_passed_fires_at_the_next_tick(void **state)
{
    struct model m;
    model_init(&m, 1, 5000);
    model_arm(&m, &m.entries[0], 12);
    assert_null(wheel_expired(&m.wheel, 5000));
    assert_int_equal(model_advance(&m, 5001), 1);
    model_done(&m);
}

static void cancelling_twice_or_unarmed_does_nothing(void **state)
{
    struct model m;
    model_init(&m, 2, 0);
    wheel_remove(&m.wheel, &m.entries[0].timer);
    model_arm(&m, &m.entries[0], 7);
    model_arm(&m, &m.entries[1], 7);
    wheel_remove(&m.wheel, &m.entries[0].timer);
    wheel_remove(&m.wheel, &m.entries[0].timer);
    assert_int_equal(model_advance(&m, 7), 1);
    model_done(&m);
}

/* Every delay next to a boundary, armed at every kind of tick next to one: never early, never late. */
static void each_cascade_boundary_is_exact(void **state)
{
    static const uint64_t around[] = {0, 1, 2, 127, 254, 255};
    for (unsigned level = 1; level <= 4; level++)
        for (unsigned i = 0; i < sizeof around / sizeof *around; i++)
            for (unsigned j = 0; j < sizeof around / sizeof *around; j++) {
                uint64_t size = (uint64_t)1 << (level * 8);
                struct model m;
                model_init(&m, 1, 2 * size - 1 - around[i]);
                uint64_t due = 2 * size + around[j];
                model_arm(&m, &m.entries[0], due);
                assert_int_equal(model_advance(&m, due - 1), 0);
                assert_int_equal(model_advance(&m, due), 1);
                model_done(&m);
            }
}

static void looking_when_told_reaches_a_timer_in_few_steps(void **state)
{
    struct prng p;
    prng_init(&p, 5);
    for (unsigned i = 0; i < 2000; i++) {
        struct model m;
        model_init(&m, 1, prng_below(&p, SPAN * 3));
        model_arm(&m, &m.entries[0], m.now + 1 + prng_below(&p, SPAN * 2));
        uint64_t due = m.entries[0].due;
        unsigned looks = 0;
        while (timer_armed(&m.entries[0].timer)) {
            uint64_t next = wheel_next_ms(&m.wheel);
            assert_true(next <= due && next > m.now);
            model_advance(&m, next);
            looks++;
        }
        assert_true(m.now == due);
        assert_true(looks <= 5);
        model_done(&m);
    }
}

static void a_timer_years_away_fires_on_its_tick(void **state)
{
    static const uint64_t away[] = {SPAN - 1, SPAN, SPAN + 1, 3 * SPAN + 17, 1000 * SPAN + 1};
    static const uint64_t start[] = {0, 1000, SPAN - 2, SPAN - 1, SPAN, 7 * SPAN - 1};
    for (unsigned i = 0; i < sizeof away / sizeof *away; i++)
        for (unsigned j = 0; j < sizeof start / sizeof *start; j++) {
            struct model m;
            model_init(&m, 1, start[j]);
            model_arm(&m, &m.entries[0], start[j] + away[i]);
            assert_int_equal(model_advance(&m, start[j] + away[i] / 2), 0);
            assert_int_equal(model_advance(&m, start[j] + away[i] - 1), 0);
            assert_int_equal(model_advance(&m, start[j] + away[i]), 1);
            model_done(&m);
        }
}

/* The last span of all: a worker that shuts down takes out what never was to fire. */
static void what_is_due_at_the_end_of_time_can_be_taken_out(void **state)
{
    struct model m;
    model_init(&m, 2, 100);
    model_arm(&m, &m.entries[0], UINT64_MAX - 3);
    model_arm(&m, &m.entries[1], UINT64_MAX);
    assert_int_equal(model_advance(&m, UINT64_MAX - 2), 1);
    wheel_remove(&m.wheel, &m.entries[1].timer);
    assert_true(wheel_next_ms(&m.wheel) == UINT64_MAX);
    model_done(&m);
}

static void a_hundred_thousand_timers_fire_once_each_in_order(void **state)
{
    struct prng p;
    prng_init(&p, 11);
    struct model m;
    uint32_t count = 100000;
    model_init(&m, count, 123456789);
    for (uint32_t i = 0; i < count; i++)
        model_arm(&m, &m.entries[i], m.now + prng_below(&p, 20000000));
    uint32_t cancelled = 0;
    for (uint32_t i = 0; i < count; i += 7, cancelled++)
        wheel_remove(&m.wheel, &m.entries[i].timer);
    uint32_t fired = 0;
    while (m.wheel.count > 0)
        fired += model_advance(&m, m.now + 1 + prng_below(&p, 400000));
    assert_int_equal(fired, count - cancelled);
    model_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_in_the_order_of_a_sorted_list),
        cmocka_unit_test(fires_in_order_across_the_end_of_its_span),
        cmocka_unit_test(an_empty_wheel_says_never_and_follows_the_clock),
        cmocka_unit_test(a_due_time_that_has_passed_fires_at_the_next_tick),
        cmocka_unit_test(cancelling_twice_or_unarmed_does_nothing),
        cmocka_unit_test(each_cascade_boundary_is_exact),
        cmocka_unit_test(looking_when_told_reaches_a_timer_in_few_steps),
        cmocka_unit_test(a_timer_years_away_fires_on_its_tick),
        cmocka_unit_test(what_is_due_at_the_end_of_time_can_be_taken_out),
        cmocka_unit_test(a_hundred_thousand_timers_fire_once_each_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
