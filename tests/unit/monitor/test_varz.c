/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/monitor/expect_json.h"

#include "protocols/monitor/varz.h"

#define S INT64_C(1000000000)

static const struct varz_count REQUESTS[] = {{BYTES("/varz"), 1}};
static const struct varz_flag FLAGS[] = {{BYTES("js_ack_fc_v2"), false},
                                         {BYTES("js_raft_delete_range"), false}};

/* A server with a configuration of its own in nothing but ports. */
static const struct varz PLAIN = {
    .identity = {.server_id = BYTES("NCDI"),
                 .server_name = BYTES("NCDI"),
                 .version = BYTES("2.14.5"),
                 .proto = 1,
                 .go = BYTES("go1.26.8"),
                 .host = BYTES("127.0.0.1"),
                 .port = 41803},
    .limits = {.max_connections = 65536,
               .ping_interval_ns = 120 * S,
               .ping_max = 2,
               .http_host = BYTES("127.0.0.1"),
               .http_port = -1,
               .auth_timeout_s = 2,
               .max_control_line = 4096,
               .max_payload = 1048576,
               .max_pending = 67108864,
               .tls_timeout_s = 2,
               .write_deadline_ns = 10 * S},
    .process = {.start_ns = INT64_C(1795461107) * S + 893407042,
                .now_ns = INT64_C(1795461108) * S + 934320067,
                .mem_bytes = 15425536,
                .cores = 2,
                .workers = 2},
    .traffic = {.subscriptions = 60},
    .http_requests = REQUESTS,
    .http_request_count = 1,
    .config = {.load_time_ns = INT64_C(1795461107) * S + 893407042,
               .feature_flags = FLAGS,
               .feature_flag_count = 2,
               .system_account = BYTES("$SYS")},
};

#define TRAFFIC                     \
    "  \"connections\": 0,\n"       \
    "  \"total_connections\": 0,\n" \
    "  \"routes\": 0,\n"            \
    "  \"remotes\": 0,\n"           \
    "  \"leafnodes\": 0,\n"         \
    "  \"in_msgs\": 0,\n"           \
    "  \"in_bytes\": 0,\n"          \
    "  \"in_client_msgs\": 0,\n"    \
    "  \"in_client_bytes\": 0,\n"   \
    "  \"out_msgs\": 0,\n"          \
    "  \"out_bytes\": 0,\n"         \
    "  \"out_client_msgs\": 0,\n"   \
    "  \"out_client_bytes\": 0,\n"  \
    "  \"slow_consumers\": 0,\n"    \
    "  \"stale_connections\": 0,\n" \
    "  \"stalled_clients\": 0,\n"
#define NO_KINDS             \
    "    \"clients\": 0,\n"  \
    "    \"routes\": 0,\n"   \
    "    \"gateways\": 0,\n" \
    "    \"leafs\": 0\n"     \
    "  },\n"
#define END                                                                                \
    "  \"feature_flags\": {\n"                                                             \
    "    \"js_ack_fc_v2\": false,\n"                                                       \
    "    \"js_raft_delete_range\": false\n"                                                \
    "  },\n"                                                                               \
    "  \"system_account\": \"$SYS\",\n"                                                    \
    "  \"slow_consumer_stats\": {\n" NO_KINDS "  \"stale_connection_stats\": {\n" NO_KINDS \
    "  \"disk_io_wait_stats\": {\n"                                                        \
    "    \"waiters\": 0,\n"                                                                \
    "    \"waits\": 0,\n"                                                                  \
    "    \"wait_time\": 0,\n"                                                              \
    "    \"max_wait_time\": 0\n"                                                           \
    "  }\n"                                                                                \
    "}"

static void a_plain_server_prints_what_nats_server_prints(void **state)
{
    struct json j;
    json_init(&j, JSON_INDENTED, 8192);
    varz_write(&j, &PLAIN);
    expect_json(&j, "{\n"
                    "  \"server_id\": \"NCDI\",\n"
                    "  \"server_name\": \"NCDI\",\n"
                    "  \"version\": \"2.14.5\",\n"
                    "  \"proto\": 1,\n"
                    "  \"go\": \"go1.26.8\",\n"
                    "  \"host\": \"127.0.0.1\",\n"
                    "  \"port\": 41803,\n"
                    "  \"max_connections\": 65536,\n"
                    "  \"ping_interval\": 120000000000,\n"
                    "  \"ping_max\": 2,\n"
                    "  \"http_host\": \"127.0.0.1\",\n"
                    "  \"http_port\": -1,\n"
                    "  \"http_base_path\": \"\",\n"
                    "  \"https_port\": 0,\n"
                    "  \"auth_timeout\": 2,\n"
                    "  \"max_control_line\": 4096,\n"
                    "  \"max_payload\": 1048576,\n"
                    "  \"max_pending\": 67108864,\n"
                    "  \"cluster\": {},\n"
                    "  \"gateway\": {},\n"
                    "  \"leaf\": {},\n"
                    "  \"mqtt\": {},\n"
                    "  \"websocket\": {},\n"
                    "  \"jetstream\": {},\n"
                    "  \"tls_timeout\": 2,\n"
                    "  \"write_deadline\": 10000000000,\n"
                    "  \"start\": \"2026-11-23T19:11:47.893407042Z\",\n"
                    "  \"now\": \"2026-11-23T19:11:48.934320067Z\",\n"
                    "  \"uptime\": \"1s\",\n"
                    "  \"mem\": 15425536,\n"
                    "  \"cores\": 2,\n"
                    "  \"gomaxprocs\": 2,\n"
                    "  \"cpu\": 0,\n" TRAFFIC "  \"subscriptions\": 60,\n"
                    "  \"http_req_stats\": {\n"
                    "    \"/varz\": 1\n"
                    "  },\n"
                    "  \"config_load_time\": \"2026-11-23T19:11:47.893407042Z\",\n"
                    "  \"config_digest\": \"\",\n" END);
}

static void a_configured_server_prints_what_nats_server_prints(void **state)
{
    static const struct bytes urls[] = {BYTES("127.0.0.1:1")};
    static const struct bytes tags[] = {BYTES("a"), BYTES("b")};
    static const struct varz_text metadata[] = {{BYTES("k1"), BYTES("w")},
                                                {BYTES("k2"), BYTES("v")}};
    struct varz v = PLAIN;
    v.identity.auth_required = true;
    v.limits.max_subscriptions = 9;
    v.limits.http_base_path = BYTES("/b");
    v.limits.auth_timeout_s = 1.5;
    v.limits.write_deadline_ns = 2 * S;
    v.limits.write_timeout = BYTES("retry");
    v.cluster = (struct varz_cluster){.name = BYTES("C"),
                                      .host = BYTES("127.0.0.1"),
                                      .port = 43003,
                                      .auth_timeout_s = 2,
                                      .urls = urls,
                                      .url_count = 1,
                                      .tls_timeout_s = 2,
                                      .pool_size = 3,
                                      .write_deadline_ns = 3 * S};
    v.config.digest = BYTES("sha256:a36a");
    v.config.tags = tags;
    v.config.tag_count = 2;
    v.config.metadata = metadata;
    v.config.metadata_count = 2;
    struct json j;
    json_init(&j, JSON_INDENTED, 8192);
    varz_write(&j, &v);
    expect_json(&j, "{\n"
                    "  \"server_id\": \"NCDI\",\n"
                    "  \"server_name\": \"NCDI\",\n"
                    "  \"version\": \"2.14.5\",\n"
                    "  \"proto\": 1,\n"
                    "  \"go\": \"go1.26.8\",\n"
                    "  \"host\": \"127.0.0.1\",\n"
                    "  \"port\": 41803,\n"
                    "  \"auth_required\": true,\n"
                    "  \"max_connections\": 65536,\n"
                    "  \"max_subscriptions\": 9,\n"
                    "  \"ping_interval\": 120000000000,\n"
                    "  \"ping_max\": 2,\n"
                    "  \"http_host\": \"127.0.0.1\",\n"
                    "  \"http_port\": -1,\n"
                    "  \"http_base_path\": \"/b\",\n"
                    "  \"https_port\": 0,\n"
                    "  \"auth_timeout\": 1.5,\n"
                    "  \"max_control_line\": 4096,\n"
                    "  \"max_payload\": 1048576,\n"
                    "  \"max_pending\": 67108864,\n"
                    "  \"cluster\": {\n"
                    "    \"name\": \"C\",\n"
                    "    \"addr\": \"127.0.0.1\",\n"
                    "    \"cluster_port\": 43003,\n"
                    "    \"auth_timeout\": 2,\n"
                    "    \"urls\": [\n"
                    "      \"127.0.0.1:1\"\n"
                    "    ],\n"
                    "    \"tls_timeout\": 2,\n"
                    "    \"pool_size\": 3,\n"
                    "    \"write_deadline\": 3000000000\n"
                    "  },\n"
                    "  \"gateway\": {\n"
                    "    \"write_deadline\": 3000000000\n"
                    "  },\n"
                    "  \"leaf\": {\n"
                    "    \"write_deadline\": 3000000000\n"
                    "  },\n"
                    "  \"mqtt\": {},\n"
                    "  \"websocket\": {},\n"
                    "  \"jetstream\": {},\n"
                    "  \"tls_timeout\": 2,\n"
                    "  \"write_deadline\": 2000000000,\n"
                    "  \"write_timeout\": \"retry\",\n"
                    "  \"start\": \"2026-11-23T19:11:47.893407042Z\",\n"
                    "  \"now\": \"2026-11-23T19:11:48.934320067Z\",\n"
                    "  \"uptime\": \"1s\",\n"
                    "  \"mem\": 15425536,\n"
                    "  \"cores\": 2,\n"
                    "  \"gomaxprocs\": 2,\n"
                    "  \"cpu\": 0,\n" TRAFFIC "  \"subscriptions\": 60,\n"
                    "  \"http_req_stats\": {\n"
                    "    \"/varz\": 1\n"
                    "  },\n"
                    "  \"config_load_time\": \"2026-11-23T19:11:47.893407042Z\",\n"
                    "  \"config_digest\": \"sha256:a36a\",\n"
                    "  \"tags\": [\n"
                    "    \"a\",\n"
                    "    \"b\"\n"
                    "  ],\n"
                    "  \"metadata\": {\n"
                    "    \"k1\": \"w\",\n"
                    "    \"k2\": \"v\"\n"
                    "  },\n" END);
}

static bool has(const struct json *j, const char *text)
{
    struct bytes all = json_text(j);
    return memmem(all.at, all.size, text, strlen(text));
}

static void what_is_set_is_shown(void **state)
{
    static const struct bytes urls[] = {BYTES("h:1")};
    struct varz v = PLAIN;
    v.identity.git_commit = BYTES("abc");
    v.identity.tls_required = true;
    v.identity.tls_verify = true;
    v.identity.ip = BYTES("i");
    v.identity.connect_urls = urls;
    v.identity.connect_url_count = 1;
    v.identity.ws_connect_urls = urls;
    v.identity.ws_connect_url_count = 1;
    v.process.mem_limit_bytes = 5;
    v.process.cpu_percent = 12.5;
    v.config.pinned_account_fails = 3;
    v.config.tls_cert_not_after_ns = S;
    struct json j;
    json_init(&j, JSON_COMPACT, 8192);
    varz_write(&j, &v);
    assert_int_equal(json_finish(&j), 0);
    assert_true(has(&j, "\"proto\":1,\"git_commit\":\"abc\",\"go\":"));
    assert_true(has(&j, "\"port\":41803,\"tls_required\":true,\"tls_verify\":true,\"ip\":\"i\","
                        "\"connect_urls\":[\"h:1\"],\"ws_connect_urls\":[\"h:1\"],"
                        "\"max_connections\":"));
    assert_true(has(&j, "\"gomaxprocs\":2,\"gomemlimit\":5,\"cpu\":12.5,\"connections\":"));
    assert_true(has(&j, "\"system_account\":\"$SYS\",\"pinned_account_fails\":3,"));
    assert_true(has(&j, "\"max_wait_time\":0},\"tls_cert_not_after\":\"1970-01-01T00:00:01Z\"}"));
    json_done(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_server_prints_what_nats_server_prints),
        cmocka_unit_test(a_configured_server_prints_what_nats_server_prints),
        cmocka_unit_test(what_is_set_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
