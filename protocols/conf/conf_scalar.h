/* SPDX-License-Identifier: Apache-2.0 */
/* conf_scalar.h -- what numbers, sizes and dates say. For this folder only. */
#ifndef PROTOCOLS_CONF_CONF_SCALAR_H
#define PROTOCOLS_CONF_CONF_SCALAR_H

#include "protocols/conf/conf.h"

/* "-12", "64MB". 0 with a value; 1 when the suffix is none that means anything (nats-server then has no
 * value at all, and says nothing); -EINVAL with an error. A product past 64 bits wraps. */
int conf_scalar_integer(struct bytes text, int64_t *ret_value, struct conf_error *error);

int conf_scalar_float(struct bytes text, double *ret_value, struct conf_error *error);

/* Checks a text of the right shape: are all its fields in their ranges? */
int conf_scalar_datetime(struct bytes text, struct conf_error *error);

#endif
