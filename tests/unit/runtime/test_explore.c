/* SPDX-License-Identifier: Apache-2.0 */
/* test_explore.c -- every interleaving of the lock-free parts' small scenarios, on the very code.
 *
 * The sources are included, not linked, so that their atomics are switch points here. Each scenario
 * has a mutation: the same with one line broken as a tired programmer would, in which the explorer
 * must find the bug. A scenario that could not tell the two apart would prove nothing.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void explore_switch(void);
#define ATOMIC_SWITCH() explore_switch()

#if !defined(__SANITIZE_ADDRESS__) /* there malloc, which sees misuse; elsewhere the slabs */
#undef MYELIN_SANITIZED
#define MYELIN_SANITIZED 0
#endif

#include "runtime/buf.c"
#include "runtime/epoch.c"
#include "runtime/msg.c"
#include "runtime/slab.c"
#include "runtime/system.c"
#include "runtime/worker.c"
#include "tests/unit/runtime/explore.h"
#include "tests/unit/runtime/probe.h"
#include "tests/unit/runtime/stub_world.h"

/* A short scenario is searched deep and a long one less so. Instrumented builds look for what the
 * instruments see, and are slow: less deep. */
#if defined(__SANITIZE_THREAD__)
#define DEEP 2
#define LONG 1
#define MACHINE 2
#define FLOOR_PART 50
#elif defined(__SANITIZE_ADDRESS__)
#define DEEP 4
#define LONG 3
#define MACHINE 2
#define FLOOR_PART 20
#else
#define DEEP 5
#define LONG 3
#define MACHINE 4
#define FLOOR_PART 1
#endif
#define FINDS 3 /* preemptions that show every mutation */

/* How often a task of a micro scenario does its thing: 1 with DEEP, 2 with LONG. */
static unsigned laps;

/* Explores all; nothing may be broken, and there must have been enough to see. */
static void assert_holds(const struct explore_scenario *s, unsigned preemptions, uint64_t floor)
{
    const char *failure;
    const char *deeper = getenv("EXPLORE_DEEPER"); /* so many preemptions more, for a long look */
    if (deeper != NULL)
        preemptions += (unsigned)strtoul(deeper, NULL, 10);
    uint64_t schedules = explore(s, preemptions, &failure);
    if (failure != NULL)
        fail_msg("%s: %s", s->name, failure);
    if (schedules < floor / FLOOR_PART)
        fail_msg("%s: only %llu schedules", s->name, (unsigned long long)schedules);
}

/* In a child: a broken runtime may also abort or crash, which is a way to find the bug. */
static void assert_finds(const struct explore_scenario *s, unsigned preemptions)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)signal(SIGSEGV, SIG_DFL);
        close(STDERR_FILENO); /* what a panic prints is expected here */
        const char *failure;
        (void)explore(s, preemptions, &failure);
        fflush(NULL);
        _exit(failure != NULL ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        fail_msg("%s, broken: the explorer did not find it", s->name);
}

static unsigned task_index(void *context)
{
    return (unsigned)(uintptr_t)context;
}

/* --- a mailbox: senders, runners, the stop --------------------------------------------------------- */

#define NOTES 2 /* of each of two senders, at most */

struct note {
    struct msg msg;
    unsigned sender;
    unsigned number;
};

static struct {
    struct mailbox box;
    struct note notes[2][NOTES];
    unsigned handled[2]; /* of each sender, in order */
    unsigned refused;
    unsigned dropped;
    unsigned scheduled; /* how often it is in the queue */
    bool running;
    bool closed;
    bool sending[2];
} mail;

static enum mailbox_push push_with_a_store(struct mailbox *box, struct msg *m)
{
    uintptr_t old = ATOMIC_LOAD(&box->word, memory_order_relaxed);
    if (old == MAILBOX_GONE)
        return MAILBOX_REFUSED;
    m->next = old > MAILBOX_GONE ? (struct msg *)old : NULL;
    ATOMIC_STORE(&box->word, (uintptr_t)m, memory_order_release);
    return old == MAILBOX_IDLE ? MAILBOX_WOKE : MAILBOX_QUEUED;
}

static bool go_idle_with_a_store(struct mailbox *box)
{
    if (ATOMIC_LOAD(&box->word, memory_order_acquire) != MAILBOX_BUSY)
        return false;
    ATOMIC_STORE(&box->word, MAILBOX_IDLE, memory_order_release);
    return true;
}

static enum mailbox_push (*mail_push)(struct mailbox *box, struct msg *m);
static bool (*mail_go_idle)(struct mailbox *box);
static unsigned mail_close_after; /* close when so many were handled; 0: never */

static void mail_begin(void)
{
    memset(&mail, 0, sizeof mail);
    mail.sending[0] = mail.sending[1] = true;
}

static void mail_send(void *context)
{
    unsigned self = task_index(context);
    for (unsigned i = 0; i < laps; i++) {
        struct note *n = &mail.notes[self][i];
        n->sender = self;
        n->number = i;
        enum mailbox_push pushed = mail_push(&mail.box, &n->msg);
        if (pushed == MAILBOX_WOKE) {
            explore_switch();
            mail.scheduled++;
            EXPLORE_CHECK(mail.scheduled == 1);
        } else if (pushed == MAILBOX_REFUSED) {
            mail.refused++;
        }
    }
    mail.sending[self] = false;
}

static bool mail_has_work(void *context)
{
    return mail.scheduled > 0 || (!mail.sending[0] && !mail.sending[1]);
}

static void mail_handle(struct msg *m)
{
    while (m != NULL) {
        struct note *n = (struct note *)(void *)m;
        m = m->next;
        EXPLORE_CHECK(n->number >= mail.handled[n->sender]);
        mail.handled[n->sender]++;
    }
}

static void mail_turn(void)
{
    EXPLORE_CHECK(!mail.running);
    mail.running = true;
    mail_handle(mailbox_take(&mail.box));
    explore_switch();
    mail.running = false;
    if (mail_close_after > 0 && mail.handled[0] + mail.handled[1] >= mail_close_after) {
        bool idle;
        for (struct msg *m = mailbox_close(&mail.box, &idle); m != NULL; m = m->next)
            mail.dropped++;
        mail.closed = true;
    } else if (!mail_go_idle(&mail.box)) {
        mail.scheduled++;
        EXPLORE_CHECK(mail.scheduled == 1);
    }
}

static void mail_run(void *context)
{
    for (;;) {
        explore_wait(mail_has_work, NULL);
        if (mail.scheduled == 0)
            return;
        mail.scheduled--;
        mail_turn();
    }
}

static void mail_end(void)
{
    unsigned handled = mail.handled[0] + mail.handled[1];
    EXPLORE_CHECK(handled + mail.refused + mail.dropped == 2 * laps);
    EXPLORE_CHECK(mail.closed || handled == 2 * laps);
    EXPLORE_CHECK(mail.box.word == (mail.closed ? MAILBOX_GONE : MAILBOX_IDLE));
}

/* Two runners: a floating actor runs on whichever worker took it from the queue. */
static const struct explore_scenario mail_scenario = {"two senders, two runners",
                                                      mail_begin,
                                                      {mail_send, mail_send, mail_run, mail_run},
                                                      mail_end,
                                                      0};
static const struct explore_scenario mail_pinned = {"two senders, one runner",
                                                    mail_begin,
                                                    {mail_send, mail_send, mail_run},
                                                    mail_end,
                                                    0};

static void a_mailbox_hands_over_each_message_once_and_has_one_runner(void **state)
{
    mail_push = mailbox_push;
    mail_go_idle = mailbox_go_idle;
    mail_close_after = 0;
    laps = 1;
    assert_holds(&mail_pinned, DEEP, 500);
    laps = 2;
    assert_holds(&mail_scenario, LONG, 5000);
    mail_push = push_with_a_store;
    assert_finds(&mail_scenario, FINDS);
    mail_push = mailbox_push;
    mail_go_idle = go_idle_with_a_store;
    assert_finds(&mail_scenario, FINDS);
}

static void a_closed_mailbox_refuses_or_returns_each_message_once(void **state)
{
    mail_push = mailbox_push;
    mail_go_idle = mailbox_go_idle;
    laps = 2;
    for (mail_close_after = 1; mail_close_after < 2 * NOTES; mail_close_after++)
        assert_holds(&mail_pinned, LONG + 1, 2000);
    laps = 1;
    mail_close_after = 1;
    assert_holds(&mail_pinned, DEEP, 500);
    mail_push = push_with_a_store;
    assert_finds(&mail_pinned, FINDS);
}

/* --- the machine: virtual workers as tasks --------------------------------------------------------- */

static struct {
    struct stub_world stub;
    struct world_ops ops;
    struct system *system;
    struct probe_book book;
    bool woken[2];
    struct worker *current[EXPLORE_TASKS_MAX]; /* each task's current_worker */
    struct actor_ref refs[4];
    unsigned lives;
    bool in_turn;
    unsigned target; /* when the book has so many handled or answered, the workers may end */
} machine;

static void machine_wake(struct worker *w)
{
    EXPLORE_CHECK(w->index < 2);
    machine.woken[w->index] = true;
}

static void machine_switched(unsigned from, unsigned to)
{
    machine.current[from] = current_worker;
    current_worker = machine.current[to];
}

/* One system serves all schedules of a scenario: each leaves it settled and empty. */
static void machine_open(void)
{
    memset(&machine, 0, sizeof machine);
    stub_init(&machine.stub, 1);
    machine.ops = stub_ops;
    machine.ops.worker_wake = machine_wake;
    machine.stub.world.ops = &machine.ops;
    machine.system = stub_system(&machine.stub, 2);
}

static void machine_close(void)
{
    system_free(&machine.system);
}

static struct probe *machine_spawn(unsigned worker, const struct actor_class *class, unsigned ref)
{
    current_worker = machine.system->workers[worker];
    struct probe *p = probe_spawn(class, &machine.book);
    machine.refs[ref] = p->actor.self;
    return p;
}

static void machine_begin(void)
{
    memset(&machine.book, 0, sizeof machine.book);
    machine.woken[0] = machine.woken[1] = false;
    machine.in_turn = false;
    for (unsigned i = 0; i < 2; i++) {
        machine.system->workers[i]->sleeping = 0;
        machine.current[i] = machine.system->workers[i];
    }
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
        (void)bury(w, a);
        retire(w, a);
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

/* --- sleep and wake -------------------------------------------------------------------------------- */

static struct {
    struct actor actors[3];
    struct msg foreign;
    unsigned taken;
    bool woken;
} nap;

#define NAP_WORK (laps + 1)

static bool (*nap_may_block)(struct worker *w);
static void (*nap_wake)(struct worker *w);

static bool may_block_looks_first(struct worker *w)
{
    if (ATOMIC_LOAD(&w->arrivals, memory_order_seq_cst) != NULL ||
        ATOMIC_LOAD(&w->foreign, memory_order_seq_cst) != NULL)
        return false;
    ATOMIC_STORE(&w->sleeping, 1, memory_order_seq_cst);
    return true;
}

static bool may_block_forgets_foreign(struct worker *w)
{
    ATOMIC_STORE(&w->sleeping, 1, memory_order_seq_cst);
    if (ATOMIC_LOAD(&w->arrivals, memory_order_seq_cst) == NULL)
        return true;
    ATOMIC_STORE(&w->sleeping, 0, memory_order_seq_cst);
    return false;
}

static void nap_wake_flag(struct worker *w)
{
    nap.woken = true;
}

static void nap_begin(void)
{
    machine_begin();
    machine.ops.worker_wake = nap_wake_flag;
    memset(&nap, 0, sizeof nap);
}

static bool nap_is_woken(void *context)
{
    return nap.woken;
}

static void nap_collect(struct worker *w)
{
    take_arrivals(w);
    while (queue_pop(w) != NULL)
        nap.taken++;
    if (ATOMIC_LOAD(&w->foreign, memory_order_relaxed) != NULL)
        for (const struct msg *m = ATOMIC_EXCHANGE(&w->foreign, NULL, memory_order_seq_cst);
             m != NULL; m = m->next)
            nap.taken++;
}

/* Without the epoch: fewer switches, more preemptions. */
static void nap_sleep(void *context)
{
    struct worker *w = machine.system->workers[0];
    while (nap.taken < NAP_WORK) {
        if (ATOMIC_LOAD(&w->sleeping, memory_order_relaxed) != 0)
            ATOMIC_STORE(&w->sleeping, 0, memory_order_relaxed);
        nap_collect(w);
        if (nap.taken == NAP_WORK || !nap_may_block(w))
            continue;
        explore_wait(nap_is_woken, NULL);
        nap.woken = false;
    }
}

static void nap_send(void *context)
{
    struct worker *w = machine.system->workers[0];
    for (unsigned i = 0; i < laps; i++) {
        arrivals_push(w, &nap.actors[i]);
        nap_wake(w);
    }
}

static void nap_send_looking_first(void *context)
{
    struct worker *w = machine.system->workers[0];
    for (unsigned i = 0; i < laps; i++) {
        bool sleeps = ATOMIC_LOAD(&w->sleeping, memory_order_seq_cst) != 0;
        arrivals_push(w, &nap.actors[i]);
        if (sleeps)
            nap_wake(w);
    }
}

static void nap_post(void *context)
{
    worker_post(machine.system->workers[0], NOBODY, &nap.foreign);
}

static void nap_end(void)
{
    EXPLORE_CHECK(nap.taken == NAP_WORK);
    machine.system->workers[0]->ready = (struct actor_queue){0};
}

static void no_wake_up_is_lost(void **state)
{
    struct explore_scenario s = {"sleep against wake",
                                 nap_begin,
                                 {nap_sleep, nap_send, nap_post},
                                 nap_end,
                                 machine_switched};
    machine_open();
    nap_may_block = worker_may_block;
    nap_wake = wake;
    laps = 1;
    assert_holds(&s, DEEP, 1000);
    laps = 2;
    assert_holds(&s, LONG, 2000);
    nap_may_block = may_block_looks_first;
    assert_finds(&s, FINDS);
    nap_may_block = may_block_forgets_foreign;
    assert_finds(&s, FINDS);
    nap_may_block = worker_may_block;
    s.tasks[1] = nap_send_looking_first;
    assert_finds(&s, FINDS);
    machine.ops.worker_wake = machine_wake;
    machine_close();
}

/* --- epochs ---------------------------------------------------------------------------------------- */

#define EPOCH_OBJECTS 2

struct object {
    struct reclaim_entry entry;
    bool freed;
    unsigned held;
};

static struct {
    struct epoch epoch;
    struct epoch_slot slots[3]; /* two readers, one writer */
    struct epoch_retired retired;
    struct object objects[EPOCH_OBJECTS + 1];
    _Atomic(struct object *) shared;
} era;

static void (*era_enter)(struct epoch *epoch, struct epoch_slot *slot);
static unsigned era_slots_scanned;
static void (*era_defer)(struct epoch_retired *retired, struct reclaim_entry *entry);

static void enter_without_announcing(struct epoch *epoch, struct epoch_slot *slot)
{
    (void)ATOMIC_LOAD(&epoch->global, memory_order_acquire);
}

static void defer_nothing(struct epoch_retired *retired, struct reclaim_entry *entry)
{
    entry->done(entry);
}

static void object_done(struct reclaim_entry *entry)
{
    struct object *o = (struct object *)(void *)entry;
    EXPLORE_CHECK(!o->freed);
    EXPLORE_CHECK(o->held == 0);
    o->freed = true;
}

static void era_begin(void)
{
    memset(&era, 0, sizeof era);
    epoch_init(&era.epoch);
    epoch_retired_init(&era.retired);
    for (unsigned i = 0; i <= EPOCH_OBJECTS; i++)
        era.objects[i].entry.done = object_done;
    era.shared = &era.objects[0];
}

static void era_read(void *context)
{
    struct epoch_slot *slot = &era.slots[task_index(context)];
    for (unsigned i = 0; i < laps; i++) {
        era_enter(&era.epoch, slot);
        struct object *o = ATOMIC_LOAD(&era.shared, memory_order_acquire);
        EXPLORE_CHECK(!o->freed);
        o->held++;
        explore_switch();
        EXPLORE_CHECK(!o->freed);
        o->held--;
        epoch_leave(slot);
    }
}

/* A worker that changes: inside its own section, polling between sections as a round does. */
static void era_write(void *context)
{
    struct epoch_slot *slot = &era.slots[2];
    for (unsigned i = 0; i < laps; i++) {
        era_enter(&era.epoch, slot);
        struct object *old = ATOMIC_LOAD(&era.shared, memory_order_relaxed);
        ATOMIC_STORE(&era.shared, &era.objects[i + 1], memory_order_release);
        era_defer(&era.retired, &old->entry);
        (void)epoch_poll(&era.epoch, &era.retired, era.slots, era_slots_scanned);
        epoch_leave(slot);
        (void)epoch_poll(&era.epoch, &era.retired, era.slots, era_slots_scanned);
    }
}

static void era_end(void)
{
    for (unsigned i = 0; i < 3; i++)
        (void)epoch_poll(&era.epoch, &era.retired, era.slots, 3);
    EXPLORE_CHECK(!epoch_pending(&era.retired));
    for (unsigned i = 0; i <= EPOCH_OBJECTS; i++)
        EXPLORE_CHECK(era.objects[i].freed == (i < laps));
}

static void nothing_goes_while_a_reader_holds_it(void **state)
{
    static const struct explore_scenario s = {
        "epochs: two readers, one writer", era_begin, {era_read, era_read, era_write}, era_end, 0};
    era_enter = epoch_enter;
    era_defer = epoch_defer;
    era_slots_scanned = 3;
    laps = 1;
    assert_holds(&s, DEEP, 5000);
    laps = 2;
    assert_holds(&s, LONG, 5000);
    era_enter = enter_without_announcing;
    assert_finds(&s, FINDS);
    era_enter = epoch_enter;
    era_slots_scanned = 1;
    assert_finds(&s, FINDS);
    era_slots_scanned = 3;
    era_defer = defer_nothing;
    assert_finds(&s, FINDS);
}

/* --- slots ----------------------------------------------------------------------------------------- */

static struct {
    struct actor actors[3][3];
    uint32_t takers[8]; /* who has which slot, + 1 */
} seats;

static bool seats_tagged; /* the mutation: a free list without a tag */

static uint32_t pop_untagged(struct system *system)
{
    uint64_t head = ATOMIC_LOAD(&system->slot_free, memory_order_acquire);
    for (;;) {
        uint32_t index = (uint32_t)head & NO_SLOT;
        if (index == NO_SLOT)
            return NO_SLOT;
        uint32_t next = free_next(ATOMIC_LOAD(slot_at(system, index), memory_order_relaxed));
        if (ATOMIC_CAS(&system->slot_free, &head, next, memory_order_acq_rel))
            return index;
    }
}

static void release_untagged(struct system *system, uint32_t index)
{
    uint64_t head = ATOMIC_LOAD(&system->slot_free, memory_order_relaxed);
    do {
        ATOMIC_STORE(slot_at(system, index), free_word(1, (uint32_t)head & NO_SLOT),
                     memory_order_relaxed);
    } while (!ATOMIC_CAS(&system->slot_free, &head, index, memory_order_acq_rel));
}

static uint32_t seat_take(unsigned task, unsigned number)
{
    struct actor *a = &seats.actors[task][number];
    uint32_t index;
    if (seats_tagged) {
        index = (uint32_t)system_slot_take(machine.system, a).id;
        EXPLORE_CHECK(system_lookup(machine.system, a->self) == a);
    } else {
        index = pop_untagged(machine.system);
    }
    EXPLORE_CHECK(index < 8);
    EXPLORE_CHECK(seats.takers[index] == 0);
    seats.takers[index] = task + 1;
    return index;
}

static void seat_release(unsigned task, unsigned number, uint32_t index)
{
    EXPLORE_CHECK(seats.takers[index] == task + 1);
    seats.takers[index] = 0;
    if (!seats_tagged) {
        release_untagged(machine.system, index);
        return;
    }
    struct actor_ref ref = seats.actors[task][number].self;
    system_slot_clear(machine.system, ref);
    EXPLORE_CHECK(system_lookup(machine.system, ref) == NULL);
    system_slot_release(machine.system, ref);
    EXPLORE_CHECK(system_lookup(machine.system, ref) == NULL);
}

static void seats_play(void *context)
{
    unsigned self = task_index(context);
    uint32_t first = seat_take(self, 0);
    uint32_t second = seat_take(self, 1);
    seat_release(self, 0, first);
    if (laps > 1) {
        uint32_t third = seat_take(self, 2);
        seat_release(self, 2, third);
    }
    seat_release(self, 1, second);
}

/* The eight lowest slots are free, and linked in their order. */
static void seats_begin(void)
{
    memset(&seats, 0, sizeof seats);
    struct system *system = machine.system;
    if (slot_at(system, 0) == NULL)
        chunk_add(system, 0);
    for (uint32_t i = 0; i < 8; i++)
        *slot_at(system, i) = free_word(1, i < 7 ? i + 1 : NO_SLOT);
    system->slot_free = 0;
    system->slots_made = 8;
    system->actors = 0;
}

static void seats_end(void)
{
    uint32_t index = (uint32_t)machine.system->slot_free & NO_SLOT;
    unsigned free_slots = 0;
    bool seen[8] = {0};
    for (; index != NO_SLOT && free_slots <= 8; free_slots++) {
        EXPLORE_CHECK(!seen[index]);
        seen[index] = true;
        index = free_next(*slot_at(machine.system, index));
    }
    EXPLORE_CHECK(free_slots == 8);
    machine.system->actors = 0;
}

static void a_slot_has_one_taker_at_a_time(void **state)
{
    static const struct explore_scenario s = {
        "slots: two takers", seats_begin, {seats_play, seats_play}, seats_end, machine_switched};
    machine_open();
    seats_tagged = true;
    laps = 1;
    assert_holds(&s, DEEP - 1, 2000);
    laps = 2;
    assert_holds(&s, LONG, 2000);
    seats_tagged = false;
    assert_finds(&s, FINDS);
    machine_close();
}

/* --- memory that goes home ------------------------------------------------------------------------- */

static struct {
    struct heap heaps[3];
    struct heap *table[3];
    void *blocks[2][2]; /* the owner's, for each of two others to free */
} home;

static bool home_by_store;

static void home_open(void)
{
    for (uint16_t i = 0; i < 3; i++) {
        home.table[i] = &home.heaps[i];
        heap_init(&home.heaps[i], i, home.table, 3);
    }
}

static void home_begin(void)
{
    for (unsigned i = 0; i < 2; i++)
        for (unsigned n = 0; n < 2; n++)
            home.blocks[i][n] = heap_alloc(&home.heaps[2], 40);
}

static void home_send(struct heap *heap)
{
    if (!home_by_store) {
        heap_send_home(heap);
        return;
    }
    heap->outgoing_last[2]->next = ATOMIC_LOAD(&home.heaps[2].returned, memory_order_relaxed);
    ATOMIC_STORE(&home.heaps[2].returned, heap->outgoing[2], memory_order_release);
    heap->outgoing[2] = NULL;
}

static void home_free(void *context)
{
    unsigned self = task_index(context);
    for (unsigned n = 0; n < 2; n++) {
        heap_free(&home.heaps[self], home.blocks[self][n]);
        home_send(&home.heaps[self]);
    }
}

static void home_own(void *context)
{
    struct heap *heap = &home.heaps[2];
    for (unsigned i = 0; i < 3; i++) {
        void *mine = heap_alloc(heap, 40);
        for (unsigned n = 0; n < 4; n++)
            EXPLORE_CHECK(heap->used_blocks <= 5);
        heap_send_home(heap);
        heap_free(heap, mine);
    }
}

static void home_end(void)
{
    heap_send_home(&home.heaps[2]);
    EXPLORE_CHECK(home.heaps[2].used_blocks == 0);
}

static void every_block_comes_home_once(void **state)
{
    static const struct explore_scenario s = {"blocks sent home by two others",
                                              home_begin,
                                              {home_free, home_free, home_own},
                                              home_end,
                                              0};
    if (MYELIN_SANITIZED)
        skip(); /* malloc has no home */
    home_open();
    home_by_store = false;
    laps = 1;
    assert_holds(&s, DEEP, 1000);
    home_by_store = true;
    assert_finds(&s, FINDS);
    for (unsigned i = 0; i < 3; i++)
        heap_done(&home.heaps[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mailbox_hands_over_each_message_once_and_has_one_runner),
        cmocka_unit_test(a_closed_mailbox_refuses_or_returns_each_message_once),
        cmocka_unit_test(a_floating_actor_runs_on_one_worker_at_a_time),
        cmocka_unit_test(a_request_is_answered_whatever_the_moment_the_asked_ends),
        cmocka_unit_test(one_that_ends_in_an_event_is_retired_once),
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(nothing_goes_while_a_reader_holds_it),
        cmocka_unit_test(a_slot_has_one_taker_at_a_time),
        cmocka_unit_test(every_block_comes_home_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
