/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/json/json_writer.h"

static void expect(const struct json *j, const char *text)
{
    struct bytes written = json_text(j);
    char *copy = strndup(written.at ? written.at : "", written.size);
    assert_string_equal(copy, text);
    free(copy);
}

/* {"a":1,"b":[],"c":{},"d":[true,{"e":null}],"f":"x"} */
static void write_sample(struct json *j)
{
    json_object_begin(j);
    json_put_int(j, "a", 1);
    json_put_array(j, "b");
    json_array_end(j);
    json_put_object(j, "c");
    json_object_end(j);
    json_put_array(j, "d");
    json_bool(j, true);
    json_object_begin(j);
    json_key(j, BYTES("e"));
    json_null(j);
    json_object_end(j);
    json_array_end(j);
    json_put_string(j, "f", BYTES("x"));
    json_object_end(j);
}

static void compact_has_no_spaces(void **state)
{
    struct json j;
    json_init(&j, JSON_COMPACT, 1000);
    write_sample(&j);
    assert_int_equal(json_finish(&j), 0);
    expect(&j, "{\"a\":1,\"b\":[],\"c\":{},\"d\":[true,{\"e\":null}],\"f\":\"x\"}");
    json_done(&j);
}

static void indented_breaks_lines_but_not_in_empty_brackets(void **state)
{
    struct json j;
    json_init(&j, JSON_INDENTED, 1000);
    write_sample(&j);
    assert_int_equal(json_finish(&j), 0);
    expect(&j, "{\n"
               "  \"a\": 1,\n"
               "  \"b\": [],\n"
               "  \"c\": {},\n"
               "  \"d\": [\n"
               "    true,\n"
               "    {\n"
               "      \"e\": null\n"
               "    }\n"
               "  ],\n"
               "  \"f\": \"x\"\n"
               "}");
    json_done(&j);
}

static void strings_are_escaped_as_go_escapes_them(void **state)
{
    static const struct {
        struct bytes text;
        const char *json;
    } rows[] = {
        {BYTES(""), "\"\""},
        {BYTES("plain"), "\"plain\""},
        {BYTES("a<b>&c"), "\"a\\u003cb\\u003e\\u0026c\""},
        {BYTES("\"\\/"), "\"\\\"\\\\/\""},
        {BYTES("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {BYTES("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\""},
        {BYTES("\xc2\xb5\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc2\xb5\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {BYTES("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\""},
        {BYTES("a\xff"), "\"a\\ufffd\""},
        {BYTES("\xe2\x82"), "\"\\ufffd\\ufffd\""},
        {BYTES("\xc0\xaf\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {BYTES("\xf4\x90\x80\x80z"), "\"\\ufffd\\ufffd\\ufffd\\ufffdz\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json j;
        json_init(&j, JSON_COMPACT, 1000);
        json_string(&j, rows[i].text);
        assert_int_equal(json_finish(&j), 0);
        expect(&j, rows[i].json);
        json_done(&j);
    }
}

static void empty_members_are_left_out(void **state)
{
    struct json j;
    json_init(&j, JSON_COMPACT, 1000);
    json_object_begin(&j);
    json_opt_string(&j, "a", BYTES(""));
    json_opt_int(&j, "b", 0);
    json_opt_uint(&j, "c", 0);
    json_opt_float(&j, "d", 0);
    json_opt_bool(&j, "e", false);
    json_opt_strings(&j, "f", NULL, 0);
    json_object_end(&j);
    expect(&j, "{}");
    json_drain(&j);
    json_done(&j);

    struct bytes two[] = {BYTES("x"), BYTES("y")};
    json_init(&j, JSON_COMPACT, 1000);
    json_object_begin(&j);
    json_opt_string(&j, "a", BYTES("s"));
    json_opt_int(&j, "b", -1);
    json_opt_uint(&j, "c", UINT64_MAX);
    json_opt_float(&j, "d", 0.5);
    json_opt_bool(&j, "e", true);
    json_opt_strings(&j, "f", two, 2);
    json_object_end(&j);
    expect(&j, "{\"a\":\"s\",\"b\":-1,\"c\":18446744073709551615,\"d\":0.5,\"e\":true,"
               "\"f\":[\"x\",\"y\"]}");
    json_done(&j);
}

static void a_drained_document_goes_on_where_it_was(void **state)
{
    struct json j;
    json_init(&j, JSON_INDENTED, 64);
    char all[8192];
    size_t size = 0;
    json_array_begin(&j);
    for (int i = 0; i < 200; i++) {
        json_object_begin(&j);
        json_put_int(&j, "n", i);
        json_object_end(&j);
        struct bytes part = json_text(&j);
        assert_true(size + part.size < sizeof(all));
        memcpy(all + size, part.at, part.size);
        size += part.size;
        json_drain(&j);
    }
    json_array_end(&j);
    assert_int_equal(json_finish(&j), 0);
    expect(&j, "\n]");
    json_done(&j);
    static const char head[] = "[\n  {\n    \"n\": 0\n  },\n  {\n    \"n\": 1\n  }";
    assert_memory_equal(all, head, sizeof(head) - 1);
}

static void a_document_past_its_limit_fails_and_stays_within_it(void **state)
{
    struct json whole;
    json_init(&whole, JSON_COMPACT, 1000);
    write_sample(&whole);
    size_t needed = json_text(&whole).size;
    json_done(&whole);
    for (size_t limit = 0; limit <= needed; limit++) {
        struct json j;
        json_init(&j, JSON_COMPACT, limit);
        write_sample(&j);
        assert_int_equal(json_finish(&j), limit < needed ? -E2BIG : 0);
        assert_true(json_text(&j).size <= limit);
        json_done(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_has_no_spaces),
        cmocka_unit_test(indented_breaks_lines_but_not_in_empty_brackets),
        cmocka_unit_test(strings_are_escaped_as_go_escapes_them),
        cmocka_unit_test(empty_members_are_left_out),
        cmocka_unit_test(a_drained_document_goes_on_where_it_was),
        cmocka_unit_test(a_document_past_its_limit_fails_and_stays_within_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
