/* SPDX-License-Identifier: Apache-2.0 */
/* test_epoch.c -- when retired entries go: against a model that remembers who was inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "runtime/epoch.h"

#define WORKERS 4

struct entry {
    struct reclaim_entry entry;
    unsigned
        readers; /* workers that were inside when it was retired and have not left since: bits */
    unsigned *gone;
};

struct scene {
    struct epoch epoch;
    struct epoch_slot slots[WORKERS];
    struct epoch_retired retired[WORKERS];
    struct entry *waiting[256];
    unsigned count;
    unsigned gone;
};

static void entry_done(struct reclaim_entry *r)
{
    struct entry *e = (struct entry *)(void *)r;
    assert_int_equal(e->readers, 0);
    ++*e->gone;
    e->gone = NULL; /* the scene frees it */
}

static void scene_init(struct scene *s)
{
    memset(s, 0, sizeof *s);
    epoch_init(&s->epoch);
    for (unsigned i = 0; i < WORKERS; i++)
        epoch_retired_init(&s->retired[i]);
}

static bool inside(const struct scene *s, unsigned worker)
{
    return s->slots[worker].entered != 0;
}

static struct entry *retire(struct scene *s, unsigned worker)
{
    struct entry *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->entry.done = entry_done;
    e->gone = &s->gone;
    for (unsigned i = 0; i < WORKERS; i++)
        e->readers |= (unsigned)inside(s, i) << i;
    epoch_defer(&s->retired[worker], &e->entry);
    s->waiting[s->count++] = e;
    return e;
}

static void leave(struct scene *s, unsigned worker)
{
    epoch_leave(&s->slots[worker]);
    for (unsigned i = 0; i < s->count; i++)
        s->waiting[i]->readers &= ~(1u << worker);
}

static size_t poll(struct scene *s, unsigned worker)
{
    size_t gone = epoch_poll(&s->epoch, &s->retired[worker], s->slots, WORKERS);
    unsigned kept = 0;
    for (unsigned i = 0; i < s->count; i++)
        if (s->waiting[i]->gone == NULL)
            free(s->waiting[i]);
        else
            s->waiting[kept++] = s->waiting[i];
    assert_int_equal(s->count - kept, gone);
    s->count = kept;
    return gone;
}

static void with_nobody_inside_a_poll_takes_all(void **state)
{
    struct scene s;
    scene_init(&s);
    assert_int_equal(poll(&s, 0), 0);
    for (unsigned i = 0; i < 5; i++)
        (void)retire(&s, 0);
    assert_true(epoch_pending(&s.retired[0]));
    assert_int_equal(poll(&s, 0), 5);
    assert_false(epoch_pending(&s.retired[0]));
}

static void a_reader_that_was_inside_holds_until_it_leaves(void **state)
{
    struct scene s;
    scene_init(&s);
    epoch_enter(&s.epoch, &s.slots[1]);
    (void)retire(&s, 0);
    assert_int_equal(poll(&s, 0), 0);
    epoch_enter(&s.epoch, &s.slots[2]); /* came later: does not matter */
    assert_int_equal(poll(&s, 0), 0);
    leave(&s, 1);
    assert_int_equal(poll(&s, 0), 1);
    leave(&s, 2);
}

static void a_batch_that_waits_does_not_hold_back_the_next_for_ever(void **state)
{
    struct scene s;
    scene_init(&s);
    epoch_enter(&s.epoch, &s.slots[1]);
    (void)retire(&s, 0);
    assert_int_equal(poll(&s, 0), 0); /* closed */
    (void)retire(&s, 0);              /* joins the next */
    leave(&s, 1);
    epoch_enter(&s.epoch, &s.slots[1]);
    assert_int_equal(poll(&s, 0), 1);
    leave(&s, 1);
    assert_int_equal(poll(&s, 0), 1);
}

static void one_that_never_leaves_for_long_does_not_stop_the_others(void **state)
{
    struct scene s;
    scene_init(&s);
    for (unsigned round = 0; round < 50; round++) { /* two overlap for ever, none stays */
        epoch_enter(&s.epoch, &s.slots[round % 2]);
        if (round > 0)
            leave(&s, (round + 1) % 2);
        (void)retire(&s, 3);
        (void)poll(&s, 3);
        assert_true(s.count <= 4);
    }
    leave(&s, 1);
    (void)poll(&s, 3);
    (void)poll(&s, 3);
    assert_int_equal(s.gone, 50);
}

static void random_sections_free_nothing_early_and_all_in_the_end(void **state)
{
    struct prng p;
    prng_init(&p, 8);
    struct scene s;
    scene_init(&s);
    unsigned retired = 0;
    for (unsigned step = 0; step < 100000; step++) {
        unsigned w = (unsigned)prng_below(&p, WORKERS);
        switch (prng_below(&p, 4)) {
        case 0:
            if (inside(&s, w))
                leave(&s, w);
            else
                epoch_enter(&s.epoch, &s.slots[w]);
            break;
        case 1:
            if (s.count < 256) {
                (void)retire(&s, w);
                retired++;
            }
            break;
        default: (void)poll(&s, w);
        }
    }
    assert_true(s.gone > retired / 2);
    for (unsigned i = 0; i < WORKERS; i++)
        if (inside(&s, i))
            leave(&s, i);
    for (unsigned i = 0; i < 2 * WORKERS; i++)
        (void)poll(&s, i % WORKERS);
    assert_int_equal(s.gone, retired);
}

static struct epoch_retired *again_into;

static void again_done(struct reclaim_entry *r)
{
    struct entry *e = (struct entry *)(void *)r;
    if (++*e->gone < 3)
        epoch_defer(again_into, r);
}

static void a_drain_runs_also_what_is_retired_while_it_runs(void **state)
{
    struct scene s;
    scene_init(&s);
    unsigned runs = 0;
    struct entry e = {.entry = {.done = again_done}, .gone = &runs};
    again_into = &s.retired[0];
    epoch_enter(&s.epoch, &s.slots[1]); /* a drain asks nobody */
    epoch_defer(&s.retired[0], &e.entry);
    epoch_drain(&s.retired[0]);
    assert_int_equal(runs, 3);
    assert_false(epoch_pending(&s.retired[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nobody_inside_a_poll_takes_all),
        cmocka_unit_test(a_reader_that_was_inside_holds_until_it_leaves),
        cmocka_unit_test(a_batch_that_waits_does_not_hold_back_the_next_for_ever),
        cmocka_unit_test(one_that_never_leaves_for_long_does_not_stop_the_others),
        cmocka_unit_test(random_sections_free_nothing_early_and_all_in_the_end),
        cmocka_unit_test(a_drain_runs_also_what_is_retired_while_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
