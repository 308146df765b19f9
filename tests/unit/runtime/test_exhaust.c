/* SPDX-License-Identifier: Apache-2.0 */
/* test_exhaust.c -- requests, stops and supervision in every order of turns near to first-come. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/runtime/exhaust.h"
#include "tests/unit/runtime/probe.h"

#define TURNS 14
#define DEPARTURES 3

enum role { CLIENT_A, CLIENT_B, RELAY, SERVER, KILLER, ROLES };

/* The scenario's actors; the searched run is one at a time. */
static struct stage {
    struct probe_book book;
    struct actor_ref refs[ROLES];
    struct probe *actors[ROLES]; /* NULL once done */
    unsigned answers[ROLES];
    struct reply relayed[2]; /* tokens that the relay holds */
    unsigned relayed_count;
    bool one_token_only; /* the planted bug: a second request overwrites the first */
    unsigned lives;      /* of the supervised one */
} stage;

static void forget(struct probe *self)
{
    for (unsigned i = 0; i < ROLES; i++)
        if (stage.actors[i] == self)
            stage.actors[i] = NULL;
}

static struct probe *enter_stage(struct exhaust *x, enum role role, uint16_t worker,
                                 const struct actor_class *class)
{
    current_worker = x->system->workers[worker % x->system->worker_count];
    struct probe *p = probe_spawn(class, &stage.book);
    p->on_done = forget;
    stage.actors[role] = p;
    stage.refs[role] = p->actor.self;
    return p;
}

static void clear_stage(void)
{
    bool bug = stage.one_token_only;
    memset(&stage, 0, sizeof stage);
    stage.one_token_only = bug;
}

static uint64_t stage_digest(struct exhaust *x)
{
    uint64_t h = stage.lives;
    for (unsigned i = 0; i < ROLES; i++) {
        h = exhaust_mix(h, stage.answers[i]);
        h = exhaust_mix(h, stage.actors[i] == NULL ? 99 : stage.actors[i]->kept_count);
        h = exhaust_mix(h, stage.refs[i].id);
    }
    for (unsigned i = 0; i < stage.relayed_count; i++)
        h = exhaust_mix(h, stage.relayed[i].to.id + stage.relayed[i].tag);
    return h;
}

/* What is to be done tells the future too. It is a function's address: the same in one process. */
static uint64_t message_digest(const struct msg *m)
{
    if (m->type->kind < RUNTIME_KINDS)
        return 0;
    const struct probe_msg *p = (const struct probe_msg *)(const void *)m;
    return exhaust_mix((uint64_t)(uintptr_t)p->run, p->value);
}

static void leave_stage(struct exhaust *x)
{
    current_worker = x->system->workers[0];
    for (unsigned i = 0; i < ROLES; i++)
        if (stage.refs[i].id != 0)
            probe_note(stage.refs[i], &stage.book, probe_exit, 0);
}

static void end_stage(struct exhaust *x)
{
    leave_stage(x);
    stub_settle(x->system);
    EXHAUST_CHECK(x, stage.book.made == stage.book.freed);
    EXHAUST_CHECK(x, stage.book.spawned == stage.book.done);
}

static void count_answer(struct probe *self, const struct msg *m)
{
    for (unsigned i = 0; i < ROLES; i++)
        if (stage.actors[i] == self)
            stage.answers[i]++;
}

/* In a child, which may abort; 0: nothing was found. */
static bool search_finds(const struct exhaust_scenario *s)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        const char *failure;
        (void)exhaust(s, &failure);
        fflush(NULL);
        _exit(failure != NULL ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void assert_holds(const struct exhaust_scenario *s, uint64_t floor)
{
    const char *failure;
    uint64_t runs = exhaust(s, &failure);
    if (failure != NULL)
        fail_msg("%s: %s", s->name, failure);
    if (runs < floor)
        fail_msg("%s: only %llu runs", s->name, (unsigned long long)runs);
}

/* --- a relay between clients and a server ------------------------------------------------------ */

static void serve(struct probe *self, struct msg *m)
{
    probe_answer(self, m);
}

static void relay(struct probe *self, struct msg *m)
{
    if (stage.one_token_only)
        stage.relayed_count = 0; /* what it held is lost */
    CHECK(stage.relayed_count < 2);
    stage.relayed[stage.relayed_count++] = reply_take(m);
    probe_ask(self, stage.refs[SERVER], serve, stage.relayed[stage.relayed_count - 1].tag);
}

static void relay_back(struct probe *self, const struct msg *m)
{
    for (unsigned i = 0; i < stage.relayed_count; i++)
        if (stage.relayed[i].tag == m->tag) {
            if (m->type->kind == PROBE_GONE)
                reply_gone(&stage.relayed[i]);
            else
                probe_reply(self, &stage.relayed[i]);
            stage.relayed[i] = stage.relayed[--stage.relayed_count];
            return;
        }
}

static void relay_ends(struct probe *self)
{
    while (stage.relayed_count > 0)
        reply_gone(&stage.relayed[--stage.relayed_count]);
    forget(self);
}

static void ask_relay(struct probe *self, struct msg *m)
{
    probe_ask(self, stage.refs[RELAY], relay, (uint32_t)((struct probe_msg *)(void *)m)->value);
}

static void relay_stage(struct exhaust *x, const struct actor_class *class)
{
    clear_stage();
    enter_stage(x, CLIENT_A, 0, class)->on_answer = count_answer;
    enter_stage(x, CLIENT_B, 1, class)->on_answer = count_answer;
    struct probe *p = enter_stage(x, RELAY, 0, class);
    p->on_answer = relay_back;
    p->on_done = relay_ends;
    (void)enter_stage(x, SERVER, 1, class);
}

static void begin_relay(struct exhaust *x)
{
    relay_stage(x, x->scenario->context);
    probe_note(stage.refs[CLIENT_A], &stage.book, ask_relay, 1);
    probe_note(stage.refs[CLIENT_B], &stage.book, ask_relay, 2);
}

static void stop_server(struct probe *self, struct msg *m)
{
    probe_note(stage.refs[SERVER], &stage.book, probe_exit, 0);
}

static void stop_relay(struct probe *self, struct msg *m)
{
    probe_note(stage.refs[RELAY], &stage.book, probe_exit, 0);
}

static void begin_relay_and_stop_all(struct exhaust *x)
{
    begin_relay(x);
    (void)enter_stage(x, KILLER, 0, x->scenario->context);
    probe_note(stage.refs[KILLER], &stage.book, stop_server, 0);
    probe_note(stage.refs[KILLER], &stage.book, stop_relay, 0);
}

static void end_relay(struct exhaust *x)
{
    EXHAUST_CHECK(x, stage.answers[CLIENT_A] == 1);
    EXHAUST_CHECK(x, stage.answers[CLIENT_B] == 1);
    end_stage(x);
}

#define CLASSES 2
static const struct actor_class *const classes[CLASSES] = {&probe_pinned, &probe_floating};

static struct exhaust_scenario scenario(const char *name, uint16_t workers)
{
    return (struct exhaust_scenario){.name = name,
                                     .workers = workers,
                                     .turn_limit = 1,
                                     .turns_max = TURNS,
                                     .departures_max = DEPARTURES,
                                     .digest = stage_digest,
                                     .digest_msg = message_digest};
}

static void a_chain_of_requests_answers_each_client_once(void **state)
{
    stage.one_token_only = false;
    for (uint16_t workers = 1; workers <= 2; workers++)
        for (unsigned i = 0; i < CLASSES; i++) {
            struct exhaust_scenario s = scenario("a chain of requests", workers);
            s.begin = begin_relay;
            s.end = end_relay;
            s.context = (void *)(uintptr_t)classes[i];
            assert_holds(&s, 15);
        }
}

static void stops_race_with_a_chain_of_requests(void **state)
{
    stage.one_token_only = false;
    for (uint16_t workers = 1; workers <= 2; workers++)
        for (unsigned i = 0; i < CLASSES; i++) {
            struct exhaust_scenario s = scenario("stops of server and relay", workers);
            s.begin = begin_relay_and_stop_all;
            s.end = end_relay;
            s.context = (void *)(uintptr_t)classes[i];
            assert_holds(&s, 100);
            s.name = "the same, every order of 14 turns";
            s.departures_max = TURNS;
            assert_holds(&s, 200);
        }
}

/* Client B asks so late that, first come first served, client A has its answer by then. */
static void hop(struct probe *self, struct msg *m)
{
    uint64_t left = ((struct probe_msg *)(void *)m)->value;
    enum role to = left % 2 == 0 ? CLIENT_B : KILLER;
    probe_note(stage.refs[to], &stage.book, left == 0 ? ask_relay : hop, left == 0 ? 2 : left - 1);
}

static void begin_late(struct exhaust *x)
{
    relay_stage(x, &probe_pinned);
    (void)enter_stage(x, KILLER, 0, &probe_pinned);
    probe_note(stage.refs[CLIENT_A], &stage.book, ask_relay, 1);
    probe_note(stage.refs[KILLER], &stage.book, hop, 3);
}

static void a_bug_that_first_come_order_hides_is_found(void **state)
{
    struct exhaust_scenario s = scenario("a relay with one token", 1);
    s.begin = begin_late;
    s.end = end_relay;
    stage.one_token_only = true;
    s.departures_max = 0;
    assert_false(search_finds(&s));
    s.departures_max = 3;
    assert_true(search_finds(&s));
    s.digest = NULL; /* cutting must hide nothing, nor be what finds it */
    assert_true(search_finds(&s));
    stage.one_token_only = false;
    s.digest = stage_digest;
    assert_false(search_finds(&s));
}

/* --- supervision ------------------------------------------------------------------------------- */

#define LIVES_MAX 3

static void be_watched(struct probe *self, struct msg *m)
{
    probe_keep(self, m); /* its end answers GONE */
}

static void raise_child(struct probe *self, struct msg *m)
{
    struct probe *child = probe_spawn(self->actor.class, &stage.book);
    child->on_done = forget;
    stage.actors[SERVER] = child;
    stage.refs[SERVER] = child->actor.self;
    stage.lives++;
    probe_ask(self, stage.refs[SERVER], be_watched, 100 + stage.lives);
}

static void child_ended(struct probe *self, const struct msg *m)
{
    CHECK(m->tag == 100 + stage.lives); /* the news of the last life, and of no other */
    CHECK(m->type->kind == PROBE_GONE);
    if (stage.lives < LIVES_MAX)
        raise_child(self, NULL);
}

static void ask_child(struct probe *self, struct msg *m)
{
    if (stage.refs[SERVER].id != 0)
        probe_ask(self, stage.refs[SERVER], serve, 7);
    else
        stage.answers[CLIENT_A]++;
}

static void begin_supervision(struct exhaust *x)
{
    clear_stage();
    const struct actor_class *class = x->scenario->context;
    enter_stage(x, RELAY, 0, class)->on_answer = child_ended;
    enter_stage(x, CLIENT_A, 1, class)->on_answer = count_answer;
    (void)enter_stage(x, KILLER, 0, class);
    probe_note(stage.refs[RELAY], &stage.book, raise_child, 0);
    probe_note(stage.refs[KILLER], &stage.book, stop_server, 0);
    probe_note(stage.refs[CLIENT_A], &stage.book, ask_child, 0);
    probe_note(stage.refs[CLIENT_A], &stage.book, ask_child, 0);
    probe_note(stage.refs[KILLER], &stage.book, stop_server, 0);
}

static void end_supervision(struct exhaust *x)
{
    EXHAUST_CHECK(x, stage.answers[CLIENT_A] == 2);
    EXHAUST_CHECK(x, stage.lives >= 1 && stage.lives <= LIVES_MAX);
    EXHAUST_CHECK(x, stage.actors[SERVER] != NULL); /* two kills leave the third alive */
    EXHAUST_CHECK(x, stage.actors[SERVER]->kept_count == 1);
    stage.actors[RELAY]->on_answer = NULL; /* no more lives */
    end_stage(x);
}

static void a_supervisor_learns_of_each_end_once_and_keeps_one_child(void **state)
{
    for (uint16_t workers = 1; workers <= 2; workers++)
        for (unsigned i = 0; i < CLASSES; i++) {
            struct exhaust_scenario s = scenario("supervision", workers);
            s.begin = begin_supervision;
            s.end = end_supervision;
            s.context = (void *)(uintptr_t)classes[i];
            assert_holds(&s, 50);
        }
}

/* --- time -------------------------------------------------------------------------------------- */

static void ask_with_deadline(struct probe *self, struct msg *m)
{
    probe_ask(self, stage.refs[SERVER], be_watched, 1);
    timer_arm(&self->timer, &self->actor, 0, 50);
}

static void give_up(struct probe *self, const struct msg_timer *m)
{
    stage.answers[CLIENT_A] += 10;
    probe_note(stage.refs[SERVER], &stage.book, probe_exit, 0);
}

static void begin_deadline(struct exhaust *x)
{
    clear_stage();
    struct probe *p = enter_stage(x, CLIENT_A, 0, &probe_pinned);
    p->on_answer = count_answer;
    p->on_timer = give_up;
    (void)enter_stage(x, SERVER, 1, &probe_pinned);
    probe_note(stage.refs[CLIENT_A], &stage.book, ask_with_deadline, 0);
}

static bool let_time_pass(struct exhaust *x)
{
    uint64_t wake = UINT64_MAX;
    for (unsigned i = 0; i < x->system->worker_count; i++) {
        uint64_t its = wheel_next_ms(&x->system->workers[i]->wheel);
        wake = its < wake ? its : wake;
    }
    if (wake == UINT64_MAX)
        return false;
    x->stub.now_ns = wake * 1000000;
    return true;
}

static void end_deadline(struct exhaust *x)
{
    EXHAUST_CHECK(x, stage.answers[CLIENT_A] == 11);
    EXHAUST_CHECK(x, stage.book.asked == stage.book.answered + stage.book.gone);
    end_stage(x);
}

static void a_deadline_passes_when_nothing_else_is_left_to_do(void **state)
{
    struct exhaust_scenario s = scenario("a deadline", 2);
    s.begin = begin_deadline;
    s.idle = let_time_pass;
    s.end = end_deadline;
    assert_holds(&s, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_of_requests_answers_each_client_once),
        cmocka_unit_test(stops_race_with_a_chain_of_requests),
        cmocka_unit_test(a_bug_that_first_come_order_hides_is_found),
        cmocka_unit_test(a_supervisor_learns_of_each_end_once_and_keeps_one_child),
        cmocka_unit_test(a_deadline_passes_when_nothing_else_is_left_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
