/* SPDX-License-Identifier: Apache-2.0 */
/* info_check.h -- an INFO that a client sends: nobody reads it, and what is wrong with it ends the
 * connection, as with nats-server.
 */
#ifndef PROTOCOLS_NATS_INFO_CHECK_H
#define PROTOCOLS_NATS_INFO_CHECK_H

#include "runtime/base/bytes.h"

/* 0; -EINVAL: no JSON object, or a member of a wrong type; -E2BIG: over 1 MiB or 512 brackets. */
int info_check(struct bytes argument) __attribute__((warn_unused_result));

#endif
