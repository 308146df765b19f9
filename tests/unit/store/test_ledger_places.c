/* SPDX-License-Identifier: Apache-2.0 */
/* What lives in a ledger, beside plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/prng.h"
#include "store/ledger_places.h"

enum { GIDS = 500, STEPS = 30000 };

struct plain {
    uint64_t position[2][GIDS]; /* of GROUP, CHECKPOINT; 0: none */
    unsigned makings[GIDS];
    uint64_t floor;
};

static uint64_t plain_count(const struct plain *m)
{
    uint64_t count = m->floor != 0;
    for (unsigned i = 0; i < GIDS; i++)
        count += (m->position[0][i] != 0) + (m->position[1][i] != 0) + m->makings[i];
    return count;
}

static void plain_apply(struct plain *m, const struct ledger_place *p)
{
    switch (p->kind) {
    case LEDGER_GROUP: m->position[0][p->gid] = p->position; break;
    case LEDGER_CHECKPOINT:
        m->position[1][p->gid] = p->position;
        m->makings[p->gid] = 0;
        break;
    case LEDGER_GONE:
        m->position[0][p->gid] = m->position[1][p->gid] = 0;
        m->makings[p->gid] = 0;
        break;
    case LEDGER_MAKING: m->makings[p->gid]++; break;
    case LEDGER_FLOOR: m->floor = p->position; break;
    case LEDGER_LOST: fail();
    }
}

static void check_same(const struct ledger_places *p, const struct plain *m)
{
    ledger_places_check(p);
    assert_int_equal(p->records, plain_count(m));
    struct ledger_place place;
    for (uint64_t gid = 1; gid < GIDS; gid++) {
        for (unsigned kind = 0; kind < 2; kind++) {
            bool found = ledger_places_find(p, LEDGER_GROUP + kind, gid, &place);
            assert_int_equal(found, m->position[kind][gid] != 0);
            if (found)
                assert_true(place.position == m->position[kind][gid]);
        }
    }
    assert_int_equal(ledger_places_find(p, LEDGER_FLOOR, 0, &place), m->floor != 0);
    struct ledger_place *list = ledger_places_list(p);
    for (size_t i = 1; i < p->records; i++)
        assert_true(list[i - 1].position < list[i].position);
    free(list);
}

static void places_are_those_of_a_plain_model(void **state)
{
    static struct plain m;
    memset(&m, 0, sizeof m);
    struct ledger_places p = {0};
    struct prng prng;
    prng_init(&prng, 1);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t draw = prng_below(&prng, 100);
        /* Waves, so that the table fills and empties. */
        bool ebb = i / 3000 % 2 == 1;
        enum ledger_kind kind = draw < (ebb ? 60 : 8) ? LEDGER_GONE
                                : draw < 70           ? LEDGER_CHECKPOINT
                                : draw < 85           ? LEDGER_GROUP
                                : draw < 99           ? LEDGER_MAKING
                                                      : LEDGER_FLOOR;
        struct ledger_place place = {
            .kind = kind,
            .size = kind == LEDGER_FLOOR ? LEDGER_FLOOR_SIZE : (uint32_t)prng_below(&prng, 2000),
            .gid = kind == LEDGER_FLOOR ? 0 : 1 + prng_below(&prng, GIDS - 1),
            .position = 64 + 8 * (uint64_t)i,
        };
        ledger_places_apply(&p, &place);
        plain_apply(&m, &place);
        if (i % 500 == 0)
            check_same(&p, &m);
    }
    check_same(&p, &m);
    ledger_places_done(&p);
}

static void losses_add_up_until_they_are_settled(void **state)
{
    struct ledger_places p = {0};
    ledger_places_lose(&p, 2, 4096);
    ledger_places_lose(&p, 3, 8192);
    assert_int_equal(p.lost, 5);
    assert_int_equal(p.lost_end, 8192);
    ledger_places_lose(&p, UINT32_MAX, 12288);
    assert_int_equal(p.lost, UINT32_MAX);
    ledger_places_settle(&p, 7, 4096 + 64);
    assert_int_equal(p.lost, 7);
    assert_int_equal(p.lost_end, 4096 + 64);
    ledger_places_settle(&p, 0, 8192 + 64);
    assert_int_equal(p.lost, 0);
    assert_int_equal(p.lost_end, 0);
    ledger_places_check(&p);
    ledger_places_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_those_of_a_plain_model),
        cmocka_unit_test(losses_add_up_until_they_are_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
