/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/conf/conf_quote.h"

#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_utf8.h"

/* Letters for control characters, at their places from \a (7) to \r (13). */
static const char control_letters[] = "abtnvfr";

static void quote_one(struct conf_error *into, struct bytes raw, uint32_t c)
{
    if (c == CONF_UTF8_BAD && raw.size == 1)
        conf_error_add(into, "\\x%02x", (unsigned char)raw.at[0]);
    else if (c == '"' || c == '\\')
        conf_error_add(into, "\\%c", (char)c);
    else if (c >= '\a' && c <= '\r')
        conf_error_add(into, "\\%c", control_letters[c - '\a']);
    else if (c < 0x20 || c == 0x7f)
        conf_error_add(into, "\\x%02x", c);
    else if ((c >= 0x80 && c <= 0xa0) || c == 0xad)
        conf_error_add(into, "\\u%04x", c);
    else
        conf_error_add_bytes(into, raw);
}

void conf_quote(struct conf_error *into, struct bytes text)
{
    conf_error_add(into, "\"");
    for (size_t i = 0; i < text.size;) {
        size_t width;
        uint32_t c = conf_utf8_decode((struct bytes){text.at + i, text.size - i}, &width);
        quote_one(into, (struct bytes){text.at + i, width}, c);
        i += width;
    }
    conf_error_add(into, "\"");
}
