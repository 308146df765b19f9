/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_probe.c -- one a worker, for what a worker keeps to itself: its ring of turns.
 *
 * Bounds      the ring is copied whole, 320 KiB in some 50 microseconds.
 */
#include "actors/monitor/monitor_probe_msg.h"

#include "actors/monitor/monitor.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/trace.h"

struct monitor_probe {
    struct actor actor;
    struct reply stopped; /* who waits for our end */
};

const struct msg_type monitor_probe_types[MONITOR_PROBE_KINDS] = {
    MONITOR_PROBE_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

void monitor_traced_drop(struct msg *m)
{
    mem_free(((struct monitor_traced *)(void *)m)->events);
}

static void on_event(void *context, const struct trace_event *event)
{
    struct monitor_traced *answer = context;
    CHECK(answer->count < TRACE_EVENTS);
    if (answer->events == NULL)
        answer->events = mem_alloc(TRACE_EVENTS * sizeof *answer->events);
    answer->events[answer->count++] = *event;
}

static void on_trace(struct monitor_trace *m)
{
    struct monitor_traced *answer = (struct monitor_traced *)(void *)msg_alloc(m->answer);
    trace_visit(m->since_ns, on_event, answer);
    struct reply reply = reply_take(&m->msg);
    reply_send(&reply, &answer->msg);
}

static void probe_receive(struct actor *self, struct msg *m)
{
    struct monitor_probe *p = (struct monitor_probe *)(void *)self;
    switch ((enum monitor_probe_message)m->type->kind) {
    case MONITOR_PROBE_GONE: UNREACHABLE("a probe asks nobody");
    case MONITOR_PROBE_STOP:
        p->stopped = reply_take(m);
        actor_exit(self);
        break;
    case MONITOR_PROBE_TIMER: UNREACHABLE("a probe has no timer");
    case MONITOR_PROBE_IO: UNREACHABLE("a probe asks the world for nothing");
    case MONITOR_PROBE_TRACE: on_trace((struct monitor_trace *)(void *)m); break;
    case MONITOR_PROBE_KINDS: UNREACHABLE("no message has this kind");
    }
}

static void probe_done(struct actor *self)
{
    reply_gone(&((struct monitor_probe *)(void *)self)->stopped);
}

static const struct actor_class probe_class = {
    .name = "monitor_probe",
    .types = monitor_probe_types,
    .type_count = MONITOR_PROBE_KINDS,
    .pinned = true,
    .receive = probe_receive,
    .done = probe_done,
};

struct actor_ref monitor_probe_spawn(void)
{
    return actor_spawn(&probe_class, sizeof(struct monitor_probe))->self;
}
