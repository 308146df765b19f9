/* SPDX-License-Identifier: Apache-2.0 */
/* client_log.h -- what the log says of one connection: lines that begin with who it is.
 *
 *     127.0.0.1:51234 - cid:7 - "v1.31.0:go:orders" - "$G/derek" - TEXT
 */
#ifndef ACTORS_CLIENT_CLIENT_LOG_H
#define ACTORS_CLIENT_CLIENT_LOG_H

#include "actors/client/client_state.h"
#include "actors/logger/logger_msg.h"

void client_log(const struct client *c, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* format holds one %s: the text as Go quotes it. */
void client_log_quoted(const struct client *c, enum log_level level, const char *format,
                       struct bytes text);

static inline bool client_traces(const struct client *c)
{
    return c->settings->log->trace;
}

static inline bool client_debugs(const struct client *c)
{
    return c->settings->log->debug;
}

/* Protocol traces: "<<- [PUB x 2]", "->> [PONG]". Only when client_traces. */
void client_trace_in(const struct client *c, const char *verb, struct bytes argument);
void client_trace_out(const struct client *c, const char *verb, struct bytes argument);
/* header_size: <= 0 without headers. payload without its end. */
void client_trace_payload(const struct client *c, bool out, struct bytes payload,
                          int32_t header_size);

#endif
