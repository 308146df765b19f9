/* SPDX-License-Identifier: Apache-2.0 */
/* load_conn.c -- the generator's connections and its loop.
 *
 * Idea        Edge-triggered epoll: a connection is read until a read comes back short and written
 *             until the kernel takes no more, so one large recv or send is all that a batch costs.
 *             All share one read buffer; what is left of a frame is kept apart, and is rare.
 * Invariants  1. bytes are sent in the order body, then out; a body is given only when both are
 *                sent, so a PONG never lands inside a frame.
 *             2. pings_open is the sum of all connections' pings.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "tests/bench/load.h"

/* An Ethernet's segment: the peer sizes its send buffer by it. */
enum { NARROW_RECEIVE_BUFFER = 4 << 10, NARROW_SEGMENT = 1448 };

uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void load_fail(struct load *l, const char *format, ...)
{
    if (load_failed(l))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(l->failure, sizeof l->failure, format, arguments);
    va_end(arguments);
}

bool load_failed(const struct load *l)
{
    return l->failure[0] != '\0';
}

/* A blocking connect: on loopback the kernel answers, whatever the server is doing. */
static int dial(int port, bool narrow)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (narrow) {
        int receive_buffer = NARROW_RECEIVE_BUFFER, segment = NARROW_SEGMENT;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

struct conn *load_connect(struct load *l, take_fn *take, void *workload, bool narrow)
{
    CHECK(l->conn_count < LOAD_CONNECTIONS_MAX);
    int fd = dial(l->o.port, narrow);
    if (fd < 0) {
        load_fail(l, "connection %d: %s", l->conn_count, strerror(-fd));
        return NULL;
    }
    struct conn *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    *c = (struct conn){.fd = fd, .take = take, .workload = workload};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    CHECK(epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    l->conns[l->conn_count++] = c;
    return c;
}

/* Closes with a reset: thousands of sockets in TIME_WAIT would burden the runs that follow. */
void load_disconnect(struct load *l)
{
    for (int i = 0; i < l->conn_count; i++) {
        struct conn *c = l->conns[i];
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(c->fd);
        free(c->rest);
        free(c->out);
        free(c);
    }
    l->conn_count = 0;
    l->pings_open = 0;
}

static void grow(char **at, size_t *max, size_t needed)
{
    if (needed <= *max)
        return;
    size_t size = *max * 2 > needed ? *max * 2 : needed;
    char *more = realloc(*at, size);
    CHECK(more != NULL);
    *at = more;
    *max = size;
}

void conn_append(struct conn *c, const char *text, size_t size)
{
    if (c->out_sent == c->out_size)
        c->out_sent = c->out_size = 0;
    grow(&c->out, &c->out_max, c->out_size + size);
    memcpy(c->out + c->out_size, text, size);
    c->out_size += size;
}

void conn_print(struct conn *c, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CHECK(size >= 0 && (size_t)size < sizeof text);
    conn_append(c, text, (size_t)size);
}

bool conn_idle_output(const struct conn *c)
{
    return c->body_sent == c->body_size && c->out_sent == c->out_size;
}

/* Sends from `*sent` on; whether all of it went. */
static bool send_some(struct load *l, struct conn *c, const char *at, size_t size, size_t *sent)
{
    DCHECK(*sent <= size);
    while (*sent < size) {
        ssize_t n = send(c->fd, at + *sent, size - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                load_fail(l, "send: %s", strerror(errno));
            return false;
        }
        *sent += (size_t)n;
    }
    return true;
}

void conn_flush(struct load *l, struct conn *c)
{
    if (send_some(l, c, c->body, c->body_size, &c->body_sent))
        (void)send_some(l, c, c->out, c->out_size, &c->out_sent);
}

void conn_ping(struct load *l, struct conn *c)
{
    conn_append(c, "PING\r\n", 6);
    c->pings++;
    l->pings_open++;
    conn_flush(l, c);
}

void conn_greet(struct load *l, struct conn *c, struct role role)
{
    if (l->o.raw) {
        conn_print(c, "RAW %zu %zu %d %d %d\r\n", role.frame_in, role.frame_out, role.to,
                   role.member, role.spread);
        return;
    }
    conn_print(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,"
                  "\"name\":\"bench\",\"lang\":\"c\",\"version\":\"1\",\"protocol\":1,"
                  "\"headers\":true,\"no_responders\":true}\r\n");
}

static void on_pong(struct load *l, struct conn *c)
{
    if (c->pings == 0) {
        load_fail(l, "a PONG that was not asked for");
        return;
    }
    c->pings--;
    l->pings_open--;
    CHECK(l->pings_open >= 0);
}

size_t take_control(struct load *l, struct conn *c, const char *at, size_t size)
{
    const char *end = memchr(at, '\n', size);
    if (end == NULL) {
        if (size > LOAD_FRAME_EXTRA)
            load_fail(l, "a control line without end");
        return 0;
    }
    size_t line = (size_t)(end - at) + 1;
    if (line == 6 && memcmp(at, "PONG\r\n", 6) == 0) {
        on_pong(l, c);
    } else if (line == 6 && memcmp(at, "PING\r\n", 6) == 0) {
        conn_append(c, "PONG\r\n", 6);
    } else if (line < 5 || memcmp(at, "INFO ", 5) != 0) {
        load_fail(l, "connection %d: unexpected: %.*s", c->index, (int)(line > 80 ? 80 : line), at);
    }
    return line;
}

size_t take_none(struct load *l, struct conn *c, const char *at, size_t size)
{
    return take_control(l, c, at, size);
}

/* Takes all frames in what was read, and keeps the piece of one at its end. */
static void take_all(struct load *l, struct conn *c, size_t size)
{
    size_t taken = 0;
    while (taken < size && !load_failed(l)) {
        size_t n = c->take(l, c, l->buffer + taken, size - taken);
        if (n == 0)
            break;
        taken += n;
        DCHECK(taken <= size);
    }
    c->rest_size = size - taken;
    grow(&c->rest, &c->rest_max, c->rest_size);
    if (c->rest_size > 0)
        memcpy(c->rest, l->buffer + taken, c->rest_size);
}

void conn_read(struct load *l, struct conn *c)
{
    while (!load_failed(l)) {
        if (c->rest_size > 0)
            memcpy(l->buffer, c->rest, c->rest_size);
        CHECK(c->rest_size + LOAD_READ_SIZE <= l->buffer_size);
        ssize_t n = recv(c->fd, l->buffer + c->rest_size, LOAD_READ_SIZE, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            load_fail(l, "connection %d: %s", c->index, n == 0 ? "closed" : strerror(errno));
            return;
        }
        take_all(l, c, c->rest_size + (size_t)n);
        if (!conn_idle_output(c))
            conn_flush(l, c);
        if (n < LOAD_READ_SIZE)
            return;
    }
}

void load_turn(struct load *l, uint64_t wait_ns)
{
    struct epoll_event events[LOAD_EVENTS];
    if (l->o.spin)
        wait_ns = 0;
    struct timespec wait = {(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)};
    int count = epoll_pwait2(l->epoll, events, LOAD_EVENTS, &wait, NULL);
    for (int i = 0; i < count; i++) {
        struct conn *c = events[i].data.ptr;
        if ((events[i].events & EPOLLOUT) != 0 && !conn_idle_output(c))
            conn_flush(l, c);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !c->held)
            conn_read(l, c);
    }
    if (clock_ns() - l->start_ns > (uint64_t)(l->o.limit_s * 1e9))
        load_fail(l, "not done within %.0f s", l->o.limit_s);
}

void load_sync(struct load *l)
{
    while (l->pings_open > 0 && !load_failed(l))
        load_turn(l, 100000000);
}

void load_settle(struct load *l, uint64_t wait_ns)
{
    uint64_t end = clock_ns() + wait_ns;
    for (uint64_t now = clock_ns(); now < end && !load_failed(l); now = clock_ns())
        load_turn(l, end - now);
}
