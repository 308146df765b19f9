/* SPDX-License-Identifier: Apache-2.0 */
/* The table of subjects against a sorted array, and seeking by filters against looking at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "protocols/nats/subject.h"
#include "runtime/base/prng.h"
#include "store/format/buffer.h"
#include "store/table/subject_filter.h"
#include "store/table/subject_table.h"

enum { SUBJECT_MAX = 40, MODEL_MAX = 4096 };

struct known {
    char text[SUBJECT_MAX];
    size_t size;
    struct subject_value value;
};

struct model {
    struct known known[MODEL_MAX];
    size_t count;
};

static int order_of(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.at, b.at, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static struct bytes subject_of(const struct known *k)
{
    return (struct bytes){k->text, k->size};
}

/* The place of the first at or after it. */
static size_t model_find(const struct model *m, struct bytes subject)
{
    size_t i = 0;
    while (i < m->count && order_of(subject_of(&m->known[i]), subject) < 0)
        i++;
    return i;
}

static struct known *model_at(struct model *m, struct bytes subject, bool make)
{
    size_t i = model_find(m, subject);
    if (i < m->count && bytes_equal(subject_of(&m->known[i]), subject))
        return &m->known[i];
    if (!make)
        return NULL;
    assert_true(m->count < MODEL_MAX);
    memmove(m->known + i + 1, m->known + i, (m->count - i) * sizeof *m->known);
    m->count++;
    m->known[i] = (struct known){.size = subject.size};
    memcpy(m->known[i].text, subject.at, subject.size);
    return &m->known[i];
}

static void model_remove(struct model *m, struct known *k)
{
    size_t i = (size_t)(k - m->known);
    m->count--;
    memmove(m->known + i, m->known + i + 1, (m->count - i) * sizeof *m->known);
}

/* Few tokens of few bytes, so that prefixes are shared and subjects come again; sometimes odd
 * bytes. */
static struct bytes some_subject(struct prng *p, char at[SUBJECT_MAX])
{
    static const char usual[] = "abc";
    static const char odd[] = {'-', '/', '*', '>', '\0', '\xff', '.', '.'};
    size_t size = 0;
    uint64_t tokens = 1 + prng_below(p, 4);
    for (uint64_t t = 0; t < tokens; t++) {
        if (t > 0)
            at[size++] = '.';
        uint64_t length = 1 + prng_below(p, 4);
        for (uint64_t i = 0; i < length; i++) {
            at[size++] = prng_one_in(p, 12) ? odd[prng_below(p, sizeof odd)]
                                            : usual[prng_below(p, sizeof usual - 1)];
        }
    }
    if (prng_one_in(p, 500))
        size = 0;
    return (struct bytes){at, size};
}

static struct bytes some_pattern(struct prng *p, char at[SUBJECT_MAX])
{
    char plain[SUBJECT_MAX];
    struct subject_walk w = subject_walk(some_subject(p, plain));
    struct bytes token;
    size_t size = 0;
    while (subject_next(&w, &token)) {
        if (size > 0)
            at[size++] = '.';
        if (prng_one_in(p, 3))
            token = w.more || prng_one_in(p, 2) ? BYTES("*") : BYTES(">");
        memcpy(at + size, token.at, token.size);
        size += token.size;
    }
    return (struct bytes){at, size};
}

static void change(struct subject_table *t, struct model *m, struct prng *p)
{
    char text[SUBJECT_MAX];
    struct bytes subject = some_subject(p, text);
    if (prng_one_in(p, 4)) {
        struct known *k = model_at(m, subject, false);
        assert_int_equal(subject_table_remove(t, subject), k != NULL);
        if (k != NULL)
            model_remove(m, k);
        return;
    }
    struct known *k = model_at(m, subject, true);
    struct subject_value v = {(int64_t)prng_below(p, 7) - 3, prng_below(p, 3), prng_below(p, 100),
                              prng_one_in(p, 5), false};
    if (prng_one_in(p, 5)) {
        k->value = v;
        subject_table_set(t, subject, &v);
        return;
    }
    k->value.count += v.count;
    if (v.first_bound || k->value.first_seq == 0) {
        k->value.first_seq = v.first_seq;
        k->value.first_bound = v.first_bound;
    }
    k->value.last_seq = v.last_seq == 0 ? k->value.last_seq : v.last_seq;
    assert_int_equal(subject_table_add(t, subject, &v), k->value.count);
}

static void assert_value(struct subject_value a, struct subject_value b)
{
    assert_int_equal(a.count, b.count);
    assert_int_equal(a.first_seq, b.first_seq);
    assert_int_equal(a.last_seq, b.last_seq);
    assert_int_equal(a.first_bound, b.first_bound);
}

static void look_up(struct subject_table *t, struct model *m, struct prng *p)
{
    char text[SUBJECT_MAX];
    struct bytes subject = some_subject(p, text);
    struct known *k = model_at(m, subject, false);
    struct subject_value v;
    assert_int_equal(subject_table_get(t, subject, &v), k != NULL);
    if (k != NULL)
        assert_value(v, k->value);
}

/* From a place on, in order. */
static void walk_some(struct subject_table *t, struct model *m, struct bytes from, size_t max)
{
    struct subject_walker w;
    struct bytes subject;
    struct subject_value v;
    size_t i = model_find(m, from);
    subject_table_seek(t, from, &w);
    for (; max-- > 0 && subject_walker_get(&w, &subject, &v); subject_walker_next(&w), i++) {
        assert_true(i < m->count && bytes_equal(subject, subject_of(&m->known[i])));
        assert_value(v, m->known[i].value);
    }
    if (max == SIZE_MAX)
        return;
    assert_int_equal(i, m->count);
}

/* All that match, by seeking; returns how many places were looked at. */
static size_t scan(struct subject_table *t, struct model *m, struct bytes pattern)
{
    struct buffer seek = {0};
    struct subject_walker w;
    struct bytes subject;
    struct subject_value v;
    size_t i = 0;
    size_t looked = 0;
    subject_table_seek(t, BYTES(""), &w);
    while (subject_walker_get(&w, &subject, &v)) {
        looked++;
        enum subject_filter_found found = subject_filter_at(pattern, subject, &seek);
        if (found == SUBJECT_FILTER_END)
            break;
        if (found == SUBJECT_FILTER_SEEK) {
            assert_true(order_of(subject, buffer_view(&seek)) < 0);
            subject_table_seek(t, buffer_view(&seek), &w);
            continue;
        }
        while (i < m->count && !subject_matches(pattern, subject_of(&m->known[i])))
            i++;
        assert_true(i < m->count && bytes_equal(subject, subject_of(&m->known[i++])));
        subject_walker_next(&w);
    }
    while (i < m->count)
        assert_false(subject_matches(pattern, subject_of(&m->known[i++])));
    buffer_done(&seek);
    return looked;
}

static void it_knows_what_a_sorted_array_knows(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct prng p;
        prng_init(&p, seed);
        struct subject_table *t = subject_table_new(seed);
        struct model *m = calloc(1, sizeof *m);
        assert_non_null(m);
        char text[SUBJECT_MAX];
        for (int i = 0; i < 4000; i++) {
            change(t, m, &p);
            look_up(t, m, &p);
            if (i % 50 == 0)
                walk_some(t, m, some_subject(&p, text), 20);
            if (i % 500 == 0)
                subject_table_check(t);
            assert_int_equal(subject_table_count(t), m->count);
        }
        walk_some(t, m, BYTES(""), m->count + 1);
        subject_table_check(t);
        subject_table_clear(t);
        subject_table_check(t);
        assert_int_equal(subject_table_count(t), 0);
        free(m);
        subject_table_free(&t);
    }
}

static void a_filter_finds_what_matches_and_nothing_else(void **state)
{
    struct prng p;
    prng_init(&p, 5);
    struct subject_table *t = subject_table_new(5);
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    for (int i = 0; i < 1500; i++)
        change(t, m, &p);
    char text[SUBJECT_MAX];
    for (int i = 0; i < 400; i++) {
        struct bytes pattern = some_pattern(&p, text);
        if (pattern.size > 0)
            scan(t, m, pattern);
    }
    free(m);
    subject_table_free(&t);
}

static void a_filter_skips_what_can_not_match(void **state)
{
    struct subject_table *t = subject_table_new(1);
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    for (int i = 0; i < 3000; i++) {
        char text[SUBJECT_MAX];
        int size = snprintf(text, sizeof text, "%s.%d.%d", i % 2 ? "in" : "out", i % 10, i);
        struct bytes subject = {text, (size_t)size};
        struct subject_value v = {1, 1, 1, false, false};
        model_at(m, subject, true)->value = v;
        subject_table_set(t, subject, &v);
    }
    assert_in_range(scan(t, m, BYTES("in.7.*")), 300, 304);
    assert_in_range(scan(t, m, BYTES("in.7.77")), 1, 4);
    assert_in_range(scan(t, m, BYTES("*.7.77")), 1, 30);
    assert_in_range(scan(t, m, BYTES("out.>")), 1500, 1503);
    assert_in_range(scan(t, m, BYTES("p.>")), 1, 2);
    free(m);
    subject_table_free(&t);
}

static void subjects_may_be_of_any_length(void **state)
{
    struct subject_table *t = subject_table_new(3);
    char *text = malloc(SUBJECT_SIZE_MAX);
    assert_non_null(text);
    memset(text, 'x', SUBJECT_SIZE_MAX);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size <= SUBJECT_SIZE_MAX; size = size * 3 / 2 + 1) {
            struct subject_value v = {(int64_t)size, size, size, false, false};
            subject_table_set(t, (struct bytes){text, size}, &v);
        }
        struct subject_value v = {1, 0, 0, false, false};
        subject_table_add(t, (struct bytes){text, SUBJECT_SIZE_MAX}, &v);
        subject_table_check(t);
        for (size_t size = 0; size <= SUBJECT_SIZE_MAX; size = size * 3 / 2 + 1) {
            assert_true(subject_table_get(t, (struct bytes){text, size}, &v));
            assert_int_equal(v.count, size);
            assert_true(subject_table_remove(t, (struct bytes){text, size}));
        }
        subject_table_check(t);
        assert_int_equal(subject_table_count(t), 1);
    }
    free(text);
    subject_table_free(&t);
}

static void subjects_that_come_and_go_take_no_more_memory(void **state)
{
    struct subject_table *t = subject_table_new(3);
    size_t memory = 0;
    for (int i = 0; i < 20000; i++) {
        char text[SUBJECT_MAX];
        struct subject_value v = {1, 1, 1, false, false};
        int size = snprintf(text, sizeof text, "job.%06d", i);
        subject_table_set(t, (struct bytes){text, (size_t)size}, &v);
        if (i >= 100) {
            size = snprintf(text, sizeof text, "job.%06d", i - 100);
            assert_true(subject_table_remove(t, (struct bytes){text, (size_t)size}));
        }
        if (i == 1000)
            memory = subject_table_memory(t);
    }
    assert_in_range(subject_table_memory(t), 1, memory + memory / 4);
    subject_table_free(&t);
}

static void values_come_back(void **state)
{
    static const struct subject_value values[] = {
        {0, 0, 0, false, false},
        {1, 1, 1, false, false},
        {-5, 0, 70, true, false},
        {INT64_MAX, UINT64_MAX, 1, true, true},
        {INT64_MIN, 1, UINT64_MAX, false, false},
        {3, 900, 0, false, true},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct buffer b = {0};
        subject_value_write(&values[i], &b);
        struct subject_value v;
        for (size_t size = 0; size < b.size - (values[i].first_bound || values[i].total); size++)
            assert_int_equal(subject_value_read((struct bytes){b.at, size}, &v), -EBADMSG);
        assert_int_equal(subject_value_read(buffer_view(&b), &v), 0);
        assert_value(v, values[i]);
        buffer_u8(&b, 0);
        assert_int_equal(subject_value_read(buffer_view(&b), &v), -EBADMSG);
        buffer_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_knows_what_a_sorted_array_knows),
        cmocka_unit_test(a_filter_finds_what_matches_and_nothing_else),
        cmocka_unit_test(a_filter_skips_what_can_not_match),
        cmocka_unit_test(subjects_may_be_of_any_length),
        cmocka_unit_test(subjects_that_come_and_go_take_no_more_memory),
        cmocka_unit_test(values_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
