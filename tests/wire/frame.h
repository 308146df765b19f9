/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h -- one thing a server says to a client: a line, or a line and a payload. */
#ifndef TESTS_WIRE_FRAME_H
#define TESTS_WIRE_FRAME_H

#include <stdbool.h>

#include "tests/wire/blob.h"

struct frame {
    struct bytes line; /* borrowed from the input; without CRLF */
    struct bytes payload;
    bool has_payload;
    size_t size; /* bytes of the input it takes */
};

enum frame_cut {
    FRAME_MORE, /* the input ends within the frame */
    FRAME_DONE,
    FRAME_BROKEN /* a payload without CRLF behind it, or a size that is none */
};

enum frame_cut frame_cut(struct bytes input, struct frame *ret_frame);

/* Appends "LINE | PAYLOAD" or "LINE", escaped: what patterns match and reports show. */
void frame_add_escaped(struct blob *t, const struct frame *f);

bool frame_is(const struct frame *f, const char *verb);

/* Cuts "LINE | PAYLOAD" as scripts write it; false in ret_has_payload without a bar. */
void frame_cut_written(const char *written, struct bytes *ret_line, struct bytes *ret_payload,
                       bool *ret_has_payload);

#endif
