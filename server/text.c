/* SPDX-License-Identifier: Apache-2.0 */
#include "server/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"

void text_init(struct text *t)
{
    *t = (struct text){0};
}

void text_done(struct text *t)
{
    free(t->at);
    text_init(t);
}

static void make_room(struct text *t, size_t more)
{
    if (t->room - t->size > more)
        return;
    t->room = 2 * (t->size + more) + 64;
    t->at = realloc(t->at, t->room);
    CHECK(t->at != NULL);
}

void text_add_bytes(struct text *t, struct bytes b)
{
    make_room(t, b.size);
    if (b.size > 0)
        memcpy(t->at + t->size, b.at, b.size);
    t->size += b.size;
    t->at[t->size] = '\0';
    CHECK(t->size < t->room);
}

void text_add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(size >= 0);
    make_room(t, (size_t)size);
    vsnprintf(t->at + t->size, t->room - t->size, format, again);
    va_end(again);
    t->size += (size_t)size;
    CHECK(t->size < t->room);
}
