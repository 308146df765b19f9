/* SPDX-License-Identifier: Apache-2.0 */
/* http_response.h -- heads of answers, with the headers net/http sends, in its order. */
#ifndef PROTOCOLS_HTTP_HTTP_RESPONSE_H
#define PROTOCOLS_HTTP_HTTP_RESPONSE_H

#include "protocols/http/http_request.h"

struct output;

enum http_content {
    HTTP_CONTENT_NONE,
    HTTP_CONTENT_JSON,    /* open to scripts of any origin */
    HTTP_CONTENT_TEXT,    /* what a handler says about wrong arguments */
    HTTP_CONTENT_NO_PAGE, /* text that a browser may not take for anything else */
    HTTP_CONTENT_HTML,
    HTTP_CONTENT_REDIRECT, /* HTML, or nothing, with a Location */
};

#define HTTP_SIZE_UNKNOWN UINT64_MAX

struct http_response {
    int status; /* 200, 307, 400, 404, 417, 500 or 503 */
    enum http_content content;
    struct bytes location; /* for a redirect; escaped */
    int64_t now_s;         /* since 1970 */
    uint64_t size;         /* of the body, or HTTP_SIZE_UNKNOWN: chunked, to HTTP/1.1 alone */
};

/* The head of the answer to r, up to and with its empty line. */
void http_response_write(struct output *o, const struct http_request *r,
                         const struct http_response *response);
/* The whole answer to what is no request. The connection is closed after it. */
void http_refusal_write(struct output *o, const struct http_refusal *refusal);

/* One chunk of a body of unknown size; an empty one is skipped, since it would be the end. */
void http_chunk_write(struct output *o, struct bytes part);
void http_chunk_end_write(struct output *o);

/* The answer, head and body, that sends a client to a clean path with its query. */
void http_redirect_write(struct output *o, const struct http_request *r, int64_t now_s,
                         struct bytes clean_path);

#endif
