/* SPDX-License-Identifier: Apache-2.0 */
/* host_net.c -- listeners and connections over libuv.
 *
 * Idea        A connection's socket events run its owner's turns on the spot. A listener is a socket that
 *             the loop polls and that accept4 empties here: so an accepted connection is a plain file
 *             descriptor, which any worker can adopt.
 * Bounds      a round reads at most READ_ROUND_MAX from one connection, and takes in ACCEPT_ROUND_MAX
 *             connections, before others have their turn.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/host/host_loop.h"

#define READ_ROUND_MAX ((size_t)256 << 10)
#define ACCEPT_ROUND_MAX 64
#define ACCEPT_RETRY_MS 50 /* after running out of descriptors or memory */

_Static_assert(NET_EOF == UV_EOF, "libuv's number");

struct conn {
    uv_tcp_t tcp;
    struct actor *owner;
    const struct conn_events *events;
    struct link paused;   /* read READ_ROUND_MAX in this round */
    uint32_t round_bytes; /* read in this round of the loop */
    uint32_t round;
    bool reading; /* what the owner wants */
    bool closing;
};

struct conn_write {
    uv_write_t request;
    struct conn *conn;
};

struct listener {
    uv_poll_t poll;
    uv_timer_t retry;
    int fd;
    struct actor *owner;
    accept_fn *on_accept;
    unsigned closing; /* handles still to close */
};

static struct world_worker *io_of(const struct conn *conn)
{
    return conn->tcp.loop->data;
}

/* --- listeners ---------------------------------------------------------------------------------- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_retry(uv_timer_t *timer)
{
    struct listener *listener = timer->data;
    CHECK(uv_poll_start(&listener->poll, UV_READABLE, on_acceptable) == 0);
}

/* Out of descriptors or memory: the pending connection stays readable, so wait and try again. */
static void accept_later(struct listener *listener)
{
    CHECK(uv_poll_stop(&listener->poll) == 0);
    CHECK(uv_timer_start(&listener->retry, on_retry, ACCEPT_RETRY_MS, 0) == 0);
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;
    struct world_worker *io = poll->loop->data;
    host_enter(io);
    for (unsigned i = 0; i < ACCEPT_ROUND_MAX && listener->closing == 0; i++) {
        struct accepted accepted = {0};
        socklen_t size = sizeof accepted.peer;
        int fd = accept4(listener->fd, &accepted.peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN)
                accept_later(listener);
            return;
        }
        accepted.token = fd;
        worker_turn_begin(io->worker, listener->owner);
        listener->on_accept(listener->owner, &accepted);
        worker_turn_end(io->worker, listener->owner);
    }
}

static int open_listening(const struct listen_options *options)
{
    int fd = socket(options->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    int off = 0;
    bool v6 = options->address.any.sa_family == AF_INET6;
    socklen_t size = v6 ? sizeof options->address.v6 : sizeof options->address.v4;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, &options->address.any, size) != 0 || listen(fd, options->backlog) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int host_listen(struct actor *owner, const struct listen_options *options, accept_fn *on_accept,
                struct listener **ret_listener)
{
    struct world_worker *io = current_worker->io;
    int fd = open_listening(options);
    if (fd < 0)
        return fd;
    struct listener *listener = calloc(1, sizeof *listener);
    CHECK(listener != NULL);
    listener->fd = fd;
    listener->owner = owner;
    listener->on_accept = on_accept;
    listener->poll.data = listener->retry.data = listener;
    io->loop.data = io;
    CHECK(uv_poll_init(&io->loop, &listener->poll, fd) == 0);
    CHECK(uv_timer_init(&io->loop, &listener->retry) == 0);
    CHECK(uv_poll_start(&listener->poll, UV_READABLE, on_acceptable) == 0);
    *ret_listener = listener;
    return 0;
}

void host_listener_address(const struct listener *listener, struct net_address *ret_address)
{
    socklen_t size = sizeof *ret_address;
    CHECK(getsockname(listener->fd, &ret_address->any, &size) == 0);
}

static void listener_handle_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    if (--listener->closing > 0)
        return;
    close(listener->fd);
    free(listener);
}

void host_listener_close(struct listener *listener)
{
    listener->closing = 2;
    uv_close((uv_handle_t *)&listener->poll, listener_handle_closed);
    uv_close((uv_handle_t *)&listener->retry, listener_handle_closed);
    /* The port is free for the next server at once, not a round later. */
    (void)shutdown(listener->fd, SHUT_RDWR);
}

/* --- connections: life -------------------------------------------------------------------------- */

static struct conn *conn_new(struct actor *owner, const struct conn_events *events)
{
    struct world_worker *io = current_worker->io;
    struct conn *conn = mem_alloc(sizeof *conn);
    io->loop.data = io;
    CHECK(uv_tcp_init(&io->loop, &conn->tcp) == 0);
    conn->owner = owner;
    conn->events = events;
    list_init(&conn->paused);
    return conn;
}

static void on_close(uv_handle_t *handle)
{
    struct conn *conn = (struct conn *)(void *)handle;
    struct world_worker *io = handle->loop->data;
    host_enter(io);
    struct actor *owner = conn->owner;
    const struct conn_events *events = conn->events;
    mem_free(conn);
    if (owner == NULL)
        return;
    worker_turn_begin(io->worker, owner);
    events->on_closed(owner);
    worker_turn_end(io->worker, owner);
}

void host_conn_close(struct conn *conn)
{
    CHECK(!conn->closing);
    conn->closing = true;
    list_remove(&conn->paused);
    uv_close((uv_handle_t *)&conn->tcp, on_close);
}

int host_conn_adopt(struct actor *owner, const struct conn_events *events,
                    const struct accepted *accepted, struct conn **ret_conn)
{
    struct conn *conn = conn_new(owner, events);
    int status = uv_tcp_open(&conn->tcp, (uv_os_sock_t)accepted->token);
    if (status == 0)
        status = uv_tcp_nodelay(&conn->tcp, 1);
    if (status != 0) {
        conn->owner = NULL; /* never was a connection: no on_closed */
        host_conn_close(conn);
        return status;
    }
    *ret_conn = conn;
    return 0;
}

void host_accepted_refuse(const struct accepted *accepted)
{
    close((int)accepted->token);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct conn *conn = (struct conn *)(void *)request->handle;
    struct world_worker *io = io_of(conn);
    host_enter(io);
    mem_free(request);
    if (conn->closing)
        return;
    worker_turn_begin(io->worker, conn->owner);
    conn->events->on_written(conn->owner, status);
    worker_turn_end(io->worker, conn->owner);
}

int host_conn_dial(struct actor *owner, const struct conn_events *events,
                   const struct net_address *address, struct conn **ret_conn)
{
    struct conn *conn = conn_new(owner, events);
    uv_connect_t *request = mem_alloc(sizeof *request);
    int status = uv_tcp_connect(request, &conn->tcp, &address->any, on_connect);
    if (status != 0) {
        mem_free(request);
        conn->owner = NULL;
        host_conn_close(conn);
        return status;
    }
    *ret_conn = conn;
    return 0;
}

void host_local_address(const struct conn *conn, struct net_address *ret_address)
{
    int size = sizeof *ret_address;
    if (uv_tcp_getsockname(&conn->tcp, &ret_address->any, &size) != 0)
        memset(ret_address, 0, sizeof *ret_address); /* reset by the peer meanwhile */
}

/* --- reading ------------------------------------------------------------------------------------ */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct conn *conn = (struct conn *)(void *)handle;
    struct world_worker *io = handle->loop->data;
    host_enter(io);
    struct net_space space;
    worker_read_space(io->worker, &space);
    if (conn->events->on_space != NULL)
        conn->events->on_space(conn->owner, &space);
    ret_buf->base = space.at;
    ret_buf->len = space.size;
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct conn *conn = (struct conn *)(void *)stream;
    struct world_worker *io = stream->loop->data;
    if (size == 0)
        return;
    host_enter(io);
    worker_turn_begin(io->worker, conn->owner);
    struct actor *owner = conn->owner;
    conn->events->on_read(owner, buf->base, size);
    worker_turn_end(io->worker, owner);
    if (size < 0 || conn->closing || !conn->reading)
        return;
    if (conn->round != io->round) {
        conn->round = io->round;
        conn->round_bytes = 0;
    }
    conn->round_bytes += (uint32_t)size;
    if (conn->round_bytes >= READ_ROUND_MAX) {
        CHECK(uv_read_stop(stream) == 0);
        list_push_back(&io->paused, &conn->paused);
    }
}

void host_resume_reading(struct world_worker *io)
{
    struct link *l;
    while ((l = list_pop_front(&io->paused)) != NULL) {
        struct conn *conn = LIST_ENTRY(l, struct conn, paused);
        conn->round_bytes = 0;
        if (conn->reading)
            CHECK(uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) == 0);
    }
}

void host_read_start(struct conn *conn)
{
    if (conn->reading || conn->closing)
        return;
    conn->reading = true;
    if (list_empty(&conn->paused)) {
        conn->round_bytes = 0;
        CHECK(uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) == 0);
    }
}

void host_read_stop(struct conn *conn)
{
    if (!conn->reading)
        return;
    conn->reading = false;
    CHECK(uv_read_stop((uv_stream_t *)&conn->tcp) == 0);
}

/* --- writing ------------------------------------------------------------------------------------ */

_Static_assert(sizeof(struct iovec) == sizeof(uv_buf_t) &&
                   offsetof(struct iovec, iov_base) == offsetof(uv_buf_t, base) &&
                   offsetof(struct iovec, iov_len) == offsetof(uv_buf_t, len),
               "libuv's buffers are the kernel's");

ssize_t host_try_write(struct conn *conn, const struct iovec *parts, unsigned count)
{
    DCHECK(!conn->closing);
    int written =
        uv_try_write((uv_stream_t *)&conn->tcp, (const uv_buf_t *)(const void *)parts, count);
    return written == UV_EAGAIN ? 0 : written;
}

static void on_write(uv_write_t *request, int status)
{
    struct conn_write *write = (struct conn_write *)(void *)request;
    struct conn *conn = write->conn;
    struct world_worker *io = io_of(conn);
    host_enter(io);
    mem_free(write);
    worker_turn_begin(io->worker, conn->owner);
    conn->events->on_written(conn->owner, status);
    worker_turn_end(io->worker, conn->owner);
}

int host_write(struct conn *conn, const struct iovec *parts, unsigned count)
{
    DCHECK(!conn->closing);
    struct conn_write *write = mem_alloc(sizeof *write);
    write->conn = conn;
    int status = uv_write(&write->request, (uv_stream_t *)&conn->tcp,
                          (const uv_buf_t *)(const void *)parts, count, on_write);
    if (status != 0)
        mem_free(write);
    return status;
}
