/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/nats/connect.h"

/* Decodes an exact copy of the text, so that a read past its end is seen. */
static int decode(struct connect_options *o, struct bytes text)
{
    char *copy = malloc(text.size ? text.size : 1);
    memcpy(copy, text.at, text.size);
    const char *what = NULL;
    int error = connect_options_decode(o, (struct bytes){copy, text.size}, &what);
    assert_true(!error || what);
    free(copy);
    return error;
}

static void a_full_connect_is_taken_apart(void **state)
{
    struct connect_options o;
    connect_options_init(&o);
    assert_int_equal(
        decode(&o,
               BYTES("{\"verbose\":false,\"pedantic\":false,\"echo\":false,\"tls_required\":true,"
                     "\"headers\":true,\"no_responders\":true,\"new_account\":true,"
                     "\"protocol\":1,\"nkey\":\"UA\",\"jwt\":\"e.y\",\"sig\":\"s\","
                     "\"auth_token\":\"t\",\"user\":\"u\",\"pass\":\"p\",\"name\":\"n\","
                     "\"lang\":\"c\",\"version\":\"3\",\"account\":\"A\","
                     "\"remote_account\":\"R\",\"proxy_sig\":\"x\","
                     "\"import\":{\"allow\":[\"a\",null],\"deny\":null},\"export\":{}}")),
        0);
    assert_false(o.verbose || o.pedantic || o.echo);
    assert_true(o.tls_required && o.headers && o.no_responders && o.new_account);
    assert_int_equal(o.protocol, 1);
    assert_true(bytes_are(o.nkey, "UA") && bytes_are(o.jwt, "e.y") && bytes_are(o.sig, "s"));
    assert_true(bytes_are(o.auth_token, "t") && bytes_are(o.user, "u") && bytes_are(o.pass, "p"));
    assert_true(bytes_are(o.name, "n") && bytes_are(o.lang, "c") && bytes_are(o.version, "3"));
    assert_true(bytes_are(o.account, "A") && bytes_are(o.remote_account, "R"));
    assert_true(bytes_are(o.proxy_sig, "x"));
    assert_string_equal(o.user.at, "u");
    connect_options_done(&o);
}

static void what_go_takes_is_taken(void **state)
{
    static const struct {
        struct bytes text;
        bool verbose;
        int64_t protocol;
        struct bytes name;
    } rows[] = {
        {BYTES("{}"), true, 0, BYTES("")},
        {BYTES(" \t\r\n{} "), true, 0, BYTES("")},
        {BYTES("null"), true, 0, BYTES("")},
        {BYTES("{\"VERBOSE\":false}"), false, 0, BYTES("")},
        {BYTES("{\"verbo\xc5\xbf"
               "e\":false}"),
         false, 0, BYTES("")},
        {BYTES("{\"verbose\":true,\"verbose\":false}"), false, 0, BYTES("")},
        {BYTES("{\"verbose\":false,\"Verbose\":true}"), true, 0, BYTES("")},
        {BYTES("{\"Verbose\":false,\"verbose\":null,\"name\":null}"), false, 0, BYTES("")},
        {BYTES("{\"zork\":{\"a\":[1,2,{\"b\":null}]},\"name\":\"x\"}"), true, 0, BYTES("x")},
        {BYTES("{\"zork\":1e999,\"protocol\":1}"), true, 1, BYTES("")},
        {BYTES("{\"zork\":99999999999999999999999,\"protocol\":-1}"), true, -1, BYTES("")},
        {BYTES("{\"protocol\":9223372036854775807}"), true, INT64_MAX, BYTES("")},
        {BYTES("{\"protocol\":-9223372036854775808}"), true, INT64_MIN, BYTES("")},
        {BYTES("{\"zork\":-0.0e-5,\"zork\":0E+1}"), true, 0, BYTES("")},
        {BYTES("{\"name\":\"a\xff\"}"), true, 0, BYTES("a\xef\xbf\xbd")},
        {BYTES("{\"name\":\"\\ud800\\u0041\"}"), true, 0,
         BYTES("\xef\xbf\xbd"
               "A")},
        {BYTES("{\"name\":\"\\ud83d\\ude00\"}"), true, 0, BYTES("\xf0\x9f\x98\x80")},
        {BYTES("{\"name\":\"\\u0000\\\\u\"}"), true, 0, BYTES("\0\\u")},
        {BYTES("{\"\":1,\"toke\xe2\x84\xaa\":2}"), true, 0, BYTES("")},
        {BYTES("{\"import\":null}"), true, 0, BYTES("")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct connect_options o;
        connect_options_init(&o);
        assert_int_equal(decode(&o, rows[i].text), 0);
        assert_int_equal(o.verbose, rows[i].verbose);
        assert_true(o.echo && o.pedantic);
        assert_int_equal(o.protocol, rows[i].protocol);
        assert_true(bytes_equal(o.name, rows[i].name));
        connect_options_done(&o);
    }
}

static void what_go_refuses_is_refused_and_changes_nothing(void **state)
{
    static const struct bytes rows[] = {
        BYTES(""),
        BYTES("{"),
        BYTES("[]"),
        BYTES("\"x\""),
        BYTES("1"),
        BYTES("nul"),
        BYTES("{}x"),
        BYTES("{\"user\":\"u\",}"),
        BYTES("{'user':'u'}"),
        BYTES("{\"user\":\"u\xff"),
        BYTES("{\"user\":\"u\\"),
        BYTES("{\"user\":\"\\x\"}"),
        BYTES("{\"user\":\"\\u12\"}"),
        BYTES("{\"user\":\"a\x01\"}"),
        BYTES("{\"user\":1}"),
        BYTES("{\"pa\xc5\xbfs\":1}"),
        BYTES("{\"user\":\"u\",\"verbose\":1}"),
        BYTES("{\"user\":\"u\",\"verbose\":\"false\"}"),
        BYTES("{\"protocol\":1.5}"),
        BYTES("{\"protocol\":1.0}"),
        BYTES("{\"protocol\":1e0}"),
        BYTES("{\"protocol\":99999999999999999999}"),
        BYTES("{\"protocol\":9223372036854775808}"),
        BYTES("{\"protocol\":-9223372036854775809}"),
        BYTES("{\"protocol\":\"1\"}"),
        BYTES("{\"zork\":01}"),
        BYTES("{\"zork\":-}"),
        BYTES("{\"zork\":1.}"),
        BYTES("{\"zork\":1e}"),
        BYTES("{\"zork\":.5}"),
        BYTES("{\"import\":1}"),
        BYTES("{\"import\":{\"allow\":1}}"),
        BYTES("{\"export\":{\"Deny\":[1]}}"),
    };
    struct connect_options o;
    connect_options_init(&o);
    assert_int_equal(decode(&o, BYTES("{\"user\":\"before\",\"verbose\":false}")), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(decode(&o, rows[i]), -EINVAL);
        assert_true(bytes_are(o.user, "before"));
        assert_false(o.verbose);
    }
    connect_options_done(&o);
}

static void every_cut_of_a_connect_is_refused(void **state)
{
    struct bytes whole =
        BYTES("{\"name\":\"a\\ud83d\\ude00\xe2\x82\xac\",\"x\":[-1.5e3],\"v\":null}");
    struct connect_options o;
    connect_options_init(&o);
    for (size_t size = 0; size < whole.size; size++)
        assert_int_equal(decode(&o, (struct bytes){whole.at, size}), -EINVAL);
    assert_int_equal(decode(&o, whole), 0);
    connect_options_done(&o);
}

static void a_second_connect_changes_what_it_names(void **state)
{
    struct connect_options o;
    connect_options_init(&o);
    assert_int_equal(decode(&o, BYTES("{\"user\":\"u\",\"pass\":\"p\",\"echo\":false}")), 0);
    assert_int_equal(decode(&o, BYTES("{\"pass\":\"longer\",\"name\":\"n\"}")), 0);
    assert_true(bytes_are(o.user, "u") && bytes_are(o.pass, "longer") && bytes_are(o.name, "n"));
    assert_false(o.echo);
    connect_options_done(&o);
    assert_null(o.texts);
    assert_null(o.pass.at);
}

static void size_and_depth_are_bounded(void **state)
{
    struct connect_options o;
    connect_options_init(&o);
    char deep[2 * CONNECT_DEPTH_MAX + 32];
    for (int more = 0; more <= 1; more++) {
        int depth = CONNECT_DEPTH_MAX - 1 + more;
        size_t at = 0;
        at += (size_t)snprintf(deep, sizeof(deep), "{\"z\":");
        memset(deep + at, '[', (size_t)depth);
        memset(deep + at + depth, ']', (size_t)depth);
        deep[at + 2 * (size_t)depth] = '}';
        assert_int_equal(decode(&o, (struct bytes){deep, at + 2 * (size_t)depth + 1}),
                         more ? -E2BIG : 0);
    }
    char *large = calloc(1, CONNECT_SIZE_MAX + 1);
    memset(large, ' ', CONNECT_SIZE_MAX + 1);
    memcpy(large, "{}", 2);
    assert_int_equal(decode(&o, (struct bytes){large, CONNECT_SIZE_MAX}), 0);
    assert_int_equal(decode(&o, (struct bytes){large, CONNECT_SIZE_MAX + 1}), -E2BIG);
    free(large);
    connect_options_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_connect_is_taken_apart),
        cmocka_unit_test(what_go_takes_is_taken),
        cmocka_unit_test(what_go_refuses_is_refused_and_changes_nothing),
        cmocka_unit_test(every_cut_of_a_connect_is_refused),
        cmocka_unit_test(a_second_connect_changes_what_it_names),
        cmocka_unit_test(size_and_depth_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
