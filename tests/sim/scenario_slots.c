/* SPDX-License-Identifier: Apache-2.0 */
/* scenario_slots.c -- actors that ask each other, end, and begin again in the slots of others.
 *
 * Checked     every request is answered once, by its receiver or by its end; every message is dropped
 *             once, handled or not; an answer comes to who asked and to nobody who has its slot now.
 */
#include <inttypes.h>

#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "runtime/system.h"
#include "tests/sim/scenario.h"
#include "tests/sim/scenarios.h"

#define CELLS 24u
#define ACTS 3000u
#define ASKS_MAX 32u /* of one cell, unanswered */

/* clang-format off */
#define CELL_MESSAGES(X, R)                                                  \
    RUNTIME_MESSAGES(X, CELL)                                                \
    R(CELL_ASK,  cell_ask, cell_message_drop) /* another cell: say something */ \
    X(CELL_TOLD, cell_ask, cell_message_drop) /* the one that was asked */      \
    X(CELL_WAKE, cell_ask, cell_message_drop) /* another cell: do something */
/* clang-format on */

enum cell_message { CELL_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) CELL_KINDS };

struct colony {
    struct run *run;
    struct actor_ref cells[CELLS]; /* some of them are no more */
    uint32_t acts;
    uint32_t serial;
    uint64_t made; /* messages */
    uint64_t dropped;
    uint64_t asked;
    uint64_t answered;
    uint64_t forgotten; /* asked by cells that ended before the answer */
};

struct cell_ask {
    struct msg msg;
    struct colony *colony;
    uint32_t asker; /* serial */
};

struct cell {
    struct actor actor;
    struct colony *colony;
    uint32_t place;
    uint32_t serial;
    uint32_t asks; /* a bit each that is unanswered */
    struct reply kept[4];
    uint32_t kept_asker[4];
};

static msg_drop_fn cell_message_drop;
static const struct msg_type cell_types[CELL_KINDS] = {
    CELL_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};
static const struct actor_class cell_classes[2];

static void cell_message_drop(struct msg *m)
{
    ((struct cell_ask *)(void *)m)->colony->dropped++;
}

static struct cell_ask *message(const struct cell *c, enum cell_message kind)
{
    struct cell_ask *m = (struct cell_ask *)(void *)msg_alloc(&cell_types[kind]);
    m->colony = c->colony;
    c->colony->made++;
    return m;
}

static void cell_spawn(struct colony *colony, uint32_t place)
{
    const struct actor_class *class = &cell_classes[place % 2];
    struct cell *c = (struct cell *)(void *)actor_spawn(class, sizeof *c);
    c->colony = colony;
    c->place = place;
    c->serial = ++colony->serial;
    colony->cells[place] = c->actor.self;
    struct cell_ask *m = message(c, CELL_WAKE);
    actor_send(c->actor.self, &m->msg);
}

static uint64_t draw(struct prng *prng, uint64_t below)
{
    return prng_below(prng, below);
}

static void cell_asks(struct cell *c)
{
    uint32_t tag = (uint32_t)draw(worker_prng(), ASKS_MAX);
    if (c->asks >> tag & 1)
        return;
    c->asks |= 1u << tag;
    c->colony->asked++;
    struct cell_ask *m = message(c, CELL_ASK);
    m->asker = c->serial;
    actor_ask(c->colony->cells[draw(worker_prng(), CELLS)], &m->msg, tag);
}

static void cell_wakes_another(struct cell *c)
{
    struct cell_ask *m = message(c, CELL_WAKE);
    actor_send(c->colony->cells[draw(worker_prng(), CELLS)], &m->msg);
}

/* Ends, and another one begins, now or in a while. */
static void cell_ends(struct cell *c)
{
    c->colony->forgotten += (uint64_t)__builtin_popcount(c->asks);
    actor_exit(&c->actor);
    cell_spawn(c->colony, c->place);
}

static void cell_acts(struct cell *c)
{
    if (c->colony->acts == 0) {
        if (c->asks == 0)
            actor_exit(&c->actor);
        else
            (void)actor_after(&c->actor, 0, 1);
        return;
    }
    c->colony->acts--;
    for (uint64_t i = draw(worker_prng(), 4); i > 0; i--)
        cell_asks(c);
    if (draw(worker_prng(), 2) == 0)
        cell_wakes_another(c);
    if (draw(worker_prng(), 5) == 0)
        cell_ends(c);
    else
        (void)actor_after(&c->actor, 0, draw(worker_prng(), 4));
}

static void tell(struct cell *c, struct reply *reply, uint32_t asker)
{
    struct cell_ask *m = message(c, CELL_TOLD);
    m->asker = asker;
    reply_send(reply, &m->msg);
}

static void cell_is_asked(struct cell *c, struct cell_ask *m)
{
    uint64_t how = draw(worker_prng(), 4);
    if (how == 0)
        return; /* the runtime says GONE */
    struct reply reply = reply_take(&m->msg);
    if (how == 1 || c->colony->acts == 0) {
        tell(c, &reply, m->asker);
        return;
    }
    uint64_t place = draw(worker_prng(), 4); /* whose turn it was is told later */
    if (c->kept[place].to.id != 0)
        tell(c, &c->kept[place], c->kept_asker[place]);
    c->kept[place] = reply;
    c->kept_asker[place] = m->asker;
    (void)actor_after(&c->actor, 1, draw(worker_prng(), 5));
}

static void tell_all(struct cell *c)
{
    for (unsigned i = 0; i < 4; i++)
        if (c->kept[i].to.id != 0)
            tell(c, &c->kept[i], c->kept_asker[i]);
}

static void cell_is_answered(struct cell *c, const struct msg *m)
{
    c->colony->answered++;
    if (m->tag >= ASKS_MAX || (c->asks >> m->tag & 1) == 0)
        run_fail(c->colony->run, "cell %u got an answer that it did not wait for", c->serial);
    c->asks &= ~(1u << m->tag);
}

static void cell_receive(struct actor *self, struct msg *m)
{
    struct cell *c = (struct cell *)(void *)self;
    switch ((enum cell_message)m->type->kind) {
    case CELL_STOP:
    case CELL_IO:
    case CELL_KINDS: UNREACHABLE("nobody sends it");
    case CELL_TIMER:
        if (((struct msg_timer *)(void *)m)->which == 1)
            tell_all(c);
        else
            cell_acts(c);
        break;
    case CELL_GONE: cell_is_answered(c, m); break;
    case CELL_ASK: cell_is_asked(c, (struct cell_ask *)(void *)m); break;
    case CELL_TOLD:
        if (((struct cell_ask *)(void *)m)->asker != c->serial)
            run_fail(c->colony->run, "cell %u got the answer of another", c->serial);
        cell_is_answered(c, m);
        break;
    case CELL_WAKE: cell_acts(c); break;
    }
}

static void cell_done(struct actor *self)
{
    struct cell *c = (struct cell *)(void *)self;
    for (unsigned i = 0; i < 4; i++)
        reply_gone(&c->kept[i]);
}

static const struct actor_class cell_classes[2] = {
    {.name = "cell",
     .types = cell_types,
     .type_count = CELL_KINDS,
     .receive = cell_receive,
     .done = cell_done},
    {.name = "pinned cell",
     .types = cell_types,
     .type_count = CELL_KINDS,
     .pinned = true,
     .receive = cell_receive,
     .done = cell_done},
};

static void spawn_some(void *context)
{
    struct colony *colony = context;
    for (uint32_t place = 0; place < CELLS; place++)
        if (place % 4 == worker_index())
            cell_spawn(colony, place);
}

static bool world_stopped(void *context)
{
    return sim_world_stopped(context);
}

void scenario_slots(struct run *run)
{
    struct world *world = sim_world_new(run->sim, sim_host(run->sim));
    struct system_options options = {4};
    struct system *system = system_new(world, &options);
    struct colony colony = {.run = run, .acts = ACTS};
    for (uint16_t i = 0; i < options.worker_count; i++)
        system_on_worker(system, i, spawn_some, &colony);
    if (!run_until(run, world_stopped, world, 600 * SECONDS, "all cells end"))
        UNREACHABLE("a system that does not end can not be freed");
    sim_world_end(world);
    system_free(&system);
    sim_world_free(&world);
    if (colony.made != colony.dropped)
        run_fail(run, "%" PRIu64 " messages were made, %" PRIu64 " dropped", colony.made,
                 colony.dropped);
    if (colony.asked != colony.answered + colony.forgotten)
        run_fail(run, "%" PRIu64 " requests, %" PRIu64 " answers, %" PRIu64 " forgotten",
                 colony.asked, colony.answered, colony.forgotten);
}
