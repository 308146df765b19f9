/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "store/format/entry.h"
#include "store/format/message.h"

static const struct message messages[] = {
    {.subject = BYTES("a")},
    {.subject = BYTES("orders.new"), .payload = BYTES("hello")},
    {.subject = BYTES("o"), .headers = BYTES("NATS/1.0\r\nA: b\r\n\r\n"), .payload = BYTES("x")},
    {.flags = MESSAGE_OWN_TIME, .time_ns = -5, .subject = BYTES("t")},
    {.flags = MESSAGE_ORIGIN, .origin_seq = UINT64_MAX, .source = 7, .subject = BYTES("m.1")},
    {.flags = MESSAGE_OWN_TIME | MESSAGE_ORIGIN,
     .time_ns = INT64_MAX,
     .origin_seq = 9,
     .source = UINT16_MAX,
     .subject = BYTES("m.2"),
     .headers = BYTES("NATS/1.0\r\n\r\n"),
     .payload = BYTES("payload")},
    {.subject = BYTES("")},
};
enum { MESSAGES = sizeof messages / sizeof *messages };

static struct bytes write_message(const struct message *m)
{
    size_t size = message_body_size(m);
    char *at = malloc(size); /* exactly, so that a sanitizer sees one byte too many */
    message_body_write(m, at);
    return (struct bytes){at, size};
}

static void a_message_comes_back(void **state)
{
    for (int i = 0; i < MESSAGES; i++) {
        struct bytes body = write_message(&messages[i]);
        struct message m;
        assert_int_equal(message_body_read(body, &m), 0);
        assert_int_equal(m.flags, messages[i].flags);
        assert_int_equal(m.source, messages[i].source);
        assert_int_equal(m.origin_seq, messages[i].origin_seq);
        assert_int_equal(m.time_ns, messages[i].time_ns);
        assert_true(bytes_equal(m.subject, messages[i].subject));
        assert_true(bytes_equal(m.headers, messages[i].headers));
        assert_true(bytes_equal(m.payload, messages[i].payload));
        free((void *)(uintptr_t)body.at);
    }
}

static void a_body_cut_or_grown_is_no_message(void **state)
{
    for (int i = 0; i < MESSAGES; i++) {
        struct bytes body = write_message(&messages[i]);
        for (size_t size = 0; size <= body.size + 1; size++) {
            char *cut = calloc(1, size + 1);
            memcpy(cut, body.at, size < body.size ? size : body.size);
            struct message m = {.source = 99};
            int status = message_body_read((struct bytes){cut, size}, &m);
            assert_int_equal(status, size == body.size ? 0 : -EBADMSG);
            if (status != 0)
                assert_int_equal(m.source, 99);
            free(cut);
        }
        free((void *)(uintptr_t)body.at);
    }
}

static void an_unknown_flag_is_no_message(void **state)
{
    struct bytes body = write_message(&messages[1]);
    ((char *)(uintptr_t)body.at)[1] = 4;
    struct message m;
    assert_int_equal(message_body_read(body, &m), -EBADMSG);
    free((void *)(uintptr_t)body.at);
}

static void the_checksum_of_a_body_names_its_entry(void **state)
{
    struct bytes body = BYTES("body");
    uint64_t hash = entry_body_hash(1, 2, 3, body);
    assert_int_not_equal(hash, entry_body_hash(2, 2, 3, body));
    assert_int_not_equal(hash, entry_body_hash(1, 3, 3, body));
    assert_int_not_equal(hash, entry_body_hash(1, 2, 4, body));
    assert_int_not_equal(hash, entry_body_hash(2, 1, 3, body));
    assert_int_equal(hash, entry_body_hash(1, 2, 3, body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back),
        cmocka_unit_test(a_body_cut_or_grown_is_no_message),
        cmocka_unit_test(an_unknown_flag_is_no_message),
        cmocka_unit_test(the_checksum_of_a_body_names_its_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
