/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.c -- listens on the monitoring port, counts its requests, and ends its connections.
 *
 *   RUNNING --stop--> STOPPING --connections and probes gone--> exit
 *
 * Bounds      CONNS_MAX connections; one more is closed at once.
 */
#include "actors/monitor/monitor.h"

#include "actors/monitor/monitor_conn.h"
#include "actors/monitor/monitor_msg.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/process.h"

#define CONNS_MAX 128u
#define BACKLOG 128
#define CPU_SAMPLE_NS INT64_C(1000000000) /* the shortest time a load is taken over */

struct monitor {
    struct actor actor;
    const struct monitor_settings *settings; /* borrowed; outlives it */
    struct listener *socket;
    struct reply stopped; /* who waits for our end */
    bool stopping;
    uint32_t probes; /* stopping: not gone yet */
    uint32_t conn_count;
    struct actor_ref conns[CONNS_MAX]; /* in no order */
    uint64_t requests[MONITOR_PAGE_COUNT];
    int64_t sampled_ns; /* when the last load was taken; 0: never */
    int64_t sampled_cpu_ns;
    double cpu_percent;
};

const struct msg_type monitor_types[MONITOR_KINDS] = {
    MONITOR_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

/* --- connections -------------------------------------------------------------------------------- */

static void on_accept(struct actor *self, const struct accepted *accepted)
{
    struct monitor *m = (struct monitor *)(void *)self;
    if (m->conn_count == CONNS_MAX) {
        accepted_refuse(accepted);
        return;
    }
    CHECK(!m->stopping);
    m->conns[m->conn_count++] = monitor_conn_spawn(m->settings, self->self, accepted);
}

static void on_ended(struct monitor *m, const struct monitor_ended *ended)
{
    for (uint32_t i = 0; i < m->conn_count; i++)
        if (ref_equal(m->conns[i], ended->conn)) {
            m->conns[i] = m->conns[--m->conn_count];
            return;
        }
    UNREACHABLE("a connection ends once");
}

/* --- figures ------------------------------------------------------------------------------------ */

/* The load since the last look, when that is long enough ago to say something. */
static void sample_cpu(struct monitor *m, int64_t cpu_ns)
{
    int64_t now = wall_ns();
    int64_t since = m->sampled_ns != 0 ? m->sampled_ns : m->settings->varz.process.start_ns;
    if (now - since < CPU_SAMPLE_NS)
        return;
    m->cpu_percent = (double)(cpu_ns - m->sampled_cpu_ns) * 100 / (double)(now - since);
    m->sampled_ns = now;
    m->sampled_cpu_ns = cpu_ns;
}

static double one_decimal(double percent)
{
    return (double)(int64_t)(percent * 10 + 0.5) / 10;
}

static void on_figures(struct monitor *m, struct monitor_figures *request)
{
    struct monitor_figures_told *answer =
        (struct monitor_figures_told *)(void *)msg_alloc(request->answer);
    process_figures(&answer->process);
    sample_cpu(m, answer->process.cpu_ns);
    answer->cpu_percent = one_decimal(m->cpu_percent);
    for (int page = 0; page < MONITOR_PAGE_COUNT; page++)
        answer->requests[page] = m->requests[page];
    struct reply reply = reply_take(&request->msg);
    reply_send(&reply, &answer->msg);
}

static void on_seen(struct monitor *m, const struct monitor_seen *seen)
{
    CHECK(seen->page >= 0 && seen->page < MONITOR_PAGE_COUNT);
    m->requests[seen->page == MONITOR_SUBSCRIPTIONSZ ? MONITOR_SUBSZ : seen->page]++;
}

/* --- life --------------------------------------------------------------------------------------- */

static void on_stop(struct monitor *m, struct msg *request)
{
    CHECK(!m->stopping && m->stopped.to.id == 0);
    m->stopping = true;
    m->stopped = reply_take(request);
    listener_close(&m->socket);
    for (uint32_t i = 0; i < m->conn_count; i++)
        monitor_conn_end(m->conns[i]);
    m->probes = m->settings->worker_count;
    for (uint16_t i = 0; i < m->settings->worker_count; i++)
        actor_stop(m->settings->probes[i], 0);
}

static void on_gone(struct monitor *m)
{
    CHECK(m->stopping && m->probes > 0);
    m->probes--;
}

static void monitor_receive(struct actor *self, struct msg *message)
{
    struct monitor *m = (struct monitor *)(void *)self;
    switch ((enum monitor_message)message->type->kind) {
    case MONITOR_GONE: on_gone(m); break;
    case MONITOR_STOP: on_stop(m, message); break;
    case MONITOR_TIMER: UNREACHABLE("a monitor has no timer");
    case MONITOR_IO: UNREACHABLE("a monitor asks the world for nothing but its socket");
    case MONITOR_SEEN: on_seen(m, (struct monitor_seen *)(void *)message); break;
    case MONITOR_ENDED: on_ended(m, (struct monitor_ended *)(void *)message); break;
    case MONITOR_FIGURES: on_figures(m, (struct monitor_figures *)(void *)message); break;
    case MONITOR_KINDS: UNREACHABLE("no message has this kind");
    }
    if (m->stopping && m->conn_count == 0 && m->probes == 0)
        actor_exit(self);
}

static void monitor_check(const struct actor *self)
{
    const struct monitor *m = (const struct monitor *)(const void *)self;
    CHECK(m->conn_count <= CONNS_MAX);
    CHECK((m->socket == NULL) == m->stopping);
}

static void monitor_done(struct actor *self)
{
    reply_gone(&((struct monitor *)(void *)self)->stopped);
}

static const struct actor_class monitor_class = {
    .name = "monitor",
    .types = monitor_types,
    .type_count = MONITOR_KINDS,
    .pinned = true,
    .receive = monitor_receive,
    .check = monitor_check,
    .done = monitor_done,
};

int monitor_spawn(const struct monitor_settings *settings, const struct net_address *address,
                  struct actor_ref *ret_monitor, struct net_address *ret_address)
{
    struct monitor *m = (struct monitor *)(void *)actor_spawn(&monitor_class, sizeof *m);
    m->settings = settings;
    *ret_monitor = m->actor.self;
    const struct listen_options listen = {*address, BACKLOG};
    int status = net_listen(&m->actor, &listen, on_accept, &m->socket);
    if (status == 0)
        listener_address(m->socket, ret_address);
    return status;
}
