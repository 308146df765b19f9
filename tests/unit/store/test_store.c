/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes of a store's life, as its owner sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/super.h"
#include "tests/unit/store/store_run.h"

static void begin(struct store_run *r)
{
    store_run_init(r, 1);
    assert_int_equal(store_run_open(r), 0);
}

static void restart(struct store_run *r)
{
    assert_int_equal(store_run_close(r), 0);
    assert_int_equal(store_run_open(r), 0);
}

/* --- groups --------------------------------------------------------------------------------------- */

static void a_new_store_has_no_groups(void **state)
{
    struct store_run r;
    begin(&r);
    assert_null(store_next(r.store, 0));
    assert_null(store_run_find(&r, "S"));
    struct store_stats stats;
    store_stats(r.store, &stats);
    assert_int_equal(stats.groups, 0);
    assert_false(stats.failed);
    store_run_settle(&r);
    store_run_done(&r);
}

static void a_group_is_found_by_its_name_and_in_order(void **state)
{
    struct store_run r;
    begin(&r);
    static const char *const names[] = {"orders", "a", "z.z", "m"};
    struct store_group *made[4];
    for (unsigned i = 0; i < 4; i++)
        made[i] = store_run_make_group(&r, names[i]);
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(store_run_find(&r, names[i]), made[i]);
        assert_true(bytes_equal(store_group_name(made[i]), bytes_of(names[i])));
        assert_true(bytes_equal(store_group_account(made[i]), BYTES("A")));
        assert_false(store_group_damaged(made[i]));
    }
    struct store_group *g = NULL;
    for (unsigned i = 0; i < 4; i++) {
        g = store_next(r.store, g == NULL ? 0 : store_group_gid(g));
        assert_ptr_equal(g, made[i]);
    }
    assert_null(store_next(r.store, store_group_gid(g)));
    assert_null(store_find(r.store, BYTES("B"), BYTES("orders")));
    store_run_done(&r);
}

static void a_group_is_not_there_before_it_is_durable(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_run_make m;
    store_run_begin_make(&r, &m, "S", MSGLOG_FILE, STORE_SYNC_ALWAYS);
    assert_false(m.over);
    assert_null(store_run_find(&r, "S"));
    assert_null(store_next(r.store, 0));
    store_run_until(&r, &m.over);
    assert_ptr_equal(store_run_find(&r, "S"), m.group);
    buffer_done(&m.config);
    store_run_done(&r);
}

static void a_name_is_taken_once(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_run_make first;
    store_run_begin_make(&r, &first, "S", MSGLOG_FILE, STORE_SYNC_ALWAYS);
    struct store_run_make second; /* while the first is being made */
    store_run_begin_make(&r, &second, "S", MSGLOG_MEMORY, STORE_SYNC_ALWAYS);
    assert_true(second.over);
    assert_int_equal(second.status, -EEXIST);
    store_run_until(&r, &first.over);
    assert_int_equal(first.status, 0);
    struct store_group *g;
    assert_int_equal(store_run_make_as(&r, "S", MSGLOG_FILE, STORE_SYNC_ALWAYS, &g), -EEXIST);
    buffer_done(&first.config);
    buffer_done(&second.config);
    store_run_done(&r);
}

static void names_have_limits(void **state)
{
    static char name[STORE_NAME_MAX + 2];
    struct store_run r;
    begin(&r);
    struct store_group *g;
    memset(name, 'n', STORE_NAME_MAX + 1);
    assert_int_equal(store_run_make_as(&r, name, MSGLOG_FILE, STORE_SYNC_ALWAYS, &g),
                     -ENAMETOOLONG);
    assert_int_equal(store_run_make_as(&r, "", MSGLOG_FILE, STORE_SYNC_ALWAYS, &g), -EINVAL);
    name[STORE_NAME_MAX] = 0;
    assert_int_equal(store_run_make_as(&r, name, MSGLOG_FILE, STORE_SYNC_ALWAYS, &g), 0);
    restart(&r);
    assert_non_null(store_run_find(&r, name));
    store_run_done(&r);
}

static void a_configuration_that_is_none_makes_no_group(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_run_make m;
    store_run_begin_make(&r, &m, "good", MSGLOG_FILE, STORE_SYNC_ALWAYS);
    store_run_until(&r, &m.over);
    m.over = false;
    m.make.options.name = BYTES("bad");
    m.make.options.config = BYTES("not a configuration");
    store_make(r.store, &m.make);
    assert_true(m.over);
    assert_int_equal(m.status, -EINVAL);
    assert_null(store_run_find(&r, "bad"));
    buffer_done(&m.config);
    store_run_done(&r);
}

static void a_deleted_group_is_gone_with_its_messages(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    uint64_t gid = store_group_gid(g);
    store_run_publish_much(&r, g, 300000); /* some of it in segments */
    assert_int_equal(store_run_delete(&r, g), 0);
    assert_null(store_run_find(&r, "S"));
    assert_null(store_next(r.store, 0));
    store_run_settle(&r);
    struct disk_request list = {.op = DISK_LIST, .path = "store/g"};
    assert_int_equal(store_run_perform(&r, &list), 0);
    assert_int_equal(list.names->count, 0);
    disk_names_free(&list.names);
    g = store_run_make_group(&r, "S");
    assert_true(store_group_gid(g) > gid);
    assert_int_equal(store_run_count(&r, g), 0);
    store_run_crash(&r, SIM_CRASH_WORST);
    assert_int_equal(store_run_open(&r), 0);
    assert_int_equal(store_run_count(&r, store_run_find(&r, "S")), 0);
    store_run_done(&r);
}

static void a_group_that_is_being_deleted_answers_and_takes_nothing(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    struct store_run_append a;
    assert_int_equal(store_run_begin_message(&r, g, &a, "s", "1", 1), 0);
    struct store_run_delete d = {.d = {.group = g, .done = store_run_deleted}};
    d.d.context = &d;
    store_delete(r.store, &d.d);
    assert_true(a.over);
    assert_int_equal(a.status, -ENOENT);
    store_run_append_done(&a);
    assert_null(store_run_find(&r, "S"));
    assert_int_equal(store_run_publish(&r, g, "s", "2"), -ENOENT);
    struct store_group *other;
    assert_int_equal(store_run_make_as(&r, "S", MSGLOG_FILE, STORE_SYNC_ALWAYS, &other), -EEXIST);
    store_run_until(&r, &d.over);
    assert_int_equal(d.status, 0);
    assert_int_equal(store_run_make_as(&r, "S", MSGLOG_FILE, STORE_SYNC_ALWAYS, &other), 0);
    store_run_done(&r);
}

/* What the journal still has of a group that is gone is of nobody else. */
static void the_number_of_a_deleted_group_is_never_given_again(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    uint64_t gid = store_group_gid(g);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(store_run_publish(&r, g, "s", "of the first"), i);
    assert_int_equal(store_run_delete(&r, g), 0);
    store_run_crash(&r, SIM_CRASH_WORST);
    assert_int_equal(store_run_open(&r), 0);
    g = store_run_make_group(&r, "S");
    assert_true(store_group_gid(g) > gid);
    store_run_crash(&r, SIM_CRASH_WORST);
    assert_int_equal(store_run_open(&r), 0);
    assert_int_equal(store_run_count(&r, store_run_find(&r, "S")), 0);
    assert_int_equal(r.lost, 0);
    store_run_done(&r);
}

static int never_over(struct store_look *look, struct group *group, struct msglog *log)
{
    return -EINPROGRESS;
}

/* The deletion waits for the look-up; the drain has to wait for the deletion. */
static void a_group_whose_deletion_is_under_way_is_whole_after_a_crash(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    struct store_group *other = store_run_make_group(&r, "T");
    assert_int_equal(store_run_publish(&r, g, "s", "one"), 1);
    struct store_look look = {.run = never_over};
    store_look(r.store, g, &look);
    struct store_run_delete d = {.d = {.group = g, .done = store_run_deleted}};
    d.d.context = &d;
    store_delete(r.store, &d.d);
    store_run_publish_much(&r, other, 300000);
    assert_false(d.over);
    store_run_crash(&r, SIM_CRASH_WORST);
    assert_int_equal(store_run_open(&r), 0);
    g = store_run_find(&r, "S");
    assert_false(store_group_damaged(g));
    assert_true(store_run_has(&r, g, 1, "one"));
    store_run_done(&r);
}

/* --- entries -------------------------------------------------------------------------------------- */

static void an_entry_is_answered_once_it_is_durable(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    assert_int_equal(store_run_publish(&r, g, "s", "one"), 1);
    assert_int_equal(store_run_publish(&r, g, "s", "two"), 2);
    assert_int_equal(store_run_remove(&r, g, 1), 0);
    store_run_crash(&r, SIM_CRASH_WORST);
    assert_int_equal(store_run_open(&r), 0);
    g = store_run_find(&r, "S");
    struct store_run_look l;
    assert_int_equal(store_run_read(&r, g, 1, &l), -ENOENT);
    assert_true(store_run_has(&r, g, 2, "two"));
    assert_int_equal(l.state.last_seq, 2);
    store_run_done(&r);
}

static void an_answer_never_comes_from_inside_the_append(void **state)
{
    static const enum msglog_form forms[] = {MSGLOG_FILE, MSGLOG_MEMORY};
    static const enum store_sync syncs[] = {STORE_SYNC_ALWAYS, STORE_SYNC_INTERVAL};
    struct store_run r;
    begin(&r);
    char name[] = "S0";
    for (unsigned i = 0; i < 4; i++, name[1]++) {
        struct store_group *g;
        assert_int_equal(store_run_make_as(&r, name, forms[i / 2], syncs[i % 2], &g), 0);
        struct store_run_append a;
        assert_int_equal(store_run_begin_message(&r, g, &a, "s", "1", 1), 0);
        assert_false(a.over);
        assert_int_equal(store_run_finish(&r, &a), 0);
    }
    store_run_done(&r);
}

static void entries_of_a_group_are_answered_in_their_order(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    static struct store_run_append a[100];
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(store_run_begin_message(&r, g, &a[i], "s", "x", 1), 0);
    for (unsigned i = 100; i-- > 0;) {
        assert_int_equal(store_run_finish(&r, &a[i]), 0);
        assert_int_equal(a[i].applied.seq, i + 1);
    }
    store_run_done(&r);
}

static void a_refused_entry_is_applied_and_told_as_refused(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    struct store_run_append a = {0};
    static const char headers[] = "NATS/1.0\r\nNats-Expected-Last-Sequence: 7\r\n\r\n";
    const struct message m = {.subject = BYTES("s"), .headers = bytes_of(headers)};
    message_body_write(&m, buffer_room(&a.body, message_body_size(&m)));
    a.body.size += message_body_size(&m);
    assert_int_equal(store_run_begin(&r, g, &a, ENTRY_MSG), 0);
    assert_int_equal(store_run_finish(&r, &a), 0);
    assert_int_equal(a.applied.outcome, APPLIED_REFUSED);
    assert_int_equal(store_run_publish(&r, g, "s", "1"), 1);
    store_run_done(&r);
}

static void a_body_that_is_too_large_is_not_taken(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    size_t size = ENTRY_BODY_MAX + (size_t)1;
    char *body = calloc(1, size);
    assert_non_null(body);
    struct store_append a = {.kind = ENTRY_MSG, .body = {body, size}};
    assert_int_equal(store_append(r.store, g, &a), -EMSGSIZE);
    a.body.size = r.options.journal_file_bytes; /* fits an entry, and no file of this journal */
    assert_int_equal(store_append(r.store, g, &a), -EMSGSIZE);
    free(body);
    assert_int_equal(store_run_publish(&r, g, "s", "1"), 1);
    store_run_done(&r);
}

static void too_much_under_way_is_for_later(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g;
    assert_int_equal(store_run_make_as(&r, "M", MSGLOG_MEMORY, STORE_SYNC_ALWAYS, &g), 0);
    static struct store_run_append a[STORE_QUEUE_ENTRIES_MAX + 1];
    unsigned taken = 0;
    while (store_run_begin_message(&r, g, &a[taken], "s", "x", 1) == 0)
        taken++;
    assert_int_equal(taken, STORE_QUEUE_ENTRIES_MAX);
    store_run_append_done(&a[taken]);
    for (unsigned i = 0; i < taken; i++)
        assert_int_equal(store_run_finish(&r, &a[i]), 0);
    assert_int_equal(store_run_publish(&r, g, "s", "x"), taken + 1);
    store_run_done(&r);
}

static void a_full_journal_is_for_later(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    static struct store_run_append a[4000];
    static char text[4000];
    unsigned taken = 0;
    int status = 0;
    while (taken < 4000 &&
           (status = store_run_begin_message(&r, g, &a[taken], "s", text, sizeof text)) == 0)
        taken++;
    assert_int_equal(status, -EAGAIN);
    store_run_append_done(&a[taken]);
    for (unsigned i = 0; i < taken; i++)
        assert_int_equal(store_run_finish(&r, &a[i]), 0);
    store_run_settle(&r);
    assert_int_equal(store_run_publish(&r, g, "s", "x"), taken + 1);
    store_run_done(&r);
}

static void log_time_does_not_go_back_with_the_clock(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    uint64_t now_ns = r.disk.now_ns;
    struct store_run_append a;
    assert_int_equal(store_run_begin_message(&r, g, &a, "s", "1", 1), 0);
    assert_int_equal(store_run_finish(&r, &a), 0);
    struct store_run_append b = {0};
    store_run_begin_message(&r, g, &b, "s", "2", 1);
    assert_int_equal(store_run_finish(&r, &b), 0);
    struct store_run_look l;
    assert_int_equal(store_run_read(&r, g, 0, &l), 0);
    int64_t last_ns = l.state.last_time_ns;
    b = (struct store_run_append){0};
    const struct message m = {.subject = BYTES("s")};
    message_body_write(&m, buffer_room(&b.body, message_body_size(&m)));
    b.body.size += message_body_size(&m);
    b.a = (struct store_append){.kind = ENTRY_MSG,
                                .body = buffer_view(&b.body),
                                .now_ns = (int64_t)now_ns - 3600000000000,
                                .done = store_run_answered,
                                .context = &b};
    assert_int_equal(store_append(r.store, g, &b.a), 0);
    assert_int_equal(store_run_finish(&r, &b), 0);
    assert_int_equal(store_run_read(&r, g, 0, &l), 0);
    assert_int_equal(l.state.last_time_ns, last_ns);
    store_run_done(&r);
}

/* --- sync ----------------------------------------------------------------------------------------- */

static void a_relaxed_group_answers_before_any_sync(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g;
    assert_int_equal(store_run_make_as(&r, "S", MSGLOG_FILE, STORE_SYNC_INTERVAL, &g), 0);
    store_run_settle(&r);
    struct store_run_append a;
    assert_int_equal(store_run_begin_message(&r, g, &a, "s", "1", 1), 0);
    uint64_t steps = r.disk.steps;
    (void)store_turn(r.store, r.disk.now_ns / 1000000);
    assert_true(a.over);
    assert_int_equal(r.disk.steps, steps);
    store_run_append_done(&a);
    store_run_done(&r);
}

static void what_a_relaxed_group_took_is_durable_when_the_interval_ends(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g;
    assert_int_equal(store_run_make_as(&r, "S", MSGLOG_FILE, STORE_SYNC_INTERVAL, &g), 0);
    assert_int_equal(store_run_publish(&r, g, "s", "one"), 1);
    uint64_t until_ns = r.disk.now_ns + 2100000000ull;
    while (r.disk.now_ns < until_ns && store_run_step(&r))
        ;
    store_run_crash(&r, SIM_CRASH_WORST);
    assert_int_equal(store_run_open(&r), 0);
    assert_true(store_run_has(&r, store_run_find(&r, "S"), 1, "one"));
    store_run_done(&r);
}

static void what_a_relaxed_group_took_goes_with_anybodys_sync(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *relaxed;
    assert_int_equal(store_run_make_as(&r, "R", MSGLOG_FILE, STORE_SYNC_INTERVAL, &relaxed), 0);
    struct store_group *strict = store_run_make_group(&r, "S");
    assert_int_equal(store_run_publish(&r, relaxed, "s", "one"), 1);
    assert_int_equal(store_run_publish(&r, strict, "s", "two"), 1);
    store_run_crash(&r, SIM_CRASH_WORST);
    assert_int_equal(store_run_open(&r), 0);
    assert_true(store_run_has(&r, store_run_find(&r, "R"), 1, "one"));
    assert_true(store_run_has(&r, store_run_find(&r, "S"), 1, "two"));
    store_run_done(&r);
}

static void messages_of_a_memory_group_go_with_the_process_and_the_group_stays(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g;
    assert_int_equal(store_run_make_as(&r, "M", MSGLOG_MEMORY, STORE_SYNC_ALWAYS, &g), 0);
    for (int i = 1; i <= 300; i++)
        assert_int_equal(store_run_publish(&r, g, "s", "one"), i);
    assert_true(store_run_has(&r, g, 300, "one"));
    assert_int_equal(store_run_remove(&r, g, 5), 0);
    assert_int_equal(store_run_count(&r, g), 299);
    store_run_crash(&r, SIM_CRASH_KILL);
    assert_int_equal(store_run_open(&r), 0);
    g = store_run_find(&r, "M");
    assert_non_null(g);
    assert_int_equal(store_run_count(&r, g), 0);
    assert_int_equal(store_run_publish(&r, g, "s", "again"), 1);
    restart(&r);
    assert_int_equal(store_run_count(&r, store_run_find(&r, "M")), 0);
    assert_int_equal(store_run_delete(&r, store_run_find(&r, "M")), 0);
    restart(&r);
    assert_null(store_run_find(&r, "M"));
    store_run_done(&r);
}

/* --- look-ups ------------------------------------------------------------------------------------- */

static void a_look_up_waits_for_pages(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    assert_int_equal(store_run_publish(&r, g, "s", "first"), 1);
    store_run_publish_much(&r, g, 300000);
    restart(&r); /* all is in segments, and nothing in memory */
    g = store_run_find(&r, "S");
    struct store_run_look l;
    store_run_begin_look(&r, g, 1, &l);
    assert_false(l.over);
    store_run_until(&r, &l.over);
    assert_int_equal(l.status, 0);
    assert_string_equal(l.text, "first");
    assert_true(l.runs > 1);
    store_run_begin_look(&r, g, 1, &l);
    assert_true(l.over); /* now they are there */
    store_run_done(&r);
}

static void a_group_is_loaded_by_the_first_look_up_or_append(void **state)
{
    struct store_run r;
    begin(&r);
    assert_int_equal(store_run_publish(&r, store_run_make_group(&r, "L"), "s", "one"), 1);
    assert_int_equal(store_run_publish(&r, store_run_make_group(&r, "A"), "s", "one"), 1);
    restart(&r);
    struct store_run_look l;
    store_run_begin_look(&r, store_run_find(&r, "L"), 1, &l);
    assert_int_equal(l.runs, 0);
    store_run_until(&r, &l.over);
    assert_string_equal(l.text, "one");
    assert_int_equal(store_run_publish(&r, store_run_find(&r, "A"), "s", "two"), 2);
    store_run_done(&r);
}

static int stop_twice(struct store_look *look, struct group *group, struct msglog *log)
{
    struct store_run_look *l = look->context;
    return ++l->runs < 3 ? -EINPROGRESS : -ERANGE;
}

static void a_look_up_goes_on_in_later_turns_until_it_has_its_answer(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    struct store_run_look l = {.look = {.run = stop_twice, .done = store_run_looked}};
    l.look.context = &l;
    store_look(r.store, g, &l.look);
    assert_int_equal(l.runs, 1);
    assert_false(l.over);
    store_run_until(&r, &l.over);
    assert_int_equal(l.runs, 3);
    assert_int_equal(l.status, -ERANGE);
    store_run_done(&r);
}

/* --- stop and start ------------------------------------------------------------------------------- */

static void a_second_opener_is_turned_away(void **state)
{
    struct store_run r;
    begin(&r);
    struct store *held = r.store;
    r.store = NULL;
    assert_int_equal(store_run_open(&r), -EWOULDBLOCK);
    store_free(&r.store);
    r.store = held;
    assert_int_equal(store_run_publish(&r, store_run_make_group(&r, "S"), "s", "one"), 1);
    restart(&r); /* the lock went with the first one */
    assert_true(store_run_has(&r, store_run_find(&r, "S"), 1, "one"));
    store_run_done(&r);
}

static void read_super(void *context, int status, const struct super_block *block)
{
    struct super_block *to = context;
    CHECK(status == 0);
    *to = *block;
}

static void a_clean_stop_leaves_a_clean_store_of_which_nothing_is_lost(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    for (int i = 1; i <= 50; i++)
        assert_int_equal(store_run_publish(&r, g, "s", "text"), i);
    assert_int_equal(store_run_close(&r), 0);
    struct super_block block = {0};
    struct super *super = super_new(r.options.disk, "store");
    super_load(super, read_super, &block);
    disk_run_all(&r.disk);
    assert_true(block.clean);
    super_free(&super);
    sim_disk_crash(r.disk.disk, SIM_CRASH_WORST); /* also of what was left on the disk */
    assert_int_equal(store_run_open(&r), 0);
    struct store_stats stats;
    store_stats(r.store, &stats);
    assert_int_equal(stats.journal_records, 0);
    assert_int_equal(store_run_count(&r, store_run_find(&r, "S")), 50);
    store_run_done(&r);
}

static void a_super_block_that_is_unreadable_refuses_the_start(void **state)
{
    struct store_run r;
    begin(&r);
    assert_int_equal(store_run_close(&r), 0);
    assert_int_equal(sim_disk_flip(r.disk.disk, "store/super.a", 20, 1), 0);
    assert_int_equal(store_run_open(&r), 0); /* of the other copy */
    assert_int_equal(store_run_close(&r), 0);
    assert_int_equal(sim_disk_flip(r.disk.disk, "store/super.a", 20, 1), 0);
    assert_int_equal(sim_disk_flip(r.disk.disk, "store/super.b", 20, 1), 0);
    assert_int_equal(store_run_open(&r), -EBADMSG);
    store_free(&r.store);
    assert_int_equal(sim_disk_flip(r.disk.disk, "store/super.b", 20, 1), 0);
    assert_int_equal(store_run_open(&r), 0); /* it has let go of the lock */
    store_run_done(&r);
}

/* --- failure -------------------------------------------------------------------------------------- */

static void a_failed_sync_of_the_journal_fails_the_store_once(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    assert_int_equal(store_run_publish(&r, g, "s", "one"), 1);
    store_run_settle(&r);
    struct store_run_append a[3];
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(store_run_begin_message(&r, g, &a[i], "s", "lost", 4), 0);
    sim_disk_fail_next(r.disk.disk, DISK_SYNC, -EIO);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(store_run_finish(&r, &a[i]), -EIO);
    assert_int_equal(r.failed, 1);
    assert_int_equal(r.error, -EIO);
    assert_int_equal(store_run_publish(&r, g, "s", "two"), -EIO);
    struct store_group *other;
    assert_int_equal(store_run_make_as(&r, "T", MSGLOG_FILE, STORE_SYNC_ALWAYS, &other), -EIO);
    assert_int_equal(store_run_delete(&r, g), -EIO);
    assert_true(store_run_has(&r, g, 1, "one")); /* look-ups go on */
    struct store_stats stats;
    store_stats(r.store, &stats);
    assert_true(stats.failed);
    assert_int_equal(r.failed, 1);
    assert_int_equal(store_run_close(&r), -EIO);
    assert_int_equal(store_run_open(&r), 0);
    g = store_run_find(&r, "S");
    assert_true(store_run_has(&r, g, 1, "one"));
    assert_true(store_run_publish(&r, g, "s", "two") >= 2);
    store_run_done(&r);
}

static void a_failed_sync_of_the_ledger_fails_who_waits_for_it(void **state)
{
    struct store_run r;
    begin(&r);
    store_run_settle(&r);
    sim_disk_fail_next(r.disk.disk, DISK_SYNC, -EIO);
    struct store_group *g;
    assert_int_equal(store_run_make_as(&r, "S", MSGLOG_FILE, STORE_SYNC_ALWAYS, &g), -EIO);
    assert_null(g);
    assert_int_equal(r.failed, 1);
    assert_null(store_run_find(&r, "S"));
    store_run_done(&r);
}

static void look_ups_of_stored_messages_go_on_after_a_failure(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    assert_int_equal(store_run_publish(&r, g, "s", "first"), 1);
    store_run_publish_much(&r, g, 300000);
    restart(&r);
    g = store_run_find(&r, "S");
    struct store_run_append a;
    assert_int_equal(store_run_begin_message(&r, g, &a, "s", "lost", 4), 0);
    sim_disk_fail_next(r.disk.disk, DISK_SYNC, -EIO);
    assert_int_equal(store_run_finish(&r, &a), -EIO);
    assert_true(store_run_has(&r, g, 1, "first")); /* which has to be read */
    store_run_done(&r);
}

static void a_page_that_can_not_be_read_ends_the_look_up_and_nothing_else(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    assert_int_equal(store_run_publish(&r, g, "s", "first"), 1);
    store_run_publish_much(&r, g, 300000);
    restart(&r);
    g = store_run_find(&r, "S");
    assert_int_equal(store_run_count(&r, g), 76);
    struct store_run_look l;
    store_run_begin_look(&r, g, 1, &l);
    sim_disk_fail_next(r.disk.disk, DISK_READ, -EIO);
    store_run_until(&r, &l.over);
    assert_true(l.status < 0 && l.status != -ENOENT && l.status != -EAGAIN);
    assert_int_equal(r.failed, 0);
    assert_int_equal(store_run_publish(&r, g, "s", "more"), 77);
    store_run_done(&r);
}

static void a_full_disk_ends_with_a_clear_word_and_loses_nothing(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    assert_int_equal(store_run_publish(&r, g, "s", "first"), 1);
    store_run_settle(&r);
    sim_disk_set_capacity(r.disk.disk, 1);
    static char text[4000];
    int64_t told = 1;
    for (unsigned i = 0; i < 400; i++) {
        struct store_run_append a;
        int status = store_run_begin_message(&r, g, &a, "s", text, sizeof text);
        if (status != 0) {
            assert_true(status == -EAGAIN || status == -EIO);
            store_run_append_done(&a);
            break;
        }
        if (store_run_finish(&r, &a) != 0)
            break;
        told = (int64_t)a.applied.seq;
    }
    sim_disk_set_capacity(r.disk.disk, 0);
    for (unsigned i = 0; i < 2000 && store_run_step(&r); i++)
        ;
    if (r.failed == 0) { /* it goes on by itself */
        assert_int_equal(store_run_publish(&r, g, "s", "later"), ++told);
    }
    store_run_crash(&r, SIM_CRASH_WORST);
    assert_int_equal(store_run_open(&r), 0);
    g = store_run_find(&r, "S");
    assert_true(store_run_has(&r, g, 1, "first"));
    assert_true(store_run_count(&r, g) >= (uint64_t)told);
    store_run_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_has_no_groups),
        cmocka_unit_test(a_group_is_found_by_its_name_and_in_order),
        cmocka_unit_test(a_group_is_not_there_before_it_is_durable),
        cmocka_unit_test(a_name_is_taken_once),
        cmocka_unit_test(names_have_limits),
        cmocka_unit_test(a_configuration_that_is_none_makes_no_group),
        cmocka_unit_test(a_deleted_group_is_gone_with_its_messages),
        cmocka_unit_test(a_group_that_is_being_deleted_answers_and_takes_nothing),
        cmocka_unit_test(the_number_of_a_deleted_group_is_never_given_again),
        cmocka_unit_test(a_group_whose_deletion_is_under_way_is_whole_after_a_crash),
        cmocka_unit_test(an_entry_is_answered_once_it_is_durable),
        cmocka_unit_test(an_answer_never_comes_from_inside_the_append),
        cmocka_unit_test(entries_of_a_group_are_answered_in_their_order),
        cmocka_unit_test(a_refused_entry_is_applied_and_told_as_refused),
        cmocka_unit_test(a_body_that_is_too_large_is_not_taken),
        cmocka_unit_test(too_much_under_way_is_for_later),
        cmocka_unit_test(a_full_journal_is_for_later),
        cmocka_unit_test(log_time_does_not_go_back_with_the_clock),
        cmocka_unit_test(a_relaxed_group_answers_before_any_sync),
        cmocka_unit_test(what_a_relaxed_group_took_is_durable_when_the_interval_ends),
        cmocka_unit_test(what_a_relaxed_group_took_goes_with_anybodys_sync),
        cmocka_unit_test(messages_of_a_memory_group_go_with_the_process_and_the_group_stays),
        cmocka_unit_test(a_look_up_waits_for_pages),
        cmocka_unit_test(a_group_is_loaded_by_the_first_look_up_or_append),
        cmocka_unit_test(a_look_up_goes_on_in_later_turns_until_it_has_its_answer),
        cmocka_unit_test(a_second_opener_is_turned_away),
        cmocka_unit_test(a_clean_stop_leaves_a_clean_store_of_which_nothing_is_lost),
        cmocka_unit_test(a_super_block_that_is_unreadable_refuses_the_start),
        cmocka_unit_test(a_failed_sync_of_the_journal_fails_the_store_once),
        cmocka_unit_test(a_failed_sync_of_the_ledger_fails_who_waits_for_it),
        cmocka_unit_test(look_ups_of_stored_messages_go_on_after_a_failure),
        cmocka_unit_test(a_page_that_can_not_be_read_ends_the_look_up_and_nothing_else),
        cmocka_unit_test(a_full_disk_ends_with_a_clear_word_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
