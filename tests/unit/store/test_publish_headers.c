/* SPDX-License-Identifier: Apache-2.0 */
/* What headers ask, and the words of refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "store/format/buffer.h"
#include "store/group/publish_headers.h"
#include "store/group/refusal.h"

static void values_are_found_as_nats_server_finds_them(void **state)
{
    static const struct {
        const char *headers;
        const char *msg_id;
    } rows[] = {
        {"", ""},
        {"NATS/1.0\r\n\r\n", ""},
        {"NATS/1.0\r\nNats-Msg-Id: x\r\n\r\n", "x"},
        {"NATS/1.0\r\nNats-Msg-Id:x\r\n\r\n", "x"},
        {"NATS/1.0\r\nNats-Msg-Id:   x y \r\n\r\n", "x y "},
        {"NATS/1.0\r\nNats-Msg-Id:\tx\r\n\r\n", "\tx"},
        {"NATS/1.0\r\nnats-msg-id: x\r\n\r\n", ""},
        {"NATS/1.0\r\nNats-Msg-Id : x\r\n\r\n", ""},
        {"NATS/1.0\r\n Nats-Msg-Id: x\r\n\r\n", ""},
        {"NATS/1.0\r\nX-Nats-Msg-Id: x\r\n\r\n", ""},
        {"NATS/1.0\r\nX: Nats-Msg-Id: x\r\nNats-Msg-Id: y\r\n\r\n", "y"},
        {"NATS/1.0\r\nNats-Msg-Id: x\r\nNats-Msg-Id: y\r\n\r\n", "x"},
        {"NATS/1.0\r\nNats-Msg-Id: \r\nNats-Msg-Id: y\r\n\r\n", ""},
        {"NATS/1.0\r\nNats-Msg-Id: x", "x"},
        {"Nats-Msg-Id: x\r\n\r\n", ""},
        {"NATS/1.0 503\r\nNats-Msg-Id: a:b\r\n\r\n", "a:b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct publish_headers h;
        publish_headers_read(bytes_of(rows[i].headers), &h);
        assert_true(bytes_are(h.values[HEADER_MSG_ID], rows[i].msg_id));
    }
}

static void times_to_live_are_seconds_or_durations(void **state)
{
    static const struct {
        const char *value;
        int64_t seconds; /* -2: refused */
    } rows[] = {
        {"", 0},     {"1", 1},        {"3600", 3600}, {"1s", 1},
        {"1.5s", 1}, {"1h30m", 5400}, {"never", -1},  {"NEVER", -1},
        {"0", -2},   {"0s", -2},      {"999ms", -2},  {"-1", -2},
        {"-5s", -2}, {"soon", -2},    {"1 s", -2},    {"99999999999999999999", -2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t seconds = -2;
        int r = publish_header_ttl(bytes_of(rows[i].value), &seconds);
        assert_int_equal(r, rows[i].seconds == -2 ? -EINVAL : 0);
        assert_int_equal(seconds, rows[i].seconds);
    }
}

static void sequences_are_decimals(void **state)
{
    assert_true(publish_header_seq(BYTES("0")) == 0);
    assert_true(publish_header_seq(BYTES("18446744073709551614")) == UINT64_MAX - 1);
    assert_true(publish_header_seq(BYTES("18446744073709551616")) == UINT64_MAX);
    assert_true(publish_header_seq(BYTES("-1")) == UINT64_MAX);
    assert_true(publish_header_seq(BYTES("1 ")) == UINT64_MAX);
    assert_true(publish_header_seq(BYTES("")) == UINT64_MAX);
}

static void a_new_time_to_live_replaces_all_old_ones(void **state)
{
    struct buffer b = {0};
    publish_headers_with_ttl(&b, BYTES("NATS/1.0\r\nNats-TTL: 1\r\nA: b\r\nNats-TTL: 2\r\n\r\n"),
                             60);
    assert_true(bytes_are(buffer_view(&b), "NATS/1.0\r\nA: b\r\nNats-TTL: 60\r\n\r\n"));
    buffer_done(&b);
}

static void markers_tell_their_time_as_go_does(void **state)
{
    struct buffer b = {0};
    publish_marker_headers(&b, 90061 * (int64_t)1000000000 + 5);
    assert_true(bytes_are(buffer_view(&b), "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\n"
                                           "Nats-TTL: 25h1m1s\r\nNats-Rollup: sub\r\n\r\n"));
    struct publish_headers h;
    publish_headers_read(buffer_view(&b), &h);
    assert_true(publish_headers_are_marker(&h));
    assert_int_equal(publish_header_rollup(h.values[HEADER_ROLLUP]), ROLLUP_SUBJECT);
    buffer_done(&b);
}

static void refusals_have_nats_servers_words(void **state)
{
    char text[REFUSAL_TEXT_MAX];
    assert_int_equal(refusal_code(REFUSAL_WRONG_LAST_SEQ), 400);
    assert_int_equal(refusal_err_code(REFUSAL_WRONG_LAST_SEQ), 10071);
    size_t size = refusal_text(REFUSAL_WRONG_LAST_SEQ, 17, (struct bytes){0}, text);
    assert_string_equal(text, "wrong last sequence: 17");
    assert_int_equal(size, strlen(text));
    refusal_text(REFUSAL_ROLLUP_INVALID, 0, BYTES("x"), text);
    assert_string_equal(text, "rollup value invalid: \"x\"");
    refusal_text(REFUSAL_MAX_MSGS, 0, (struct bytes){0}, text);
    assert_string_equal(text, "maximum messages exceeded");
    char large[2 * REFUSAL_TEXT_MAX];
    memset(large, 'x', sizeof large);
    size = refusal_text(REFUSAL_WRONG_LAST_MSG_ID, 0, (struct bytes){large, sizeof large}, text);
    assert_int_equal(size, REFUSAL_TEXT_MAX - 1);
    for (int r = REFUSAL_NONE + 1; r < REFUSALS; r++)
        assert_true(refusal_err_code((enum refusal)r) > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_as_nats_server_finds_them),
        cmocka_unit_test(times_to_live_are_seconds_or_durations),
        cmocka_unit_test(sequences_are_decimals),
        cmocka_unit_test(a_new_time_to_live_replaces_all_old_ones),
        cmocka_unit_test(markers_tell_their_time_as_go_does),
        cmocka_unit_test(refusals_have_nats_servers_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
