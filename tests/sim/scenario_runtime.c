/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_runtime.c -- the runtime alone: small actors that talk, and an echo server. */
#include <errno.h>
#include <string.h>

#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/buf.h"
#include "runtime/system.h"
#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"

/* --- two actors hand a ball on ------------------------------------------------------------------- */

#define PLAYER_MESSAGES(X, R)                                           \
    RUNTIME_MESSAGES(X, PLAYER)                                         \
    R(PLAYER_BALL, msg, msg_drop_plain)   /* the other player: catch */ \
    X(PLAYER_CAUGHT, msg, msg_drop_plain) /* the other player: got it */

enum player_message { PLAYER_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) PLAYER_KINDS };
static const struct msg_type player_types[PLAYER_KINDS] = {
    PLAYER_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

#define THROWS 200u

struct game {
    struct actor_ref players[2];
    unsigned caught;
    unsigned gone; /* balls that were answered by the other's end */
};

struct player {
    struct actor actor;
    struct game *game;
    unsigned side;
    unsigned thrown;
    unsigned answered;
};

static void throw_ball(struct player *p)
{
    p->thrown++;
    actor_ask(p->game->players[1 - p->side], msg_alloc(&player_types[PLAYER_BALL]), p->thrown);
}

static void player_receive(struct actor *self, struct msg *m)
{
    struct player *p = (struct player *)(void *)self;
    switch ((enum player_message)m->type->kind) {
    case PLAYER_GONE:
        p->answered++;
        p->game->gone++;
        actor_exit(self);
        break;
    case PLAYER_STOP:
    case PLAYER_IO: break;
    case PLAYER_TIMER: throw_ball(p); break;
    case PLAYER_BALL: {
        struct reply reply = reply_take(m);
        p->game->caught++;
        reply_send(&reply, msg_alloc(&player_types[PLAYER_CAUGHT]));
        (void)actor_after(self, 0, prng_below(worker_prng(), 3));
        break;
    }
    case PLAYER_CAUGHT:
        CHECK(m->tag <= p->thrown);
        if (++p->answered == THROWS / 2)
            actor_exit(self); /* the other's last ball finds nobody */
        break;
    case PLAYER_KINDS: UNREACHABLE("no message has this kind");
    }
}

static void player_done(struct actor *self)
{
    (void)self;
}

static const struct actor_class player_class = {
    .name = "player",
    .types = player_types,
    .type_count = PLAYER_KINDS,
    .receive = player_receive,
    .done = player_done,
};

struct spawn {
    struct game *game;
    unsigned side;
};

static void spawn_player(void *context)
{
    struct spawn *spawn = context;
    struct player *p = (struct player *)(void *)actor_spawn(&player_class, sizeof *p);
    p->game = spawn->game;
    p->side = spawn->side;
    spawn->game->players[spawn->side] = p->actor.self;
    if (spawn->side == 0)
        (void)actor_after(&p->actor, 0, 1);
}

static bool world_stopped(void *context)
{
    return sim_world_stopped(context);
}

void scenario_ping_pong(struct run *run)
{
    struct world *world = sim_world_new(run->sim, sim_host(run->sim));
    struct system_options options = {2};
    struct system *system = system_new(world, &options);
    struct game game = {0};
    for (unsigned side = 2; side-- > 0;) {
        struct spawn spawn = {&game, side};
        system_on_worker(system, (uint16_t)side, spawn_player, &spawn);
    }
    if (!run_until(run, world_stopped, world, 60 * SECONDS, "both players end"))
        UNREACHABLE("a system that does not end can not be freed");
    if (game.caught != THROWS - 1 || game.gone != 1)
        run_fail(run, "%u balls were caught, %u found nobody", game.caught, game.gone);
    sim_world_end(world);
    system_free(&system);
    sim_world_free(&world);
}

/* --- an echo server ----------------------------------------------------------------------------- */

#define ECHO_CLIENTS 5u
#define ECHO_BYTES 20000u

#define HOST_MESSAGES(X, R)                                               \
    RUNTIME_MESSAGES(X, HOST)                                             \
    X(HOST_GUEST, host_guest, msg_drop_plain) /* the door: one for you */ \
    X(HOST_LEFT, msg, msg_drop_plain)         /* a guest: I am gone */

enum host_message { HOST_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) HOST_KINDS };

struct host_guest {
    struct msg msg;
    struct actor_ref door;
    struct accepted accepted;
};

static const struct msg_type host_types[HOST_KINDS] = {
    HOST_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

struct echo {
    struct actor actor;
    struct conn *conn;
    struct listener *listener;
    struct actor_ref door;
    struct actor_ref peers[2];
    unsigned next;
    unsigned left;
    char *kept; /* being written */
};

static void echo_read(struct actor *self, char *at, ssize_t size)
{
    struct echo *e = (struct echo *)(void *)self;
    if (size < 0) {
        conn_close(e->conn);
        return;
    }
    struct iovec part = {at, (size_t)size};
    ssize_t written = conn_try_write(e->conn, &part, 1);
    if (written < 0) {
        conn_close(e->conn);
        return;
    }
    if (written == size)
        return;
    e->kept = mem_alloc((size_t)(size - written));
    memcpy(e->kept, at + written, (size_t)(size - written));
    conn_read_stop(e->conn);
    part = (struct iovec){e->kept, (size_t)(size - written)};
    CHECK(conn_write(e->conn, &part, 1) == 0);
}

static void echo_written(struct actor *self, int status)
{
    struct echo *e = (struct echo *)(void *)self;
    mem_free(e->kept);
    e->kept = NULL;
    if (status == -ECANCELED)
        return;
    if (status != 0)
        conn_close(e->conn);
    else
        conn_read_start(e->conn);
}

static void echo_closed(struct actor *self)
{
    struct echo *e = (struct echo *)(void *)self;
    actor_send(e->door, msg_alloc(&host_types[HOST_LEFT]));
    actor_exit(self);
}

static const struct conn_events echo_events = {.on_read = echo_read,
                                               .on_written = echo_written,
                                               .on_closed = echo_closed};

static const struct actor_class echo_class;

static void echo_accept(struct actor *self, const struct accepted *accepted)
{
    struct echo *door = (struct echo *)(void *)self;
    struct host_guest *m = MSG_NEW(host_types, HOST_GUEST, host_guest);
    m->accepted = *accepted;
    m->door = self->self;
    struct actor_ref peer = door->peers[door->next++ % 2];
    SEND(peer, m);
}

static void echo_guest(const struct host_guest *m)
{
    struct echo *e = (struct echo *)(void *)actor_spawn(&echo_class, sizeof *e);
    e->door = m->door;
    CHECK(conn_adopt(&e->actor, &echo_events, &m->accepted, &e->conn) == 0);
    conn_read_start(e->conn);
}

static void echo_receive(struct actor *self, struct msg *m)
{
    struct echo *e = (struct echo *)(void *)self;
    switch ((enum host_message)m->type->kind) {
    case HOST_GUEST: echo_guest((struct host_guest *)(void *)m); break;
    case HOST_LEFT:
        if (++e->left < ECHO_CLIENTS)
            break;
        listener_close(&e->listener);
        actor_send(e->peers[1], msg_alloc(&host_types[HOST_LEFT])); /* it may go as well */
        actor_exit(self);
        break;
    default: UNREACHABLE("nobody sends it");
    }
    if (e->listener == NULL && m->type->kind == HOST_LEFT && !self->exiting)
        actor_exit(self);
}

static void echo_done(struct actor *self)
{
    CHECK(((struct echo *)(void *)self)->kept == NULL);
}

static const struct actor_class echo_class = {
    .name = "echo",
    .types = host_types,
    .type_count = HOST_KINDS,
    .pinned = true,
    .receive = echo_receive,
    .done = echo_done,
};

struct guest {
    struct run *run;
    struct sim_client *client;
    struct net_address address;
    unsigned number;
    size_t sent;
    size_t received;
    bool over;
};

static char echo_byte(const struct guest *g, size_t at)
{
    return (char)(at * 7 + at / 251 + g->number);
}

static void guest_send(struct guest *g)
{
    char bytes[997];
    size_t size = 1 + prng_below(g->run->prng, sizeof bytes);
    if (size > ECHO_BYTES - g->sent)
        size = ECHO_BYTES - g->sent;
    for (size_t i = 0; i < size; i++)
        bytes[i] = echo_byte(g, g->sent + i);
    g->sent += size;
    sim_client_send(g->client, (struct bytes){bytes, size});
    if (g->sent < ECHO_BYTES)
        sim_client_timer(g->client, prng_below(g->run->prng, 2 * MILLISECONDS));
}

static void guest_timer(void *context)
{
    guest_send(context);
}

static void guest_connected(void *context, int status)
{
    struct guest *g = context;
    if (status != 0)
        run_fail(g->run, "guest %u was not let in: %d", g->number, status);
    else
        guest_send(g);
}

static void guest_bytes(void *context, struct bytes bytes)
{
    struct guest *g = context;
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.at[i] != echo_byte(g, g->received + i)) {
            run_fail(g->run, "guest %u got a wrong byte at %zu", g->number, g->received + i);
            return;
        }
    g->received += bytes.size;
    if (g->received == ECHO_BYTES) {
        sim_client_close(g->client);
        g->over = true;
    }
}

static void guest_closed(void *context, int status)
{
    struct guest *g = context;
    run_fail(g->run, "guest %u was thrown out: %d", g->number, status);
}

static const struct sim_client_events guest_events = {guest_connected, guest_bytes, guest_closed,
                                                      guest_timer};

struct echo_setup {
    struct actor_ref peers[2];
    struct net_address address;
};

static void spawn_echo(void *context)
{
    struct echo_setup *setup = context;
    unsigned side = worker_index();
    struct echo *e = (struct echo *)(void *)actor_spawn(&echo_class, sizeof *e);
    setup->peers[side] = e->actor.self;
    e->peers[0] = setup->peers[0];
    e->peers[1] = setup->peers[1];
    if (side == 1)
        return;
    struct listen_options options = {.backlog = 2};
    CHECK(net_address_parse("0.0.0.0", 0, &options.address) == 0);
    CHECK(net_listen(&e->actor, &options, echo_accept, &e->listener) == 0);
    listener_address(e->listener, &setup->address);
}

void scenario_echo(struct run *run)
{
    struct world *world = sim_world_new(run->sim, sim_host(run->sim));
    struct system_options options = {2};
    struct system *system = system_new(world, &options);
    struct echo_setup setup = {0};
    system_on_worker(system, 1, spawn_echo, &setup);
    system_on_worker(system, 0, spawn_echo, &setup);
    struct guest guests[ECHO_CLIENTS];
    unsigned host = sim_host(run->sim);
    for (unsigned i = 0; i < ECHO_CLIENTS; i++) {
        guests[i] = (struct guest){.run = run, .number = i};
        guests[i].client = sim_client_new(run->sim, host, &guest_events, &guests[i]);
        sim_client_connect(guests[i].client, &setup.address);
    }
    (void)run_until(run, world_stopped, world, 600 * SECONDS, "all guests have their bytes");
    for (unsigned i = 0; i < ECHO_CLIENTS; i++)
        sim_client_free(&guests[i].client);
    CHECK(!run->failed);
    sim_world_end(world);
    system_free(&system);
    sim_world_free(&world);
}
