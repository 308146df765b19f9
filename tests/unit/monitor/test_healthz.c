/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/monitor/expect_json.h"

#include "protocols/monitor/healthz.h"

#define ACCOUNT_TEXT "\\\"account\\\" must not be empty when checking stream health"
#define STREAM_TEXT "\\\"stream\\\" must not be empty when checking consumer health"

static void verdicts_are_those_of_nats_server_without_jetstream(void **state)
{
    static const struct {
        struct bytes query;
        const char *not_ready;
        int code;
        const char *document;
    } rows[] = {
        {BYTES(""), NULL, 200, "{\"status\":\"ok\"}"},
        {BYTES("details=1"), NULL, 200, "{\"status\":\"ok\"}"},
        {BYTES("account=y&js-enabled=1&js-enabled-only=1&js-server-only=1&js-meta-only=1"), NULL,
         200, "{\"status\":\"ok\"}"},
        {BYTES("stream=x"), NULL, 400, "{\"status\":\"error\",\"error\":\"" ACCOUNT_TEXT "\"}"},
        {BYTES("consumer=x&account=y"), NULL, 400,
         "{\"status\":\"error\",\"error\":\"" STREAM_TEXT "\"}"},
        {BYTES("stream=x&details=1"), NULL, 400,
         "{\"status\":\"error\",\"errors\":[{\"type\":\"BAD_REQUEST\",\"error\":\"" ACCOUNT_TEXT
         "\"}]}"},
        {BYTES(""), "not up", 500, "{\"status\":\"error\",\"error\":\"not up\"}"},
        {BYTES("details=true"), "not up", 500,
         "{\"status\":\"error\",\"errors\":[{\"type\":\"CONNECTION\",\"error\":\"not up\"}]}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct healthz_options o;
        struct monitor_refusal refusal;
        struct monitor_args args;
        monitor_refusal_init(&refusal);
        assert_int_equal(monitor_args_init(&args, rows[i].query), 0);
        assert_int_equal(healthz_options_parse(&args, &o, &refusal), 0);
        struct healthz_verdict verdict = healthz_judge(&o, rows[i].not_ready);
        assert_int_equal(verdict.code, rows[i].code);
        struct json j;
        json_init(&j, JSON_COMPACT, 1024);
        healthz_write(&j, &o, &verdict);
        expect_json(&j, rows[i].document);
        monitor_args_done(&args);
    }
}

static void wrong_arguments_are_refused_in_order(void **state)
{
    struct healthz_options o;
    struct monitor_refusal refusal;
    struct monitor_args args;
    monitor_refusal_init(&refusal);
    assert_int_equal(monitor_args_init(&args, BYTES("details=x&js-enabled=y")), 0);
    assert_true(healthz_options_parse(&args, &o, &refusal) < 0);
    expect_refusal(&refusal, "Error decoding boolean for 'js-enabled': strconv.ParseBool: parsing "
                             "\"y\": invalid syntax");
    monitor_args_done(&args);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_those_of_nats_server_without_jetstream),
        cmocka_unit_test(wrong_arguments_are_refused_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
