/* SPDX-License-Identifier: Apache-2.0 */
/* conf_duration.h -- durations as Go writes them: "1h30m", "2.5s", "300ms". In nanoseconds. */
#ifndef PROTOCOLS_CONF_CONF_DURATION_H
#define PROTOCOLS_CONF_CONF_DURATION_H

#include "protocols/conf/conf.h"

enum { CONF_DURATION_MAX = 32 };

/* -EINVAL with a text (time: ...) in error. */
int conf_duration_parse(struct bytes text, int64_t *ret_ns, struct conf_error *error)
    __attribute__((warn_unused_result));

/* "2m0s", "1.5s", "0s". */
void conf_duration_print(int64_t ns, char text[CONF_DURATION_MAX]);

#endif
