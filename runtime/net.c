/* SPDX-License-Identifier: Apache-2.0 */
/* net.c -- the owner's calls, led to the world they run in; and addresses. */
#include "runtime/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/worker.h"

static const struct world_ops *ops(void)
{
    return current_worker->system->world->ops;
}

int net_listen(struct actor *owner, const struct listen_options *options, accept_fn *on_accept,
               struct listener **ret_listener)
{
    CHECK(owner->class->pinned);
    return ops()->listen(owner, options, on_accept, ret_listener);
}

void listener_address(const struct listener *listener, struct net_address *ret_address)
{
    ops()->listener_address(listener, ret_address);
}

void listener_close(struct listener **listener)
{
    if (*listener != NULL)
        ops()->listener_close(*listener);
    *listener = NULL;
}

int conn_adopt(struct actor *owner, const struct conn_events *events,
               const struct accepted *accepted, struct conn **ret_conn)
{
    CHECK(owner->class->pinned);
    return ops()->conn_adopt(owner, events, accepted, ret_conn);
}

void accepted_refuse(const struct accepted *accepted)
{
    ops()->accepted_refuse(accepted);
}

int conn_dial(struct actor *owner, const struct conn_events *events,
              const struct net_address *address, struct conn **ret_conn)
{
    CHECK(owner->class->pinned);
    return ops()->conn_dial(owner, events, address, ret_conn);
}

void conn_read_start(struct conn *conn)
{
    ops()->read_start(conn);
}

void conn_read_stop(struct conn *conn)
{
    ops()->read_stop(conn);
}

ssize_t conn_try_write(struct conn *conn, const struct iovec *parts, unsigned count)
{
    return ops()->try_write(conn, parts, count);
}

int conn_write(struct conn *conn, const struct iovec *parts, unsigned count)
{
    return ops()->write(conn, parts, count);
}

void conn_close(struct conn *conn)
{
    ops()->conn_close(conn);
}

void conn_local_address(const struct conn *conn, struct net_address *ret_address)
{
    ops()->local_address(conn, ret_address);
}

void net_address_text(const struct net_address *address, char *ret_text, uint16_t *ret_port)
{
    const char *text = NULL;
    if (address->any.sa_family == AF_INET6) {
        text = inet_ntop(AF_INET6, &address->v6.sin6_addr, ret_text, NET_HOST_MAX);
        *ret_port = ntohs(address->v6.sin6_port);
    } else {
        text = inet_ntop(AF_INET, &address->v4.sin_addr, ret_text, NET_HOST_MAX);
        *ret_port = ntohs(address->v4.sin_port);
    }
    CHECK(text != NULL);
}

int net_address_parse(const char *host, uint16_t port, struct net_address *ret_address)
{
    struct net_address address = {0};
    if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1)
        address.v4.sin_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1)
        address.v6.sin6_family = AF_INET6;
    else
        return -EINVAL;
    net_address_set_port(&address, port);
    *ret_address = address;
    return 0;
}

void net_address_set_port(struct net_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

int signals_watch(struct actor *self, int number, signal_fn *on_signal)
{
    CHECK(self->class->pinned);
    return ops()->signal_watch(self, number, on_signal);
}

void signals_ignore(struct actor *self)
{
    ops()->signals_ignore(self);
}
