/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/prng.h"
#include "tests/unit/support/catcher.h"

static int begin(void **state)
{
    *state = stub_net_new(6, 1);
    return 0;
}

static int end(void **state)
{
    struct stub_net *net = *state;
    stub_net_free(&net); /* fails when a batch left memory behind */
    return 0;
}

static void drop(struct batch *batch)
{
    struct msg *m = &batch->msg;
    msg_free(&m);
}

static void frames_of_one_subscription_are_one_part(void **state)
{
    struct batch *batch = batch_new(NOBODY);
    static const struct part same = {.slot = 3, .frames = 2, .bytes = 10, .payload = 4};
    struct part other[] = {same, same, same, same};
    batch_account(batch, &same);
    batch_account(batch, &same);
    assert_int_equal(batch->part_count, 1);
    assert_int_equal(batch->parts[0].frames, 4);
    assert_int_equal(batch->parts[0].bytes, 20);
    assert_int_equal(batch->parts[0].payload, 8);
    other[0].slot = 4;
    other[1].group = 5;
    other[2].group = other[3].group = 5;
    other[2].hops = 1;
    other[3].avoid = 77;
    for (unsigned i = 0; i < 4; i++)
        batch_account(batch, &other[i]);
    assert_int_equal(batch->part_count, 5);
    batch_account(batch, &same); /* not joined with one that is not the last */
    assert_int_equal(batch->part_count, 6);
    drop(batch);
}

static void a_part_does_not_overflow(void **state)
{
    struct batch *batch = batch_new(NOBODY);
    static const struct part half = {.slot = 1, .frames = 1, .bytes = (uint32_t)1 << 31};
    for (unsigned i = 0; i < 4; i++)
        batch_account(batch, &half);
    uint64_t bytes = 0;
    uint32_t frames = 0;
    for (uint32_t i = 0; i < batch->part_count; i++) {
        bytes += batch->parts[i].bytes;
        frames += batch->parts[i].frames;
    }
    assert_int_equal(bytes, (uint64_t)4 << 31);
    assert_int_equal(frames, 4);
    drop(batch);
}

static void reserved_places_are_contiguous_and_keep_their_order(void **state)
{
    struct stub_bytes said = {0};
    struct batch *batch = batch_new(NOBODY);
    struct prng prng;
    prng_init(&prng, 31);
    struct buf *shared = buf_new(5000);
    memset(shared->at, 'S', 5000);
    for (unsigned i = 0; i < 3000; i++) {
        uint32_t size = 1 + (uint32_t)prng_below(&prng, i % 100 == 0 ? 90000 : 200);
        if (prng_below(&prng, 10) == 0) {
            batch_append(batch, shared, i, 1 + size % 2000);
            stub_bytes_add(&said, shared->at + i, 1 + size % 2000);
            continue;
        }
        uint32_t used = size - (uint32_t)prng_below(&prng, size); /* less than was asked for */
        char *at = batch_reserve(batch, size);
        memset(at, 'a' + (int)(i % 26), used);
        stub_bytes_add(&said, at, used);
        batch_commit(batch, used);
    }
    assert_int_equal(batch->bytes, said.size);
    size_t done = 0;
    for (uint32_t i = 0; i < batch->slice_count; i++) {
        const struct slice *s = &batch->slices[i];
        assert_memory_equal(s->buf->at + s->offset, said.at + done, s->size);
        done += s->size;
    }
    assert_int_equal(done, said.size);
    drop(batch);
    assert_int_equal(atomic_load(&shared->refs), 1);
    buf_unref(&shared);
    stub_bytes_clear(&said);
}

static void a_line_ends_at_its_cr_lf(void **state)
{
    static const struct {
        const char *frame;
        int at; /* -1: nowhere */
    } rows[] = {{"MSG a 1 0\r\n\r\n", 9},
                {"MSG a\rb 1 0\r\n\r\n", 11},
                {"MSG \n\ra 1 0\r\n", 11},
                {"MSG a 1 0\r", -1},
                {"MSG a 1 0\n", -1},
                {"", -1},
                {"\r\n", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *end = batch_line_end((struct bytes){rows[i].frame, strlen(rows[i].frame)});
        assert_int_equal(end == NULL ? -1 : end - rows[i].frame, rows[i].at);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_of_one_subscription_are_one_part),
        TEST(a_part_does_not_overflow),
        TEST(reserved_places_are_contiguous_and_keep_their_order),
        TEST(a_line_ends_at_its_cr_lf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
