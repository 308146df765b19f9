/* SPDX-License-Identifier: Apache-2.0 */
/* conf_utf8.h -- characters of a text that claims to be UTF-8. A byte that is none reads as U+FFFD. */
#ifndef PROTOCOLS_CONF_CONF_UTF8_H
#define PROTOCOLS_CONF_CONF_UTF8_H

#include "runtime/base/bytes.h"

enum { CONF_UTF8_MAX = 4, CONF_UTF8_BAD = 0xfffd };

/* The first character of b, which is not empty, and its width in bytes (1 for a bad byte). */
uint32_t conf_utf8_decode(struct bytes b, size_t *ret_width);

/* Returns how many bytes it wrote. */
size_t conf_utf8_encode(uint32_t c, char at[CONF_UTF8_MAX]);

#endif
