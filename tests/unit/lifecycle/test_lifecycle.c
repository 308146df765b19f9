/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a server one of whose actors does not end, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>

#include "actors/lifecycle/census.h"
#include "actors/lifecycle/lifecycle.h"
#include "actors/logger/logger.h"
#include "runtime/actor.h"
#include "runtime/sim/sim.h"
#include "runtime/system.h"

#define SECONDS UINT64_C(1000000000)

/* clang-format off */
#define STUBBORN_MESSAGES(X, R)                                          \
    RUNTIME_MESSAGES(X, STUBBORN)                                        \
    X(STUBBORN_YIELD, msg, msg_drop_plain) /* test: end after all */
/* clang-format on */

enum stubborn_message { STUBBORN_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) STUBBORN_KINDS };

static const struct msg_type stubborn_types[STUBBORN_KINDS] = {
    STUBBORN_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

struct stubborn {
    struct actor actor;
    struct reply stopped;
};

static void stubborn_receive(struct actor *self, struct msg *m)
{
    struct stubborn *s = (struct stubborn *)(void *)self;
    if (m->type->kind == STUBBORN_STOP)
        s->stopped = reply_take(m);
    else
        actor_exit(self);
}

static void stubborn_done(struct actor *self)
{
    reply_gone(&((struct stubborn *)(void *)self)->stopped);
}

static const struct actor_class stubborn_class = {.name = "stubborn",
                                                  .types = stubborn_types,
                                                  .type_count = STUBBORN_KINDS,
                                                  .receive = stubborn_receive,
                                                  .done = stubborn_done};

struct place {
    struct sim *sim;
    unsigned host;
    struct world *world;
    struct system *system;
    struct log log;
    struct actor_ref stubborn;
};

static int set_up(void **state)
{
    static struct place place;
    memset(&place, 0, sizeof place);
    struct sim_options options;
    sim_options_init(&options);
    place.sim = sim_new(1, &options);
    place.host = sim_host(place.sim);
    place.world = sim_world_new(place.sim, place.host);
    place.system = system_new(place.world, &(struct system_options){.worker_count = 1});
    assert_non_null(place.system);
    const struct log_output output = {.format = {.pid = 7}};
    (void)logger_spawn(&place.log, &output);
    place.stubborn = actor_spawn(&stubborn_class, sizeof(struct stubborn))->self;
    const struct lifecycle_options lifecycle = {.log = &place.log,
                                                .listeners = &place.stubborn,
                                                .listener_count = 1,
                                                .logger = place.log.to,
                                                .signals = true};
    struct actor_ref ref;
    assert_int_equal(lifecycle_spawn(&lifecycle, &ref), 0);
    *state = &place;
    return 0;
}

static void yield(void *context)
{
    const struct place *place = context;
    actor_send(place->stubborn, msg_alloc(&stubborn_types[STUBBORN_YIELD]));
}

static int tear_down(void **state)
{
    struct place *place = *state;
    sim_call(place->world, 0, yield, place);
    sim_run_for(place->sim, SECONDS);
    assert_true(sim_world_stopped(place->world));
    sim_world_end(place->world);
    system_free(&place->system);
    sim_world_free(&place->world);
    sim_free(&place->sim);
    return 0;
}

static unsigned reports(const struct place *place)
{
    static const char report[] = "[7] [WRN] Shutdown waits for 1 stubborn\n";
    struct bytes said = sim_host_output(place->sim, place->host);
    unsigned count = 0;
    for (size_t at = 0; at + sizeof report - 1 <= said.size; at++)
        count += memcmp(said.at + at, report, sizeof report - 1) == 0;
    return count;
}

static void an_end_that_takes_long_says_whom_it_waits_for(void **state)
{
    struct place *place = *state;
    sim_signal(place->world, SIGTERM);
    sim_run_for(place->sim, 9 * SECONDS);
    assert_int_equal(reports(place), 0);
    sim_run_for(place->sim, 2 * SECONDS);
    assert_int_equal(reports(place), 1);
    sim_run_for(place->sim, 10 * SECONDS);
    assert_int_equal(reports(place), 2);
}

static void who_asks_again_is_told_at_once(void **state)
{
    struct place *place = *state;
    sim_signal(place->world, SIGINT);
    sim_run_for(place->sim, SECONDS);
    sim_signal(place->world, SIGTERM);
    sim_run_for(place->sim, SECONDS);
    assert_int_equal(reports(place), 1);
    sim_signal(place->world, SIGINT);
    sim_run_for(place->sim, SECONDS);
    assert_int_equal(reports(place), 2);
}

static void a_census_names_each_class_once(void **state)
{
    struct census census;
    char text[CENSUS_TEXT_SIZE];
    census_begin(&census, NOBODY, NOBODY);
    census_text(&census, text);
    assert_string_equal(text, "nobody");
    census.classes[0].name = "client";
    census.classes[0].count = 2;
    census.classes[1].name = "account";
    census.classes[1].count = 1;
    census.class_count = 2;
    census_text(&census, text);
    assert_string_equal(text, "2 client, 1 account");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_end_that_takes_long_says_whom_it_waits_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_asks_again_is_told_at_once, set_up, tear_down),
        cmocka_unit_test(a_census_names_each_class_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
