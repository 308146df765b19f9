/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/http/http_request.h"
#include "protocols/http/http_target.h"

#define HOST "Host: x\r\n\r\n"
#define BAD "400 Bad Request"

static enum http_parse parse(struct bytes input, struct http_request *r, struct http_refusal *no)
{
    size_t scanned = 0;
    return http_request_parse(input, &scanned, r, no);
}

static const struct {
    struct bytes input;
    const char *method;
    const char *path;
    const char *query;
    uint64_t body_size;
    bool keep_alive;
    bool persist_named;
} TAKEN[] = {
    {BYTES("GET /varz HTTP/1.1\r\n" HOST), "GET", "/varz", "", 0, true, false},
    {BYTES("GET /varz?a=b&c HTTP/1.1\n" HOST), "GET", "/varz", "a=b&c", 0, true, false},
    {BYTES("HEAD / HTTP/1.1\r\nConnection: a, Close\r\n" HOST), "HEAD", "/", "", 0, false, false},
    {BYTES("GET / HTTP/1.0\r\n\r\n"), "GET", "/", "", 0, false, false},
    {BYTES("GET / HTTP/1.0\r\nconnection:keep-alive\r\n\r\n"), "GET", "/", "", 0, true, true},
    {BYTES("POST /x HTTP/1.1\r\nContent-Length: 12\r\n" HOST), "POST", "/x", "", 12, true, false},
    {BYTES("POST / HTTP/1.1\r\nContent-Length: 262145\r\n" HOST), "POST", "/", "", 0, false, false},
    {BYTES("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" HOST), "POST", "/",
     "", 0, false, false},
    {BYTES("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST), "GET", "/", "", 0, false,
     false},
    {BYTES("GET http://h/varz?q HTTP/1.1\r\n" HOST), "GET", "/varz", "q", 0, true, false},
    {BYTES("GET /heal%74hz HTTP/1.2\r\n" HOST), "GET", "/heal%74hz", "", 0, true, false},
    {BYTES("GET /a HTTP/1.1\r\nA: b\r\n cont\r\n" HOST), "GET", "/a", "", 0, true, false},
    {BYTES("GET /connz?sort=foo#frag HTTP/1.1\r\nHost:\r\n\r\n"), "GET", "/connz", "sort=foo#frag",
     0, true, false},
    {BYTES("OPTIONS * HTTP/1.1\r\n" HOST), "OPTIONS", "*", "", 0, true, false},
    {BYTES("CONNECT foo:80 HTTP/1.1\r\n\r\n"), "CONNECT", "", "", 0, true, false},
    {BYTES("GET foo:80?q HTTP/1.1\r\n" HOST), "GET", "", "q", 0, true, false},
    {BYTES("GET a:/b HTTP/1.1\r\n" HOST), "GET", "/b", "", 0, true, false},
    {BYTES("GET http://h HTTP/1.1\r\n" HOST), "GET", "", "", 0, true, false},
    {BYTES("GET //h/b HTTP/1.1\r\n" HOST), "GET", "//h/b", "", 0, true, false},
    {BYTES("PRI * HTTP/2.0\r\n\r\n"), "PRI", "*", "", 0, true, false},
};

static void heads_are_taken_apart(void **state)
{
    for (size_t i = 0; i < sizeof(TAKEN) / sizeof(TAKEN[0]); i++) {
        struct http_request r;
        struct http_refusal refusal;
        assert_int_equal(parse(TAKEN[i].input, &r, &refusal), HTTP_REQUEST);
        assert_true(bytes_are(r.method, TAKEN[i].method));
        assert_true(bytes_are(r.path, TAKEN[i].path));
        assert_true(bytes_are(r.query, TAKEN[i].query));
        assert_int_equal(r.body_size, TAKEN[i].body_size);
        assert_int_equal(r.keep_alive, TAKEN[i].keep_alive);
        assert_int_equal(r.persist_named, TAKEN[i].persist_named);
        assert_int_equal(r.head_size, TAKEN[i].input.size);
    }
}

static const struct {
    struct bytes input;
    const char *status;
    const char *body;
} REFUSED[] = {
    {BYTES("GET  / HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET /\r\n\r\n"), BAD, NULL},
    {BYTES("\r\n\r\nGET / HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("G@T / HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES(" / HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.x\r\n" HOST), BAD, NULL},
    {BYTES("GET varz HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET 1a://h/ HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nContent-Length: 5\r\n 6\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n"), BAD ": malformed Host header", NULL},
    {BYTES("GET ?x HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET /%zz HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET /%1 HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET /\x01 HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET /?a b HTTP/1.1\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nHost: x\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nno colon\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\n : blank\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\n: empty\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nA(: b\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nA: \x01\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nContent-Length: x\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" HOST), BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\n\r\n"), BAD ": missing required Host header", NULL},
    {BYTES("GET / HTTP/1.1\r\nHost: x y\r\n\r\n"), BAD ": malformed Host header", NULL},
    {BYTES("GET / HTTP/1.1\r\nBad : b\r\n" HOST), BAD ": invalid header name", NULL},
    {BYTES("GET / HTTP/2.0\r\n" HOST),
     "505 HTTP Version Not Supported: unsupported protocol version", NULL},
    {BYTES("GET / HTTP/1.1\r\nTransfer-Encoding: foo\r\n" HOST), "501 Not Implemented",
     "Unsupported transfer encoding"},
    {BYTES("\x16\x03\x01\n\n"), BAD, NULL},
};

static void wrong_heads_are_refused_as_net_http_refuses_them(void **state)
{
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
        struct http_request r;
        struct http_refusal refusal = {.status = ""};
        assert_int_equal(parse(REFUSED[i].input, &r, &refusal), HTTP_REFUSED);
        assert_string_equal(refusal.status, REFUSED[i].status);
        if (REFUSED[i].body)
            assert_string_equal(refusal.body, REFUSED[i].body);
        else
            assert_null(refusal.body);
    }
}

/* Byte by byte with one scan position: the verdict comes once, and is that of the whole. */
static void feed_bytewise(struct bytes input)
{
    struct http_request r;
    struct http_refusal refusal = {.status = ""};
    struct http_refusal at_once = {.status = ""};
    enum http_parse whole = parse(input, &r, &at_once);
    assert_int_not_equal(whole, HTTP_NEEDS_MORE);
    enum http_parse verdict = HTTP_NEEDS_MORE;
    size_t scanned = 0;
    for (size_t size = 0; verdict == HTTP_NEEDS_MORE; size++) {
        assert_true(size <= input.size);
        /* A copy of its own, so that a read past its end is seen. */
        char *copy = malloc(size ? size : 1);
        memcpy(copy, input.at, size);
        verdict = http_request_parse((struct bytes){copy, size}, &scanned, &r, &refusal);
        free(copy);
    }
    assert_int_equal(verdict, whole);
    if (whole == HTTP_REFUSED)
        assert_string_equal(refusal.status, at_once.status);
    else
        assert_int_equal(r.head_size, input.size);
}

static void a_split_changes_nothing(void **state)
{
    for (size_t i = 0; i < sizeof(TAKEN) / sizeof(TAKEN[0]); i++)
        feed_bytewise(TAKEN[i].input);
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
        feed_bytewise(REFUSED[i].input);
}

static void nothing_needs_more(void **state)
{
    struct http_request r;
    struct http_refusal refusal;
    assert_int_equal(parse((struct bytes){NULL, 0}, &r, &refusal), HTTP_NEEDS_MORE);
}

static void a_head_past_the_limit_is_refused(void **state)
{
    struct http_request r;
    struct http_refusal refusal = {.status = ""};
    char *input = malloc(HTTP_HEAD_MAX);
    memset(input, 'x', HTTP_HEAD_MAX);
    memcpy(input, "GET / HTTP/1.1\r\n", 16);
    assert_int_equal(parse((struct bytes){input, HTTP_HEAD_MAX - 1}, &r, &refusal),
                     HTTP_NEEDS_MORE);
    assert_int_equal(parse((struct bytes){input, HTTP_HEAD_MAX}, &r, &refusal), HTTP_REFUSED);
    assert_string_equal(refusal.status, "431 Request Header Fields Too Large");
    memset(input, 'x', 16);
    assert_int_equal(parse((struct bytes){input, HTTP_HEAD_MAX}, &r, &refusal), HTTP_REFUSED);
    assert_string_equal(refusal.status, "431 Request Header Fields Too Large");
    free(input);
}

static void the_second_request_begins_after_the_first(void **state)
{
    struct bytes input = BYTES("GET /a HTTP/1.1\r\n" HOST "GET /b HTTP/1.1\r\n" HOST);
    struct http_request r;
    struct http_refusal refusal;
    assert_int_equal(parse(input, &r, &refusal), HTTP_REQUEST);
    assert_int_equal(r.head_size, input.size / 2);
    input = (struct bytes){input.at + r.head_size, input.size - r.head_size};
    assert_int_equal(parse(input, &r, &refusal), HTTP_REQUEST);
    assert_true(bytes_are(r.path, "/b"));
}

static void paths_are_compared_decoded(void **state)
{
    assert_true(http_path_is(BYTES("/varz"), BYTES(""), "/varz"));
    assert_true(http_path_is(BYTES("/v%61rz"), BYTES(""), "/varz"));
    assert_true(http_path_is(BYTES("/base/varz"), BYTES("/base"), "/varz"));
    assert_false(http_path_is(BYTES("/varz"), BYTES("/base"), "/varz"));
    assert_false(http_path_is(BYTES("/varz/"), BYTES(""), "/varz"));
    assert_false(http_path_is(BYTES("/var"), BYTES(""), "/varz"));
}

static void paths_are_cleaned(void **state)
{
    static const struct {
        struct bytes path;
        const char *clean;
    } rows[] = {
        {BYTES("/"), "/"},         {BYTES(""), "/"},         {BYTES("//"), "/"},
        {BYTES("/a"), "/a"},       {BYTES("//a"), "/a"},     {BYTES("/a/"), "/a/"},
        {BYTES("/a/./b"), "/a/b"}, {BYTES("/a/../b"), "/b"}, {BYTES("/../"), "/"},
        {BYTES("/.."), "/"},       {BYTES("/a/.."), "/"},    {BYTES("/a/b/../../../c/."), "/c"},
        {BYTES("a"), "/a"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        size_t size = http_path_clean(rows[i].path, out);
        assert_true(bytes_are((struct bytes){out, size}, rows[i].clean));
    }
}

static void queries_give_the_first_pair_that_counts(void **state)
{
    static const struct {
        struct bytes query;
        const char *value;
    } rows[] = {
        {BYTES(""), ""},
        {BYTES("sort"), ""},
        {BYTES("sort="), ""},
        {BYTES("sort=a"), "a"},
        {BYTES("x&sort=a&y"), "a"},
        {BYTES("sort=a&sort=b"), "a"},
        {BYTES("sort=%zz"), ""},
        {BYTES("sort=%zz&sort=b"), "b"},
        {BYTES("sort=a;b"), ""},
        {BYTES("so%72t=a"), "a"},
        {BYTES("sort=a+b%20c"), "a b c"},
        {BYTES("sort=a=b"), "a=b"},
        {BYTES("&&sort=%26"), "&"},
        {BYTES("sort=%"), ""},
        {BYTES("sorts=a"), ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        struct bytes raw = http_query_find(rows[i].query, "sort");
        assert_true(raw.size <= sizeof(out));
        size_t size = http_query_decode(raw, out);
        assert_true(bytes_are((struct bytes){out, size}, rows[i].value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_taken_apart),
        cmocka_unit_test(wrong_heads_are_refused_as_net_http_refuses_them),
        cmocka_unit_test(a_split_changes_nothing),
        cmocka_unit_test(nothing_needs_more),
        cmocka_unit_test(a_head_past_the_limit_is_refused),
        cmocka_unit_test(the_second_request_begins_after_the_first),
        cmocka_unit_test(paths_are_compared_decoded),
        cmocka_unit_test(paths_are_cleaned),
        cmocka_unit_test(queries_give_the_first_pair_that_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
