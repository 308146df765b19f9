/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/monitor/expect_json.h"

#include "protocols/monitor/monitor_page.h"

static void targets_lead_to_pages(void **state)
{
    static const struct {
        const char *method;
        struct bytes base;
        struct bytes path;
        enum monitor_page page;
    } rows[] = {
        {"GET", BYTES(""), BYTES("/"), MONITOR_INDEX},
        {"GET", BYTES(""), BYTES("/varz"), MONITOR_VARZ},
        {"HEAD", BYTES(""), BYTES("/connz"), MONITOR_CONNZ},
        {"POST", BYTES(""), BYTES("/healthz"), MONITOR_HEALTHZ},
        {"GET", BYTES(""), BYTES("/heal%74hz"), MONITOR_HEALTHZ},
        {"GET", BYTES(""), BYTES("/subscriptionsz"), MONITOR_SUBSCRIPTIONSZ},
        {"GET", BYTES(""), BYTES("/debug/vars"), MONITOR_EXPVAR},
        {"GET", BYTES(""), BYTES("/actorz"), MONITOR_ACTORZ},
        {"GET", BYTES(""), BYTES("/nope"), MONITOR_NOT_FOUND},
        {"GET", BYTES(""), BYTES("/varz/"), MONITOR_NOT_FOUND},
        {"GET", BYTES(""), BYTES("/varz/x"), MONITOR_NOT_FOUND},
        {"GET", BYTES(""), BYTES("/%2fhealthz"), MONITOR_NOT_FOUND},
        {"GET", BYTES(""), BYTES("/..x"), MONITOR_NOT_FOUND},
        {"GET", BYTES(""), BYTES("//varz"), MONITOR_REDIRECT},
        {"GET", BYTES(""), BYTES("//nope"), MONITOR_REDIRECT},
        {"GET", BYTES(""), BYTES("/a/../varz"), MONITOR_REDIRECT},
        {"GET", BYTES(""), BYTES("/."), MONITOR_REDIRECT},
        {"GET", BYTES(""), BYTES("/../"), MONITOR_REDIRECT},
        {"GET", BYTES(""), BYTES(""), MONITOR_REDIRECT},
        {"CONNECT", BYTES(""), BYTES(""), MONITOR_NOT_FOUND},
        {"CONNECT", BYTES(""), BYTES("/varz"), MONITOR_VARZ},
        {"OPTIONS", BYTES(""), BYTES("*"), MONITOR_OPTIONS},
        {"GET", BYTES(""), BYTES("*"), MONITOR_BAD_TARGET},
        {"GET", BYTES("/b"), BYTES("/b"), MONITOR_INDEX},
        {"GET", BYTES("/b"), BYTES("/b/"), MONITOR_NOT_FOUND},
        {"GET", BYTES("/b"), BYTES("/"), MONITOR_NOT_FOUND},
        {"GET", BYTES("/b"), BYTES("/varz"), MONITOR_NOT_FOUND},
        {"GET", BYTES("/b"), BYTES("/b/varz"), MONITOR_VARZ},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_request r = {.method = bytes_of(rows[i].method), .path = rows[i].path};
        assert_int_equal(monitor_page_of(&r, rows[i].base), rows[i].page);
        r.expects_other = true;
        assert_int_equal(monitor_page_of(&r, rows[i].base), MONITOR_NO_EXPECT);
    }
}

static void requests_are_counted_by_path(void **state)
{
    assert_string_equal(monitor_page_path(MONITOR_INDEX), "/");
    assert_string_equal(monitor_page_path(MONITOR_VARZ), "/varz");
    assert_string_equal(monitor_page_path(MONITOR_SUBSCRIPTIONSZ), "/subsz");
    assert_null(monitor_page_path(MONITOR_NOT_FOUND));
}

static void the_index_links_what_nats_server_links(void **state)
{
    static const char *const links[] = {
        "href=./b/varz>",     "href=./b/jsz>",   "href=./b/connz>",   "href=./b/accountz>",
        "href=./b/accstatz>", "href=./b/subsz>", "href=./b/routez>",  "href=./b/leafz>",
        "href=./b/gatewayz>", "href=./b/raftz>", "href=./b/healthz>", "href=./b/debug/vars>",
    };
    struct output o;
    output_init(&o, 65536);
    monitor_index_write(&o, BYTES("/b"), "2.14.5");
    assert_int_equal(output_error(&o), 0);
    output_byte(&o, '\0');
    const char *at = o.at;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        at = strstr(at, links[i]);
        assert_non_null(at);
    }
    assert_non_null(strstr(o.at, ">v2.14.5</a>"));
    assert_null(strstr(o.at, "stacksz"));
    output_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_lead_to_pages),
        cmocka_unit_test(requests_are_counted_by_path),
        cmocka_unit_test(the_index_links_what_nats_server_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
