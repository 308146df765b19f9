/* SPDX-License-Identifier: Apache-2.0 */
/* version.h -- the version of nats-server that this server behaves as: what clients and tools are told. */
#ifndef SERVER_VERSION_H
#define SERVER_VERSION_H

#define SERVER_NATS_VERSION "2.14.5"

#endif
