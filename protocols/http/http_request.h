/* SPDX-License-Identifier: Apache-2.0 */
/* http_request.h -- the head of an HTTP/1 request, as the monitoring port reads it.
 *
 * Idea        A pure function of the bytes so far: the head is all there, or more is needed, or it is
 *             refused with the line that Go's net/http answers. Nothing is copied; a request points
 *             into the bytes it was parsed from.
 * Bounds      HTTP_HEAD_MAX bytes of head; a body is never kept, and one of more than HTTP_BODY_SKIP_MAX
 *             bytes, or of unknown length, ends the connection after the answer.
 * Differs     An error in a header line is told when the head is complete, not at that line. The host of
 *             an absolute target is not looked at.
 */
#ifndef PROTOCOLS_HTTP_HTTP_REQUEST_H
#define PROTOCOLS_HTTP_HTTP_REQUEST_H

#include "runtime/base/bytes.h"

#define HTTP_HEAD_MAX ((size_t)(1 << 20) + 4096)
#define HTTP_BODY_SKIP_MAX ((uint64_t)256 << 10)

struct http_request {
    struct bytes method;
    struct bytes path;  /* as sent, its percent signs checked; may be "*" or empty */
    struct bytes query; /* as sent, without the question mark */
    size_t head_size;   /* the bytes up to the body or the next request */
    uint64_t body_size; /* the bytes to skip after the head; they fit HTTP_BODY_SKIP_MAX */
    int minor;          /* 0 for HTTP/1.0, 1 for all that come after it */
    bool keep_alive;    /* another request may follow */
    bool persist_named; /* an HTTP/1.0 client asked for keep-alive and is told so */
    bool expects_other; /* an Expect that nobody meets: answer 417 */
};

enum http_parse {
    HTTP_NEEDS_MORE,
    HTTP_REQUEST,
    HTTP_REFUSED, /* answer http_refusal_write, then close */
};

/* What net/http says to a head it cannot take, and where it says it. */
struct http_refusal {
    const char *status; /* "400 Bad Request: ..." */
    const char *body;   /* NULL: the status once more */
};

/* Parses one head at the start of input. *scanned is 0 for the first call of a request and is kept by
 * the caller for the next one with more bytes, so that a slow head is not searched again. */
__attribute__((warn_unused_result)) enum http_parse http_request_parse(
    struct bytes input, size_t *scanned, struct http_request *ret_request,
    struct http_refusal *ret_refusal);

bool http_request_is_head(const struct http_request *r);

#endif
