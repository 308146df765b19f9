/* SPDX-License-Identifier: Apache-2.0 */
/* publish_headers.h -- what the headers of a message ask of the stream that gets it.
 *
 * Idea        One pass over the lines, and each that is asked for is kept where it lies. The first
 *             of several counts; names are compared by their bytes; blanks before a value are
 *             passed, those behind it belong to it: as nats-server reads them.
 * Bounds      one pass, no memory.
 */
#ifndef STORE_GROUP_PUBLISH_HEADERS_H
#define STORE_GROUP_PUBLISH_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;

enum publish_header {
    HEADER_MSG_ID,
    HEADER_EXPECTED_STREAM,
    HEADER_EXPECTED_LAST_SEQ,
    HEADER_EXPECTED_LAST_SUBJECT_SEQ,
    HEADER_EXPECTED_LAST_SUBJECT_SEQ_SUBJECT,
    HEADER_EXPECTED_LAST_MSG_ID,
    HEADER_ROLLUP,
    HEADER_TTL,
    HEADER_MARKER_REASON,
    HEADER_KV_OPERATION,
    HEADER_STREAM_SOURCE,
    HEADER_INCR,
    HEADER_SCHEDULE,
    HEADER_SCHEDULE_NEXT,
    HEADER_SCHEDULER,
    PUBLISH_HEADERS,
};

/* Values, borrowed from the headers; size 0: not there, or empty, which says the same. */
struct publish_headers {
    struct bytes values[PUBLISH_HEADERS];
};

void publish_headers_read(struct bytes headers, struct publish_headers *ret);

/* A sequence in decimals; UINT64_MAX, which none has: it is no number. */
uint64_t publish_header_seq(struct bytes value);

enum publish_rollup { ROLLUP_NONE, ROLLUP_SUBJECT, ROLLUP_ALL, ROLLUP_BAD };
enum publish_rollup publish_header_rollup(struct bytes value);

/* Seconds; 0: none is given; TTL_SECONDS_NEVER. -EINVAL: neither a number nor a duration of a
 * second or more. */
#define TTL_SECONDS_NEVER (-1)
int publish_header_ttl(struct bytes value, int64_t *ret_seconds)
    __attribute__((warn_unused_result));

/* Whether the message says that its subject was deleted. */
bool publish_headers_are_marker(const struct publish_headers *h);

/* Headers that say so: "NATS/1.0", the reason MaxAge, the time to live, roll-up. */
void publish_marker_headers(struct buffer *b, int64_t ttl_ns);
/* The headers with this time to live instead of the one they have, as their last line. */
void publish_headers_with_ttl(struct buffer *b, struct bytes headers, int64_t seconds);

#endif
