/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.h -- to write encodings of no known size, and to read them back without trusting them.
 *
 * A varint has 7 bits a byte, low ones first; the last byte has its high bit clear. At most 10 bytes, and no
 * longer than it has to be. A cursor that met something bad stays bad and gives zeros, so that a decoder
 * looks once, at its end.
 */
#ifndef STORE_FORMAT_BUFFER_H
#define STORE_FORMAT_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

/* Zeroed: empty. Grows by malloc; out of memory aborts. */
struct buffer {
    char *at; /* given */
    size_t size;
    size_t capacity;
};

void buffer_done(struct buffer *b);
/* Room for size more bytes, which the caller writes before it adds them to b->size. */
char *buffer_room(struct buffer *b, size_t size);
void buffer_add(struct buffer *b, const void *at, size_t size);
void buffer_u8(struct buffer *b, uint8_t x);
void buffer_u32(struct buffer *b, uint32_t x);
void buffer_u64(struct buffer *b, uint64_t x);
void buffer_varint(struct buffer *b, uint64_t x);
/* Signed ones zigzag, so that small ones are short. */
void buffer_svarint(struct buffer *b, int64_t x);
/* Its size as a varint, then the bytes. */
void buffer_bytes(struct buffer *b, struct bytes bytes);
/* A section: its size as a u32, which buffer_section_end fills in. */
size_t buffer_section_begin(struct buffer *b);
void buffer_section_end(struct buffer *b, size_t begun);

static inline struct bytes buffer_view(const struct buffer *b)
{
    return (struct bytes){b->at, b->size};
}

struct cursor {
    const char *at;
    const char *end;
    bool bad;
};

static inline struct cursor cursor_of(struct bytes b)
{
    return (struct cursor){b.at, b.at + b.size, false};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

uint8_t cursor_u8(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c);
/* One that must not be over max. */
uint64_t cursor_varint_max(struct cursor *c, uint64_t max);
int64_t cursor_svarint(struct cursor *c);
struct bytes cursor_take(struct cursor *c, size_t size);
struct bytes cursor_bytes(struct cursor *c);
struct bytes cursor_section(struct cursor *c);
/* All was read, and nothing was bad. */
static inline bool cursor_is_at_end(const struct cursor *c)
{
    return !c->bad && c->at == c->end;
}

#endif
