/* SPDX-License-Identifier: Apache-2.0 */
/* test_system.c -- handles, lives, answers and rounds, on virtual workers of one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/runtime/probe.h"
#include "tests/unit/runtime/stub_world.h"

struct bench {
    struct stub_world stub;
    struct system *system;
    struct probe_book book;
};

static void bench_init(struct bench *b, uint16_t workers)
{
    memset(b, 0, sizeof *b);
    stub_init(&b->stub, 1);
    b->system = stub_system(&b->stub, workers);
    assert_non_null(b->system);
}

/* Stops nothing: all actors have ended by themselves. Every message was freed, once. */
static void bench_done(struct bench *b)
{
    stub_settle(b->system);
    assert_int_equal(system_actor_count(b->system), 0);
    assert_int_equal(b->book.made, b->book.freed);
    assert_int_equal(b->book.asked, b->book.answered + b->book.gone);
    assert_int_equal(b->book.spawned, b->book.done);
    system_free(&b->system);
}

static struct probe *spawn_on(struct bench *b, uint16_t worker, const struct actor_class *class)
{
    struct worker *before = current_worker;
    current_worker = b->system->workers[worker];
    struct probe *p = probe_spawn(class, &b->book);
    current_worker = before;
    return p;
}

static void note_from(struct bench *b, uint16_t worker, struct actor_ref to, probe_fn *run)
{
    struct worker *before = current_worker;
    current_worker = b->system->workers[worker];
    probe_note(to, &b->book, run, 0);
    current_worker = before;
}

/* An event of the world, on the spot: what a socket's callback does. */
static void event_on(struct probe *p, void (*event)(struct probe *p))
{
    struct worker *w = p->actor.system->workers[p->actor.home];
    worker_enter(w);
    worker_turn_begin(w, &p->actor);
    event(p);
    worker_turn_end(w, &p->actor);
}

static void event_exit(struct probe *p)
{
    actor_exit(&p->actor);
}

/* --- slots and handles --------------------------------------------------------------------------- */

static void nobody_and_strange_handles_are_found_by_no_lookup(void **state)
{
    struct bench b;
    bench_init(&b, 1);
    static const uint64_t ids[] = {0,         1,          4096,       0xffffff,
                                   0x1000000, 0xffffffff, UINT64_MAX, (uint64_t)1 << 32 | 77};
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_null(system_lookup(b.system, (struct actor_ref){ids[i]}));
        note_from(&b, 0, (struct actor_ref){ids[i]}, NULL);
    }
    assert_int_equal(b.book.freed, sizeof ids / sizeof *ids);
    bench_done(&b);
}

static void a_stale_handle_finds_nobody_after_its_slot_is_used_again(void **state)
{
    struct bench b;
    bench_init(&b, 1);
    struct actor_ref old = spawn_on(&b, 0, &probe_pinned)->actor.self;
    assert_non_null(system_lookup(b.system, old));
    note_from(&b, 0, old, probe_exit);
    stub_settle(b.system);
    assert_null(system_lookup(b.system, old));
    struct actor_ref new = spawn_on(&b, 0, &probe_pinned)->actor.self;
    assert_int_equal((uint32_t) new.id, (uint32_t)old.id);
    assert_int_equal(new.id >> 32, (old.id >> 32) + 1);
    assert_null(system_lookup(b.system, old));
    assert_non_null(system_lookup(b.system, new));
    note_from(&b, 0, old, probe_exit); /* reaches nobody, and not the new one */
    stub_settle(b.system);
    assert_int_equal(system_actor_count(b.system), 1);
    note_from(&b, 0, new, probe_exit);
    bench_done(&b);
}

static void a_slot_that_has_used_all_generations_is_never_used_again(void **state)
{
    struct bench b;
    bench_init(&b, 1);
    struct probe *p = spawn_on(&b, 0, &probe_pinned);
    uint32_t index = (uint32_t)p->actor.self.id;
    p->actor.self.id = (uint64_t)UINT32_MAX << 32 | index; /* as if it had lived so often */
    note_from(&b, 0, p->actor.self, probe_exit);
    stub_settle(b.system);
    struct actor_ref next = spawn_on(&b, 0, &probe_pinned)->actor.self;
    assert_int_not_equal((uint32_t)next.id, index);
    note_from(&b, 0, next, probe_exit);
    bench_done(&b);
}

static void a_million_lives_need_few_slots_and_repeat_no_handle(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    unsigned lives = MYELIN_SANITIZED ? 50000 : 1000000;
    struct prng p;
    prng_init(&p, 3);
    uint64_t newest[128] = {0}; /* by slot: the last generation seen */
    for (unsigned i = 0; i < lives;) {
        for (unsigned n = 1 + (unsigned)prng_below(&p, 16); n > 0; n--, i++) {
            uint16_t worker = (uint16_t)prng_below(&p, 2);
            struct actor_ref ref = spawn_on(&b, worker, &probe_pinned)->actor.self;
            uint32_t slot = (uint32_t)ref.id;
            assert_true(slot < 128);
            assert_true(ref.id >> 32 > newest[slot]);
            newest[slot] = ref.id >> 32;
            note_from(&b, (uint16_t)prng_below(&p, 2), ref, probe_exit);
        }
        (void)stub_round(b.system->workers[prng_below(&p, 2)]);
        if (prng_one_in(&p, 3))
            stub_settle(b.system);
    }
    bench_done(&b);
}

static void more_actors_than_a_chunk_holds_are_all_found_and_visited(void **state)
{
    struct bench b;
    bench_init(&b, 1);
    enum { COUNT = 2 * SLOT_CHUNK + 10 };
    static struct actor_ref refs[COUNT];
    for (unsigned i = 0; i < COUNT; i++)
        refs[i] = spawn_on(&b, 0, &probe_floating)->actor.self;
    for (unsigned i = 0; i < COUNT; i++)
        assert_true(ref_equal(system_lookup(b.system, refs[i])->self, refs[i]));
    for (unsigned i = 0; i < COUNT; i++)
        note_from(&b, 0, refs[i], probe_exit);
    bench_done(&b);
}

static void count_visit(void *context, const struct actor *actor)
{
    assert_non_null(actor->class);
    (*(unsigned *)context)++;
}

static void a_visit_in_pieces_sees_each_actor_once(void **state)
{
    struct bench b;
    bench_init(&b, 1);
    struct actor_ref refs[10];
    for (unsigned i = 0; i < 10; i++)
        refs[i] = spawn_on(&b, 0, &probe_pinned)->actor.self;
    note_from(&b, 0, refs[4], probe_exit);
    stub_settle(b.system);
    unsigned seen = 0;
    unsigned pieces = 0;
    uint32_t cursor = 0;
    do {
        system_visit_actors(b.system, &cursor, 3, count_visit, &seen);
        pieces++;
    } while (cursor != 0);
    assert_int_equal(seen, 9);
    assert_int_equal(pieces, 4);
    for (unsigned i = 0; i < 10; i++)
        note_from(&b, 0, refs[i], probe_exit);
    bench_done(&b);
}

/* --- the end of an actor ------------------------------------------------------------------------- */

static void one_that_ends_in_an_event_while_queued_ends_once(void **state)
{
    for (uint16_t from = 0; from < 2; from++) {
        struct bench b;
        bench_init(&b, 2);
        struct probe *p = spawn_on(&b, 0, &probe_pinned);
        note_from(&b, from, p->actor.self, NULL); /* 0: it is in ready; 1: in arrivals */
        event_on(p, event_exit);
        worker_leave(b.system->workers[0]);
        stub_settle(b.system);
        assert_int_equal(b.book.done, 1);
        assert_int_equal(b.book.handled, 0);
        assert_int_equal(b.book.freed, 1);
        bench_done(&b);
    }
}

static void its_memory_stays_while_another_worker_is_about_to_queue_it(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct worker *w = b.system->workers[0];
    struct probe *p = spawn_on(&b, 0, &probe_pinned);
    /* A sender has pushed and not yet scheduled; it can not be interrupted here, so its half is done
     * by hand. */
    current_worker = b.system->workers[1];
    struct probe_msg *m = probe_msg(PROBE_NOTE, &b.book, NULL, 0);
    assert_int_equal(mailbox_push(&p->actor.inbox, &m->msg), MAILBOX_WOKE);
    event_on(p, event_exit);
    worker_leave(w);
    for (unsigned i = 0; i < 10; i++) {
        (void)stub_round(w);
        assert_int_equal(system_actor_count(b.system), 1);
    }
    p->actor.sched_next = NULL;
    atomic_store(&w->arrivals, &p->actor);
    bench_done(&b);
}

static void event_drain_and_exit(struct probe *p)
{
    actor_drain(&p->actor);
    actor_exit(&p->actor);
}

static void one_that_drains_and_ends_in_an_event_ends_once(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct probe *p = spawn_on(&b, 0, &probe_pinned);
    note_from(&b, 1, p->actor.self, NULL);
    note_from(&b, 0, p->actor.self, NULL);
    event_on(p, event_drain_and_exit);
    worker_leave(b.system->workers[0]);
    stub_settle(b.system);
    assert_int_equal(b.book.handled, 2);
    bench_done(&b);
}

static void exit_in_flush(struct probe *p)
{
    actor_exit(&p->actor);
}

static void flush_later(struct probe *p, struct msg *m)
{
    actor_flush_later(&p->actor);
}

static void flush_later_and_exit(struct probe *p, struct msg *m)
{
    actor_flush_later(&p->actor);
    actor_exit(&p->actor);
}

static void ends_between_the_flushes_of_others_disturb_none(void **state)
{
    for (unsigned which = 0; which < 8; which++) { /* which of three ends before its flush */
        struct bench b;
        bench_init(&b, 1);
        for (unsigned i = 0; i < 3; i++) {
            struct probe *p = spawn_on(&b, 0, &probe_pinned);
            p->on_flush = exit_in_flush;
            note_from(&b, 0, p->actor.self, which >> i & 1 ? flush_later_and_exit : flush_later);
        }
        bench_done(&b);
    }
}

/* --- requests ------------------------------------------------------------------------------------ */

static void answer(struct probe *p, struct msg *m)
{
    probe_answer(p, m);
}

static void keep(struct probe *p, struct msg *m)
{
    probe_keep(p, m);
}

static void answer_and_exit(struct probe *p, struct msg *m)
{
    probe_answer(p, m);
    actor_exit(&p->actor);
}

static void keep_and_exit(struct probe *p, struct msg *m)
{
    probe_keep(p, m);
    actor_exit(&p->actor);
}

static probe_fn *const asked_to[] = {answer,        keep,       answer_and_exit,
                                     keep_and_exit, probe_exit, NULL};
#define ASKED_TO (sizeof asked_to / sizeof *asked_to)

struct asks {
    struct actor_ref to;
    probe_fn *run[3];
};

static void ask_three(struct probe *self, struct msg *m)
{
    const struct asks *asks = self->state;
    for (uint32_t i = 0; i < 3; i++)
        probe_ask(self, asks->to, asks->run[i], i + 1);
}

static void take_tag(struct probe *self, const struct msg *m)
{
    assert_true(m->tag >= 1 && m->tag <= 3);
    assert_false(self->kept_count >> m->tag & 1); /* here a set of tags: one answer each */
    self->kept_count |= 1u << m->tag;
}

static void clear_tags(struct probe *self)
{
    assert_int_equal(self->kept_count, 0xe);
}

/* Three requests in every mix of fates, over three placements, with the asked one ended after. */
static void every_request_is_answered_once_whatever_becomes_of_the_asked(void **state)
{
    for (unsigned mix = 0; mix < ASKED_TO * ASKED_TO * ASKED_TO; mix++)
        for (uint16_t place = 0; place < 3; place++) {
            struct bench b;
            bench_init(&b, 2);
            struct probe *asked =
                spawn_on(&b, place == 2 ? 1 : 0, place == 0 ? &probe_floating : &probe_pinned);
            struct probe *asker = spawn_on(&b, 0, &probe_pinned);
            struct asks asks = {asked->actor.self,
                                {asked_to[mix % ASKED_TO], asked_to[mix / ASKED_TO % ASKED_TO],
                                 asked_to[mix / ASKED_TO / ASKED_TO]}};
            asker->state = &asks;
            asker->on_answer = take_tag;
            struct actor_ref asker_ref = asker->actor.self;
            note_from(&b, 0, asker_ref, ask_three);
            stub_settle(b.system);
            note_from(&b, 1, asks.to, probe_exit); /* kept tokens end with it */
            stub_settle(b.system);
            clear_tags(asker);
            asker->kept_count = 0;
            note_from(&b, 0, asker_ref, probe_exit);
            bench_done(&b);
        }
}

static void an_answer_to_an_asker_that_is_gone_is_dropped(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct probe *asked = spawn_on(&b, 1, &probe_pinned);
    struct probe *asker = spawn_on(&b, 0, &probe_pinned);
    struct asks asks = {asked->actor.self, {keep, answer, NULL}};
    struct actor_ref asked_ref = asks.to;
    asker->state = &asks;
    note_from(&b, 0, asker->actor.self, ask_three);
    note_from(&b, 0, asker->actor.self, probe_exit);
    (void)stub_round(b.system->workers[0]);
    note_from(&b, 1, asked_ref, probe_exit);
    stub_settle(b.system);
    assert_int_equal(b.book.answered + b.book.gone, 0);
    assert_int_equal(b.book.made, b.book.freed);
    b.book.asked = 0; /* the asker's own choice */
    bench_done(&b);
}

/* --- turns, rounds, timers, other threads ---------------------------------------------------------- */

static void record_order(struct probe *self, struct msg *m)
{
    uint64_t *next = self->state;
    assert_int_equal(((struct probe_msg *)(void *)m)->value, *next);
    ++*next;
}

static void messages_of_one_sender_are_handled_in_order_over_many_turns(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct probe *p = spawn_on(&b, 1, &probe_pinned);
    uint64_t next = 0;
    p->state = &next;
    struct prng prng;
    prng_init(&prng, 9);
    for (uint64_t i = 0; i < 5000; i++) {
        current_worker = b.system->workers[0];
        probe_note(p->actor.self, &b.book, record_order, i);
        if (prng_one_in(&prng, 90)) {
            b.system->workers[1]->turn_limit = 1 + prng_below(&prng, 64);
            (void)stub_round(b.system->workers[1]);
        }
    }
    stub_settle(b.system);
    assert_int_equal(next, 5000);
    note_from(&b, 0, p->actor.self, probe_exit);
    bench_done(&b);
}

static void a_turn_ends_at_its_bounds_and_goes_on_in_the_next(void **state)
{
    struct bench b;
    bench_init(&b, 1);
    struct worker *w = b.system->workers[0];
    struct probe *p = spawn_on(&b, 0, &probe_pinned);
    for (unsigned i = 0; i < TURN_MESSAGES_MAX + 1; i++)
        note_from(&b, 0, p->actor.self, NULL);
    worker_enter(w);
    assert_true(worker_run_one(w, 0));
    assert_int_equal(b.book.handled, TURN_MESSAGES_MAX);
    assert_true(worker_run_one(w, 0));
    assert_int_equal(b.book.handled, TURN_MESSAGES_MAX + 1);
    assert_false(worker_run_one(w, 0));
    worker_leave(w);
    note_from(&b, 0, p->actor.self, probe_exit);
    bench_done(&b);
}

static void append_name(struct probe *self, struct msg *m)
{
    char *text = self->state;
    text[strlen(text)] = (char)('a' + ((struct probe_msg *)(void *)m)->value);
}

/* The nth of the ready ones runs, and the others stay in their order. */
static void the_nth_ready_actor_can_be_run_and_the_rest_keep_their_order(void **state)
{
    static const struct {
        uint32_t nth[4];
        const char *order;
    } rows[] = {{{0, 0, 0, 0}, "dabc"},
                {{1, 0, 0, 0}, "adbc"},
                {{3, 0, 0, 0}, "cdab"},
                {{2, 1, 1, 0}, "bacd"},
                {{3, 2, 1, 0}, "cbad"}};
    for (unsigned row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct bench b;
        bench_init(&b, 1);
        struct worker *w = b.system->workers[0];
        char order[8] = "";
        struct actor_ref refs[4];
        for (unsigned i = 0; i < 4; i++) { /* d floats: it is `next`, before the others */
            struct probe *p = spawn_on(&b, 0, i == 3 ? &probe_floating : &probe_pinned);
            p->state = order;
            refs[i] = p->actor.self;
            probe_note(refs[i], &b.book, append_name, i);
        }
        assert_int_equal(worker_ready_count(w), 4);
        worker_enter(w);
        assert_false(worker_run_one(w, 4));
        for (unsigned i = 0; i < 4; i++)
            assert_true(worker_run_one(w, rows[row].nth[i]));
        assert_false(worker_run_one(w, 0));
        worker_leave(w);
        assert_string_equal(order, rows[row].order);
        for (unsigned i = 0; i < 4; i++)
            note_from(&b, 0, refs[i], probe_exit);
        bench_done(&b);
    }
}

static void arm_timers(struct probe *self, struct msg *m)
{
    timer_arm(&self->timer, &self->actor, 7, 50);
    timer_arm(&self->timer, &self->actor, 8, 20); /* again: the first is no more */
}

static void take_timer(struct probe *self, const struct msg_timer *m)
{
    *(uint64_t *)self->state = (uint64_t)m->which << 32 | m->number;
}

static void a_timer_fires_at_its_time_with_its_name(void **state)
{
    struct bench b;
    bench_init(&b, 1);
    struct worker *w = b.system->workers[0];
    struct probe *p = spawn_on(&b, 0, &probe_pinned);
    uint64_t seen = 0;
    p->state = &seen;
    p->on_timer = take_timer;
    note_from(&b, 0, p->actor.self, arm_timers);
    stub_settle(b.system);
    assert_int_equal(worker_wake_ms(w), w->clock_ms + 20);
    stub_pass_ms(&b.stub, 19);
    stub_settle(b.system);
    assert_int_equal(b.book.timers, 0);
    stub_pass_ms(&b.stub, 1);
    stub_settle(b.system);
    assert_int_equal(seen, (uint64_t)8 << 32);
    stub_pass_ms(&b.stub, 1000);
    stub_settle(b.system);
    assert_int_equal(b.book.timers, 1);
    assert_true(worker_wake_ms(w) == UINT64_MAX);
    note_from(&b, 0, p->actor.self, arm_timers);
    note_from(&b, 0, p->actor.self, probe_exit); /* its done cancels it */
    bench_done(&b);
}

static void arm_floating(struct probe *self, struct msg *m)
{
    *(uint64_t *)self->state = actor_after(&self->actor, 3, 10);
}

static void a_floating_actors_timer_carries_its_number_or_fires_to_nobody(void **state)
{
    for (unsigned gone = 0; gone < 2; gone++) {
        struct bench b;
        bench_init(&b, 2);
        struct probe *p = spawn_on(&b, 0, &probe_floating);
        uint64_t seen = 0;
        p->state = &seen;
        p->on_timer = take_timer;
        struct actor_ref ref = p->actor.self;
        note_from(&b, 1, ref, arm_floating);
        stub_settle(b.system);
        uint64_t number = seen;
        assert_int_not_equal(number, 0);
        if (gone)
            note_from(&b, 0, ref, probe_exit);
        stub_settle(b.system);
        stub_pass_ms(&b.stub, 10);
        stub_settle(b.system);
        assert_int_equal(seen, gone ? number : (uint64_t)3 << 32 | number);
        note_from(&b, 0, ref, probe_exit);
        bench_done(&b);
    }
}

static void a_system_that_ends_early_frees_timers_and_late_completions(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct probe *p = spawn_on(&b, 0, &probe_floating);
    uint64_t seen = 0;
    p->state = &seen;
    struct actor_ref ref = p->actor.self;
    note_from(&b, 0, ref, arm_floating);
    note_from(&b, 0, ref, probe_exit);
    stub_settle(b.system);
    struct probe_msg *m = (struct probe_msg *)(void *)msg_alloc_foreign(&probe_types[PROBE_NOTE]);
    m->book = &b.book;
    b.book.made++;
    worker_post(b.system->workers[1], ref, &m->msg);
    system_free(&b.system);
    assert_int_equal(b.book.made, b.book.freed);
}

static void a_completion_of_another_thread_reaches_its_actor(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct probe *p = spawn_on(&b, 1, &probe_pinned);
    stub_settle(b.system);
    for (unsigned i = 0; i < 3; i++) {
        struct probe_msg *m =
            (struct probe_msg *)(void *)msg_alloc_foreign(&probe_types[PROBE_NOTE]);
        m->book = &b.book;
        b.book.made++;
        worker_post(b.system->workers[1], p->actor.self, &m->msg);
    }
    assert_int_equal(b.stub.wakes[1], 1); /* it slept: one wake-up, then it counts as awake */
    stub_settle(b.system);
    assert_int_equal(b.book.handled, 3);
    note_from(&b, 0, p->actor.self, probe_exit);
    bench_done(&b);
}

static void only_a_sleeping_worker_is_woken_and_only_once(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct worker *w = b.system->workers[1];
    struct probe *p = spawn_on(&b, 1, &probe_pinned);
    struct probe *q = spawn_on(&b, 1, &probe_pinned);
    for (unsigned i = 0; i < 100; i++)
        note_from(&b, 0, p->actor.self, NULL);
    assert_int_equal(b.stub.wakes[1], 0); /* it never slept */
    assert_true(stub_round(w));
    note_from(&b, 0, p->actor.self, NULL);
    note_from(&b, 0, q->actor.self, NULL);
    assert_int_equal(b.stub.wakes[1], 1);
    worker_enter(w); /* awake from here on */
    for (unsigned i = 0; i < 100; i++) {
        note_from(&b, 0, p->actor.self, NULL);
        worker_round(w);
    }
    assert_int_equal(b.stub.wakes[1], 1);
    worker_leave(w);
    note_from(&b, 0, p->actor.self, probe_exit);
    note_from(&b, 0, q->actor.self, probe_exit);
    bench_done(&b);
}

static void a_worker_with_retired_memory_wakes_by_itself(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct worker *w = b.system->workers[0];
    struct probe *p = spawn_on(&b, 0, &probe_pinned);
    worker_enter(b.system->workers[1]); /* a reader that stays inside */
    note_from(&b, 0, p->actor.self, probe_exit);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(stub_round(w));
        assert_true(worker_wake_ms(w) <= w->clock_ms + 10);
        assert_int_equal(system_actor_count(b.system), 1);
    }
    worker_leave(b.system->workers[1]);
    bench_done(&b);
}

static void what_went_home_is_sent_before_a_worker_sleeps(void **state)
{
    struct bench b;
    bench_init(&b, 2);
    struct actor_ref ref = spawn_on(&b, 0, &probe_floating)->actor.self;
    note_from(&b, 1, ref, probe_exit); /* runs and dies on worker 1, its memory is worker 0's */
    struct worker *w = b.system->workers[1];
    while (system_actor_count(b.system) > 0)
        assert_true(stub_round(w) || worker_ready_count(w) > 0);
    assert_null(w->heap.outgoing[0]);
    bench_done(&b);
}

static void a_world_that_gives_too_few_workers_gives_no_system(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        struct stub_world stub;
        stub_init(&stub, 1);
        stub.start_result = -12;
        stub.start_fails_at = i;
        assert_null(stub_system(&stub, 3));
        assert_int_equal(stub.started, i);
        assert_int_equal(stub.stopped, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_and_strange_handles_are_found_by_no_lookup),
        cmocka_unit_test(a_stale_handle_finds_nobody_after_its_slot_is_used_again),
        cmocka_unit_test(a_slot_that_has_used_all_generations_is_never_used_again),
        cmocka_unit_test(a_million_lives_need_few_slots_and_repeat_no_handle),
        cmocka_unit_test(more_actors_than_a_chunk_holds_are_all_found_and_visited),
        cmocka_unit_test(a_visit_in_pieces_sees_each_actor_once),
        cmocka_unit_test(one_that_ends_in_an_event_while_queued_ends_once),
        cmocka_unit_test(its_memory_stays_while_another_worker_is_about_to_queue_it),
        cmocka_unit_test(one_that_drains_and_ends_in_an_event_ends_once),
        cmocka_unit_test(ends_between_the_flushes_of_others_disturb_none),
        cmocka_unit_test(every_request_is_answered_once_whatever_becomes_of_the_asked),
        cmocka_unit_test(an_answer_to_an_asker_that_is_gone_is_dropped),
        cmocka_unit_test(messages_of_one_sender_are_handled_in_order_over_many_turns),
        cmocka_unit_test(a_turn_ends_at_its_bounds_and_goes_on_in_the_next),
        cmocka_unit_test(the_nth_ready_actor_can_be_run_and_the_rest_keep_their_order),
        cmocka_unit_test(a_timer_fires_at_its_time_with_its_name),
        cmocka_unit_test(a_floating_actors_timer_carries_its_number_or_fires_to_nobody),
        cmocka_unit_test(a_system_that_ends_early_frees_timers_and_late_completions),
        cmocka_unit_test(a_completion_of_another_thread_reaches_its_actor),
        cmocka_unit_test(only_a_sleeping_worker_is_woken_and_only_once),
        cmocka_unit_test(a_worker_with_retired_memory_wakes_by_itself),
        cmocka_unit_test(what_went_home_is_sent_before_a_worker_sleeps),
        cmocka_unit_test(a_world_that_gives_too_few_workers_gives_no_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
