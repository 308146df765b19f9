/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "server/address.h"

static const struct {
    const char *text;
    const char *host; /* NULL: no address */
    int port;
} addresses[] = {
    {"me", "me", 4222},     {"me:1", "me", 1},
    {"me:0", "me", 4222},   {"me:-1", "me", 4222},
    {"[::1]", "::1", 4222}, {"[::1]:5", "::1", 5},
    {":7", "", 7},          {"me:99999999999999999999", "me", INT_MAX},
    {"", NULL, 0},          {"::1", NULL, 0},
    {"a:b", NULL, 0},       {"a:", NULL, 0},
    {"a:+", NULL, 0},       {"[a:1", NULL, 0},
    {"a]:1", NULL, 0},      {"a:[1]", NULL, 0},
    {"[[a]]:1", NULL, 0},
};

static void an_advertised_address_may_leave_the_port_out(void **state)
{
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct bytes host;
        int port = 0;
        bool ok = address_parse(bytes_of(addresses[i].text), 4222, &host, &port);
        if (ok != (addresses[i].host != NULL))
            fail_msg("%s", addresses[i].text);
        if (!ok)
            continue;
        assert_true(bytes_are(host, addresses[i].host));
        assert_int_equal(port, addresses[i].port);
    }
}

static void a_listen_address_has_a_port(void **state)
{
    struct bytes host;
    struct bytes port;
    assert_false(address_split(BYTES("me"), &host, &port));
    assert_false(address_split(BYTES("[::1]"), &host, &port));
    assert_true(address_split(BYTES("[::1]:x"), &host, &port));
    assert_true(bytes_are(host, "::1"));
    assert_true(bytes_are(port, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_advertised_address_may_leave_the_port_out),
        cmocka_unit_test(a_listen_address_has_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
