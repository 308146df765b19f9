/* SPDX-License-Identifier: Apache-2.0 */
/* listener.c -- connections in, dealt round to the workers; and who is here.
 *
 * The first listener owns the socket, numbers connections and counts them; each other one adopts what
 * it is sent. Each keeps the handles of its own worker's clients, for whoever must reach them all.
 */
#include "actors/listener/listener.h"

#include <string.h>

#include "actors/client/client_msg.h"
#include "actors/listener/listener_msg.h"
#include "actors/listener/listener_report.h"
#include "actors/listener/members.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/base/prng.h"

#define BACKLOG 4096
#define SWEEP_SLICE 256u
#define FIRST_CID 1

struct listener_state {
    struct actor actor;
    struct listener_options options;
    const struct client_settings *settings;
    struct listener *socket; /* the first listener's, when open */
    uint64_t next_cid;
    uint32_t connections; /* the first listener's count of all */
    uint16_t next_peer;
    bool stopping;
    struct reply stopped; /* who waits for our end */
    struct reply emptied; /* lame duck: who waits for the last client's */
    const struct msg_type *empty_answer;
    struct timer timer; /* lame duck: the next client is closed */
    uint64_t close_every_ms;
    uint32_t close_batch;
    struct members clients;    /* of this worker */
    uint32_t sweep_left;       /* members from here on were told already */
    struct closed_ring closed; /* the first listener's */
};

const struct msg_type listener_types[LISTENER_KINDS] = {
    LISTENER_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

void listener_adopt_drop(struct msg *m)
{
    struct listener_adopt *adopt = (struct listener_adopt *)(void *)m;
    if (adopt->held)
        accepted_refuse(&adopt->accepted);
}

/* --- taking connections in ----------------------------------------------------------------------- */

static bool over_limit(const struct listener_state *l)
{
    int32_t max = l->options.connections_max;
    return max < 0 || (max > 0 && l->connections >= (uint32_t)max);
}

static void on_accept(struct actor *self, const struct accepted *accepted)
{
    struct listener_state *l = (struct listener_state *)(void *)self;
    struct listener_adopt *m = MSG_NEW(listener_types, LISTENER_ADOPT, listener_adopt);
    m->accepted = *accepted;
    m->held = true;
    m->cid = l->next_cid++;
    m->refuse = over_limit(l);
    l->connections++;
    struct actor_ref peer = l->options.peers[l->next_peer];
    l->next_peer = (uint16_t)((l->next_peer + 1) % l->options.peer_count);
    SEND(peer, m);
}

static void on_adopt(struct listener_state *l, struct listener_adopt *m)
{
    if (l->stopping)
        return; /* the drop refuses it */
    m->held = false;
    members_add(&l->clients, l->options.spawn_client(l->settings, &m->accepted, m->cid,
                                                     l->actor.self, m->refuse));
}

static void on_client_closed(struct listener_state *l, struct listener_client_closed *m)
{
    bool known = members_remove(&l->clients, m->client);
    CHECK(known);
    struct listener_less *less = MSG_NEW(listener_types, LISTENER_LESS, listener_less);
    less->count = 1;
    less->record = m->record;
    m->record = NULL;
    SEND(l->options.peers[0], less);
}

static void on_less(struct listener_state *l, struct listener_less *m)
{
    CHECK(l->connections >= m->count);
    l->connections -= m->count;
    closed_ring_add(&l->closed, &m->record);
}

static void on_report(struct listener_state *l, struct listener_report *m)
{
    const struct listener_figures figures = {l->clients.refs, l->clients.count, l->connections,
                                             l->socket != NULL};
    listener_answer_report(m, &figures);
}

/* --- life --------------------------------------------------------------------------------------- */

static void close_client(struct listener_state *l, uint32_t nth)
{
    struct client_close *m = MSG_NEW(client_types, CLIENT_CLOSE, client_close);
    m->reason = CLOSED_STATE_SERVER_SHUTDOWN;
    SEND(l->clients.refs[nth], m);
}

/* Everybody is told a slice at a time: many clients hold up nobody else's turn. */
static void sweep_next(struct listener_state *l)
{
    uint32_t at = l->sweep_left < l->clients.count ? l->sweep_left : l->clients.count;
    for (uint32_t told = 0; at > 0 && told < SWEEP_SLICE; told++) {
        at--;
        if (l->stopping) {
            close_client(l, at);
        } else {
            struct client_lame_duck *m = MSG_NEW(client_types, CLIENT_LAME_DUCK, client_lame_duck);
            SEND(l->clients.refs[at], m);
        }
    }
    l->sweep_left = at;
    if (at > 0)
        actor_send(l->actor.self, msg_alloc(&listener_types[LISTENER_SWEEP]));
}

static void sweep_begin(struct listener_state *l)
{
    l->sweep_left = l->clients.count;
    sweep_next(l);
}

static void on_stop(struct listener_state *l, struct msg *m)
{
    l->stopping = true;
    l->stopped = reply_take(m);
    listener_close(&l->socket);
    timer_cancel(&l->timer);
    sweep_begin(l);
}

/* --- lame duck ----------------------------------------------------------------------------------- */

#define CLOSE_EVERY_MAX_MS 1000

static void answer_when_empty(struct listener_state *l)
{
    if (l->emptied.to.id != 0 && l->clients.count == 0)
        reply_send(&l->emptied, msg_alloc(l->empty_answer));
}

/* Clients are told at once, and closed one after the other when the grace period is over, so that they
 * do not all come to the next server in the same moment. */
static void on_lame_duck(struct listener_state *l, struct listener_lame_duck *m)
{
    l->emptied = reply_take(&m->msg);
    l->empty_answer = m->answer;
    listener_close(&l->socket);
    sweep_begin(l);
    if (l->clients.count > 0) {
        l->close_every_ms = m->over_ms / l->clients.count;
        l->close_batch = l->close_every_ms == 0 ? (uint32_t)(l->clients.count / m->over_ms) + 1 : 1;
        if (l->close_every_ms > CLOSE_EVERY_MAX_MS)
            l->close_every_ms = CLOSE_EVERY_MAX_MS;
        timer_arm(&l->timer, &l->actor, 0, m->grace_ms);
    }
}

static void on_close_next(struct listener_state *l)
{
    for (uint32_t i = 0; i < l->close_batch && i < l->clients.count; i++)
        close_client(l, l->clients.count - 1 - i);
    uint64_t half = l->close_every_ms / 2;
    timer_arm(&l->timer, &l->actor, 0, half + prng_below(worker_prng(), half + 1));
}

static void listener_receive(struct actor *self, struct msg *m)
{
    struct listener_state *l = (struct listener_state *)(void *)self;
    switch ((enum listener_message)m->type->kind) {
    case LISTENER_GONE: UNREACHABLE("a listener asks nobody");
    case LISTENER_STOP: on_stop(l, m); break;
    case LISTENER_TIMER: on_close_next(l); break;
    case LISTENER_IO: UNREACHABLE("a listener asks the world for nothing but its socket");
    case LISTENER_SWEEP: sweep_next(l); break;
    case LISTENER_OPEN: l->settings = ((struct listener_open *)(void *)m)->settings; break;
    case LISTENER_ADOPT: on_adopt(l, (struct listener_adopt *)(void *)m); break;
    case LISTENER_CLIENT_CLOSED:
        on_client_closed(l, (struct listener_client_closed *)(void *)m);
        break;
    case LISTENER_LESS: on_less(l, (struct listener_less *)(void *)m); break;
    case LISTENER_REPORT: on_report(l, (struct listener_report *)(void *)m); break;
    case LISTENER_CLOSED:
        listener_answer_closed((struct listener_closed *)(void *)m, &l->closed);
        break;
    case LISTENER_LAME_DUCK: on_lame_duck(l, (struct listener_lame_duck *)(void *)m); break;
    case LISTENER_KINDS: UNREACHABLE("no message has this kind");
    }
    answer_when_empty(l);
    if (l->stopping && l->clients.count == 0)
        actor_exit(self);
}

static void listener_done(struct actor *self)
{
    struct listener_state *l = (struct listener_state *)(void *)self;
    timer_cancel(&l->timer);
    members_done(&l->clients);
    closed_ring_done(&l->closed);
    reply_gone(&l->emptied);
    reply_gone(&l->stopped);
}

static const struct actor_class listener_class = {
    .name = "listener",
    .types = listener_types,
    .type_count = LISTENER_KINDS,
    .pinned = true,
    .receive = listener_receive,
    .done = listener_done,
};

int listener_spawn(const struct listener_options *options, bool listens,
                   struct actor_ref *ret_listener, struct net_address *ret_address)
{
    struct listener_state *l =
        (struct listener_state *)(void *)actor_spawn(&listener_class, sizeof *l);
    l->options = *options;
    closed_ring_init(&l->closed, options->closed_max);
    l->next_cid = FIRST_CID;
    *ret_listener = l->actor.self;
    if (!listens)
        return 0;
    const struct listen_options listen = {options->address, BACKLOG};
    int status = net_listen(&l->actor, &listen, on_accept, &l->socket);
    if (status == 0)
        listener_address(l->socket, ret_address);
    return status;
}
