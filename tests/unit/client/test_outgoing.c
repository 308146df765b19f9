/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/client/outgoing.h"
#include "runtime/base/prng.h"
#include "tests/unit/support/stub_net.h"

struct place {
    struct stub_net *net;
    struct conn *conn; /* nobody owns it: the test asks and answers itself */
    struct outgoing out;
    struct stub_bytes said;
    uint32_t counter;
};

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    p->net = stub_net_new(5, 1);
    struct accepted accepted;
    p->conn = stub_conn(p->net, &accepted);
    p->conn->room = p->conn->takes = SIZE_MAX;
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    outgoing_clear(&p->out);
    stub_bytes_clear(&p->said);
    stub_net_free(&p->net); /* fails when memory is left */
    free(p);
    return 0;
}

/* Bytes that say where they belong. */
static void fill(struct place *p, char *at, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        at[i] = (char)(p->counter++ * 2654435761u >> 24);
    stub_bytes_add(&p->said, at, size);
}

static void say_copy(struct place *p, uint32_t size)
{
    char *at = malloc(size);
    fill(p, at, size);
    outgoing_copy(&p->out, at, size);
    free(at);
}

static void say_slice(struct place *p, uint32_t capacity, uint32_t offset, uint32_t size)
{
    struct buf *buf = buf_new(capacity);
    buf->size = offset + size;
    fill(p, buf->at + offset, size);
    outgoing_slice(&p->out, (struct slice){buf, offset, size});
}

/* The kernel took all of the conn_write. */
static void finish_write(struct place *p)
{
    struct conn *conn = p->conn;
    for (unsigned i = 0; i < conn->part_count; i++)
        stub_bytes_add(&conn->out, conn->parts[i].iov_base, conn->parts[i].iov_len);
    conn->part_count = 0;
    outgoing_written(&p->out);
}

static uint64_t pinned(const struct outgoing *out, uint32_t from)
{
    uint64_t bytes = 0;
    for (uint32_t i = from; i < out->count; i++)
        bytes += out->ring[(out->head + i) & (out->capacity - 1)].buf->capacity;
    return bytes;
}

static void assert_all_came(struct place *p)
{
    assert_int_equal(p->out.bytes, 0);
    assert_null(p->out.ring);
    assert_int_equal(p->conn->out.size, p->said.size);
    assert_memory_equal(p->conn->out.at, p->said.at, p->said.size);
}

static void what_is_said_comes_out_in_order(void **state)
{
    struct place *p = *state;
    say_copy(p, 10);
    say_copy(p, 500);
    say_slice(p, 100, 20, 80);
    say_copy(p, 1);
    say_copy(p, 9000);
    say_slice(p, 100000, 1, 99999);
    assert_int_equal(p->out.bytes, p->said.size);
    assert_int_equal(outgoing_flush(&p->out, p->conn), 0);
    assert_all_came(p);
}

static void more_parts_than_a_write_takes_come_out(void **state)
{
    struct place *p = *state;
    for (unsigned i = 0; i < 5 * OUTGOING_PARTS_MAX + 3; i++)
        say_slice(p, 10, i % 10, 1 + (i + 7) % 3 % (10 - i % 10));
    assert_int_equal(outgoing_flush(&p->out, p->conn), 0);
    assert_all_came(p);
}

static void bytes_come_whole_when_the_kernel_takes_any_amounts(void **state)
{
    struct place *p = *state;
    struct prng prng;
    prng_init(&prng, 21);
    for (unsigned step = 0; step < 20000; step++) {
        switch (prng_below(&prng, 6)) {
        case 0: say_copy(p, 1 + (uint32_t)prng_below(&prng, 300)); break;
        case 1: {
            uint32_t size = 1 + (uint32_t)prng_below(&prng, 3000);
            say_slice(p, size + (uint32_t)prng_below(&prng, 9000), 0, size);
            break;
        }
        case 2:
            if (p->conn->part_count > 0)
                finish_write(p);
            break;
        default:
            p->conn->takes = prng_below(&prng, 2) == 0 ? SIZE_MAX : prng_below(&prng, 20000);
            assert_int_equal(outgoing_flush(&p->out, p->conn), 0);
        }
        assert_int_equal(p->out.writing, p->conn->part_count);
        assert_int_equal(p->out.bytes > 0, p->out.ring != NULL && p->out.count > 0);
    }
    p->conn->takes = SIZE_MAX;
    while (p->conn->part_count > 0) {
        finish_write(p);
        assert_int_equal(outgoing_flush(&p->out, p->conn), 0);
    }
    assert_int_equal(outgoing_flush(&p->out, p->conn), 0);
    assert_all_came(p);
}

/* Behind a kernel that takes nothing: RUNTIME's bound for slow targets. The last private buffer may
 * have room left. */
#define TAIL_MAX 8192u

static void what_waits_pins_no_more_than_twice_its_size(void **state)
{
    struct place *p = *state;
    struct prng prng;
    prng_init(&prng, 22);
    p->conn->takes = 100;
    for (unsigned round = 0; round < 30; round++) {
        for (unsigned i = 0; i < 100; i++)
            say_slice(p, 65000, (uint32_t)prng_below(&prng, 100),
                      1 + (uint32_t)prng_below(&prng, i % 10 == 0 ? 60000 : 300));
        say_copy(p, 20);
        assert_int_equal(outgoing_flush(&p->out, p->conn), 0);
        assert_true(p->out.writing > 0);
        assert_true(pinned(&p->out, 0) <= 2 * p->out.bytes + TAIL_MAX);
    }
    p->conn->takes = SIZE_MAX;
    while (p->conn->part_count > 0) {
        finish_write(p);
        assert_int_equal(outgoing_flush(&p->out, p->conn), 0);
    }
    assert_all_came(p);
}

static void errors_are_told_and_nothing_is_lost_from_memory(void **state)
{
    struct place *p = *state;
    p->conn->write_fails = -EPIPE;
    say_copy(p, 10);
    assert_int_equal(outgoing_flush(&p->out, p->conn), -EPIPE);
    assert_int_equal(p->out.writing, 0);
    outgoing_clear(&p->out);
    assert_int_equal(p->out.bytes, 0);
    assert_null(p->out.ring);
}

static void clearing_leaves_what_a_write_still_uses(void **state)
{
    struct place *p = *state;
    p->conn->takes = 3;
    say_copy(p, 10);
    assert_int_equal(outgoing_flush(&p->out, p->conn), 0);
    say_copy(p, 10); /* not into bytes that are the kernel's */
    outgoing_clear(&p->out);
    assert_int_equal(p->conn->part_count, 1);
    assert_memory_equal(p->conn->parts[0].iov_base, p->said.at + 3, 7);
    p->conn->part_count = 0;
    outgoing_written(&p->out);
    outgoing_clear(&p->out);
    assert_null(p->out.ring);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_said_comes_out_in_order),
        TEST(more_parts_than_a_write_takes_come_out),
        TEST(bytes_come_whole_when_the_kernel_takes_any_amounts),
        TEST(what_waits_pins_no_more_than_twice_its_size),
        TEST(errors_are_told_and_nothing_is_lost_from_memory),
        TEST(clearing_leaves_what_a_write_still_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
