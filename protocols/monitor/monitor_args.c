/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_args.c -- the arguments of a monitoring page; see monitor_args.h. */
#include "protocols/monitor/monitor_args.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "protocols/http/http_request.h"
#include "protocols/http/http_target.h"
#include "protocols/json/go_text.h"
#include "runtime/base/check.h"

enum number_error { NUMBER_OK, NUMBER_SYNTAX, NUMBER_RANGE };

int monitor_args_init(struct monitor_args *args, struct bytes query)
{
    CHECK(query.size <= HTTP_HEAD_MAX);
    *args = (struct monitor_args){.query = query, .texts = malloc(query.size + 1)};
    return args->texts ? 0 : -ENOMEM;
}

void monitor_args_done(struct monitor_args *args)
{
    free(args->texts);
    *args = (struct monitor_args){.used = 0};
}

void monitor_refusal_init(struct monitor_refusal *r)
{
    *r = (struct monitor_refusal){.status = 0};
    /* Quoting makes four bytes of one at most. */
    output_init(&r->text, 4 * HTTP_HEAD_MAX + 256);
}

void monitor_refusal_done(struct monitor_refusal *r)
{
    output_done(&r->text);
}

int monitor_refuse(struct monitor_refusal *r, const char *what, struct bytes text)
{
    CHECK(r->status == 0);
    r->status = 400;
    output_text(&r->text, what);
    output_add(&r->text, text);
    return -EINVAL;
}

/* What the reference says when a value does not parse: its own words around strconv's. */
static int refuse_value(struct monitor_refusal *r, const char *type, const char *name,
                        const char *function, struct bytes text, enum number_error error)
{
    CHECK(r->status == 0 && error != NUMBER_OK);
    r->status = 400;
    output_print(&r->text, "Error decoding %s for '%s': strconv.%s: parsing ", type, name,
                 function);
    go_text_quote(&r->text, text);
    output_text(&r->text, error == NUMBER_RANGE ? ": value out of range" : ": invalid syntax");
    return -EINVAL;
}

struct bytes monitor_args_text(struct monitor_args *args, const char *name)
{
    struct bytes raw = http_query_find(args->query, name);
    /* Names differ, so do the pairs, and together they fit the query. */
    CHECK(raw.size <= args->query.size - args->used);
    char *at = args->texts + args->used;
    struct bytes text = {at, http_query_decode(raw, at)};
    args->used += text.size;
    CHECK(args->used <= args->query.size);
    return text;
}

bool monitor_parse_bool(struct bytes text, bool *ret_value)
{
    static const char *const words[] = {"1", "t", "T", "true",  "TRUE",  "True",
                                        "0", "f", "F", "false", "FALSE", "False"};
    enum { COUNT = sizeof(words) / sizeof(words[0]) };
    for (int i = 0; i < COUNT; i++) {
        if (bytes_are(text, words[i])) {
            *ret_value = i < COUNT / 2;
            return true;
        }
    }
    return false;
}

bool monitor_same_word(struct bytes text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.at, word, text.size) == 0;
}

int monitor_args_bool(struct monitor_args *args, const char *name, bool *ret_value,
                      struct monitor_refusal *refusal)
{
    struct bytes text = monitor_args_text(args, name);
    *ret_value = false;
    if (text.size == 0 || monitor_parse_bool(text, ret_value))
        return 0;
    return refuse_value(refusal, "boolean", name, "ParseBool", text, NUMBER_SYNTAX);
}

/* Decimal digits alone. A wrong byte counts more than a number too large before it. */
static enum number_error parse_digits(struct bytes text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool fits = true;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned char)text.at[i] - (unsigned)'0';
        if (digit > 9)
            return NUMBER_SYNTAX;
        fits = fits && value <= (max - digit) / 10;
        value = fits ? value * 10 + digit : value;
    }
    if (text.size == 0)
        return NUMBER_SYNTAX;
    *ret_value = value;
    return fits ? NUMBER_OK : NUMBER_RANGE;
}

int monitor_args_int(struct monitor_args *args, const char *name, int64_t *ret_value,
                     struct monitor_refusal *refusal)
{
    struct bytes text = monitor_args_text(args, name);
    *ret_value = 0;
    if (text.size == 0)
        return 0;
    bool minus = text.at[0] == '-';
    size_t sign = minus || text.at[0] == '+';
    uint64_t size = 0;
    enum number_error error = parse_digits((struct bytes){text.at + sign, text.size - sign},
                                           (uint64_t)INT64_MAX + minus, &size);
    if (error)
        return refuse_value(refusal, "int", name, "Atoi", text, error);
    *ret_value = (int64_t)(minus ? -size : size);
    return 0;
}

int monitor_args_uint(struct monitor_args *args, const char *name, uint64_t *ret_value,
                      struct monitor_refusal *refusal)
{
    struct bytes text = monitor_args_text(args, name);
    *ret_value = 0;
    if (text.size == 0)
        return 0;
    enum number_error error = parse_digits(text, UINT64_MAX, ret_value);
    if (error)
        return refuse_value(refusal, "uint64", name, "ParseUint", text, error);
    return 0;
}
