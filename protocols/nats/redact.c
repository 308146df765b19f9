/* SPDX-License-Identifier: Apache-2.0 */
/* redact.c -- a CONNECT's argument without its secrets; see redact.h.
 *
 * A secret is: a name; blanks, the quote that ends the name; ":" or "="; blanks, the quote that begins
 * the value; the value, up to a quote, comma, closing brace or line end. The two kinds of name are
 * looked for one after the other, the second in what the first left: their values may overlap.
 */
#include "protocols/nats/redact.h"

#include <errno.h>

#include "protocols/json/output.h"
#include "runtime/base/check.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t skip_blanks(struct bytes b, size_t at)
{
    while (at < b.size && is_blank(b.at[at]))
        at++;
    return at;
}

/* The start of the value when at `at` a name is over and a sign follows, else 0. */
static size_t value_after(struct bytes b, size_t at)
{
    if (at < b.size && b.at[at] == '"')
        at++;
    at = skip_blanks(b, at);
    if (at >= b.size || (b.at[at] != ':' && b.at[at] != '='))
        return 0;
    at = skip_blanks(b, at + 1);
    return at < b.size && b.at[at] == '"' ? at + 1 : at;
}

static bool has_at(struct bytes b, size_t at, const char *word)
{
    size_t size = strlen(word);
    return size <= b.size - at && memcmp(b.at + at, word, size) == 0;
}

/* The value of a name that begins with one of the words, or 0. Such a name goes on to the next blank;
 * when nothing up to there ends it, nothing ends a later one before there either: *barren. */
static size_t value_of_prefix(struct bytes b, size_t at, size_t *barren)
{
    static const char *const words[] = {"auth_token", "pass"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && at >= *barren; i++) {
        if (!has_at(b, at, words[i]))
            continue;
        for (size_t end = at + strlen(words[i]);; end++) {
            size_t value = value_after(b, end);
            if (value > 0)
                return value;
            *barren = end;
            if (end >= b.size || is_blank(b.at[end]))
                break;
        }
    }
    return 0;
}

/* The value of a name that is one of the words, or 0. */
static size_t value_of_word(struct bytes b, size_t at, size_t *barren)
{
    (void)barren;
    static const char *const words[] = {"proxy_sig", "nkey", "sig"};
    if (at > 0 && is_word(b.at[at - 1]))
        return 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (has_at(b, at, words[i]))
            return value_after(b, at + strlen(words[i]));
    }
    return 0;
}

static size_t value_end(struct bytes b, size_t at)
{
    DCHECK(at <= b.size);
    while (at < b.size && !memchr("\",\r\n}", b.at[at], 5))
        at++;
    return at;
}

typedef size_t find_value(struct bytes b, size_t at, size_t *barren);

static void redact(struct output *o, struct bytes b, find_value *find)
{
    size_t kept = 0; /* b[kept, at) is copied as it stands */
    size_t barren = 0;
    for (size_t at = 0; at < b.size;) {
        size_t value = find(b, at, &barren);
        if (value == 0) {
            at++;
            continue;
        }
        DCHECK(value > at && value <= b.size);
        output_add(o, (struct bytes){b.at + kept, value - kept});
        output_text(o, "[REDACTED]");
        kept = at = value_end(b, value);
    }
    if (kept < b.size)
        output_add(o, (struct bytes){b.at + kept, b.size - kept});
}

void redact_connect(struct output *o, struct bytes argument)
{
    struct output once;
    output_init(&once, 3 * argument.size + 64); /* "pass:" is 5 bytes, "[REDACTED]" 10 */
    redact(&once, argument, value_of_prefix);
    CHECK(output_error(&once) != -E2BIG);
    redact(o, output_bytes(&once), value_of_word);
    if (output_error(&once))
        output_append(o, &once);
    output_done(&once);
}
