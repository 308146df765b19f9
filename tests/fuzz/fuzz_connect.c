/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the argument of CONNECT: decoded or refused, and redacted for the log. What was taken
 * is taken again to the same end. */
#include <stdlib.h>

#include "protocols/json/output.h"
#include "protocols/nats/connect.h"
#include "protocols/nats/redact.h"
#include "runtime/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(const struct connect_options *o)
{
    const struct bytes texts[] = {o->nkey, o->jwt,  o->sig,     o->auth_token, o->user,
                                  o->pass, o->name, o->version, o->proxy_sig};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!o->texts)
            CHECK(texts[i].size == 0);
        else
            CHECK(texts[i].at >= o->texts && texts[i].at[texts[i].size] == '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes argument = {(const char *)data, size};
    struct connect_options o;
    const char *what = NULL;
    connect_options_init(&o);
    if (connect_options_decode(&o, argument, &what) == 0) {
        check_texts(&o);
        struct connect_options first = o;
        CHECK(connect_options_decode(&o, argument, &what) == 0);
        check_texts(&o);
        CHECK(o.verbose == first.verbose && o.protocol == first.protocol);
        CHECK(o.texts_size == first.texts_size);
    } else {
        CHECK(what && !o.texts);
    }
    connect_options_done(&o);

    struct output once;
    struct output twice;
    output_init(&once, 8 * size + 64);
    output_init(&twice, 8 * size + 64);
    redact_connect(&once, argument);
    redact_connect(&twice, output_bytes(&once));
    CHECK(output_error(&once) == 0 && output_error(&twice) == 0);
    output_done(&once);
    output_done(&twice);
    return 0;
}
