/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "protocols/monitor/conn_record.h"
#include "tests/unit/monitor/expect_json.h"

static void expect_text(struct bytes text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.at, expected, text.size);
}

static void a_record_stands_without_what_it_was_made_from(void **state)
{
    char name[] = "a client";
    char subject[] = "foo.>";
    struct sub_detail subs[] = {
        {.subject = {subject, 5}, .sid = BYTES("1"), .msgs = 3, .cid = 7},
        {.subject = BYTES("bar"), .queue = BYTES("q"), .sid = BYTES("two"), .max = 9, .cid = 7},
    };
    const struct conn_record from = {
        .info = {.cid = 7,
                 .kind = BYTES("Client"),
                 .ip = BYTES("::1"),
                 .port = 4222,
                 .in_msgs = 11,
                 .name = {name, 8},
                 .auth = {.user = BYTES("derek")}},
        .subs = subs,
        .sub_count = 2,
        .sub_next = 5,
    };
    size_t size = conn_record_size(&from);
    void *at = malloc(size); /* of this size, so that a byte too many is seen */
    assert_non_null(at);
    const struct conn_record *record = conn_record_write(at, size, &from);
    memset(name, 'x', sizeof name);
    memset(subject, 'x', sizeof subject);
    memset(subs, 0, sizeof subs);
    expect_text(record->info.name, "a client");
    expect_text(record->info.kind, "Client");
    expect_text(record->info.ip, "::1");
    expect_text(record->info.auth.user, "derek");
    expect_text(record->info.lang, "");
    assert_int_equal(record->info.cid, 7);
    assert_int_equal(record->info.in_msgs, 11);
    assert_int_equal(record->sub_count, 2);
    assert_int_equal(record->sub_next, 5);
    expect_text(record->subs[0].subject, "foo.>");
    expect_text(record->subs[0].queue, "");
    assert_int_equal(record->subs[0].msgs, 3);
    expect_text(record->subs[1].subject, "bar");
    expect_text(record->subs[1].queue, "q");
    expect_text(record->subs[1].sid, "two");
    assert_int_equal(record->subs[1].max, 9);
    free(at);
}

static void a_record_needs_no_subscriptions(void **state)
{
    const struct conn_record from = {.info = {.cid = 1}};
    size_t size = conn_record_size(&from);
    assert_int_equal(size, sizeof from);
    struct conn_record at;
    assert_int_equal(conn_record_write(&at, size, &from)->sub_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_stands_without_what_it_was_made_from),
        cmocka_unit_test(a_record_needs_no_subscriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
