/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "interest/index.h"
#include "interest/match.h"
#include "protocols/nats/subject.h"
#include "tests/unit/interest/late_reclaimer.h"

struct fixture {
    struct late_reclaimer late;
    struct interest *in;
    struct match_cache *cache;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    late_init(&f->late, 1);
    f->in = interest_new(7, &f->late.reclaimer);
    f->cache = match_cache_new(1 << 20, 9);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    interest_free(&f->in);
    match_cache_free(&f->cache);
    late_done(&f->late);
    free(f);
    return 0;
}

static struct interest_change sub(struct fixture *f, const char *subject, const char *queue,
                                  uint64_t conn, uint32_t slot, const char *sid)
{
    struct interest_change change;
    assert_int_equal(
        interest_add(f->in, bytes_of(subject), bytes_of(queue), conn, slot, bytes_of(sid), &change),
        0);
    return change;
}

static struct interest_change unsub(struct fixture *f, const char *subject, const char *queue,
                                    uint64_t conn, uint32_t slot)
{
    struct interest_change change;
    assert_int_equal(
        interest_remove(f->in, bytes_of(subject), bytes_of(queue), conn, slot, &change), 0);
    return change;
}

static const struct match *find(struct fixture *f, const char *subject)
{
    return match_find(f->cache, f->in, 1, bytes_of(subject));
}

static void settle(struct fixture *f)
{
    interest_flush(f->in);
    late_run_all(&f->late);
}

static void what_is_no_subject_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", ">.a", "a.>.b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(interest_add(f->in, bytes_of(bad[i]), BYTES(""), 1, 1, BYTES("1"), NULL),
                         -EINVAL);
        assert_int_equal(interest_remove(f->in, bytes_of(bad[i]), BYTES(""), 1, 1, NULL), -ENOENT);
    }
    char *large = malloc(SUBJECT_SIZE_MAX + 1);
    assert_non_null(large);
    memset(large, 'x', SUBJECT_SIZE_MAX + 1);
    struct bytes most = {large, SUBJECT_SIZE_MAX};
    struct bytes too_much = {large, SUBJECT_SIZE_MAX + 1};
    assert_int_equal(interest_add(f->in, too_much, BYTES(""), 1, 1, BYTES("1"), NULL),
                     -ENAMETOOLONG);
    assert_int_equal(interest_add(f->in, BYTES("a"), too_much, 1, 1, BYTES("1"), NULL),
                     -ENAMETOOLONG);
    assert_int_equal(interest_add(f->in, BYTES("a"), BYTES(""), 1, 1, too_much, NULL),
                     -ENAMETOOLONG);
    assert_int_equal(interest_add(f->in, most, most, 1, 1, most, NULL), 0);
    const struct match *m = match_find(f->cache, f->in, 1, most);
    assert_int_equal(m->member_count, 1);
    assert_true(bytes_equal(match_queue(m, match_groups(m)), most));
    assert_true(bytes_equal(match_sid(m, match_members(m)), most));
    assert_int_equal(interest_remove(f->in, most, most, 1, 1, NULL), 0);
    free(large);
}

static void a_published_subject_with_an_empty_token_reaches_nobody(void **state)
{
    struct fixture *f = *state;
    sub(f, ">", "", 1, 1, "1");
    sub(f, "*.*", "", 1, 2, "2");
    sub(f, "*.*.*", "", 1, 3, "3");
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(find(f, bad[i])->plain_count, 0);
        assert_false(interest_match_any(f->in, bytes_of(bad[i])));
    }
    assert_int_equal(find(f, "a.b")->plain_count, 2);
    assert_int_equal(find(f, "*.>")->plain_count, 2);
}

static void changes_tell_the_first_and_the_last(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sub(f, "foo.*", "", 1, 1, "1").left, 1);
    assert_int_equal(sub(f, "foo.*", "q", 1, 2, "2").left, 1);
    assert_int_equal(sub(f, "foo.*", "", 2, 1, "1").left, 2);
    assert_int_equal(sub(f, "foo.*", "q", 2, 2, "2").left, 2);
    assert_int_equal(interest_count(f->in, BYTES("foo.*"), BYTES("")), 2);
    assert_int_equal(interest_count(f->in, BYTES("foo.*"), BYTES("q")), 2);
    assert_int_equal(interest_count(f->in, BYTES("foo.bar"), BYTES("")), 0);
    assert_int_equal(unsub(f, "foo.*", "", 1, 1).left, 1);
    assert_int_equal(unsub(f, "foo.*", "", 2, 1).left, 0);
    assert_int_equal(unsub(f, "foo.*", "q", 2, 2).left, 1);
    assert_int_equal(unsub(f, "foo.*", "q", 1, 2).left, 0);
    struct interest_stats stats;
    interest_stats(f->in, &stats);
    assert_int_equal(stats.subscriptions, 0);
    assert_int_equal(stats.inserts, 4);
    assert_int_equal(stats.removes, 4);
}

static void sids_come_back_as_they_were(void **state)
{
    struct fixture *f = *state;
    static const char *const sids[] = {
        "0",
        "1",
        "10",
        "2147483647", /* numbers, then texts in their order */
        "",
        "-1",
        "00",
        "01",
        "2147483648",
        "4294967295",
        "99999999999",
        "999999999999",
        "abc",
        "exactly-11b",
        "one-more-12b",
    };
    enum { COUNT = sizeof(sids) / sizeof(sids[0]) };
    for (uint32_t i = 0; i < COUNT; i++)
        sub(f, "foo", "", 9 - i % 9, i, sids[i]);
    for (uint32_t i = 0; i < COUNT; i++)
        sub(f, "*", "", 20, 100 + i, sids[COUNT - 1 - i]);
    const struct match *m = find(f, "foo");
    assert_int_equal(m->class_count, COUNT);
    assert_int_equal(m->plain_count, 2 * COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(match_class_ends(m)[i], 2 * (i + 1));
        assert_true(bytes_are(match_sid(m, &match_plain(m)[2 * i]), sids[i]));
        assert_true(bytes_are(match_sid(m, &match_plain(m)[2 * i + 1]), sids[i]));
        assert_int_equal(match_plain(m)[2 * i + 1].conn, 20);
    }
}

static void a_queue_is_one_group_over_all_patterns(void **state)
{
    struct fixture *f = *state;
    sub(f, "foo.bar", "workers", 3, 1, "1");
    sub(f, "foo.*", "workers", 1, 1, "2");
    sub(f, "foo.>", "audit", 2, 1, "3");
    sub(f, ">", "workers", 2, 2, "a-sid-that-is-not-inline");
    const struct match *m = find(f, "foo.bar");
    assert_int_equal(m->plain_count, 0);
    assert_int_equal(m->group_count, 2);
    const struct match_group *groups = match_groups(m);
    assert_true(bytes_are(match_queue(m, &groups[0]), "audit"));
    assert_true(bytes_are(match_queue(m, &groups[1]), "workers"));
    const struct match_target *members = match_group_members(m, &groups[1]);
    assert_int_equal(groups[1].count, 3);
    assert_int_equal(members[0].conn, 1);
    assert_int_equal(members[1].conn, 2);
    assert_true(bytes_are(match_sid(m, &members[1]), "a-sid-that-is-not-inline"));
    assert_int_equal(members[2].conn, 3);
}

static void ten_thousand_subscribers_on_one_subject(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 10000 };
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(sub(f, "foo", "", 1 + i * 7919u % COUNT, i, "1").left, i + 1);
    const struct match *m = find(f, "foo");
    assert_int_equal(m->plain_count, COUNT);
    assert_int_equal(m->class_count, 1);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(match_plain(m)[i].conn, i + 1);
    uint64_t version = match_cache_version(f->cache);
    assert_ptr_equal(find(f, "foo"), m);
    assert_int_equal(match_cache_version(f->cache), version);
    for (uint32_t i = 0; i < COUNT; i += 2)
        unsub(f, "foo", "", 1 + i * 7919u % COUNT, i);
    assert_false(match_current(m, f->in));
    settle(f);
    interest_check(f->in);
    assert_int_equal(find(f, "foo")->plain_count, COUNT / 2);
    for (uint32_t i = 0; i < COUNT; i += 2)
        sub(f, "foo", "", 1 + i * 7919u % COUNT, i, "2");
    interest_check(f->in);
    m = find(f, "foo");
    assert_int_equal(m->class_count, 2);
    assert_int_equal(match_class_ends(m)[0], COUNT / 2);
}

static void removal_of_all_returns_all_memory(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 20000 };
    struct interest_stats empty;
    interest_stats(f->in, &empty);
    char text[64];
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            snprintf(text, sizeof(text), i % 3 == 0 ? "foo.%u" : "foo.*.%u.>", i / 2);
            sub(f, text, i % 5 == 0 ? "q" : "", 1 + i % 50, i, i % 7 == 0 ? "odd-sid-text" : "5");
        }
        struct interest_stats full;
        interest_stats(f->in, &full);
        assert_true(full.bytes > 20 * COUNT);
        for (uint32_t i = 0; i < COUNT; i++) {
            snprintf(text, sizeof(text), i % 3 == 0 ? "foo.%u" : "foo.*.%u.>", i / 2);
            unsub(f, text, i % 5 == 0 ? "q" : "", 1 + i % 50, i);
        }
        interest_trim(f->in);
        late_run_all(&f->late);
        struct interest_stats left;
        interest_stats(f->in, &left);
        assert_int_equal(left.bytes, empty.bytes);
        assert_int_equal(left.bytes_retired, 0);
    }
}

static void churn_leaves_other_lines_alone(void **state)
{
    struct fixture *f = *state;
    enum { LINES = 200, CHURN = 500 };
    char text[64];
    /* Enough subscriptions for a table of stamps in which strangers seldom meet. */
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(text, sizeof(text), "svc.%u", i);
        sub(f, text, "", 1, i, "1");
    }
    for (uint32_t i = 0; i < LINES; i++) {
        snprintf(text, sizeof(text), "svc.%u", i);
        find(f, text);
    }
    struct match_cache_stats before;
    match_cache_stats(f->cache, 0, &before);
    assert_in_range(before.lines, LINES * 9 / 10, LINES);
    for (uint32_t i = 0; i < CHURN; i++) {
        snprintf(text, sizeof(text), "_INBOX.abcdef.%u", i);
        sub(f, text, "", 2, 1, "7");
        unsub(f, text, "", 2, 1);
    }
    for (uint32_t i = 0; i < LINES; i++) {
        snprintf(text, sizeof(text), "svc.%u", i);
        assert_int_equal(find(f, text)->plain_count, 1);
    }
    struct match_cache_stats after;
    match_cache_stats(f->cache, 0, &after);
    assert_true(after.hits - before.hits > LINES / 2);
}

static void every_change_that_concerns_a_line_is_noticed(void **state)
{
    struct fixture *f = *state;
    static const char *const patterns[] = {"a.b.c", "a.b.*", "a.b.>", "a.*.c", "a.>",
                                           "*.b.c", ">",     "*.>",   "a.*.*"};
    const struct match *m = find(f, "a.b.c");
    for (uint32_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        assert_true(match_current(m, f->in));
        sub(f, patterns[i], "", 1, i, "1");
        assert_false(match_current(m, f->in));
        m = find(f, "a.b.c");
        assert_int_equal(m->plain_count, 1);
        unsub(f, patterns[i], "", 1, i);
        assert_false(match_current(m, f->in));
        m = find(f, "a.b.c");
        assert_int_equal(m->plain_count, 0);
    }
}

static void a_small_cache_stays_small(void **state)
{
    struct fixture *f = *state;
    struct match_cache *small = match_cache_new(MATCH_CACHE_BYTES_MIN, 3);
    struct match_cache_stats stats;
    match_cache_stats(small, 0, &stats);
    assert_true(stats.bytes < 4096);
    sub(f, "foo.>", "", 1, 1, "1");
    char text[64];
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(text, sizeof(text), "foo.%u", i * 7919u % 5000);
        assert_int_equal(match_find(small, f->in, 1, bytes_of(text))->plain_count, 1);
        match_cache_stats(small, 0, &stats);
        assert_true(stats.bytes <= MATCH_CACHE_BYTES_MIN);
    }
    assert_true(stats.lines > 100);
    assert_int_equal(stats.fanout, stats.lines);
    match_cache_drop(small, 2);
    match_cache_stats(small, 1, &stats);
    assert_true(stats.lines > 100);
    match_cache_drop(small, 1);
    match_cache_stats(small, 0, &stats);
    assert_int_equal(stats.lines, 0);
    match_cache_free(&small);
}

static void indexes_do_not_mix_in_one_cache(void **state)
{
    struct fixture *f = *state;
    struct interest *other = interest_new(8, &f->late.reclaimer);
    sub(f, "foo", "", 1, 1, "1");
    assert_int_equal(match_find(f->cache, other, 2, BYTES("foo"))->plain_count, 0);
    assert_int_equal(match_find(f->cache, f->in, 1, BYTES("foo"))->plain_count, 1);
    assert_int_equal(match_find(f->cache, other, 2, BYTES("foo"))->plain_count, 0);
    interest_free(&other);
}

struct seen {
    uint8_t count[4096];
    uint32_t total;
};

static void on_item(void *context, const struct interest_item *item)
{
    struct seen *seen = context;
    assert_true(item->slot < 4096);
    seen->count[item->slot]++;
    seen->total++;
    char text[64];
    snprintf(text, sizeof(text), "%s%u", item->slot % 2 == 0 ? "lit." : "*.pat.", item->slot % 70);
    assert_true(bytes_are(item->subject, text));
    assert_true(bytes_are(item->queue, item->slot % 5 == 0 ? "q" : ""));
    assert_true(bytes_are(item->sid, item->slot % 3 == 0 ? "sid-three" : "12"));
    assert_int_equal(item->conn, 1 + item->slot);
}

static void a_scan_in_slices_sees_each_once(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 1000 };
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s%u", i % 2 == 0 ? "lit." : "*.pat.", i % 70);
        sub(f, text, i % 5 == 0 ? "q" : "", 1 + i, i, i % 3 == 0 ? "sid-three" : "12");
    }
    for (uint32_t slice = 1; slice < 1200; slice = slice * 3 + 1) {
        struct seen seen = {{0}, 0};
        struct interest_cursor cursor = {0};
        bool more = true;
        while (more) {
            uint32_t before = seen.total;
            more = interest_scan(f->in, &cursor, slice, on_item, &seen);
            assert_true(seen.total - before <= slice);
            assert_true(!more || seen.total - before == slice);
        }
        assert_int_equal(seen.total, COUNT);
        for (uint32_t i = 0; i < COUNT; i++)
            assert_int_equal(seen.count[i], 1);
    }
}

static void a_deep_pattern_is_walked_without_recursion(void **state)
{
    struct fixture *f = *state;
    enum { DEPTH = 30000 };
    char *stars = malloc(2 * DEPTH);
    char *subject = malloc(2 * DEPTH);
    assert_true(stars != NULL && subject != NULL);
    for (size_t i = 0; i < 2 * DEPTH; i++) {
        stars[i] = i % 2 == 0 ? '*' : '.';
        subject[i] = i % 2 == 0 ? 'x' : '.';
    }
    struct bytes pattern = {stars, 2 * DEPTH - 1};
    struct bytes literal = {subject, 2 * DEPTH - 1};
    assert_int_equal(interest_add(f->in, pattern, BYTES(""), 1, 1, BYTES("1"), NULL), 0);
    assert_int_equal(match_find(f->cache, f->in, 1, literal)->plain_count, 1);
    assert_int_equal(interest_remove(f->in, pattern, BYTES(""), 1, 1, NULL), 0);
    assert_int_equal(match_find(f->cache, f->in, 1, literal)->plain_count, 0);
    free(stars);
    free(subject);
}

/* A reclaimer that knows of no reader. */
static void at_once(void *context, struct reclaim_entry *entry)
{
    entry->done(entry);
}

static void memory_may_come_back_at_once(void **state)
{
    struct reclaimer none = {at_once, NULL};
    struct interest *in = interest_new(5, &none);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 3000; i++) {
            char text[64];
            snprintf(text, sizeof(text), i % 2 == 0 ? "a.%u" : "a.*.%u", i % 100);
            assert_int_equal(interest_add(in, bytes_of(text), BYTES(""), 1, i, BYTES("1"), NULL),
                             0);
        }
        for (uint32_t i = 0; i < 3000; i++) {
            char text[64];
            snprintf(text, sizeof(text), i % 2 == 0 ? "a.%u" : "a.*.%u", i % 100);
            assert_int_equal(interest_remove(in, bytes_of(text), BYTES(""), 1, i, NULL), 0);
        }
        interest_flush(in);
        interest_check(in);
    }
    interest_free(&in);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_subject_is_refused),
        TEST(a_published_subject_with_an_empty_token_reaches_nobody),
        TEST(changes_tell_the_first_and_the_last),
        TEST(sids_come_back_as_they_were),
        TEST(a_queue_is_one_group_over_all_patterns),
        TEST(ten_thousand_subscribers_on_one_subject),
        TEST(removal_of_all_returns_all_memory),
        TEST(churn_leaves_other_lines_alone),
        TEST(every_change_that_concerns_a_line_is_noticed),
        TEST(a_small_cache_stays_small),
        TEST(indexes_do_not_mix_in_one_cache),
        TEST(a_scan_in_slices_sees_each_once),
        TEST(a_deep_pattern_is_walked_without_recursion),
        TEST(memory_may_come_back_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
