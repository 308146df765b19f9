/* SPDX-License-Identifier: Apache-2.0 */
/* forward.c -- the kernel's floor: takes the bytes that a server would take, and sends as many bytes
 * to the sockets that a server would send to, with as few system calls as that needs.
 *
 *     forward --port P
 *
 * What it does     It never looks at what it moves. A connection opens with one line,
 *                      RAW <frame_in> <frame_out> <to> <member> <spread>
 *                  which says: my frames have `frame_in` bytes (0: I send none); each is worth
 *                  `frame_out` bytes to each member of group `to` (0: to nobody), or, if `spread` is
 *                  1, to one of them in turn; I am in group `member` (0: in none). From then on one
 *                  recv of up to 256 KiB is turned into a count of frames, and the receivers each get
 *                  one send of count x frame_out bytes, out of one buffer that stays in the cache.
 *                  PING at the end of what arrives is answered with PONG.
 * By workload      publish only: reads. 1 to 1, fan-in: a read, a send. Fan-out, 4 to 4, wildcards: a read,
 *                  a send to each. Queue group: a read, its frames dealt out evenly, a send to each member.
 *                  Request-reply: asker and answerer are groups of one, each sending to the other.
 *                  Churn: reads.
 * What it lacks    all that makes a server: no parsing, no matching, no copy, no headers made.
 *                  What a server costs above this is its own.
 * Bounds           the generator's window bounds what waits here; groups and connections are bounded.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/check.h"

enum {
    READ_SIZE = 256 * 1024,
    SEND_SIZE = 1024 * 1024,
    GROUPS = 65,
    MEMBERS_MAX = 4096,
    EVENTS = 256,
    GREETING_MAX = 128,
    PING_SIZE = 6,
};

struct peer {
    int fd;
    bool greeted;
    char greeting[GREETING_MAX];
    size_t greeting_size;
    size_t frame_in;
    size_t frame_out;
    int to;
    bool spread;
    size_t part;          /* bytes of a frame that is not all here */
    char tail[PING_SIZE]; /* the last bytes that came */
    uint64_t owed;        /* bytes to be sent */
};

struct group {
    struct peer *members[MEMBERS_MAX]; /* borrowed */
    int count;
    int turn; /* who gets the first frame that cannot be dealt out evenly */
};

struct forward {
    int epoll;
    int listener;
    char *buffer; /* what is read: never looked at */
    char *filler; /* what is sent */
    struct group groups[GROUPS];
};

/* A peer that went away stays in its groups, closed: the generator ends all of them together. */
static void peer_close(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static void peer_flush(struct forward *f, struct peer *p)
{
    while (p->owed > 0 && p->fd >= 0) {
        size_t size = p->owed < SEND_SIZE ? (size_t)p->owed : SEND_SIZE;
        ssize_t n = send(p->fd, f->filler, size, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                peer_close(p);
            return;
        }
        p->owed -= (uint64_t)n;
    }
}

static void group_spread(struct forward *f, struct group *g, uint64_t frames, size_t size)
{
    uint64_t each = frames / (uint64_t)g->count, left = frames % (uint64_t)g->count;
    for (int i = 0; i < g->count; i++) {
        struct peer *p = g->members[(g->turn + i) % g->count];
        p->owed += (each + ((uint64_t)i < left)) * size;
        peer_flush(f, p);
    }
    g->turn = (g->turn + (int)left) % g->count;
}

static void deliver(struct forward *f, struct peer *from, uint64_t frames)
{
    struct group *g = &f->groups[from->to];
    if (from->to == 0 || g->count == 0 || frames == 0)
        return;
    if (from->spread) {
        group_spread(f, g, frames, from->frame_out);
        return;
    }
    for (int i = 0; i < g->count; i++) {
        g->members[i]->owed += frames * from->frame_out;
        peer_flush(f, g->members[i]);
    }
}

/* Remembers the last bytes of all that came; whether they are a PING. */
static bool ends_in_ping(struct peer *p, const char *at, size_t size)
{
    size_t new = size < PING_SIZE ? size : PING_SIZE;
    memmove(p->tail, p->tail + new, PING_SIZE - new);
    memcpy(p->tail + PING_SIZE - new, at + size - new, new);
    return memcmp(p->tail, "PING\r\n", PING_SIZE) == 0;
}

static void pong(struct forward *f, struct peer *p)
{
    /* Only asked for when nothing is owed, or on a connection that is owed nothing ever. */
    CHECK(p->owed == 0);
    if (send(p->fd, "PONG\r\n", PING_SIZE, MSG_NOSIGNAL) != PING_SIZE)
        peer_close(p);
}

static void on_bytes(struct forward *f, struct peer *p, const char *at, size_t size)
{
    bool ping = ends_in_ping(p, at, size);
    size_t whole = p->part + size;
    if (p->frame_in > 0) {
        uint64_t frames = whole / p->frame_in;
        p->part = whole % p->frame_in;
        deliver(f, p, frames);
    }
    if (ping) {
        p->part = 0;
        memset(p->tail, 0, PING_SIZE);
        pong(f, p);
    }
}

/* The opening line and its PING; nothing follows them before the PONG. */
static void on_greeting(struct forward *f, struct peer *p, const char *at, size_t size)
{
    size_t room = GREETING_MAX - 1 - p->greeting_size;
    size_t taken = size < room ? size : room;
    memcpy(p->greeting + p->greeting_size, at, taken);
    p->greeting_size += taken;
    if (strstr(p->greeting, "PING\r\n") == NULL)
        return;
    int to, member, spread;
    if (sscanf(p->greeting, "RAW %zu %zu %d %d %d", &p->frame_in, &p->frame_out, &to, &member,
               &spread) != 5 ||
        to < 0 || to >= GROUPS || member < 0 || member >= GROUPS) {
        peer_close(p);
        return;
    }
    p->to = to;
    p->spread = spread != 0;
    p->greeted = true;
    struct group *g = &f->groups[member];
    if (member > 0 && g->count < MEMBERS_MAX)
        g->members[g->count++] = p;
    pong(f, p);
}

static void peer_read(struct forward *f, struct peer *p)
{
    while (p->fd >= 0) {
        ssize_t n = recv(p->fd, f->buffer, READ_SIZE, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            peer_close(p);
            return;
        }
        if (p->greeted)
            on_bytes(f, p, f->buffer, (size_t)n);
        else
            on_greeting(f, p, f->buffer, (size_t)n);
        if (n < READ_SIZE)
            return;
    }
}

static void accept_all(struct forward *f)
{
    int fd;
    while ((fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct peer *p = calloc(1, sizeof *p);
        CHECK(p != NULL);
        p->fd = fd;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = p};
        CHECK(epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    }
}

static void listen_on(struct forward *f, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    f->epoll = epoll_create1(EPOLL_CLOEXEC);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(f->listener, (struct sockaddr *)&at, sizeof at) < 0 ||
        listen(f->listener, MEMBERS_MAX) < 0) {
        perror("forward: listen");
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    CHECK(epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->listener, &event) == 0);
}

/* Runs until it is ended by a signal. Peers live as long as the process. */
static void serve(struct forward *f)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(f->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct peer *p = events[i].data.ptr;
            if (p == NULL) {
                accept_all(f);
                continue;
            }
            if ((events[i].events & EPOLLOUT) != 0)
                peer_flush(f, p);
            if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
                peer_read(f, p);
        }
    }
}

int main(int argc, char **argv)
{
    int port = argc == 3 && strcmp(argv[1], "--port") == 0 ? atoi(argv[2]) : 0;
    if (port < 1 || port > 65535) {
        fprintf(stderr, "usage: forward --port P\n");
        return 2;
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    struct forward *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->buffer = calloc(1, READ_SIZE);
    f->filler = calloc(1, SEND_SIZE);
    CHECK(f->buffer != NULL && f->filler != NULL);
    listen_on(f, port);
    serve(f);
}
