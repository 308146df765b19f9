/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/resolve.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/worker.h"

static const struct msg_type resolve_message_type = {"RESOLVED", RUNTIME_IO, false,
                                                     sizeof(struct resolve_request), msg_io_drop};

static void call_done(void *data)
{
    struct resolve_request *request = data;
    request->on_resolved(current_worker->running, &request->answer);
}

int resolve(struct actor *self, const char *host, uint16_t port, uint32_t tag,
            resolved_fn *on_resolved)
{
    struct worker *w = current_worker;
    DCHECK(w->running == self);
    size_t length = strnlen(host, RESOLVE_HOST_MAX);
    if (length == 0 || length == RESOLVE_HOST_MAX)
        return -EINVAL;
    struct resolve_request *request =
        (struct resolve_request *)(void *)msg_alloc(&resolve_message_type);
    memcpy(request->host, host, length + 1);
    request->io.data = request;
    request->io.done_data = call_done;
    request->worker = w;
    request->owner = self->self;
    request->on_resolved = on_resolved;
    request->port = port;
    request->answer.host = request->host;
    request->answer.tag = tag;
    w->system->world->ops->resolve_submit(w, request);
    return 0;
}

static bool same(const struct net_address *a, const struct net_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0 &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

void resolve_request_add(struct resolve_request *request, const struct net_address *address)
{
    struct resolved *answer = &request->answer;
    CHECK(address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6);
    for (uint32_t i = 0; i < answer->count; i++)
        if (same(&answer->addresses[i], address))
            return;
    if (answer->count == RESOLVE_ADDRESSES_MAX)
        return;
    answer->addresses[answer->count] = *address;
    net_address_set_port(&answer->addresses[answer->count++], request->port);
}

void resolve_request_ended(struct resolve_request *request, int status)
{
    struct resolved *answer = &request->answer;
    if (status == 0 && answer->count == 0)
        status = RESOLVE_NO_NAME;
    if (status != 0)
        answer->count = 0;
    answer->status = status;
    request->io.result = status;
    DCHECK(implies(status == 0, answer->count > 0));
    worker_post(request->worker, request->owner, &request->io.msg);
}
