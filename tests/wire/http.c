/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"

#define CHUNK_DIGITS_MAX 8

void http_answer_done(struct http_answer *a)
{
    blob_done(&a->head);
    blob_done(&a->body);
    a->status = 0;
}

bool http_header(const struct http_answer *a, const char *name, struct blob *ret_value)
{
    size_t size = strlen(name);
    const char *line = strstr(blob_string(&a->head), "\r\n");
    while (line != NULL) {
        line += 2;
        const char *end = strstr(line, "\r\n");
        if (end == NULL)
            return false;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':') {
            const char *value = line + size + 1;
            value += strspn(value, " \t");
            blob_add(ret_value, (struct bytes){value, (size_t)(end - value)});
            return true;
        }
        line = end;
    }
    return false;
}

/* Joins the chunks of b; true once the last, empty one is there. */
static bool dechunk(struct bytes b, struct blob *body)
{
    for (;;) {
        const char *end = memmem(b.at, b.size, "\r\n", 2);
        if (end == NULL || end - b.at > CHUNK_DIGITS_MAX)
            return false;
        size_t size = strtoul(b.at, NULL, 16);
        size_t skip = (size_t)(end - b.at) + 2;
        if (b.size < skip + size + 2)
            return false;
        blob_add(body, (struct bytes){b.at + skip, size});
        if (size == 0)
            return true;
        b.at += skip + size + 2;
        b.size -= skip + size + 2;
    }
}

static bool body_cut(struct bytes rest, bool at_end, struct http_answer *a)
{
    struct blob value = {0};
    bool whole = at_end;
    if (http_header(a, "Transfer-Encoding", &value)) {
        whole = dechunk(rest, &a->body);
    } else if (http_header(a, "Content-Length", &value)) {
        size_t size = strtoul(blob_string(&value), NULL, 10);
        whole = rest.size >= size;
        if (whole)
            blob_add(&a->body, (struct bytes){rest.at, size});
    } else if (whole) {
        blob_add(&a->body, rest);
    }
    blob_done(&value);
    return whole;
}

bool http_answer_cut(struct bytes input, bool at_end, struct http_answer *ret_answer)
{
    struct http_answer a = {0};
    const char *end = memmem(input.at, input.size, "\r\n\r\n", 4);
    bool whole = at_end;
    if (end != NULL) {
        size_t head = (size_t)(end - input.at) + 2;
        blob_add(&a.head, (struct bytes){input.at, head});
        if (sscanf(blob_string(&a.head), "HTTP/1.%*1d %3d", &a.status) != 1)
            a.status = 0;
        struct bytes rest = {input.at + head + 2, input.size - head - 2};
        whole = body_cut(rest, at_end, &a) || at_end;
    }
    if (!whole) {
        http_answer_done(&a);
        return false;
    }
    http_answer_done(ret_answer);
    *ret_answer = a;
    return true;
}
