/* SPDX-License-Identifier: Apache-2.0 */
/* Which filters match a subject, and how many matching messages are ahead of whom. What many
 * members do at random is in test_consumers_model.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "protocols/nats/subject.h"
#include "runtime/base/prng.h"
#include "store/format/buffer.h"
#include "store/group/filter_group.h"
#include "store/group/filter_index.h"
#include "store/msglog.h"

/* --- the index -------------------------------------------------------------------------------- */

enum { FILTERS_MAX = 600, TEXT_MAX = 48 };

struct indexed {
    char text[TEXT_MAX];
    struct filter_node node;
    bool in;
    bool found;
};

static void random_subject(struct prng *prng, bool wild, char *to)
{
    static const char *tokens[] = {"a", "b", "c", "dd", "*x", "e>"};
    size_t count = 1 + prng_below(prng, 4);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const char *token = tokens[prng_below(prng, 6)];
        if (wild && prng_one_in(prng, 3))
            token = "*";
        if (wild && i + 1 == count && prng_one_in(prng, 3))
            token = ">";
        size += (size_t)snprintf(to + size, TEXT_MAX - size, "%s%s", i == 0 ? "" : ".", token);
    }
}

static void on_found(void *context, struct filter_node *node)
{
    struct indexed *f = (struct indexed *)((char *)node - offsetof(struct indexed, node));
    assert_false(f->found);
    f->found = true;
}

static void expect_matches(struct filter_index *index, struct indexed *all, struct bytes subject)
{
    filter_index_match(index, subject, on_found, NULL);
    for (int i = 0; i < FILTERS_MAX; i++) {
        bool matches = all[i].in && subject_matches(all[i].node.filter, subject);
        assert_int_equal(all[i].found, matches);
        all[i].found = false;
    }
}

static void test_the_index_finds_each_filter_that_matches_once(void **state)
{
    static struct indexed all[FILTERS_MAX];
    struct filter_index index;
    struct prng prng;
    char subject[TEXT_MAX];
    prng_init(&prng, 3);
    filter_index_init(&index, 9);
    for (int step = 0; step < 6000; step++) {
        struct indexed *f = &all[prng_below(&prng, FILTERS_MAX)];
        if (f->in) {
            filter_index_remove(&index, &f->node);
        } else {
            random_subject(&prng, prng_one_in(&prng, 2), f->text);
            f->node.filter = bytes_of(f->text);
            filter_index_add(&index, &f->node);
        }
        f->in = !f->in;
        if (step % 20 != 0)
            continue;
        random_subject(&prng, false, subject);
        expect_matches(&index, all, bytes_of(subject));
    }
    for (int i = 0; i < FILTERS_MAX; i++) {
        if (all[i].in)
            filter_index_remove(&index, &all[i].node);
    }
    filter_index_done(&index);
}

static void test_stems_longer_than_the_index_looks_at_match_all_the_same(void **state)
{
    char deep[2 * 40 + 4];
    struct filter_index index;
    struct indexed f = {.in = true};
    size_t size = 0;
    for (int i = 0; i < 40; i++)
        size += (size_t)snprintf(deep + size, sizeof deep - size, "%sx", i == 0 ? "" : ".");
    filter_index_init(&index, 1);
    f.node.filter = (struct bytes){deep, size};
    filter_index_add(&index, &f.node);
    filter_index_match(&index, f.node.filter, on_found, NULL);
    assert_true(f.found);
    filter_index_remove(&index, &f.node);
    filter_index_done(&index);
}

/* --- groups ----------------------------------------------------------------------------------- */

static struct bytes encoded(struct buffer *b, const char *filter)
{
    b->size = 0;
    buffer_bytes(b, bytes_of(filter));
    return buffer_view(b);
}

static uint64_t ahead(const struct filter_member *m)
{
    uint64_t above;
    return filter_ahead(m, &above);
}

static void append(struct filter_groups *g, uint64_t from, uint64_t to, const char *subject)
{
    for (uint64_t seq = from; seq <= to; seq++)
        filter_groups_appended(g, seq, bytes_of(subject));
}

static void test_equal_filters_share_a_group_and_the_last_that_leaves_ends_it(void **state)
{
    struct filter_groups *g = filter_groups_new(1);
    struct filter_member m[4] = {{0}};
    struct buffer b = {0};
    filter_join(g, &m[0], encoded(&b, "a.*"), 1, 0, 0);
    filter_join(g, &m[1], encoded(&b, "a.*"), 1, 0, 0);
    filter_join(g, &m[2], encoded(&b, "a.b"), 1, 0, 0);
    filter_join(g, &m[3], (struct bytes){NULL, 0}, 0, 0, 0);
    assert_int_equal(filter_groups_count(g), 3);
    assert_ptr_equal(m[0].group, m[1].group);
    append(g, 1, 10, "a.b");
    append(g, 11, 15, "a.c");
    append(g, 16, 16, "b");
    assert_int_equal(ahead(&m[0]), 15);
    assert_int_equal(ahead(&m[2]), 10);
    assert_int_equal(ahead(&m[3]), 16);
    filter_groups_check(g);
    for (int i = 0; i < 4; i++)
        filter_leave(g, &m[i]);
    assert_int_equal(filter_groups_count(g), 0);
    filter_groups_free(&g);
    buffer_done(&b);
}

static void test_a_removal_counts_for_those_who_have_not_passed_it(void **state)
{
    struct filter_groups *g = filter_groups_new(1);
    struct filter_member m[3] = {{0}};
    struct buffer b = {0};
    for (int i = 0; i < 3; i++)
        filter_join(g, &m[i], encoded(&b, "a"), 1, 0, 0);
    append(g, 1, 10, "a");
    for (uint64_t seq = 1; seq <= 4; seq++)
        filter_advance(g, &m[1], seq, 1);
    for (uint64_t seq = 1; seq <= 10; seq++)
        filter_advance(g, &m[2], seq, 1);
    filter_groups_removed(g, 3, BYTES("a"));
    filter_groups_removed(g, 7, BYTES("a"));
    filter_groups_removed(g, 8, BYTES("a"));
    assert_int_equal(ahead(&m[0]), 7);
    assert_int_equal(ahead(&m[1]), 4);
    assert_int_equal(ahead(&m[2]), 0);
    filter_groups_check(g);
    for (int i = 0; i < 3; i++)
        filter_leave(g, &m[i]);
    filter_groups_free(&g);
    buffer_done(&b);
}

static void test_a_count_is_never_negative_and_right_again_at_the_end(void **state)
{
    struct filter_groups *g = filter_groups_new(1);
    struct filter_member m = {0};
    struct buffer b = {0};
    filter_join(g, &m, encoded(&b, "a"), 1, 0, 0);
    append(g, 1, 2, "a");
    append(g, 3, 10, "b");
    for (uint64_t seq = 1; seq <= 8; seq++)
        filter_advance(g, &m, seq, 1); /* also past what does not match */
    assert_int_equal(ahead(&m), 0);
    filter_advance(g, &m, 10, 0);
    append(g, 11, 12, "a");
    assert_int_equal(ahead(&m), 2);
    filter_leave(g, &m);
    filter_groups_free(&g);
    buffer_done(&b);
}

static void test_who_waits_for_a_sequence_to_come_has_nothing_ahead_until_then(void **state)
{
    struct filter_groups *g = filter_groups_new(1);
    struct filter_member m[2] = {{0}};
    filter_join(g, &m[0], (struct bytes){NULL, 0}, 0, 0, 0);
    filter_join(g, &m[1], (struct bytes){NULL, 0}, 0, 5, 0);
    append(g, 1, 5, "a");
    assert_int_equal(ahead(&m[0]), 5);
    assert_int_equal(ahead(&m[1]), 0);
    append(g, 6, 7, "a");
    assert_int_equal(ahead(&m[1]), 2);
    filter_groups_removed(g, 4, BYTES("a"));
    filter_groups_removed(g, 7, BYTES("a"));
    assert_int_equal(ahead(&m[0]), 5);
    assert_int_equal(ahead(&m[1]), 1);
    for (int i = 0; i < 2; i++)
        filter_leave(g, &m[i]);
    filter_groups_free(&g);
}

/* --- counting --------------------------------------------------------------------------------- */

struct counted {
    uint64_t slice; /* sequences a call */
    int calls;
    uint64_t lasts;
};

/* Every sequence there is has a message. */
static int count_all(void *context, const struct filter *filter, uint64_t from, uint64_t to,
                     uint64_t lasts, uint64_t *ret_count, uint64_t *ret_to)
{
    struct counted *c = context;
    c->calls++;
    c->lasts = lasts;
    *ret_to = to - from < c->slice ? to : from + c->slice - 1;
    *ret_count = lasts != 0 ? *ret_to == to : *ret_to - from + 1;
    return 0;
}

static void test_a_count_goes_on_while_the_stream_does(void **state)
{
    struct filter_groups *g = filter_groups_new(1);
    struct filter_member m = {0};
    struct counted counted = {.slice = 40};
    struct count_source source = {count_all, &counted};
    append(g, 1, 100, "a");
    filter_join(g, &m, (struct bytes){NULL, 0}, 0, 0, 0);
    assert_false(filter_is_counted(&m));
    assert_int_equal(filter_count(g, &m, &source), -EINPROGRESS);
    filter_groups_removed(g, 10, BYTES("a")); /* counted, and gone again */
    append(g, 101, 105, "a");
    filter_groups_removed(g, 103, BYTES("a"));
    for (uint64_t seq = 1; seq <= 5; seq++)
        filter_advance(g, &m, seq, 1);
    assert_int_equal(filter_count(g, &m, &source), -EINPROGRESS);
    assert_int_equal(filter_count(g, &m, &source), 0);
    assert_int_equal(ahead(&m), 100 - 1 - 5 + 4);
    assert_int_equal(counted.calls, 3);
    filter_groups_check(g);
    filter_leave(g, &m);
    filter_groups_free(&g);
}

static void test_nothing_is_counted_that_nobody_can_still_be_sent(void **state)
{
    struct filter_groups *g = filter_groups_new(1);
    struct filter_member m = {0};
    append(g, 1, 100, "a");
    filter_join(g, &m, (struct bytes){NULL, 0}, 0, 100, 0);
    assert_true(filter_is_counted(&m));
    assert_int_equal(ahead(&m), 0);
    filter_leave(g, &m);
    filter_groups_free(&g);
}

static void test_who_wants_last_ones_counts_as_others_do_once_past_them(void **state)
{
    struct filter_groups *g = filter_groups_new(1);
    struct filter_member m = {0};
    struct counted counted = {.slice = 1000};
    struct count_source source = {count_all, &counted};
    uint64_t above;
    append(g, 1, 100, "a");
    filter_join(g, &m, (struct bytes){NULL, 0}, 0, 0, 90);
    assert_int_equal(filter_count(g, &m, &source), -EINPROGRESS);
    assert_int_equal(counted.lasts, 90);
    assert_int_equal(filter_count(g, &m, &source), 0);
    assert_int_equal(counted.lasts, 0);
    assert_int_equal(filter_ahead(&m, &above), 1 + 10);
    assert_int_equal(above, 10);
    append(g, 101, 101, "a");
    filter_advance(g, &m, 90, 1);
    assert_int_equal(filter_ahead(&m, &above), 11);
    assert_null(m.early);
    filter_leave(g, &m);
    filter_groups_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_index_finds_each_filter_that_matches_once),
        cmocka_unit_test(test_stems_longer_than_the_index_looks_at_match_all_the_same),
        cmocka_unit_test(test_equal_filters_share_a_group_and_the_last_that_leaves_ends_it),
        cmocka_unit_test(test_a_removal_counts_for_those_who_have_not_passed_it),
        cmocka_unit_test(test_a_count_is_never_negative_and_right_again_at_the_end),
        cmocka_unit_test(test_who_waits_for_a_sequence_to_come_has_nothing_ahead_until_then),
        cmocka_unit_test(test_a_count_goes_on_while_the_stream_does),
        cmocka_unit_test(test_nothing_is_counted_that_nobody_can_still_be_sent),
        cmocka_unit_test(test_who_wants_last_ones_counts_as_others_do_once_past_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
