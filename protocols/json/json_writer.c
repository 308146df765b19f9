/* SPDX-License-Identifier: Apache-2.0 */
/* json_writer.c -- JSON text, written value by value; see json_writer.h.
 *
 * The layout is all in place_value and close_level: a value puts the comma and the line break before
 * itself, and a bracket that closes breaks the line only when something stands inside.
 */
#include "protocols/json/json_writer.h"

#include <assert.h>

#include "protocols/json/go_text.h"
#include "runtime/base/check.h"

static_assert(JSON_DEPTH_MAX <= 32, "a level is a bit of in_object_bits");

void json_init(struct json *j, enum json_layout layout, size_t size_max)
{
    *j = (struct json){.layout = layout};
    output_init(&j->out, size_max);
}

void json_done(struct json *j)
{
    output_done(&j->out);
}

int json_finish(const struct json *j)
{
    CHECK(j->depth == 0 && !j->value_due);
    CHECK(j->has_items_bits & 1);
    return output_error(&j->out);
}

struct bytes json_text(const struct json *j)
{
    return output_bytes(&j->out);
}

void json_drain(struct json *j)
{
    output_clear(&j->out);
}

static uint32_t level_bit(const struct json *j)
{
    return UINT32_C(1) << j->depth;
}

static bool in_object(const struct json *j)
{
    return j->in_object_bits & level_bit(j);
}

static void break_line(struct json *j)
{
    if (j->layout == JSON_COMPACT)
        return;
    output_byte(&j->out, '\n');
    output_repeat(&j->out, ' ', 2 * (size_t)j->depth);
}

/* What stands between the last item of this level and the next one. */
static void place_item(struct json *j)
{
    uint32_t bit = level_bit(j);
    if (j->has_items_bits & bit) {
        CHECK(j->depth > 0);
        output_byte(&j->out, ',');
    }
    j->has_items_bits |= bit;
    if (j->depth > 0)
        break_line(j);
}

static void place_value(struct json *j)
{
    CHECK(j->value_due == in_object(j));
    if (!j->value_due)
        place_item(j);
    j->value_due = false;
}

static void open_level(struct json *j, char bracket, bool object)
{
    place_value(j);
    CHECK(j->depth < JSON_DEPTH_MAX - 1);
    output_byte(&j->out, bracket);
    j->depth++;
    uint32_t bit = level_bit(j);
    j->has_items_bits &= ~bit;
    j->in_object_bits = object ? j->in_object_bits | bit : j->in_object_bits & ~bit;
}

static void close_level(struct json *j, char bracket, bool object)
{
    CHECK(j->depth > 0 && in_object(j) == object && !j->value_due);
    bool has_items = j->has_items_bits & level_bit(j);
    j->depth--;
    if (has_items)
        break_line(j);
    output_byte(&j->out, bracket);
}

void json_object_begin(struct json *j)
{
    open_level(j, '{', true);
}

void json_object_end(struct json *j)
{
    close_level(j, '}', true);
}

void json_array_begin(struct json *j)
{
    open_level(j, '[', false);
}

void json_array_end(struct json *j)
{
    close_level(j, ']', false);
}

static void print_escaped(struct output *o, uint32_t rune)
{
    switch (rune) {
    case '"': output_text(o, "\\\""); return;
    case '\\': output_text(o, "\\\\"); return;
    case '\b': output_text(o, "\\b"); return;
    case '\f': output_text(o, "\\f"); return;
    case '\n': output_text(o, "\\n"); return;
    case '\r': output_text(o, "\\r"); return;
    case '\t': output_text(o, "\\t"); return;
    default: output_print(o, "\\u%04x", rune);
    }
}

/* HTML's three, so that a document is harmless inside a page; the two separators, for JavaScript. */
static bool needs_escape(uint32_t rune)
{
    return rune < 0x20 || rune == '"' || rune == '\\' || rune == '<' || rune == '>' ||
           rune == '&' || rune == 0x2028 || rune == 0x2029;
}

static void print_string(struct output *o, struct bytes text)
{
    size_t plain = 0; /* text[plain, at) is copied as it stands */
    size_t at = 0;
    output_byte(o, '"');
    while (at < text.size) {
        uint32_t rune = 0;
        size_t size = go_text_rune((struct bytes){text.at + at, text.size - at}, &rune);
        if (size > 0 && !needs_escape(rune)) {
            at += size;
            continue;
        }
        output_add(o, (struct bytes){text.at + plain, at - plain});
        print_escaped(o, size > 0 ? rune : 0xfffd);
        at += size ? size : 1;
        plain = at;
    }
    if (plain < at)
        output_add(o, (struct bytes){text.at + plain, at - plain});
    output_byte(o, '"');
}

void json_key(struct json *j, struct bytes key)
{
    CHECK(in_object(j) && !j->value_due);
    place_item(j);
    print_string(&j->out, key);
    output_text(&j->out, j->layout == JSON_COMPACT ? ":" : ": ");
    j->value_due = true;
}

void json_string(struct json *j, struct bytes text)
{
    place_value(j);
    print_string(&j->out, text);
}

void json_int(struct json *j, int64_t n)
{
    place_value(j);
    output_print(&j->out, "%lld", (long long)n);
}

void json_uint(struct json *j, uint64_t n)
{
    place_value(j);
    output_print(&j->out, "%llu", (unsigned long long)n);
}

void json_float(struct json *j, double f)
{
    place_value(j);
    go_text_float(&j->out, f);
}

void json_bool(struct json *j, bool b)
{
    place_value(j);
    output_text(&j->out, b ? "true" : "false");
}

void json_null(struct json *j)
{
    place_value(j);
    output_text(&j->out, "null");
}

typedef void print_ns(struct output *o, int64_t ns);

/* A text of go_text.h, which needs no escapes, as a string. */
static void quoted(struct json *j, print_ns *print, int64_t ns)
{
    place_value(j);
    output_byte(&j->out, '"');
    print(&j->out, ns);
    output_byte(&j->out, '"');
}

void json_time(struct json *j, int64_t ns)
{
    quoted(j, go_text_time, ns);
}

void json_duration(struct json *j, int64_t ns)
{
    quoted(j, go_text_duration, ns);
}

void json_uptime(struct json *j, int64_t ns)
{
    quoted(j, go_text_uptime, ns);
}

void json_raw(struct json *j, struct bytes value)
{
    CHECK(value.size > 0);
    place_value(j);
    output_add(&j->out, value);
}

static void put(struct json *j, const char *name)
{
    json_key(j, bytes_of(name));
}

void json_put_object(struct json *j, const char *name)
{
    put(j, name);
    json_object_begin(j);
}

void json_put_array(struct json *j, const char *name)
{
    put(j, name);
    json_array_begin(j);
}

void json_put_string(struct json *j, const char *name, struct bytes text)
{
    put(j, name);
    json_string(j, text);
}

void json_put_int(struct json *j, const char *name, int64_t n)
{
    put(j, name);
    json_int(j, n);
}

void json_put_uint(struct json *j, const char *name, uint64_t n)
{
    put(j, name);
    json_uint(j, n);
}

void json_put_float(struct json *j, const char *name, double f)
{
    put(j, name);
    json_float(j, f);
}

void json_put_bool(struct json *j, const char *name, bool b)
{
    put(j, name);
    json_bool(j, b);
}

void json_put_time(struct json *j, const char *name, int64_t ns)
{
    put(j, name);
    json_time(j, ns);
}

void json_put_duration(struct json *j, const char *name, int64_t ns)
{
    put(j, name);
    json_duration(j, ns);
}

void json_put_uptime(struct json *j, const char *name, int64_t ns)
{
    put(j, name);
    json_uptime(j, ns);
}

void json_put_strings(struct json *j, const char *name, const struct bytes *items, size_t count)
{
    json_put_array(j, name);
    for (size_t i = 0; i < count; i++)
        json_string(j, items[i]);
    json_array_end(j);
}

void json_opt_string(struct json *j, const char *name, struct bytes text)
{
    if (text.size > 0)
        json_put_string(j, name, text);
}

void json_opt_int(struct json *j, const char *name, int64_t n)
{
    if (n != 0)
        json_put_int(j, name, n);
}

void json_opt_uint(struct json *j, const char *name, uint64_t n)
{
    if (n != 0)
        json_put_uint(j, name, n);
}

void json_opt_float(struct json *j, const char *name, double f)
{
    if (f != 0)
        json_put_float(j, name, f);
}

void json_opt_bool(struct json *j, const char *name, bool b)
{
    if (b)
        json_put_bool(j, name, b);
}

void json_opt_strings(struct json *j, const char *name, const struct bytes *items, size_t count)
{
    if (count > 0)
        json_put_strings(j, name, items, count);
}
