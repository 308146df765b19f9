/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/monitor/expect_json.h"

#include "protocols/monitor/subsz.h"

static void counters_alone_have_no_list(void **state)
{
    struct subsz_stats sum = {.subs = 0};
    /* The two accounts of a fresh server, as their indexes count. */
    subsz_stats_add(&sum, &(struct subsz_stats){.subs = 56,
                                                .cached = 5,
                                                .inserts = 56,
                                                .matches = 6,
                                                .cache_hits = 1,
                                                .max_fanout = 1,
                                                .fanout_sum = 4,
                                                .fanout_count = 5});
    subsz_stats_add(&sum, &(struct subsz_stats){.subs = 4, .inserts = 4});
    struct subsz_page page = {.server_id = BYTES("NCDI"),
                              .now_ns = INT64_C(1795461108959830786),
                              .stats = sum,
                              .limit = 1024};
    struct json j;
    json_init(&j, JSON_INDENTED, 4096);
    subsz_begin(&j, &page);
    subsz_end(&j, &page);
    expect_json(&j, "{\n"
                    "  \"server_id\": \"NCDI\",\n"
                    "  \"now\": \"2026-11-23T19:11:48.959830786Z\",\n"
                    "  \"num_subscriptions\": 60,\n"
                    "  \"num_cache\": 5,\n"
                    "  \"num_inserts\": 60,\n"
                    "  \"num_removes\": 0,\n"
                    "  \"num_matches\": 6,\n"
                    "  \"cache_hit_rate\": 0.16666666666666666,\n"
                    "  \"max_fanout\": 1,\n"
                    "  \"avg_fanout\": 0.8,\n"
                    "  \"total\": 0,\n"
                    "  \"offset\": 0,\n"
                    "  \"limit\": 1024\n"
                    "}");
}

static void a_list_names_accounts(void **state)
{
    struct subsz_page page = {.server_id = BYTES("N"), .total = 1, .limit = 1, .row_count = 1};
    struct json j;
    json_init(&j, JSON_COMPACT, 4096);
    subsz_begin(&j, &page);
    sub_detail_write(&j, &(struct sub_detail){.account = BYTES("$G"),
                                              .account_tag = BYTES("$G"),
                                              .subject = BYTES("foo"),
                                              .queue = BYTES("q"),
                                              .sid = BYTES("1"),
                                              .cid = 5});
    subsz_end(&j, &page);
    expect_json(&j, "{\"server_id\":\"N\",\"now\":\"1970-01-01T00:00:00Z\",\"num_subscriptions\":0,"
                    "\"num_cache\":0,\"num_inserts\":0,\"num_removes\":0,\"num_matches\":0,"
                    "\"cache_hit_rate\":0,\"max_fanout\":0,\"avg_fanout\":0,\"total\":1,"
                    "\"offset\":0,\"limit\":1,\"subscriptions_list\":[{\"account\":\"$G\","
                    "\"account_tag\":\"$G\",\"subject\":\"foo\",\"qgroup\":\"q\",\"sid\":\"1\","
                    "\"msgs\":0,\"cid\":5}]}");
}

static int parse(struct bytes query, struct subsz_options *o, struct monitor_refusal *refusal,
                 struct monitor_args *args)
{
    monitor_refusal_init(refusal);
    assert_int_equal(monitor_args_init(args, query), 0);
    return subsz_options_parse(args, o, refusal);
}

static void arguments_are_read(void **state)
{
    struct subsz_options o;
    struct monitor_refusal refusal;
    struct monitor_args args;
    assert_int_equal(
        parse(BYTES("subs=true&offset=-1&limit=0&test=a.b*.%3e%3e&acc=A"), &o, &refusal, &args), 0);
    assert_true(o.subs && o.offset == 0 && o.limit == 1024);
    assert_true(bytes_are(o.test, "a.b*.>>") && bytes_are(o.account, "A"));
    monitor_args_done(&args);
}

static void wrong_arguments_are_told_as_nats_server_tells_them(void **state)
{
    static const struct refused rows[] = {
        {BYTES("test=a.*"), "invalid test subject, must be valid publish subject: a.*"},
        {BYTES("test=%3e"), "invalid test subject, must be valid publish subject: >"},
        {BYTES("test=a..b"), "invalid test subject, must be valid publish subject: a..b"},
        {BYTES("test=."), "invalid test subject, must be valid publish subject: ."},
        {BYTES("subs=detail"), "Error decoding boolean for 'subs': strconv.ParseBool: parsing "
                               "\"detail\": invalid syntax"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct subsz_options o;
        struct monitor_refusal refusal;
        struct monitor_args args;
        assert_true(parse(rows[i].query, &o, &refusal, &args) < 0);
        expect_refusal(&refusal, rows[i].text);
        monitor_args_done(&args);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_alone_have_no_list),
        cmocka_unit_test(a_list_names_accounts),
        cmocka_unit_test(arguments_are_read),
        cmocka_unit_test(wrong_arguments_are_told_as_nats_server_tells_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
