/* SPDX-License-Identifier: Apache-2.0 */
/* net.h -- listeners and stream connections, as their owners see them.
 *
 * A connection belongs to one pinned actor, on the worker where it was adopted. Its events are calls,
 * run as turns of the owner: the bytes are borrowed for the call. Errors are negative errno values,
 * which is libuv's convention.
 *
 * Life: conn_adopt or conn_dial -> conn_read_start ... -> conn_close -> on_closed, exactly once and
 * last. After an error or the end of the stream (on_read with size < 0) the owner closes.
 */
#ifndef RUNTIME_NET_H
#define RUNTIME_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct actor;
struct conn;
struct listener;

#define NET_EOF (-4095) /* on_read: the peer has ended the stream; libuv's number */
#define NET_HOST_MAX 46 /* an IPv6 address in text, with its end */

struct net_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

/* Where the next bytes go. */
struct net_space {
    char *at;
    size_t size;
};

struct conn_events {
    /* Optional: the owner's own place for the next bytes (a large payload's buffer, a kept line in
     * front of the worker's read buffer). Set already to the worker's read buffer. */
    void (*on_space)(struct actor *self, struct net_space *space);
    /* size bytes came to the place that on_space gave; size < 0: an error, or NET_EOF. */
    void (*on_read)(struct actor *self, char *at, ssize_t size);
    /* The bytes given to conn_write went out, or status says why not. */
    void (*on_written)(struct actor *self, int status);
    void (*on_closed)(struct actor *self);
};

/* A connection that a listener took in, not yet on a worker. Plain data: it may travel in a message.
 * Must be adopted or refused, once. */
struct accepted {
    int64_t token; /* the world's */
    struct net_address peer;
};

struct listen_options {
    struct net_address address; /* port 0: any free one */
    int backlog;
};

typedef void accept_fn(struct actor *self, const struct accepted *accepted);

/* Listens on the running actor's worker. on_accept runs as a turn of it. */
int net_listen(struct actor *owner, const struct listen_options *options, accept_fn *on_accept,
               struct listener **ret_listener) __attribute__((warn_unused_result));
void listener_address(const struct listener *listener, struct net_address *ret_address);
void listener_close(struct listener **listener);

int conn_adopt(struct actor *owner, const struct conn_events *events,
               const struct accepted *accepted, struct conn **ret_conn)
    __attribute__((warn_unused_result));
void accepted_refuse(const struct accepted *accepted);

/* Connects out. on_written(self, 0) tells that it stands, on_written(self, error) that it failed. */
int conn_dial(struct actor *owner, const struct conn_events *events,
              const struct net_address *address, struct conn **ret_conn)
    __attribute__((warn_unused_result));

void conn_read_start(struct conn *conn);
void conn_read_stop(struct conn *conn);

/* Gives the kernel what it takes now: the number of bytes, 0 when it takes none, or an error. Not
 * while a conn_write is under way. */
ssize_t conn_try_write(struct conn *conn, const struct iovec *parts, unsigned count);

/* Writes the parts when the kernel can take them; the bytes must stay until on_written. One at a
 * time. */
int conn_write(struct conn *conn, const struct iovec *parts, unsigned count)
    __attribute__((warn_unused_result));

void conn_close(struct conn *conn);
void conn_local_address(const struct conn *conn, struct net_address *ret_address);

/* "127.0.0.1" and 4222; text fits NET_HOST_MAX. */
void net_address_text(const struct net_address *address, char *ret_text, uint16_t *ret_port);
int net_address_parse(const char *host, uint16_t port, struct net_address *ret_address);
void net_address_set_port(struct net_address *address, uint16_t port);

#endif
