/* SPDX-License-Identifier: Apache-2.0 */
/* s2_block_encode.c -- bytes to a block of plain Snappy.
 *
 * Idea        Walk the bytes; at each place look up where these four bytes were last. If they were: what
 *             was passed since the last match is a literal, and what agrees is a copy. Without a match
 *             the steps grow, so that bytes which do not compress cost little.
 *
 *                 | literal          | copy ◄ as long as both sides agree | ...
 *                 from               place
 *
 * Bounds      A piece is at most 64 KiB, so that a place fits 16 bits; nothing is found across pieces.
 */
#include <endian.h>

#include "protocols/s2/s2_block.h"
#include "runtime/base/check.h"

enum {
    PIECE_SIZE_MAX = 1 << 16,
    TAIL_SIZE =
        8, /* no match begins here: words of eight bytes are read without a look at the end */
    BITS_MIN = 8,
    STEP_BITS = 5, /* the step grows by one for each 32 places without a match */
};

static uint32_t word_4(const char *at)
{
    uint32_t x;
    memcpy(&x, at, sizeof x);
    return x;
}

static uint64_t word_8(const char *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    return le64toh(x);
}

static uint16_t *seen(struct s2_encoder *e, const char *at)
{
    return &e->seen[word_4(at) * 0x9e3779b1u >> (32 - e->bits)];
}

/* Forgets all, and makes the table no larger than a piece of this size is worth. */
static void forget(struct s2_encoder *e, size_t size)
{
    e->bits = BITS_MIN;
    while (e->bits < S2_ENCODER_BITS && (size_t)1 << e->bits < size)
        e->bits++;
    memset(e->seen, 0, sizeof e->seen[0] << e->bits);
}

static char *put_number(char *at, size_t x, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        *at++ = (char)(x >> (8 * i));
    return at;
}

static char *put_size(char *at, size_t size)
{
    for (; size >= 0x80; size >>= 7)
        *at++ = (char)(size | 0x80);
    *at++ = (char)size;
    return at;
}

static char *put_literal(char *at, const char *from, size_t size)
{
    if (size == 0)
        return at;
    size_t n = size - 1;
    if (n < 60) {
        at = put_number(at, n << 2, 1);
    } else {
        unsigned bytes = n < 0x100 ? 1 : 2;
        DCHECK(n < 0x10000);
        at = put_number(at, (59 + bytes) << 2, 1);
        at = put_number(at, n, bytes);
    }
    memcpy(at, from, size);
    return at + size;
}

static char *put_copy_2(char *at, size_t offset, size_t size)
{
    at = put_number(at, (size - 1) << 2 | 2, 1);
    return put_number(at, offset, 2);
}

/* The last element keeps four bytes at least, so that it may be the short form. */
static char *put_copy(char *at, size_t offset, size_t size)
{
    DCHECK(offset > 0 && offset < PIECE_SIZE_MAX && size >= 4);
    for (; size >= 68; size -= 64)
        at = put_copy_2(at, offset, 64);
    if (size > 64) {
        at = put_copy_2(at, offset, 60);
        size -= 60;
    }
    if (size >= 12 || offset >= 2048)
        return put_copy_2(at, offset, size);
    at = put_number(at, (offset >> 8) << 5 | (size - 4) << 2 | 1, 1);
    return put_number(at, offset, 1);
}

/* How many bytes from a and b on are the same; b is the later one. */
static size_t agreement(const char *a, const char *b, const char *end)
{
    const char *start = b;
    while (end - b >= 8) {
        uint64_t differ = word_8(a) ^ word_8(b);
        if (differ != 0)
            return (size_t)(b - start) + (size_t)__builtin_ctzll(differ) / 8;
        a += 8;
        b += 8;
    }
    while (b < end && *a == *b) {
        a++;
        b++;
    }
    return (size_t)(b - start);
}

/* The next place from `at` on whose four bytes were seen before, noting what is passed; NULL: none. */
static const char *find(struct s2_encoder *e, const char *piece, const char *at, const char *last,
                        const char **ret_earlier)
{
    for (size_t tried = 1u << STEP_BITS; at <= last; at += tried++ >> STEP_BITS) {
        uint16_t *slot = seen(e, at);
        const char *earlier = piece + *slot;
        *slot = (uint16_t)(at - piece);
        if (earlier < at && word_4(earlier) == word_4(at)) {
            *ret_earlier = earlier;
            return at;
        }
    }
    return NULL;
}

static char *put_piece(struct s2_encoder *e, char *out, const char *piece, size_t size)
{
    const char *from = piece; /* nothing before it is left to write */
    const char *end = piece + size;
    if (size > TAIL_SIZE) {
        forget(e, size);
        const char *last = end - TAIL_SIZE;
        const char *earlier;
        const char *place = piece;
        while ((place = find(e, piece, place, last, &earlier)) != NULL) {
            out = put_literal(out, from, (size_t)(place - from));
            size_t n = 4 + agreement(earlier + 4, place + 4, end);
            out = put_copy(out, (size_t)(place - earlier), n);
            from = place += n;
            /* A repeated text is often followed by another that begins like the end of this one. */
            if (place <= last)
                *seen(e, place - 1) = (uint16_t)(place - 1 - piece);
        }
    }
    return put_literal(out, from, (size_t)(end - from));
}

size_t s2_block_encode(struct s2_encoder *e, struct bytes plain, char *at)
{
    CHECK(plain.size <= UINT32_MAX);
    char *out = put_size(at, plain.size);
    for (size_t done = 0; done < plain.size;) {
        size_t n = plain.size - done < PIECE_SIZE_MAX ? plain.size - done : PIECE_SIZE_MAX;
        out = put_piece(e, out, plain.at + done, n);
        done += n;
    }
    CHECK((size_t)(out - at) <= s2_block_space(plain.size));
    return (size_t)(out - at);
}
