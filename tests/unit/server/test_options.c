/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts without "not supported yet" are those of nats-server 2.14.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "server/options_reader.h"
#include "tests/unit/conf/memory_source.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct reading {
    struct options options;
    struct text errors;
    struct text warnings;
};

static void read_text(struct reading *r, const char *text)
{
    struct memory_source memory = {NULL, NULL};
    struct conf_source source = memory_conf_source(&memory);
    struct conf_tree *tree = NULL;
    struct conf_error error;
    options_init(&r->options);
    text_init(&r->errors);
    text_init(&r->warnings);
    if (conf_parse_text(bytes_of(text), "t.conf", &source, &tree, &error) < 0)
        fail_msg("%s", error.text);
    options_read(&r->options, tree, &r->errors, &r->warnings);
    conf_free(&tree);
}

static void done(struct reading *r)
{
    options_done(&r->options);
    text_done(&r->errors);
    text_done(&r->warnings);
}

static const char *text_of(const struct text *t)
{
    return t->at == NULL ? "" : t->at;
}

/* ---- numbers and texts that keys set ---- */

#define FIELD(member) offsetof(struct options, member)

static const struct {
    const char *text;
    size_t offset;
    int64_t want;
} numbers[] = {
    {"max_control_line: 8k", FIELD(limits.control_line_bytes_max), 8000},
    {"max_payload: 2MB", FIELD(limits.payload_bytes_max), 2 << 20},
    {"max_pending: 128MB", FIELD(limits.pending_bytes_max), 128 << 20},
    {"max_connections: 7", FIELD(limits.connections_max), 7},
    {"max_conn: 0", FIELD(limits.connections_max), -1},
    {"MAX_CONNECTIONS: -3", FIELD(limits.connections_max), -3},
    {"max_subscriptions: 5", FIELD(limits.subscriptions_max), 5},
    {"max_subs: 6", FIELD(limits.subscriptions_max), 6},
    {"max_sub_tokens: 255", FIELD(limits.subject_tokens_max), 255},
    {"max_subscription_tokens: 8", FIELD(limits.subject_tokens_max), 8},
    {"max_closed_clients: 12", FIELD(limits.closed_connections_max), 12},
    {"max_traced_msg_len: 100", FIELD(log.traced_bytes_max), 100},
    {"logfile_size_limit: 1MB", FIELD(log.file_bytes_max), 1 << 20},
    {"log_size_limit: 2MB", FIELD(log.file_bytes_max), 2 << 20},
    {"logfile_max_num: 3", FIELD(log.files_max), 3},
    {"log_max_num: 4", FIELD(log.files_max), 4},
    {"ping_interval: \"30s\"", FIELD(timing.ping_interval_ns), 30000000000},
    {"ping_interval: 300ms", FIELD(timing.ping_interval_ns), 300000000},
    {"ping_max: 5", FIELD(timing.pings_out_max), 5},
    {"write_deadline: \"2s\"", FIELD(timing.write_deadline_ns), 2000000000},
    {"lame_duck_duration: \"1m\"", FIELD(timing.lame_duck_ns), 60000000000},
    {"lame_duck_grace_period: 5s", FIELD(timing.lame_duck_grace_ns), 5000000000},
    {"connect_error_reports: 9", FIELD(timing.connect_error_reports), 9},
    {"reconnect_error_reports: 8", FIELD(timing.reconnect_error_reports), 8},
};

static void numbers_reach_their_fields(void **state)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct reading r;
        int64_t value;
        read_text(&r, numbers[i].text);
        assert_string_equal(text_of(&r.errors), "");
        assert_string_equal(text_of(&r.warnings), "");
        memcpy(&value, (char *)&r.options + numbers[i].offset, sizeof(value));
        if (value != numbers[i].want)
            fail_msg("%s: %lld", numbers[i].text, (long long)value);
        done(&r);
    }
}

static const struct {
    const char *text;
    size_t offset;
    const char *want;
} texts[] = {
    {"listen: \"1.2.3.4:5\"", FIELD(client.host), "1.2.3.4"},
    {"listen: \"[::1]:5\"", FIELD(client.host), "::1"},
    {"listen: 5", FIELD(client.host), ""},
    {"host: localhost", FIELD(client.host), "localhost"},
    {"net: \"::\"", FIELD(client.host), "::"},
    {"client_advertise: \"me.example:4333\"", FIELD(client.advertise), "me.example:4333"},
    {"server_name: s1", FIELD(server_name), "s1"},
    {"http: \"127.0.0.1:-1\"", FIELD(monitor.host), "127.0.0.1"},
    {"http_base_path: /x", FIELD(monitor.base_path), "/x"},
    {"logfile: a.log", FIELD(log.file), "a.log"},
    {"log_file: b.log", FIELD(log.file), "b.log"},
    {"pid_file: /run/x.pid", FIELD(pid_file), "/run/x.pid"},
    {"pidfile: y.pid", FIELD(pid_file), "y.pid"},
    {"ports_file_dir: /tmp", FIELD(ports_file_dir), "/tmp"},
    {"authorization { user: a, password: b }", FIELD(auth.user), "a"},
    {"authorization { username: a, pass: b }", FIELD(auth.password), "b"},
    {"authorization { token: c }", FIELD(auth.token), "c"},
};

static void texts_reach_their_fields(void **state)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct reading r;
        const char *value;
        read_text(&r, texts[i].text);
        assert_string_equal(text_of(&r.errors), "");
        memcpy(&value, (char *)&r.options + texts[i].offset, sizeof(value));
        assert_non_null(value);
        assert_string_equal(value, texts[i].want);
        done(&r);
    }
}

static const struct {
    const char *text;
    size_t offset;
    bool want;
} booleans[] = {
    {"debug: true", FIELD(log.debug), true},
    {"trace: on", FIELD(log.trace), true},
    {"trace_verbose: yes", FIELD(log.trace_verbose), true},
    {"trace_verbose: yes", FIELD(log.trace), true},
    {"trace_headers: true", FIELD(log.trace_headers), true},
    {"trace_headers: true", FIELD(log.trace), true},
    {"logtime: false", FIELD(log.time), false},
    {"logtime_utc: true", FIELD(log.time_utc), true},
    {"no_header_support: true", FIELD(headers), false},
    {"no_header_support: false", FIELD(headers), true},
    {"disable_sublist_cache: true", FIELD(sublist_cache), false},
    {"no_sublist_cache: true", FIELD(sublist_cache), false},
    {"no_fast_producer_stall: true", FIELD(stall_fast_producer), false},
    {"no_system_account: true", FIELD(system_account), false},
    {"no_sys_acc: true", FIELD(system_account), false},
};

static void booleans_reach_their_fields(void **state)
{
    for (size_t i = 0; i < COUNT(booleans); i++) {
        struct reading r;
        read_text(&r, booleans[i].text);
        assert_string_equal(text_of(&r.errors), "");
        bool value = *(bool *)((char *)&r.options + booleans[i].offset);
        if (value != booleans[i].want)
            fail_msg("%s", booleans[i].text);
        done(&r);
    }
}

static void ports_are_read_from_listen_and_port_and_http(void **state)
{
    struct reading r;
    read_text(&r, "listen: 127.0.0.1:4333\nhttp: 8222");
    assert_int_equal(r.options.client.port, 4333);
    assert_int_equal(r.options.monitor.port, 8222);
    done(&r);
    read_text(&r, "port: -1\nmonitor_port: -1");
    assert_int_equal(r.options.client.port, OPTIONS_PORT_ANY);
    assert_int_equal(r.options.monitor.port, OPTIONS_PORT_ANY);
    done(&r);
}

static void the_last_of_two_spellings_wins(void **state)
{
    struct reading r;
    read_text(&r, "port: 1\nPORT: 2\nhost: a\nnet: b");
    assert_int_equal(r.options.client.port, 2);
    assert_string_equal(r.options.client.host, "b");
    done(&r);
}

static void tags_are_lower_case_and_each_once(void **state)
{
    struct reading r;
    read_text(&r, "server_tags: [A, a, \" B \", \"\", c:d]");
    assert_int_equal(r.options.tag_count, 3);
    assert_string_equal(r.options.tags[0], "a");
    assert_string_equal(r.options.tags[1], "b");
    assert_string_equal(r.options.tags[2], "c:d");
    done(&r);
    read_text(&r, "server_tags: One");
    assert_int_equal(r.options.tag_count, 1);
    assert_string_equal(r.options.tags[0], "one");
    done(&r);
}

static void metadata_and_users_are_lists(void **state)
{
    struct reading r;
    read_text(&r, "server_metadata { k1: v1, k2: v2 }\n"
                  "authorization { timeout: 3.5, users: [ {user: b, password: q}, {user: a} ] }\n"
                  "myelin { workers: 3 }\nwrite_timeout: close");
    assert_string_equal(text_of(&r.errors), "");
    assert_int_equal(r.options.metadata_count, 2);
    assert_string_equal(r.options.metadata[1].name, "k2");
    assert_string_equal(r.options.metadata[1].value, "v2");
    assert_int_equal(r.options.auth.user_count, 2);
    assert_string_equal(r.options.auth.users[0].user, "a");
    assert_string_equal(r.options.auth.users[0].password, "");
    assert_string_equal(r.options.auth.users[1].password, "q");
    assert_true(r.options.auth.timeout_s == 3.5);
    assert_int_equal(r.options.workers, 3);
    assert_int_equal(r.options.timing.write_policy, WRITE_POLICY_CLOSE);
    done(&r);
}

/* ---- what is not taken ---- */

static const struct {
    const char *text;
    const char *errors;
} refusals[] = {
    {"foo: 1", "t.conf:1:0: unknown field \"foo\"\n"},
    {"port: \"a\"\nhost: 1",
     "t.conf:1:0: interface conversion: interface {} is string, not int64\n"
     "t.conf:2:1: interface conversion: interface {} is int64, not string\n"},
    {"debug: 1", "t.conf:1:0: interface conversion: interface {} is int64, not bool\n"},
    {"port: [1 ]", "t.conf:1:0: interface conversion: interface {} is []interface {}, not int64\n"},
    {"listen: abc", "t.conf:1:0: could not parse address string \"abc\"\n"},
    {"listen: \"::1:22\"", "t.conf:1:0: could not parse address string \"::1:22\"\n"},
    {"listen: \"a:b\"", "t.conf:1:0: could not parse port \"b\"\n"},
    {"listen: true", "t.conf:1:0: expected port or host:port, got bool\n"},
    {"http: {}", "t.conf:1:0: expected port or host:port, got map[string]interface {}\n"},
    {"server_name: \"a b\"", "t.conf:1:0: server name cannot contain spaces\n"},
    {"max_payload: 4g", "t.conf:1:0: max_payload value is too big\n"},
    {"MAX_control_line: 4g", "t.conf:1:0: MAX_control_line value is too big\n"},
    {"max_sub_tokens: 256", "t.conf:1:0: max_sub_tokens value is too big\n"},
    {"max_sub_tokens: 0", "t.conf:1:0: max_sub_tokens value can not be negative\n"},
    {"write_timeout: x", "t.conf:1:0: write_timeout must be 'default', 'close' or 'retry'\n"},
    {"ping_interval: 1x",
     "t.conf:1:0: error parsing ping_interval: time: unknown unit \"x\" in duration \"1x\"\n"},
    {"lame_duck_duration: 10s",
     "t.conf:1:0: invalid lame_duck_duration of 10s, minimum is 30 seconds\n"},
    {"lame_duck_grace_period: \"-1s\"",
     "t.conf:1:0: invalid lame_duck_grace_period, needs to be positive\n"},
    {"server_tags: 3", "t.conf:1:0: error parsing tags: unsupported type int64\n"},
    {"server_tags: [a,{b:c}]",
     "t.conf:1:0: error parsing tags: unsupported type *conf.token where string is expected\n"},
    {"server_metadata: x", "t.conf:1:0: error parsing metadata: unsupported type string\n"},
    {"server_metadata {a: 1}",
     "t.conf:1:17: interface conversion: interface {} is int64, not string\n"},
    {"authorization { foo: 1 }", "t.conf:1:16: unknown field \"foo\"\n"},
    {"authorization { users: [ {user: a, foo: b} ] }", "t.conf:1:35: unknown field \"foo\"\n"},
    {"authorization { users: [ {password: b} ] }", "t.conf:1:26: User entry requires a user\n"},
    {"authorization { users: [ 3, abc ] }",
     "t.conf:1:25: Expected user entry to be a map/struct, got 3\n"
     "t.conf:1:28: Expected user entry to be a map/struct, got abc\n"},
    {"authorization { users: 3 }", "t.conf:1:16: Expected users field to be an array, got 3\n"},
    {"authorization { users: [ {user: a}, {user: b}, {user: a} ] }",
     "t.conf:1:0: Duplicate user \"a\" detected\n"},
    {"authorization { user: a, token: b }", "t.conf:1:0: Cannot have a user/pass and token\n"},
    {"authorization { user: a, users: [] }",
     "t.conf:1:0: Can not have a single user/pass and a users array\n"},
    {"authorization { token: a, users: [] }",
     "t.conf:1:0: Can not have a token and a users array\n"},
    {"authorization { timeout: abc }",
     "t.conf:1:16: error parsing authorization config, 'timeout' time: invalid duration "
     "\"abc\"\n"},
    {"authorization { password: $2a$11$aaaa, user: x }",
     "t.conf:1:16: \"password\" with a bcrypt hash is not supported yet\n"},
    {"authorization { token: \"$2b$11$aaaa\" }",
     "t.conf:1:16: \"token\" with a bcrypt hash is not supported yet\n"},
    {"authorization { users: [ {user: a, password: $2a$11$aaaa} ] }",
     "t.conf:1:35: \"password\" with a bcrypt hash is not supported yet\n"},
    {"authorization { users: [ {nkey: U} ] }", "t.conf:1:26: \"nkey\" is not supported yet\n"},
    {"authorization { users: [ {user: a, Permissions: {}} ] }",
     "t.conf:1:35: \"Permissions\" is not supported yet\n"},
    {"jetstream: enabled", "t.conf:1:0: \"jetstream\" is not supported yet\n"},
    {"jetstream {}", "t.conf:1:0: \"jetstream\" is not supported yet\n"},
    {"jetstream: true", "t.conf:1:0: \"jetstream\" is not supported yet\n"},
    {"jetstream: maybe",
     "t.conf:1:0: Expected 'enabled' or 'disabled' for string value, got 'maybe'\n"},
    {"leafnodes: 3", "t.conf:1:0: Expected map to define a leafnode, got int64\n"},
    {"leafnodes { remotes: [] }", "t.conf:1:12: \"remotes\" is not supported yet\n"},
    {"leafnodes { listen: x }", "t.conf:1:12: could not parse address string \"x\"\n"},
    {"host: \"a\\x00b\"", "t.conf:1:0: a text with a NUL byte is not supported\n"},
    {"websocket: 3", "t.conf:1:0: Expected websocket to be a map, got int64\n"},
    {"myelin { workers: 1000 }",
     "t.conf:1:9: workers is from 1 to 256, or 0 for half of the processors\n"},
    {"myelin { worker: 1 }", "t.conf:1:9: unknown field \"worker\"\n"},
};

static void mistakes_are_told_with_their_places(void **state)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct reading r;
        read_text(&r, refusals[i].text);
        assert_string_equal(text_of(&r.errors), refusals[i].errors);
        done(&r);
    }
}

/* Calls check with every spelling of every key of the table that is refused, or off only. */
static void for_refused(const struct options_key *keys, const char *format)
{
    for (const struct options_key *key = keys; key->names != NULL; key++) {
        if (key->state != KEY_REFUSED && key->state != KEY_OFF_ONLY)
            continue;
        for (const char *at = key->names; *at != '\0';) {
            int size = (int)strcspn(at, "|");
            char name[64];
            char text[256];
            char want[128];
            snprintf(name, sizeof(name), "%.*s", size, at);
            snprintf(text, sizeof(text), "%s %s: {a: [1, x, true]} %s", format, name,
                     format[0] == '\0' ? "" : "}");
            if (strchr(format, '[') != NULL)
                snprintf(text, sizeof(text), "%s %s: {a: 1} } ] }", format, name);
            snprintf(want, sizeof(want), "\"%s\" is not supported yet\n", name);
            struct reading r;
            read_text(&r, text);
            if (strstr(text_of(&r.errors), want) == NULL)
                fail_msg("%s: %s", text, text_of(&r.errors));
            done(&r);
            at += size + (at[size] == '|' ? 1 : 0);
        }
    }
}

static void every_key_of_a_missing_feature_is_refused_by_name(void **state)
{
    for_refused(options_keys, "");
    for_refused(options_auth_keys, "authorization {");
    for_refused(options_user_keys, "authorization { users: [ {user: a,");
    for_refused(options_leafnode_keys, "leafnodes {");
}

static void no_spelling_stands_in_two_rows(void **state)
{
    const struct options_key *tables[] = {options_keys, options_auth_keys, options_user_keys,
                                          options_leafnode_keys};
    for (size_t t = 0; t < COUNT(tables); t++)
        for (const struct options_key *key = tables[t]; key->names != NULL; key++)
            for (const char *at = key->names; *at != '\0';) {
                size_t size = strcspn(at, "|");
                assert_ptr_equal(options_reader_find(tables[t], (struct bytes){at, size}), key);
                at += size + (at[size] == '|' ? 1 : 0);
            }
}

static void a_missing_feature_that_is_off_is_no_mistake(void **state)
{
    static const char *const off[] = {
        "syslog: false",
        "proxy_protocol: false",
        "https_port: 0",
        "prof_port: 0",
        "prof_block_rate: 0",
        "allow_non_tls: false",
        "jetstream: false",
        "jetstream: disabled",
        "jetstream: Disable",
        "ocsp: false",
        "ocsp_cache: false",
        "jetstream { enabled: false }",
        "authorization { proxy_required: false }",
    };
    for (size_t i = 0; i < COUNT(off); i++) {
        struct reading r;
        read_text(&r, off[i]);
        assert_string_equal(text_of(&r.errors), "");
        done(&r);
    }
}

static void a_key_that_a_variable_named_may_be_unknown(void **state)
{
    struct reading r;
    read_text(&r, "mine: 4444\nport: $mine\nauthorization { x: y, user: $x }");
    assert_string_equal(text_of(&r.errors), "");
    assert_int_equal(r.options.client.port, 4444);
    assert_string_equal(r.options.auth.user, "y");
    done(&r);
}

static void leafnodes_and_websocket_pass_with_a_notice(void **state)
{
    struct reading r;
    read_text(&r, "leafnodes.listen: 1\n");
    assert_string_equal(text_of(&r.errors), "t.conf:1:0: unknown field \"leafnodes.listen\"\n");
    done(&r);
    read_text(&r, "leafnodes { listen: \"127.0.0.1:-1\" }\nws { port: -1, no_tls: true, foo: 1 }");
    assert_string_equal(text_of(&r.errors), "");
    assert_string_equal(text_of(&r.warnings), "");
    assert_int_equal(r.options.notice_count, 2);
    assert_string_equal(
        r.options.notices[0],
        "t.conf:1:0: \"leafnodes\" is accepted, but not supported yet: no port is opened");
    assert_string_equal(r.options.notices[1],
                        "t.conf:2:1: \"ws\" is accepted, but not supported yet: no port is opened");
    done(&r);
}

static void numbers_for_durations_are_seconds_with_a_warning(void **state)
{
    struct reading r;
    read_text(&r, "ping_interval: 10");
    assert_true(r.options.timing.ping_interval_ns == 10000000000);
    assert_string_equal(
        text_of(&r.warnings),
        "t.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be "
        "converted to a duration\n");
    done(&r);
    read_text(&r, "authorization { timeout: 1m }");
    assert_string_equal(
        text_of(&r.warnings),
        "t.conf:1:16: invalid use of field \"timeout\": timeout of 1000000 (1000000.000000 seconds) "
        "is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use "
        "'1m' instead of 1m, for example\n");
    done(&r);
    read_text(&r, "");
    assert_string_equal(text_of(&r.warnings), ": config has no values or is empty\n");
    done(&r);
}

/* ---- defaults and the checks at the end ---- */

static void what_is_unset_gets_the_defaults_of_nats_server(void **state)
{
    struct options o;
    struct text problem;
    options_init(&o);
    text_init(&problem);
    options_set_defaults(&o);
    assert_string_equal(o.client.host, "0.0.0.0");
    assert_string_equal(o.monitor.host, "0.0.0.0");
    assert_string_equal(o.monitor.base_path, "/");
    assert_int_equal(o.client.port, 4222);
    assert_int_equal(o.monitor.port, 0);
    assert_int_equal(o.limits.control_line_bytes_max, 4096);
    assert_int_equal(o.limits.payload_bytes_max, 1048576);
    assert_int_equal(o.limits.pending_bytes_max, 67108864);
    assert_int_equal(o.limits.connections_max, 65536);
    assert_int_equal(o.limits.closed_connections_max, 10000);
    assert_true(o.timing.ping_interval_ns == 120000000000);
    assert_int_equal(o.timing.pings_out_max, 2);
    assert_true(o.timing.write_deadline_ns == 10000000000);
    assert_true(o.timing.lame_duck_ns == 120000000000);
    assert_true(o.timing.lame_duck_grace_ns == 10000000000);
    assert_int_equal(o.timing.connect_error_reports, 3600);
    assert_int_equal(o.timing.reconnect_error_reports, 1);
    assert_true(o.auth.timeout_s == 2);
    assert_true(o.log.time && o.headers && o.sublist_cache && o.stall_fast_producer);
    assert_int_equal(options_check(&o, &problem), 0);
    text_done(&problem);
    options_done(&o);
}

static void a_large_payload_is_worth_a_notice(void **state)
{
    struct reading r;
    read_text(&r, "max_payload: 9MB");
    options_set_defaults(&r.options);
    assert_int_equal(r.options.notice_count, 1);
    assert_string_equal(
        r.options.notices[0],
        "Maximum payloads over 8.00 MB are generally discouraged and could lead to poor performance");
    done(&r);
}

static void the_base_path_is_cleaned(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"http_base_path: \"\"", "/"},      {"http_base_path: a", "/a"},
        {"http_base_path: /a/b/", "/a/b"},  {"http_base_path: \"//a/../b/.\"", "/b"},
        {"http_base_path: \"../..\"", "/"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reading r;
        read_text(&r, rows[i].text);
        options_set_defaults(&r.options);
        assert_string_equal(r.options.monitor.base_path, rows[i].want);
        done(&r);
    }
}

static void settings_that_do_not_go_together_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"max_payload: 100\nmax_pending: 99",
         "max_payload (100) cannot be higher than max_pending (99)"},
        {"client_advertise: \"a:b\"",
         "Error setting server INFO with ClientAdvertise value of a:b, err=no address"},
        {"lame_duck_duration: 30s\nlame_duck_grace_period: 30s",
         "lame duck grace period (30s) should be strictly lower than lame duck duration (30s)"},
        {"lame_duck_grace_period: \"3m\"",
         "lame duck grace period (3m0s) should be strictly lower than lame duck duration (2m0s)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reading r;
        struct text problem;
        text_init(&problem);
        read_text(&r, rows[i].text);
        assert_string_equal(text_of(&r.errors), "");
        options_set_defaults(&r.options);
        assert_int_equal(options_check(&r.options, &problem), -EINVAL);
        assert_string_equal(text_of(&problem), rows[i].want);
        text_done(&problem);
        done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_reach_their_fields),
        cmocka_unit_test(texts_reach_their_fields),
        cmocka_unit_test(booleans_reach_their_fields),
        cmocka_unit_test(ports_are_read_from_listen_and_port_and_http),
        cmocka_unit_test(the_last_of_two_spellings_wins),
        cmocka_unit_test(tags_are_lower_case_and_each_once),
        cmocka_unit_test(metadata_and_users_are_lists),
        cmocka_unit_test(mistakes_are_told_with_their_places),
        cmocka_unit_test(every_key_of_a_missing_feature_is_refused_by_name),
        cmocka_unit_test(no_spelling_stands_in_two_rows),
        cmocka_unit_test(a_missing_feature_that_is_off_is_no_mistake),
        cmocka_unit_test(a_key_that_a_variable_named_may_be_unknown),
        cmocka_unit_test(leafnodes_and_websocket_pass_with_a_notice),
        cmocka_unit_test(numbers_for_durations_are_seconds_with_a_warning),
        cmocka_unit_test(what_is_unset_gets_the_defaults_of_nats_server),
        cmocka_unit_test(a_large_payload_is_worth_a_notice),
        cmocka_unit_test(the_base_path_is_cleaned),
        cmocka_unit_test(settings_that_do_not_go_together_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
