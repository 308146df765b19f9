/* SPDX-License-Identifier: Apache-2.0 */
/* load_memory.c -- what a server's memory is per connection, per subscription, and when it fills.
 *
 * Idea   Resident memory before and after, each read once things are still. `pending` makes bytes
 *        wait inside the server for certain: a publisher fills a fan-out whose subscribers do not
 *        read, and what waits is all that was to be delivered less what the kernel holds of it
 *        (FIONREAD on our side, the send queues of the server's side in /proc/net/tcp).
 * Checks `pending` reads all of it in the end; each subscriber's stream is checked as in a flood.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "runtime/base/check.h"
#include "tests/bench/load.h"
#include "tests/bench/payload.h"

enum {
    SETTLE_NS = 500000000,
    BATCH = 100,           /* connections being opened at once */
    SUBSCRIBERS = 10,      /* connections that share the subscriptions */
    FILL_EACH = 256 << 10, /* bytes for each subscriber that does not read */
    ROUNDS = 3,            /* of filling and reading: what the first leaves behind counts, too */
};

static struct conn *open_idle(struct load *l)
{
    struct conn *c = load_connect(l, take_none, NULL, false);
    if (c == NULL)
        return NULL;
    c->index = l->conn_count - 1;
    conn_greet(l, c, (struct role){0});
    conn_ping(l, c);
    return c;
}

/* The first connection pays for what a server sets up once; it is open before the first look. */
static void look_before(struct load *l)
{
    (void)open_idle(l);
    load_sync(l);
    load_settle(l, SETTLE_NS);
    l->report.rss_before = process_rss(l->o.server);
    load_mark(l);
}

static void look_after(struct load *l, uint64_t units)
{
    load_measured(l, units);
    load_settle(l, SETTLE_NS);
    l->report.rss_after = process_rss(l->o.server);
    l->report.rss_peak = process_rss_peak(l->o.server);
}

void load_run_idle(struct load *l)
{
    look_before(l);
    for (int i = 0; i < l->o.connections && !load_failed(l); i++) {
        (void)open_idle(l);
        if (i % BATCH == BATCH - 1)
            load_sync(l);
    }
    load_sync(l);
    look_after(l, (uint64_t)l->o.connections);
}

void load_run_subscriptions(struct load *l)
{
    look_before(l);
    struct conn *conns[SUBSCRIBERS];
    for (int i = 0; i < SUBSCRIBERS; i++)
        conns[i] = open_idle(l);
    load_sync(l);
    for (int i = 0; i < l->o.subscriptions && !load_failed(l); i++) {
        struct conn *c = conns[i % SUBSCRIBERS];
        conn_print(c, "SUB s.%d %d\r\n", i, i / SUBSCRIBERS + 1);
        if (i % 10000 < SUBSCRIBERS)
            conn_flush(l, c);
    }
    for (int i = 0; i < SUBSCRIBERS && !load_failed(l); i++)
        conn_ping(l, conns[i]);
    load_sync(l);
    look_after(l, (uint64_t)l->o.subscriptions);
}

struct pending {
    char header[64]; /* of what a subscriber hears */
    size_t header_size;
    size_t frame_size;
    uint32_t *next; /* by subscriber */
    uint64_t received;
};

static size_t take_pending(struct load *l, struct conn *c, const char *at, size_t size)
{
    struct pending *p = c->workload;
    uint32_t source = 0, number = 0;
    if (size < 4 || memcmp(at, "MSG ", 4) != 0)
        return take_control(l, c, at, size);
    if (size < p->frame_size)
        return 0;
    if (memcmp(at, p->header, p->header_size) != 0 ||
        !payload_whole(l->pattern, at + p->header_size, l->o.size, &source, &number) ||
        number != p->next[c->index]++) {
        load_fail(l, "subscriber %d: damaged, lost or out of order: message %u", c->index, number);
        return 0;
    }
    p->received++;
    return p->frame_size;
}

/* Bytes in the send queues of the server's ends of our connections. */
static uint64_t kernel_send_queues(int port)
{
    FILE *in = fopen("/proc/net/tcp", "r");
    char line[512];
    uint64_t sum = 0;
    while (in != NULL && fgets(line, sizeof line, in) != NULL) {
        unsigned local_port = 0, state = 0;
        unsigned long queue = 0;
        if (sscanf(line, " %*u: %*x:%x %*x:%*x %x %lx:%*x", &local_port, &state, &queue) == 3 &&
            (int)local_port == port && state == 1)
            sum += queue;
    }
    if (in != NULL)
        fclose(in);
    return sum;
}

static uint64_t kernel_receive_queues(const struct load *l)
{
    uint64_t sum = 0;
    for (int i = 0; i < l->conn_count; i++) {
        int size = 0;
        if (ioctl(l->conns[i]->fd, FIONREAD, &size) == 0)
            sum += (uint64_t)size;
    }
    return sum;
}

static void publish_numbered(struct load *l, struct conn *c, uint32_t first, uint32_t count)
{
    char *payload = malloc(l->o.size);
    CHECK(payload != NULL);
    memcpy(payload, l->pattern, l->o.size);
    for (uint32_t i = 0; i < count; i++) {
        conn_print(c, "PUB bench %zu\r\n", l->o.size);
        payload_stamp(payload, l->o.size, 0, first + i);
        conn_append(c, payload, l->o.size);
        conn_append(c, "\r\n", 2);
    }
    conn_flush(l, c);
    free(payload);
}

/* Fills, looks, and reads all of it. */
static void pending_round(struct load *l, struct pending *p, struct conn *publisher, int round)
{
    uint32_t count = (uint32_t)(FILL_EACH / p->frame_size);
    CHECK(l->conn_count == l->o.subscribers + 1 && conn_idle_output(publisher));
    uint64_t all = (uint64_t)count * (uint64_t)l->o.subscribers;
    for (int i = 0; i < l->o.subscribers; i++)
        l->conns[i]->held = true;
    publish_numbered(l, publisher, (uint32_t)round * count, count);
    conn_ping(l, publisher);
    load_sync(l);
    load_settle(l, SETTLE_NS / 5);
    uint64_t outside = kernel_send_queues(l->o.port) + kernel_receive_queues(l);
    uint64_t bytes = all * p->frame_size;
    if (bytes > outside && bytes - outside > l->report.pending)
        l->report.pending = bytes - outside;
    for (int i = 0; i < l->o.subscribers && !load_failed(l); i++) {
        l->conns[i]->held = false;
        conn_read(l, l->conns[i]);
    }
    while (p->received < all * (uint64_t)(round + 1) && !load_failed(l))
        load_turn(l, 100000000);
}

static void pending_open(struct load *l, struct pending *p)
{
    for (int i = 0; i < l->o.subscribers && !load_failed(l); i++) {
        struct conn *c = load_connect(l, take_pending, p, true);
        if (c == NULL)
            return;
        c->index = i;
        conn_greet(l, c, (struct role){0});
        conn_print(c, "SUB bench 1\r\n");
        conn_ping(l, c);
        if (i % BATCH == BATCH - 1)
            load_sync(l);
    }
    load_sync(l);
}

void load_run_pending(struct load *l)
{
    struct pending p = {0};
    int n = snprintf(p.header, sizeof p.header, "MSG bench 1 %zu\r\n", l->o.size);
    p.header_size = (size_t)n;
    p.frame_size = p.header_size + l->o.size + 2;
    p.next = calloc((size_t)l->o.subscribers + 1, sizeof *p.next);
    CHECK(p.next != NULL);
    pending_open(l, &p);
    struct conn *publisher = open_idle(l);
    load_sync(l);
    load_settle(l, SETTLE_NS);
    l->report.rss_before = process_rss(l->o.server);
    load_mark(l);
    for (int round = 0; round < ROUNDS && !load_failed(l); round++)
        pending_round(l, &p, publisher, round);
    look_after(l, p.received);
    l->report.delivered = p.received;
    free(p.next);
}
