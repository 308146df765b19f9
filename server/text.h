/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- bytes that grow: output collected before somebody prints it. May hold NUL bytes. */
#ifndef SERVER_TEXT_H
#define SERVER_TEXT_H

#include "runtime/base/bytes.h"

struct text {
    char *at; /* NUL behind the bytes; NULL while empty */
    size_t size;
    size_t room;
};

void text_init(struct text *t);
void text_done(struct text *t);

void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *t, struct bytes b);

static inline struct bytes text_bytes(const struct text *t)
{
    return (struct bytes){t->at, t->size};
}

#endif
