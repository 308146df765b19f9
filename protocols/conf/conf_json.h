/* SPDX-License-Identifier: Apache-2.0 */
/* conf_json.h -- a configuration value as JSON, spelled as Go's encoding/json spells it. */
#ifndef PROTOCOLS_CONF_CONF_JSON_H
#define PROTOCOLS_CONF_CONF_JSON_H

#include "protocols/conf/conf.h"

enum { CONF_JSON_FLOAT_MAX = 64 };

struct conf_json {
    void (*put)(void *context, struct bytes b);
    void *context;
};

void conf_json_write(struct conf_json *j, const struct conf_node *node);

/* Needs the C locale, as all of this library. */
void conf_json_float(double number, char text[CONF_JSON_FLOAT_MAX]);

#endif
