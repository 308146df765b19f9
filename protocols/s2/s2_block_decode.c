/* SPDX-License-Identifier: Apache-2.0 */
/* s2_block_decode.c -- elements of a block to bytes.
 *
 * Invariants  1 in never passes in_end, out never passes out_end: each element is checked as a whole
 *               before a byte of it moves
 *             2 a copy begins at or after out_start: 0 < offset <= out - out_start
 */
#include <errno.h>

#include "protocols/s2/s2_block.h"
#include "runtime/base/check.h"

enum { TAG_LITERAL, TAG_COPY_1, TAG_COPY_2, TAG_COPY_4 };

struct decoder {
    const unsigned char *in;
    const unsigned char *in_end;
    char *out_start;
    char *out;
    char *out_end;
    size_t offset; /* of the last copy; 0 before the first, which so can not be a repeat */
};

/* A little-endian number of `size` bytes, taken. */
static bool take(struct decoder *d, unsigned size, size_t *ret)
{
    if ((size_t)(d->in_end - d->in) < size)
        return false;
    size_t x = 0;
    for (unsigned i = 0; i < size; i++)
        x |= (size_t)d->in[i] << (8 * i);
    d->in += size;
    *ret = x;
    return true;
}

static bool literal(struct decoder *d, unsigned code)
{
    size_t size = code;
    if (code >= 60 && !take(d, code - 59, &size))
        return false;
    size++;
    if (size > (size_t)(d->in_end - d->in) || size > (size_t)(d->out_end - d->out))
        return false;
    memcpy(d->out, d->in, size);
    d->in += size;
    d->out += size;
    return true;
}

/* What is copied may reach into what is being written: then it is a pattern that goes on, and each
 * round doubles what there is of it. */
static bool copy(struct decoder *d, size_t offset, size_t size)
{
    if (offset == 0 || offset > (size_t)(d->out - d->out_start) ||
        size > (size_t)(d->out_end - d->out))
        return false;
    d->offset = offset;
    const char *from = d->out - offset;
    while (size > 0) {
        size_t there = (size_t)(d->out - from);
        size_t n = size < there ? size : there;
        memcpy(d->out, from, n);
        d->out += n;
        size -= n;
    }
    return true;
}

/* Codes 0..4 are sizes 4..8; with 5, 6 and 7 one, two and three bytes say what comes on top. */
static bool repeat(struct decoder *d, unsigned code)
{
    static const size_t base[] = {4, 5, 6, 7, 8, 8, 260, 65540};
    size_t more = 0;
    if (code > 4 && !take(d, code - 4, &more))
        return false;
    return copy(d, d->offset, base[code] + more);
}

static bool copy_1(struct decoder *d, unsigned code)
{
    size_t low;
    if (!take(d, 1, &low))
        return false;
    size_t offset = (size_t)(code >> 3) << 8 | low;
    return offset == 0 ? repeat(d, code & 7) : copy(d, offset, 4 + (code & 7));
}

static bool copy_far(struct decoder *d, unsigned code, unsigned offset_size)
{
    size_t offset;
    return take(d, offset_size, &offset) && copy(d, offset, 1 + code);
}

static bool element(struct decoder *d)
{
    unsigned tag = *d->in++;
    unsigned code = tag >> 2;
    switch (tag & 3) {
    case TAG_LITERAL: return literal(d, code);
    case TAG_COPY_1: return copy_1(d, code);
    case TAG_COPY_2: return copy_far(d, code, 2);
    default: return copy_far(d, code, 4);
    }
}

/* Returns the bytes that the size takes; 0: there is none. */
static size_t read_size(struct bytes block, size_t *ret_size)
{
    uint64_t size = 0;
    for (size_t i = 0; i < 5 && i < block.size; i++) {
        unsigned char byte = (unsigned char)block.at[i];
        size |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret_size = (size_t)size;
            return size <= UINT32_MAX ? i + 1 : 0;
        }
    }
    return 0;
}

int s2_block_decoded_size(struct bytes block, size_t *ret_size)
{
    return read_size(block, ret_size) > 0 ? 0 : -EBADMSG;
}

int s2_block_decode(struct bytes block, char *at, size_t capacity, size_t *ret_size)
{
    size_t size = 0;
    size_t head = read_size(block, &size);
    if (head == 0)
        return -EBADMSG;
    if (size > capacity)
        return -EMSGSIZE;
    if (size == 0) {
        if (head < block.size)
            return -EBADMSG;
        *ret_size = 0;
        return 0;
    }
    struct decoder d = {
        .in = (const unsigned char *)block.at + head,
        .in_end = (const unsigned char *)block.at + block.size,
        .out_start = at,
        .out = at,
        .out_end = at + size,
    };
    while (d.in < d.in_end) {
        if (!element(&d))
            return -EBADMSG;
    }
    DCHECK(d.in == d.in_end && d.out <= d.out_end);
    if (d.out < d.out_end)
        return -EBADMSG;
    *ret_size = size;
    return 0;
}
