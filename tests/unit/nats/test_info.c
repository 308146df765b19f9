/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/json/output.h"
#include "protocols/nats/info.h"

static void expect(const struct info_server *s, const struct info_client *c, const char *line)
{
    struct output o;
    output_init(&o, 4096);
    info_write(&o, s, c);
    assert_int_equal(output_error(&o), 0);
    output_byte(&o, '\0');
    assert_string_equal(o.at, line);
    output_done(&o);
}

static void a_plain_server_tells_what_nats_server_tells(void **state)
{
    struct info_server s = {
        .server_id = BYTES("NCDI"),
        .server_name = BYTES("s1"),
        .version = BYTES("2.14.5"),
        .proto = 1,
        .go = BYTES("go1.26.8"),
        .host = BYTES("127.0.0.1"),
        .port = 4222,
        .headers = true,
        .api_level = 4,
        .xkey = BYTES("XB4W"),
    };
    struct info_client c = {
        .max_payload = 1048576, .client_id = 5, .client_ip = BYTES("127.0.0.1")};
    expect(&s, &c,
           "INFO {\"server_id\":\"NCDI\",\"server_name\":\"s1\",\"version\":\"2.14.5\",\"proto\":1,"
           "\"go\":\"go1.26.8\",\"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,"
           "\"max_payload\":1048576,\"client_id\":5,\"client_ip\":\"127.0.0.1\",\"api_lvl\":4,"
           "\"xkey\":\"XB4W\"} \r\n");
    c.connect_info = true;
    c.remote_account = BYTES("$G");
    expect(&s, &c,
           "INFO {\"server_id\":\"NCDI\",\"server_name\":\"s1\",\"version\":\"2.14.5\",\"proto\":1,"
           "\"go\":\"go1.26.8\",\"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,"
           "\"max_payload\":1048576,\"client_id\":5,\"client_ip\":\"127.0.0.1\","
           "\"connect_info\":true,\"remote_account\":\"$G\",\"api_lvl\":4,"
           "\"xkey\":\"XB4W\"} \r\n");
}

static void every_member_has_its_place(void **state)
{
    struct bytes urls[] = {BYTES("a:1"), BYTES("b:2")};
    struct info_server s = {
        .server_id = BYTES("N"),
        .server_name = BYTES("<n>"),
        .version = BYTES("2.14.5"),
        .proto = 1,
        .git_commit = BYTES("abc"),
        .go = BYTES("c17"),
        .host = BYTES("h"),
        .port = 1,
        .auth_required = true,
        .tls_required = true,
        .tls_verify = true,
        .tls_available = true,
        .jetstream = true,
        .ip = BYTES("i"),
        .cluster = BYTES("C"),
        .cluster_dynamic = true,
        .domain = BYTES("D"),
        .connect_urls = urls,
        .connect_url_count = 2,
        .lame_duck = true,
        .compression = BYTES("off"),
        .api_level = 4,
        .xkey = BYTES("X"),
        .impl = BYTES("myelin"),
        .impl_version = BYTES("0.1.0"),
    };
    struct info_client c = {
        .max_payload = 7,
        .client_id = 9,
        .client_ip = BYTES("p"),
        .nonce = BYTES("o"),
        .connect_info = true,
        .remote_account = BYTES("A"),
        .account_is_system = true,
    };
    expect(&s, &c,
           "INFO {\"server_id\":\"N\",\"server_name\":\"\\u003cn\\u003e\",\"version\":\"2.14.5\","
           "\"proto\":1,\"git_commit\":\"abc\",\"go\":\"c17\",\"host\":\"h\",\"port\":1,"
           "\"headers\":false,\"auth_required\":true,\"tls_required\":true,\"tls_verify\":true,"
           "\"tls_available\":true,\"max_payload\":7,\"jetstream\":true,\"ip\":\"i\","
           "\"client_id\":9,\"client_ip\":\"p\",\"nonce\":\"o\",\"cluster\":\"C\","
           "\"cluster_dynamic\":true,\"domain\":\"D\",\"connect_urls\":[\"a:1\",\"b:2\"],"
           "\"ldm\":true,\"compression\":\"off\",\"connect_info\":true,\"remote_account\":\"A\","
           "\"acc_is_sys\":true,\"api_lvl\":4,\"xkey\":\"X\",\"impl\":\"myelin\","
           "\"impl_version\":\"0.1.0\"} \r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_server_tells_what_nats_server_tells),
        cmocka_unit_test(every_member_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
