/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- one answer of a monitoring endpoint, cut from the bytes of its connection. */
#ifndef TESTS_WIRE_HTTP_H
#define TESTS_WIRE_HTTP_H

#include <stdbool.h>

#include "tests/wire/blob.h"

struct http_answer {
    int status;
    struct blob head; /* status line and headers, as they came */
    struct blob body; /* without chunking */
};

/* True once the input holds a whole answer (at_end: nothing follows the input), which is then in
 * ret_answer; status is 0 if what came was no HTTP. */
bool http_answer_cut(struct bytes input, bool at_end, struct http_answer *ret_answer);
void http_answer_done(struct http_answer *a);

/* Value of a header, any case; false if it is absent. */
bool http_header(const struct http_answer *a, const char *name, struct blob *ret_value);

#endif
