/* SPDX-License-Identifier: Apache-2.0 */
/* test_report.c -- a failed check names the actor and its messages, and aborts: in a child process. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/report.h"
#include "tests/unit/runtime/probe.h"
#include "tests/unit/runtime/stub_world.h"

/* Runs act in a child and returns what it printed; the child must have died by abort. */
static const char *output_of_abort(void (*act)(void))
{
    static char text[4096];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL); /* not the test library's */
        act();
        _exit(0);
    }
    close(ends[1]);
    size_t size = 0;
    ssize_t got;
    while ((got = read(ends[0], text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static struct stub_world stub;
static struct probe_book book;

static uint64_t stub_seed(struct world *world)
{
    return 4711;
}

static struct probe *start(const struct actor_class *class, struct system **ret_system)
{
    stub_init(&stub, 1);
    *ret_system = stub_system(&stub, 3);
    report_install();
    return probe_spawn(class, &book);
}

static void fail_now(struct probe *self, struct msg *m)
{
    CHECK(self->kept_count == 77);
}

static void fail_in_a_handler(void)
{
    struct system *system;
    struct probe *p = start(&probe_pinned, &system);
    struct actor_ref ref = p->actor.self;
    for (unsigned i = 0; i < 3; i++)
        probe_note(ref, &book, NULL, i);
    struct probe_msg *gone = probe_msg(PROBE_ANSWER, &book, NULL, 0);
    SEND(ref, gone);
    struct probe_msg *ask = probe_msg(PROBE_ASK, &book, fail_now, 0);
    system->workers[0]->running = &p->actor; /* it asks itself */
    actor_ask(ref, &ask->msg, 12345);
    system->workers[0]->running = NULL;
    stub_settle(system);
}

static void a_check_that_fails_in_a_handler_names_actor_and_messages(void **state)
{
    const char *text = output_of_abort(fail_in_a_handler);
    assert_has(text, "fail_now: self->kept_count == 77");
    assert_has(text, "worker 0 of 3, world stub");
    assert_has(text, "actor probe 0.1 (pinned)");
    assert_has(text, "handling PROBE_ASK, tag 12345");
    assert_has(text, "newest first: PROBE_ASK PROBE_ANSWER PROBE_NOTE PROBE_NOTE PROBE_NOTE\n");
    assert_null(strstr(text, "seed"));
}

static void fail_after_many(void)
{
    struct system *system;
    struct actor_ref ref = start(&probe_floating, &system)->actor.self;
    for (unsigned i = 0; i < 700; i++)
        probe_note(ref, &book, NULL, i);
    struct probe_msg *answer = probe_msg(PROBE_ANSWER, &book, NULL, 0);
    SEND(ref, answer);
    probe_note(ref, &book, fail_now, 0);
    stub_settle(system);
}

static void the_ring_keeps_the_last_eight(void **state)
{
    const char *text = output_of_abort(fail_after_many);
    assert_has(text, "actor floater 0.1 (floating)");
    assert_has(text, "newest first: PROBE_NOTE PROBE_ANSWER PROBE_NOTE PROBE_NOTE PROBE_NOTE "
                     "PROBE_NOTE PROBE_NOTE PROBE_NOTE\n");
}

static void fail_in_an_event(void)
{
    struct system *system;
    struct probe *p = start(&probe_pinned, &system);
    static struct world_ops replayed;
    replayed = stub_ops;
    replayed.replay_seed = stub_seed;
    stub.world.ops = &replayed;
    worker_enter(system->workers[0]);
    worker_turn_begin(system->workers[0], &p->actor);
    fail_now(p, NULL);
}

static void an_event_has_no_message_and_a_simulated_world_its_seed(void **state)
{
    const char *text = output_of_abort(fail_in_an_event);
    assert_has(text, "in an event, not a message");
    assert_has(text, "newest first: none");
    assert_has(text, "seed 4711\n");
}

static void fail_between_turns(void)
{
    struct system *system;
    (void)start(&probe_pinned, &system);
    UNREACHABLE("no turn runs");
}

static void fail_on_no_worker(void)
{
    report_install();
    UNREACHABLE("no worker here");
}

static void without_an_actor_the_report_says_so(void **state)
{
    assert_has(output_of_abort(fail_between_turns), "between turns");
    assert_has(output_of_abort(fail_on_no_worker), "on a thread that is no worker");
}

static void fail_while_reporting(void)
{
    static struct actor_class broken;
    struct system *system;
    struct probe *p = start(&probe_pinned, &system);
    static struct world_ops failing;
    failing = stub_ops;
    failing.replay_seed = stub_seed;
    stub.world.ops = &failing;
    broken = probe_pinned;
    p->actor.class = &broken;
    broken.types = NULL; /* names can not be had */
    probe_note(p->actor.self, &book, fail_now, 0);
    stub_settle(system);
}

static void arm_twice(struct probe *self, struct msg *m)
{
    static struct timer outside; /* one that its done forgets */
    timer_arm(&outside, &self->actor, 1, 100);
    timer_arm(&self->timer, &self->actor, 2, 100);
    actor_exit(&self->actor);
}

static void end_with_a_timer(void)
{
    struct system *system;
    probe_note(start(&probe_pinned, &system)->actor.self, &book, arm_twice, 0);
    stub_settle(system);
}

static void an_actor_that_ends_with_a_timer_armed_fails_a_check(void **state)
{
    assert_has(output_of_abort(end_with_a_timer), "a->timers_armed == 0");
}

static void a_class_without_names_is_reported_without_them(void **state)
{
    assert_has(output_of_abort(fail_while_reporting), "newest first: ?\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_that_fails_in_a_handler_names_actor_and_messages),
        cmocka_unit_test(the_ring_keeps_the_last_eight),
        cmocka_unit_test(an_event_has_no_message_and_a_simulated_world_its_seed),
        cmocka_unit_test(without_an_actor_the_report_says_so),
        cmocka_unit_test(an_actor_that_ends_with_a_timer_armed_fails_a_check),
        cmocka_unit_test(a_class_without_names_is_reported_without_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
