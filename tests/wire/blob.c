/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/blob.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"

#define ESCAPED_HEAD 3000 /* of a long run, this much of its begin is shown, */
#define ESCAPED_TAIL 300  /* and this much of its end */

void blob_done(struct blob *t)
{
    free(t->at);
    *t = (struct blob){0};
}

void blob_clear(struct blob *t)
{
    t->size = 0;
    if (t->at != NULL)
        t->at[0] = '\0';
}

static void reserve(struct blob *t, size_t more)
{
    CHECK(more <= BLOB_SIZE_MAX && t->size + more <= BLOB_SIZE_MAX);
    size_t need = t->size + more + 1;
    if (need <= t->capacity)
        return;
    size_t capacity = t->capacity == 0 ? 64 : t->capacity;
    while (capacity < need)
        capacity *= 2;
    t->at = realloc(t->at, capacity);
    CHECK(t->at != NULL);
    t->capacity = capacity;
}

void blob_add(struct blob *t, struct bytes b)
{
    reserve(t, b.size);
    if (b.size > 0)
        memcpy(t->at + t->size, b.at, b.size);
    t->size += b.size;
    t->at[t->size] = '\0';
}

void blob_add_string(struct blob *t, const char *s)
{
    blob_add(t, bytes_of(s));
}

void blob_format(struct blob *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(size >= 0);
    reserve(t, (size_t)size);
    va_start(args, format);
    int written = vsnprintf(t->at + t->size, (size_t)size + 1, format, args);
    va_end(args);
    CHECK(written == size);
    t->size += (size_t)size;
}

void blob_drop_front(struct blob *t, size_t size)
{
    CHECK(size <= t->size);
    if (size == 0)
        return;
    memmove(t->at, t->at + size, t->size - size);
    t->size -= size;
    t->at[t->size] = '\0';
}

const char *blob_string(const struct blob *t)
{
    return t->at == NULL ? "" : t->at;
}

struct bytes blob_bytes(const struct blob *t)
{
    return (struct bytes){blob_string(t), t->size};
}

static void add_escaped_byte(struct blob *t, unsigned char c)
{
    switch (c) {
    case '\r': blob_add_string(t, "\\r"); return;
    case '\n': blob_add_string(t, "\\n"); return;
    case '\t': blob_add_string(t, "\\t"); return;
    case '\\': blob_add_string(t, "\\\\"); return;
    }
    if (c < 0x20 || c == 0x7f)
        blob_format(t, "\\x%02x", c);
    else
        blob_add(t, (struct bytes){(const char *)&c, 1});
}

void blob_add_escaped(struct blob *t, struct bytes b)
{
    for (size_t i = 0; i < b.size; i++) {
        if (i == ESCAPED_HEAD && b.size > ESCAPED_HEAD + ESCAPED_TAIL) {
            size_t skipped = b.size - ESCAPED_HEAD - ESCAPED_TAIL;
            blob_format(t, "[... %zu bytes ...]", skipped);
            i += skipped;
        }
        add_escaped_byte(t, (unsigned char)b.at[i]);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape at b.at[*i], which is a backslash; leaves *i on its last byte. */
static int unescape_one(struct bytes b, size_t *i, char *ret_byte)
{
    static const char letters[] = "rnts\\|#%";
    static const char meanings[] = "\r\n\t \\|#%";
    if (*i + 1 >= b.size)
        return -EINVAL;
    char c = b.at[++*i];
    const char *letter = strchr(letters, c);
    if (c != '\0' && letter != NULL) {
        *ret_byte = meanings[letter - letters];
        return 0;
    }
    if (c != 'x' || *i + 2 >= b.size)
        return -EINVAL;
    int high = hex_digit(b.at[*i + 1]);
    int low = hex_digit(b.at[*i + 2]);
    if (high < 0 || low < 0)
        return -EINVAL;
    *i += 2;
    *ret_byte = (char)(high * 16 + low);
    return 0;
}

int blob_add_unescaped(struct blob *t, struct bytes b)
{
    for (size_t i = 0; i < b.size; i++) {
        char c = b.at[i];
        if (c == '\\') {
            int rc = unescape_one(b, &i, &c);
            if (rc < 0)
                return rc;
        }
        blob_add(t, (struct bytes){&c, 1});
    }
    return 0;
}
