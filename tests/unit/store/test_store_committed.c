/* SPDX-License-Identifier: Apache-2.0 */
/* Groups whose entries others decide about: durable is not applied, what is not committed may be cut, and
 * nothing of it gets into a segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "store/store_state.h"
#include "tests/unit/store/store_run.h"

enum { ENTRIES = 10 };

struct scene {
    struct store_run run;
    struct store_group *group;
    struct store_run_append entries[ENTRIES + 1]; /* by their number */
    uint64_t durable;
};

static void on_durable(void *context, struct store_group *group, uint64_t index)
{
    struct scene *s = (struct scene *)context;
    s->durable = index;
    assert_ptr_equal(group, s->group);
}

static void open_scene(struct scene *s)
{
    assert_int_equal(store_run_open(&s->run), 0);
    s->group = store_run_find(&s->run, "G");
}

static void begin(struct scene *s)
{
    store_run_init(&s->run, 1);
    s->run.options.durable = on_durable; /* its context is the run, which the scene begins with */
    assert_int_equal(store_run_open(&s->run), 0);
    assert_int_equal(store_run_make_as(&s->run, "G", MSGLOG_FILE, STORE_SYNC_COMMITTED, &s->group),
                     0);
}

static void append(struct scene *s, unsigned number, const char *text)
{
    struct store_run_append *a = &s->entries[number];
    assert_int_equal(store_run_begin_message(&s->run, s->group, a, "a", text, strlen(text)), 0);
}

/* Of the entries from..to; their bodies go. */
static void assert_answered(struct scene *s, unsigned from, unsigned to, int status)
{
    for (unsigned i = from; i <= to; i++) {
        assert_int_equal(s->entries[i].answers, 1);
        assert_int_equal(s->entries[i].status, status);
        store_run_append_done(&s->entries[i]);
    }
}

static void assert_waits(struct scene *s, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++)
        assert_int_equal(s->entries[i].answers, 0);
}

/* The index of the nth message: the configuration came first. */
static uint64_t index_of(unsigned number)
{
    return number + 1;
}

static void an_entry_is_applied_when_it_is_committed_and_not_before(void **state)
{
    static struct scene s;
    begin(&s);
    for (unsigned i = 1; i <= 3; i++)
        append(&s, i, "x");
    store_run_settle(&s.run);
    assert_int_equal(s.durable, index_of(3));
    assert_waits(&s, 1, 3);
    assert_int_equal(store_run_count(&s.run, s.group), 0);
    store_committed(s.run.store, s.group, index_of(2));
    store_run_settle(&s.run);
    assert_answered(&s, 1, 2, 0);
    assert_waits(&s, 3, 3);
    assert_int_equal(store_run_count(&s.run, s.group), 2);
    store_committed(s.run.store, s.group, index_of(9));
    store_run_settle(&s.run);
    assert_answered(&s, 3, 3, 0);
    store_run_done(&s.run);
}

static void what_is_committed_before_it_is_durable_waits_for_the_disk(void **state)
{
    static struct scene s;
    begin(&s);
    append(&s, 1, "x");
    store_committed(s.run.store, s.group, index_of(1));
    assert_waits(&s, 1, 1);
    store_run_settle(&s.run);
    assert_answered(&s, 1, 1, 0);
    store_run_done(&s.run);
}

static void a_cut_drops_what_is_not_committed_and_indexes_go_on_there(void **state)
{
    static struct scene s;
    begin(&s);
    for (unsigned i = 1; i <= 5; i++)
        append(&s, i, "old");
    store_run_settle(&s.run);
    store_committed(s.run.store, s.group, index_of(2));
    store_run_settle(&s.run);
    assert_answered(&s, 1, 2, 0);
    assert_int_equal(store_cut(s.run.store, s.group, index_of(3)), 0);
    assert_answered(&s, 4, 5, -ECANCELED);
    uint32_t term;
    assert_int_equal(store_last_index(s.group, &term), index_of(3));
    append(&s, 4, "new");
    assert_int_equal(s.entries[4].a.index, index_of(4));
    store_committed(s.run.store, s.group, index_of(4));
    store_run_settle(&s.run);
    assert_answered(&s, 3, 4, 0);
    assert_true(store_run_has(&s.run, s.group, 3, "old"));
    assert_true(store_run_has(&s.run, s.group, 4, "new"));
    store_run_done(&s.run);
}

static void a_cut_and_what_came_after_it_survive_a_loss_of_power(void **state)
{
    static struct scene s;
    begin(&s);
    for (unsigned i = 1; i <= 5; i++)
        append(&s, i, "old");
    store_run_settle(&s.run);
    assert_int_equal(store_cut(s.run.store, s.group, index_of(2)), 0);
    assert_answered(&s, 3, 5, -ECANCELED);
    append(&s, 3, "new");
    store_run_settle(&s.run);
    store_run_crash(&s.run, SIM_CRASH_WORST);
    for (unsigned i = 1; i <= 3; i++)
        store_run_append_done(&s.entries[i]);
    open_scene(&s);
    uint32_t term;
    assert_int_equal(store_last_index(s.group, &term), index_of(3));
    assert_int_equal(store_run_count(&s.run, s.group),
                     0); /* nobody has said that it is committed */
    store_committed(s.run.store, s.group, index_of(3));
    store_run_settle(&s.run);
    assert_int_equal(store_run_count(&s.run, s.group), 3);
    assert_true(store_run_has(&s.run, s.group, 2, "old"));
    assert_true(store_run_has(&s.run, s.group, 3, "new"));
    store_run_done(&s.run);
}

static void what_is_not_committed_is_carried_forward_and_never_drained(void **state)
{
    static struct scene s;
    begin(&s);
    struct store_group *busy = store_run_make_group(&s.run, "busy");
    append(&s, 1, "committed");
    append(&s, 2, "open");
    append(&s, 3, "cut");
    store_committed(s.run.store, s.group, index_of(1));
    store_run_publish_much(&s.run, busy, 3 << 20);
    store_run_settle(&s.run);
    assert_answered(&s, 1, 1, 0);
    assert_waits(&s, 2, 3);
    struct journal_span span;
    journal_span(s.run.store->journal, &span);
    assert_true(span.floor > 0);
    assert_int_equal(store_cut(s.run.store, s.group, index_of(2)), 0);
    assert_answered(&s, 3, 3, -ECANCELED);
    store_run_publish_much(&s.run, busy, 3 << 20);
    assert_int_equal(store_run_close(&s.run), 0);
    assert_int_equal(s.entries[2].answers, 0); /* it is left to the next life */
    store_run_append_done(&s.entries[2]);
    open_scene(&s);
    uint32_t term;
    assert_int_equal(store_last_index(s.group, &term), index_of(2));
    store_committed(s.run.store, s.group, index_of(2));
    store_run_settle(&s.run);
    assert_int_equal(store_run_count(&s.run, s.group), 2);
    assert_true(store_run_has(&s.run, s.group, 1, "committed"));
    assert_true(store_run_has(&s.run, s.group, 2, "open"));
    store_run_done(&s.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_applied_when_it_is_committed_and_not_before),
        cmocka_unit_test(what_is_committed_before_it_is_durable_waits_for_the_disk),
        cmocka_unit_test(a_cut_drops_what_is_not_committed_and_indexes_go_on_there),
        cmocka_unit_test(a_cut_and_what_came_after_it_survive_a_loss_of_power),
        cmocka_unit_test(what_is_not_committed_is_carried_forward_and_never_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
