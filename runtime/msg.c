/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/msg.h"

#include <string.h>

#include "runtime/base/check.h"
#include "runtime/worker.h"

/* The runtime speaks to actors of any class by these; their kinds are the first of every table. */
static const struct msg_type gone_message_type = {"GONE", RUNTIME_GONE, false, sizeof(struct msg),
                                                  msg_drop_plain};
const struct msg_type timer_message_type = {"TIMER", RUNTIME_TIMER, false, sizeof(struct msg_timer),
                                            msg_drop_plain};

static const struct msg_type stop_message_type = {"STOP", RUNTIME_STOP, true, sizeof(struct msg),
                                                  msg_drop_plain};

void actor_stop(struct actor_ref whom, uint32_t tag)
{
    actor_ask(whom, msg_alloc(&stop_message_type), tag);
}

void msg_drop_plain(struct msg *m)
{
    (void)m;
}

void msg_io_drop(struct msg *m)
{
    struct msg_io *io = (struct msg_io *)(void *)m;
    if (io->data != NULL && io->drop_data != NULL)
        io->drop_data(io->data);
}

void msg_io_done(struct msg *m)
{
    CHECK(m->type->kind == RUNTIME_IO);
    struct msg_io *io = (struct msg_io *)(void *)m;
    void *data = io->data;
    io->data = NULL;
    if (data != NULL && io->done_data != NULL)
        io->done_data(data);
}

struct msg *msg_alloc(const struct msg_type *type)
{
    struct msg *m = heap_alloc(&current_worker->heap, type->size);
    memset(m, 0, type->size);
    m->type = type;
    return m;
}

struct msg *msg_alloc_foreign(const struct msg_type *type)
{
    struct msg *m = heap_alloc_unowned(type->size);
    m->type = type;
    return m;
}

void msg_free(struct msg **at)
{
    struct msg *m = *at;
    *at = NULL;
    if (m->type->request && m->from.id != 0) {
        struct reply reply = reply_take(m);
        reply_gone(&reply);
    }
    m->type->drop(m);
    heap_free(&current_worker->heap, m);
}

struct reply reply_take(struct msg *request)
{
    CHECK(request->type->request);
    struct reply reply = {request->from, request->tag};
    request->from = NOBODY;
    return reply;
}

void reply_send(struct reply *reply, struct msg *answer)
{
    struct actor_ref to = reply->to;
    CHECK(to.id != 0);
    DCHECK(!answer->type->request);
    answer->tag = reply->tag;
    reply->to = NOBODY;
    actor_send(to, answer);
}

void reply_gone(struct reply *reply)
{
    if (reply->to.id != 0)
        reply_send(reply, msg_alloc(&gone_message_type));
}
