/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/buffer.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/little.h"

#define FIRST_CAPACITY 256
#define VARINT_SIZE_MAX 10

void buffer_done(struct buffer *b)
{
    free(b->at);
    *b = (struct buffer){0};
}

char *buffer_room(struct buffer *b, size_t size)
{
    CHECK(size <= SIZE_MAX / 4 - b->size);
    if (b->capacity - b->size < size) {
        size_t capacity = b->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : b->capacity;
        while (capacity - b->size < size)
            capacity *= 2;
        b->at = realloc(b->at, capacity);
        CHECK(b->at != NULL);
        b->capacity = capacity;
    }
    return b->at + b->size;
}

void buffer_add(struct buffer *b, const void *at, size_t size)
{
    if (size > 0)
        memcpy(buffer_room(b, size), at, size);
    b->size += size;
}

void buffer_u8(struct buffer *b, uint8_t x)
{
    buffer_add(b, &x, 1);
}

void buffer_u32(struct buffer *b, uint32_t x)
{
    put_u32(buffer_room(b, 4), x);
    b->size += 4;
}

void buffer_u64(struct buffer *b, uint64_t x)
{
    put_u64(buffer_room(b, 8), x);
    b->size += 8;
}

void buffer_varint(struct buffer *b, uint64_t x)
{
    char *at = buffer_room(b, VARINT_SIZE_MAX);
    size_t size = 0;
    for (; x >= 0x80; x >>= 7)
        at[size++] = (char)(x | 0x80);
    at[size++] = (char)x;
    b->size += size;
}

void buffer_svarint(struct buffer *b, int64_t x)
{
    buffer_varint(b, ((uint64_t)x << 1) ^ (uint64_t)(x >> 63));
}

void buffer_bytes(struct buffer *b, struct bytes bytes)
{
    buffer_varint(b, bytes.size);
    buffer_add(b, bytes.at, bytes.size);
}

size_t buffer_section_begin(struct buffer *b)
{
    size_t begun = b->size;
    buffer_u32(b, 0);
    return begun;
}

void buffer_section_end(struct buffer *b, size_t begun)
{
    size_t size = b->size - begun - 4;
    CHECK(size <= UINT32_MAX);
    put_u32(b->at + begun, (uint32_t)size);
}

struct bytes cursor_take(struct cursor *c, size_t size)
{
    if (c->bad || cursor_left(c) < size) {
        c->bad = true;
        return (struct bytes){NULL, 0};
    }
    struct bytes taken = {c->at, size};
    c->at += size;
    return taken;
}

uint8_t cursor_u8(struct cursor *c)
{
    struct bytes b = cursor_take(c, 1);
    return b.at == NULL ? 0 : (uint8_t)*b.at;
}

uint32_t cursor_u32(struct cursor *c)
{
    struct bytes b = cursor_take(c, 4);
    return b.at == NULL ? 0 : get_u32(b.at);
}

uint64_t cursor_u64(struct cursor *c)
{
    struct bytes b = cursor_take(c, 8);
    return b.at == NULL ? 0 : get_u64(b.at);
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t x = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cursor_u8(c);
        uint64_t bits = byte & 0x7fu;
        if (c->bad || (shift == 63 && bits > 1))
            break;
        x |= bits << shift;
        if ((byte & 0x80) == 0) {
            if (byte == 0 && shift > 0)
                break; /* longer than it has to be */
            return x;
        }
    }
    c->bad = true;
    return 0;
}

uint64_t cursor_varint_max(struct cursor *c, uint64_t max)
{
    uint64_t x = cursor_varint(c);
    if (x <= max)
        return x;
    c->bad = true;
    return 0;
}

int64_t cursor_svarint(struct cursor *c)
{
    uint64_t x = cursor_varint(c);
    return (int64_t)(x >> 1) ^ -(int64_t)(x & 1);
}

struct bytes cursor_bytes(struct cursor *c)
{
    uint64_t size = cursor_varint(c);
    return cursor_take(c, size > SIZE_MAX ? SIZE_MAX : (size_t)size);
}

struct bytes cursor_section(struct cursor *c)
{
    return cursor_take(c, cursor_u32(c));
}
