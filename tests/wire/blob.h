/* SPDX-License-Identifier: Apache-2.0 */
/* blob.h -- bytes that grow, always followed by a NUL that is not counted; and the escapes in which
 * scripts and reports write bytes: \r \n \t \s (a space) \\ \xHH. */
#ifndef TESTS_WIRE_BLOB_H
#define TESTS_WIRE_BLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/bytes.h"

/* No buffer of the runner may pass this: a server gone wild fails its script, not the machine. */
#define BLOB_SIZE_MAX ((size_t)256 << 20)

struct blob {
    char *at; /* given; NULL while empty from birth */
    size_t size;
    size_t capacity;
};

void blob_done(struct blob *t);
void blob_clear(struct blob *t);
void blob_add(struct blob *t, struct bytes b);
void blob_add_string(struct blob *t, const char *s);
__attribute__((format(printf, 2, 3))) void blob_format(struct blob *t, const char *format, ...);
void blob_drop_front(struct blob *t, size_t size);

/* Never NULL. */
const char *blob_string(const struct blob *t);
struct bytes blob_bytes(const struct blob *t);

/* Appends b with everything unprintable written as an escape; long runs are cut in the middle. */
void blob_add_escaped(struct blob *t, struct bytes b);

/* Appends what the escapes in b mean. -EINVAL for an escape that is none. */
__attribute__((warn_unused_result)) int blob_add_unescaped(struct blob *t, struct bytes b);

#endif
