/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/json/output.h"
#include "protocols/nats/redact.h"

static void secrets_are_replaced_and_nothing_else(void **state)
{
    static const struct {
        struct bytes text;
        const char *redacted;
    } rows[] = {
        {BYTES(""), ""},
        {{NULL, 0}, ""},
        {BYTES("{\"verbose\":false}"), "{\"verbose\":false}"},
        {BYTES("{\"pass\":\"s3cr3t\"}"), "{\"pass\":\"[REDACTED]\"}"},
        {BYTES("{\"user\":\"a\",\"pass\": \"x y\",\"lang\":\"go\"}"),
         "{\"user\":\"a\",\"pass\": \"[REDACTED]\",\"lang\":\"go\"}"},
        {BYTES("{\"auth_token\":\"t\",\"echo\":true}"),
         "{\"auth_token\":\"[REDACTED]\",\"echo\":true}"},
        {BYTES("{\"password\":\"p\"}"), "{\"password\":\"[REDACTED]\"}"},
        {BYTES("{\"passage\" = p}"), "{\"passage\" = [REDACTED]}"},
        {BYTES("pass:x"), "pass:[REDACTED]"},
        {BYTES("pass:"), "pass:[REDACTED]"},
        {BYTES("pass"), "pass"},
        {BYTES("pass x:y"), "pass x:y"},
        {BYTES("{\"pass\":\"a\",\"pass\":\"b\"}"),
         "{\"pass\":\"[REDACTED]\",\"pass\":\"[REDACTED]\"}"},
        {BYTES("{\"sig\":\"s\",\"nkey\":\"UA\",\"proxy_sig\":\"p\",\"jwt\":\"e.y\"}"),
         "{\"sig\":\"[REDACTED]\",\"nkey\":\"[REDACTED]\",\"proxy_sig\":\"[REDACTED]\","
         "\"jwt\":\"e.y\"}"},
        {BYTES("{\"design\":\"s\",\"signal\":\"t\"}"), "{\"design\":\"s\",\"signal\":\"t\"}"},
        {BYTES("sig=a,xsig=b"), "sig=[REDACTED],xsig=b"},
        {BYTES("sig: pass: \"a\""), "sig: [REDACTED]\"[REDACTED]\""},
        {BYTES("{\"pass\":\"half"), "{\"pass\":\"[REDACTED]"},
        {BYTES("{\"name\":\"pass\",\"v\":\"1\"}"), "{\"name\":\"pass\",\"v\":\"[REDACTED]\"}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct output o;
        output_init(&o, 1000);
        redact_connect(&o, rows[i].text);
        assert_int_equal(output_error(&o), 0);
        output_byte(&o, '\0');
        assert_string_equal(o.at, rows[i].redacted);
        output_done(&o);
    }
}

static void many_names_without_values_take_linear_time(void **state)
{
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = "pass"[i % 4];
    struct output o;
    output_init(&o, SIZE);
    redact_connect(&o, (struct bytes){text, SIZE});
    assert_int_equal(o.size, SIZE);
    assert_memory_equal(o.at, text, SIZE);
    output_done(&o);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_replaced_and_nothing_else),
        cmocka_unit_test(many_names_without_values_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
