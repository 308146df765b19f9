/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of a store by number and by name, beside a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "store/group_table.h"
#include "store/store_state.h"

#define NAME_SIZE 16
#define ACCOUNTS 3

struct named_group {
    struct store_group group;
    char account[NAME_SIZE];
    char name[NAME_SIZE];
};

static struct store_group *make_group(uint64_t gid, unsigned account, unsigned name)
{
    struct named_group *g = calloc(1, sizeof *g);
    CHECK(g != NULL);
    g->group.member.gid = gid;
    snprintf(g->account, sizeof g->account, "A%u", account);
    snprintf(g->name, sizeof g->name, "S%u", name);
    g->group.account = bytes_of(g->account);
    g->group.name = bytes_of(g->name);
    return &g->group;
}

/* --- the model ------------------------------------------------------------------------------------ */

#define MODEL_MAX 3000

struct model {
    struct group_table table;
    struct store_group *groups[MODEL_MAX]; /* given; in no order */
    size_t count;
    struct prng prng;
    uint64_t next_gid;
    unsigned names; /* that a group may have, in each account */
};

static struct store_group *model_find_name(const struct model *m, struct bytes account,
                                           struct bytes name)
{
    for (size_t i = 0; i < m->count; i++)
        if (bytes_equal(m->groups[i]->account, account) && bytes_equal(m->groups[i]->name, name))
            return m->groups[i];
    return NULL;
}

static struct store_group *model_after(const struct model *m, uint64_t gid)
{
    struct store_group *next = NULL;
    for (size_t i = 0; i < m->count; i++) {
        struct store_group *g = m->groups[i];
        if (g->member.gid > gid && (next == NULL || g->member.gid < next->member.gid))
            next = g;
    }
    return next;
}

static void add(struct model *m)
{
    unsigned account = (unsigned)prng_below(&m->prng, ACCOUNTS);
    unsigned name = (unsigned)prng_below(&m->prng, m->names);
    struct store_group *g = make_group(m->next_gid, account, name);
    struct store_group *there = model_find_name(m, g->account, g->name);
    assert_ptr_equal(group_table_find_name(&m->table, g->account, g->name), there);
    if (there != NULL || m->count == MODEL_MAX) {
        free(g);
        return;
    }
    m->next_gid += 1 + prng_below(&m->prng, 3);
    group_table_add(&m->table, g);
    m->groups[m->count++] = g;
}

static void remove_one(struct model *m)
{
    if (m->count == 0)
        return;
    size_t nth = prng_below(&m->prng, m->count);
    struct store_group *g = m->groups[nth];
    m->groups[nth] = m->groups[--m->count];
    group_table_remove(&m->table, g);
    assert_null(group_table_find(&m->table, g->member.gid));
    assert_null(group_table_find_name(&m->table, g->account, g->name));
    free(g);
}

static void look(struct model *m)
{
    uint64_t gid = prng_below(&m->prng, m->next_gid + 2);
    assert_ptr_equal(group_table_after(&m->table, gid), model_after(m, gid));
    struct store_group *before = gid == 0 ? NULL : model_after(m, gid - 1);
    struct store_group *at = before != NULL && before->member.gid == gid ? before : NULL;
    assert_ptr_equal(group_table_find(&m->table, gid), at);
}

static void find_all(const struct model *m)
{
    assert_int_equal(m->table.count, m->count);
    for (size_t i = 0; i < m->count; i++) {
        struct store_group *g = m->groups[i];
        assert_ptr_equal(group_table_find(&m->table, g->member.gid), g);
        assert_ptr_equal(group_table_find_name(&m->table, g->account, g->name), g);
    }
    uint64_t gid = 0;
    size_t walked = 0;
    for (struct store_group *g; (g = group_table_after(&m->table, gid)) != NULL; walked++)
        gid = g->member.gid;
    assert_int_equal(walked, m->count);
}

static void model_done(struct model *m)
{
    while (m->count > 0)
        remove_one(m);
    find_all(m);
    group_table_done(&m->table);
}

/* Mostly additions, then mostly removals, and again. */
static void a_random_life_is_that_of_a_plain_list(void **state)
{
    static struct model m;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        m = (struct model){.table.seed = seed, .next_gid = 1, .names = seed % 2 ? 400 : 8};
        prng_init(&m.prng, seed);
        for (unsigned i = 0; i < 4000; i++) {
            bool growing = i / 1000 % 2 == 0;
            if (prng_one_in(&m.prng, 3))
                look(&m);
            else if (prng_below(&m.prng, 4) < (growing ? 3 : 1))
                add(&m);
            else
                remove_one(&m);
            if (i % 500 == 0)
                find_all(&m);
        }
        find_all(&m);
        model_done(&m);
    }
}

/* --- by hand ---------------------------------------------------------------------------------------- */

static void an_empty_table_has_nobody(void **state)
{
    struct group_table t = {.seed = 1};
    assert_null(group_table_find(&t, 1));
    assert_null(group_table_after(&t, 0));
    assert_null(group_table_after(&t, UINT64_MAX));
    assert_null(group_table_find_name(&t, BYTES("A"), BYTES("S")));
    group_table_done(&t);
}

static void an_account_and_a_name_do_not_run_together(void **state)
{
    struct group_table t = {.seed = 1};
    struct store_group *g = make_group(7, 1, 23);
    group_table_add(&t, g);
    assert_ptr_equal(group_table_find_name(&t, BYTES("A1"), BYTES("S23")), g);
    assert_null(group_table_find_name(&t, BYTES("A1S"), BYTES("23")));
    assert_null(group_table_find_name(&t, BYTES("A"), BYTES("1S23")));
    assert_null(group_table_find_name(&t, BYTES(""), BYTES("A1S23")));
    group_table_remove(&t, g);
    free(g);
    group_table_done(&t);
}

static void numbers_may_come_in_any_order(void **state)
{
    static const uint64_t gids[] = {5, UINT64_MAX, 1, 900, 2};
    static const uint64_t sorted[] = {1, 2, 5, 900, UINT64_MAX};
    struct group_table t = {.seed = 3};
    for (unsigned i = 0; i < 5; i++)
        group_table_add(&t, make_group(gids[i], 0, i));
    uint64_t gid = 0;
    for (unsigned i = 0; i < 5; i++) {
        gid = group_table_after(&t, gid)->member.gid;
        assert_int_equal(gid, sorted[i]);
    }
    assert_null(group_table_after(&t, gid));
    for (unsigned i = 0; i < 5; i++) {
        struct store_group *g = group_table_find(&t, gids[i]);
        group_table_remove(&t, g);
        free(g);
    }
    group_table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_has_nobody),
        cmocka_unit_test(an_account_and_a_name_do_not_run_together),
        cmocka_unit_test(numbers_may_come_in_any_order),
        cmocka_unit_test(a_random_life_is_that_of_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
