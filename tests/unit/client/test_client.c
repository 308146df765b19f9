/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/client/client_state.h"
#include "actors/client/subs.h"
#include "delivery/batch.h"
#include "tests/unit/client/client_fixture.h"

#define CONNECT "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n"

static int begin(void **state)
{
    *state = fixture_new(7);
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    fixture_free(&f);
    return 0;
}

static const struct client *inside(const struct fixture *f, unsigned nth)
{
    return (const struct client *)(void *)system_lookup(f->net->system, f->clients[nth]);
}

/* --- CONNECT and subscriptions ------------------------------------------------------------------- */

static void say_subs(struct conn *conn, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char line[32];
        int size = snprintf(line, sizeof line, "SUB a %u\r\n", i);
        stub_say(conn, line, (size_t)size);
    }
}

static unsigned count_of(const char *text, const char *word)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        count++;
    return count;
}

static void the_first_connect_keeps_subscriptions_that_the_account_has_not_answered(void **state)
{
    struct fixture *f = *state;
    struct conn *c = fixture_greeted(f);
    say_subs(c, ACCOUNT_OPS_MAX + 76); /* one full list is on its way when CONNECT is read */
    fixture_say(f, c, CONNECT "PUB a 1\r\nx\r\nPING\r\n");
    const char *heard = fixture_heard(c);
    assert_int_equal(count_of(heard, "+OK"), ACCOUNT_OPS_MAX + 76);
    assert_int_equal(count_of(heard, "MSG a "), ACCOUNT_OPS_MAX + 76);
    assert_int_equal(count_of(heard, "PONG"), 1);
}

static void a_second_connect_forgets_subscriptions(void **state)
{
    struct fixture *f = *state;
    struct conn *c = fixture_client(f);
    say_subs(c, ACCOUNT_OPS_MAX + 76);
    fixture_say(f, c, CONNECT "PUB a 1\r\nx\r\nSUB a 5\r\nPUB a 1\r\ny\r\n");
    assert_string_equal(fixture_heard(c), "MSG a 5 1\r\ny\r\n");
}

static void connect_takes_effect_on_a_line_that_was_remembered(void **state)
{
    struct fixture *f = *state;
    struct conn *c = fixture_client(f);
    fixture_say(f, c, "SUB a.* 1\r\nPUB a..b 0\r\n\r\n");
    assert_string_equal(fixture_heard(c), "");
    fixture_say(f, c, "CONNECT {\"verbose\":false,\"pedantic\":true}\r\nPUB a..b 0\r\n\r\n");
    assert_string_equal(fixture_heard(c), "-ERR 'Invalid Publish Subject'\r\n");
}

static void connect_turns_echo_off_within_a_read(void **state)
{
    struct fixture *f = *state;
    struct conn *c[5];
    for (unsigned i = 0; i < 5; i++) {
        c[i] = fixture_client(f);
        fixture_say(f, c[i], "SUB a 1\r\n");
    }
    fixture_say(f, c[0],
                "PUB a 1\r\nx\r\nPUB a 1\r\ny\r\nCONNECT {\"echo\":false}\r\nSUB a 1\r\n"
                "PUB a 1\r\nz\r\n");
    assert_string_equal(fixture_heard(c[0]), "MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n");
    for (unsigned i = 1; i < 5; i++)
        assert_string_equal(fixture_heard(c[i]),
                            "MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\nMSG a 1 1\r\nz\r\n");
}

/* --- odd subjects -------------------------------------------------------------------------------- */

static void a_carriage_return_in_a_subject_reaches_a_subscription_with_a_maximum(void **state)
{
    struct fixture *f = *state;
    struct conn *s = fixture_client(f);
    struct conn *p = fixture_client(f);
    fixture_say(f, s, "SUB > 1\r\nUNSUB 1 3\r\n");
    fixture_say(f, p,
                "PUB a\rb 5\r\nhello\r\nPUB \nfoo r\rr 1\r\n1\r\nPUB \n\rx 1\r\n2\r\n"
                "PUB a\rb 1\r\n3\r\n"); /* one too many: so the target reads the frames again */
    assert_string_equal(fixture_heard(s), "MSG a\rb 1 5\r\nhello\r\nMSG \nfoo 1 r\rr 1\r\n1\r\n"
                                          "MSG \n\rx 1 1\r\n2\r\n");
}

static void a_line_feed_in_a_subject_is_handed_on_to_another_member(void **state)
{
    struct fixture *f = *state;
    struct conn *a = fixture_client(f);
    struct conn *b = fixture_client(f);
    struct conn *p = fixture_client(f);
    for (unsigned i = 0; i < 20; i++)
        stub_say(p, "PUB \n\rx r\rr 2\r\n\r\n\r\n", 19);
    stub_say(p, "PUB \n\rx r\rr 2\r\n\r\n\r\n", 19);
    p->reading = false;
    fixture_say(f, a, "SUB > q 1\r\nUNSUB 1 1\r\n");
    fixture_say(f, b, "SUB > q 2\r\n");
    p->reading = true; /* all in one read: more come to a than it may get */
    fixture_settle(f);
    unsigned got_a = count_of(fixture_heard(a), "MSG \n\rx 1 r\rr 2\r\n\r\n\r\n");
    unsigned got_b = count_of(fixture_heard(b), "MSG \n\rx 2 r\rr 2\r\n\r\n\r\n");
    assert_int_equal(got_a, 1);
    assert_int_equal(got_b, 20);
}

/* --- splits -------------------------------------------------------------------------------------- */

static const char conversation[] = CONNECT
    "SUB foo 1\r\nPUB foo 5\r\nhello\r\nPUB foo 5\r\nworld\r\nSUB bar 22\r\n"
    "PUB foo 5\r\nagain\r\nPUB bar 0\r\n\r\nPUB bar 0\r\n\r\nUNSUB 22\r\nPUB bar 0\r\n\r\n"
    "ping \r\nsub foo.* q abc\r\npub foo.x r.e 2\r\nab\r\nUNSUB 1 4\r\nPUB foo 5\r\nlast1\r\n"
    "PUB foo 5\r\nlast2\r\nHPUB foo.y 12 14\r\nNATS/1.0\r\n\r\nxx\r\nPING\r\n";

static const char conversation_heard[] =
    "MSG foo 1 5\r\nhello\r\nMSG foo 1 5\r\nworld\r\nMSG foo 1 5\r\nagain\r\nMSG bar 22 0\r\n\r\n"
    "MSG bar 22 0\r\n\r\nPONG\r\nMSG foo.x abc r.e 2\r\nab\r\nMSG foo 1 5\r\nlast1\r\n"
    "HMSG foo.y abc 12 14\r\nNATS/1.0\r\n\r\nxx\r\nPONG\r\n";

static void leave(struct fixture *f, struct conn *c)
{
    c->in_ends = true;
    fixture_settle(f);
}

static void a_conversation_is_the_same_in_pieces_of_any_size(void **state)
{
    struct fixture *f = *state;
    for (size_t slice = 1; slice <= 80; slice++) {
        struct conn *c = fixture_greeted(f);
        c->slice = slice;
        fixture_say(f, c, conversation);
        assert_string_equal(fixture_heard(c), conversation_heard);
        leave(f, c);
    }
}

static void a_conversation_is_the_same_with_every_split_in_two(void **state)
{
    struct fixture *f = *state;
    for (size_t split = 1; split < sizeof conversation - 1; split++) {
        struct conn *c = fixture_greeted(f);
        stub_say(c, conversation, split);
        fixture_settle(f);
        fixture_say(f, c, conversation + split);
        assert_string_equal(fixture_heard(c), conversation_heard);
        leave(f, c);
    }
}

/* Long lines and payloads take other ways through the reader: in place, copied, behind one another. */
static void long_lines_and_payloads_come_whole_in_pieces_of_any_size(void **state)
{
    struct fixture *f = *state;
    static const size_t slices[] = {1000, 4095, 4096, 4097, 9000, 65535, 65536};
    static const uint32_t sizes[] = {0, 4000, 4094, 4096, 5000, 65520, 65536, 70000, 300000};
    f->settings.max_control_line = 100000;
    char *payload = malloc(300000);
    char *subject = malloc(60001);
    memset(subject, 's', 60000);
    subject[60000] = '\0';
    for (size_t i = 0; i < 300000; i++)
        payload[i] = (char)('a' + i % 23);
    for (size_t s = 0; s < sizeof slices / sizeof *slices; s++) {
        struct conn *c = fixture_client(f);
        c->slice = slices[s];
        struct stub_bytes want = {0};
        for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
            uint32_t size = sizes[i / 2];
            const char *name = i % 2 == 0 ? "b" : subject;
            char *line = malloc(60100);
            /* A SUB before each PUB: the connection parks with the rest of what it has read. */
            int n = snprintf(line, 60100, "SUB %s %zu\r\n", name, i);
            stub_say(c, line, (size_t)n);
            n = snprintf(line, 60100, "PUB %s %u\r\n", name, size);
            stub_say(c, line, (size_t)n);
            stub_say(c, payload, size);
            n = snprintf(line, 60100, "\r\nUNSUB %zu\r\n", i);
            stub_say(c, line, (size_t)n);
            n = snprintf(line, 60100, "MSG %s %zu %u\r\n", name, i, size);
            stub_bytes_add(&want, line, (size_t)n);
            stub_bytes_add(&want, payload, size);
            stub_bytes_add(&want, "\r\n", 2);
            free(line);
        }
        fixture_settle(f);
        assert_int_equal(c->out.size, want.size);
        assert_memory_equal(c->out.at, want.at, want.size);
        assert_null(inside(f, f->client_count - 1)->input.kept.buf);
        stub_bytes_clear(&want);
    }
    free(payload);
    free(subject);
}

static void bytes_without_meaning_are_not_kept(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[][2] = {
        {"SUB ", " x 1\r\nPING\r\n"}, {"PING", "x\r\n"}, {"INFO", "{}\r\nPING\r\n"}};
    char *blanks = malloc(200000);
    memset(blanks, ' ', 200000);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (size_t slice = 999; slice < 200000; slice *= 19) {
            struct conn *c = fixture_client(f);
            c->slice = slice;
            fixture_say(f, c, lines[i][0]);
            stub_say(c, blanks, 200000);
            fixture_settle(f);
            assert_in_range(inside(f, f->client_count - 1)->input.kept.size, 1, 16);
            fixture_say(f, c, lines[i][1]);
            assert_string_equal(fixture_heard(c), "PONG\r\n");
        }
    free(blanks);
}

/* --- traces -------------------------------------------------------------------------------------- */

/* Takes lines of the log and counts them. */
struct scribe {
    struct actor actor;
    unsigned *lines; /* the test's */
};

static void scribe_receive(struct actor *a, struct msg *m)
{
    if (m->type->kind == LOGGER_LINE)
        ++*((struct scribe *)(void *)a)->lines;
    else
        actor_exit(a);
}

static void scribe_done(struct actor *a)
{
}

static const struct actor_class scribe_class = {.name = "scribe",
                                                .types = logger_types,
                                                .type_count = LOGGER_KINDS,
                                                .pinned = true,
                                                .receive = scribe_receive,
                                                .done = scribe_done};

/* A line is read again after parking, and when its payload comes later. */
static void a_line_is_traced_once_however_it_comes(void **state)
{
    static const char *const lines[] = {"SUB a 1\r\n", "PUB a 2\r\nhi\r\n", "PUB a 2\r\nho\r\n",
                                        "SUB b 2\r\n", "PING\r\n",          "UNSUB 2\r\n",
                                        "PING\r\n"};
    struct fixture *f = *state;
    unsigned count = 0;
    struct scribe *scribe =
        (struct scribe *)(void *)actor_spawn(&scribe_class, sizeof(struct scribe));
    scribe->lines = &count;
    f->log.to = scribe->actor.self;
    unsigned want = 0;
    for (unsigned way = 0; way < 3; way++) { /* line by line, all at once, byte by byte */
        struct conn *c = fixture_client(f);
        f->log.trace = true;
        count = 0;
        c->slice = way == 2 ? 1 : 0;
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
            stub_say(c, lines[i], strlen(lines[i]));
            if (way == 0)
                fixture_settle(f);
        }
        fixture_settle(f);
        f->log.trace = false;
        if (way == 0)
            want = count;
        assert_int_equal(count, want);
        assert_in_range(count, 10, 30);
        leave(f, c);
    }
    f->log.to = NOBODY;
    actor_send(scribe->actor.self, msg_alloc(&logger_types[LOGGER_REOPEN]));
}

/* --- ends ---------------------------------------------------------------------------------------- */

static void close_it(struct fixture *f, unsigned nth)
{
    struct client_close *m = MSG_NEW(client_types, CLIENT_CLOSE, client_close);
    m->reason = CLOSED_STATE_SERVER_SHUTDOWN;
    SEND(f->clients[nth], m);
}

/* fixture_free fails when a client or its account does not end, or memory is left. */
static void a_connection_may_end_before_it_is_registered(void **state)
{
    struct fixture *f = *state;
    struct accepted accepted;
    struct conn *c = stub_conn(f->net, &accepted);
    c->in_ends = true;
    f->clients[f->client_count++] = client_spawn(&f->settings, &accepted, 1, NOBODY, false);
    close_it(f, 0);
    fixture_settle(f);
    assert_null(inside(f, 0));
    f->net->adopt_fails = -ECONNRESET;
    (void)stub_conn(f->net, &accepted);
    f->clients[f->client_count++] = client_spawn(&f->settings, &accepted, 2, NOBODY, false);
    close_it(f, 1);
    fixture_settle(f);
    assert_null(inside(f, 1));
}

static void a_connection_may_end_while_it_is_parked_or_parsed(void **state)
{
    static const char *const lasts[] = {"PING\r\n",
                                        "PUB a 1\r\nx\r\n",
                                        "UNSUB 1\r\n",
                                        "nonsense\r\n",
                                        "SUB\r\n",
                                        "PUB a 99",
                                        "",
                                        CONNECT,
                                        "UNSUB 1 1\r\nPUB a 1\r\nx\r\nPING\r\n"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof lasts / sizeof *lasts; i++)
        for (unsigned subs = 1; subs < 3000; subs += 1023) {
            struct conn *c = fixture_client(f);
            say_subs(c, subs);
            stub_say(c, lasts[i], strlen(lasts[i]));
            while (stub_read(c)) /* up to a barrier or all of it, and no turn of the account */
                ;
            close_it(f, f->client_count - 1);
            c->in_ends = true;
            fixture_settle(f);
            assert_null(inside(f, f->client_count - 1));
        }
    struct conn *c = fixture_client(f);
    fixture_say(f, c, "SUB b 1\r\nPUB a 1\r\nx\r\nPUB b 1\r\nx\r\n");
    assert_string_equal(fixture_heard(c), "MSG b 1 1\r\nx\r\n"); /* nothing is left at subject a */
}

static void a_connection_may_end_while_a_write_is_under_way(void **state)
{
    struct fixture *f = *state;
    for (unsigned errors = 0; errors < 2; errors++) {
        struct conn *c = fixture_client(f);
        c->room = 10;
        fixture_say(f, c, "SUB a 1\r\nPUB a 5\r\nhello\r\nPUB a 5\r\nhello\r\n");
        assert_int_equal(c->part_count, 1);
        fixture_say(f, c, "PUB a 5\r\nhello\r\n"); /* waits behind it */
        if (errors == 0)
            close_it(f, f->client_count - 1);
        else
            c->in_ends = true;
        fixture_settle(f);
        assert_null(inside(f, f->client_count - 1));
        assert_int_equal(c->out.size, 10);
    }
}

static void a_write_that_fails_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    struct conn *c = fixture_client(f);
    c->write_fails = -EPIPE;
    fixture_say(f, c, "PING\r\n");
    assert_null(inside(f, 0));
}

static void a_slow_consumer_is_closed_and_the_others_go_on(void **state)
{
    struct fixture *f = *state;
    f->settings.max_pending = 1000;
    struct conn *slow = fixture_client(f);
    struct conn *quick = fixture_client(f);
    struct conn *p = fixture_client(f);
    fixture_say(f, slow, "SUB a 1\r\n");
    fixture_say(f, quick, "SUB a 1\r\n");
    slow->room = 0;
    for (unsigned i = 0; i < 60; i++) {
        fixture_say(f, p, "PUB a 5\r\nhello\r\n");
        stub_pass_ms(&f->net->stub,
                     10); /* the publisher is held when the slow one is nearly full */
        fixture_settle(f);
    }
    assert_null(inside(f, 0));
    assert_int_equal(count_of(fixture_heard(quick), "MSG"), 60);
    assert_int_equal(atomic_load(&f->counters[0].slow_consumers), 1);
}

static void nothing_is_in_flight_when_all_is_handled(void **state)
{
    struct fixture *f = *state;
    struct conn *a = fixture_client(f);
    struct conn *b = fixture_client(f);
    fixture_say(f, a, "SUB a 1\r\nSUB a q 2\r\n");
    fixture_say(f, b, "SUB a 1\r\nUNSUB 1 3\r\nSUB a q 2\r\nUNSUB 2 2\r\n");
    for (unsigned i = 0; i < 10; i++)
        fixture_say(f, i % 2 == 0 ? a : b, "PUB a 3\r\nabc\r\nPUB a 3\r\ndef\r\nPING\r\n");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(atomic_load(&inside(f, i)->actor.inflight), 0);
        assert_int_equal(inside(f, i)->unacked, 0);
    }
    assert_int_equal(inside(f, 1)->subs.live, 0);
    assert_int_equal(count_of(fixture_heard(a), "MSG"), 20 + 18);
    assert_int_equal(count_of(fixture_heard(b), "MSG"), 3 + 2);
}

static void a_sid_is_free_again_when_its_maximum_is_reached(void **state)
{
    struct fixture *f = *state;
    struct conn *c = fixture_client(f);
    fixture_say(f, c,
                "SUB a 1\r\nUNSUB 1 1\r\nPUB a 1\r\nx\r\nPING\r\nSUB a 1\r\nPUB a 1\r\ny\r\n"
                "PUB a 1\r\nz\r\n");
    assert_string_equal(fixture_heard(c),
                        "MSG a 1 1\r\nx\r\nPONG\r\nMSG a 1 1\r\ny\r\nMSG a 1 1\r\nz\r\n");
}

/* A publisher that saw the addition before its client heard of it. */
static void send_frame(struct actor_ref to, uint32_t slot, const char *frame, uint32_t payload)
{
    struct batch *batch = batch_new(to);
    uint32_t size = (uint32_t)strlen(frame);
    batch_copy(batch, frame, size);
    batch_account(batch, &(struct part){slot, 1, size, payload, 0, 0, 0});
    SEND(to, batch);
}

static void a_sid_is_free_again_though_the_account_has_not_answered(void **state)
{
    struct fixture *f = *state;
    struct conn *c = fixture_client(f);
    stub_say(c, "SUB a 1\r\nUNSUB 1 1\r\n", 20);
    (void)stub_read(c);
    send_frame(f->clients[0], 1u << SUBS_NUMBER_BITS, "MSG a 1 1\r\nx\r\n", 1);
    stub_say(c, "UNSUB 2\r\nSUB b 1\r\n", 18); /* UNSUB takes in what has come */
    (void)stub_read(c);
    fixture_say(f, c, "PUB b 1\r\ny\r\n");
    assert_string_equal(fixture_heard(c), "MSG a 1 1\r\nx\r\nMSG b 1 1\r\ny\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_connect_keeps_subscriptions_that_the_account_has_not_answered),
        TEST(a_second_connect_forgets_subscriptions),
        TEST(connect_takes_effect_on_a_line_that_was_remembered),
        TEST(connect_turns_echo_off_within_a_read),
        TEST(a_carriage_return_in_a_subject_reaches_a_subscription_with_a_maximum),
        TEST(a_line_feed_in_a_subject_is_handed_on_to_another_member),
        TEST(a_conversation_is_the_same_in_pieces_of_any_size),
        TEST(a_conversation_is_the_same_with_every_split_in_two),
        TEST(long_lines_and_payloads_come_whole_in_pieces_of_any_size),
        TEST(bytes_without_meaning_are_not_kept),
        TEST(a_line_is_traced_once_however_it_comes),
        TEST(a_connection_may_end_before_it_is_registered),
        TEST(a_connection_may_end_while_it_is_parked_or_parsed),
        TEST(a_connection_may_end_while_a_write_is_under_way),
        TEST(a_write_that_fails_ends_the_connection),
        TEST(a_slow_consumer_is_closed_and_the_others_go_on),
        TEST(nothing_is_in_flight_when_all_is_handled),
        TEST(a_sid_is_free_again_when_its_maximum_is_reached),
        TEST(a_sid_is_free_again_though_the_account_has_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
