/* SPDX-License-Identifier: Apache-2.0 */
/* connect_text.c -- JSON that Go takes, made into JSON that jansson takes.
 *
 * Go's decoder puts U+FFFD for bytes that are no UTF-8 and for half a surrogate pair, where jansson
 * refuses the text; and it minds the size of a number only where the number goes somewhere, where
 * jansson minds it everywhere. So those runes are replaced, and a number that is no integer of 64 bits
 * becomes 0.5: where it matters such a number is of the wrong type anyway.
 */
#include "protocols/nats/connect_text.h"

#include <errno.h>

#include "protocols/json/go_text.h"
#include "protocols/json/output.h"
#include "runtime/base/check.h"

#define REPLACEMENT BYTES("\xef\xbf\xbd")

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct bytes after(struct bytes b, size_t size)
{
    return (struct bytes){b.at + size, b.size - size};
}

/* The code unit of a \uXXXX at the start of b, or -1. */
static int code_unit(struct bytes b)
{
    if (b.size < 6 || b.at[0] != '\\' || b.at[1] != 'u')
        return -1;
    int unit = 0;
    for (size_t i = 2; i < 6; i++) {
        char c = b.at[i];
        char low = (char)(c | 0x20);
        if (!is_digit(c) && (low < 'a' || low > 'f'))
            return -1;
        unit = unit * 16 + (is_digit(c) ? c - '0' : low - 'a' + 10);
    }
    return unit;
}

static bool is_high(int unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/* Copies the escape at the start of b; returns its size. */
static size_t copy_escape(struct output *o, struct bytes b)
{
    int unit = code_unit(b);
    if (unit < 0) {
        size_t size = b.size < 2 ? b.size : 2;
        output_add(o, (struct bytes){b.at, size});
        return size;
    }
    if (is_high(unit) && is_low(code_unit(after(b, 6)))) {
        output_add(o, (struct bytes){b.at, 12});
        return 12;
    }
    if (is_high(unit) || is_low(unit))
        output_add(o, REPLACEMENT);
    else
        output_add(o, (struct bytes){b.at, 6});
    return 6;
}

/* Copies the string at the start of b, as far as there is one; returns its size. */
static size_t copy_string(struct output *o, struct bytes b)
{
    DCHECK(b.size > 0 && b.at[0] == '"');
    output_byte(o, '"');
    size_t at = 1;
    while (at < b.size && b.at[at] != '"') {
        struct bytes rest = after(b, at);
        uint32_t rune = 0;
        size_t size = go_text_rune(rest, &rune);
        if (rune == '\\') {
            size = copy_escape(o, rest);
        } else if (size == 0) {
            output_add(o, REPLACEMENT);
            size = 1;
        } else {
            output_add(o, (struct bytes){rest.at, size});
        }
        at += size;
    }
    if (at == b.size)
        return at;
    output_byte(o, '"');
    return at + 1;
}

static size_t digits_at(struct bytes b, size_t at)
{
    size_t end = at;
    while (end < b.size && is_digit(b.at[end]))
        end++;
    return end - at;
}

static bool fits_64_bits(struct bytes digits, bool minus)
{
    const char *largest = minus ? "9223372036854775808" : "9223372036854775807";
    size_t size = strlen(largest);
    return digits.size < size || (digits.size == size && memcmp(digits.at, largest, size) <= 0);
}

/* The size of the number at the start of b by JSON's grammar, 0 when it is none; whether it is an
 * integer that jansson can hold. */
static size_t number_size(struct bytes b, bool *ret_plain)
{
    size_t at = b.at[0] == '-';
    size_t digits = digits_at(b, at);
    if (digits == 0 || (digits > 1 && b.at[at] == '0'))
        return 0;
    at += digits;
    *ret_plain = fits_64_bits((struct bytes){b.at + at - digits, digits}, b.at[0] == '-');
    if (at < b.size && b.at[at] == '.') {
        digits = digits_at(b, at + 1);
        *ret_plain = false;
        if (digits == 0)
            return 0;
        at += 1 + digits;
    }
    if (at < b.size && (b.at[at] == 'e' || b.at[at] == 'E')) {
        size_t sign = at + 1 < b.size && (b.at[at + 1] == '+' || b.at[at + 1] == '-');
        digits = digits_at(b, at + 1 + sign);
        *ret_plain = false;
        if (digits == 0)
            return 0;
        at += 1 + sign + digits;
    }
    return at;
}

int connect_text_prepare(struct output *o, struct bytes text, int depth_max)
{
    int depth = 0;
    while (text.size > 0) {
        char c = text.at[0];
        size_t size = 1;
        if (c == '"') {
            size = copy_string(o, text);
        } else if (c == '-' || is_digit(c)) {
            bool plain = false;
            size = number_size(text, &plain);
            if (size == 0)
                return -EINVAL;
            output_add(o, plain ? (struct bytes){text.at, size} : BYTES("0.5"));
        } else {
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
            if (depth > depth_max)
                return -E2BIG;
            output_byte(o, c);
        }
        CHECK(size > 0 && size <= text.size);
        text = after(text, size);
    }
    return output_error(o);
}
