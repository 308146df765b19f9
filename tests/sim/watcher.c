/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/watcher.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/prng.h"
#include "server/server.h"

static const char *const pages[] = {
    "/varz",
    "/connz?subs=1&state=all",
    "/connz?sort=bytes_to&limit=2",
    "/subsz?subs=1",
    "/healthz",
    "/accountz",
    "/accstatz?unused=1",
    "/connz?offset=1&auth=1",
    "/actorz",
    "/",
};

static void on_connected(void *context, int status)
{
    struct watcher *w = context;
    if (status != 0) {
        if (!w->may_fail && !w->over)
            run_fail(w->run, "the monitoring port let nobody in: %d", status);
        return;
    }
    char line[128];
    size_t page = prng_below(w->run->prng, sizeof pages / sizeof *pages);
    int size = snprintf(line, sizeof line,
                        "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", pages[page]);
    sim_client_send(w->client, (struct bytes){line, (size_t)size});
}

static void on_bytes(void *context, struct bytes bytes)
{
    struct watcher *w = context;
    for (size_t i = 0; i < bytes.size && w->received + i < sizeof w->head; i++)
        w->head[w->received + i] = bytes.at[i];
    w->received += bytes.size;
}

static void on_closed(void *context, int status)
{
    struct watcher *w = context;
    (void)status;
    bool good = w->received >= sizeof w->head && memcmp(w->head, "HTTP/1.1 200 OK\r", 16) == 0;
    if (!good && !w->may_fail && !w->over)
        run_fail(w->run, "a monitoring page began with %.*s", (int)sizeof w->head, w->head);
    w->answers += good;
    if (!w->over)
        sim_client_timer(w->client, prng_below(w->run->prng, 3 * MILLISECONDS));
}

static void on_timer(void *context)
{
    struct watcher *w = context;
    if (w->over)
        return;
    w->received = 0;
    memset(w->head, 0, sizeof w->head);
    sim_client_connect(w->client, &w->address);
}

static const struct sim_client_events watcher_events = {on_connected, on_bytes, on_closed,
                                                        on_timer};

void watcher_start(struct watcher *w, const struct broker *broker, unsigned host)
{
    *w = (struct watcher){.run = broker->run};
    sim_host_address(broker->host, server_monitor_port(broker->server), &w->address);
    w->client = sim_client_new(w->run->sim, host, &watcher_events, w);
    sim_client_timer(w->client, 0);
}

void watcher_stop(struct watcher *w)
{
    w->over = true;
    sim_client_free(&w->client);
}
