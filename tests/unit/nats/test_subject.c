/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocols/nats/subject.h"

static void check(bool got, bool want, const char *what, const char *a, const char *b)
{
    if (got != want)
        fail_msg("%s(\"%s\", \"%s\") is %d", what, a, b, got);
}

static void validity_has_four_notions(void **state)
{
    static const struct {
        const char *subject;
        bool subscribable;
        bool valid;
        bool literal;
        bool valid_literal;
    } rows[] = {
        {"foo", 1, 1, 1, 1},        {"foo.bar", 1, 1, 1, 1},   {"*", 1, 1, 0, 0},
        {">", 1, 1, 0, 0},          {"foo.*", 1, 1, 0, 0},     {"foo.>", 1, 1, 0, 0},
        {"*.*.>", 1, 1, 0, 0},      {"foo.*.bar", 1, 1, 0, 0}, {"", 0, 0, 1, 0},
        {".", 0, 0, 1, 0},          {".foo", 0, 0, 1, 0},      {"foo.", 0, 0, 1, 0},
        {"foo..bar", 0, 0, 1, 0},   {">.foo", 0, 0, 0, 0},     {"foo.>.bar", 0, 0, 0, 0},
        {"foo*", 1, 1, 1, 1},       {"*foo", 1, 1, 1, 1},      {"foo>", 1, 1, 1, 1},
        {">>", 1, 1, 1, 1},         {"**", 1, 1, 1, 1},        {"foo.**", 1, 1, 1, 1},
        {"f*o.b>r.x", 1, 1, 1, 1},  {"foo bar", 1, 0, 1, 1},   {"foo.b\tr", 1, 0, 1, 1},
        {"foo\r\n", 1, 0, 1, 1},    {"foo.\f", 1, 0, 1, 1},    {" ", 1, 0, 1, 1},
        {"foo. .bar", 1, 0, 1, 1},  {"\v", 1, 1, 1, 1},        {"\xc3\xa4.\x01", 1, 1, 1, 1},
        {"foo.>.", 0, 0, 0, 0},     {"*.", 0, 0, 0, 0},        {"..", 0, 0, 1, 0},
        {"$SYS.REQ.>", 1, 1, 0, 0}, {"a.b c.>", 1, 0, 0, 0},   {">.>", 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *s = rows[i].subject;
        struct bytes b = bytes_of(s);
        check(subject_is_subscribable(b), rows[i].subscribable, "subscribable", s, "");
        check(subject_is_valid(b), rows[i].valid, "valid", s, "");
        check(subject_is_literal(b), rows[i].literal, "literal", s, "");
        check(subject_is_valid_literal(b), rows[i].valid_literal, "valid literal", s, "");
        check(subject_is_valid_publish(b), rows[i].valid && rows[i].literal, "publish", s, "");
    }
}

static void a_zero_byte_is_an_ordinary_byte(void **state)
{
    assert_true(subject_is_valid(BYTES("a\0b.c")));
    assert_true(subject_matches(BYTES("*.c"), BYTES("a\0b.c")));
    assert_false(subject_matches(BYTES("a\0x.c"), BYTES("a\0b.c")));
}

static void the_empty_subject_needs_no_memory(void **state)
{
    struct bytes nothing = {NULL, 0};
    assert_false(subject_is_subscribable(nothing));
    assert_false(subject_is_valid_publish(nothing));
    assert_false(subject_matches(BYTES(">"), nothing));
    assert_true(subjects_collide(nothing, BYTES(">"))); /* as in nats-server */
    assert_false(subject_is_subset(nothing, BYTES("*")));
    assert_int_equal(subject_token_count(nothing), 0);
}

static void a_pattern_covers_literal_subjects(void **state)
{
    static const struct {
        const char *pattern;
        const char *literal;
        bool matches;
    } rows[] = {
        {"foo", "foo", 1},
        {"foo", "fo", 0},
        {"foo", "foob", 0},
        {"foo", "foo.bar", 0},
        {"*", "foo", 1},
        {"*", "foo.bar", 0},
        {"*", "", 0},
        {">", "foo", 1},
        {">", "foo.bar.baz", 1},
        {">", "", 0},
        {"foo.*", "foo.bar", 1},
        {"foo.*", "foo", 0},
        {"foo.*", "foo.", 0},
        {"foo.*", "foo.a.b", 0},
        {"foo.>", "foo.bar.baz", 1},
        {"foo.>", "foo", 0},
        {"foo.>", "foo.", 0},
        {"*.bar", "foo.bar", 1},
        {"*.bar", "foo.baz", 0},
        {"*.bar", "foo.bar.x", 0},
        {"foo.*.baz", "foo.bar.baz", 1},
        {"foo.*.baz", "foo..baz", 1} /* as in nats-server */,
        {"*.*", "a.b", 1},
        {"*.*", "a.b.c", 0},
        {"*.>", "a", 0},
        {"*.>", "a.b", 1},
        {"foo*", "foo*", 1},
        {"foo*", "foobar", 0},
        {"foo>", "foo>", 1},
        {"foo>", "foobar", 0},
        {"*foo", "xfoo", 0},
        {"foo.*x", "foo.*x", 1},
        {"foo.*", "foo.*", 1},
        {"foo.>", "foo.>", 1},
        {"foo.bar", "foo.*", 0},
        {"foo.", "foo.", 1},
        {"a.>.b", "a.>.b", 1},
        {"a.>.b", "a.x.b", 0},
        {"", "", 1},
        {"", "a", 0},
        {".", ".", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check(subject_matches(bytes_of(rows[i].pattern), bytes_of(rows[i].literal)),
              rows[i].matches, "matches", rows[i].pattern, rows[i].literal);
    }
}

static void a_subset_is_covered_whole(void **state)
{
    static const struct {
        const char *subject;
        const char *pattern;
        bool subset;
    } rows[] = {
        {"foo.*", ">", 1},
        {"foo.*", "*.*", 1},
        {"foo.*", "foo.*", 1},
        {"foo.*", "foo.bar", 0},
        {"foo.bar", "foo.*", 1},
        {"foo.>", "foo.*", 0},
        {"foo.>", "foo.>", 1},
        {"foo.>", "*.>", 1},
        {"foo.>", ">", 1},
        {"foo", "foo.>", 0},
        {"foo.bar.baz", "foo.*", 0},
        {"foo.bar", "foo.bar.baz", 0},
        {"*", "*", 1},
        {"*", ">", 1},
        {">", "*", 0},
        {">", ">", 1},
        {"*.b", "a.*", 0},
        {"foo.*.*", "foo.*", 0},
        {"foo.bar", "foo.*r", 1} /* as in nats-server */,
        {"foo..bar", "foo.*.bar", 0},
        {"foo.*", "foo.*r", 0},
        {"", ">", 1} /* likewise */,
        {"", "*", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check(subject_is_subset(bytes_of(rows[i].subject), bytes_of(rows[i].pattern)),
              rows[i].subset, "subset", rows[i].subject, rows[i].pattern);
    }
}

static void collision_is_symmetric(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool collide;
    } rows[] = {
        {"foo", "foo", 1},           {"foo", "bar", 0},       {"foo.*", "foo.bar", 1},
        {"foo.*", "foo.bar.baz", 0}, {"foo.*", "*.bar", 1},   {"foo.*", "*.bar.baz", 0},
        {"foo.>", "foo.*.bar", 1},   {"foo.>", "*.bar.>", 1}, {"foo.>", "foo", 0},
        {"foo.>", "*", 0},           {">", "*", 1},           {">", "foo.bar.baz", 1},
        {"foo.*.>", "foo.bar", 0},   {"*.bar.*", "foo.>", 1}, {"foo.*.bar.>", "foo.>", 1},
        {"a.*.c", "a.b.*", 1},       {"a.*.c", "a.b.d", 0},   {"a.x.*", "a.y.*", 0},
        {"foo.*", "foo.*.*", 0},     {"foo.*.*", "foo.>", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes a = bytes_of(rows[i].a);
        struct bytes b = bytes_of(rows[i].b);
        check(subjects_collide(a, b), rows[i].collide, "collide", rows[i].a, rows[i].b);
        check(subjects_collide(b, a), rows[i].collide, "collide", rows[i].b, rows[i].a);
    }
}

static void tokens_are_walked_with_the_empty_ones(void **state)
{
    static const struct {
        const char *subject;
        const char *tokens[4];
        size_t count;
    } rows[] = {
        {"foo", {"foo"}, 1}, {"foo.bar", {"foo", "bar"}, 2}, {"a..b", {"a", "", "b"}, 3},
        {".", {"", ""}, 2},  {"a.", {"a", ""}, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(subject_token_count(bytes_of(rows[i].subject)), rows[i].count);
        struct subject_walk w = subject_walk(bytes_of(rows[i].subject));
        struct bytes token = {0};
        for (size_t t = 0; t < rows[i].count; t++) {
            assert_true(subject_next(&w, &token));
            assert_true(bytes_are(token, rows[i].tokens[t]));
        }
        assert_false(subject_next(&w, &token));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validity_has_four_notions),
        cmocka_unit_test(a_zero_byte_is_an_ordinary_byte),
        cmocka_unit_test(the_empty_subject_needs_no_memory),
        cmocka_unit_test(a_pattern_covers_literal_subjects),
        cmocka_unit_test(a_subset_is_covered_whole),
        cmocka_unit_test(collision_is_symmetric),
        cmocka_unit_test(tokens_are_walked_with_the_empty_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
