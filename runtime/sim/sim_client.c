/* SPDX-License-Identifier: Apache-2.0 */
/* sim_client.c -- drivers of virtual sockets: what stands outside the servers.
 *
 * A client's turn is one thing told to its driver: connected, bytes, the end, a timer; or one write
 * of what it has queued. Its callbacks may send, close and connect again, but not free it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/sim/sim_state.h"

#define READ_MAX 16384u

struct sim_client {
    struct sim_member runnable; /* first; of sim->clients_runnable */
    struct sim *sim;
    uint64_t number;
    unsigned host;
    const struct sim_client_events *events; /* borrowed */
    void *context;
    struct conn *end; /* NULL: not connected nor connecting */
    bool told;        /* on_connected was called for this connection */
    bool held;
    bool timer_due;
    uint64_t arming;
    char *queued; /* sent and not yet in the kernel */
    size_t queued_first;
    size_t queued_size;
    size_t queued_capacity;
};

enum client_event {
    CLIENT_CONNECTED,
    CLIENT_BYTES,
    CLIENT_ENDED,
    CLIENT_WRITE,
    CLIENT_TIMER,
    CLIENT_EVENTS
};

static unsigned events_of(const struct sim_client *c, enum client_event events[CLIENT_EVENTS])
{
    unsigned count = 0;
    if (c->timer_due)
        events[count++] = CLIENT_TIMER;
    if (c->end == NULL)
        return count;
    if (!c->told) {
        if (c->end->link->connect == CONNECT_TOLD)
            events[count++] = CLIENT_CONNECTED;
        return count;
    }
    if (!c->held && sim_link_readable(c->end) > 0)
        events[count++] = CLIENT_BYTES;
    else if (sim_link_at_end(c->end) || (c->held && c->end->error != 0))
        events[count++] = CLIENT_ENDED;
    if (c->queued_size > 0 && c->end->error == 0 && sim_link_room(c->end) > 0)
        events[count++] = CLIENT_WRITE;
    return count;
}

void sim_client_touch(struct sim_client *c)
{
    enum client_event events[CLIENT_EVENTS];
    if (events_of(c, events) > 0)
        sim_set_add(&c->sim->clients_runnable, &c->runnable);
    else
        sim_set_remove(&c->sim->clients_runnable, &c->runnable);
}

/* --- life --------------------------------------------------------------------------------------- */

struct sim_client *sim_client_new(struct sim *sim, unsigned host,
                                  const struct sim_client_events *events, void *context)
{
    CHECK(host < sim->host_count);
    struct sim_client *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->sim = sim;
    c->host = host;
    c->events = events;
    c->context = context;
    c->number = sim_table_add(&sim->clients, c);
    return c;
}

void sim_client_free(struct sim_client **at)
{
    struct sim_client *c = *at;
    *at = NULL;
    sim_client_close(c);
    sim_set_remove(&c->sim->clients_runnable, &c->runnable);
    sim_table_remove(&c->sim->clients, c->number);
    free(c->queued);
    free(c);
}

void sim_client_connect(struct sim_client *c, const struct net_address *to)
{
    CHECK(c->end == NULL);
    struct sim_link *link = sim_link_new(c->sim, c->host, to);
    c->end = &link->ends[0];
    c->end->client = c;
    c->told = false;
    c->queued_first = c->queued_size = 0;
}

void sim_client_close(struct sim_client *c)
{
    struct conn *end = c->end;
    if (end == NULL)
        return;
    c->end = NULL;
    end->client = NULL;
    if (c->queued_size > 0 && end->error == 0 && end->link->connect == CONNECT_TOLD &&
        end->link->connect_status == 0)
        (void)sim_link_write(end, c->queued + c->queued_first, c->queued_size);
    c->queued_first = c->queued_size = 0;
    sim_link_close(end, END_CLOSING);
    sim_link_closed(end);
    sim_client_touch(c);
}

void sim_client_reset(struct sim_client *c)
{
    if (c->end != NULL)
        sim_link_cut(c->end->link);
}

bool sim_client_open(const struct sim_client *c)
{
    return c->end != NULL && c->told && c->end->error == 0;
}

void sim_client_hold(struct sim_client *c, bool held)
{
    c->held = held;
    sim_client_touch(c);
}

void sim_client_timer(struct sim_client *c, uint64_t delay_ns)
{
    sim_queue_push(&c->sim->queue, (struct sim_event){.time_ns = c->sim->now_ns + delay_ns,
                                                      .due = DUE_CLIENT,
                                                      .of = c->number,
                                                      .arming = ++c->arming});
}

void sim_client_due(struct sim_client *c, uint64_t arming)
{
    if (c->arming != arming)
        return;
    c->timer_due = true;
    sim_client_touch(c);
}

/* --- sending ------------------------------------------------------------------------------------ */

void sim_client_send(struct sim_client *c, struct bytes bytes)
{
    if (c->end == NULL || bytes.size == 0)
        return;
    if (c->queued_first + c->queued_size + bytes.size > c->queued_capacity) {
        if (c->queued_size > 0)
            memmove(c->queued, c->queued + c->queued_first, c->queued_size);
        c->queued_first = 0;
        while (c->queued_size + bytes.size > c->queued_capacity)
            c->queued_capacity = c->queued_capacity == 0 ? 1024 : c->queued_capacity * 2;
        c->queued = realloc(c->queued, c->queued_capacity);
        CHECK(c->queued != NULL);
    }
    memcpy(c->queued + c->queued_first + c->queued_size, bytes.at, bytes.size);
    c->queued_size += bytes.size;
    sim_client_touch(c);
}

size_t sim_client_unread(const struct sim_client *c)
{
    if (c->end == NULL || c->end->error != 0)
        return 0;
    return c->queued_size + c->end->link->pipes[c->end->side].size;
}

static void write_some(struct sim_client *c)
{
    size_t size = c->queued_size;
    struct prng *prng = &c->sim->prng_net;
    if (size > 1 && sim_one_in(prng, c->sim->options.net.short_write_in))
        size = 1 + prng_below(prng, size);
    const char *at = c->queued + c->queued_first;
    size_t room = sim_link_room(c->end);
    if (size > room)
        size = room;
    uint64_t hash = hash_bytes(c->number, at, size);
    size_t taken = sim_link_write(c->end, at, size);
    CHECK(taken == size);
    sim_note(c->sim, RECORD_CLIENT_WRITE, c->number, (uint32_t)size, hash);
    c->queued_first += size;
    c->queued_size -= size;
    if (c->queued_size == 0)
        c->queued_first = 0;
}

/* --- turns -------------------------------------------------------------------------------------- */

static void read_some(struct sim_client *c)
{
    char bytes[READ_MAX];
    size_t size = sim_link_read(c->end, bytes, sizeof bytes);
    sim_note(c->sim, RECORD_CLIENT_READ, c->number, (uint32_t)size,
             hash_bytes(c->number, bytes, size));
    c->events->on_bytes(c->context, (struct bytes){bytes, size});
}

static void tell_connected(struct sim_client *c)
{
    c->told = true;
    int status = c->end->link->connect_status;
    if (status != 0)
        sim_client_close(c);
    c->events->on_connected(c->context, status);
}

static void tell_ended(struct sim_client *c)
{
    int status = c->end->error;
    sim_client_close(c);
    c->events->on_closed(c->context, status);
}

void sim_client_step(struct sim_client *c)
{
    enum client_event events[CLIENT_EVENTS];
    unsigned count = events_of(c, events);
    CHECK(count > 0);
    enum client_event event = events[count == 1 ? 0 : prng_below(&c->sim->prng_schedule, count)];
    if (event == CLIENT_CONNECTED || event == CLIENT_ENDED || event == CLIENT_TIMER)
        sim_note(c->sim, RECORD_CLIENT_EVENT, c->number, event, 0);
    switch (event) {
    case CLIENT_CONNECTED: tell_connected(c); break;
    case CLIENT_BYTES: read_some(c); break;
    case CLIENT_ENDED: tell_ended(c); break;
    case CLIENT_WRITE: write_some(c); break;
    case CLIENT_TIMER:
        c->timer_due = false;
        c->events->on_timer(c->context);
        break;
    case CLIENT_EVENTS: UNREACHABLE("not an event");
    }
    sim_client_touch(c);
}
