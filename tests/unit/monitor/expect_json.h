/* SPDX-License-Identifier: Apache-2.0 */
/* expect_json.h -- a finished document against its exact text; after it the document is done. */
#ifndef TESTS_UNIT_MONITOR_EXPECT_JSON_H
#define TESTS_UNIT_MONITOR_EXPECT_JSON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/json/json_writer.h"
#include "protocols/monitor/monitor_args.h"

static inline void expect_json(struct json *j, const char *text)
{
    assert_int_equal(json_finish(j), 0);
    struct bytes written = json_text(j);
    char *copy = strndup(written.at, written.size);
    assert_string_equal(copy, text);
    free(copy);
    json_done(j);
}

/* One row of a table of refused arguments. */
struct refused {
    struct bytes query;
    const char *text;
};

static inline void expect_refusal(struct monitor_refusal *r, const char *text)
{
    assert_int_equal(r->status, 400);
    assert_true(bytes_are(output_bytes(&r->text), text));
    monitor_refusal_done(r);
}

#endif
