/* SPDX-License-Identifier: Apache-2.0 */
/* disk_actor.h -- runs a function as an actor of a host's system, whose disk requests then come
 * home to it.
 */
#ifndef TESTS_UNIT_RUNTIME_DISK_ACTOR_H
#define TESTS_UNIT_RUNTIME_DISK_ACTOR_H

#include <stdlib.h>

#include "runtime/actor.h"
#include "runtime/host/host.h"
#include "runtime/system.h"

/* clang-format off */
#define PROBE_MESSAGES(X, R)                              \
    RUNTIME_MESSAGES(X, PROBE)                            \
    X(PROBE_BEGIN, msg, msg_drop_plain) /* test: begin */
/* clang-format on */

enum probe_message { PROBE_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) PROBE_KINDS };

static const struct msg_type probe_types[PROBE_KINDS] = {
    PROBE_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

struct probe {
    struct actor actor;
    void (*begin)(struct actor *self, void *context);
    void *context;
};

static void receive(struct actor *self, struct msg *m)
{
    struct probe *probe = (struct probe *)(void *)self;
    if (m->type->kind == PROBE_BEGIN)
        probe->begin(self, probe->context);
    else
        msg_io_done(m);
}

static void done(struct actor *self)
{
}

static const struct actor_class probe_class = {.name = "probe",
                                               .types = probe_types,
                                               .type_count = PROBE_KINDS,
                                               .receive = receive,
                                               .done = done};

/* Starts a system with one actor, which calls begin(self, context) in its first turn, gives its
 * world completions to who asked, and lives until actor_exit. Returns when the system is gone. */
static void disk_actor_run(void (*begin)(struct actor *self, void *context), void *context)
{
    struct world *world = host_new();
    struct system *system = system_new(world, &(struct system_options){.worker_count = 1});
    if (system == NULL)
        abort();
    struct probe *probe = (struct probe *)(void *)actor_spawn(&probe_class, sizeof(struct probe));
    probe->begin = begin;
    probe->context = context;
    actor_send(probe->actor.self, msg_alloc(&probe_types[PROBE_BEGIN]));
    host_run(system);
    system_free(&system);
    host_free(&world);
}

#endif
