/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "delivery/outbox.h"
#include "delivery/publish.h"
#include "interest/index.h"
#include "runtime/base/prng.h"
#include "tests/unit/interest/late_reclaimer.h"
#include "tests/unit/support/catcher.h"

#define TARGETS_MAX 1600

struct place {
    struct stub_net *net;
    struct late_reclaimer late;
    struct interest *interest;
    struct publisher publisher; /* nobody, unless a test says otherwise */
    struct catcher *targets[TARGETS_MAX];
    unsigned count;
};

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    p->net = stub_net_new(9, 1);
    late_init(&p->late, 1);
    p->interest = interest_new(5, &p->late.reclaimer);
    p->publisher = (struct publisher){.echo = true, .interest = p->interest, .interest_id = 1};
    worker_enter(p->net->system->workers[0]);
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < p->count; i++)
        catcher_end(p->targets[i]);
    stub_net_settle(p->net);
    interest_free(&p->interest);
    late_done(&p->late);
    stub_net_free(&p->net);
    free(p);
    return 0;
}

static struct bytes text_of(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

static struct catcher *add_target(struct place *p)
{
    assert_true(p->count < TARGETS_MAX);
    return p->targets[p->count++] = catcher_spawn();
}

static void subscribe(struct place *p, const struct catcher *c, const char *subject,
                      const char *queue, const char *sid, uint32_t slot)
{
    assert_int_equal(interest_add(p->interest, text_of(subject), text_of(queue), c->actor.self.id,
                                  slot, text_of(sid), NULL),
                     0);
}

static struct publication message(const char *subject, const char *payload, char size_text[16])
{
    snprintf(size_text, 16, "%zu", strlen(payload) - 2);
    return (struct publication){.subject = text_of(subject),
                                .header_size = -1,
                                .payload_size = (uint32_t)strlen(payload) - 2,
                                .payload_text = text_of(size_text),
                                .payload = payload};
}

/* payload with its end. */
static uint32_t say(struct place *p, const char *subject, const char *payload)
{
    char size_text[16];
    struct publication m = message(subject, payload, size_text);
    return publish_message(&p->publisher, &m);
}

static uint32_t finish(struct place *p)
{
    uint32_t hold = publish_end();
    stub_net_settle(p->net);
    worker_enter(p->net->system->workers[0]);
    return hold;
}

/* --- frames -------------------------------------------------------------------------------------- */

static void a_few_targets_get_frames_in_one_batch_each(void **state)
{
    struct place *p = *state;
    struct catcher *a = add_target(p);
    struct catcher *b = add_target(p);
    subscribe(p, a, "x.*", "", "1", 10);
    subscribe(p, b, "x.y", "", "a-sid-of-some-length", 20);
    assert_int_equal(say(p, "x.y", "hi\r\n"), 2);
    assert_int_equal(say(p, "x.z", "\r\n"), 1);
    assert_int_equal(say(p, "nobody", "hi\r\n"), 0);
    assert_int_equal(finish(p), 0);
    assert_string_equal(catcher_text(a), "MSG x.y 1 2\r\nhi\r\nMSG x.z 1 0\r\n\r\n");
    assert_string_equal(catcher_text(b), "MSG x.y a-sid-of-some-length 2\r\nhi\r\n");
    assert_int_equal(a->batches, 1);
    assert_int_equal(a->part_count, 1);
    assert_int_equal(a->parts[0].slot, 10);
    assert_int_equal(a->parts[0].frames, 2);
    assert_int_equal(a->parts[0].payload, 2);
    assert_false(a->headers);
}

static void replies_headers_and_sizes_are_as_they_were_written(void **state)
{
    struct place *p = *state;
    struct catcher *a = add_target(p);
    subscribe(p, a, "x", "", "1", 1);
    struct publication m = {.subject = text_of("x"),
                            .reply = text_of("r.s"),
                            .header_size = 12,
                            .payload_size = 14,
                            .header_text = text_of("012"),
                            .payload_text = text_of("0014"),
                            .payload = "NATS/1.0\r\n\r\nhi\r\n"};
    assert_int_equal(publish_message(&p->publisher, &m), 1);
    m.reply = (struct bytes){NULL, 0};
    assert_int_equal(publish_message(&p->publisher, &m), 1);
    m.header_size = 0; /* HPUB x 0 14 */
    assert_int_equal(publish_message(&p->publisher, &m), 1);
    (void)finish(p);
    assert_string_equal(catcher_text(a), "HMSG x 1 r.s 012 0014\r\nNATS/1.0\r\n\r\nhi\r\n"
                                         "HMSG x 1 012 0014\r\nNATS/1.0\r\n\r\nhi\r\n"
                                         "MSG x 1 0014\r\nNATS/1.0\r\n\r\nhi\r\n");
    assert_true(a->headers);
}

static void a_publisher_without_echo_gets_nothing_of_its_own(void **state)
{
    struct place *p = *state;
    for (unsigned many = 0; many < 2; many++) { /* directly, then by runs */
        struct catcher *self = add_target(p);
        subscribe(p, self, "x", "", "1", 1);
        for (unsigned i = 0; i < 1 + many * 9; i++)
            subscribe(p, add_target(p), "x", "", "1", 1);
        p->publisher.self = self->actor.self;
        p->publisher.echo = false;
        assert_int_equal(say(p, "x", "hi\r\n"), p->count - 1);
        (void)finish(p);
        assert_string_equal(catcher_text(self), "");
        assert_string_equal(catcher_text(p->targets[p->count - 1]), "MSG x 1 2\r\nhi\r\n");
        p->publisher.echo = true;
        assert_int_equal(say(p, "x", "hi\r\n"), p->count);
        (void)finish(p);
        assert_string_equal(catcher_text(self), "MSG x 1 2\r\nhi\r\n");
    }
}

static void many_targets_share_what_was_encoded_once(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < 30; i++)
        subscribe(p, add_target(p), "x", "", i < 20 ? "1" : "222", i);
    char size_text[16];
    struct publication m = message("x", "0123456789\r\n", size_text);
    assert_int_equal(publish_message(&p->publisher, &m), 30);
    for (unsigned i = 1; i < 200; i++)
        assert_int_equal(publish_again(&p->publisher, &m), 30);
    (void)finish(p);
    for (unsigned i = 0; i < 30; i++) {
        struct catcher *c = p->targets[i];
        const char *frame =
            i < 20 ? "MSG x 1 10\r\n0123456789\r\n" : "MSG x 222 10\r\n0123456789\r\n";
        assert_int_equal(c->frames, 200);
        assert_int_equal(c->got.size, 200 * strlen(frame));
        for (unsigned k = 0; k < 200; k++)
            assert_memory_equal(c->got.at + k * strlen(frame), frame, strlen(frame));
        assert_int_equal(c->batches, 1);
        assert_int_equal(c->parts[0].slot, i);
        assert_ptr_equal(c->first_buf, p->targets[i < 20 ? 0 : 20]->first_buf);
    }
}

static void large_payloads_go_by_reference(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < 8; i++)
        subscribe(p, add_target(p), "x", i == 7 ? "q" : "", "1", i);
    struct buf *buf = buf_new(20000);
    memset(buf->at, 'p', 20000);
    memcpy(buf->at + 15000, "\r\n", 2);
    struct publication m = {.subject = text_of("x"),
                            .header_size = -1,
                            .payload_size = 10000,
                            .payload_text = text_of("10000"),
                            .payload = buf->at + 5000,
                            .payload_buf = buf};
    assert_int_equal(say(p, "x", "before\r\n"), 8);
    assert_int_equal(publish_message(&p->publisher, &m), 8);
    assert_int_equal(say(p, "x", "after\r\n"), 8);
    (void)finish(p);
    for (unsigned i = 0; i < 8; i++) {
        struct catcher *c = p->targets[i];
        assert_ptr_equal(c->first_shared, buf);
        assert_int_equal(c->got.size, 19 + 15 + 10002 + 18);
        assert_memory_equal(c->got.at, "MSG x 1 6\r\nbefore\r\nMSG x 1 10000\r\npppp", 38);
        assert_memory_equal(c->got.at + 19 + 15 + 10000, "\r\nMSG x 1 5\r\nafter\r\n", 20);
        assert_int_equal(c->payload, 10011);
    }
    assert_int_equal(atomic_load(&buf->refs), 1);
    buf_unref(&buf);
}

/* --- order, against a model ---------------------------------------------------------------------- */

#define CONNS 12
#define SUBS_EACH 4
#define MESSAGES 400

/* The number in the payload of each frame, with the sid it came for. Checks what is read. */
struct heard {
    unsigned sid;
    unsigned number;
};

static size_t read_frame(const char *at, struct heard *ret)
{
    char subject[32];
    char line[64];
    unsigned size;
    const char *end_of_line = memchr(at, '\r', sizeof line - 1);
    assert_non_null(end_of_line);
    size_t head = (size_t)(end_of_line - at);
    memcpy(line, at, head); /* apart: sscanf measures all that follows */
    line[head] = '\0';
    assert_int_equal(sscanf(line, "MSG %31s %u %u", subject, &ret->sid, &size), 3);
    const char *payload = at + head + 2;
    assert_in_range(*payload, '0', '9');
    ret->number = 0;
    for (const char *digit = payload; *digit >= '0' && *digit <= '9'; digit++)
        ret->number = ret->number * 10 + (unsigned)(*digit - '0');
    assert_memory_equal(payload + size, "\r\n", 2);
    return (size_t)(payload + size + 2 - at);
}

static void check_order(struct catcher *c, unsigned *plain_seen)
{
    unsigned last = 0;
    stub_bytes_add(&c->got, "", 1);
    for (size_t at = 0; at + 1 < c->got.size;) {
        struct heard heard;
        at += read_frame(c->got.at + at, &heard);
        assert_true(heard.number >= last); /* O1, over all of a connection's subscriptions */
        last = heard.number;
        plain_seen[heard.number]++;
    }
}

static void one_publishers_messages_reach_each_connection_in_order(void **state)
{
    struct place *p = *state;
    static const char *const patterns[] = {"a", "b", "*", ">", "a", "b"};
    static const char *const subjects[] = {"a", "b", "c"};
    struct prng prng;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        prng_init(&prng, seed);
        interest_free(&p->interest);
        p->interest = interest_new(seed, &p->late.reclaimer);
        p->publisher.interest = p->interest;
        p->publisher.interest_id = seed + 1;
        unsigned expected[MESSAGES] = {0};
        unsigned seen[MESSAGES] = {0};
        unsigned plain[3] = {0};
        bool grouped[3] = {false};
        unsigned first = p->count;
        for (unsigned i = 0; i < CONNS; i++) {
            struct catcher *c = add_target(p);
            /* Sometimes the same sid everywhere, which makes runs; sometimes one connection twice. */
            for (unsigned s = 0; s < (seed % 2 == 0 ? 1 : SUBS_EACH); s++) {
                const char *pattern = patterns[seed % 4 == 0 ? 3 : prng_below(&prng, 6)];
                bool queue = seed % 3 == 0 && prng_below(&prng, 4) == 0;
                char sid[8];
                snprintf(sid, sizeof sid, "%u", s + 1 + (seed % 4 == 2 ? i % 3 : 0));
                subscribe(p, c, pattern, queue ? "q" : "", sid, s);
                for (unsigned k = 0; k < 3; k++) {
                    bool fits = pattern[0] == '*' || pattern[0] == '>' || pattern[0] == "abc"[k];
                    plain[k] += fits && !queue;
                    grouped[k] = grouped[k] || (fits && queue);
                }
            }
        }
        for (unsigned n = 0; n < MESSAGES; n++) {
            unsigned k =
                (unsigned)prng_below(&prng, 8) == 0 ? (unsigned)prng_below(&prng, 3) : n / 100 % 3;
            uint32_t size = 6 + (uint32_t)prng_below(&prng, n % 9 == 0 ? 9000 : 300);
            struct buf *home = buf_new(size + 8);
            memset(home->at, 'x', size);
            memcpy(home->at + snprintf(home->at, 8, "%u", n), " ", 1);
            memcpy(home->at + size, "\r\n", 2);
            char size_text[16];
            snprintf(size_text, sizeof size_text, "%u", size);
            struct publication m = {.subject = text_of(subjects[k]),
                                    .header_size = -1,
                                    .payload_size = size,
                                    .payload_text = text_of(size_text),
                                    .payload = home->at,
                                    .payload_buf = home};
            expected[n] = plain[k] + grouped[k];
            assert_int_equal(publish_message(&p->publisher, &m), expected[n]);
            buf_unref(&home);
            if (prng_below(&prng, 50) == 0)
                (void)publish_end();
        }
        (void)finish(p);
        for (unsigned i = first; i < p->count; i++)
            check_order(p->targets[i], seen);
        for (unsigned n = 0; n < MESSAGES; n++)
            assert_int_equal(seen[n], expected[n]);
    }
}

static void more_than_1024_targets_get_everything_in_order(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < 1500; i++) {
        char sid[16];
        snprintf(sid, sizeof sid, "%u", i % 700); /* many sids: no runs */
        subscribe(p, add_target(p), "x", "", sid, 0);
    }
    for (unsigned i = 0; i < 1500; i++)
        subscribe(p, p->targets[i], "y", "", "s", 1); /* one sid: a run */
    for (unsigned n = 0; n < 8; n++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u\r\n", n);
        assert_int_equal(say(p, n < 4 ? "x" : "y", payload), 1500);
    }
    (void)finish(p);
    for (unsigned i = 0; i < 1500; i++) {
        const char *text = catcher_text(p->targets[i]);
        char want[300];
        snprintf(want, sizeof want,
                 "MSG x %u 1\r\n0\r\nMSG x %u 1\r\n1\r\nMSG x %u 1\r\n2\r\nMSG x %u 1\r\n3\r\n"
                 "MSG y s 1\r\n4\r\nMSG y s 1\r\n5\r\nMSG y s 1\r\n6\r\nMSG y s 1\r\n7\r\n",
                 i % 700, i % 700, i % 700, i % 700);
        assert_string_equal(text, want);
    }
}

/* --- pressure, groups ---------------------------------------------------------------------------- */

static void pressure_of_targets_holds_their_publisher(void **state)
{
    static const struct {
        enum pressure pressure;
        bool drops;
        uint32_t count;
        uint32_t hold;
    } rows[] = {{PRESSURE_CALM, false, 1, 0}, {PRESSURE_HIGH, false, 1, 2},
                {PRESSURE_FULL, false, 1, 5}, {PRESSURE_CLOSED, false, 0, 0},
                {PRESSURE_CALM, true, 1, 0},  {PRESSURE_FULL, true, 0, 0}};
    struct place *p = *state;
    struct catcher *a = add_target(p);
    subscribe(p, a, "x", "", "1", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        actor_set_pressure(&a->actor, rows[i].pressure);
        p->publisher.drop_when_pressed = rows[i].drops;
        assert_int_equal(say(p, "x", "hi\r\n"), rows[i].count);
        assert_int_equal(finish(p), rows[i].hold);
        assert_int_equal(finish(p), 0);
        assert_string_equal(catcher_text(a), rows[i].count == 1 ? "MSG x 1 2\r\nhi\r\n" : "");
    }
}

/* Runs, too. */
static void a_pressed_target_among_many_is_left_out_when_nobody_is_held(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < 8; i++)
        subscribe(p, add_target(p), "x", "", "1", i);
    actor_set_pressure(&p->targets[3]->actor, PRESSURE_FULL);
    p->publisher.drop_when_pressed = true;
    (void)say(p, "x", "hi\r\n");
    (void)finish(p);
    for (unsigned i = 0; i < 8; i++) {
        assert_string_equal(catcher_text(p->targets[i]), i == 3 ? "" : "MSG x 1 2\r\nhi\r\n");
        assert_int_equal(p->targets[i]->batches, i == 3 ? 0 : 1);
    }
}

static void a_group_gives_each_message_to_one_open_member(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < 4; i++)
        subscribe(p, add_target(p), "x", "q", "1", 1);
    actor_set_pressure(&p->targets[2]->actor, PRESSURE_CLOSED);
    p->publisher.self = p->targets[3]->actor.self;
    p->publisher.echo = false;
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(say(p, "x", "hi\r\n"), 1);
    (void)finish(p);
    assert_int_equal(p->targets[0]->frames + p->targets[1]->frames, 300);
    assert_in_range(p->targets[0]->frames, 180, 270); /* it stands behind those who are left out */
    assert_int_equal(p->targets[0]->parts[0].avoid, p->targets[3]->actor.self.id);
    assert_int_equal(p->targets[2]->frames + p->targets[3]->frames, 0);
}

static bool takes_nothing(const void *context, uint32_t slot)
{
    return false;
}

static void refused_frames_of_a_group_go_to_another_member(void **state)
{
    static const char *const frames[] = {"MSG x 1 2\r\nhi\r\n", "MSG x 1 r.s 2\r\nhi\r\n",
                                         "HMSG x 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
                                         "MSG x 1 \rr 4\r\n\r\n\r\n\r\n"};
    static const char *const wanted[] = {"MSG x 22 2\r\nhi\r\n", "MSG x 22 r.s 2\r\nhi\r\n",
                                         "HMSG x 22 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
                                         "MSG x 22 \rr 4\r\n\r\n\r\n\r\n"};
    struct place *p = *state;
    struct catcher *a = add_target(p);
    struct catcher *b = add_target(p);
    subscribe(p, a, "x", "q", "1", 1);
    subscribe(p, b, "x", "q", "22", 2);
    actor_set_pressure(&b->actor, PRESSURE_CLOSED);
    assert_int_equal(say(p, "x", "hi\r\n"), 1);
    (void)finish(p);
    struct part part = a->parts[0]; /* as a got it */
    actor_set_pressure(&b->actor, PRESSURE_CALM);
    p->publisher.self = a->actor.self;
    for (size_t i = 0; i < 4; i++) {
        part.hops = (uint32_t)i;
        assert_true(publish_hand_on(&p->publisher, &part, text_of(frames[i]), takes_nothing, NULL));
        (void)finish(p);
        assert_string_equal(catcher_text(b), wanted[i]);
        assert_int_equal(b->parts[i].hops, i + 1);
        assert_int_equal(b->parts[i].group, part.group);
    }
    part.hops = 8; /* it went round long enough */
    assert_false(publish_hand_on(&p->publisher, &part, text_of(frames[0]), takes_nothing, NULL));
    part.hops = 0;
    part.avoid = b->actor.self.id; /* its publisher, who wants no echo */
    assert_false(publish_hand_on(&p->publisher, &part, text_of(frames[0]), takes_nothing, NULL));
    part.avoid = 0;
    part.group += 2;
    assert_false(publish_hand_on(&p->publisher, &part, text_of(frames[0]), takes_nothing, NULL));
    (void)finish(p);
}

static void a_publishers_own_sid_is_found(void **state)
{
    struct place *p = *state;
    struct catcher *a = add_target(p);
    struct catcher *b = add_target(p);
    subscribe(p, a, "in.*", "", "77", 1);
    subscribe(p, b, "in.x", "", "88", 1);
    subscribe(p, a, "q", "group", "99", 2);
    p->publisher.self = a->actor.self;
    struct bytes sid = publish_sid_of(&p->publisher, text_of("in.x"));
    assert_int_equal(sid.size, 2);
    assert_memory_equal(sid.at, "77", 2);
    assert_int_equal(publish_sid_of(&p->publisher, text_of("q")).size, 0);
    assert_int_equal(publish_sid_of(&p->publisher, text_of("other")).size, 0);
    (void)finish(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_few_targets_get_frames_in_one_batch_each),
        TEST(replies_headers_and_sizes_are_as_they_were_written),
        TEST(a_publisher_without_echo_gets_nothing_of_its_own),
        TEST(many_targets_share_what_was_encoded_once),
        TEST(large_payloads_go_by_reference),
        TEST(one_publishers_messages_reach_each_connection_in_order),
        TEST(more_than_1024_targets_get_everything_in_order),
        TEST(pressure_of_targets_holds_their_publisher),
        TEST(a_pressed_target_among_many_is_left_out_when_nobody_is_held),
        TEST(a_group_gives_each_message_to_one_open_member),
        TEST(refused_frames_of_a_group_go_to_another_member),
        TEST(a_publishers_own_sid_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
