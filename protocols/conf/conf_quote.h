/* SPDX-License-Identifier: Apache-2.0 */
/* conf_quote.h -- text in quotes for messages, as Go's %q writes it. */
#ifndef PROTOCOLS_CONF_CONF_QUOTE_H
#define PROTOCOLS_CONF_CONF_QUOTE_H

#include "protocols/conf/conf.h"

void conf_quote(struct conf_error *into, struct bytes text);

#endif
