/* SPDX-License-Identifier: Apache-2.0 */
/* sim_net.c -- listeners and connections as a server's actors use them.
 *
 * A connection with something to tell is in its worker's ready set; the worker's step draws one of
 * them, and this file tells one thing: one accept, one read, one end of a write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/sim/sim_state.h"
#include "runtime/system.h"

#define ADOPT_FAILS_IN 400u /* with resets on */
#define FIRST_FREE_PORT 20000u

static void turn_begin(struct world_worker *io, struct actor *owner, struct actor_ref ref)
{
    CHECK(system_lookup(io->worker->system, ref) == owner); /* it must close before it exits */
    worker_turn_begin(io->worker, owner);
}

/* --- listeners ---------------------------------------------------------------------------------- */

void sim_listener_update(struct listener *listener)
{
    if (list_empty(&listener->waiting)) {
        sim_set_remove(&listener->io->ready, &listener->source.ready);
        return;
    }
    sim_set_add(&listener->io->ready, &listener->source.ready);
    sim_worker_touch(listener->io);
}

static bool address_taken(const struct sim *sim, const struct net_address *address)
{
    for (unsigned i = 0; i < SIM_LISTENERS_MAX; i++)
        if (sim->listeners[i] != NULL &&
            memcmp(&sim->listeners[i]->address.v4, &address->v4, sizeof address->v4) == 0)
            return true;
    return false;
}

int sim_listen(struct actor *owner, const struct listen_options *options, accept_fn *on_accept,
               struct listener **ret_listener)
{
    struct world_worker *io = current_worker->io;
    struct sim *sim = io->world->sim;
    uint16_t port = ntohs(options->address.v4.sin_port);
    struct net_address address;
    sim_host_address(io->world->host, port == 0 ? FIRST_FREE_PORT : port, &address);
    for (uint16_t next = FIRST_FREE_PORT + 1; address_taken(sim, &address); next++) {
        if (port != 0)
            return -EADDRINUSE;
        net_address_set_port(&address, next);
    }
    unsigned place = 0;
    while (place < SIM_LISTENERS_MAX && sim->listeners[place] != NULL)
        place++;
    CHECK(place < SIM_LISTENERS_MAX);
    struct listener *listener = calloc(1, sizeof *listener);
    CHECK(listener != NULL);
    listener->source.is_listener = true;
    listener->io = io;
    listener->owner = owner;
    listener->owner_ref = owner->self;
    listener->on_accept = on_accept;
    listener->address = address;
    listener->backlog = options->backlog > 0 ? (uint32_t)options->backlog : 128;
    list_init(&listener->waiting);
    sim->listeners[place] = listener;
    *ret_listener = listener;
    return 0;
}

void sim_listener_address(const struct listener *listener, struct net_address *ret_address)
{
    *ret_address = listener->address;
}

static struct sim_link *take_waiting(struct listener *listener)
{
    struct link *l = list_pop_front(&listener->waiting);
    if (l == NULL)
        return NULL;
    struct sim_link *link = LIST_ENTRY(l, struct sim_link, waiting);
    link->listener = NULL;
    CHECK(listener->waiting_count > 0);
    listener->waiting_count--;
    return link;
}

void sim_listener_close(struct listener *listener)
{
    struct sim *sim = listener->io->world->sim;
    struct sim_link *link;
    while ((link = take_waiting(listener)) != NULL) {
        sim_link_cut(link);
        sim_link_close(&link->ends[1], END_CLOSING);
        sim_link_closed(&link->ends[1]);
    }
    sim_listener_update(listener);
    for (unsigned i = 0; i < SIM_LISTENERS_MAX; i++)
        if (sim->listeners[i] == listener)
            sim->listeners[i] = NULL;
    free(listener);
}

static void accept_one(struct world_worker *io, struct listener *listener)
{
    struct sim_link *link = take_waiting(listener);
    CHECK(link != NULL);
    sim_listener_update(listener);
    struct accepted accepted = {.token = (int64_t)link->number, .peer = link->addresses[0]};
    sim_note(io->world->sim, RECORD_ACCEPT, link->number, 0, listener->owner_ref.id);
    struct actor *owner = listener->owner;
    turn_begin(io, owner, listener->owner_ref);
    listener->on_accept(owner, &accepted); /* may close the listener */
    worker_turn_end(io->worker, owner);
}

/* --- connections: life -------------------------------------------------------------------------- */

static void bind_end(struct conn *conn, struct actor *owner, const struct conn_events *events)
{
    conn->state = END_OPEN;
    conn->io = current_worker->io;
    conn->owner = owner;
    conn->owner_ref = owner->self;
    conn->events = events;
}

static struct conn *end_of_token(const struct accepted *accepted)
{
    struct sim *sim = current_worker->io->world->sim;
    struct sim_link *link = sim_table_get(&sim->links, (uint64_t)accepted->token);
    CHECK(link != NULL && link->listener == NULL && link->ends[1].state == END_QUEUED);
    return &link->ends[1];
}

void sim_accepted_refuse(const struct accepted *accepted)
{
    struct conn *end = end_of_token(accepted);
    sim_link_close(end, END_CLOSING);
    sim_link_closed(end);
}

int sim_conn_adopt(struct actor *owner, const struct conn_events *events,
                   const struct accepted *accepted, struct conn **ret_conn)
{
    struct conn *conn = end_of_token(accepted);
    struct sim *sim = conn->link->sim;
    if (sim->options.net.reset_in != 0 && sim_one_in(&sim->prng_net, ADOPT_FAILS_IN)) {
        sim_link_cut(conn->link);
        sim_accepted_refuse(accepted);
        return -EINVAL;
    }
    bind_end(conn, owner, events);
    *ret_conn = conn;
    return 0;
}

int sim_conn_dial(struct actor *owner, const struct conn_events *events,
                  const struct net_address *address, struct conn **ret_conn)
{
    struct world_worker *io = current_worker->io;
    struct sim_link *link = sim_link_new(io->world->sim, io->world->host, address);
    struct conn *conn = &link->ends[0];
    bind_end(conn, owner, events);
    conn->dialling = true;
    *ret_conn = conn;
    return 0;
}

void sim_local_address(const struct conn *conn, struct net_address *ret_address)
{
    *ret_address = conn->link->addresses[conn->side];
}

void sim_conn_close(struct conn *conn)
{
    CHECK(conn->state == END_OPEN && conn->io == current_worker->io);
    sim_note(conn->link->sim, RECORD_CLOSE, conn->link->number, conn->side, 0);
    sim_link_close(conn, END_CLOSING);
    sim_conn_update(conn);
}

/* --- what a connection has to tell --------------------------------------------------------------- */

enum conn_event { EVENT_DIALLED, EVENT_READ, EVENT_WRITE, EVENT_CLOSED, EVENTS_MAX };

static bool write_can_go_on(const struct conn *conn)
{
    return conn->writing &&
           (conn->error != 0 || conn->part_at == conn->part_count || sim_link_room(conn) > 0);
}

/* What it may be told now; an end of a write comes before the end of its connection. */
static unsigned events_of(const struct conn *conn, enum conn_event events[EVENTS_MAX])
{
    unsigned count = 0;
    if (conn->state == END_CLOSING) {
        events[count++] = conn->writing ? EVENT_WRITE : EVENT_CLOSED;
        return count;
    }
    if (conn->dialling) {
        if (conn->link->connect == CONNECT_TOLD)
            events[count++] = EVENT_DIALLED;
        return count;
    }
    if (conn->reading && !conn->read_over && (sim_link_readable(conn) > 0 || sim_link_at_end(conn)))
        events[count++] = EVENT_READ;
    if (write_can_go_on(conn))
        events[count++] = EVENT_WRITE;
    return count;
}

void sim_conn_update(struct conn *conn)
{
    enum conn_event events[EVENTS_MAX];
    if (events_of(conn, events) == 0) {
        sim_set_remove(&conn->io->ready, &conn->source.ready);
        return;
    }
    sim_set_add(&conn->io->ready, &conn->source.ready);
    sim_worker_touch(conn->io);
}

/* --- reading ------------------------------------------------------------------------------------ */

void sim_read_start(struct conn *conn)
{
    conn->reading = true;
    sim_conn_update(conn);
}

void sim_read_stop(struct conn *conn)
{
    conn->reading = false;
    sim_conn_update(conn);
}

/* How much one read or write moves: all, or, now and then, less. */
static size_t draw_size(struct sim *sim, size_t most, uint32_t short_in)
{
    if (most > 1 && sim_one_in(&sim->prng_net, short_in))
        return 1 +
               prng_below(&sim->prng_net, prng_one_in(&sim->prng_net, 2) && most > 8 ? 8 : most);
    return most;
}

static void tell_read(struct conn *conn)
{
    struct world_worker *io = conn->io;
    struct sim *sim = conn->link->sim;
    struct net_space space;
    worker_read_space(io->worker, &space);
    if (conn->events->on_space != NULL)
        conn->events->on_space(conn->owner, &space);
    CHECK(space.size > 0);
    ssize_t size = NET_EOF;
    if (sim_link_readable(conn) > 0) {
        size_t most = sim_link_readable(conn) < space.size ? sim_link_readable(conn) : space.size;
        size =
            (ssize_t)sim_link_read(conn, space.at, draw_size(sim, most, sim->options.net.short_in));
        sim_note(sim, RECORD_READ, conn->link->number, (uint32_t)size,
                 hash_bytes(conn->side, space.at, (size_t)size));
    } else {
        size = conn->error != 0 ? conn->error : NET_EOF;
        conn->read_over = true;
        sim_note(sim, RECORD_READ_END, conn->link->number, conn->side, (uint64_t)size);
    }
    struct actor *owner = conn->owner;
    turn_begin(io, owner, conn->owner_ref);
    conn->events->on_read(owner, space.at, size);
    worker_turn_end(io->worker, owner);
}

/* --- writing ------------------------------------------------------------------------------------ */

static size_t push(struct conn *conn, const char *at, size_t size)
{
    struct sim *sim = conn->link->sim;
    size_t room = sim_link_room(conn);
    size_t most = size < room ? size : room;
    if (most == 0)
        return 0;
    size_t taken = sim_link_write(conn, at, draw_size(sim, most, sim->options.net.short_write_in));
    sim_note(sim, RECORD_WRITE, conn->link->number, (uint32_t)taken,
             hash_bytes(conn->side, at, taken));
    return taken;
}

ssize_t sim_try_write(struct conn *conn, const struct iovec *parts, unsigned count)
{
    CHECK(conn->state == END_OPEN && !conn->writing && !conn->dialling && count > 0);
    size_t all = 0;
    for (unsigned i = 0; i < count; i++) {
        if (conn->error != 0) /* also when a segment of this very write was answered so */
            return all > 0 ? (ssize_t)all : conn->error;
        size_t taken = push(conn, parts[i].iov_base, parts[i].iov_len);
        all += taken;
        if (taken < parts[i].iov_len)
            break;
    }
    return (ssize_t)all;
}

/* Gives the kernel what it takes of a write under way. */
static void write_more(struct conn *conn)
{
    while (conn->part_at < conn->part_count && conn->error == 0) {
        struct iovec *part = &conn->parts[conn->part_at];
        size_t taken = push(conn, part->iov_base, part->iov_len);
        part->iov_base = (char *)part->iov_base + taken;
        part->iov_len -= taken;
        if (part->iov_len > 0)
            return;
        conn->part_at++;
    }
}

int sim_write(struct conn *conn, const struct iovec *parts, unsigned count)
{
    CHECK(conn->state == END_OPEN && !conn->writing && !conn->dialling && count > 0);
    conn->parts = malloc(count * sizeof *parts);
    CHECK(conn->parts != NULL);
    memcpy(conn->parts, parts, count * sizeof *parts);
    conn->part_count = count;
    conn->part_at = 0;
    conn->writing = true;
    write_more(conn);
    sim_conn_update(conn);
    return 0;
}

static void tell_written(struct conn *conn, int status)
{
    struct world_worker *io = conn->io;
    struct actor *owner = conn->owner;
    sim_note(conn->link->sim, RECORD_WRITTEN, conn->link->number, conn->side, (uint64_t)status);
    turn_begin(io, owner, conn->owner_ref);
    conn->events->on_written(owner, status);
    worker_turn_end(io->worker, owner);
}

static void write_event(struct conn *conn)
{
    int status = conn->error;
    if (conn->state == END_CLOSING)
        status = conn->part_at == conn->part_count ? 0 : -ECANCELED;
    else if (status == 0)
        write_more(conn);
    bool over = status != 0 || conn->error != 0 || conn->part_at == conn->part_count;
    if (!over)
        return;
    free(conn->parts);
    conn->parts = NULL;
    conn->part_at = conn->part_count = 0;
    conn->writing = false;
    tell_written(conn, status != 0 ? status : conn->error);
}

/* --- one event ---------------------------------------------------------------------------------- */

static void tell_dialled(struct conn *conn)
{
    conn->dialling = false;
    int status = conn->link->connect_status;
    if (status != 0)
        conn->error = status;
    tell_written(conn, status);
}

/* The connection is over for everybody after this. */
static void tell_closed(struct conn *conn)
{
    struct world_worker *io = conn->io;
    struct actor *owner = conn->owner;
    const struct conn_events *events = conn->events;
    struct actor_ref ref = conn->owner_ref;
    sim_note(conn->link->sim, RECORD_CLOSED, conn->link->number, conn->side, 0);
    sim_set_remove(&io->ready, &conn->source.ready);
    conn->io = NULL; /* what still happens on the link concerns nobody here */
    sim_link_closed(conn);
    turn_begin(io, owner, ref);
    events->on_closed(owner);
    worker_turn_end(io->worker, owner);
}

void sim_source_event(struct world_worker *io, struct sim_source *source)
{
    if (source->is_listener) {
        accept_one(io, (struct listener *)(void *)source);
        return;
    }
    struct conn *conn = (struct conn *)(void *)source;
    enum conn_event events[EVENTS_MAX];
    unsigned count = events_of(conn, events);
    CHECK(count > 0 && conn->io == io);
    switch (events[count == 1 ? 0 : prng_below(&io->world->sim->prng_schedule, count)]) {
    case EVENT_DIALLED: tell_dialled(conn); break;
    case EVENT_READ: tell_read(conn); break;
    case EVENT_WRITE: write_event(conn); break;
    case EVENT_CLOSED: tell_closed(conn); return;
    case EVENTS_MAX: UNREACHABLE("not an event");
    }
    sim_conn_update(conn); /* it is still there: its end is told in an event of its own */
}
