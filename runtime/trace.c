/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/trace.h"

#include <stdlib.h>

#include "runtime/worker.h"

void trace_start(struct system *system, uint64_t until_ns)
{
    atomic_store_explicit(&system->trace_until_ns, until_ns, memory_order_relaxed);
}

void worker_trace(struct worker *w, const struct actor *a, uint64_t began, uint32_t kind,
                  uint32_t messages)
{
    if (w->clock_ns > atomic_load_explicit(&w->system->trace_until_ns, memory_order_relaxed)) {
        atomic_store_explicit(&w->system->trace_until_ns, 0, memory_order_relaxed);
        return;
    }
    if (w->trace == NULL) {
        w->trace = calloc(1, sizeof *w->trace);
        if (w->trace == NULL)
            return;
    }
    struct world *world = w->system->world;
    double ns_per_tick = world->ops->ns_per_tick(world);
    uint64_t now = world->ops->clock_ns(world);
    uint64_t lasted = (uint64_t)((double)(w->tick_at - began) * ns_per_tick);
    struct trace_event *event = &w->trace->events[w->trace->written++ % TRACE_EVENTS];
    event->start_ns = now - lasted;
    event->duration_ns = (uint32_t)lasted;
    event->slot = (uint32_t)a->self.id;
    event->class_name = a->class->name;
    event->kind_name = kind < a->class->type_count ? a->class->types[kind].name : "io";
    event->messages = messages;
}

void trace_visit(uint64_t since_ns, trace_visit_fn *visit, void *context)
{
    const struct trace_ring *ring = current_worker->trace;
    if (ring == NULL)
        return;
    uint64_t first = ring->written > TRACE_EVENTS ? ring->written - TRACE_EVENTS : 0;
    for (uint64_t i = first; i < ring->written; i++)
        if (ring->events[i % TRACE_EVENTS].start_ns >= since_ns)
            visit(context, &ring->events[i % TRACE_EVENTS]);
}
