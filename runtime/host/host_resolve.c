/* SPDX-License-Identifier: Apache-2.0 */
/* host_resolve.c -- name look-ups, by libuv's threads.
 *
 * Bounds      RESOLVE_UNDER_WAY_MAX look-ups of a worker are under way. When a worker stops, those
 *             not yet begun are cancelled, and the others are waited for: getaddrinfo can not be
 *             ended.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/host/host_loop.h"

struct look_up {
    uv_getaddrinfo_t uv;
    struct link link; /* in the worker's resolving */
    struct resolve_request *request;
};

static void on_found(uv_getaddrinfo_t *uv, int status, struct addrinfo *found)
{
    struct look_up *look_up = uv->data;
    struct world_worker *io = uv->loop->data;
    host_enter(io);
    list_remove(&look_up->link);
    io->resolving_count--;
    for (const struct addrinfo *one = found; status == 0 && one != NULL; one = one->ai_next) {
        struct net_address address = {0};
        if (one->ai_family == AF_INET)
            address.v4 = *(const struct sockaddr_in *)(const void *)one->ai_addr;
        else if (one->ai_family == AF_INET6)
            address.v6 = *(const struct sockaddr_in6 *)(const void *)one->ai_addr;
        else
            continue;
        resolve_request_add(look_up->request, &address);
    }
    uv_freeaddrinfo(found);
    resolve_request_ended(look_up->request, status);
    free(look_up);
}

void host_resolve_submit(struct worker *w, struct resolve_request *request)
{
    struct world_worker *io = w->io;
    if (io->resolving_count >= RESOLVE_UNDER_WAY_MAX) {
        resolve_request_ended(request, -EAGAIN);
        return;
    }
    struct look_up *look_up = calloc(1, sizeof *look_up);
    CHECK(look_up != NULL);
    look_up->uv.data = look_up;
    look_up->request = request;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int status = uv_getaddrinfo(&io->loop, &look_up->uv, on_found, request->host, NULL, &hints);
    if (status != 0) {
        free(look_up);
        resolve_request_ended(request, status);
        return;
    }
    list_push_back(&io->resolving, &look_up->link);
    io->resolving_count++;
}

void host_resolve_cancel(struct world_worker *io)
{
    for (struct link *at = io->resolving.next; at != &io->resolving; at = at->next) {
        struct look_up *look_up = LIST_ENTRY(at, struct look_up, link);
        (void)uv_cancel((uv_req_t *)&look_up->uv); /* -EBUSY: it runs, and will end */
    }
}
