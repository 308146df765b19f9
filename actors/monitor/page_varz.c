/* SPDX-License-Identifier: Apache-2.0 */
/* page_varz.c -- /varz: the settings' snapshot with today's figures in it. */
#include "actors/monitor/page.h"
#include "runtime/base/check.h"

struct varz_page {
    struct page page;
    bool asked;
    int64_t connections;
    struct monitor_figures_told figures; /* its header means nothing */
};

static void ask(struct page *p)
{
    struct monitor_figures *figures = MSG_NEW(monitor_types, MONITOR_FIGURES, monitor_figures);
    figures->answer = &monitor_conn_types[MONITOR_CONN_FIGURES];
    page_ask(p, p->monitor, &figures->msg, 0);
    struct listener_report *report = MSG_NEW(listener_types, LISTENER_REPORT, listener_report);
    report->answer = &monitor_conn_types[MONITOR_CONN_LISTENER];
    page_ask(p, p->settings->listeners[0], &report->msg, 0);
}

static void varz_answer(struct page *p, struct msg *m)
{
    struct varz_page *v = (struct varz_page *)(void *)p;
    if (m->type->kind == MONITOR_CONN_FIGURES) {
        v->figures = *(const struct monitor_figures_told *)(const void *)m;
        return;
    }
    CHECK(m->type->kind == MONITOR_CONN_LISTENER);
    v->connections = ((const struct listener_reported *)(const void *)m)->connections;
}

/* Pages that were asked for, by path. */
static size_t list_requests(const struct varz_page *v, struct varz_count counts[MONITOR_PAGE_COUNT])
{
    size_t count = 0;
    for (int page = 0; page < MONITOR_PAGE_COUNT; page++) {
        if (v->figures.requests[page] == 0)
            continue;
        struct varz_count row = {bytes_of(monitor_page_path((enum monitor_page)page)),
                                 v->figures.requests[page]};
        size_t at = count++;
        for (; at > 0 && strcmp(counts[at - 1].key.at, row.key.at) > 0; at--)
            counts[at] = counts[at - 1];
        counts[at] = row;
    }
    return count;
}

static enum page_step varz_step(struct page *p)
{
    struct varz_page *v = (struct varz_page *)(void *)p;
    if (!v->asked) {
        v->asked = true;
        ask(p);
        return PAGE_WAITS;
    }
    struct varz_count counts[MONITOR_PAGE_COUNT];
    struct varz varz = p->settings->varz;
    CHECK(v->connections >= 0 && v->figures.process.cores > 0);
    p->settings->traffic(p->settings->traffic_context, &varz);
    varz.traffic.connections = v->connections;
    varz.process.now_ns = p->now_ns;
    varz.process.mem_bytes = v->figures.process.resident_bytes;
    varz.process.cores = v->figures.process.cores;
    varz.process.cpu_percent = v->figures.cpu_percent;
    varz.http_requests = counts;
    varz.http_request_count = list_requests(v, counts);
    varz_write(&p->json, &varz);
    return PAGE_ENDS;
}

const struct page_class page_varz = {
    .size = sizeof(struct varz_page),
    .step = varz_step,
    .answer = varz_answer,
};
