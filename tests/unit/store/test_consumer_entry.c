/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of entries about consumers: written, read, damaged. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "store/format/consumer_entry.h"

static void write_put(struct buffer *b)
{
    const struct bytes filters[] = {BYTES("b.>"), BYTES("a"), BYTES("b.>"), BYTES("a.*")};
    const uint64_t backoff[] = {1000, 5000, 30000};
    struct consumer_put put = {.id = 70000, .ack = CONSUMER_ACK_EXPLICIT, .flags = CONSUMER_LASTS};
    put.max_deliver = 5;
    put.max_ack_pending = 1000;
    put.ack_wait_ms = 30000;
    put.created_ns = -1;
    put.start_seq = 12;
    put.last_until = 99;
    put.name = BYTES("worker");
    put.config = BYTES("{\"durable_name\":\"worker\"}");
    put.filter_count = 4;
    put.backoff_count = 3;
    consumer_put_write(b, &put, filters, backoff);
}

static void test_a_put_comes_back_with_its_filters_sorted_and_once(void **state)
{
    static const char *sorted[] = {"a", "a.*", "b.>"};
    struct buffer b = {0};
    struct consumer_put p;
    write_put(&b);
    assert_int_equal(consumer_put_read(buffer_view(&b), &p), 0);
    assert_int_equal(p.id, 70000);
    assert_int_equal(p.ack, CONSUMER_ACK_EXPLICIT);
    assert_int_equal(p.flags, CONSUMER_LASTS);
    assert_int_equal(p.max_deliver, 5);
    assert_int_equal(p.max_ack_pending, 1000);
    assert_int_equal(p.ack_wait_ms, 30000);
    assert_int_equal(p.created_ns, -1);
    assert_int_equal(p.start_seq, 12);
    assert_int_equal(p.last_until, 99);
    assert_true(bytes_are(p.name, "worker"));
    assert_true(bytes_are(p.config, "{\"durable_name\":\"worker\"}"));
    assert_int_equal(p.filter_count, 3);
    struct cursor c = cursor_of(p.filters);
    for (int i = 0; i < 3; i++)
        assert_true(bytes_are(cursor_bytes(&c), sorted[i]));
    assert_true(cursor_is_at_end(&c));
    c = cursor_of(p.backoff);
    assert_int_equal(p.backoff_count, 3);
    assert_int_equal(cursor_varint(&c), 1000);
    buffer_done(&b);
}

static void expect_put_refused(const struct consumer_put *put, const struct bytes *filters)
{
    struct buffer b = {0};
    struct consumer_put p;
    consumer_put_write(&b, put, filters, NULL);
    assert_int_equal(consumer_put_read(buffer_view(&b), &p), -EBADMSG);
    buffer_done(&b);
}

static void test_a_put_with_what_cannot_be_is_refused(void **state)
{
    const struct bytes bad = BYTES("a..b");
    struct consumer_put put = {.id = 1, .ack = CONSUMER_ACKS, .name = BYTES("x")};
    expect_put_refused(&put, NULL);
    put.ack = 0;
    put.flags = CONSUMER_FLAGS + 1;
    expect_put_refused(&put, NULL);
    put.flags = 0;
    put.filter_count = 1;
    expect_put_refused(&put, &bad);
    put.filter_count = 0;
    put.start_seq = CONSUMER_SEQ_MAX + 1;
    expect_put_refused(&put, NULL);
}

static void test_drop_set_and_handover_come_back(void **state)
{
    const struct consumer_set sets[] = {
        {.id = 1, .what = CONSUMER_SET_RESET, .seq = 77},
        {.id = 2, .what = CONSUMER_SET_PAUSE, .until_ns = -5},
        {.id = 3, .what = CONSUMER_SET_PIN, .until_ns = 9, .pin = BYTES("client")},
        {.id = 4, .what = CONSUMER_SET_OWNER, .owner = UINT64_MAX},
    };
    struct buffer b = {0};
    uint32_t id = 0;
    struct bytes at;
    for (size_t i = 0; i < 4; i++) {
        struct consumer_set s;
        b.size = 0;
        consumer_set_write(&b, &sets[i]);
        assert_int_equal(consumer_set_read(buffer_view(&b), &s), 0);
        assert_int_equal(s.id, sets[i].id);
        assert_int_equal(s.what, sets[i].what);
        assert_int_equal(s.seq, sets[i].seq);
        assert_int_equal(s.until_ns, sets[i].until_ns);
        assert_int_equal(s.owner, sets[i].owner);
        assert_true(bytes_equal(s.pin, sets[i].pin));
    }
    b.size = 0;
    consumer_drop_write(&b, 9);
    assert_int_equal(consumer_drop_read(buffer_view(&b), &id), 0);
    assert_int_equal(id, 9);
    b.size = 0;
    consumer_handover_write(&b, 10, BYTES("state"));
    assert_int_equal(consumer_handover_read(buffer_view(&b), &id, &at), 0);
    assert_int_equal(id, 10);
    assert_true(bytes_are(at, "state"));
    buffer_done(&b);
}

/* --- items ------------------------------------------------------------------------------------ */

static struct consumer_item random_item(struct prng *prng, const struct consumer_item *before,
                                        bool acks)
{
    struct consumer_item item = *before;
    item.length = 1;
    if (before->id == 0 || prng_one_in(prng, 20)) {
        item.id = before->id + 1;
        item.seq = 1 + prng_below(prng, 1000);
        item.dseq = acks ? 0 : 1 + prng_below(prng, 1000);
    } else {
        item.seq = prng_one_in(prng, 4) ? 1 + prng_below(prng, 2000) : before->seq + 1;
        item.dseq = acks ? 0 : before->dseq + 1;
    }
    if (acks && prng_one_in(prng, 3))
        item.op = (enum consumer_op)prng_below(prng, CONSUMER_OPS);
    item.delay_ms = acks && item.op == CONSUMER_OP_NAK ? prng_below(prng, 2) * 500 : 0;
    if (!acks && (item.count == 0 || prng_one_in(prng, 5)))
        item.count = 1 + (uint32_t)prng_below(prng, 3);
    return item;
}

static void round_trip(struct prng *prng, bool acks)
{
    enum { COUNT = 400 };
    static struct consumer_item all[COUNT];
    struct consumer_item before = {0};
    struct consumer_writer w;
    struct consumer_reader r;
    struct consumer_item item;
    struct buffer b = {0};
    consumer_writer_begin(&w, &b, acks);
    for (int i = 0; i < COUNT; i++) {
        before = all[i] = random_item(prng, &before, acks);
        consumer_writer_add(&w, &all[i]);
    }
    consumer_writer_end(&w);
    assert_int_equal(consumer_items_check(buffer_view(&b), acks), 0);
    assert_int_equal(consumer_reader_begin(&r, buffer_view(&b), acks), 0);
    int at = 0;
    while (consumer_reader_next(&r, &item) > 0) {
        for (uint32_t i = 0; i < item.length; i++, at++) {
            assert_int_equal(item.id, all[at].id);
            assert_int_equal(item.seq + i, all[at].seq);
            assert_int_equal(item.op, all[at].op);
            assert_int_equal(item.delay_ms, all[at].delay_ms);
            assert_int_equal(item.count, all[at].count);
            assert_int_equal(acks ? 0 : item.dseq + i, all[at].dseq);
        }
    }
    assert_int_equal(at, COUNT);
    buffer_done(&b);
}

static void test_items_come_back_as_they_were_gathered(void **state)
{
    struct prng prng;
    prng_init(&prng, 4);
    for (int i = 0; i < 100; i++) {
        round_trip(&prng, false);
        round_trip(&prng, true);
    }
}

static void test_a_run_of_deliveries_takes_the_bytes_of_one(void **state)
{
    struct consumer_writer w;
    struct buffer b = {0};
    consumer_writer_begin(&w, &b, false);
    for (uint64_t i = 0; i < 5000; i++) {
        struct consumer_item item = {.id = 3, .length = 1, .seq = 100 + i, .count = 1};
        item.dseq = 50 + i;
        consumer_writer_add(&w, &item);
    }
    consumer_writer_end(&w);
    assert_true(b.size <= 10);
    buffer_done(&b);
}

static void test_an_entry_without_items_is_one(void **state)
{
    struct consumer_writer w;
    struct buffer b = {0};
    consumer_writer_begin(&w, &b, true);
    consumer_writer_end(&w);
    assert_int_equal(consumer_items_check(buffer_view(&b), true), 0);
    assert_int_equal(consumer_items_check(BYTES("\x02"), true), -ENOTSUP);
    assert_int_equal(consumer_items_check(BYTES(""), true), -EBADMSG);
    buffer_done(&b);
}

static void test_runs_beyond_the_limit_are_refused(void **state)
{
    struct buffer b = {0};
    buffer_u8(&b, 1);
    buffer_varint(&b, 1);
    buffer_varint(&b, (uint64_t)CONSUMER_ITEMS_MAX << 4 | 1u << 3); /* one too many */
    buffer_svarint(&b, 5);
    assert_int_equal(consumer_items_check(buffer_view(&b), true), -EBADMSG);
    b.size = 2;
    buffer_varint(&b, (uint64_t)(CONSUMER_ITEMS_MAX - 1) << 4 | 1u << 3);
    buffer_svarint(&b, 5);
    assert_int_equal(consumer_items_check(buffer_view(&b), true), 0);
    buffer_done(&b);
}

/* --- damage ----------------------------------------------------------------------------------- */

typedef int read_fn(struct bytes body);

static int read_put(struct bytes body)
{
    struct consumer_put p;
    return consumer_put_read(body, &p);
}

static int read_set(struct bytes body)
{
    struct consumer_set s;
    return consumer_set_read(body, &s);
}

static int read_delivered(struct bytes body)
{
    return consumer_items_check(body, false);
}

static int read_acks(struct bytes body)
{
    return consumer_items_check(body, true);
}

/* Truncations are refused unless they end between items; bits may turn. */
static void damage(const struct buffer *b, read_fn *read, bool whole)
{
    assert_int_equal(read(buffer_view(b)), 0);
    for (size_t size = 0; size < b->size; size++) {
        char *cut = malloc(size + 1);
        memcpy(cut, b->at, size);
        int status = read((struct bytes){cut, size});
        assert_true(status == -EBADMSG || (status == 0 && !whole));
        free(cut);
    }
    char *copy = malloc(b->size);
    for (size_t bit = 0; bit < 8 * b->size; bit++) {
        memcpy(copy, b->at, b->size);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        int status = read((struct bytes){copy, b->size});
        assert_true(status == 0 || status == -EBADMSG || status == -ENOTSUP);
    }
    free(copy);
}

static void test_truncated_and_flipped_bodies_are_survived(void **state)
{
    struct prng prng;
    struct buffer b = {0};
    const struct consumer_set pin = {.id = 3, .what = CONSUMER_SET_PIN, .pin = BYTES("client")};
    prng_init(&prng, 8);
    write_put(&b);
    damage(&b, read_put, true);
    b.size = 0;
    consumer_set_write(&b, &pin);
    damage(&b, read_set, true);
    for (int acks = 0; acks < 2; acks++) {
        struct consumer_writer w;
        struct consumer_item before = {0};
        b.size = 0;
        consumer_writer_begin(&w, &b, acks);
        for (int i = 0; i < 100; i++) {
            before = random_item(&prng, &before, acks);
            consumer_writer_add(&w, &before);
        }
        consumer_writer_end(&w);
        damage(&b, acks ? read_acks : read_delivered, false);
    }
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_put_comes_back_with_its_filters_sorted_and_once),
        cmocka_unit_test(test_a_put_with_what_cannot_be_is_refused),
        cmocka_unit_test(test_drop_set_and_handover_come_back),
        cmocka_unit_test(test_items_come_back_as_they_were_gathered),
        cmocka_unit_test(test_a_run_of_deliveries_takes_the_bytes_of_one),
        cmocka_unit_test(test_an_entry_without_items_is_one),
        cmocka_unit_test(test_runs_beyond_the_limit_are_refused),
        cmocka_unit_test(test_truncated_and_flipped_bodies_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
