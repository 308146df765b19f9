/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/http/http_response.h"
#include "protocols/json/output.h"

#define NOW_S INT64_C(1795461108)
#define DATE "Date: Mon, 23 Nov 2026 19:11:48 GMT\r\n"

static void expect(struct output *o, const char *text)
{
    assert_int_equal(output_error(o), 0);
    output_byte(o, '\0');
    assert_string_equal(o->at, text);
    output_done(o);
}

static void headers_stand_in_the_order_of_net_http(void **state)
{
    static const struct http_request request = {.minor = 1, .keep_alive = true};
    static const struct http_request last = {.minor = 1};
    static const struct http_request old = {.minor = 0};
    static const struct http_request old_kept = {.keep_alive = true, .persist_named = true};
    static const struct {
        const struct http_request *request;
        struct http_response response;
        const char *text;
    } rows[] = {
        {&request,
         {.status = 200, .content = HTTP_CONTENT_JSON, .now_s = NOW_S, .size = 15},
         "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: application/json\r\n" DATE
         "Content-Length: 15\r\n\r\n"},
        {&request,
         {.status = 200, .content = HTTP_CONTENT_JSON, .now_s = NOW_S, .size = HTTP_SIZE_UNKNOWN},
         "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: application/json\r\n" DATE
         "Transfer-Encoding: chunked\r\n\r\n"},
        {&request,
         {.status = 400, .content = HTTP_CONTENT_TEXT, .now_s = NOW_S, .size = 27},
         "HTTP/1.1 400 Bad Request\r\n" DATE
         "Content-Length: 27\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"},
        {&last,
         {.status = 404, .content = HTTP_CONTENT_NO_PAGE, .now_s = NOW_S, .size = 19},
         "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "X-Content-Type-Options: nosniff\r\n" DATE
         "Content-Length: 19\r\nConnection: close\r\n\r\n"},
        {&old,
         {.status = 200, .content = HTTP_CONTENT_HTML, .now_s = NOW_S, .size = 7},
         "HTTP/1.0 200 OK\r\n" DATE
         "Content-Length: 7\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"},
        {&old_kept,
         {.status = 503, .content = HTTP_CONTENT_NONE, .now_s = 951827696, .size = 0},
         "HTTP/1.0 503 Service Unavailable\r\nDate: Tue, 29 Feb 2000 12:34:56 GMT\r\n"
         "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct output o;
        output_init(&o, 4096);
        http_response_write(&o, rows[i].request, &rows[i].response);
        expect(&o, rows[i].text);
    }
}

static void a_refusal_says_its_status_twice_and_closes(void **state)
{
    struct output o;
    output_init(&o, 4096);
    http_refusal_write(&o, &(struct http_refusal){.status = "400 Bad Request"});
    expect(&o, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Connection: close\r\n\r\n400 Bad Request");
    output_init(&o, 4096);
    http_refusal_write(&o, &(struct http_refusal){.status = "501 Not Implemented", .body = "No"});
    expect(&o, "HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Connection: close\r\n\r\nNo");
}

static void a_redirect_names_the_clean_path_and_keeps_the_query(void **state)
{
    struct http_request r = {.method = BYTES("GET"), .minor = 1, .keep_alive = true};
    struct output o;
    output_init(&o, 4096);
    http_redirect_write(&o, &r, NOW_S, BYTES("/healthz"));
    expect(&o, "HTTP/1.1 307 Temporary Redirect\r\nContent-Type: text/html; charset=utf-8\r\n"
               "Location: /healthz\r\n" DATE "Content-Length: 44\r\n\r\n"
               "<a href=\"/healthz\">Temporary Redirect</a>.\n\n");

    r.query = BYTES("a=<&b");
    output_init(&o, 4096);
    http_redirect_write(&o, &r, NOW_S, BYTES("/x"));
    expect(&o, "HTTP/1.1 307 Temporary Redirect\r\nContent-Type: text/html; charset=utf-8\r\n"
               "Location: /x?a=%3C&b\r\n" DATE "Content-Length: 50\r\n\r\n"
               "<a href=\"/x?a=%3C&amp;b\">Temporary Redirect</a>.\n\n");

    r = (struct http_request){.method = BYTES("POST"), .minor = 1, .keep_alive = true};
    output_init(&o, 4096);
    http_redirect_write(&o, &r, NOW_S, BYTES("/healthz"));
    expect(&o, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /healthz\r\n" DATE
               "Content-Length: 0\r\n\r\n");
}

static void chunks_carry_their_size(void **state)
{
    struct output o;
    output_init(&o, 4096);
    http_chunk_write(&o, BYTES("0123456789abcdef"));
    http_chunk_write(&o, BYTES(""));
    http_chunk_end_write(&o);
    expect(&o, "10\r\n0123456789abcdef\r\n0\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_stand_in_the_order_of_net_http),
        cmocka_unit_test(a_refusal_says_its_status_twice_and_closes),
        cmocka_unit_test(a_redirect_names_the_clean_path_and_keeps_the_query),
        cmocka_unit_test(chunks_carry_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
