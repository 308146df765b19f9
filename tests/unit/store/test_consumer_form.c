/* SPDX-License-Identifier: Apache-2.0 */
/* States of consumers as bytes, what apply refuses, and what is different about soft consumers. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "store/group/consumer_form.h"
#include "store/group/consumers.h"

#define LAST_SEQ 100000u

struct fixture {
    struct consumers *set;
    struct buffer body;
    struct prng prng;
    uint64_t told; /* sequences told as settled, summed */
};

static void on_settled(void *context, struct consumer *c, uint64_t seq)
{
    struct fixture *f = context;
    f->told += seq;
}

static int apply(struct fixture *f, enum entry_kind kind, struct consumers_applied *ret)
{
    const struct consumers_world world = {
        .now_ns = 5000000000, .first_seq = 1, .settled = on_settled, .context = f};
    struct entry e = {.kind = kind, .body = buffer_view(&f->body)};
    int status = consumers_apply(f->set, &e, &world, ret);
    f->body.size = 0;
    return status;
}

static int put(struct fixture *f, uint32_t id, const char *name, uint8_t ack, uint8_t flags)
{
    struct consumers_applied applied;
    struct consumer_put p = {.id = id, .ack = ack, .flags = flags, .max_deliver = 2};
    const struct bytes filters[] = {BYTES("a.*"), BYTES("b")};
    p.start_seq = 1;
    p.last_until = flags & CONSUMER_LASTS ? 50 : 0;
    p.name = bytes_of(name);
    p.filter_count = id % 3;
    consumer_put_write(&f->body, &p, filters, NULL);
    return apply(f, ENTRY_CONSUMER_PUT, &applied);
}

static void acknowledge(struct fixture *f, uint32_t id, uint64_t seq)
{
    struct consumers_applied applied;
    struct consumer_writer w;
    const struct consumer_item item = {.id = id, .length = 1, .seq = seq};
    consumer_writer_begin(&w, &f->body, true);
    consumer_writer_add(&w, &item);
    consumer_writer_end(&w);
    assert_int_equal(apply(f, ENTRY_ACKS, &applied), 0);
}

/* One delivery; count 1: the first of it. */
static void deliver(struct fixture *f, uint32_t id, uint64_t seq, uint32_t count)
{
    struct consumers_applied applied;
    struct consumer_writer w;
    struct consumer_item item = {.id = id, .length = 1, .seq = seq, .count = count};
    item.dseq = consumers_find(f->set, id)->delivered.dseq + 1;
    consumer_writer_begin(&w, &f->body, false);
    consumer_writer_add(&w, &item);
    consumer_writer_end(&w);
    assert_int_equal(apply(f, ENTRY_DELIVERED, &applied), 0);
}

static void set_up(struct fixture *f)
{
    *f = (struct fixture){.set = consumers_new(1)};
    prng_init(&f->prng, 7);
    consumers_skipped(f->set, LAST_SEQ);
}

static void tear_down(struct fixture *f)
{
    consumers_check(f->set);
    consumers_free(&f->set);
    buffer_done(&f->body);
}

/* Some consumers of all sorts, with entries. */
static void populate(struct fixture *f)
{
    struct consumers_applied applied;
    const struct consumer_set pin = {.id = 2, .what = CONSUMER_SET_PIN, .pin = BYTES("x")};
    for (uint32_t id = 1; id <= 6; id++) {
        char name[8];
        snprintf(name, sizeof name, "c%u", id);
        assert_int_equal(put(f, id, name, (uint8_t)(id % 3), id == 4 ? CONSUMER_LASTS : 0), 0);
        for (uint64_t seq = 1; seq < 40; seq += 1 + prng_below(&f->prng, 4))
            deliver(f, id, seq, 1);
        for (int i = 0; i < 10; i++)
            acknowledge(f, id, 1 + prng_below(&f->prng, 20));
        deliver(f, id, 30, 2);
    }
    consumer_set_write(&f->body, &pin);
    assert_int_equal(apply(f, ENTRY_CONSUMER_SET, &applied), 0);
}

static void test_all_consumers_come_back_from_their_bytes(void **state)
{
    struct fixture f;
    struct buffer b = {0};
    struct buffer again = {0};
    struct consumers *read;
    set_up(&f);
    populate(&f);
    consumers_write(&b, f.set);
    assert_int_equal(consumers_read(buffer_view(&b), 99, LAST_SEQ, &read), 0);
    consumers_check(read);
    assert_int_equal(read->hash, f.set->hash);
    consumers_write(&again, read);
    assert_true(bytes_equal(buffer_view(&b), buffer_view(&again)));
    consumers_free(&read);
    buffer_done(&b);
    buffer_done(&again);
    tear_down(&f);
}

static void read_any(struct bytes bytes)
{
    struct consumers *read;
    struct buffer again = {0};
    if (consumers_read(bytes, 1, LAST_SEQ, &read) < 0)
        return;
    consumers_check(read);
    consumers_write(&again, read);
    assert_true(bytes_equal(bytes, buffer_view(&again)));
    consumers_free(&read);
    buffer_done(&again);
}

static void test_damaged_bytes_are_refused_or_are_another_sound_state(void **state)
{
    struct fixture f;
    struct buffer b = {0};
    struct consumers *read;
    set_up(&f);
    populate(&f);
    consumers_write(&b, f.set);
    char *copy = malloc(b.size);
    for (size_t size = 0; size < b.size; size++)
        assert_true(consumers_read((struct bytes){b.at, size}, 1, LAST_SEQ, &read) < 0);
    for (size_t bit = 0; bit < 8 * b.size; bit++) {
        memcpy(copy, b.at, b.size);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        read_any((struct bytes){copy, b.size});
    }
    free(copy);
    buffer_done(&b);
    tear_down(&f);
}

static void test_a_state_ahead_of_its_stream_is_refused(void **state)
{
    struct fixture f;
    struct buffer b = {0};
    struct consumers *read;
    set_up(&f);
    populate(&f);
    consumers_write(&b, f.set);
    assert_int_equal(consumers_read(buffer_view(&b), 1, 20, &read), -EBADMSG);
    buffer_done(&b);
    tear_down(&f);
}

static void test_pending_entries_take_few_bytes(void **state)
{
    struct prng prng;
    struct buffer b = {0};
    struct consumer_put p = {.id = 1, .ack = CONSUMER_ACK_EXPLICIT, .name = BYTES("c")};
    prng_init(&prng, 7);
    consumer_put_write(&b, &p, NULL, NULL);
    assert_int_equal(consumer_put_read(buffer_view(&b), &p), 0);
    struct consumer *c = consumer_new(&p, buffer_view(&b), 1);
    for (uint64_t seq = 1; seq <= 50000; seq++)
        consumer_deliver(c, seq, seq, (int64_t)seq / 50, true);
    b.size = 0;
    consumer_state_write(&b, c);
    assert_true(b.size < 50000 * 11 / 10);
    for (uint64_t seq = 1; seq <= 50000; seq++) {
        if (prng_one_in(&prng, 2))
            consumer_ack(c, seq, 1000, NULL);
    }
    b.size = 0;
    consumer_state_write(&b, c);
    assert_true(b.size < 2 * pending_count(&c->pending));
    consumer_free(&c);
    buffer_done(&b);
}

static void test_sequences_of_any_size_come_back(void **state)
{
    struct consumer_state s;
    struct buffer b = {0};
    struct fixture f;
    set_up(&f);
    consumers_skipped(f.set, CONSUMER_SEQ_MAX - 1);
    assert_int_equal(put(&f, 3, "c", CONSUMER_ACK_EXPLICIT, 0), 0);
    deliver(&f, 3, 1, 1);
    deliver(&f, 3, (uint64_t)1 << 60, 1);
    deliver(&f, 3, CONSUMER_SEQ_MAX - 1, 1);
    consumer_state_write(&b, consumers_find(f.set, 3));
    assert_int_equal(
        consumer_state_read(buffer_view(&b), CONSUMER_ACK_EXPLICIT, CONSUMER_SEQ_MAX, &s), 0);
    assert_int_equal(s.pending.waiting, 3);
    consumer_state_done(&s);
    buffer_done(&b);
    tear_down(&f);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void test_names_ids_and_policies_that_clash_are_refused(void **state)
{
    struct fixture f;
    struct consumers_applied applied;
    set_up(&f);
    assert_int_equal(put(&f, 1, "one", CONSUMER_ACK_ALL, 0), 0);
    uint64_t hash = f.set->hash;
    assert_int_equal(put(&f, 2, "one", CONSUMER_ACK_ALL, 0), -EEXIST);
    assert_int_equal(put(&f, 1, "two", CONSUMER_ACK_ALL, 0), -EEXIST);
    assert_int_equal(put(&f, 1, "one", CONSUMER_ACK_NONE, 0), -EINVAL);
    assert_int_equal(f.set->hash, hash);
    assert_int_equal(put(&f, 1, "one", CONSUMER_ACK_ALL, 0), 0);
    assert_int_equal(f.set->count, 1);
    consumer_drop_write(&f.body, 7);
    assert_int_equal(apply(&f, ENTRY_CONSUMER_DROP, &applied), -ENOENT);
    consumer_handover_write(&f.body, 1, BYTES("?"));
    assert_true(apply(&f, ENTRY_HANDOVER, &applied) < 0);
    consumer_drop_write(&f.body, 1);
    assert_int_equal(apply(&f, ENTRY_CONSUMER_DROP, &applied), 0);
    assert_int_equal(f.set->hash, 0);
    tear_down(&f);
}

static void test_deliveries_beyond_the_end_of_the_stream_are_passed_over(void **state)
{
    struct fixture f;
    set_up(&f);
    assert_int_equal(put(&f, 3, "c", CONSUMER_ACK_EXPLICIT, 0), 0);
    deliver(&f, 3, LAST_SEQ + 1, 1);
    assert_int_equal(consumers_find(f.set, 3)->delivered.dseq, 0);
    deliver(&f, 3, LAST_SEQ, 1);
    assert_int_equal(consumers_find(f.set, 3)->delivered.seq, LAST_SEQ);
    tear_down(&f);
}

static void test_a_soft_consumer_settles_what_it_is_said_to_have_settled(void **state)
{
    struct fixture f;
    set_up(&f);
    assert_int_equal(put(&f, 3, "soft", CONSUMER_ACK_EXPLICIT, CONSUMER_SOFT), 0);
    uint64_t hash = f.set->hash;
    acknowledge(&f, 3, 17);
    assert_int_equal(f.told, 17);
    deliver(&f, 3, 20, 1); /* the leader alone */
    assert_int_equal(f.set->hash, hash);
    acknowledge(&f, 3, 20);
    assert_int_equal(f.told, 37);
    assert_int_equal(f.set->hash, hash);
    tear_down(&f);
}

static void test_a_position_moves_to_another_member_by_handover(void **state)
{
    struct fixture leader;
    struct fixture member;
    struct consumers_applied applied;
    struct buffer state_bytes = {0};
    set_up(&leader);
    set_up(&member);
    assert_int_equal(put(&leader, 3, "soft", CONSUMER_ACK_EXPLICIT, CONSUMER_SOFT), 0);
    assert_int_equal(put(&member, 3, "soft", CONSUMER_ACK_EXPLICIT, CONSUMER_SOFT), 0);
    for (uint64_t seq = 1; seq <= 9; seq += 2)
        deliver(&leader, 3, seq, 1);
    acknowledge(&leader, 3, 1);
    consumer_state_write(&state_bytes, consumers_find(leader.set, 3));
    consumer_handover_write(&member.body, 3, buffer_view(&state_bytes));
    assert_int_equal(apply(&member, ENTRY_HANDOVER, &applied), 0);
    assert_int_equal(applied.id, 3);
    assert_true(applied.uncounted);
    const struct consumer *c = consumers_find(member.set, 3);
    assert_int_equal(c->delivered.seq, 9);
    assert_int_equal(c->floor.seq, 2);
    assert_int_equal(c->pending.waiting, 4);
    buffer_done(&state_bytes);
    tear_down(&leader);
    tear_down(&member);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void test_an_idle_consumer_is_small(void **state)
{
    enum { COUNT = 2000 };
    struct fixture f;
    set_up(&f);
    size_t before = mallinfo2().uordblks;
    for (uint32_t id = 3; id < 3 + 3 * COUNT; id += 3) {
        char name[16];
        snprintf(name, sizeof name, "c%u", id);
        assert_int_equal(put(&f, id, name, CONSUMER_ACK_EXPLICIT, 0), 0);
    }
    struct consumers_applied applied;
    for (uint32_t id = 3; id < 3 + 3 * COUNT; id += 3) { /* to the end: nothing to count */
        const struct consumer_set s = {.id = id, .what = CONSUMER_SET_RESET, .seq = LAST_SEQ + 1};
        consumer_set_write(&f.body, &s);
        assert_int_equal(apply(&f, ENTRY_CONSUMER_SET, &applied), 0);
    }
    size_t used = mallinfo2().uordblks - before;
    if (used > 0) /* a sanitizer's malloc does not tell */
        assert_true(used / COUNT <= CONSUMER_BYTES_IDLE_MAX + 64);
    assert_true(sizeof(struct consumer) <= 208);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_consumers_come_back_from_their_bytes),
        cmocka_unit_test(test_damaged_bytes_are_refused_or_are_another_sound_state),
        cmocka_unit_test(test_a_state_ahead_of_its_stream_is_refused),
        cmocka_unit_test(test_pending_entries_take_few_bytes),
        cmocka_unit_test(test_sequences_of_any_size_come_back),
        cmocka_unit_test(test_names_ids_and_policies_that_clash_are_refused),
        cmocka_unit_test(test_deliveries_beyond_the_end_of_the_stream_are_passed_over),
        cmocka_unit_test(test_a_soft_consumer_settles_what_it_is_said_to_have_settled),
        cmocka_unit_test(test_a_position_moves_to_another_member_by_handover),
        cmocka_unit_test(test_an_idle_consumer_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
