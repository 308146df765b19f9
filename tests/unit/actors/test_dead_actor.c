/* SPDX-License-Identifier: Apache-2.0 */
/* Every message that an actor can be told, sent to one that is no more: it is dropped, what it owns
 * with it, and a request is answered GONE. Sanitized builds and system_free see what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/account/account_msg.h"
#include "actors/client/client_msg.h"
#include "actors/lifecycle/lifecycle_msg.h"
#include "actors/listener/listener_msg.h"
#include "actors/logger/logger_msg.h"
#include "actors/monitor/monitor_conn_msg.h"
#include "actors/monitor/monitor_msg.h"
#include "actors/monitor/monitor_probe_msg.h"
#include "tests/unit/runtime/probe.h"
#include "tests/unit/support/stub_net.h"

static const struct table {
    const char *name;
    const struct msg_type *types;
    uint32_t count;
} tables[] = {
    {"account", account_types, ACCOUNT_KINDS},
    {"client", client_types, CLIENT_KINDS},
    {"listener", listener_types, LISTENER_KINDS},
    {"logger", logger_types, LOGGER_KINDS},
    {"lifecycle", lifecycle_types, LIFECYCLE_KINDS},
    {"monitor", monitor_types, MONITOR_KINDS},
    {"monitor_conn", monitor_conn_types, MONITOR_CONN_KINDS},
    {"monitor_probe", monitor_probe_types, MONITOR_PROBE_KINDS},
};

/* --- messages with all that they can own, as their senders make them ------------------------------ */

static struct msg *full_batch(void)
{
    struct batch *batch = batch_new(NOBODY);
    for (unsigned i = 0; i < 10; i++) {
        batch_copy(batch, "MSG a 1 1\r\nx\r\n", 14);
        batch_account(batch, &(struct part){.slot = i, .frames = 1, .bytes = 14, .payload = 1});
        struct buf *buf = buf_new(100);
        batch_append(batch, buf, 0, 100);
        buf_unref(&buf);
    }
    return &batch->msg;
}

static void load_io(struct msg *m)
{
    ((struct msg_io *)(void *)m)->data = mem_alloc(100);
    ((struct msg_io *)(void *)m)->drop_data = mem_free;
}

static void load_change(struct msg *m)
{
    ((struct account_change *)(void *)m)->ops = mem_alloc(10 * sizeof(struct account_op));
    ((struct account_change *)(void *)m)->text = mem_alloc(100);
}

static void load_changed(struct msg *m)
{
    ((struct account_changed *)(void *)m)->ops = mem_alloc(10 * sizeof(struct account_op));
}

static void load_reported(struct msg *m)
{
    ((struct account_reported *)(void *)m)->slice = buf_new(100);
}

static void load_line(struct msg *m)
{
    ((struct logger_line *)(void *)m)->entry = mem_alloc(100);
}

static void load_adopt(struct msg *m)
{
    ((struct listener_adopt *)(void *)m)->held = true;
}

static void load_client_closed(struct msg *m)
{
    ((struct listener_client_closed *)(void *)m)->record = buf_new(100);
}

static void load_less(struct msg *m)
{
    ((struct listener_less *)(void *)m)->record = buf_new(100);
}

static void load_listener_reported(struct msg *m)
{
    ((struct listener_reported *)(void *)m)->clients = mem_alloc(4 * sizeof(struct actor_ref));
}

static void load_closed_told(struct msg *m)
{
    struct listener_closed_told *told = (struct listener_closed_told *)(void *)m;
    told->records = mem_alloc(2 * sizeof(struct buf *));
    told->records[0] = buf_new(100);
    told->records[1] = buf_new(100);
    told->count = 2;
}

static void load_begin(struct msg *m)
{
    ((struct monitor_conn_begin *)(void *)m)->held = true;
}

static void load_described(struct msg *m)
{
    ((struct client_described *)(void *)m)->record = buf_new(100);
}

static void load_traced(struct msg *m)
{
    ((struct monitor_traced *)(void *)m)->events = mem_alloc(100);
}

/* What a drop function releases. One that is missing here fails the test. */
static const struct loader {
    msg_drop_fn *drop;
    void (*load)(struct msg *m);
} loaders[] = {
    {msg_drop_plain, NULL},
    {batch_drop, NULL}, /* made by full_batch */
    {account_quiet_drop, NULL},
    {msg_io_drop, load_io},
    {account_change_drop, load_change},
    {account_changed_drop, load_changed},
    {account_reported_drop, load_reported},
    {logger_line_drop, load_line},
    {listener_adopt_drop, load_adopt},
    {listener_client_closed_drop, load_client_closed},
    {listener_less_drop, load_less},
    {listener_reported_drop, load_listener_reported},
    {listener_closed_told_drop, load_closed_told},
    {monitor_conn_begin_drop, load_begin},
    {client_described_drop, load_described},
    {monitor_traced_drop, load_traced},
};

static struct msg *loaded(const struct msg_type *type)
{
    if (type->drop == batch_drop)
        return full_batch();
    struct msg *m = msg_alloc(type);
    for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
        if (loaders[i].drop == type->drop) {
            if (loaders[i].load != NULL)
                loaders[i].load(m);
            return m;
        }
    fail_msg("%s: what it owns is not known to this test", type->name);
    return NULL;
}

struct scene {
    struct stub_net *net;
    struct probe_book book;
    struct probe *asker;
    struct actor_ref dead;
    unsigned asked;
};

static void send_one(struct probe *self, struct msg *m)
{
    struct scene *scene = self->state;
    const struct msg_type *type =
        (const struct msg_type *)(uintptr_t)((struct probe_msg *)(void *)m)->value;
    if (type->request) {
        scene->asked++;
        actor_ask(scene->dead, loaded(type), type->kind);
    } else {
        actor_send(scene->dead, loaded(type));
    }
}

static void send_all(struct scene *scene)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (uint32_t k = 0; k < tables[t].count; k++) {
            assert_int_equal(tables[t].types[k].kind, k);
            assert_non_null(tables[t].types[k].drop);
            uint64_t dropped = scene->net->system->workers[0]->dropped;
            uint64_t gone = scene->book.gone;
            probe_note(scene->asker->actor.self, &scene->book, send_one,
                       (uintptr_t)&tables[t].types[k]);
            stub_net_settle(scene->net);
            if (scene->net->system->workers[0]->dropped != dropped + 1)
                fail_msg("%s: %s was not dropped", tables[t].name, tables[t].types[k].name);
            if (scene->book.gone != gone + (tables[t].types[k].request ? 1 : 0))
                fail_msg("%s: %s was not answered once", tables[t].name, tables[t].types[k].name);
        }
}

static void messages_to_an_actor_that_is_no_more_are_dropped_or_answered(void **state)
{
    struct scene scene = {.net = stub_net_new(4, 1)};
    scene.asker = probe_spawn(&probe_pinned, &scene.book);
    scene.asker->state = &scene;
    struct probe *victim = probe_spawn(&probe_pinned, &scene.book);
    scene.dead = victim->actor.self;
    probe_note(scene.dead, &scene.book, probe_exit, 0);
    stub_net_settle(scene.net);
    send_all(&scene);
    assert_true(scene.asked > 0);
    assert_int_equal(scene.book.gone, scene.asked);
    assert_int_equal(scene.net->refused, 2); /* sockets on their way */
    probe_note(scene.asker->actor.self, &scene.book, probe_exit, 0);
    stub_net_settle(scene.net);
    stub_net_free(&scene.net);
}

/* The same for what is in its mailbox when it ends. */
static void messages_that_wait_when_an_actor_ends_are_dropped_or_answered(void **state)
{
    struct scene scene = {.net = stub_net_new(4, 1)};
    scene.asker = probe_spawn(&probe_pinned, &scene.book);
    scene.asker->state = &scene;
    struct probe *victim = probe_spawn(&probe_pinned, &scene.book);
    scene.dead = victim->actor.self;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (uint32_t k = 0; k < tables[t].count; k++)
            probe_note(scene.asker->actor.self, &scene.book, send_one,
                       (uintptr_t)&tables[t].types[k]);
    probe_note(scene.dead, &scene.book, probe_exit, 0);
    worker_enter(scene.net->system->workers[0]);
    assert_true(
        worker_run_one(scene.net->system->workers[0], 0)); /* the asker, while the other waits */
    stub_net_settle(scene.net);
    assert_true(scene.asked > 0);
    assert_int_equal(scene.book.gone, scene.asked);
    assert_int_equal(scene.net->refused, 2); /* sockets on their way */
    assert_int_equal(scene.book.done, 1);
    probe_note(scene.asker->actor.self, &scene.book, probe_exit, 0);
    stub_net_settle(scene.net);
    stub_net_free(&scene.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_to_an_actor_that_is_no_more_are_dropped_or_answered),
        cmocka_unit_test(messages_that_wait_when_an_actor_ends_are_dropped_or_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
