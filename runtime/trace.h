/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h -- a slice of real scheduling: which turn ran when, on which worker, for how long.
 *
 * Off, it costs one relaxed load a turn. On (trace_start), every worker writes one event a turn into
 * a ring of its own; the oldest are overwritten. The ring is read through a message to an actor of
 * that worker (the monitor's helper), so nothing is shared.
 */
#ifndef RUNTIME_TRACE_H
#define RUNTIME_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_EVENTS 8192

struct trace_event {
    uint64_t start_ns;
    uint32_t duration_ns;
    uint32_t slot;          /* of the actor */
    const char *class_name; /* static */
    const char *kind_name;  /* static; the first message's, or "io" */
    uint32_t messages;
};

struct trace_ring {
    uint64_t written;
    struct trace_event events[TRACE_EVENTS];
};

struct system;

/* Turns tracing on for all workers of the system until the clock passes until_ns. */
void trace_start(struct system *system, uint64_t until_ns);

/* The current worker's events from since_ns on, oldest first; calls each. */
typedef void trace_visit_fn(void *context, const struct trace_event *event);
void trace_visit(uint64_t since_ns, trace_visit_fn *visit, void *context);

#endif
