/* SPDX-License-Identifier: Apache-2.0 */
/* test_buf.c -- counted buffers: capacities, references, and where their memory goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/buf.h"
#include "tests/unit/runtime/stub_world.h"

static struct stub_world stub;

static int open_system(void **state)
{
    stub_init(&stub, 1);
    *state = stub_system(&stub, 2);
    return *state == NULL;
}

/* system_free checks that every block has come home. */
static int close_system(void **state)
{
    struct system *system = *state;
    stub_settle(system);
    system_free(&system);
    return 0;
}

static void a_buffer_holds_what_was_asked_for_and_fills_its_block(void **state)
{
    static const size_t capacities[] = {0,    1,    15,   16,    17,    100,   1000,  8175,   8176,
                                        8177, 8192, 8193, 65519, 65535, 65536, 65537, 1 << 20};
    for (unsigned i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct buf *buf = buf_new(capacities[i]);
        assert_true(buf->capacity >= capacities[i]);
        assert_int_equal(buf->size, 0);
        assert_int_equal(buf->refs, 1);
        memset(buf->at, 7, buf->capacity);
        buf_unref(&buf);
        assert_null(buf);
        buf_unref(&buf); /* of nothing */
    }
}

static void the_last_reference_frees_and_no_earlier_one(void **state)
{
    struct system *system = *state;
    uint64_t before = system->workers[0]->heap.used_blocks;
    struct buf *buf = buf_new(100);
    struct buf *second = buf_ref(buf);
    (void)buf_ref_n(buf, 5);
    assert_int_equal(buf->refs, 7);
    buf_unref_n(buf, 5);
    buf_unref(&second);
    assert_int_equal(buf->refs, 1);
    if (!MYELIN_SANITIZED)
        assert_int_equal(system->workers[0]->heap.used_blocks, before + 1);
    buf_unref(&buf);
    assert_int_equal(system->workers[0]->heap.used_blocks, before);
}

static void all_references_can_be_given_up_at_once(void **state)
{
    struct buf *buf = buf_ref_n(buf_new(3000), 9);
    assert_int_equal(buf->refs, 10);
    buf_unref_n(buf, 10);
}

static void a_buffer_unreferenced_on_another_worker_goes_home(void **state)
{
    struct system *system = *state;
    struct buf *buf = buf_new(500);
    current_worker = system->workers[1];
    buf_unref(&buf);
    if (!MYELIN_SANITIZED)
        assert_int_equal(system->workers[0]->heap.used_blocks, 1);
    (void)stub_round(system->workers[1]);
    (void)stub_round(system->workers[0]);
    assert_int_equal(system->workers[0]->heap.used_blocks, 0);
}

static void buffers_of_the_common_size_are_kept_and_used_again(void **state)
{
    if (MYELIN_SANITIZED)
        skip(); /* there each goes to malloc, so that misuse is seen */
    struct system *system = *state;
    struct buf *bufs[BUF_SPARE_MAX + 3];
    for (unsigned i = 0; i < BUF_SPARE_MAX + 3; i++) {
        bufs[i] = buf_new(SLAB_BLOCK_MAX + 1 + i);
        assert_int_equal(bufs[i]->capacity, BUF_COMMON_SIZE);
    }
    current_worker = system->workers[1]; /* who frees it keeps it */
    const struct buf *kept = bufs[BUF_SPARE_MAX - 1];
    for (unsigned i = 0; i < BUF_SPARE_MAX + 3; i++)
        buf_unref(&bufs[i]);
    assert_int_equal(current_worker->spare_buf_count, BUF_SPARE_MAX);
    struct buf *again = buf_new(BUF_COMMON_SIZE);
    assert_ptr_equal(again, kept);
    assert_int_equal(again->capacity, BUF_COMMON_SIZE);
    assert_int_equal(again->refs, 1);
    struct buf *small = buf_new(100);
    struct buf *larger = buf_new(BUF_COMMON_SIZE + 1);
    assert_int_equal(current_worker->spare_buf_count, BUF_SPARE_MAX - 1);
    buf_unref(&again);
    buf_unref(&small);
    buf_unref(&larger);
    assert_int_equal(current_worker->spare_buf_count, BUF_SPARE_MAX);
}

static void a_read_buffer_that_was_kept_is_replaced_and_else_used_again(void **state)
{
    struct system *system = *state;
    struct worker *w = system->workers[0];
    struct net_space first;
    struct net_space second;
    worker_read_space(w, &first);
    worker_read_space(w, &second);
    assert_ptr_equal(first.at, second.at);
    assert_int_equal(first.size, READ_BUFFER_SIZE);
    struct buf *kept = buf_ref(worker_read_buf());
    memset(first.at, 3, first.size);
    worker_read_space(w, &second);
    assert_ptr_not_equal(first.at, second.at);
    memset(second.at, 4, second.size);
    for (unsigned i = 0; i < READ_BUFFER_SIZE; i++)
        assert_int_equal(kept->at[i], 3);
    buf_unref(&kept);
}

int main(void)
{
#define WITH_SYSTEM(test) cmocka_unit_test_setup_teardown(test, open_system, close_system)
    const struct CMUnitTest tests[] = {
        WITH_SYSTEM(a_buffer_holds_what_was_asked_for_and_fills_its_block),
        WITH_SYSTEM(the_last_reference_frees_and_no_earlier_one),
        WITH_SYSTEM(all_references_can_be_given_up_at_once),
        WITH_SYSTEM(a_buffer_unreferenced_on_another_worker_goes_home),
        WITH_SYSTEM(buffers_of_the_common_size_are_kept_and_used_again),
        WITH_SYSTEM(a_read_buffer_that_was_kept_is_replaced_and_else_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
