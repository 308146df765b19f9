/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer's state in the form of nats-server's backups; the bytes of the first tests were made
 * by nats-server 2.14. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "store/backup/consumer_state.h"

/* Floor 10 of 1000, delivered 15 of 2000; waiting 1001, 1500 and 2000; redelivered 900, 1200 and
 * 1500. */
static const uint8_t theirs[] = {
    0x16, 0x02, 0x0a, 0xe8, 0x07, 0x0f, 0xd0, 0x0f, 0x03, 0xaa, 0xa9, 0xb9, 0xb0,
    0x0d, 0x01, 0x01, 0xaa, 0xe5, 0x99, 0x5b, 0xf4, 0x03, 0x03, 0xe2, 0xe3, 0x99,
    0x5b, 0xe8, 0x07, 0x05, 0xe2, 0xe3, 0x99, 0x5b, 0x03, 0xf4, 0x03, 0x04, 0xc8,
    0x01, 0x05, 0x9c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x03,
};

static const struct delivery expected[] = {
    {.seq = 900, .dseq = 10, .count = 3, .exhausted = true},
    {.seq = 1001, .dseq = 11, .time_ms = 1700000000000, .count = 1},
    {.seq = 1200, .dseq = 12, .count = 5, .exhausted = true},
    {.seq = 1500, .dseq = 13, .time_ms = 1700000100000, .count = 5},
    {.seq = 2000, .dseq = 15, .time_ms = 1700000100000, .count = 1},
};

static struct consumer *consumer_of(struct consumer_state *s)
{
    struct buffer b = {0};
    struct consumer_put put = {.id = 1, .ack = CONSUMER_ACK_EXPLICIT, .name = BYTES("c")};
    consumer_put_write(&b, &put, NULL, NULL);
    assert_int_equal(consumer_put_read(buffer_view(&b), &put), 0);
    struct consumer *c = consumer_new(&put, buffer_view(&b), 1);
    consumer_take_state(c, s);
    buffer_done(&b);
    return c;
}

static void expect_entries(struct pending *p, const struct delivery *all, size_t count)
{
    struct delivery d;
    uint64_t at = 1;
    for (size_t i = 0; i < count; i++) {
        assert_true(pending_next(p, at, &d));
        assert_int_equal(d.seq, all[i].seq);
        assert_int_equal(d.dseq, all[i].dseq);
        assert_int_equal(d.time_ms, all[i].time_ms);
        assert_int_equal(d.count, all[i].count);
        assert_int_equal(d.exhausted, all[i].exhausted);
        at = d.seq + 1;
    }
    assert_false(pending_next(p, at, &d));
}

static void test_what_nats_server_wrote_is_read(void **state)
{
    struct consumer_state s;
    struct bytes bytes = {(const char *)theirs, sizeof theirs};
    assert_int_equal(backup_consumer_read(bytes, &s), 0);
    assert_int_equal(s.floor.dseq, 10);
    assert_int_equal(s.floor.seq, 1000);
    assert_int_equal(s.delivered.dseq, 15);
    assert_int_equal(s.delivered.seq, 2000);
    expect_entries(&s.pending, expected, 5);
    assert_true(consumer_state_fits(&s, CONSUMER_ACK_EXPLICIT, 2000));
    assert_false(consumer_state_fits(&s, CONSUMER_ACK_EXPLICIT, 1999));
    consumer_state_done(&s);
}

static void test_a_consumer_without_entries_is_the_same_bytes(void **state)
{
    static const uint8_t idle[] = {0x16, 0x02, 0x03, 0x07, 0x03, 0x07, 0x00, 0x00};
    struct consumer_state s;
    struct buffer b = {0};
    assert_int_equal(backup_consumer_read((struct bytes){(const char *)idle, sizeof idle}, &s), 0);
    struct consumer *c = consumer_of(&s);
    backup_consumer_write(&b, c, 1792000000);
    assert_true(bytes_equal(buffer_view(&b), (struct bytes){(const char *)idle, sizeof idle}));
    consumer_free(&c);
    buffer_done(&b);
}

static void test_version_1_counts_from_the_floor_and_has_no_consumer_sequences(void **state)
{
    /* floor 3 of 5, delivered 5 of 9 (3 and 5 from there); 7 and 9 wait, 10 s and 12 s after 100 */
    static const uint8_t old[] = {0x16, 0x01, 0x03, 0x05, 0x03, 0x05, 0x02,
                                  0xc8, 0x01, 0x02, 0x14, 0x04, 0x18, 0x00};
    static const struct delivery waiting[] = {
        {.seq = 7, .dseq = 4, .time_ms = 110000, .count = 1},
        {.seq = 9, .dseq = 5, .time_ms = 112000, .count = 1},
    };
    struct consumer_state s;
    assert_int_equal(backup_consumer_read((struct bytes){(const char *)old, sizeof old}, &s), 0);
    assert_int_equal(s.delivered.dseq, 5);
    assert_int_equal(s.delivered.seq, 9);
    expect_entries(&s.pending, waiting, 2);
    consumer_state_done(&s);
}

static struct consumer *random_consumer(struct prng *prng)
{
    struct consumer_state none = {.delivered = {0, 0}};
    struct consumer *c = consumer_of(&none);
    c->max_deliver = 3;
    uint64_t seq = prng_below(prng, 1000);
    uint64_t dseq = 0;
    for (uint64_t n = 1 + prng_below(prng, 300); n > 0; n--) {
        seq += 1 + prng_below(prng, 5);
        consumer_deliver(c, seq, ++dseq, (int64_t)prng_below(prng, 1000) * 1000, true);
        uint64_t other = seq - prng_below(prng, 20);
        if (prng_one_in(prng, 3))
            consumer_redeliver(c, other, ++dseq, 2 + (uint32_t)prng_below(prng, 3), 5000);
        if (prng_one_in(prng, 3))
            consumer_exhaust(c, other);
        if (prng_one_in(prng, 2))
            consumer_ack(c, other, 6000, NULL);
    }
    return c;
}

/* Consumer sequences of exhausted entries are not in the form, nor times other than of those that
 * wait. */
static void expect_same(struct consumer *a, struct consumer_state *b)
{
    struct delivery x;
    struct delivery y;
    assert_int_equal(a->floor.seq, b->floor.seq);
    assert_int_equal(a->delivered.dseq, b->delivered.dseq);
    assert_int_equal(a->pending.waiting, b->pending.waiting);
    for (uint64_t at = 1; pending_next(&a->pending, at, &x); at = x.seq + 1) {
        if (x.exhausted && x.seq == a->floor.seq)
            continue; /* one that lies on the floor cannot be told */
        assert_true(pending_get(&b->pending, x.seq, &y));
        assert_int_equal(x.count, y.count);
        assert_int_equal(x.exhausted, y.exhausted);
        if (!x.exhausted) {
            assert_int_equal(x.dseq, y.dseq);
            assert_int_equal(x.time_ms, y.time_ms);
        }
    }
}

static void test_what_is_written_is_read_again(void **state)
{
    struct prng prng;
    prng_init(&prng, 1);
    for (int i = 0; i < 200; i++) {
        struct consumer *c = random_consumer(&prng);
        struct consumer_state s;
        struct buffer b = {0};
        backup_consumer_write(&b, c, 1792000000);
        assert_int_equal(backup_consumer_read(buffer_view(&b), &s), 0);
        expect_same(c, &s);
        assert_true(consumer_state_fits(&s, CONSUMER_ACK_EXPLICIT, UINT64_MAX));
        consumer_state_done(&s);
        consumer_free(&c);
        buffer_done(&b);
    }
}

static void read_any(struct bytes bytes)
{
    struct consumer_state s;
    if (backup_consumer_read(bytes, &s) < 0)
        return;
    assert_true(consumer_state_fits(&s, CONSUMER_ACK_EXPLICIT, UINT64_MAX));
    pending_check(&s.pending);
    consumer_state_done(&s);
}

static void test_damaged_bytes_are_refused_or_make_a_sound_state(void **state)
{
    char copy[sizeof theirs];
    struct consumer_state s;
    for (size_t size = 0; size < sizeof theirs; size++) {
        char *cut = malloc(size + 1);
        memcpy(cut, theirs, size);
        assert_true(backup_consumer_read((struct bytes){cut, size}, &s) < 0);
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * sizeof theirs; bit++) {
        memcpy(copy, theirs, sizeof theirs);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        read_any((struct bytes){copy, sizeof copy});
    }
}

static void test_another_version_is_told_from_damage(void **state)
{
    struct consumer_state s;
    assert_int_equal(backup_consumer_read(BYTES("\x16\x03"), &s), -ENOTSUP);
    assert_int_equal(backup_consumer_read(BYTES("\x17\x02"), &s), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_nats_server_wrote_is_read),
        cmocka_unit_test(test_a_consumer_without_entries_is_the_same_bytes),
        cmocka_unit_test(test_version_1_counts_from_the_floor_and_has_no_consumer_sequences),
        cmocka_unit_test(test_what_is_written_is_read_again),
        cmocka_unit_test(test_damaged_bytes_are_refused_or_make_a_sound_state),
        cmocka_unit_test(test_another_version_is_told_from_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
