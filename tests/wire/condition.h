/* SPDX-License-Identifier: Apache-2.0 */
/* condition.h -- what a script may demand of a JSON document: a path and a test of the value there.
 *
 *     .connections[0].name = "a"        any JSON value after = and !=
 *     .uptime ~ ^[0-9]+s$               a pattern, on strings as they are, on others as JSON
 *     .mem > 0                          also >= < <=
 *     .routes absent    .now present
 *     .connections count 2              of an array or an object
 *     . has server_id version           these keys, and maybe others
 *     .stats is object                  string integer real number boolean array object null
 *     .http_req_stats["/varz"] = 1      a key that is no word
 */
#ifndef TESTS_WIRE_CONDITION_H
#define TESTS_WIRE_CONDITION_H

#include <stdbool.h>

#include "tests/wire/blob.h"

/* True if the document (JSON text) meets the condition; else ret_why says why not. */
bool condition_holds(struct bytes document, const char *condition, struct blob *ret_why);

/* The value at the path: a string as it is, anything else as JSON. False with ret_why. */
bool condition_value(struct bytes document, const char *path, struct blob *ret_value,
                     struct blob *ret_why);

/* Whether text, anywhere in it, matches the extended regular expression. A bad pattern is a no,
 * with ret_why. ret_groups may be NULL; else it gets groups 1 to 9, those that took part. */
#define CONDITION_GROUPS 10
struct condition_groups {
    struct blob at[CONDITION_GROUPS];
};
bool condition_matches(const char *text, const char *pattern, struct condition_groups *ret_groups,
                       struct blob *ret_why);

#endif
