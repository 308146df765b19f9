/* SPDX-License-Identifier: Apache-2.0 */
/* stub_net.h -- a stub world with connections: what comes in is what a test says, what goes out is kept.
 *
 * A connection takes up to `takes` bytes a try_write, at most what is left of `room`; the rest waits in
 * a conn_write that ends when a test gives room again. Input is fed while the owner reads, in pieces
 * of `slice` bytes, each a turn of the owner as in a real world.
 */
#ifndef TESTS_UNIT_SUPPORT_STUB_NET_H
#define TESTS_UNIT_SUPPORT_STUB_NET_H

#include <errno.h>
#include <stdlib.h>

#include "runtime/net.h"
#include "tests/unit/runtime/stub_world.h"

#define STUB_CONNS_MAX 2048
#define STUB_PARTS_MAX 64

/* Bytes that grow; malloc's, so that a system's own memory can be counted. */
struct stub_bytes {
    char *at;
    size_t size;
    size_t capacity;
};

struct conn {
    struct worker *worker;
    struct actor *owner; /* NULL: not open */
    const struct conn_events *events;
    struct stub_bytes in;
    size_t in_done; /* of in: given to the owner */
    size_t slice;   /* 0: as much as there is space for */
    struct stub_bytes out;
    size_t room;                        /* what the peer still takes */
    size_t takes;                       /* in one try_write */
    struct iovec parts[STUB_PARTS_MAX]; /* of the conn_write under way */
    unsigned part_count;
    int write_fails; /* status of the next try_write or conn_write, when not 0 */
    bool in_ends;    /* the peer's end follows the input */
    bool reading;
    bool closing;
};

struct stub_net {
    struct stub_world stub;
    struct system *system;
    struct conn conns[STUB_CONNS_MAX];
    unsigned conn_count;
    int adopt_fails;
    unsigned refused;
};

static inline void stub_bytes_add(struct stub_bytes *to, const void *at, size_t size)
{
    if (to->size + size > to->capacity) {
        to->capacity = (to->size + size) * 2;
        to->at = realloc(to->at, to->capacity);
        CHECK(to->at != NULL);
    }
    if (size > 0)
        memcpy(to->at + to->size, at, size);
    to->size += size;
}

static inline void stub_bytes_clear(struct stub_bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct stub_bytes){0};
}

static inline struct stub_net *stub_net_here(void)
{
    return (struct stub_net *)(void *)current_worker->system->world;
}

/* --- the world's functions ----------------------------------------------------------------------- */

static inline int stub_adopt(struct actor *owner, const struct conn_events *events,
                             const struct accepted *accepted, struct conn **ret_conn)
{
    struct stub_net *net = stub_net_here();
    if (net->adopt_fails != 0)
        return net->adopt_fails;
    struct conn *conn = &net->conns[accepted->token];
    CHECK(conn->owner == NULL);
    conn->worker = current_worker;
    conn->owner = owner;
    conn->events = events;
    conn->room = conn->takes = SIZE_MAX;
    *ret_conn = conn;
    return 0;
}

static inline void stub_refuse(const struct accepted *accepted)
{
    stub_net_here()->refused++;
}

static inline void stub_read_start(struct conn *conn)
{
    conn->reading = true;
}

static inline void stub_read_stop(struct conn *conn)
{
    conn->reading = false;
}

static inline ssize_t stub_try_write(struct conn *conn, const struct iovec *parts, unsigned count)
{
    CHECK(conn->part_count == 0 && !conn->closing);
    if (conn->write_fails != 0)
        return conn->write_fails;
    size_t left = conn->room < conn->takes ? conn->room : conn->takes;
    size_t written = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t size = parts[i].iov_len < left ? parts[i].iov_len : left;
        stub_bytes_add(&conn->out, parts[i].iov_base, size);
        left -= size;
        written += size;
    }
    if (conn->room != SIZE_MAX)
        conn->room -= written;
    return (ssize_t)written;
}

static inline int stub_write(struct conn *conn, const struct iovec *parts, unsigned count)
{
    CHECK(conn->part_count == 0 && !conn->closing && count > 0 && count <= STUB_PARTS_MAX);
    if (conn->write_fails != 0)
        return conn->write_fails;
    memcpy(conn->parts, parts, count * sizeof *parts);
    conn->part_count = count;
    return 0;
}

static inline void stub_conn_close(struct conn *conn)
{
    CHECK(!conn->closing);
    conn->closing = true;
    conn->reading = false;
}

static inline void stub_local_address(const struct conn *conn, struct net_address *ret_address)
{
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->v4.sin_family = AF_INET;
}

/* --- what a test does ---------------------------------------------------------------------------- */

static const struct world_ops stub_net_ops = {
    .name = "stub with connections",
    .clock_ns = stub_clock_ns,
    .wall_ns = stub_wall_ns,
    .ticks = stub_clock_ns,
    .ns_per_tick = stub_ns_per_tick,
    .entropy = stub_entropy,
    .worker_start = stub_worker_start,
    .worker_stop = stub_worker_stop,
    .worker_wake = stub_worker_wake,
    .conn_adopt = stub_adopt,
    .accepted_refuse = stub_refuse,
    .read_start = stub_read_start,
    .read_stop = stub_read_stop,
    .try_write = stub_try_write,
    .write = stub_write,
    .conn_close = stub_conn_close,
    .local_address = stub_local_address,
};

static inline struct stub_net *stub_net_new(uint64_t seed, uint16_t workers)
{
    struct stub_net *net = calloc(1, sizeof *net);
    CHECK(net != NULL);
    stub_init(&net->stub, seed);
    net->stub.world.ops = &stub_net_ops;
    net->system = stub_system(&net->stub, workers);
    CHECK(net->system != NULL);
    return net;
}

/* All actors have exited. */
static inline void stub_net_free(struct stub_net **at)
{
    struct stub_net *net = *at;
    *at = NULL;
    system_free(&net->system);
    for (unsigned i = 0; i < net->conn_count; i++) {
        stub_bytes_clear(&net->conns[i].in);
        stub_bytes_clear(&net->conns[i].out);
    }
    free(net);
}

/* A connection that a client can adopt by the token in *ret_accepted. */
static inline struct conn *stub_conn(struct stub_net *net, struct accepted *ret_accepted)
{
    CHECK(net->conn_count < STUB_CONNS_MAX);
    *ret_accepted = (struct accepted){.token = net->conn_count};
    ret_accepted->peer.v4.sin_family = AF_INET;
    return &net->conns[net->conn_count++];
}

static inline void stub_say(struct conn *conn, const void *at, size_t size)
{
    stub_bytes_add(&conn->in, at, size);
}

/* One read of the owner's. True: there was one. */
static inline bool stub_read(struct conn *conn)
{
    size_t left = conn->in.size - conn->in_done;
    if (conn->owner == NULL || !conn->reading || (left == 0 && !conn->in_ends))
        return false;
    struct worker *w = conn->worker;
    worker_enter(w);
    struct net_space space;
    worker_read_space(w, &space);
    if (conn->events->on_space != NULL)
        conn->events->on_space(conn->owner, &space);
    CHECK(space.size > 0);
    size_t size = left < space.size ? left : space.size;
    if (conn->slice != 0 && size > conn->slice)
        size = conn->slice;
    if (size > 0)
        memcpy(space.at, conn->in.at + conn->in_done, size);
    else
        conn->in_ends = false;
    conn->in_done += size;
    struct actor *owner = conn->owner;
    worker_turn_begin(w, owner);
    conn->events->on_read(owner, space.at, size == 0 ? NET_EOF : (ssize_t)size);
    worker_turn_end(w, owner);
    return true;
}

/* Ends a conn_write when there is room for it, or when the connection closes; then closes. */
static inline bool stub_progress(struct conn *conn)
{
    struct worker *w = conn->worker;
    struct actor *owner = conn->owner;
    if (owner == NULL || (!conn->closing && (conn->part_count == 0 || conn->room == 0)))
        return false;
    worker_enter(w);
    worker_turn_begin(w, owner);
    if (conn->part_count > 0) {
        for (unsigned i = 0; i < conn->part_count && !conn->closing; i++)
            stub_bytes_add(&conn->out, conn->parts[i].iov_base, conn->parts[i].iov_len);
        conn->part_count = 0;
        conn->events->on_written(owner, conn->closing ? -ECANCELED : 0);
    } else {
        conn->owner = NULL;
        conn->events->on_closed(owner);
    }
    worker_turn_end(w, owner);
    return true;
}

/* Rounds of all workers with all that connections have to give, until nothing happens any more. */
static inline void stub_net_settle(struct stub_net *net)
{
    for (bool busy = true; busy;) {
        stub_settle(net->system);
        busy = false;
        for (unsigned i = 0; i < net->conn_count; i++) {
            busy = stub_read(&net->conns[i]) || busy;
            busy = stub_progress(&net->conns[i]) || busy;
        }
    }
}

#endif
