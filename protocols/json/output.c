/* SPDX-License-Identifier: Apache-2.0 */
/* output.c -- bytes that grow at their end; see output.h. */
#include "protocols/json/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"

enum { CAPACITY_FIRST = 256, PRINT_MAX = 256 };

void output_init(struct output *o, size_t size_max)
{
    *o = (struct output){.size_max = size_max};
}

void output_done(struct output *o)
{
    free(o->at);
    *o = (struct output){.size_max = o->size_max};
}

/* Room for `more` bytes at the end, or NULL with the error set. */
static char *reserve(struct output *o, size_t more)
{
    DCHECK(o->size <= o->capacity);
    if (o->error)
        return NULL;
    if (more > o->size_max - o->size) {
        o->error = -E2BIG;
        return NULL;
    }
    if (more > o->capacity - o->size) {
        size_t capacity = o->capacity ? o->capacity : CAPACITY_FIRST;
        CHECK(o->size_max <= SIZE_MAX / 4);
        while (capacity - o->size < more)
            capacity *= 2;
        char *at = realloc(o->at, capacity);
        if (!at) {
            o->error = -ENOMEM;
            return NULL;
        }
        o->at = at;
        o->capacity = capacity;
    }
    return o->at + o->size;
}

void output_add(struct output *o, struct bytes b)
{
    if (b.size == 0)
        return;
    /* Growing would move bytes of its own from under it. */
    DCHECK(!o->at || b.at < o->at || b.at >= o->at + o->capacity);
    char *at = reserve(o, b.size);
    if (!at)
        return;
    memcpy(at, b.at, b.size);
    o->size += b.size;
}

void output_append(struct output *o, const struct output *from)
{
    if (!o->error)
        o->error = from->error;
    output_add(o, output_bytes(from));
}

void output_text(struct output *o, const char *text)
{
    output_add(o, bytes_of(text));
}

void output_byte(struct output *o, char c)
{
    output_add(o, (struct bytes){&c, 1});
}

void output_repeat(struct output *o, char c, size_t count)
{
    char *at = reserve(o, count);
    if (!at || count == 0)
        return;
    memset(at, c, count);
    o->size += count;
}

void output_print(struct output *o, const char *format, ...)
{
    char text[PRINT_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CHECK(size >= 0 && (size_t)size < sizeof(text));
    output_add(o, (struct bytes){text, (size_t)size});
}

void output_reserve(struct output *o, size_t size)
{
    if (size > o->size)
        (void)reserve(o, size - o->size);
}

void output_clear(struct output *o)
{
    o->size = 0;
}

char *output_take(struct output *o, size_t *ret_size)
{
    char *at = o->at;
    *ret_size = o->size;
    *o = (struct output){.size_max = o->size_max};
    return at;
}
