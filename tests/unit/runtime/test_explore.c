/* SPDX-License-Identifier: Apache-2.0 */
/* test_explore.c -- every interleaving of the lock-free parts' small scenarios, on the very code.
 *
 * Each scenario has a mutation: the same with one line broken as a tired programmer would, in which
 * the explorer must find the bug. A scenario that could not tell the two apart would prove nothing.
 */
#include "tests/unit/runtime/explore_runtime.h"

/* How often a task of a scenario does its thing: 1 with DEEP, 2 with LONG. */
static unsigned laps;

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
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(nothing_goes_while_a_reader_holds_it),
        cmocka_unit_test(a_slot_has_one_taker_at_a_time),
        cmocka_unit_test(every_block_comes_home_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
