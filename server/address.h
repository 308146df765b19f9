/* SPDX-License-Identifier: Apache-2.0 */
/* address.h -- "HOST:PORT" as operators write it. */
#ifndef SERVER_ADDRESS_H
#define SERVER_ADDRESS_H

#include "runtime/base/bytes.h"

/* The last colon parts them, and IPv6 stands in brackets, which the host loses. */
bool address_split(struct bytes text, struct bytes *ret_host, struct bytes *ret_port);

/* A number with an optional sign; one past an int is the largest int. */
bool address_port(struct bytes text, int *ret_port);

/* "HOST" or "HOST:PORT", where no port, 0 and -1 stand for the default: how client_advertise reads. */
bool address_parse(struct bytes text, int default_port, struct bytes *ret_host, int *ret_port);

#endif
