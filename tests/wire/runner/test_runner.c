/* SPDX-License-Identifier: Apache-2.0 */
/* The runner against a toy server: what must pass passes, and above all what must fail fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/wire/condition.h"
#include "tests/wire/frame.h"
#include "tests/wire/http.h"
#include "tests/wire/run.h"
#include "tests/wire/runner/toy.h"

static struct wire_backend *toy_world(const struct run_world *world)
{
    return toy_new();
}

/* Runs `test "x"` and the body; the report goes to ret_report. */
static enum run_result run_body(const char *body, struct blob *ret_report)
{
    char dir[] = "/tmp/wire_runner.XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct blob path = {0};
    blob_format(&path, "%s/x.nt", dir);
    FILE *f = fopen(blob_string(&path), "w");
    assert_non_null(f);
    fprintf(f, "test \"x\"\n%s\n", body);
    assert_int_equal(fclose(f), 0);
    struct run_world world = {.kind = "sim", .backend_new = toy_world};
    struct script *script = script_load(blob_string(&path), ret_report);
    enum run_result result = script == NULL ? RUN_FAILED : run_script(script, &world, ret_report);
    script_free(&script);
    assert_int_equal(unlink(blob_string(&path)), 0);
    assert_int_equal(rmdir(dir), 0);
    blob_done(&path);
    return result;
}

#define GREETED "server s\nclient a, b -> s {\"protocol\":0}\n"

static const struct {
    const char *body;
    enum run_result result;
    const char *report; /* must be in the report; NULL: any */
} cases[] = {
    {GREETED "a ping", RUN_PASSED, NULL},
    {GREETED "a > SAY MSG x 1 2^hi\na < MSG x 1 2 | hi\na silent", RUN_PASSED, NULL},
    {GREETED "a > SAY MSG x 1 2^hi\na < MSG x 1 2 | ho", RUN_FAILED, "x.nt:5: a"},
    {GREETED "a > SAY MSG x 1 2^hi\na < MSG x 1 2 | ho", RUN_FAILED, "came:     MSG x 1 2 | hi"},
    {GREETED "a > SAY MSG x 1 2^hi\na < MSG x 1 2", RUN_FAILED, "came:     MSG x 1 2 | hi"},
    {GREETED "a > SAY MSG x 1 0^\na < MSG x 1 0 |", RUN_PASSED, NULL},
    {GREETED "a > SAY MSG x 1 2^hi\na silent", RUN_FAILED, "expected: PONG"},
    {GREETED "a > SAY MSG x 1 1^hi\na < MSG x 1 1 | h", RUN_FAILED, "(broken)"},
    {GREETED "a < PONG", RUN_FAILED, "(nothing)"},
    {GREETED "a > LATER 50 HELLO\na < HELLO", RUN_PASSED, NULL},
    {GREETED "a > LATER 50000 HELLO\na < HELLO", RUN_FAILED, "(nothing)"},
    {GREETED "a > LATER 50000 HELLO\nadvance 50s\na < HELLO", RUN_PASSED, NULL},
    {GREETED "a > SAY ONE^TWO\na <& TWO\na <& ONE\na silent", RUN_PASSED, NULL},
    {GREETED "a > SAY ONE^ONE\na <& TWO\na <& ONE", RUN_FAILED, "expected: TWO"},
    {GREETED "b > SAY ONE\none of a,b < ONE\na,b silent", RUN_PASSED, NULL},
    {GREETED "b > SAY TWO\none of a,b < ONE", RUN_FAILED, "came:     TWO"},
    {GREETED "one of a,b < ONE", RUN_FAILED, "none of them"},
    {GREETED "a > SAY PING^ONE\na < ONE", RUN_PASSED, NULL},
    {GREETED "a > SAY PING^ONE\na <! ONE", RUN_FAILED, "came:     PING"},
    {GREETED "a > SAY X 17 y\na ~ X ([0-9]+) .*\na > SAY Z%1%\na < Z17", RUN_PASSED, NULL},
    {GREETED "a > SAY ABC\na ~ AB", RUN_FAILED, "came:     ABC"},
    {GREETED "a > SAY ABC\na ~ A(", RUN_FAILED, "bad pattern"},
    {GREETED "a > BYE\na closed", RUN_PASSED, NULL},
    {GREETED "a > SAY LAST\na > BYE\na closed", RUN_FAILED, "came:     LAST"},
    {GREETED "a closed", RUN_FAILED, "(nothing)"},
    {GREETED "a > BYE\na open", RUN_FAILED, "(closed)"},
    {GREETED "a > SAY %3*ab%\na < ababab", RUN_PASSED, NULL},
    {GREETED "a > SAY %nosuch%", RUN_FAILED, "no variable nosuch"},
    {GREETED "a > SAY \\q", RUN_FAILED, "bad escape"},
    {GREETED "repeat 3\n  a > SAY N%i%\n  a < N%i%\na silent", RUN_PASSED, NULL},
    {GREETED "repeat 3\n  a > SAY N%i%\n  a < N1", RUN_FAILED, "came:     N2"},
    {GREETED "a split > SAY HELLO\na < HELLO", RUN_PASSED, NULL},
    {GREETED "a bytewise > SAY HELLO\na < HELLO\na silent", RUN_PASSED, NULL},
    {"server s\nraw a -> s\na ~ INFO .*\na info .max_payload = 1024", RUN_PASSED, NULL},
    {"server s\nraw a -> s\na ~ INFO .*\na info .max_payload = 1", RUN_FAILED, "it is 1024"},
    {"server s\nsignal s TERM\ns exits 3\nraw a -> s\na refused", RUN_PASSED, NULL},
    {"server s\nsignal s TERM\ns exits 0", RUN_FAILED, "it was 3"},
    {"server s\ns exits", RUN_FAILED, "does not exit"},
    {"server s\nlog s ~ ^s is r", RUN_PASSED, NULL},
    {"server s\nlog s ~ ^no such", RUN_FAILED, "expected a line"},
    {"server s\nlog s !~ ready", RUN_FAILED, "expected no line"},
    {"server s\nfile s x absent", RUN_PASSED, NULL},
    {"server s\nfile s x ~ y", RUN_FAILED, "file x"},
    {"needs 2.14.5\nserver s", RUN_PASSED, NULL},
    {"needs 2.15\nserver s\ns exits", RUN_SKIPPED, "needs 2.15"},
    {"only oracle, myelin: no reason\nserver s", RUN_SKIPPED, "no reason"},
    {"only oracle, sim: no reason\nserver s", RUN_PASSED, NULL},
    {"only oracle\nserver s", RUN_FAILED, "x.nt:2: expected: only"},
    {"a ping", RUN_FAILED, "no client a"},
    {"signal s TERM", RUN_FAILED, "no server s"},
    {"server s\nnonsense here", RUN_FAILED, "x.nt:3: no such form"},
    {"server s {\n  a: {\n  }\n", RUN_FAILED, "does not end"},
    {"server s { a: { b: 1 } }\nclient a -> s {\"protocol\":0}", RUN_PASSED, NULL},
    {"server s\n  client a -> s", RUN_FAILED, "unexpected indentation"},
    {"test \"again\"", RUN_FAILED, "said twice"},
};

static void a_script_passes_or_fails_as_it_must(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct blob report = {0};
        enum run_result result = run_body(cases[i].body, &report);
        bool as_said = result == cases[i].result;
        if (cases[i].report != NULL && strstr(blob_string(&report), cases[i].report) == NULL)
            as_said = false;
        if (!as_said)
            print_error("case %zu:\n%s\n-> %d\n%s\n", i, cases[i].body, (int)result,
                        blob_string(&report));
        blob_done(&report);
        assert_true(as_said);
    }
}

static void a_frame_is_cut_only_when_it_is_whole(void **state)
{
    static const char *const frames[] = {
        "PONG\r\n",
        "INFO {\"a\":1} \r\n",
        "MSG x 1 2\r\nhi\r\n",
        "MSG x 1 r 0\r\n\r\n",
        "HMSG x 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        "MESSAGE 5\r\n",
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct bytes whole = bytes_of(frames[i]);
        struct frame f;
        for (size_t size = 0; size < whole.size; size++)
            assert_int_equal(frame_cut((struct bytes){whole.at, size}, &f), FRAME_MORE);
        assert_int_equal(frame_cut(whole, &f), FRAME_DONE);
        assert_int_equal(f.size, whole.size);
    }
}

static void a_broken_frame_is_told(void **state)
{
    struct frame f;
    assert_int_equal(frame_cut(BYTES("MSG x 1 many\r\nhi\r\n"), &f), FRAME_BROKEN);
    assert_int_equal(frame_cut(BYTES("MSG x 1 99999999999\r\nhi\r\n"), &f), FRAME_BROKEN);
    assert_int_equal(frame_cut(BYTES("MSG x 1 1\r\nhi\r\n"), &f), FRAME_BROKEN);
    assert_int_equal(frame_cut(BYTES("MSG\r\n"), &f), FRAME_BROKEN);
}

static void an_http_answer_is_cut_only_when_it_is_whole(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct bytes whole = bytes_of(answers[i]);
        struct http_answer a = {0};
        for (size_t size = 0; size < whole.size; size++)
            assert_false(http_answer_cut((struct bytes){whole.at, size}, false, &a));
        assert_true(http_answer_cut(whole, false, &a));
        assert_int_equal(a.status, 200);
        assert_string_equal(blob_string(&a.body), "hello");
        http_answer_done(&a);
    }
}

static void a_condition_holds_or_not(void **state)
{
    static const char document[] =
        "{\"a\":{\"b\":[1,{\"c\":\"x y\"}]},\"/p\":2,\"n\":1.5,\"e\":[]}";
    static const struct {
        const char *condition;
        bool holds;
    } conditions[] = {
        {".a.b[0] = 1", true},     {".a.b[0] = 2", false},    {".a.b[1].c = \"x y\"", true},
        {".a.b[1].c ~ ^x", true},  {".a.b[1].c ~ ^y", false}, {"[\"/p\"] = 2", true},
        {".n > 1", true},          {".n > 1.5", false},       {".n >= 1.5", true},
        {".n < 2", true},          {".n <= 1", false},        {".a.b count 2", true},
        {".a.b count 1", false},   {".e = []", true},         {".z absent", true},
        {".a absent", false},      {".z present", false},     {". has a n", true},
        {". has a z", false},      {".n is real", true},      {".e is object", false},
        {".z = null", false},      {".z != 1", true},         {".n != 1.5", false},
        {".n resembles 1", false}, {".a.b[7] absent", true},  {".z < 1", false},
        {"a.b[0] = 1", true},
    };
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        struct blob why = {0};
        bool holds = condition_holds(bytes_of(document), conditions[i].condition, &why);
        if (holds != conditions[i].holds)
            print_error("%s: %s\n", conditions[i].condition, blob_string(&why));
        assert_int_equal(holds, conditions[i].holds);
        assert_int_equal(why.size == 0, holds);
        blob_done(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_passes_or_fails_as_it_must),
        cmocka_unit_test(a_frame_is_cut_only_when_it_is_whole),
        cmocka_unit_test(a_broken_frame_is_told),
        cmocka_unit_test(an_http_answer_is_cut_only_when_it_is_whole),
        cmocka_unit_test(a_condition_holds_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
