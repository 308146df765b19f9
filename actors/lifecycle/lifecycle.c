/* SPDX-License-Identifier: Apache-2.0 */
/* lifecycle.c -- a server's last hours.
 *
 *   RUNNING --lame duck--> DRAINING --no client left--> STOPPING --gone--> STOPPING_REST --gone--> ...
 *      |                                                   ^
 *      +------------------ shutdown ----------------------+        ... --> CLOSING_LOG --gone--> exit
 *
 * Everything that is stopped answers GONE when it has ended; so the order is a matter of counting.
 * The rest is told when the listeners are gone: a connection that was let in just now still finds its
 * account, and has told it of itself before the account is to stop.
 *
 * An end that takes long says what it waits for: every REPORT_MS, and when a signal asks again.
 */
#include "actors/lifecycle/lifecycle.h"

#include <signal.h>

#include "actors/lifecycle/census.h"
#include "actors/lifecycle/lifecycle_msg.h"
#include "actors/listener/listener_msg.h"
#include "actors/logger/logger_msg.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/signals.h"
#include "runtime/system.h"

enum lifecycle_state { RUNNING, DRAINING, STOPPING, STOPPING_REST, CLOSING_LOG };

#define DRAIN_MIN_MS 1000
#define REPORT_MS 10000

struct lifecycle {
    struct actor actor;
    struct lifecycle_options options;
    enum lifecycle_state state;
    struct timer timer; /* DRAINING: the grace period ends; STOPPING and on: the next report */
    uint32_t waiting;   /* answers to come before the next state */
    bool counting;      /* a LIFECYCLE_COUNT is on its way */
    struct census census;
};

const struct msg_type lifecycle_types[LIFECYCLE_KINDS] = {
    LIFECYCLE_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

static void report_next(struct lifecycle *l)
{
    l->counting = census_go_on(&l->census, worker_system());
    if (l->counting) {
        actor_send(l->actor.self, msg_alloc(&lifecycle_types[LIFECYCLE_COUNT]));
        return;
    }
    char text[CENSUS_TEXT_SIZE];
    census_text(&l->census, text);
    LOG_WARN(l->options.log, "Shutdown waits for %s", text);
}

static void report_begin(struct lifecycle *l)
{
    if (l->counting)
        return;
    census_begin(&l->census, l->actor.self, l->options.logger);
    report_next(l);
}

static void close_log(struct lifecycle *l)
{
    l->state = CLOSING_LOG;
    timer_cancel(&l->timer);
    signals_ignore(&l->actor);
    LOG_INFO(l->options.log, "Server Exiting..");
    if (l->options.logger.id == 0)
        actor_exit(&l->actor);
    else
        actor_stop(l->options.logger, 0);
}

static void shut_down(struct lifecycle *l)
{
    if (l->state >= STOPPING)
        return;
    l->state = STOPPING;
    LOG_INFO(l->options.log, "Initiating Shutdown...");
    timer_arm(&l->timer, &l->actor, 0, REPORT_MS);
    l->waiting = l->options.listener_count;
    for (uint16_t i = 0; i < l->options.listener_count; i++)
        actor_stop(l->options.listeners[i], 0);
}

static void stop_rest(struct lifecycle *l)
{
    l->state = STOPPING_REST;
    l->waiting = l->options.other_count;
    for (uint16_t i = 0; i < l->options.other_count; i++)
        actor_stop(l->options.others[i], 0);
    if (l->waiting == 0)
        close_log(l);
}

static void lame_duck(struct lifecycle *l)
{
    if (l->state != RUNNING)
        return;
    l->state = DRAINING;
    LOG_INFO(l->options.log, "Entering lame duck mode, stop accepting new clients");
    uint64_t grace = l->options.lame_duck_grace_ms;
    uint64_t whole = l->options.lame_duck_ms;
    l->waiting = l->options.listener_count;
    for (uint16_t i = 0; i < l->options.listener_count; i++) {
        struct listener_lame_duck *m =
            MSG_NEW(listener_types, LISTENER_LAME_DUCK, listener_lame_duck);
        m->answer = &lifecycle_types[LIFECYCLE_EMPTY];
        m->grace_ms = grace;
        m->over_ms = whole > grace + DRAIN_MIN_MS ? whole - grace : DRAIN_MIN_MS;
        actor_ask(l->options.listeners[i], &m->msg, 0);
    }
    timer_arm(&l->timer, &l->actor, 0, grace);
}

static void on_gone(struct lifecycle *l)
{
    if (l->state == CLOSING_LOG) {
        actor_exit(&l->actor);
        return;
    }
    CHECK(l->state >= STOPPING && l->waiting > 0);
    if (--l->waiting > 0)
        return;
    if (l->state == STOPPING)
        stop_rest(l);
    else
        close_log(l);
}

static void on_empty(struct lifecycle *l)
{
    if (l->state == DRAINING && --l->waiting == 0)
        shut_down(l);
}

static void asked_to_end(struct lifecycle *l)
{
    if (l->state < STOPPING)
        shut_down(l);
    else
        report_begin(l);
}

static void on_timer(struct lifecycle *l)
{
    if (l->state == DRAINING) {
        LOG_INFO(l->options.log, "Closing existing clients");
    } else if (l->state == STOPPING || l->state == STOPPING_REST) {
        report_begin(l);
        timer_arm(&l->timer, &l->actor, 0, REPORT_MS);
    }
}

static void on_signal(struct actor *self, int number)
{
    struct lifecycle *l = (struct lifecycle *)(void *)self;
    switch (number) {
    case SIGINT:
        LOG_INFO(l->options.log, "Trapped \"interrupt\" signal");
        asked_to_end(l);
        break;
    case SIGTERM:
        LOG_INFO(l->options.log, "Trapped \"terminated\" signal");
        if (l->state != DRAINING) /* a lame duck goes on to its own end */
            asked_to_end(l);
        break;
    case SIGUSR1:
        LOG_INFO(l->options.log, "Trapped \"user defined signal 1\" signal");
        logger_reopen(l->options.log);
        break;
    case SIGUSR2:
        LOG_INFO(l->options.log, "Trapped \"user defined signal 2\" signal");
        lame_duck(l);
        break;
    case SIGHUP:
        LOG_INFO(l->options.log, "Trapped \"hangup\" signal");
        LOG_ERROR(l->options.log, "Failed to reload server configuration: not supported yet");
        break;
    }
}

static void lifecycle_receive(struct actor *self, struct msg *m)
{
    struct lifecycle *l = (struct lifecycle *)(void *)self;
    switch ((enum lifecycle_message)m->type->kind) {
    case LIFECYCLE_GONE: on_gone(l); break;
    case LIFECYCLE_STOP: UNREACHABLE("it is told to shut down");
    case LIFECYCLE_TIMER: on_timer(l); break;
    case LIFECYCLE_IO: UNREACHABLE("it asks the world for signals alone");
    case LIFECYCLE_COUNT:
        if (l->state != CLOSING_LOG)
            report_next(l);
        break;
    case LIFECYCLE_SHUTDOWN: shut_down(l); break;
    case LIFECYCLE_LAME_DUCK: lame_duck(l); break;
    case LIFECYCLE_EMPTY: on_empty(l); break;
    case LIFECYCLE_KINDS: UNREACHABLE("no message has this kind");
    }
}

static void lifecycle_done(struct actor *self)
{
    timer_cancel(&((struct lifecycle *)(void *)self)->timer);
}

static const struct actor_class lifecycle_class = {
    .name = "lifecycle",
    .types = lifecycle_types,
    .type_count = LIFECYCLE_KINDS,
    .pinned = true,
    .receive = lifecycle_receive,
    .done = lifecycle_done,
};

int lifecycle_spawn(const struct lifecycle_options *options, struct actor_ref *ret_lifecycle)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP};
    CHECK(options->other_count <= LIFECYCLE_OTHERS_MAX);
    struct lifecycle *l = (struct lifecycle *)(void *)actor_spawn(&lifecycle_class, sizeof *l);
    l->options = *options;
    for (unsigned i = 0; options->signals && i < sizeof numbers / sizeof *numbers; i++) {
        int status = signals_watch(&l->actor, numbers[i], on_signal);
        if (status != 0)
            return status;
    }
    *ret_lifecycle = l->actor.self;
    return 0;
}
