/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of sequences against a plain array of flags, and their stored forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "runtime/base/prng.h"
#include "store/format/buffer.h"
#include "store/table/seqset.h"

enum { BLOCKS = 300, DOMAIN = BLOCKS * SEQBLOCK_SIZE, BORDER = SEQBLOCK_SIZE };

struct model {
    uint8_t in[DOMAIN];
    uint64_t floor;
};

static uint64_t model_count(const struct model *m, uint64_t from, uint64_t to)
{
    uint64_t count = 0;
    for (uint64_t seq = from; seq <= to && seq < DOMAIN; seq++)
        count += m->in[seq];
    return count;
}

static uint64_t model_next(const struct model *m, uint64_t seq, uint8_t in)
{
    const uint8_t *at = seq < DOMAIN ? memchr(m->in + seq, in, DOMAIN - seq) : NULL;
    if (at != NULL)
        return (uint64_t)(at - m->in);
    return in || seq >= DOMAIN ? seq : DOMAIN;
}

/* Sequences as operations meet them: anywhere, at borders of blocks, close to the one before. */
static uint64_t some_seq(struct prng *p, uint64_t last)
{
    uint64_t seq = prng_below(p, DOMAIN);
    if (prng_one_in(p, 4))
        seq = seq / BORDER * BORDER + prng_below(p, 3);
    if (prng_one_in(p, 4))
        seq = seq / BORDER * BORDER + BORDER - 1 - prng_below(p, 2);
    if (prng_one_in(p, 3))
        seq = last + prng_below(p, 5);
    return seq < DOMAIN ? seq : DOMAIN - 1;
}

static void add_range(struct seqset *s, struct model *m, uint64_t from, uint64_t to)
{
    if (to >= DOMAIN)
        to = DOMAIN - 1;
    uint64_t added = 0;
    for (uint64_t seq = from < m->floor ? m->floor : from; seq <= to; seq++) {
        added += !m->in[seq];
        m->in[seq] = 1;
    }
    assert_int_equal(seqset_add_range(s, from, to), added);
}

static void compact(struct seqset *s, struct model *m, uint64_t seq)
{
    seqset_compact(s, seq);
    if (seq <= m->floor)
        return;
    m->floor = seq;
    memset(m->in, 0, seq < DOMAIN ? seq : DOMAIN);
}

/* Makes a block dense, or nearly full, so that all forms and their borders are met. */
static void fill(struct seqset *s, struct model *m, struct prng *p, uint64_t seq)
{
    static const uint16_t left[] = {0, 1, 3, 4, 5, 63, 64, 65, 66, 2000, 4000};
    uint64_t first = seq / BORDER * BORDER;
    uint64_t holes = left[prng_below(p, sizeof left / sizeof *left)];
    uint64_t hole = first + prng_below(p, BORDER);
    for (uint64_t i = 0; i < BORDER; i++) {
        uint64_t at = first + i;
        bool spare = (at - hole + BORDER) % BORDER < holes;
        if (spare || at < m->floor)
            continue;
        assert_int_equal(seqset_add(s, at), !m->in[at]);
        m->in[at] = 1;
    }
}

static void change(struct seqset *s, struct model *m, struct prng *p, uint64_t *last)
{
    uint64_t seq = *last = some_seq(p, *last);
    uint64_t choice = prng_below(p, 1000);
    if (choice < 850) {
        assert_int_equal(seqset_add(s, seq), seq >= m->floor && !m->in[seq]);
        m->in[seq] |= seq >= m->floor;
    } else if (choice < 940) {
        add_range(s, m, seq, seq + prng_below(p, 300));
    } else if (choice < 965) {
        fill(s, m, p, seq);
    } else if (choice < 985) {
        add_range(s, m, seq, seq + prng_below(p, 6 * BORDER));
    } else if (choice < 995) {
        compact(s, m, m->floor + prng_below(p, 40));
    } else {
        compact(s, m, m->floor + prng_below(p, BORDER));
    }
}

static void ask(struct seqset *s, const struct model *m, struct prng *p, uint64_t last)
{
    uint64_t seq = some_seq(p, last);
    assert_int_equal(seqset_contains(s, seq), m->in[seq]);
    uint64_t to = seq + prng_below(p, 3 * BORDER);
    assert_int_equal(seqset_count(s, seq, to), model_count(m, seq, to));
    uint64_t next = model_next(m, seq, 1);
    uint64_t ret = 0;
    assert_int_equal(seqset_next(s, seq, &ret), m->in[next]);
    if (m->in[next])
        assert_int_equal(ret, next);
    assert_int_equal(seqset_next_out(s, seq), model_next(m, seq, 0));
    const uint8_t *at = memrchr(m->in, 0, seq + 1);
    assert_int_equal(seqset_prev_out(s, seq, &ret), at != NULL);
    if (at != NULL)
        assert_int_equal(ret, at - m->in);
}

static void assert_equal(struct seqset *s, const struct model *m)
{
    seqset_check(s);
    assert_int_equal(seqset_total(s), model_count(m, 0, DOMAIN - 1));
    uint64_t seq = 0;
    for (uint64_t at = 0; seqset_next(s, at, &seq);) {
        assert_int_equal(seq, model_next(m, at, 1));
        at = seqset_next_out(s, seq);
        assert_int_equal(at, model_next(m, seq, 0));
    }
}

/* --- what a checkpoint keeps, node by node --------------------------------------------------- */

struct kept {
    struct buffer values[BLOCKS + 1];
    uint64_t previous;
    uint64_t told;
};

static void on_changed(void *context, uint64_t block, struct bytes value)
{
    struct kept *k = context;
    assert_in_range(block, k->previous, BLOCKS);
    k->previous = block + 1;
    k->told++;
    k->values[block].size = 0;
    buffer_add(&k->values[block], value.at, value.size);
}

static void save(struct seqset *s, struct kept *k)
{
    k->previous = 0;
    k->told = 0;
    seqset_changed(s, on_changed, k);
    seqset_saved(s);
}

static void load(struct seqset *s, const struct kept *k, uint64_t floor)
{
    seqset_init(s);
    seqset_compact(s, floor);
    for (uint64_t i = 0; i <= BLOCKS; i++) {
        if (k->values[i].size > 0)
            assert_int_equal(seqset_load(s, i, buffer_view(&k->values[i])), 0);
    }
}

static void kept_done(struct kept *k)
{
    for (uint64_t i = 0; i <= BLOCKS; i++)
        buffer_done(&k->values[i]);
}

static void assert_same_encoding(const struct seqset *a, const struct seqset *b)
{
    struct buffer x = {0};
    struct buffer y = {0};
    seqset_encode(a, &x);
    seqset_encode(b, &y);
    assert_true(bytes_equal(buffer_view(&x), buffer_view(&y)));
    buffer_done(&x);
    buffer_done(&y);
}

static void it_answers_as_flags_do(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct prng p;
        prng_init(&p, seed);
        struct seqset s;
        seqset_init(&s);
        struct model *m = calloc(1, sizeof *m);
        assert_non_null(m);
        uint64_t last = 0;
        for (int i = 0; i < 8000; i++) {
            change(&s, m, &p, &last);
            if (i % 4 == 0)
                ask(&s, m, &p, last);
            if (i % 1000 == 0)
                assert_equal(&s, m);
        }
        assert_equal(&s, m);
        free(m);
        seqset_done(&s);
        assert_int_equal(seqset_memory(&s), 0);
    }
}

static void what_changed_is_all_that_a_checkpoint_needs(void **state)
{
    for (uint64_t seed = 10; seed <= 13; seed++) {
        struct prng p;
        prng_init(&p, seed);
        struct seqset s;
        seqset_init(&s);
        struct model *m = calloc(1, sizeof *m);
        struct kept *k = calloc(1, sizeof *k);
        assert_true(m != NULL && k != NULL);
        uint64_t last = 0;
        for (int i = 0; i < 4000; i++) {
            change(&s, m, &p, &last);
            if (!prng_one_in(&p, 60))
                continue;
            save(&s, k);
            struct seqset loaded;
            load(&loaded, k, s.floor);
            seqset_check(&loaded);
            assert_same_encoding(&s, &loaded);
            save(&loaded, k);
            assert_int_equal(k->told, 0);
            seqset_done(&loaded);
        }
        kept_done(k);
        free(k);
        free(m);
        seqset_done(&s);
    }
}

static void only_what_changed_is_told(void **state)
{
    struct seqset s;
    seqset_init(&s);
    struct kept *k = calloc(1, sizeof *k);
    assert_non_null(k);
    for (uint64_t i = 0; i < BLOCKS; i++)
        assert_true(seqset_add(&s, i * BORDER + i));
    save(&s, k);
    assert_int_equal(k->told, BLOCKS);
    save(&s, k);
    assert_int_equal(k->told, 0);
    assert_true(seqset_add(&s, 77 * BORDER));
    assert_false(seqset_add(&s, 78 * BORDER + 78));
    save(&s, k);
    assert_int_equal(k->told, 1);
    /* one extent in the place of three nodes: its own value, and two that are gone */
    assert_int_equal(seqset_add_range(&s, 10 * BORDER, 13 * BORDER - 1), 3 * BORDER - 3);
    save(&s, k);
    assert_int_equal(k->told, 3);
    assert_int_equal(k->values[11].size, 0);
    seqset_unsaved(&s);
    save(&s, k);
    assert_int_equal(k->told, BLOCKS - 2);
    kept_done(k);
    free(k);
    seqset_done(&s);
}

/* --- whole ----------------------------------------------------------------------------------- */

static void some_set(struct seqset *s, struct buffer *encoded)
{
    seqset_init(s);
    seqset_compact(s, 5);
    for (uint64_t i = 0; i < 70; i++)
        seqset_add(s, 3 * BORDER + 50 * i);
    seqset_add_range(s, 9000, 9003);
    seqset_add_range(s, 4 * BORDER, 4000 * BORDER + 4090);
    seqset_add(s, SEQSET_END - 1);
    seqset_check(s);
    seqset_encode(s, encoded);
}

static void an_encoding_gives_the_same_set(void **state)
{
    struct seqset a;
    struct seqset b;
    struct buffer encoded = {0};
    some_set(&a, &encoded);
    seqset_init(&b);
    assert_int_equal(seqset_decode(&b, buffer_view(&encoded)), 0);
    seqset_check(&b);
    assert_int_equal(b.floor, 5);
    assert_int_equal(seqset_total(&b), seqset_total(&a));
    assert_same_encoding(&a, &b);
    seqset_done(&a);
    seqset_done(&b);
    buffer_done(&encoded);
}

static void every_prefix_of_an_encoding_is_refused(void **state)
{
    struct seqset a;
    struct buffer encoded = {0};
    some_set(&a, &encoded);
    for (size_t size = 0; size < encoded.size; size++) {
        struct seqset b;
        seqset_init(&b);
        assert_int_equal(seqset_decode(&b, (struct bytes){encoded.at, size}), -EBADMSG);
        assert_int_equal(seqset_memory(&b), 0);
    }
    seqset_done(&a);
    buffer_done(&encoded);
}

static void a_flipped_bit_is_refused_or_is_another_set(void **state)
{
    struct seqset a;
    struct buffer encoded = {0};
    some_set(&a, &encoded);
    for (size_t bit = 0; bit < encoded.size * 8; bit++) {
        encoded.at[bit / 8] ^= (char)(1 << (bit % 8));
        struct seqset b;
        seqset_init(&b);
        if (seqset_decode(&b, buffer_view(&encoded)) == 0) {
            seqset_check(&b);
            struct buffer again = {0};
            seqset_encode(&b, &again);
            assert_true(bytes_equal(buffer_view(&again), buffer_view(&encoded)));
            buffer_done(&again);
        }
        seqset_done(&b);
        encoded.at[bit / 8] ^= (char)(1 << (bit % 8));
    }
    seqset_done(&a);
    buffer_done(&encoded);
}

static void values_that_no_set_makes_are_refused(void **state)
{
    static const struct bytes bad[] = {
        BYTES(""),             /* no form */
        BYTES("\x00\x01"),     /* no such form */
        BYTES("\x01"),         /* FEW of none */
        BYTES("\x02"),         /* MANY without a hole: that is ALL */
        BYTES("\x01\x80\x20"), /* position 4096 */
        BYTES("\x01\x80\x00"), /* longer than it has to be */
        BYTES("\x03\xff\xff"), /* BITS too short */
        BYTES("\x04\x00"),     /* an extent of none */
        BYTES("\x04\x01\x00"), /* something behind it */
        BYTES("\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* past the last block */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct seqset s;
        seqset_init(&s);
        assert_int_equal(seqset_load(&s, 7, bad[i]), -EBADMSG);
        assert_int_equal(s.nodes.count, 0);
    }
}

static void values_out_of_order_are_refused(void **state)
{
    struct seqset s;
    seqset_init(&s);
    assert_int_equal(seqset_load(&s, 7, BYTES("\x04\x03")), 0);
    assert_int_equal(seqset_load(&s, 7, BYTES("\x01\x05")), -EBADMSG);
    assert_int_equal(seqset_load(&s, 9, BYTES("\x01\x05")), -EBADMSG);
    assert_int_equal(seqset_load(&s, 10, BYTES("\x04\x01")), -EBADMSG); /* it would be one extent */
    assert_int_equal(seqset_load(&s, 10, BYTES("\x01\x05")), 0);
    assert_int_equal(seqset_load(&s, 3, BYTES("\x01\x05")), -EBADMSG);
    assert_int_equal(seqset_load(&s, SEQBLOCK_NUMBER_END, BYTES("\x01\x05")), -EBADMSG);
    seqset_check(&s);
    seqset_done(&s);
}

/* --- the floor ------------------------------------------------------------------------------- */

/* Extents and single ones, saved; then the floor rises to places around the borders of blocks. */
static void the_floor_cuts_at_any_border(void **state)
{
    for (uint64_t block = 0; block < 12; block++) {
        for (int offset = -1; offset <= 1; offset++) {
            if (block == 0 && offset < 0)
                continue;
            struct seqset s;
            struct model *m = calloc(1, sizeof *m);
            struct kept *k = calloc(1, sizeof *k);
            assert_true(m != NULL && k != NULL);
            seqset_init(&s);
            add_range(&s, m, 10, 20);
            add_range(&s, m, 2 * BORDER, 6 * BORDER - 1);
            add_range(&s, m, 7 * BORDER + 1, 7 * BORDER + 3000);
            add_range(&s, m, 9 * BORDER, 11 * BORDER - 1);
            save(&s, k);
            compact(&s, m, block * BORDER + (uint64_t)offset);
            assert_equal(&s, m);
            assert_false(seqset_contains(&s, s.floor == 0 ? DOMAIN : s.floor - 1));
            uint64_t seq = 0;
            if (s.floor > 0)
                assert_true(seqset_prev_out(&s, s.floor - 1, &seq) && seq == s.floor - 1);
            save(&s, k);
            struct seqset loaded;
            load(&loaded, k, s.floor);
            assert_same_encoding(&s, &loaded);
            seqset_done(&loaded);
            seqset_done(&s);
            kept_done(k);
            free(k);
            free(m);
        }
    }
}

static void ends_of_what_can_be_asked_are_no_members(void **state)
{
    struct seqset s;
    uint64_t seq;
    seqset_init(&s);
    seqset_add_range(&s, 0, 3 * BORDER);
    assert_false(seqset_contains(&s, SEQSET_END));
    assert_false(seqset_contains(&s, UINT64_MAX));
    assert_false(seqset_next(&s, UINT64_MAX, &seq));
    assert_false(seqset_next(&s, 3 * BORDER + 1, &seq));
    assert_false(seqset_prev_out(&s, 3 * BORDER, &seq));
    assert_int_equal(seqset_count(&s, 5, 4), 0);
    assert_int_equal(seqset_count(&s, 0, UINT64_MAX), 3 * BORDER + 1);
    assert_true(seqset_next(&s, BORDER + 5, &seq));
    assert_int_equal(seq, BORDER + 5);
    assert_int_equal(seqset_add_range(&s, BORDER, BORDER + 9), 0);
    assert_int_equal(seqset_add_range(&s, BORDER + 1, BORDER + 9), 0);
    seqset_done(&s);
}

/* --- sizes ----------------------------------------------------------------------------------- */

static void one_living_in_a_thousand_costs_a_node_a_block(void **state)
{
    struct seqset s;
    seqset_init(&s);
    for (uint64_t i = 0; i < 4000; i++)
        seqset_add_range(&s, i * 1000 + 1, i * 1000 + 999);
    seqset_check(&s);
    assert_in_range(seqset_memory(&s), 1, 4000 * 1000 / SEQBLOCK_SIZE * 64);
    seqset_done(&s);
}

static void a_long_extent_costs_nothing(void **state)
{
    struct seqset s;
    seqset_init(&s);
    for (uint64_t i = 1; i <= 2000; i++)
        assert_int_equal(seqset_add_range(&s, i * 10000, i * 10000 + 9999), 10000);
    uint64_t seq;
    assert_int_equal(seqset_next_out(&s, 10000), 20010000);
    assert_true(seqset_prev_out(&s, 20009999, &seq));
    assert_int_equal(seq, 9999);
    assert_int_equal(s.nodes.count, 1);
    assert_in_range(seqset_memory(&s), 1, 2048);
    seqset_compact(&s, 20000000);
    assert_int_equal(seqset_total(&s), 10000);
    seqset_compact(&s, SEQSET_END);
    assert_int_equal(seqset_total(&s), 0);
    seqset_check(&s);
    seqset_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_answers_as_flags_do),
        cmocka_unit_test(what_changed_is_all_that_a_checkpoint_needs),
        cmocka_unit_test(only_what_changed_is_told),
        cmocka_unit_test(an_encoding_gives_the_same_set),
        cmocka_unit_test(every_prefix_of_an_encoding_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_is_another_set),
        cmocka_unit_test(values_that_no_set_makes_are_refused),
        cmocka_unit_test(values_out_of_order_are_refused),
        cmocka_unit_test(the_floor_cuts_at_any_border),
        cmocka_unit_test(ends_of_what_can_be_asked_are_no_members),
        cmocka_unit_test(one_living_in_a_thousand_costs_a_node_a_block),
        cmocka_unit_test(a_long_extent_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
