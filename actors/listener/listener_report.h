/* SPDX-License-Identifier: Apache-2.0 */
/* listener_report.h -- what a listener tells monitoring, and the connections that ended last. */
#ifndef ACTORS_LISTENER_LISTENER_REPORT_H
#define ACTORS_LISTENER_LISTENER_REPORT_H

#include "actors/listener/listener_msg.h"

struct buf;

/* The last records of connections that ended, in the order of their ends; the first listener's.
 *
 * Invariants  record number n, counted from 0, lies at n % capacity while count - capacity <= n < count
 * Bounds      `most` records; memory grows with those that came. */
struct closed_ring {
    struct buf **records; /* given */
    uint32_t capacity;
    uint32_t most;
    uint64_t count; /* ever added */
};

void closed_ring_init(struct closed_ring *ring, uint32_t most);
void closed_ring_done(struct closed_ring *ring);
void closed_ring_add(struct closed_ring *ring, struct buf **record);
uint64_t closed_ring_first(const struct closed_ring *ring); /* number of the oldest kept */

struct listener_figures {
    const struct actor_ref *clients; /* borrowed */
    uint32_t client_count;
    uint32_t connections;
    bool listening;
};

void listener_answer_report(struct listener_report *m, const struct listener_figures *figures);
void listener_answer_closed(struct listener_closed *m, const struct closed_ring *ring);

#endif
