/* SPDX-License-Identifier: Apache-2.0 */
/* connect_text.h -- JSON that Go takes, made into JSON that jansson takes. */
#ifndef PROTOCOLS_NATS_CONNECT_TEXT_H
#define PROTOCOLS_NATS_CONNECT_TEXT_H

#include "runtime/base/bytes.h"

struct output;

/* Appends the text to o: 0, or -EINVAL for what Go refuses too and is found here, or -E2BIG for more
 * than depth_max open brackets. What else is wrong with it is left to the parser. */
__attribute__((warn_unused_result)) int connect_text_prepare(struct output *o, struct bytes text,
                                                             int depth_max);

#endif
