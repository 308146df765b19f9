/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a request: a prefix never says otherwise than the whole, and what is taken apart can
 * be routed, decoded, looked up and answered. */
#include <stdlib.h>

#include "protocols/http/http_request.h"
#include "protocols/http/http_response.h"
#include "protocols/http/http_target.h"
#include "protocols/json/output.h"
#include "runtime/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct http_request *r, const char *input, size_t size)
{
    CHECK(r->head_size > 0 && r->head_size <= size);
    CHECK(r->path.size == 0 || (r->path.at >= input && r->path.at + r->path.size <= input + size));
    char *clean = malloc(r->path.size + 1);
    size_t clean_size = http_path_clean(r->path, clean);
    CHECK(clean_size > 0 && clean_size <= r->path.size + 1 && clean[0] == '/');
    struct output o;
    output_init(&o, 64 * HTTP_HEAD_MAX);
    http_redirect_write(&o, r, 0, (struct bytes){clean, clean_size});
    CHECK(output_error(&o) == 0);
    output_done(&o);
    free(clean);
    struct bytes rest = r->query;
    struct http_pair pair;
    while (http_query_next(&rest, &pair)) {
        char *text = malloc(pair.value.size + 1);
        CHECK(http_query_decode(pair.value, text) <= pair.value.size);
        free(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *input = (const char *)data;
    struct http_request r = {.minor = 0};
    struct http_refusal refusal = {.status = ""};
    size_t scanned = 0;
    enum http_parse whole = http_request_parse((struct bytes){input, size}, &scanned, &r, &refusal);
    if (whole == HTTP_REQUEST)
        use(&r, input, size);
    scanned = 0;
    enum http_parse verdict = HTTP_NEEDS_MORE;
    size_t step = size > 256 ? size / 64 : 1;
    for (size_t at = 0; at < size && verdict == HTTP_NEEDS_MORE; at += step)
        verdict = http_request_parse((struct bytes){input, at}, &scanned, &r, &refusal);
    if (verdict == HTTP_NEEDS_MORE)
        verdict = http_request_parse((struct bytes){input, size}, &scanned, &r, &refusal);
    CHECK(verdict == whole);
    return 0;
}
