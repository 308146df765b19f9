/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/client/subs.h"
#include "runtime/base/prng.h"
#include "tests/unit/runtime/stub_world.h"

/* Memory comes from a worker: system_free fails when some of it is left. */
struct place {
    struct stub_world stub;
    struct system *system;
    struct subs subs;
};

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    stub_init(&p->stub, 3);
    p->system = stub_system(&p->stub, 1);
    p->subs.seed = 99;
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    subs_done(&p->subs);
    system_free(&p->system);
    free(p);
    return 0;
}

static struct bytes text_of(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

/* --- sids ---------------------------------------------------------------------------------------- */

static void sids_keep_their_text(void **state)
{
    static const char *const sids[] = {"0",
                                       "1",
                                       "00",
                                       "01",
                                       "10",
                                       "9999999999999999999",
                                       "10000000000000000000",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "1x",
                                       "x1",
                                       "-1",
                                       "+1",
                                       "",
                                       "a sid that is much longer than any number could be",
                                       "\r",
                                       "1 ",
                                       "0x1"};
    struct subs *subs = &((struct place *)*state)->subs;
    uint32_t slots[sizeof sids / sizeof *sids];
    for (size_t i = 0; i < sizeof sids / sizeof *sids; i++) {
        assert_null(subs_find(subs, text_of(sids[i])));
        slots[i] = subs_slot(subs_add(subs, text_of(sids[i])));
    }
    for (size_t i = 0; i < sizeof sids / sizeof *sids; i++) {
        struct sub *sub = subs_find(subs, text_of(sids[i]));
        assert_non_null(sub);
        assert_int_equal(subs_slot(sub), slots[i]);
        char digits[SUB_SID_DIGITS];
        struct bytes sid = subs_sid(sub, digits);
        assert_int_equal(sid.size, strlen(sids[i]));
        if (sid.size > 0)
            assert_memory_equal(sid.at, sids[i], sid.size);
    }
}

/* --- slots --------------------------------------------------------------------------------------- */

static void a_slot_names_one_subscription_and_not_the_next_in_its_place(void **state)
{
    struct subs *subs = &((struct place *)*state)->subs;
    struct sub *sub = subs_add(subs, text_of("1"));
    uint32_t slot = subs_slot(sub);
    assert_ptr_equal(subs_at(subs, slot), sub);
    subs_bury(subs, sub);
    assert_null(subs_find(subs, text_of("1")));
    assert_null(subs_at(subs, slot));
    assert_ptr_equal(subs_any(subs, slot), sub);
    struct sub *again = subs_add(subs, text_of("1")); /* while the old one is dying */
    assert_ptr_not_equal(again, sub);
    assert_int_not_equal(subs_slot(again), slot);
    subs_free(subs, sub);
    uint32_t number = slot & (SUBS_MAX - 1);
    for (unsigned i = 0; i < 255; i++) { /* all other generations of its place */
        struct sub *next = subs_add(subs, text_of("2"));
        assert_int_equal(next->number, number);
        assert_null(subs_at(subs, slot));
        assert_null(subs_any(subs, slot));
        subs_bury(subs, next);
        subs_free(subs, next);
    }
    assert_ptr_equal(subs_find(subs, text_of("1")), again);
}

static void a_record_that_was_freed_last_is_used_last(void **state)
{
    struct subs *subs = &((struct place *)*state)->subs;
    uint32_t numbers[10];
    struct sub *all[10];
    for (unsigned i = 0; i < 10; i++)
        (void)subs_add(subs, (struct bytes){&"0123456789"[i], 1});
    for (unsigned i = 0; i < 10; i++)
        all[i] = subs_find(subs, (struct bytes){&"0123456789"[i], 1});
    for (unsigned i = 0; i < 10; i++) {
        struct sub *sub = all[i * 7 % 10];
        numbers[i] = sub->number;
        subs_bury(subs, sub);
        subs_free(subs, sub);
    }
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(subs_add(subs, (struct bytes){&"abcdefghij"[i], 1})->number, numbers[i]);
    assert_int_equal(subs->made, 10);
}

static void slots_outside_name_nothing(void **state)
{
    struct subs *subs = &((struct place *)*state)->subs;
    uint32_t cursor = 0;
    assert_null(subs_find(subs, text_of("1")));
    assert_null(subs_at(subs, 0));
    assert_null(subs_at(subs, UINT32_MAX));
    assert_null(subs_next(subs, &cursor));
    uint32_t slot = subs_slot(subs_add(subs, text_of("1")));
    assert_null(subs_any(subs, slot + 1));
    assert_null(subs_any(subs, slot ^ 1u << 31));
}

static void records_stay_where_they_are_once_a_chunk_is_whole(void **state)
{
    struct subs *subs = &((struct place *)*state)->subs;
    struct sub *at[SUBS_CHUNK * 9];
    for (uint32_t i = 0; i < SUBS_CHUNK * 9; i++) {
        char sid[16];
        snprintf(sid, sizeof sid, "%u", i);
        struct sub *sub = subs_add(subs, text_of(sid));
        assert_int_equal(sub->number, i);
        at[i] = sub;
        assert_true(subs->made <= subs->capacity && subs->capacity - subs->made <= SUBS_CHUNK);
    }
    for (uint32_t i = SUBS_CHUNK; i < SUBS_CHUNK * 9; i++)
        assert_ptr_equal(subs_any(subs, (uint32_t)1 << SUBS_NUMBER_BITS | i), at[i]);
}

/* Full to 7/8, some are hundreds of places from home. */
static void a_full_table_finds_all_and_shrinks_when_they_go(void **state)
{
    enum { COUNT = 7 << 13 };
    struct subs *subs = &((struct place *)*state)->subs;
    char sid[16];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(sid, sizeof sid, "%u", i);
        (void)subs_add(subs, text_of(sid));
    }
    assert_int_equal(subs->table_size, 1 << 16);
    for (uint32_t n = 0; n < COUNT; n++) {
        uint32_t i = (uint32_t)((uint64_t)n * 30011 % COUNT);
        snprintf(sid, sizeof sid, "%u", i);
        struct sub *sub = subs_find(subs, text_of(sid));
        assert_non_null(sub);
        assert_int_equal(sub->sid, i);
        subs_bury(subs, sub);
        subs_free(subs, sub);
        assert_null(subs_find(subs, text_of(sid)));
    }
    assert_int_equal(subs->live, 0);
    assert_true(subs->table_size <= 1024);
}

/* --- against a model ----------------------------------------------------------------------------- */

#define SIDS 900
#define STEPS 60000

struct model {
    bool there[SIDS];
    uint32_t slot[SIDS];
    uint32_t dying[STEPS]; /* slots */
    unsigned dying_count;
    unsigned live;
};

static struct bytes sid_of(unsigned n, char text[32])
{
    int size = snprintf(text, 32, n % 3 == 0 ? "%u" : n % 3 == 1 ? "sid-%u" : "0%u", n);
    return (struct bytes){text, (size_t)size};
}

static void compare(const struct subs *subs, const struct model *m)
{
    char text[32];
    uint32_t cursor = 0;
    unsigned seen = 0;
    assert_int_equal(subs->live, m->live);
    for (unsigned n = 0; n < SIDS; n++) {
        const struct sub *sub = subs_find(subs, sid_of(n, text));
        assert_int_equal(sub != NULL, m->there[n]);
        if (sub == NULL)
            continue;
        assert_int_equal(subs_slot(sub), m->slot[n]);
        assert_ptr_equal(subs_at(subs, m->slot[n]), sub);
    }
    while (subs_next(subs, &cursor) != NULL)
        seen++;
    assert_int_equal(seen, m->live);
}

static void random_additions_and_removals_agree_with_a_model(void **state)
{
    struct subs *subs = &((struct place *)*state)->subs;
    struct model *m = calloc(1, sizeof *m);
    struct prng prng;
    prng_init(&prng, 11);
    char text[32];
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned n = (unsigned)prng_below(&prng, SIDS);
        unsigned much = step / 10000 % 2 == 0 ? 70 : 30; /* grows, then shrinks */
        if (m->dying_count > 0 && prng_below(&prng, 3) == 0) {
            unsigned d = (unsigned)prng_below(&prng, m->dying_count);
            struct sub *sub = subs_any(subs, m->dying[d]);
            assert_non_null(sub);
            subs_free(subs, sub);
            m->dying[d] = m->dying[--m->dying_count];
        } else if (!m->there[n] && prng_below(&prng, 100) < much) {
            m->slot[n] = subs_slot(subs_add(subs, sid_of(n, text)));
            m->there[n] = true;
            m->live++;
        } else if (m->there[n] && prng_below(&prng, 100) >= much) {
            subs_bury(subs, subs_find(subs, sid_of(n, text)));
            m->dying[m->dying_count++] = m->slot[n];
            m->there[n] = false;
            m->live--;
        }
        if (step % 1000 == 0)
            compare(subs, m);
    }
    compare(subs, m);
    free(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sids_keep_their_text),
        TEST(a_slot_names_one_subscription_and_not_the_next_in_its_place),
        TEST(a_record_that_was_freed_last_is_used_last),
        TEST(slots_outside_name_nothing),
        TEST(a_full_table_finds_all_and_shrinks_when_they_go),
        TEST(records_stay_where_they_are_once_a_chunk_is_whole),
        TEST(random_additions_and_removals_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
