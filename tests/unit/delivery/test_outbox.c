/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "delivery/outbox.h"
#include "tests/unit/support/catcher.h"

#define TARGETS (3 * OUTBOX_TARGETS_MAX + 5)

struct place {
    struct stub_net *net;
    struct catcher *targets[TARGETS];
    unsigned count;
};

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    p->net = stub_net_new(8, 1);
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < p->count; i++)
        catcher_end(p->targets[i]);
    stub_net_settle(p->net);
    stub_net_free(&p->net);
    free(p);
    return 0;
}

static struct catcher *add_target(struct place *p)
{
    return p->targets[p->count++] = catcher_spawn();
}

static void put(struct outbox *outbox, struct batch *batch, const char *text)
{
    uint32_t size = (uint32_t)strlen(text);
    batch_copy(batch, text, size);
    batch_account(batch, &(struct part){.slot = 1, .frames = 1, .bytes = size});
    outbox->bytes += size;
}

static void a_target_has_one_open_batch(void **state)
{
    struct place *p = *state;
    struct catcher *a = add_target(p);
    struct catcher *b = add_target(p);
    worker_enter(p->net->system->workers[0]);
    struct outbox *outbox = outbox_here();
    struct batch *first = outbox_batch(outbox, a->actor.self);
    put(outbox, first, "1");
    put(outbox, outbox_batch(outbox, b->actor.self), "2");
    assert_ptr_equal(outbox_batch(outbox, a->actor.self), first);
    put(outbox, first, "3");
    outbox_flush(outbox);
    assert_int_equal(atomic_load(&a->actor.inflight), 2);
    assert_int_equal(outbox->bytes, 0);
    stub_net_settle(p->net);
    assert_int_equal(atomic_load(&a->actor.inflight), 0);
    assert_string_equal(catcher_text(a), "13");
    assert_string_equal(catcher_text(b), "2");
    assert_int_equal(a->batches, 1);
}

static void more_targets_than_it_holds_get_theirs_in_order(void **state)
{
    struct place *p = *state;
    while (p->count < TARGETS)
        (void)add_target(p);
    worker_enter(p->net->system->workers[0]);
    struct outbox *outbox = outbox_here();
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < TARGETS; i++) {
            char text[16];
            snprintf(text, sizeof text, "%u,", round);
            put(outbox, outbox_batch(outbox, p->targets[i]->actor.self), text);
            assert_in_range(outbox->open_count, 1, OUTBOX_TARGETS_MAX);
        }
    outbox_flush(outbox);
    stub_net_settle(p->net);
    for (unsigned i = 0; i < TARGETS; i++)
        assert_string_equal(catcher_text(p->targets[i]), "0,1,2,");
}

static void private_bytes_of_open_batches_are_bounded(void **state)
{
    struct place *p = *state;
    struct catcher *a = add_target(p);
    struct catcher *b = add_target(p);
    worker_enter(p->net->system->workers[0]);
    struct outbox *outbox = outbox_here();
    char *frame = malloc(60001);
    memset(frame, 'x', 60000);
    frame[60000] = '\0';
    for (unsigned i = 0; i < 200; i++) {
        put(outbox, outbox_batch(outbox, (i % 2 == 0 ? a : b)->actor.self), frame);
        assert_in_range(outbox->bytes, 1, OUTBOX_BYTES_MAX + 60000);
    }
    outbox_flush(outbox);
    stub_net_settle(p->net);
    assert_int_equal(a->got.size, 100 * 60000);
    assert_int_equal(b->got.size, 100 * 60000);
    free(frame);
}

static void closed_and_dead_targets_have_none(void **state)
{
    struct place *p = *state;
    struct catcher *closed = add_target(p);
    struct actor_ref dead = catcher_spawn()->actor.self;
    actor_send(dead, msg_alloc(&catcher_types[CATCHER_TIMER]));
    stub_net_settle(p->net);
    worker_enter(p->net->system->workers[0]);
    struct outbox *outbox = outbox_here();
    actor_set_pressure(&closed->actor, PRESSURE_CLOSED);
    assert_null(outbox_batch(outbox, closed->actor.self));
    assert_null(outbox_batch(outbox, dead));
    assert_null(outbox_batch(outbox, NOBODY));
    assert_int_equal(outbox->open_count, 0);
    stub_net_settle(p->net);
}

static void a_target_that_ends_before_the_flush_loses_its_batch_alone(void **state)
{
    struct place *p = *state;
    struct catcher *a = add_target(p);
    struct actor_ref dying = catcher_spawn()->actor.self;
    worker_enter(p->net->system->workers[0]);
    struct outbox *outbox = outbox_here();
    put(outbox, outbox_batch(outbox, dying), "lost");
    put(outbox, outbox_batch(outbox, a->actor.self), "kept");
    actor_send(dying, msg_alloc(&catcher_types[CATCHER_TIMER]));
    assert_true(worker_run_one(p->net->system->workers[0], 0));
    outbox_flush(outbox);
    stub_net_settle(p->net);
    assert_string_equal(catcher_text(a), "kept");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_target_has_one_open_batch),
        TEST(more_targets_than_it_holds_get_theirs_in_order),
        TEST(private_bytes_of_open_batches_are_bounded),
        TEST(closed_and_dead_targets_have_none),
        TEST(a_target_that_ends_before_the_flush_loses_its_batch_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
