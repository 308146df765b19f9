/* SPDX-License-Identifier: Apache-2.0 */
/* Which segments are written anew: tables, and a stream that is overwritten for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "runtime/base/prng.h"
#include "store/compact_choose.h"

static const struct compact_limits limits = {.dead_min = 10,
                                             .result_max = 1000,
                                             .small = 20,
                                             .count_max = 4};

struct choice_case {
    const char *what;
    struct compact_segment segments[6];
    uint32_t count;
    uint32_t first;
    uint32_t chosen;
};

/* size, records, live, age */
static const struct choice_case cases[] = {
    {"nothing", {{0}}, 0, 0, 0},
    {"all alive", {{100, 10, 10, 5}}, 1, 0, 0},
    {"a little dead", {{100, 10, 6, 5}}, 1, 0, 0},
    {"half dead", {{100, 10, 5, 5}}, 1, 0, 1},
    {"half dead, but small", {{16, 10, 5, 5}}, 1, 0, 0},
    {"all dead, however small", {{4, 10, 0, 5}}, 1, 0, 1},
    {"more alive than there were", {{100, 10, 12, 5}}, 1, 0, 0},
    {"the older of equals", {{100, 10, 5, 9}, {900, 10, 10, 8}, {100, 10, 5, 1}}, 3, 0, 1},
    {"much that is dead before age", {{100, 10, 5, 2}, {900, 10, 10, 2}, {900, 10, 1, 1}}, 3, 2, 1},
    {"candidates beside one another", {{100, 10, 5, 9}, {100, 10, 2, 8}, {100, 10, 9, 7}}, 3, 0, 2},
    {"a small neighbour", {{10, 10, 10, 9}, {100, 10, 2, 8}, {15, 10, 10, 7}}, 3, 0, 3},
    {"no more than the result may be", {{1900, 10, 5, 9}, {400, 10, 2, 1}}, 2, 0, 1},
    {"no more files than are allowed",
     {{100, 10, 0, 9}, {100, 10, 0, 9}, {100, 10, 0, 9}, {100, 10, 0, 9}, {100, 10, 0, 9}},
     5,
     0,
     4},
};

static void the_choice_is_that_of_the_table(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct choice_case *c = &cases[i];
        struct compact_choice choice = compact_choose(c->segments, c->count, &limits);
        if (choice.count != c->chosen || (choice.count > 0 && choice.first != c->first))
            fail_msg("%s: %u from %u", c->what, choice.count, choice.first);
    }
}

#define FILES_MAX 4096u

struct files {
    struct compact_segment at[FILES_MAX];
    uint32_t count;
    uint64_t written;
};

static void rewrite(struct files *f, struct compact_choice c)
{
    struct compact_segment result = {0};
    for (uint32_t i = c.first; i < c.first + c.count; i++) {
        result.size += compact_live_bytes(&f->at[i]);
        result.live += f->at[i].live;
        result.age = f->at[i].age;
    }
    result.records = result.live;
    f->written += result.size;
    uint32_t kept = result.live > 0;
    memmove(&f->at[c.first + kept], &f->at[c.first + c.count],
            (f->count - c.first - c.count) * sizeof f->at[0]);
    if (kept)
        f->at[c.first] = result;
    f->count -= c.count - kept;
}

/* Any live record dies, with its like in number. */
static void kill_some(struct files *f, struct prng *prng, uint64_t count)
{
    while (count > 0) {
        struct compact_segment *s = &f->at[prng_below(prng, f->count)];
        if (s->live == 0)
            continue;
        uint64_t dying = count < s->live / 8 + 1 ? count : s->live / 8 + 1;
        s->live -= dying;
        count -= dying;
    }
}

static void dead_bytes_stay_under_live_ones_at_a_bounded_cost(void **state)
{
    static struct files f;
    const struct compact_limits large = {
        .dead_min = 1, .result_max = 64000, .small = 16000, .count_max = 16};
    struct prng prng;
    prng_init(&prng, 1);
    uint64_t appended = 0;
    uint64_t live = 0;
    for (unsigned round = 0; round < 20000; round++) {
        assert_true(f.count < FILES_MAX);
        for (uint32_t i = 0; i < f.count; i++)
            f.at[i].age++;
        f.at[f.count++] = (struct compact_segment){.size = 64000, .records = 640, .live = 640};
        appended += 64000;
        live += 640;
        if (live > 64000) {
            kill_some(&f, &prng, live - 64000);
            live = 64000;
        }
        struct compact_choice c;
        while ((c = compact_choose(f.at, f.count, &large)).count > 0)
            rewrite(&f, c);
        uint64_t size = 0;
        uint64_t count = 0;
        for (uint32_t i = 0; i < f.count; i++) {
            size += f.at[i].size;
            count += f.at[i].live;
        }
        assert_int_equal(count, live);
        assert_true(size <= 2 * live * 100 + 64000);
    }
    assert_true(f.written < 3 * appended);
    assert_true(f.count < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choice_is_that_of_the_table),
        cmocka_unit_test(dead_bytes_stay_under_live_ones_at_a_bounded_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
