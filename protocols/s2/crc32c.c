/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c.c -- CRC-32C of eight bytes at a time, with tables that the compiler makes.
 *
 * Idea        A CRC is linear: the table's entry for a byte is the exclusive or of the entries for its
 *             bits. So eight numbers say all of a table, and the 8 x 256 entries are constants.
 *             Table n takes a byte that n more bytes follow (slicing by eight).
 */
#include "protocols/s2/crc32c.h"

#include <endian.h>
#include <string.h>

#define BIT(i, n, x) (((i) >> (n)&1u) != 0 ? (x) : 0u)

/* clang-format off */
#define ENTRY(i, a, b, c, d, e, f, g, h) \
    (BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ \
     BIT(i, 4, e) ^ BIT(i, 5, f) ^ BIT(i, 6, g) ^ BIT(i, 7, h))
#define ENTRIES_4(i, ...) \
    ENTRY((i), __VA_ARGS__), ENTRY((i) + 1, __VA_ARGS__), \
    ENTRY((i) + 2, __VA_ARGS__), ENTRY((i) + 3, __VA_ARGS__)
#define ENTRIES_16(i, ...) \
    ENTRIES_4((i), __VA_ARGS__), ENTRIES_4((i) + 4, __VA_ARGS__), \
    ENTRIES_4((i) + 8, __VA_ARGS__), ENTRIES_4((i) + 12, __VA_ARGS__)
#define ENTRIES_64(i, ...) \
    ENTRIES_16((i), __VA_ARGS__), ENTRIES_16((i) + 16, __VA_ARGS__), \
    ENTRIES_16((i) + 32, __VA_ARGS__), ENTRIES_16((i) + 48, __VA_ARGS__)
#define TABLE(...) \
    {ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__), \
     ENTRIES_64(128, __VA_ARGS__), ENTRIES_64(192, __VA_ARGS__)}

/* A line has the entries of the bytes 1, 2, 4, ..., 128. */
static const uint32_t tables[8][256] = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};
/* clang-format on */

static uint32_t eight_bytes(uint32_t crc, const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    word = le64toh(word) ^ crc;
    uint32_t next = 0;
    for (int i = 0; i < 8; i++)
        next ^= tables[7 - i][word >> (8 * i) & 0xff];
    return next;
}

uint32_t crc32c(uint32_t crc, const void *at, size_t size)
{
    const unsigned char *byte = at;
    crc = ~crc;
    for (; size >= 8; size -= 8, byte += 8)
        crc = eight_bytes(crc, byte);
    for (; size > 0; size--, byte++)
        crc = crc >> 8 ^ tables[0][(crc ^ *byte) & 0xff];
    return ~crc;
}
