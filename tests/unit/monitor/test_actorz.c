/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/monitor/expect_json.h"

#include "protocols/monitor/actorz.h"
#include "protocols/monitor/tracez.h"

static void rows_tell_what_an_actor_did(void **state)
{
    static const struct bytes last[] = {BYTES("CONNECTION_READ"), BYTES("CONNECTION_BATCH")};
    struct json j;
    json_init(&j, JSON_COMPACT, 4096);
    actorz_begin(&j, BYTES("N"), 0, 2);
    actorz_row_write(&j, &(struct actorz_row){.id = 7,
                                              .actor_class = BYTES("connection"),
                                              .worker = 1,
                                              .messages = 10,
                                              .bytes = 20,
                                              .busy_ns = 30,
                                              .waited_ns = 40,
                                              .depth = 5,
                                              .depth_max = 6,
                                              .last = last,
                                              .last_count = 2});
    actorz_row_write(&j, &(struct actorz_row){.id = 8, .actor_class = BYTES("a"), .worker = -1});
    actorz_end(&j);
    expect_json(&j, "{\"server_id\":\"N\",\"now\":\"1970-01-01T00:00:00Z\",\"total\":2,"
                    "\"actors\":[{\"id\":7,\"class\":\"connection\",\"worker\":1,\"messages\":10,"
                    "\"bytes\":20,\"busy_ns\":30,\"waited_ns\":40,\"depth\":5,\"depth_max\":6,"
                    "\"last\":[\"CONNECTION_READ\",\"CONNECTION_BATCH\"]},{\"id\":8,"
                    "\"class\":\"a\",\"worker\":-1,\"messages\":0,\"bytes\":0,\"busy_ns\":0,"
                    "\"waited_ns\":0,\"depth\":0,\"depth_max\":0,\"last\":[]}]}");
}

static void the_largest_comes_first_and_then_the_oldest(void **state)
{
    struct actorz_row a = {.id = 1, .depth = 1, .busy_ns = 5, .messages = 3};
    struct actorz_row b = {.id = 2, .depth = 2, .busy_ns = 4, .messages = 3};
    assert_true(actorz_before(ACTORZ_BY_ID, &a, &b));
    assert_true(actorz_before(ACTORZ_BY_DEPTH, &b, &a));
    assert_true(actorz_before(ACTORZ_BY_BUSY, &a, &b));
    assert_true(actorz_before(ACTORZ_BY_MESSAGES, &a, &b));
    assert_false(actorz_before(ACTORZ_BY_MESSAGES, &b, &a));
    assert_false(actorz_before(ACTORZ_BY_DEPTH, &a, &a));
}

static int parse(struct bytes query, struct actorz_options *o, struct monitor_refusal *refusal,
                 struct monitor_args *args)
{
    monitor_refusal_init(refusal);
    assert_int_equal(monitor_args_init(args, query), 0);
    return actorz_options_parse(args, o, refusal);
}

static void arguments_are_read_or_refused(void **state)
{
    struct actorz_options o;
    struct monitor_refusal refusal;
    struct monitor_args args;
    assert_int_equal(parse(BYTES(""), &o, &refusal, &args), 0);
    assert_true(o.sort == ACTORZ_BY_ID && o.limit == ACTORZ_LIMIT_DEFAULT && o.actor_id == 0);
    monitor_args_done(&args);
    assert_int_equal(parse(BYTES("sort=busy&limit=9999999&actor=77"), &o, &refusal, &args), 0);
    assert_true(o.sort == ACTORZ_BY_BUSY && o.limit == ACTORZ_LIMIT_MAX && o.actor_id == 77);
    monitor_args_done(&args);
    assert_true(parse(BYTES("sort=size"), &o, &refusal, &args) < 0);
    expect_refusal(&refusal, "invalid sorting option: size");
    monitor_args_done(&args);
}

static void a_trace_names_its_threads_and_has_exact_times(void **state)
{
    struct json j;
    json_init(&j, JSON_COMPACT, 4096);
    tracez_begin(&j, BYTES("s1"), 2);
    tracez_event_write(&j, &(struct tracez_event){.actor_class = BYTES("connection"),
                                                  .kind = BYTES("READ"),
                                                  .actor_id = 7,
                                                  .worker = 1,
                                                  .start_ns = INT64_C(12345678901234567),
                                                  .duration_ns = 1005,
                                                  .waited_ns = 9});
    tracez_end(&j);
    expect_json(&j, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":["
                    "{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\","
                    "\"args\":{\"name\":\"s1\"}},"
                    "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"thread_name\","
                    "\"args\":{\"name\":\"worker 0\"}},"
                    "{\"ph\":\"M\",\"pid\":1,\"tid\":2,\"name\":\"thread_name\","
                    "\"args\":{\"name\":\"worker 1\"}},"
                    "{\"ph\":\"X\",\"pid\":1,\"tid\":2,\"name\":\"connection.READ\","
                    "\"cat\":\"connection\",\"ts\":12345678901234.567,\"dur\":1.005,"
                    "\"args\":{\"actor\":7,\"waited_ns\":9}}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_tell_what_an_actor_did),
        cmocka_unit_test(the_largest_comes_first_and_then_the_oldest),
        cmocka_unit_test(arguments_are_read_or_refused),
        cmocka_unit_test(a_trace_names_its_threads_and_has_exact_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
