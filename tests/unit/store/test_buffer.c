/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/format/buffer.h"

static const uint64_t numbers[] = {
    0, 1, 127, 128, 16383, 16384, UINT32_MAX, (uint64_t)1 << 62, UINT64_MAX - 1, UINT64_MAX,
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void varints_come_back(void **state)
{
    struct buffer b = {0};
    for (int i = 0; i < NUMBERS; i++) {
        buffer_varint(&b, numbers[i]);
        buffer_svarint(&b, (int64_t)numbers[i]);
    }
    struct cursor c = cursor_of(buffer_view(&b));
    for (int i = 0; i < NUMBERS; i++) {
        assert_int_equal(cursor_varint(&c), numbers[i]);
        assert_int_equal(cursor_svarint(&c), (int64_t)numbers[i]);
    }
    assert_true(cursor_is_at_end(&c));
    buffer_done(&b);
}

static void a_varint_that_is_too_long_is_bad(void **state)
{
    static const struct bytes bad[] = {
        BYTES("\x80"),
        BYTES("\x80\x00"),
        BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        BYTES(""),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cursor c = cursor_of(bad[i]);
        assert_int_equal(cursor_varint(&c), 0);
        assert_true(c.bad);
    }
}

static void every_prefix_of_an_encoding_is_bad(void **state)
{
    struct buffer b = {0};
    buffer_u8(&b, 7);
    buffer_u32(&b, 70000);
    buffer_u64(&b, UINT64_MAX);
    buffer_bytes(&b, BYTES("some bytes"));
    size_t begun = buffer_section_begin(&b);
    buffer_varint(&b, 300);
    buffer_section_end(&b, begun);
    for (size_t size = 0; size <= b.size; size++) {
        struct cursor c = cursor_of((struct bytes){b.at, size});
        uint8_t u8 = cursor_u8(&c);
        uint32_t u32 = cursor_u32(&c);
        uint64_t u64 = cursor_u64(&c);
        struct bytes bytes = cursor_bytes(&c);
        struct cursor section = cursor_of(cursor_section(&c));
        assert_int_equal(cursor_is_at_end(&c), size == b.size);
        if (size < b.size)
            continue;
        assert_int_equal(u8, 7);
        assert_int_equal(u32, 70000);
        assert_int_equal(u64, UINT64_MAX);
        assert_true(bytes_are(bytes, "some bytes"));
        assert_int_equal(cursor_varint(&section), 300);
        assert_true(cursor_is_at_end(&section));
    }
    buffer_done(&b);
}

static void a_bad_cursor_stays_bad(void **state)
{
    struct cursor c = cursor_of(BYTES("\x05"
                                      "abc"));
    assert_null(cursor_bytes(&c).at);
    assert_int_equal(cursor_u8(&c), 0);
    assert_false(cursor_is_at_end(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_come_back),
        cmocka_unit_test(a_varint_that_is_too_long_is_bad),
        cmocka_unit_test(every_prefix_of_an_encoding_is_bad),
        cmocka_unit_test(a_bad_cursor_stays_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
