/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/monitor/expect_json.h"

#include "protocols/monitor/connz.h"

#define S INT64_C(1000000000)
#define NOW (INT64_C(1795461197) * S + 113707174)

static const struct conn_info OPEN = {
    .cid = 5,
    .kind = BYTES("Client"),
    .type = BYTES("nats"),
    .ip = BYTES("127.0.0.1"),
    .port = 60974,
    .start_ns = INT64_C(1795461195) * S + 109220304,
    .last_ns = INT64_C(1795461195) * S + 109861350,
    .rtt_ns = 392123,
    .in_msgs = 1,
    .out_msgs = 1,
    .in_bytes = 2,
    .out_bytes = 2,
    .sub_count = 2,
    .name = BYTES("a<b>&"),
    .lang = BYTES("x"),
    .version = BYTES("1"),
};

static const struct connz_page PAGE = {.server_id = BYTES("NCDI"),
                                       .now_ns = NOW,
                                       .row_count = 1,
                                       .total = 1,
                                       .limit = 1024};

/* What nats-server 2.14.5 printed for the same connections. */
#define HEAD(count)                                    \
    "{\n"                                              \
    "  \"server_id\": \"NCDI\",\n"                     \
    "  \"now\": \"2026-11-23T19:13:17.113707174Z\",\n" \
    "  \"num_connections\": " count ",\n"              \
    "  \"total\": " count ",\n"                        \
    "  \"offset\": 0,\n"                               \
    "  \"limit\": 1024,\n"
#define OPEN_ROW                                                    \
    "  \"connections\": [\n"                                        \
    "    {\n"                                                       \
    "      \"cid\": 5,\n"                                           \
    "      \"kind\": \"Client\",\n"                                 \
    "      \"type\": \"nats\",\n"                                   \
    "      \"ip\": \"127.0.0.1\",\n"                                \
    "      \"port\": 60974,\n"                                      \
    "      \"start\": \"2026-11-23T19:13:15.109220304Z\",\n"        \
    "      \"last_activity\": \"2026-11-23T19:13:15.10986135Z\",\n" \
    "      \"rtt\": \"392\xc2\xb5s\",\n"                            \
    "      \"uptime\": \"2s\",\n"                                   \
    "      \"idle\": \"2s\",\n"                                     \
    "      \"pending_bytes\": 0,\n"                                 \
    "      \"in_msgs\": 1,\n"                                       \
    "      \"out_msgs\": 1,\n"                                      \
    "      \"in_bytes\": 2,\n"                                      \
    "      \"out_bytes\": 2,\n"                                     \
    "      \"subscriptions\": 2,\n"                                 \
    "      \"name\": \"a\\u003cb\\u003e\\u0026\",\n"                \
    "      \"lang\": \"x\",\n"                                      \
    "      \"version\": \"1\""
#define TAIL    \
    "\n    }\n" \
    "  ]\n"     \
    "}"

static void no_connections_are_an_empty_list(void **state)
{
    struct json j;
    struct connz_page page = PAGE;
    page.row_count = 0;
    page.total = 0;
    json_init(&j, JSON_INDENTED, 4096);
    connz_begin(&j, &page);
    connz_end(&j, &page);
    expect_json(&j, HEAD("0") "  \"connections\": []\n}");
}

static void an_unknown_account_is_null_without_server(void **state)
{
    struct json j;
    struct connz_page page = {.server_id = BYTES("N"), .limit = 7, .no_account = true};
    json_init(&j, JSON_COMPACT, 4096);
    connz_begin(&j, &page);
    connz_end(&j, &page);
    expect_json(&j, "{\"server_id\":\"\",\"now\":\"1970-01-01T00:00:00Z\",\"num_connections\":0,"
                    "\"total\":0,\"offset\":0,\"limit\":7,\"connections\":null}");
}

static void write_open(struct json *j, enum connz_subs subs, const struct conn_info *c)
{
    static const struct sub_detail list[] = {
        {.subject = BYTES("foo"), .queue = BYTES("q"), .sid = BYTES("1"), .cid = 5},
        {.subject = BYTES("bar"), .sid = BYTES("2"), .msgs = 1, .max = 5, .cid = 5},
    };
    json_init(j, JSON_INDENTED, 8192);
    connz_begin(j, &PAGE);
    connz_conn_begin(j, c, NOW);
    if (subs != CONNZ_NO_SUBS) {
        connz_subs_begin(j, subs);
        for (int i = 0; i < 2; i++)
            connz_sub(j, subs, &list[i]);
        connz_subs_end(j);
    }
    connz_conn_end(j, c);
    connz_end(j, &PAGE);
}

static void a_row_is_what_nats_server_prints(void **state)
{
    struct json j;
    write_open(&j, CONNZ_NO_SUBS, &OPEN);
    expect_json(&j, HEAD("1") OPEN_ROW TAIL);
    write_open(&j, CONNZ_SUBS, &OPEN);
    expect_json(&j, HEAD("1") OPEN_ROW ",\n"
                                       "      \"subscriptions_list\": [\n"
                                       "        \"foo\",\n"
                                       "        \"bar\"\n"
                                       "      ]" TAIL);
}

static void details_and_auth_follow_the_row(void **state)
{
    struct json j;
    struct conn_info c = OPEN;
    c.auth.name_tag = BYTES("$G");
    write_open(&j, CONNZ_SUBS_DETAIL, &c);
    expect_json(&j, HEAD("1") OPEN_ROW ",\n"
                                       "      \"subscriptions_list_detail\": [\n"
                                       "        {\n"
                                       "          \"subject\": \"foo\",\n"
                                       "          \"qgroup\": \"q\",\n"
                                       "          \"sid\": \"1\",\n"
                                       "          \"msgs\": 0,\n"
                                       "          \"cid\": 5\n"
                                       "        },\n"
                                       "        {\n"
                                       "          \"subject\": \"bar\",\n"
                                       "          \"sid\": \"2\",\n"
                                       "          \"msgs\": 1,\n"
                                       "          \"max\": 5,\n"
                                       "          \"cid\": 5\n"
                                       "        }\n"
                                       "      ],\n"
                                       "      \"name_tag\": \"$G\"" TAIL);
}

static void every_member_has_its_place(void **state)
{
    static const struct tls_peer_cert certs[] = {
        {.subject = BYTES("CN=x"), .spki_sha256 = BYTES("aa"), .cert_sha256 = BYTES("bb")}};
    static const struct bytes tags[] = {BYTES("t1"), BYTES("t2")};
    struct conn_info c = {
        .cid = 1,
        .start_ns = 0,
        .last_ns = 5 * S,
        .stop_ns = 65 * S,
        .reason = CLOSED_STATE_SLOW_CONSUMER_PENDING,
        .stalls = 3,
        .tls = {.version = BYTES("1.3"),
                .cipher = BYTES("C"),
                .certs = certs,
                .cert_count = 1,
                .first = true},
        .auth = {.user = BYTES("u"),
                 .account = BYTES("A"),
                 .jwt = BYTES("e.y"),
                 .issuer_key = BYTES("I"),
                 .name_tag = BYTES("T"),
                 .tags = tags,
                 .tag_count = 2},
        .mqtt_client = BYTES("m"),
        .proxy_key = BYTES("P"),
    };
    struct json j;
    json_init(&j, JSON_COMPACT, 8192);
    connz_conn_begin(&j, &c, NOW);
    connz_conn_end(&j, &c);
    expect_json(&j,
                "{\"cid\":1,\"ip\":\"\",\"port\":0,\"start\":\"1970-01-01T00:00:00Z\","
                "\"last_activity\":\"1970-01-01T00:00:05Z\",\"stop\":\"1970-01-01T00:01:05Z\","
                "\"reason\":\"Slow Consumer (Pending Bytes)\",\"rtt\":\"0s\",\"uptime\":\"1m5s\","
                "\"idle\":\"1m0s\",\"pending_bytes\":0,\"in_msgs\":0,\"out_msgs\":0,\"in_bytes\":0,"
                "\"out_bytes\":0,\"stalls\":3,\"subscriptions\":0,\"tls_version\":\"1.3\","
                "\"tls_cipher_suite\":\"C\",\"tls_peer_certs\":[{\"subject\":\"CN=x\","
                "\"spki_sha256\":\"aa\",\"cert_sha256\":\"bb\"}],\"tls_first\":true,"
                "\"authorized_user\":\"u\",\"account\":\"A\",\"jwt\":\"e.y\",\"issuer_key\":\"I\","
                "\"name_tag\":\"T\",\"tags\":[\"t1\",\"t2\"],\"mqtt_client\":\"m\","
                "\"proxy\":{\"key\":\"P\"}}");
}

static void a_round_trip_below_a_millisecond_has_no_nanoseconds(void **state)
{
    static const struct {
        int64_t ns;
        const char *rtt;
    } rows[] = {{0, "\"rtt\":\"0s\""},
                {999, "\"rtt\":\"999ns\""},
                {1000, "\"rtt\":\"1\xc2\xb5s\""},
                {1001, "\"rtt\":\"1\xc2\xb5s\""},
                {999999, "\"rtt\":\"999\xc2\xb5s\""},
                {1000001, "\"rtt\":\"1.000001ms\""}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct conn_info c = {.rtt_ns = rows[i].ns};
        struct json j;
        json_init(&j, JSON_COMPACT, 4096);
        connz_conn_begin(&j, &c, 0);
        connz_conn_end(&j, &c);
        struct bytes text = json_text(&j);
        assert_non_null(memmem(text.at, text.size, rows[i].rtt, strlen(rows[i].rtt)));
        json_done(&j);
    }
}

static int parse(struct bytes query, struct connz_options *o, struct monitor_refusal *refusal,
                 struct monitor_args *args)
{
    monitor_refusal_init(refusal);
    assert_int_equal(monitor_args_init(args, query), 0);
    return connz_options_parse(args, o, refusal);
}

static void arguments_are_read(void **state)
{
    struct connz_options o;
    struct monitor_refusal refusal;
    struct monitor_args args;
    assert_int_equal(parse(BYTES(""), &o, &refusal, &args), 0);
    assert_true(o.sort == CONNZ_BY_CID && o.state == CONNZ_OPEN && o.subs == CONNZ_NO_SUBS);
    assert_true(!o.auth && o.offset == 0 && o.limit == 1024 && o.cid == 0 && o.user.size == 0);
    monitor_args_done(&args);

    struct bytes all =
        BYTES("sort=stop&auth=T&subs=Detail&offset=%2B3&limit=7&state=Closed&user=a+b"
              "&acc=%24G&mqtt_client=m");
    assert_int_equal(parse(all, &o, &refusal, &args), 0);
    assert_true(o.sort == CONNZ_BY_STOP && o.state == CONNZ_CLOSED && o.auth);
    assert_true(o.subs == CONNZ_SUBS_DETAIL && o.offset == 3 && o.limit == 7);
    assert_true(bytes_are(o.user, "a b") && bytes_are(o.account, "$G"));
    assert_true(bytes_are(o.mqtt_client, "m") && o.filter_subject.size == 0);
    monitor_args_done(&args);

    assert_int_equal(parse(BYTES("subs=1&offset=-3&limit=-1&state=any&cid=18446744073709551615"),
                           &o, &refusal, &args),
                     0);
    assert_true(o.subs == CONNZ_SUBS && o.offset == 0 && o.limit == 1 && o.state == CONNZ_ALL);
    assert_true(o.cid == UINT64_MAX);
    monitor_args_done(&args);
}

static void wrong_arguments_are_told_as_nats_server_tells_them(void **state)
{
    static const struct refused rows[] = {
        {BYTES("sort=foo"), "invalid sorting option: foo"},
        {BYTES("sort=a%20%ff"), "invalid sorting option: a \xff"},
        {BYTES("sort=stop"), "sort by stop only valid on closed connections"},
        {BYTES("sort=stop&state=all"), "sort by stop only valid on closed connections"},
        {BYTES("sort=reason"), "sort by reason only valid on closed connections"},
        {BYTES("state=x"), "Error decoding state for x"},
        {BYTES("auth=x"),
         "Error decoding boolean for 'auth': strconv.ParseBool: parsing \"x\": invalid syntax"},
        {BYTES("subs=yes&sort=foo"),
         "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"yes\": invalid syntax"},
        {BYTES("offset=x"),
         "Error decoding int for 'offset': strconv.Atoi: parsing \"x\": invalid syntax"},
        {BYTES("offset=-"),
         "Error decoding int for 'offset': strconv.Atoi: parsing \"-\": invalid syntax"},
        {BYTES("limit=99999999999999999999"),
         "Error decoding int for 'limit': strconv.Atoi: parsing \"99999999999999999999\": "
         "value out of range"},
        {BYTES("limit=-9223372036854775809"),
         "Error decoding int for 'limit': strconv.Atoi: parsing \"-9223372036854775809\": "
         "value out of range"},
        {BYTES("limit=99999999999999999999x"),
         "Error decoding int for 'limit': strconv.Atoi: parsing \"99999999999999999999x\": "
         "invalid syntax"},
        {BYTES("cid=-1"),
         "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"-1\": invalid syntax"},
        {BYTES("cid=18446744073709551616"),
         "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"18446744073709551616\": "
         "value out of range"},
        {BYTES("auth=%22%0a"),
         "Error decoding boolean for 'auth': strconv.ParseBool: parsing \"\\\"\\n\": "
         "invalid syntax"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connz_options o;
        struct monitor_refusal refusal;
        struct monitor_args args;
        assert_true(parse(rows[i].query, &o, &refusal, &args) < 0);
        expect_refusal(&refusal, rows[i].text);
        monitor_args_done(&args);
    }
}

static void a_subject_filter_wants_an_account(void **state)
{
    struct monitor_refusal refusal;
    monitor_refusal_init(&refusal);
    struct connz_options o = {.filter_subject = BYTES("a.*")};
    assert_true(connz_options_check(&o, &refusal) < 0);
    expect_refusal(&refusal, "filter by subject only valid with account filtering");
    monitor_refusal_init(&refusal);
    o = (struct connz_options){.filter_subject = BYTES(">")};
    assert_int_equal(connz_options_check(&o, &refusal), 0);
    assert_int_equal(o.filter_subject.size, 0);
}

static void rows_are_ordered_by_what_is_asked_for(void **state)
{
    static const struct conn_info rows[] = {
        {.cid = 1,
         .start_ns = 10,
         .last_ns = 40,
         .stop_ns = 50,
         .reason = CLOSED_STATE_WRITE_ERROR,
         .rtt_ns = 5,
         .pending_bytes = 1,
         .in_msgs = 9,
         .out_msgs = 1,
         .in_bytes = 9,
         .out_bytes = 5,
         .sub_count = 2},
        {.cid = 2,
         .start_ns = 20,
         .last_ns = 30,
         .stop_ns = 90,
         .reason = CLOSED_STATE_CLIENT_CLOSED,
         .rtt_ns = 7,
         .pending_bytes = 2,
         .in_msgs = 8,
         .out_msgs = 2,
         .in_bytes = 1,
         .out_bytes = 5,
         .sub_count = 2},
        {.cid = 3,
         .start_ns = 30,
         .last_ns = 35,
         .stop_ns = 60,
         .reason = CLOSED_STATE_KICKED,
         .rtt_ns = 6,
         .pending_bytes = 3,
         .in_msgs = 7,
         .out_msgs = 3,
         .in_bytes = 5,
         .out_bytes = 6,
         .sub_count = 4},
    };
    static const struct {
        const char *sort;
        uint64_t order[3];
    } orders[] = {
        {"", {1, 2, 3}},          {"cid", {1, 2, 3}},      {"start", {1, 2, 3}},
        {"subs", {3, 1, 2}},      {"pending", {3, 2, 1}},  {"msgs_to", {3, 2, 1}},
        {"msgs_from", {1, 2, 3}}, {"bytes_to", {3, 1, 2}}, {"bytes_from", {1, 3, 2}},
        {"last", {1, 3, 2}},      {"idle", {2, 3, 1}},     {"uptime", {3, 1, 2}},
        {"stop", {2, 3, 1}},      {"reason", {2, 3, 1}},   {"rtt", {2, 3, 1}},
    };
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        enum connz_sort sort;
        struct monitor_refusal refusal;
        monitor_refusal_init(&refusal);
        assert_int_equal(connz_sort_parse(bytes_of(orders[i].sort), &sort, &refusal), 0);
        struct connz_key keys[4] = {{.cid = 0}};
        for (int row = 0; row < 3; row++)
            keys[orders[i].order[0] == rows[row].cid   ? 0
                 : orders[i].order[1] == rows[row].cid ? 1
                                                       : 2] = connz_key_of(sort, &rows[row], 100);
        assert_true(connz_key_before(keys[0], keys[1]) && connz_key_before(keys[1], keys[2]));
        assert_false(connz_key_before(keys[1], keys[0]) || connz_key_before(keys[0], keys[0]));
    }
}

static void there_are_37_reasons_in_words(void **state)
{
    assert_int_equal(CLOSED_STATE_COUNT - 1, 37);
    assert_string_equal(closed_state_text(CLOSED_STATE_CLIENT_CLOSED), "Client Closed");
    assert_string_equal(closed_state_text(CLOSED_STATE_PROXY_REQUIRED), "Proxy Required");
    assert_string_equal(closed_state_text(CLOSED_STATE_OPEN), "Unknown State");
    assert_string_equal(closed_state_text(CLOSED_STATE_COUNT), "Unknown State");
    bool seen[CLOSED_STATE_COUNT + 1] = {false};
    for (int s = CLOSED_STATE_OPEN; s < CLOSED_STATE_COUNT; s++) {
        int rank = closed_state_rank((enum closed_state)s);
        assert_in_range(rank, 0, CLOSED_STATE_COUNT - 1);
        assert_false(seen[rank]);
        seen[rank] = true;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_connections_are_an_empty_list),
        cmocka_unit_test(an_unknown_account_is_null_without_server),
        cmocka_unit_test(a_row_is_what_nats_server_prints),
        cmocka_unit_test(details_and_auth_follow_the_row),
        cmocka_unit_test(every_member_has_its_place),
        cmocka_unit_test(a_round_trip_below_a_millisecond_has_no_nanoseconds),
        cmocka_unit_test(arguments_are_read),
        cmocka_unit_test(wrong_arguments_are_told_as_nats_server_tells_them),
        cmocka_unit_test(a_subject_filter_wants_an_account),
        cmocka_unit_test(rows_are_ordered_by_what_is_asked_for),
        cmocka_unit_test(there_are_37_reasons_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
