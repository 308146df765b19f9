/* SPDX-License-Identifier: Apache-2.0 */
/* tracez.h -- the /tracez page: a slice of scheduling in Chrome's trace event format.
 *
 * One complete event ("ph": "X") a handled message: the server is the process, a worker a thread. Such
 * a file opens in Perfetto and in chrome://tracing. Not a page of nats-server.
 */
#ifndef PROTOCOLS_MONITOR_TRACEZ_H
#define PROTOCOLS_MONITOR_TRACEZ_H

#include "protocols/json/json_writer.h"

struct tracez_event {
    struct bytes actor_class;
    struct bytes kind; /* of the message */
    uint64_t actor_id;
    int worker;
    uint64_t start_ns; /* since the server started */
    uint64_t duration_ns;
    uint64_t waited_ns; /* in the mailbox before that */
};

/* The document up to its events, with the names of the process and of worker_count threads. */
void tracez_begin(struct json *j, struct bytes server_name, int worker_count);
void tracez_event_write(struct json *j, const struct tracez_event *event);
void tracez_end(struct json *j);

#endif
