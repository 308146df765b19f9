/* SPDX-License-Identifier: Apache-2.0 */
/* redact.h -- a CONNECT's argument as it may be logged: "[REDACTED]" in place of what is secret.
 *
 * Works on the text, not on the JSON in it, so that a malformed CONNECT shows no secret either. Secret
 * are the values of names that begin with auth_token or pass, and of sig, proxy_sig and nkey. As in
 * nats-server a jwt stays: it is signed, not secret.
 */
#ifndef PROTOCOLS_NATS_REDACT_H
#define PROTOCOLS_NATS_REDACT_H

#include "runtime/base/bytes.h"

struct output;

void redact_connect(struct output *o, struct bytes argument);

#endif
