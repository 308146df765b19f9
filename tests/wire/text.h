/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- bytes that grow, always followed by a NUL that is not counted; and the escapes in which
 * scripts and reports write bytes: \r \n \t \s (a space) \\ \xHH. */
#ifndef TESTS_WIRE_TEXT_H
#define TESTS_WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/bytes.h"

/* No buffer of the runner may pass this: a server gone wild fails its script, not the machine. */
#define TEXT_SIZE_MAX ((size_t)256 << 20)

struct text {
    char *at; /* given; NULL while empty from birth */
    size_t size;
    size_t capacity;
};

void text_done(struct text *t);
void text_clear(struct text *t);
void text_add(struct text *t, struct bytes b);
void text_add_string(struct text *t, const char *s);
__attribute__((format(printf, 2, 3))) void text_format(struct text *t, const char *format, ...);
void text_drop_front(struct text *t, size_t size);

/* Never NULL. */
const char *text_string(const struct text *t);
struct bytes text_bytes(const struct text *t);

/* Appends b with everything unprintable written as an escape; long runs are cut in the middle. */
void text_add_escaped(struct text *t, struct bytes b);

/* Appends what the escapes in b mean. -EINVAL for an escape that is none. */
__attribute__((warn_unused_result)) int text_add_unescaped(struct text *t, struct bytes b);

#endif
