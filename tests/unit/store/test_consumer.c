/* SPDX-License-Identifier: Apache-2.0 */
/* One consumer: what happens to it, as text, and where it stands then.
 *
 *     d N      N is delivered         r N   once more        a N   acknowledged
 *     n N      nak, no delay          N N   nak, 5 s         t N   terminated
 *     p N      progress               x N   exhausted        m N   removed from the stream
 *     g N      delivered, but already removed                f N   nothing is left before N
 *     z N      it begins again at N
 *
 * A second passes before each. Expected: delivered, floor (both of the consumer, the stream), then
 * the entries as seq:dseq*count@seconds, those that are exhausted with an x; then what was told as
 * settled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/group/consumer.h"

struct scenario {
    const char *what;
    uint8_t ack;
    const char *story;
    const char *expected;
};

/* clang-format off */
static const struct scenario scenarios[] = {
    {"a new one stands before its first message", CONSUMER_ACK_EXPLICIT, "",
     "0,0 0,0 ="},
    {"deliveries wait", CONSUMER_ACK_EXPLICIT, "d1 d2 d5",
     "3,5 0,0 1:1*1@1 2:2*1@2 5:3*1@3 ="},
    {"the floor goes up to before the next that waits", CONSUMER_ACK_EXPLICIT, "d1 d2 d5 a1 a2",
     "3,5 2,4 5:3*1@3 = 1 2"},
    {"acks in any order", CONSUMER_ACK_EXPLICIT, "d1 d2 d3 a3 a1",
     "3,3 1,1 2:2*1@2 = 3 1"},
    {"when nothing waits the floor is delivered", CONSUMER_ACK_EXPLICIT, "d1 d2 d7 a7 a2 a1",
     "3,7 3,7 = 7 2 1"},
    {"the floor waits for an ack, also over a gap", CONSUMER_ACK_EXPLICIT, "d1 a1 d9 d12",
     "3,12 1,1 9:2*1@3 12:3*1@4 = 1"},
    {"an ack of what is not pending is ignored", CONSUMER_ACK_EXPLICIT, "d1 d2 a1 a1 a9",
     "2,2 1,1 2:2*1@2 = 1"},
    {"a redelivery takes a number and keeps its own", CONSUMER_ACK_EXPLICIT, "d1 d2 r1 r1 d3",
     "5,3 0,0 1:1*3@4 2:2*1@2 3:5*1@5 ="},
    {"an ack after a redelivery", CONSUMER_ACK_EXPLICIT, "d1 d2 r1 a1",
     "3,2 1,1 2:2*1@2 = 1"},
    {"the number of a redelivery counts when nothing waits", CONSUMER_ACK_EXPLICIT, "d1 r1 a1",
     "2,1 2,1 = 1"},
    {"redelivery of something settled only takes a number", CONSUMER_ACK_EXPLICIT, "d1 a1 r1",
     "2,1 2,1 = 1"},
    {"term settles", CONSUMER_ACK_EXPLICIT, "d1 d2 t1",
     "2,2 1,1 2:2*1@2 = 1"},
    {"nak makes it due", CONSUMER_ACK_EXPLICIT, "d1 n1",
     "1,1 0,0 1:1*1@-28 ="},
    {"a delayed nak makes it due later", CONSUMER_ACK_EXPLICIT, "d1 N1",
     "1,1 0,0 1:1*1@-23 ="},
    {"progress gives more time", CONSUMER_ACK_EXPLICIT, "d1 d2 p1",
     "2,2 0,0 1:1*1@3 2:2*1@2 ="},
    {"nak and progress of what does not wait", CONSUMER_ACK_EXPLICIT, "d1 a1 n1 p1 x1",
     "1,1 1,1 = 1"},
    {"exhausted too early is not exhausted", CONSUMER_ACK_EXPLICIT, "d1 r1 x1",
     "2,1 0,0 1:1*2@2 ="},
    {"an exhausted one holds no floor back", CONSUMER_ACK_EXPLICIT, "d1 d2 r1 r1 x1",
     "4,2 1,1 1:1*3x@4 2:2*1@2 ="},
    {"an exhausted one can still be acknowledged", CONSUMER_ACK_EXPLICIT, "d1 d2 r1 r1 x1 a1",
     "4,2 1,1 2:2*1@2 = 1"},
    {"an exhausted one is not delivered any more", CONSUMER_ACK_EXPLICIT, "d1 r1 r1 x1 r1 n1",
     "4,1 4,1 1:1*3x@3 ="},
    {"removal settles and tells nobody", CONSUMER_ACK_EXPLICIT, "d1 d2 d3 m1 m3",
     "3,3 1,1 2:2*1@2 ="},
    {"removal of the last that waits", CONSUMER_ACK_EXPLICIT, "d1 d4 m4 m1",
     "2,4 2,4 ="},
    {"a delivery of what was removed meanwhile", CONSUMER_ACK_EXPLICIT, "d1 g2 d3",
     "3,3 0,0 1:1*1@1 3:3*1@3 ="},
    {"a purge moves it on", CONSUMER_ACK_EXPLICIT, "d1 m1 f8 d9",
     "2,9 1,7 9:2*1@4 ="},
    {"a purge does not move it back", CONSUMER_ACK_EXPLICIT, "d1 d5 a1 f3",
     "2,5 1,4 5:2*1@2 = 1"},
    {"a purge takes the floor no further than what waits", CONSUMER_ACK_EXPLICIT, "d1 d5 f9",
     "2,8 0,0 1:1*1@1 5:2*1@2 ="},
    {"it begins again", CONSUMER_ACK_EXPLICIT, "d1 d2 d3 a1 z2 d2",
     "1,2 0,1 2:1*1@6 = 1"},
    {"ack all settles all up to it", CONSUMER_ACK_ALL, "d1 d3 d5 d7 a5",
     "4,7 3,5 7:4*1@4 = 1 3 5"},
    {"ack all of the last", CONSUMER_ACK_ALL, "d1 d3 d5 a5",
     "3,5 3,5 = 1 3 5"},
    {"ack all in a gap settles what is before", CONSUMER_ACK_ALL, "d1 d3 d9 a6",
     "3,9 2,6 9:3*1@3 = 1 3"},
    {"ack all above what was delivered is ignored", CONSUMER_ACK_ALL, "d1 a2",
     "1,1 0,0 1:1*1@1 ="},
    {"ack all after a redelivery does not shut out the next", CONSUMER_ACK_ALL, "d1 d2 d3 r1 a1 a2",
     "4,3 2,2 3:3*1@3 = 1 2"},
    {"ack all below the floor is ignored", CONSUMER_ACK_ALL, "d1 d2 d3 a2 a1",
     "3,3 2,2 3:3*1@3 = 1 2"},
    {"term of ack all settles all up to it", CONSUMER_ACK_ALL, "d1 d2 d3 t2",
     "3,3 2,2 3:3*1@3 = 1 2"},
    {"removal settles one alone, with ack all, too", CONSUMER_ACK_ALL, "d1 d2 d3 m2",
     "3,3 0,0 1:1*1@1 3:3*1@3 ="},
    {"ack all leaves what is exhausted", CONSUMER_ACK_ALL, "d1 d2 d3 r1 r1 x1 a2",
     "5,3 2,2 1:1*3x@5 3:3*1@3 = 2"},
    {"flow control settles as ack all does", CONSUMER_ACK_FLOW, "d1 d2 a2",
     "2,2 2,2 = 1 2"},
    {"with ack none nothing waits", CONSUMER_ACK_NONE, "d1 d5 a1 n1",
     "2,5 2,5 ="},
};
/* clang-format on */

struct stage {
    struct consumer *c;
    uint64_t counts[100];
    char told[200];
    size_t told_size;
    int64_t now_ms;
};

static void on_settled(void *context, struct consumer *c, uint64_t seq)
{
    struct stage *s = context;
    s->told_size += (size_t)snprintf(s->told + s->told_size, sizeof s->told - s->told_size, " %u",
                                     (unsigned)seq);
}

static void act(struct stage *s, char what, uint64_t seq)
{
    const struct settled_sink sink = {on_settled, s};
    struct consumer *c = s->c;
    uint64_t dseq = c->delivered.dseq + 1;
    int64_t now = s->now_ms += 1000;
    switch (what) {
    case 'd': consumer_deliver(c, seq, dseq, now, true); return;
    case 'g': consumer_deliver(c, seq, dseq, now, false); return;
    case 'r': consumer_redeliver(c, seq, dseq, 2 + (uint32_t)s->counts[seq]++, now); return;
    case 'a':
    case 't': consumer_ack(c, seq, now, &sink); return;
    case 'n': consumer_nak(c, seq, 0, now); return;
    case 'N': consumer_nak(c, seq, 5000, now); return;
    case 'p': consumer_progress(c, seq, now); return;
    case 'x': consumer_exhaust(c, seq); return;
    case 'm': consumer_removed(c, seq); return;
    case 'f': consumer_forward(c, seq); return;
    case 'z': consumer_reset(c, seq); return;
    }
    fail();
}

static struct consumer *make(uint8_t ack, uint32_t backoff_count)
{
    static const uint64_t backoff[] = {1000, 2000, 4000};
    struct buffer b = {0};
    struct consumer_put put = {.id = 7, .ack = ack, .max_deliver = 3, .ack_wait_ms = 30000};
    put.name = BYTES("durable");
    put.backoff_count = backoff_count;
    consumer_put_write(&b, &put, NULL, backoff);
    assert_int_equal(consumer_put_read(buffer_view(&b), &put), 0);
    struct consumer *c = consumer_new(&put, buffer_view(&b), 1);
    buffer_done(&b);
    return c;
}

static size_t show(struct stage *s, char *to, size_t size)
{
    const struct consumer *c = s->c;
    struct delivery d;
    size_t used = (size_t)snprintf(to, size, "%u,%u %u,%u ", (unsigned)c->delivered.dseq,
                                   (unsigned)c->delivered.seq, (unsigned)c->floor.dseq,
                                   (unsigned)c->floor.seq);
    for (uint64_t at = 1; pending_next(&s->c->pending, at, &d); at = d.seq + 1) {
        used += (size_t)snprintf(to + used, size - used, "%u:%u*%u%s@%d ", (unsigned)d.seq,
                                 (unsigned)d.dseq, d.count, d.exhausted ? "x" : "",
                                 (int)(d.time_ms / 1000));
    }
    return used + (size_t)snprintf(to + used, size - used, "=%s", s->told);
}

static void play(const struct scenario *scenario)
{
    struct stage s = {.c = make(scenario->ack, 0)};
    const char *at = scenario->story;
    while (*at != '\0') {
        char what = *at;
        char *end;
        act(&s, what, strtoull(at + 1, &end, 10));
        consumer_check(s.c, 100);
        at = *end == ' ' ? end + 1 : end;
    }
    char text[500];
    show(&s, text, sizeof text);
    if (strcmp(text, scenario->expected) != 0)
        fail_msg("%s: %s, not %s", scenario->what, text, scenario->expected);
    consumer_free(&s.c);
}

static void test_stories_end_where_they_say(void **state)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        play(&scenarios[i]);
}

static void test_the_wait_follows_the_backoff_and_stays_at_its_end(void **state)
{
    static const uint64_t expected[] = {1000, 2000, 4000, 4000};
    struct consumer *c = make(CONSUMER_ACK_EXPLICIT, 3);
    for (uint32_t count = 1; count <= 4; count++)
        assert_int_equal(consumer_wait_ms(c, count), expected[count - 1]);
    consumer_free(&c);
    c = make(CONSUMER_ACK_EXPLICIT, 0);
    assert_int_equal(consumer_wait_ms(c, 9), 30000);
    consumer_free(&c);
}

static void test_a_naked_message_is_due_when_its_delay_is_over(void **state)
{
    struct delivery d;
    struct consumer *c = make(CONSUMER_ACK_EXPLICIT, 3);
    consumer_deliver(c, 1, 1, 10000, true);
    consumer_redeliver(c, 1, 2, 2, 20000);
    consumer_nak(c, 1, 7000, 30000);
    assert_true(pending_get(&c->pending, 1, &d));
    assert_int_equal(consumer_due_ms(c, &d), 37000);
    consumer_free(&c);
}

static void test_it_wants_what_is_ahead_pending_or_exhausted(void **state)
{
    struct consumer *c = make(CONSUMER_ACK_EXPLICIT, 0);
    for (uint64_t seq = 1; seq <= 3; seq++)
        consumer_deliver(c, seq, seq, 1, true);
    consumer_redeliver(c, 1, 4, 3, 2);
    consumer_exhaust(c, 1);
    consumer_ack(c, 2, 3, NULL);
    assert_true(consumer_wants(c, 1));
    assert_false(consumer_wants(c, 2));
    assert_true(consumer_wants(c, 3));
    assert_true(consumer_wants(c, 4));
    consumer_free(&c);
}

static void test_a_stale_delivery_changes_nothing(void **state)
{
    struct consumer *c = make(CONSUMER_ACK_EXPLICIT, 0);
    assert_true(consumer_deliver(c, 5, 3, 1, true));
    uint64_t hash = consumer_position_hash(c);
    assert_false(consumer_deliver(c, 6, 3, 9, true));
    consumer_redeliver(c, 5, 2, 2, 9);
    assert_int_equal(consumer_position_hash(c), hash);
    consumer_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories_end_where_they_say),
        cmocka_unit_test(test_the_wait_follows_the_backoff_and_stays_at_its_end),
        cmocka_unit_test(test_a_naked_message_is_due_when_its_delay_is_over),
        cmocka_unit_test(test_it_wants_what_is_ahead_pending_or_exhausted),
        cmocka_unit_test(test_a_stale_delivery_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
