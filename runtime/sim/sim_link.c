/* SPDX-License-Identifier: Apache-2.0 */
/* sim_link.c -- connections as a kernel and a wire make them.
 *
 * Idea        Each direction is a pipe of bytes with two marks: what has left the sender, what has
 *             reached the receiver. Segments carry the marks on after a drawn latency, in order. The
 *             receiver's buffer bounds what may be under way, the sender's what waits: so a reader that
 *             stops is felt by the writer.
 * Invariants  1 arrived <= sent <= size; sent <= receive_buffer; size - sent <= send_buffer
 *             2 after a FIN or reset is queued nothing follows it
 *             3 a link lives until nobody holds either end; events that name it later find nothing
 *
 * A close with unread bytes sends a reset and drops what was not sent, as kernels do; bytes for an
 * end that has closed are answered by a reset.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/sim/sim_state.h"

#define CONNECT_TRIES_MAX 4u
#define CONNECT_RETRY_NS ((uint64_t)1000000000)

/* --- the wire ----------------------------------------------------------------------------------- */

static uint64_t draw_latency(struct sim *sim)
{
    const struct sim_net *net = &sim->options.net;
    uint64_t span = net->latency_max_ns - net->latency_min_ns;
    return net->latency_min_ns + prng_below(&sim->prng_net, span + 1);
}

static void due_at(struct sim_link *link, uint64_t time_ns, enum sim_due due, uint64_t side)
{
    sim_queue_push(
        &link->sim->queue,
        (struct sim_event){.time_ns = time_ns, .due = due, .of = link->number, .arming = side});
}

static void send_segment(struct sim_link *link, unsigned side, enum sim_segment_kind kind,
                         size_t size)
{
    struct sim *sim = link->sim;
    struct sim_pipe *pipe = &link->pipes[side];
    struct sim_segment *segment = calloc(1, sizeof *segment);
    CHECK(segment != NULL);
    segment->kind = kind;
    segment->size = size;
    list_push_back(&pipe->segments, &segment->link);
    uint64_t leaves = pipe->wire_free_ns > sim->now_ns ? pipe->wire_free_ns : sim->now_ns;
    if (sim->options.net.bytes_per_s != 0)
        leaves += (size + 40) * 1000000000 / sim->options.net.bytes_per_s;
    pipe->wire_free_ns = leaves;
    uint64_t arrives = leaves + draw_latency(sim);
    if (arrives < pipe->last_arrival_ns)
        arrives = pipe->last_arrival_ns;
    pipe->last_arrival_ns = arrives;
    due_at(link, arrives, DUE_SEGMENT, side);
}

/* Sends what the receiver has room for. */
static void transmit(struct sim_link *link, unsigned side)
{
    struct sim *sim = link->sim;
    const struct sim_net *net = &sim->options.net;
    struct sim_pipe *pipe = &link->pipes[side];
    while (pipe->sent < pipe->size && pipe->sent < net->receive_buffer && !pipe->fin_sent) {
        size_t size = pipe->size - pipe->sent;
        if (size > net->receive_buffer - pipe->sent)
            size = net->receive_buffer - pipe->sent;
        if (size > net->segment_max)
            size = net->segment_max;
        if (sim_one_in(&sim->prng_net, net->short_in))
            size = 1 + prng_below(&sim->prng_net, size);
        if (sim_one_in(&sim->prng_net, net->reset_in)) {
            sim_link_cut(link);
            return;
        }
        pipe->sent += size;
        send_segment(link, side, SEGMENT_BYTES, size);
    }
    if (pipe->fin_queued && !pipe->fin_sent && pipe->sent == pipe->size) {
        pipe->fin_sent = true;
        send_segment(link, side, SEGMENT_FIN, 0);
    }
}

static void reset_from(struct sim_link *link, unsigned side)
{
    struct sim_pipe *pipe = &link->pipes[side];
    if (pipe->reset_sent)
        return;
    pipe->size = pipe->sent;
    pipe->fin_queued = pipe->fin_sent = pipe->reset_sent = true;
    send_segment(link, side, SEGMENT_RESET, 0);
}

static bool end_is_gone(const struct conn *end)
{
    return end->state == END_CLOSING || end->state == END_CLOSED;
}

static void fail_end(struct conn *end)
{
    if (end->error != 0 || end_is_gone(end))
        return;
    end->error = -ECONNRESET;
    sim_note(end->link->sim, RECORD_RESET, end->link->number, end->side, 0);
}

static void segment_arrives(struct sim_link *link, unsigned side, const struct sim_segment *segment)
{
    struct sim_pipe *pipe = &link->pipes[side];
    struct conn *to = &link->ends[1 - side];
    switch (segment->kind) {
    case SEGMENT_BYTES:
        if (end_is_gone(to)) {
            reset_from(link, 1 - side); /* behind what is on its way already */
            break;
        }
        pipe->arrived += segment->size;
        CHECK(pipe->arrived <= pipe->sent);
        break;
    case SEGMENT_FIN: pipe->fin_arrived = true; break;
    case SEGMENT_RESET: fail_end(to); break;
    }
    sim_note(link->sim, RECORD_ARRIVE, link->number, (uint32_t)segment->size,
             (uint64_t)segment->kind << 1 | side);
}

void sim_link_segment_due(struct sim_link *link, unsigned side)
{
    struct sim_pipe *pipe = &link->pipes[side];
    if (sim_apart(link->sim, link)) {
        pipe->deferred++;
        return;
    }
    struct link *l = list_pop_front(&pipe->segments);
    if (l == NULL)
        return; /* it was cut */
    struct sim_segment *segment = LIST_ENTRY(l, struct sim_segment, link);
    segment_arrives(link, side, segment);
    free(segment);
    sim_end_update(&link->ends[1 - side]);
    sim_end_update(&link->ends[side]);
}

void sim_link_resume(struct sim_link *link)
{
    for (unsigned side = 0; side < 2; side++) {
        struct sim_pipe *pipe = &link->pipes[side];
        for (; pipe->deferred > 0; pipe->deferred--) {
            uint64_t arrives = link->sim->now_ns + draw_latency(link->sim);
            if (arrives < pipe->last_arrival_ns)
                arrives = pipe->last_arrival_ns;
            pipe->last_arrival_ns = arrives;
            due_at(link, arrives, DUE_SEGMENT, side);
        }
    }
}

/* --- bytes -------------------------------------------------------------------------------------- */

size_t sim_link_room(const struct conn *end)
{
    const struct sim_pipe *pipe = &end->link->pipes[end->side];
    size_t waiting = pipe->size - pipe->sent;
    size_t buffer = end->link->sim->options.net.send_buffer;
    return pipe->fin_queued || waiting >= buffer ? 0 : buffer - waiting;
}

static void pipe_reserve(struct sim_pipe *pipe, size_t size)
{
    if (pipe->first + pipe->size + size <= pipe->capacity)
        return;
    if (pipe->size > 0)
        memmove(pipe->at, pipe->at + pipe->first, pipe->size);
    pipe->first = 0;
    size_t capacity = pipe->capacity == 0 ? 4096 : pipe->capacity;
    while (capacity < pipe->size + size)
        capacity *= 2;
    if (capacity != pipe->capacity) {
        pipe->at = realloc(pipe->at, capacity);
        CHECK(pipe->at != NULL);
        pipe->capacity = capacity;
    }
}

size_t sim_link_write(struct conn *end, const char *at, size_t size)
{
    CHECK(end->state == END_OPEN && end->error == 0);
    struct sim_pipe *pipe = &end->link->pipes[end->side];
    size_t room = sim_link_room(end);
    if (size > room)
        size = room;
    if (size == 0)
        return 0;
    if (pipe->capacity == 0 || pipe->first + pipe->size + size > pipe->capacity)
        pipe_reserve(pipe, size);
    memcpy(pipe->at + pipe->first + pipe->size, at, size);
    pipe->size += size;
    transmit(end->link, end->side);
    return size;
}

size_t sim_link_readable(const struct conn *end)
{
    return end->link->pipes[1 - end->side].arrived;
}

bool sim_link_at_end(const struct conn *end)
{
    const struct sim_pipe *pipe = &end->link->pipes[1 - end->side];
    return pipe->arrived == 0 && (pipe->fin_arrived || end->error != 0);
}

size_t sim_link_read(struct conn *end, char *at, size_t size)
{
    struct sim_pipe *pipe = &end->link->pipes[1 - end->side];
    if (size > pipe->arrived)
        size = pipe->arrived;
    if (size == 0)
        return 0;
    memcpy(at, pipe->at + pipe->first, size);
    pipe->first += size;
    pipe->arrived -= size;
    pipe->sent -= size;
    pipe->size -= size;
    if (pipe->size == 0)
        pipe->first = 0;
    transmit(end->link, 1 - end->side); /* there is room again */
    sim_end_update(&end->link->ends[1 - end->side]);
    return size;
}

/* --- life --------------------------------------------------------------------------------------- */

/* The dialling end's, which over the loopback interface is its address there. */
static void own_address(struct sim *sim, unsigned host, bool loopback,
                        struct net_address *ret_address)
{
    sim_host_address(host, (uint16_t)(32768 + sim->next_port++ % 28000), ret_address);
    if (loopback)
        ret_address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static unsigned host_of(const struct net_address *address)
{
    return (ntohl(address->v4.sin_addr.s_addr) & 0xff) - 1;
}

struct sim_link *sim_link_new(struct sim *sim, unsigned host, const struct net_address *to)
{
    CHECK(to->any.sa_family == AF_INET);
    struct sim_link *link = calloc(1, sizeof *link);
    CHECK(link != NULL);
    link->sim = sim;
    link->number = sim_table_add(&sim->links, link);
    link->hosts[0] = host;
    link->hosts[1] = host_of(to) < SIM_HOSTS_MAX ? host_of(to) : host;
    own_address(sim, host, link->hosts[1] == host, &link->addresses[0]);
    link->addresses[1] = *to;
    list_init(&link->waiting);
    for (unsigned side = 0; side < 2; side++) {
        link->ends[side].link = link;
        link->ends[side].side = side;
        list_init(&link->pipes[side].segments);
    }
    link->ends[0].state = END_OPEN;
    due_at(link, sim->now_ns + draw_latency(sim), DUE_CONNECT, 0);
    return link;
}

static struct listener *listener_at(const struct sim *sim, const struct net_address *address)
{
    for (unsigned i = 0; i < SIM_LISTENERS_MAX; i++) {
        struct listener *l = sim->listeners[i];
        if (l != NULL && l->address.v4.sin_port == address->v4.sin_port &&
            l->address.v4.sin_addr.s_addr == address->v4.sin_addr.s_addr)
            return l;
    }
    return NULL;
}

static void answer_connect(struct sim_link *link, int status)
{
    link->connect = CONNECT_ANSWERED;
    link->connect_status = status;
    uint64_t arrives = link->sim->now_ns + draw_latency(link->sim);
    link->pipes[1].last_arrival_ns = arrives; /* the peer's first bytes come after its answer */
    due_at(link, arrives, DUE_CONNECT, 0);
}

/* The first packet has reached the other host, if there is a way. */
static void connect_arrives(struct sim_link *link)
{
    struct sim *sim = link->sim;
    struct listener *listener = listener_at(sim, &link->addresses[1]);
    bool lost =
        sim_apart(sim, link) || (listener != NULL && listener->waiting_count >= listener->backlog);
    if (lost && ++link->tries < CONNECT_TRIES_MAX) {
        due_at(link, sim->now_ns + CONNECT_RETRY_NS, DUE_CONNECT, 0);
    } else if (lost || listener == NULL) {
        answer_connect(link, lost ? -ETIMEDOUT : -ECONNREFUSED);
    } else {
        link->ends[1].state = END_QUEUED;
        link->listener = listener;
        listener->waiting_count++;
        list_push_back(&listener->waiting, &link->waiting);
        answer_connect(link, 0);
        sim_listener_update(listener);
    }
}

void sim_link_connect_due(struct sim_link *link)
{
    if (link->connect == CONNECT_ASKED) {
        connect_arrives(link);
        return;
    }
    CHECK(link->connect == CONNECT_ANSWERED);
    link->connect = CONNECT_TOLD;
    sim_end_update(&link->ends[0]);
}

static void pipe_clear(struct sim_pipe *pipe)
{
    struct link *l;
    while ((l = list_pop_front(&pipe->segments)) != NULL)
        free(LIST_ENTRY(l, struct sim_segment, link));
}

void sim_link_cut(struct sim_link *link)
{
    for (unsigned side = 0; side < 2; side++) {
        struct sim_pipe *pipe = &link->pipes[side];
        pipe_clear(pipe);
        pipe->sent = pipe->size = pipe->arrived;
        pipe->fin_queued = pipe->fin_sent = pipe->reset_sent = true;
        fail_end(&link->ends[side]);
    }
    sim_end_update(&link->ends[0]);
    sim_end_update(&link->ends[1]);
}

void sim_link_close(struct conn *end, enum sim_end_state state)
{
    struct sim_link *link = end->link;
    CHECK(end->state == END_OPEN || end->state == END_QUEUED);
    end->state = state;
    if (sim_link_readable(end) > 0) {
        reset_from(link, end->side);
    } else {
        link->pipes[end->side].fin_queued = true;
        transmit(link, end->side);
    }
}

void sim_link_closed(struct conn *end)
{
    struct sim_link *link = end->link;
    end->state = END_CLOSED;
    if (link->ends[0].state != END_CLOSED ||
        (link->ends[1].state != END_CLOSED && link->ends[1].state != END_NONE))
        return;
    CHECK(list_empty(&link->waiting));
    sim_table_remove(&link->sim->links, link->number);
    for (unsigned side = 0; side < 2; side++) {
        CHECK(link->ends[side].source.ready.place == 0);
        pipe_clear(&link->pipes[side]);
        free(link->pipes[side].at);
        free(link->ends[side].parts);
    }
    free(link);
}

void sim_end_update(struct conn *end)
{
    if (end->client != NULL)
        sim_client_touch(end->client);
    else if (end->io != NULL)
        sim_conn_update(end);
}
