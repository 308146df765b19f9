/* SPDX-License-Identifier: Apache-2.0 */
/* conf_error.h -- writing a struct conf_error. What does not fit is cut off. */
#ifndef PROTOCOLS_CONF_CONF_ERROR_H
#define PROTOCOLS_CONF_CONF_ERROR_H

#include "protocols/conf/conf.h"

void conf_error_clear(struct conf_error *e);
void conf_error_add(struct conf_error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void conf_error_add_bytes(struct conf_error *e, struct bytes b);

/* Puts `head` before what is there. */
void conf_error_prepend(struct conf_error *e, struct bytes head);

#endif
