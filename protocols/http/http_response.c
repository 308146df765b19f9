/* SPDX-License-Identifier: Apache-2.0 */
/* http_response.c -- heads of answers; see http_response.h.
 *
 * net/http sends what a handler set, sorted by name, and then its own: date, length, a type it had to
 * guess, connection, transfer coding. The two places of Content-Type come from that.
 */
#include "protocols/http/http_response.h"

#include "protocols/json/go_text.h"
#include "protocols/json/output.h"
#include "runtime/base/check.h"

#define S_PER_DAY INT64_C(86400)

static const char *reason_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 417: return "Expectation Failed";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: UNREACHABLE("a status no page has");
    }
}

static void write_date(struct output *o, int64_t now_s)
{
    static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    CHECK(now_s >= 0);
    struct go_date date = go_text_date(now_s / S_PER_DAY);
    int second = (int)(now_s % S_PER_DAY);
    output_print(o, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[now_s / S_PER_DAY % 7],
                 date.day, months[date.month - 1], date.year, second / 3600, second / 60 % 60,
                 second % 60);
}

/* What a handler of the reference sets itself. */
static void write_own_headers(struct output *o, const struct http_response *response)
{
    switch (response->content) {
    case HTTP_CONTENT_JSON:
        output_text(o, "Access-Control-Allow-Origin: *\r\nContent-Type: application/json\r\n");
        break;
    case HTTP_CONTENT_NO_PAGE:
        output_text(o, "Content-Type: text/plain; charset=utf-8\r\n"
                       "X-Content-Type-Options: nosniff\r\n");
        break;
    case HTTP_CONTENT_REDIRECT:
        if (response->size > 0)
            output_text(o, "Content-Type: text/html; charset=utf-8\r\n");
        output_text(o, "Location: ");
        output_add(o, response->location);
        output_text(o, "\r\n");
        break;
    case HTTP_CONTENT_NONE:
    case HTTP_CONTENT_TEXT:
    case HTTP_CONTENT_HTML: break;
    }
}

static void write_guessed_type(struct output *o, enum http_content content)
{
    if (content == HTTP_CONTENT_TEXT)
        output_text(o, "Content-Type: text/plain; charset=utf-8\r\n");
    else if (content == HTTP_CONTENT_HTML)
        output_text(o, "Content-Type: text/html; charset=utf-8\r\n");
}

void http_response_write(struct output *o, const struct http_request *r,
                         const struct http_response *response)
{
    bool sized = response->size != HTTP_SIZE_UNKNOWN;
    CHECK(sized || r->minor >= 1);
    CHECK((response->content == HTTP_CONTENT_REDIRECT) == (response->location.size > 0));
    output_print(o, "HTTP/1.%d %d %s\r\n", r->minor > 0, response->status,
                 reason_of(response->status));
    write_own_headers(o, response);
    write_date(o, response->now_s);
    if (sized)
        output_print(o, "Content-Length: %llu\r\n", (unsigned long long)response->size);
    write_guessed_type(o, response->content);
    if (r->persist_named)
        output_text(o, "Connection: keep-alive\r\n");
    else if (!r->keep_alive && r->minor > 0)
        output_text(o, "Connection: close\r\n");
    if (!sized)
        output_text(o, "Transfer-Encoding: chunked\r\n");
    output_text(o, "\r\n");
}

void http_refusal_write(struct output *o, const struct http_refusal *refusal)
{
    output_text(o, "HTTP/1.1 ");
    output_text(o, refusal->status);
    output_text(o, "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
    output_text(o, refusal->body ? refusal->body : refusal->status);
}

void http_chunk_write(struct output *o, struct bytes part)
{
    if (part.size == 0)
        return;
    output_print(o, "%zx\r\n", part.size);
    output_add(o, part);
    output_text(o, "\r\n");
}

void http_chunk_end_write(struct output *o)
{
    output_text(o, "0\r\n\r\n");
}

/* The bytes a Location may hold as they stand; the path is escaped already where it came from. */
static bool stands_in_url(unsigned char c)
{
    return c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

static void write_location(struct output *o, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (stands_in_url(c))
            output_byte(o, (char)c);
        else
            output_print(o, "%%%02X", c);
    }
}

static void write_html(struct output *o, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        switch (text.at[i]) {
        case '&': output_text(o, "&amp;"); break;
        case '\'': output_text(o, "&#39;"); break;
        case '"': output_text(o, "&#34;"); break;
        case '<': output_text(o, "&lt;"); break;
        case '>': output_text(o, "&gt;"); break;
        default: output_byte(o, text.at[i]);
        }
    }
}

void http_redirect_write(struct output *o, const struct http_request *r, int64_t now_s,
                         struct bytes clean_path)
{
    struct output location;
    struct output body;
    output_init(&location, 4 * HTTP_HEAD_MAX);
    output_init(&body, 32 * HTTP_HEAD_MAX);
    write_location(&location, clean_path);
    if (r->query.size > 0) {
        output_byte(&location, '?');
        write_location(&location, r->query);
    }
    bool told = bytes_are(r->method, "GET") || http_request_is_head(r);
    if (told) {
        output_text(&body, "<a href=\"");
        write_html(&body, output_bytes(&location));
        output_text(&body, "\">Temporary Redirect</a>.\n\n");
    }
    struct http_response response = {
        .status = 307,
        .content = HTTP_CONTENT_REDIRECT,
        .location = output_bytes(&location),
        .now_s = now_s,
        .size = body.size,
    };
    http_response_write(o, r, &response);
    if (!http_request_is_head(r))
        output_append(o, &body);
    output_append(o, &(struct output){.error = output_error(&location)});
    output_done(&location);
    output_done(&body);
}
