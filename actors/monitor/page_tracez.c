/* SPDX-License-Identifier: Apache-2.0 */
/* page_tracez.c -- /tracez?ms=N: what every worker runs in the next N milliseconds.
 *
 * Tracing is switched on, the page sleeps, and then the probe of each worker in turn tells the events
 * of its ring, which are written EVENTS_STEP at a time.
 *
 * Two at once: tracing ends when the later one says.
 *
 * Bounds      the newest TRACE_EVENTS turns of each worker; the events of one worker at a time.
 */
#include <errno.h>

#include "actors/monitor/page.h"
#include "protocols/monitor/tracez.h"
#include "runtime/base/check.h"
#include "runtime/trace.h"

#define MS_DEFAULT 1000
#define MS_MAX 60000
#define NS_PER_MS UINT64_C(1000000)
#define EVENTS_STEP 64u

struct tracez_state {
    struct page page;
    int64_t ms;
    uint64_t since_ns;
    bool slept;
    bool begun;
    uint16_t worker;            /* the next to be asked */
    struct trace_event *events; /* given: of the worker before that */
    uint32_t count;
    uint32_t written;
};

static struct tracez_state *state_of(struct page *p)
{
    return (struct tracez_state *)(void *)p;
}

static int tracez_begin_page(struct page *p)
{
    struct tracez_state *s = state_of(p);
    s->ms = 0;
    int status = monitor_args_int(&p->args, "ms", &s->ms, &p->refusal);
    if (status != 0)
        return status;
    if (s->ms == 0)
        s->ms = MS_DEFAULT;
    if (s->ms < 0 || s->ms > MS_MAX)
        return monitor_refuse(&p->refusal, "ms must be from 1 to 60000", BYTES(""));
    return 0;
}

static void write_events(struct tracez_state *s)
{
    uint32_t end = s->written + EVENTS_STEP < s->count ? s->written + EVENTS_STEP : s->count;
    for (; s->written < end; s->written++) {
        const struct trace_event *e = &s->events[s->written];
        DCHECK(e->start_ns >= s->since_ns);
        const struct tracez_event event = {
            .actor_class = bytes_of(e->class_name),
            .kind = bytes_of(e->kind_name),
            .actor_id = e->slot,
            .worker = s->worker - 1,
            .start_ns = e->start_ns - s->since_ns,
            .duration_ns = e->duration_ns,
        };
        tracez_event_write(&s->page.json, &event);
    }
}

static void ask_probe(struct tracez_state *s)
{
    CHECK(s->written == s->count && s->worker < s->page.settings->worker_count);
    mem_free(s->events);
    s->events = NULL;
    s->count = s->written = 0;
    struct monitor_trace *m = MSG_NEW(monitor_probe_types, MONITOR_PROBE_TRACE, monitor_trace);
    m->answer = &monitor_conn_types[MONITOR_CONN_TRACED];
    m->since_ns = s->since_ns;
    page_ask(&s->page, s->page.settings->probes[s->worker++], &m->msg, 0);
}

static enum page_step tracez_step(struct page *p)
{
    struct tracez_state *s = state_of(p);
    if (!s->slept) {
        s->slept = true;
        s->since_ns = now_ns();
        trace_start(worker_system(), s->since_ns + (uint64_t)s->ms * NS_PER_MS);
        page_sleep(p, (uint64_t)s->ms);
        return PAGE_WAITS;
    }
    if (!s->begun) {
        s->begun = true;
        tracez_begin(&p->json, p->settings->varz.identity.server_name, p->settings->worker_count);
    }
    while (s->written < s->count) {
        write_events(s);
        if (page_is_full(p))
            return PAGE_GOES_ON;
    }
    if (s->worker < p->settings->worker_count) {
        ask_probe(s);
        return PAGE_WAITS;
    }
    tracez_end(&p->json);
    return PAGE_ENDS;
}

static void tracez_answer(struct page *p, struct msg *m)
{
    struct tracez_state *s = state_of(p);
    struct monitor_traced *traced = (struct monitor_traced *)(void *)m;
    CHECK(m->type->kind == MONITOR_CONN_TRACED && s->events == NULL);
    CHECK(traced->count <= TRACE_EVENTS && (traced->events != NULL || traced->count == 0));
    s->events = traced->events;
    s->count = traced->count;
    traced->events = NULL;
}

static void tracez_done(struct page *p)
{
    mem_free(state_of(p)->events);
}

const struct page_class page_tracez = {
    .size = sizeof(struct tracez_state),
    .begin = tracez_begin_page,
    .step = tracez_step,
    .answer = tracez_answer,
    .done = tracez_done,
};
