/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/frame.h"

#include <ctype.h>
#include <stdlib.h>

#include "runtime/base/check.h"

static bool starts_with(struct bytes b, const char *word)
{
    size_t size = strlen(word);
    return b.size >= size && memcmp(b.at, word, size) == 0;
}

bool frame_is(const struct frame *f, const char *verb)
{
    size_t size = strlen(verb);
    return starts_with(f->line, verb) && (f->line.size == size || f->line.at[size] == ' ');
}

/* The number after the last space of a line; -1 if there is none. */
static long long last_number(struct bytes line)
{
    size_t i = line.size;
    long long value = 0;
    long long unit = 1;
    while (i > 0 && isdigit((unsigned char)line.at[i - 1])) {
        value += unit * (line.at[i - 1] - '0');
        unit *= 10;
        i--;
        if (value > (long long)BLOB_SIZE_MAX)
            return -1;
    }
    return i == line.size || i == 0 || line.at[i - 1] != ' ' ? -1 : value;
}

enum frame_cut frame_cut(struct bytes input, struct frame *ret_frame)
{
    const char *end = memmem(input.at, input.size, "\r\n", 2);
    if (end == NULL)
        return FRAME_MORE;
    struct frame f = {.line = {input.at, (size_t)(end - input.at)}};
    f.size = f.line.size + 2;
    if (frame_is(&f, "MSG") || frame_is(&f, "HMSG")) {
        long long size = last_number(f.line);
        if (size < 0)
            return FRAME_BROKEN;
        if (input.size < f.size + (size_t)size + 2)
            return FRAME_MORE;
        f.payload = (struct bytes){input.at + f.size, (size_t)size};
        f.has_payload = true;
        f.size += (size_t)size + 2;
        if (memcmp(input.at + f.size - 2, "\r\n", 2) != 0)
            return FRAME_BROKEN;
    }
    CHECK(f.size <= input.size);
    *ret_frame = f;
    return FRAME_DONE;
}

void frame_add_escaped(struct blob *t, const struct frame *f)
{
    blob_add_escaped(t, f->line);
    if (!f->has_payload)
        return;
    blob_add_string(t, f->payload.size == 0 ? " |" : " | ");
    blob_add_escaped(t, f->payload);
}

void frame_cut_written(const char *written, struct bytes *ret_line, struct bytes *ret_payload,
                       bool *ret_has_payload)
{
    size_t size = strlen(written);
    const char *bar = strstr(written, " | ");
    if (bar == NULL && size >= 2 && memcmp(written + size - 2, " |", 2) == 0)
        bar = written + size - 2;
    *ret_has_payload = bar != NULL;
    *ret_line = (struct bytes){written, bar == NULL ? size : (size_t)(bar - written)};
    *ret_payload = BYTES("");
    if (bar != NULL && bar[2] == ' ')
        *ret_payload = bytes_of(bar + 3);
}
