/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h -- what is inside a benchmark message, so that loss, disorder and damage show.
 *
 *     0        4        8                16                1024          1032
 *     | source | number | digest of both | pattern ...     | digest + 1 | pattern ...
 *
 * Idea  The first 16 bytes name the message and vouch for themselves. The rest is a pattern that
 *       is the same in all messages, so that a buffer is filled once and only stamped again for
 *       each message; a digest at every further KiB tells a large message that was put together
 *       from two. The receiver compares every byte.
 */
#ifndef TESTS_BENCH_PAYLOAD_H
#define TESTS_BENCH_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PAYLOAD_SIZE_MIN = 16, PAYLOAD_BLOCK = 1024 };

static inline uint64_t payload_digest(uint32_t source, uint32_t number)
{
    uint64_t x = ((uint64_t)source << 32 | number) + 0x9e3779b97f4a7c15u;
    x *= 0xbf58476d1ce4e5b9u;
    return x ^ (x >> 31);
}

/* The bytes that all messages share; `pattern` has room for the largest payload. */
static inline void payload_pattern(char *pattern, size_t size)
{
    for (size_t i = 0; i < size; i++)
        pattern[i] = (char)('a' + (i * 7 + i / 26) % 26);
}

/* Makes a message out of bytes that already hold the pattern. */
static inline void payload_stamp(char *at, size_t size, uint32_t source, uint32_t number)
{
    uint64_t digest = payload_digest(source, number);
    memcpy(at, &source, 4);
    memcpy(at + 4, &number, 4);
    memcpy(at + 8, &digest, 8);
    for (size_t block = PAYLOAD_BLOCK; block + 8 <= size; block += PAYLOAD_BLOCK) {
        uint64_t stamp = digest + block;
        memcpy(at + block, &stamp, 8);
    }
}

/* Beyond the first 16 bytes: the pattern, and the digest of each further block. */
static inline bool payload_rest_whole(const char *pattern, const char *at, size_t size,
                                      uint64_t digest)
{
    size_t from = PAYLOAD_SIZE_MIN;
    for (size_t block = PAYLOAD_BLOCK; block + 8 <= size; block += PAYLOAD_BLOCK) {
        uint64_t stamp;
        memcpy(&stamp, at + block, 8);
        if (stamp != digest + block || memcmp(at + from, pattern + from, block - from) != 0)
            return false;
        from = block + 8;
    }
    return memcmp(at + from, pattern + from, size - from) == 0;
}

/* Whether these bytes are one whole message; says which. */
static inline bool payload_whole(const char *pattern, const char *at, size_t size,
                                 uint32_t *ret_source, uint32_t *ret_number)
{
    uint32_t source, number;
    uint64_t digest;
    memcpy(&source, at, 4);
    memcpy(&number, at + 4, 4);
    memcpy(&digest, at + 8, 8);
    if (digest != payload_digest(source, number))
        return false;
    if (size > PAYLOAD_SIZE_MIN && !payload_rest_whole(pattern, at, size, digest))
        return false;
    *ret_source = source;
    *ret_number = number;
    return true;
}

#endif
