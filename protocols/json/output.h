/* SPDX-License-Identifier: Apache-2.0 */
/* output.h -- bytes that grow at their end, up to a limit.
 *
 * Idea        Encoders append and look at the outcome once: the first failure sticks in `error`, later
 *             appends do nothing, and output_error() tells at the end.
 * Bounds      size <= size_max, always; capacity at most doubles past what is used.
 */
#ifndef PROTOCOLS_JSON_OUTPUT_H
#define PROTOCOLS_JSON_OUTPUT_H

#include <stddef.h>

#include "runtime/base/bytes.h"

struct output {
    char *at; /* given; NULL before the first byte */
    size_t size;
    size_t capacity;
    size_t size_max;
    int error; /* 0, -E2BIG past size_max, -ENOMEM */
};

void output_init(struct output *o, size_t size_max);
void output_done(struct output *o);

void output_add(struct output *o, struct bytes b);
/* All of another output, or its failure. */
void output_append(struct output *o, const struct output *from);
void output_text(struct output *o, const char *text);
void output_byte(struct output *o, char c);
void output_repeat(struct output *o, char c, size_t count);
/* At most 255 bytes a call: for numbers and short names, not for what a peer sent. */
__attribute__((format(printf, 2, 3))) void output_print(struct output *o, const char *format, ...);

/* Makes room for size bytes in all, so that appending moves nothing until then. */
void output_reserve(struct output *o, size_t size);

/* Forgets the bytes and keeps the memory: for who has sent them and goes on. */
void output_clear(struct output *o);
/* The memory, now the caller's to free; *ret_size bytes of it count. o is as after output_init. */
char *output_take(struct output *o, size_t *ret_size);

static inline struct bytes output_bytes(const struct output *o)
{
    return (struct bytes){o->at, o->size};
}

static inline int output_error(const struct output *o)
{
    return o->error;
}

#endif
