/* SPDX-License-Identifier: Apache-2.0 */
/* http_target.h -- the path and the query of a request: comparing, decoding, looking up.
 *
 * Rules are those of Go's net/url: a pair of the query with a semicolon or a wrong escape does not
 * count, the first pair of a name wins, "+" is a blank.
 */
#ifndef PROTOCOLS_HTTP_HTTP_TARGET_H
#define PROTOCOLS_HTTP_HTTP_TARGET_H

#include "runtime/base/bytes.h"

/* Whether path, percent-decoded, is base followed by name; base is "" or "/x" without slash at end. */
bool http_path_is(struct bytes path, struct bytes base, const char *name);

/* The path without "//", "/./" and "/../", to which net/http redirects when it differs.
 * out has room for path.size + 1 bytes; returns the bytes used. */
size_t http_path_clean(struct bytes path, char *out);

/* One name=value of a query, both as sent. */
struct http_pair {
    struct bytes name;
    struct bytes value;
};

/* Takes the next pair that counts off *query; false at its end. */
bool http_query_next(struct bytes *query, struct http_pair *ret_pair);
/* The value of the first pair of that name, as sent, or empty. */
struct bytes http_query_find(struct bytes query, const char *name);

/* Decodes a name or value whose escapes are right. out has room for raw.size bytes. */
size_t http_query_decode(struct bytes raw, char *out);

#endif
