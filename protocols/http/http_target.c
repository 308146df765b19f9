/* SPDX-License-Identifier: Apache-2.0 */
/* http_target.c -- the path and the query of a request; see http_target.h. */
#include "protocols/http/http_target.h"

#include "runtime/base/check.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes one byte off *raw, decoded; -1 when its escape is wrong. */
static int take_decoded(struct bytes *raw)
{
    DCHECK(raw->size > 0);
    int c = (unsigned char)raw->at[0];
    size_t size = 1;
    if (c == '%') {
        int high = raw->size >= 3 ? hex_value(raw->at[1]) : -1;
        int low = raw->size >= 3 ? hex_value(raw->at[2]) : -1;
        if (high < 0 || low < 0)
            return -1;
        c = high * 16 + low;
        size = 3;
    }
    *raw = (struct bytes){raw->at + size, raw->size - size};
    return c;
}

/* Takes `text` off the front of *raw, which may have parts of it escaped. */
static bool take_text(struct bytes *raw, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (raw->size == 0 || take_decoded(raw) != (unsigned char)text.at[i])
            return false;
    }
    return true;
}

bool http_path_is(struct bytes path, struct bytes base, const char *name)
{
    return take_text(&path, base) && take_text(&path, bytes_of(name)) && path.size == 0;
}

/* Drops the last segment of the size bytes at out. */
static size_t drop_segment(const char *out, size_t size)
{
    while (size > 0 && out[size - 1] != '/')
        size--;
    return size > 0 ? size - 1 : 0;
}

size_t http_path_clean(struct bytes path, char *out)
{
    size_t size = 0; /* "/a/b" without slash at the end, so 0 is the root */
    bool slash_at_end = true;
    for (size_t at = 0; at < path.size;) {
        size_t end = at;
        while (end < path.size && path.at[end] != '/')
            end++;
        struct bytes segment = {path.at + at, end - at};
        slash_at_end = end < path.size;
        at = end + slash_at_end;
        if (segment.size == 0 || bytes_are(segment, ".")) {
            continue;
        } else if (bytes_are(segment, "..")) {
            size = drop_segment(out, size);
        } else {
            out[size++] = '/';
            memcpy(out + size, segment.at, segment.size);
            size += segment.size;
        }
    }
    if (size == 0 || slash_at_end)
        out[size++] = '/';
    DCHECK(size <= path.size + 1);
    return size;
}

static bool counts(struct bytes pair)
{
    if (pair.size == 0 || memchr(pair.at, ';', pair.size))
        return false;
    while (pair.size > 0) {
        if (take_decoded(&pair) < 0)
            return false;
    }
    return true;
}

bool http_query_next(struct bytes *query, struct http_pair *ret_pair)
{
    while (query->size > 0) {
        const char *end = memchr(query->at, '&', query->size);
        struct bytes pair = {query->at, end ? (size_t)(end - query->at) : query->size};
        size_t used = pair.size + (end != NULL);
        *query = (struct bytes){query->at + used, query->size - used};
        if (!counts(pair))
            continue;
        const char *sign = memchr(pair.at, '=', pair.size);
        ret_pair->name = (struct bytes){pair.at, sign ? (size_t)(sign - pair.at) : pair.size};
        ret_pair->value = (struct bytes){pair.at + pair.size, 0};
        if (sign)
            ret_pair->value = (struct bytes){sign + 1, (size_t)(pair.at + pair.size - sign - 1)};
        return true;
    }
    return false;
}

static bool name_is(struct bytes raw, const char *name)
{
    for (; *name; name++) {
        if (raw.size == 0)
            return false;
        bool plus = raw.at[0] == '+';
        int c = take_decoded(&raw);
        CHECK(c >= 0);
        if ((plus ? ' ' : c) != (unsigned char)*name)
            return false;
    }
    return raw.size == 0;
}

struct bytes http_query_find(struct bytes query, const char *name)
{
    struct http_pair pair;
    while (http_query_next(&query, &pair)) {
        if (name_is(pair.name, name))
            return pair.value;
    }
    return (struct bytes){"", 0};
}

size_t http_query_decode(struct bytes raw, char *out)
{
    size_t size = 0;
    while (raw.size > 0) {
        bool plus = raw.at[0] == '+';
        int c = take_decoded(&raw);
        CHECK(c >= 0);
        out[size++] = plus ? ' ' : (char)c;
    }
    return size;
}
