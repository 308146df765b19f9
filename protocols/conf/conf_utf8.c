/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/conf/conf_utf8.h"

#include "runtime/base/check.h"

uint32_t conf_utf8_decode(struct bytes b, size_t *ret_width)
{
    CHECK(b.size > 0);
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)b.at[0];
    *ret_width = 1;
    if (first < 0x80)
        return first;
    size_t width = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || b.size < width)
        return CONF_UTF8_BAD;
    uint32_t c = first & (0x7fu >> width);
    for (size_t i = 1; i < width; i++) {
        unsigned char byte = (unsigned char)b.at[i];
        if ((byte & 0xc0) != 0x80)
            return CONF_UTF8_BAD;
        c = c << 6 | (byte & 0x3fu);
    }
    if (c < smallest[width] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return CONF_UTF8_BAD;
    *ret_width = width;
    return c;
}

size_t conf_utf8_encode(uint32_t c, char at[CONF_UTF8_MAX])
{
    DCHECK(c <= 0x10ffff);
    if (c < 0x80) {
        at[0] = (char)c;
        return 1;
    }
    size_t width = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = width - 1; i > 0; i--) {
        at[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    at[0] = (char)((0xf00u >> width) | c);
    return width;
}
