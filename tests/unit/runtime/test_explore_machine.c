/* SPDX-License-Identifier: Apache-2.0 */
/* test_explore_machine.c -- two workers' whole rounds, interleaved at every atomic operation: turns of
 * a floating actor, requests against a stop and the next use of its slot, ends in events.
 */
#include "tests/unit/runtime/explore_runtime.h"

static struct probe *machine_spawn(unsigned worker, const struct actor_class *class, unsigned ref)
{
    current_worker = machine.system->workers[worker];
    struct probe *p = probe_spawn(class, &machine.book);
    machine.refs[ref] = p->actor.self;
    return p;
}

static bool machine_reached(void)
{
    return machine.book.handled + machine.book.gone >= machine.target;
}

static bool machine_awake(void *context)
{
    return machine.woken[task_index(context)] || machine_reached();
}

/* What host.c does around libuv's poll. */
static void machine_loop(void *context)
{
    struct worker *w = machine.system->workers[task_index(context)];
    while (!machine_reached()) {
        worker_enter(w);
        worker_round(w);
        bool blocks = worker_may_block(w);
        worker_leave(w);
        if (!blocks)
            continue;
        explore_wait(machine_awake, context);
        machine.woken[w->index] = false;
    }
}

static void machine_exit_all(unsigned refs)
{
    current_worker = machine.system->workers[0];
    for (unsigned i = 0; i < refs; i++)
        probe_note(machine.refs[i], &machine.book, probe_exit, 0);
}

static void machine_end(void)
{
    machine_exit_all(4);
    stub_settle(machine.system);
    const struct probe_book *book = &machine.book;
    EXPLORE_CHECK(system_actor_count(machine.system) == 0);
    EXPLORE_CHECK(book->made == book->freed);
    EXPLORE_CHECK(book->spawned == book->done);
    EXPLORE_CHECK(book->asked == book->answered + book->gone);
    for (unsigned i = 0; i < 2; i++)
        EXPLORE_CHECK(machine.system->workers[i]->heap.used_blocks == 0);
    memset(machine.refs, 0, sizeof machine.refs);
}

/* A floating actor that both workers send to, and that answers. Its turns never overlap. */
static void turn_alone(struct probe *self, struct msg *m)
{
    EXPLORE_CHECK(!machine.in_turn);
    machine.in_turn = true;
    explore_switch();
    machine.in_turn = false;
}

static void note_floater(struct probe *self, struct msg *m)
{
    for (unsigned i = 0; i < 2; i++)
        probe_note(machine.refs[0], &machine.book, turn_alone, 0);
}

static void floater_begin(void)
{
    machine_begin();
    machine_spawn(0, &probe_floating, 0);
    for (unsigned i = 0; i < 2; i++) {
        machine_spawn(i, &probe_pinned, 1 + i);
        probe_note(machine.refs[1 + i], &machine.book, note_floater, 0);
    }
    machine.target = 6;
}

static void a_floating_actor_runs_on_one_worker_at_a_time(void **state)
{
    static const struct explore_scenario s = {"a floating actor between two workers",
                                              floater_begin,
                                              {machine_loop, machine_loop},
                                              machine_end,
                                              machine_switched};
    machine_open();
    assert_holds(&s, MACHINE, 5000);
    machine_close();
}

/* An actor on worker 1 asks one on worker 0, which ends meanwhile; its slot is taken again at once. */
static void answer_it(struct probe *self, struct msg *m)
{
    probe_answer(self, m);
}

static void ask_twice(struct probe *self, struct msg *m)
{
    probe_ask(self, machine.refs[0], answer_it, 1);
    probe_ask(self, machine.refs[0], answer_it, 2);
}

static void spawn_next(struct probe *self, struct msg *m)
{
    machine.refs[2] = probe_spawn(&probe_pinned, &machine.book)->actor.self;
    EXPLORE_CHECK(!ref_equal(machine.refs[2], machine.refs[0]));
}

static void stop_begin(void)
{
    machine_begin();
    machine_spawn(0, &probe_pinned, 0);
    probe_note(machine.refs[0], &machine.book, probe_exit, 0);
    machine_spawn(0, &probe_pinned, 3);
    probe_note(machine.refs[3], &machine.book, spawn_next, 0);
    machine_spawn(1, &probe_pinned, 1);
    probe_note(machine.refs[1], &machine.book, ask_twice, 0);
    machine.target = 5; /* three notes and two answers, at least */
}

static void a_request_is_answered_whatever_the_moment_the_asked_ends(void **state)
{
    static const struct explore_scenario s = {"requests against stop and slot reuse",
                                              stop_begin,
                                              {machine_loop, machine_loop},
                                              machine_end,
                                              machine_switched};
    machine_open();
    assert_holds(&s, MACHINE, 5000);
    machine_close();
}

/* The owner ends in an event of a socket, while another worker pushes and schedules it. */
static bool retire_at_once; /* the mutation: in whatever queue it may be */

static void event_of_owner(void *context)
{
    struct worker *w = machine.system->workers[0];
    struct actor *a = system_lookup(machine.system, machine.refs[0]);
    worker_enter(w);
    worker_turn_begin(w, a);
    actor_drain(a);
    actor_exit(a);
    if (retire_at_once) {
        w->running = NULL;
        (void)worker_bury(w, a);
        worker_retire(w, a);
    } else {
        worker_turn_end(w, a);
    }
    for (unsigned i = 0; i < 3; i++) {
        worker_round(w);
        worker_leave(w);
        worker_enter(w);
    }
    worker_leave(w);
}

static void send_two_rounds(void *context)
{
    struct worker *w = machine.system->workers[1];
    for (unsigned i = 0; i < 2; i++) {
        worker_enter(w);
        probe_note(machine.refs[0], &machine.book, NULL, 0);
        worker_leave(w);
    }
}

static void event_begin(void)
{
    machine_begin();
    machine_spawn(0, &probe_pinned, 0);
    machine.target = 0;
}

static void one_that_ends_in_an_event_is_retired_once(void **state)
{
    static const struct explore_scenario s = {"an end in an event against senders",
                                              event_begin,
                                              {event_of_owner, send_two_rounds},
                                              machine_end,
                                              machine_switched};
    machine_open();
    retire_at_once = false;
    assert_holds(&s, MACHINE, 5000);
    retire_at_once = true;
    assert_finds(&s, FINDS);
    machine_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_floating_actor_runs_on_one_worker_at_a_time),
        cmocka_unit_test(a_request_is_answered_whatever_the_moment_the_asked_ends),
        cmocka_unit_test(one_that_ends_in_an_event_is_retired_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
