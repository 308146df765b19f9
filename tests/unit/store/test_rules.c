/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a stream as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "store/format/buffer.h"
#include "store/group/rules.h"

static void set_up(struct stream_rules *r)
{
    static const uint16_t sources[] = {0, 3, 700};
    stream_rules_init(r, BYTES("ORDERS"));
    r->retention = RETENTION_WORK_QUEUE;
    r->discard = DISCARD_NEW;
    r->flags = RULES_FLAGS;
    r->max_msgs = -1;
    r->max_bytes = INT64_MAX;
    r->max_msgs_per_subject = 5;
    r->max_age_ns = 6;
    r->duplicate_window_ns = 7;
    r->marker_ttl_ns = 8;
    r->max_msg_size = -1;
    r->first_seq = 9;
    stream_rules_set_sources(r, sources, 3);
}

static void what_is_written_is_read_back(void **state)
{
    struct stream_rules r;
    struct stream_rules back;
    struct buffer b = {0};
    struct buffer again = {0};
    set_up(&r);
    stream_rules_write(&b, &r);
    assert_int_equal(b.size, 72 + 6 + 3 * 2);
    assert_int_equal(stream_rules_read(buffer_view(&b), &back), 0);
    assert_true(bytes_are(rules_name(&back), "ORDERS"));
    assert_true(back.max_bytes == INT64_MAX && back.max_msg_size == -1 && back.first_seq == 9);
    assert_true(stream_rules_has_source(&back, 700));
    assert_false(stream_rules_has_source(&back, 1));
    stream_rules_write(&again, &back);
    assert_true(bytes_equal(buffer_view(&b), buffer_view(&again)));
    stream_rules_done(&back);
    stream_rules_done(&r);
    buffer_done(&b);
    buffer_done(&again);
}

static void what_is_cut_is_refused(void **state)
{
    struct stream_rules r;
    struct stream_rules back;
    struct buffer b = {0};
    set_up(&r);
    stream_rules_write(&b, &r);
    for (size_t size = 0; size < b.size; size++) {
        char *cut = malloc(size + 1);
        memcpy(cut, b.at, size);
        assert_int_equal(stream_rules_read((struct bytes){cut, size}, &back), -EBADMSG);
        free(cut);
    }
    buffer_u8(&b, 0);
    assert_int_equal(stream_rules_read(buffer_view(&b), &back), -EBADMSG);
    stream_rules_done(&r);
    buffer_done(&b);
}

/* A flipped bit is refused, or means something that is written as it was read. */
static void a_flipped_bit_is_refused_or_means_something_else(void **state)
{
    struct stream_rules r;
    struct buffer b = {0};
    set_up(&r);
    stream_rules_write(&b, &r);
    for (size_t bit = 0; bit < b.size * 8; bit++) {
        struct stream_rules back;
        struct buffer again = {0};
        b.at[bit / 8] ^= (char)(1 << bit % 8);
        if (stream_rules_read(buffer_view(&b), &back) == 0) {
            stream_rules_write(&again, &back);
            assert_true(bytes_equal(buffer_view(&b), buffer_view(&again)));
            stream_rules_done(&back);
        }
        buffer_done(&again);
        b.at[bit / 8] ^= (char)(1 << bit % 8);
    }
    stream_rules_done(&r);
    buffer_done(&b);
}

static void unknown_words_are_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } bad[] = {{0, 2}, {1, 3}, {2, 2}, {4, 0x80}, {70, 1}};
    struct stream_rules r;
    struct buffer b = {0};
    stream_rules_init(&r, BYTES("S"));
    stream_rules_write(&b, &r);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct stream_rules back;
        char was = b.at[bad[i].at];
        b.at[bad[i].at] = (char)bad[i].byte;
        assert_int_equal(stream_rules_read(buffer_view(&b), &back),
                         bad[i].at == 0 ? -ENOTSUP : -EBADMSG);
        b.at[bad[i].at] = was;
    }
    stream_rules_done(&r);
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_means_something_else),
        cmocka_unit_test(unknown_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
