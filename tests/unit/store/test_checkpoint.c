/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/format/group_record.h"

static const struct checkpoint sample = {
    .applied = 12,
    .term = 3,
    .log_time_ns = -77,
    .msgs = 5,
    .bytes = 500,
    .first_seq = 2,
    .last_seq = 9,
    .first_time_ns = -1,
    .last_time_ns = INT64_MAX,
    .drained = 7,
    .next_file = 4,
    .messages_hash = 0x123,
    .state_hash = 0xabcdef,
    .sections = {BYTES("group"), BYTES(""), BYTES("dead"), BYTES("segments"), BYTES(""), BYTES("s"),
                 BYTES("lost"), BYTES("trash"), BYTES("spilled")},
};

static void a_checkpoint_comes_back(void **state)
{
    struct buffer b = {0};
    checkpoint_write(&b, &sample);
    struct checkpoint c;
    assert_int_equal(checkpoint_read(buffer_view(&b), &c), 0);
    assert_int_equal(c.applied, sample.applied);
    assert_int_equal(c.term, sample.term);
    assert_int_equal(c.log_time_ns, sample.log_time_ns);
    assert_int_equal(c.first_time_ns, sample.first_time_ns);
    assert_int_equal(c.last_time_ns, sample.last_time_ns);
    assert_int_equal(c.next_file, sample.next_file);
    assert_int_equal(c.state_hash, sample.state_hash);
    assert_int_equal(c.messages_hash, sample.messages_hash);
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++)
        assert_true(bytes_equal(c.sections[i], sample.sections[i]));
    buffer_done(&b);
}

static void a_checkpoint_that_was_cut_is_refused(void **state)
{
    struct buffer b = {0};
    checkpoint_write(&b, &sample);
    for (size_t size = 0; size < b.size; size++) {
        struct checkpoint c = {.applied = 77};
        assert_int_equal(checkpoint_read((struct bytes){b.at, size}, &c), -EBADMSG);
        assert_int_equal(c.applied, 77);
    }
    b.at[0]++;
    struct checkpoint c;
    assert_int_equal(checkpoint_read(buffer_view(&b), &c), -ENOTSUP);
    buffer_done(&b);
}

static void counts_that_can_not_be_are_refused(void **state)
{
    static const struct {
        size_t offset;
        uint8_t value;
    } changes[] = {{21, 10} /* messages */, {37, 11} /* first */, {69, 10} /* drained */};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct buffer b = {0};
        checkpoint_write(&b, &sample);
        b.at[changes[i].offset] = (char)changes[i].value;
        struct checkpoint c;
        assert_int_equal(checkpoint_read(buffer_view(&b), &c), -EBADMSG);
        buffer_done(&b);
    }
}

static void a_group_record_comes_back_and_none_that_was_cut(void **state)
{
    const struct group_record r = {.form = 1,
                                   .sync = 1,
                                   .incarnation = 99,
                                   .account = BYTES("$G"),
                                   .name = BYTES("ORDERS"),
                                   .seed = BYTES("")};
    struct buffer b = {0};
    group_record_write(&b, &r);
    for (size_t size = 0; size <= b.size; size++) {
        struct group_record back = {0};
        int status = group_record_read((struct bytes){b.at, size}, &back);
        assert_int_equal(status, size == b.size ? 0 : -EBADMSG);
        if (status != 0)
            continue;
        assert_true(bytes_are(back.account, "$G") && bytes_are(back.name, "ORDERS"));
        assert_int_equal(back.incarnation, 99);
        assert_int_equal(back.form, 1);
    }
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_comes_back),
        cmocka_unit_test(a_checkpoint_that_was_cut_is_refused),
        cmocka_unit_test(counts_that_can_not_be_are_refused),
        cmocka_unit_test(a_group_record_comes_back_and_none_that_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
