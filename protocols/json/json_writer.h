/* SPDX-License-Identifier: Apache-2.0 */
/* json_writer.h -- JSON text, written value by value, as Go's encoding/json would print it.
 *
 * Idea        The open brackets are the whole state, so a document can stop after any value and go on
 *             in a later turn, and what is written so far can be drained and sent. Failure sticks and
 *             is looked at once, in json_finish.
 * Invariants  1. Inside an object a key and a value alternate; elsewhere there are no keys.
 *             2. begin and end nest, at most JSON_DEPTH_MAX deep.
 * Bounds      The bytes held at one time: size_max of json_init.
 */
#ifndef PROTOCOLS_JSON_JSON_WRITER_H
#define PROTOCOLS_JSON_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "protocols/json/output.h"

enum { JSON_DEPTH_MAX = 32 };

enum json_layout {
    JSON_COMPACT,  /* json.Marshal */
    JSON_INDENTED, /* json.MarshalIndent with two spaces */
};

struct json {
    struct output out;
    enum json_layout layout;
    int depth;
    bool value_due;          /* a key was written, its value was not */
    uint32_t in_object_bits; /* bit d: level d is an object */
    uint32_t has_items_bits; /* bit d: level d has a value already */
};

void json_init(struct json *j, enum json_layout layout, size_t size_max);
void json_done(struct json *j);

/* After the last value: 0, or the first failure (-E2BIG, -ENOMEM). */
__attribute__((warn_unused_result)) int json_finish(const struct json *j);
/* What is written and not yet drained; json_drain forgets it and the document goes on. */
struct bytes json_text(const struct json *j);
void json_drain(struct json *j);

void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, struct bytes key);

void json_string(struct json *j, struct bytes text);
void json_int(struct json *j, int64_t n);
void json_uint(struct json *j, uint64_t n);
void json_float(struct json *j, double f);
void json_bool(struct json *j, bool b);
void json_null(struct json *j);
void json_time(struct json *j, int64_t ns);
void json_duration(struct json *j, int64_t ns);
void json_uptime(struct json *j, int64_t ns);
/* A value that is JSON already, in whatever layout it has. */
void json_raw(struct json *j, struct bytes value);

/* A member: its name, which needs no escapes, and its value. */
void json_put_object(struct json *j, const char *name);
void json_put_array(struct json *j, const char *name);
void json_put_string(struct json *j, const char *name, struct bytes text);
void json_put_int(struct json *j, const char *name, int64_t n);
void json_put_uint(struct json *j, const char *name, uint64_t n);
void json_put_float(struct json *j, const char *name, double f);
void json_put_bool(struct json *j, const char *name, bool b);
void json_put_time(struct json *j, const char *name, int64_t ns);
void json_put_duration(struct json *j, const char *name, int64_t ns);
void json_put_uptime(struct json *j, const char *name, int64_t ns);
void json_put_strings(struct json *j, const char *name, const struct bytes *items, size_t count);

/* The same with Go's omitempty: nothing at all for an empty value. */
void json_opt_string(struct json *j, const char *name, struct bytes text);
void json_opt_int(struct json *j, const char *name, int64_t n);
void json_opt_uint(struct json *j, const char *name, uint64_t n);
void json_opt_float(struct json *j, const char *name, double f);
void json_opt_bool(struct json *j, const char *name, bool b);
void json_opt_strings(struct json *j, const char *name, const struct bytes *items, size_t count);

#endif
