/* SPDX-License-Identifier: Apache-2.0 */
/* http_request.c -- the head of an HTTP/1 request; see http_request.h.
 *
 * The order of the checks is that of net/http, because the first failure decides the answer: request
 * line, header lines, number of hosts, body length, version, and only then names and host.
 */
#include "protocols/http/http_request.h"

#include <strings.h>

#include "runtime/base/check.h"

static const struct http_refusal MALFORMED = {.status = "400 Bad Request"};
static const struct http_refusal TOO_LARGE = {.status = "431 Request Header Fields Too Large"};
static const struct http_refusal BAD_VERSION = {
    .status = "505 HTTP Version Not Supported: unsupported protocol version"};
static const struct http_refusal NO_HOST = {.status =
                                                "400 Bad Request: missing required Host header"};
static const struct http_refusal BAD_HOST = {.status = "400 Bad Request: malformed Host header"};
static const struct http_refusal BAD_NAME = {.status = "400 Bad Request: invalid header name"};
static const struct http_refusal BAD_CODING = {.status = "501 Not Implemented",
                                               .body = "Unsupported transfer encoding"};

/* What the header lines say, as far as a monitoring server cares. */
struct headers {
    int hosts;
    int lengths;
    int codings;
    int expects;
    struct bytes host;
    struct bytes length;
    struct bytes coding;
    bool host_goes_on; /* over more than one line, which no host does */
    bool coding_goes_on;
    bool lengths_differ;
    bool *goes_on; /* of the last header; NULL: nobody cares */
    bool name_has_space;
    bool close;
    bool keep_alive;
    bool awaits_continue;
    bool expects_other;
};

static struct bytes slice(struct bytes b, size_t from, size_t to)
{
    DCHECK(from <= to && to <= b.size);
    return (struct bytes){from ? b.at + from : b.at, to - from}; /* nothing may be NULL */
}

static bool find(struct bytes b, char c, size_t *ret_at)
{
    const char *at = b.size ? memchr(b.at, c, b.size) : NULL;
    if (at)
        *ret_at = (size_t)(at - b.at);
    return at;
}

static bool same_word(struct bytes b, const char *word)
{
    return b.size == strlen(word) && strncasecmp(b.at, word, b.size) == 0;
}

static bool is_token_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.size; i++) {
        if (!is_token_char((unsigned char)b.at[i]))
            return false;
    }
    return b.size > 0;
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static struct bytes trim(struct bytes b)
{
    while (b.size > 0 && (b.at[0] == ' ' || b.at[0] == '\t'))
        b = slice(b, 1, b.size);
    while (b.size > 0 && (b.at[b.size - 1] == ' ' || b.at[b.size - 1] == '\t'))
        b.size--;
    return b;
}

/* Takes one line off *rest, without its line end; false when there is no whole one. */
static bool take_line(struct bytes *rest, struct bytes *ret_line)
{
    size_t end = 0;
    if (!find(*rest, '\n', &end))
        return false;
    *ret_line = slice(*rest, 0, end > 0 && rest->at[end - 1] == '\r' ? end - 1 : end);
    *rest = slice(*rest, end + 1, rest->size);
    return true;
}

/* The offset after the empty line that ends the head, or 0 with *scanned at the start of the line
 * that is still incomplete. The request line is not empty: it was judged before. */
static size_t head_end(struct bytes input, size_t *scanned)
{
    CHECK(*scanned <= input.size);
    struct bytes rest = slice(input, *scanned, input.size);
    struct bytes line;
    while (take_line(&rest, &line)) {
        *scanned = input.size - rest.size;
        if (line.size == 0)
            return *scanned;
    }
    return 0;
}

/* "HTTP/d.d"; -1 when it is nothing of the kind, else 10 * major + minor. */
static int parse_version(struct bytes b)
{
    bool shaped = b.size == 8 && memcmp(b.at, "HTTP/", 5) == 0 && b.at[6] == '.';
    if (!shaped || b.at[5] < '0' || b.at[5] > '9' || b.at[7] < '0' || b.at[7] > '9')
        return -1;
    return (b.at[5] - '0') * 10 + (b.at[7] - '0');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool escapes_are_right(struct bytes b)
{
    for (size_t i = 0; i < b.size; i++) {
        if (b.at[i] != '%')
            continue;
        if (b.size - i < 3 || !is_hex(b.at[i + 1]) || !is_hex(b.at[i + 2]))
            return false;
    }
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The size of "scheme:" in front of an absolute target, 0 without one. */
static size_t scheme_size(struct bytes target)
{
    size_t at = 0;
    while (at < target.size &&
           (is_letter(target.at[at]) ||
            (at > 0 && target.at[at] && strchr("0123456789+-.", target.at[at]))))
        at++;
    return at > 0 && at < target.size && target.at[at] == ':' ? at + 1 : 0;
}

/* The size of "//authority" in front of what follows a scheme. */
static size_t authority_size(struct bytes rest)
{
    if (rest.size < 2 || rest.at[1] != '/')
        return 0;
    size_t size = 2;
    while (size < rest.size && rest.at[size] != '/')
        size++;
    return size;
}

static bool parse_target(struct bytes target, struct http_request *r)
{
    for (size_t i = 0; i < target.size; i++) {
        if (is_control((unsigned char)target.at[i]))
            return false;
    }
    if (bytes_are(target, "*")) {
        r->path = target;
        return true;
    }
    if (bytes_are(r->method, "CONNECT") && target.size > 0 && target.at[0] != '/')
        return true;
    size_t scheme = scheme_size(target);
    target = slice(target, scheme, target.size);
    size_t mark = target.size;
    if (find(target, '?', &mark))
        r->query = slice(target, mark + 1, target.size);
    target = slice(target, 0, mark);
    if (target.size == 0 || target.at[0] != '/')
        return scheme > 0; /* "mailto:x" has no path */
    r->path = slice(target, scheme > 0 ? authority_size(target) : 0, target.size);
    return escapes_are_right(r->path);
}

/* METHOD SP TARGET SP VERSION, each space single. Sets r->minor to the whole version for now. */
static bool parse_request_line(struct bytes line, struct http_request *r)
{
    size_t first = 0;
    size_t second = 0;
    if (!find(line, ' ', &first))
        return false;
    r->method = slice(line, 0, first);
    line = slice(line, first + 1, line.size);
    if (!find(line, ' ', &second) || !is_token(r->method))
        return false;
    r->minor = parse_version(slice(line, second + 1, line.size));
    return r->minor >= 0 && parse_target(slice(line, 0, second), r);
}

static void note_connection(struct headers *h, struct bytes value)
{
    while (value.size > 0) {
        size_t comma = value.size;
        bool more = find(value, ',', &comma);
        struct bytes word = trim(slice(value, 0, comma));
        h->close |= same_word(word, "close");
        h->keep_alive |= same_word(word, "keep-alive");
        value = slice(value, more ? comma + 1 : comma, value.size);
    }
}

static void note_length(struct headers *h, struct bytes value)
{
    /* Several lengths are fine when they are one and the same. */
    h->lengths_differ |= h->lengths > 0 && !bytes_equal(value, h->length);
    h->lengths++;
    h->length = value;
}

static void note_expect(struct headers *h, struct bytes value)
{
    if (h->expects++ > 0)
        return;
    h->awaits_continue = same_word(value, "100-continue");
    h->expects_other = value.size > 0 && !h->awaits_continue;
}

static void note_header(struct headers *h, struct bytes name, struct bytes value)
{
    h->goes_on = NULL;
    if (same_word(name, "Host")) {
        h->goes_on = &h->host_goes_on;
        h->hosts++;
        h->host = value;
    } else if (same_word(name, "Connection")) {
        note_connection(h, value);
    } else if (same_word(name, "Content-Length")) {
        h->goes_on = &h->lengths_differ;
        note_length(h, value);
    } else if (same_word(name, "Transfer-Encoding")) {
        h->goes_on = &h->coding_goes_on;
        h->codings++;
        h->coding = value;
    } else if (same_word(name, "Expect")) {
        note_expect(h, value);
    }
}

static bool parse_header_name(struct headers *h, struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.at[i] == ' ')
            h->name_has_space = true;
        else if (!is_token_char((unsigned char)name.at[i]))
            return false;
    }
    return name.size > 0;
}

static bool parse_header_line(struct headers *h, struct bytes line, bool first)
{
    for (size_t i = 0; i < line.size; i++) {
        if (is_control((unsigned char)line.at[i]) && line.at[i] != '\t')
            return false;
    }
    /* A line that begins with a blank goes on with the value before it. */
    if (line.at[0] == ' ' || line.at[0] == '\t') {
        if (h->goes_on)
            *h->goes_on = true;
        return !first;
    }
    size_t colon = 0;
    if (!find(line, ':', &colon) || !parse_header_name(h, slice(line, 0, colon)))
        return false;
    note_header(h, slice(line, 0, colon), trim(slice(line, colon + 1, line.size)));
    return true;
}

/* The lines between the request line and the empty one. */
static bool parse_headers(struct bytes lines, struct headers *h)
{
    struct bytes line;
    for (bool first = true; take_line(&lines, &line) && line.size > 0; first = false) {
        if (!parse_header_line(h, line, first))
            return false;
    }
    return h->hosts <= 1;
}

/* Decimal digits only; false when it is not that, or does not fit. */
static bool parse_length(struct bytes b, uint64_t *ret_length)
{
    uint64_t length = 0;
    for (size_t i = 0; i < b.size; i++) {
        if (b.at[i] < '0' || b.at[i] > '9' || length > (INT64_MAX - 9) / 10)
            return false;
        length = length * 10 + (uint64_t)(b.at[i] - '0');
    }
    *ret_length = length;
    return b.size > 0;
}

static bool host_is_right(struct bytes host)
{
    for (size_t i = 0; i < host.size; i++) {
        unsigned char c = (unsigned char)host.at[i];
        bool mark = c && strchr("!$%&'()*+,-.:;=[]_~", c);
        if (!mark && (c >= 0x80 || !is_token_char(c) || strchr("#^`|", c)))
            return false;
    }
    return true;
}

/* What is wrong with the head as a whole, or NULL. */
static const struct http_refusal *judge(const struct headers *h, struct http_request *r)
{
    bool chunked = same_word(h->coding, "chunked") && !h->coding_goes_on;
    if (h->codings > 0 && (h->codings > 1 || !chunked) && r->minor >= 11)
        return &BAD_CODING;
    if (h->lengths > 0 && (h->lengths_differ || !parse_length(h->length, &r->body_size)))
        return &MALFORMED;
    /* HTTP/2 by prior knowledge passes here and is refused by its target, "*". */
    bool prior = r->minor == 20 && bytes_are(r->method, "PRI") && bytes_are(r->path, "*");
    if (r->minor / 10 != 1 && !prior)
        return &BAD_VERSION;
    if (h->hosts == 0 && r->minor >= 11 && !prior && !bytes_are(r->method, "CONNECT"))
        return &NO_HOST;
    if (h->hosts == 1 && (h->host_goes_on || !host_is_right(h->host)))
        return &BAD_HOST;
    return h->name_has_space ? &BAD_NAME : NULL;
}

static void settle(const struct headers *h, struct http_request *r)
{
    bool sent = !h->awaits_continue || r->body_size == 0; /* a body we never ask for never comes */
    bool known_size = h->codings == 0 && r->body_size <= HTTP_BODY_SKIP_MAX && sent;
    bool old = r->minor < 11;
    r->keep_alive = known_size && !h->close && (!old || h->keep_alive);
    r->persist_named = old && r->keep_alive;
    r->expects_other = h->expects_other;
    if (!known_size)
        r->body_size = 0;
    r->minor = !old;
}

enum http_parse http_request_parse(struct bytes input, size_t *scanned,
                                   struct http_request *ret_request,
                                   struct http_refusal *ret_refusal)
{
    struct http_request r = {.minor = 0};
    struct bytes rest = slice(input, 0, input.size < HTTP_HEAD_MAX ? input.size : HTTP_HEAD_MAX);
    struct bytes within = rest;
    struct bytes line;
    const struct http_refusal *refusal = NULL;
    bool line_is_whole = take_line(&rest, &line);
    if (line_is_whole && !parse_request_line(line, &r)) {
        *ret_refusal = MALFORMED;
        return HTTP_REFUSED;
    }
    r.head_size = line_is_whole ? head_end(within, scanned) : 0;
    if (r.head_size == 0) {
        *ret_refusal = TOO_LARGE;
        return input.size < HTTP_HEAD_MAX ? HTTP_NEEDS_MORE : HTTP_REFUSED;
    }
    struct headers h = {.hosts = 0};
    rest.size = r.head_size - (size_t)(rest.at - input.at);
    refusal = parse_headers(rest, &h) ? judge(&h, &r) : &MALFORMED;
    if (refusal) {
        *ret_refusal = *refusal;
        return HTTP_REFUSED;
    }
    CHECK(r.method.size > 0);
    settle(&h, &r);
    DCHECK(r.head_size <= HTTP_HEAD_MAX && r.body_size <= HTTP_BODY_SKIP_MAX);
    *ret_request = r;
    return HTTP_REQUEST;
}

bool http_request_is_head(const struct http_request *r)
{
    return bytes_are(r->method, "HEAD");
}
