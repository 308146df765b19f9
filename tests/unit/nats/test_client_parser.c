/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "protocols/nats/client_parser.h"

#define LIMIT 20

/* A copy of exactly that size, so that a sanitizer sees a read behind the end. */
static enum client_parse parse(const char *text, size_t size, size_t scanned, uint32_t limit,
                               struct client_line *ret_line, size_t *ret_argument_at)
{
    char *copy = malloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(copy, text, size);
    enum client_parse result = client_parse_line(copy, size, scanned, limit, ret_line);
    if (result == CLIENT_PARSE_LINE)
        *ret_argument_at = (size_t)(ret_line->argument.at - copy);
    free(copy);
    return result;
}

struct row {
    const char *text;
    enum client_parse result;
    enum client_op op;
    const char *argument;
};

#define LINE CLIENT_PARSE_LINE
#define UNKNOWN CLIENT_PARSE_UNKNOWN
#define LONG CLIENT_PARSE_TOO_LONG

/* clang-format off */
static const struct row rows[] = {
    {"PUB foo 5\r\n", LINE, CLIENT_OP_PUB, "foo 5"},
    {"pub foo 5\r\n", LINE, CLIENT_OP_PUB, "foo 5"},
    {"PuB\tfoo\t5\n", LINE, CLIENT_OP_PUB, "foo\t5"},
    {"PUB \t  foo 5 \r\n", LINE, CLIENT_OP_PUB, "foo 5 "},
    {"PUBfoo 5\r\n", UNKNOWN, 0, NULL},
    {"PUB\r\n", UNKNOWN, 0, NULL},
    {"PUB\n", UNKNOWN, 0, NULL},
    {"HPUB foo 1 5\r\n", LINE, CLIENT_OP_HPUB, "foo 1 5"},
    {"hpub foo 1 5\r\n", LINE, CLIENT_OP_HPUB, "foo 1 5"},
    {"HPUBx\r\n", UNKNOWN, 0, NULL},
    {"SUB a 1\r\n", LINE, CLIENT_OP_SUB, "a 1"},
    {"sUb a q 1\n", LINE, CLIENT_OP_SUB, "a q 1"},
    {"SUBa 1\r\n", UNKNOWN, 0, NULL},
    {"UNSUB 1\r\n", LINE, CLIENT_OP_UNSUB, "1"},
    {"unsub 1 5\r\n", LINE, CLIENT_OP_UNSUB, "1 5"},
    {"UNSUB\r\n", UNKNOWN, 0, NULL},
    {"PING\r\n", LINE, CLIENT_OP_PING, ""},
    {"ping\n", LINE, CLIENT_OP_PING, ""},
    {"PINGanything at all, however long it may be\r\n", LINE, CLIENT_OP_PING, ""},
    {"PONG\r\n", LINE, CLIENT_OP_PONG, ""},
    {"PONG \r x\n", LINE, CLIENT_OP_PONG, ""},
    {"+OK\r\n", LINE, CLIENT_OP_OK, ""},
    {"+ok, thank you very much indeed\r\n", LINE, CLIENT_OP_OK, ""},
    {"-ERR 'no'\r\n", LINE, CLIENT_OP_ERR, "'no'"},
    {"-err\t'no'\r\n", LINE, CLIENT_OP_ERR, "'no'"},
    {"-ERR\r\n", UNKNOWN, 0, NULL},
    {"CONNECT {}\r\n", LINE, CLIENT_OP_CONNECT, "{}"},
    {"CONNECT{}\r\n", LINE, CLIENT_OP_CONNECT, "{}"},
    {"connect \t {}\n", LINE, CLIENT_OP_CONNECT, "{}"},
    {"INFO {}\r\n", LINE, CLIENT_OP_INFO, "{}"},
    {"INFO{}\r\n", LINE, CLIENT_OP_INFO, "{}"},
    {"HMSG a 1 2 3\r\n", LINE, CLIENT_OP_HMSG, "a 1 2 3"},
    {"MSG a 1 3\r\n", UNKNOWN, 0, NULL},
    {"RS+ a b\r\n", UNKNOWN, 0, NULL},
    {"\r\n", UNKNOWN, 0, NULL},
    {" PING\r\n", UNKNOWN, 0, NULL},
    {"P\r\n", UNKNOWN, 0, NULL},
    {"PI\xce\x89G\r\n", UNKNOWN, 0, NULL},
    /* The first byte of an argument is taken as it is: */
    {"SUB \na 1\r\n", LINE, CLIENT_OP_SUB, "\na 1"},
    {"SUB \r\n", LINE, CLIENT_OP_SUB, "\r"},
    {"SUB \n\n", LINE, CLIENT_OP_SUB, "\n"},
    {"CONNECT\r\n", LINE, CLIENT_OP_CONNECT, "\r"},
    {"CONNECT\n\n", LINE, CLIENT_OP_CONNECT, "\n"},
    /* A CR anywhere behind it takes the last byte away, whatever that is: */
    {"SUB a\r 12\n", LINE, CLIENT_OP_SUB, "a\r 1"},
    {"SUB a\r 1\r\n", LINE, CLIENT_OP_SUB, "a\r 1"},
    {"SUB \ra 12\n", LINE, CLIENT_OP_SUB, "\ra 12"},
    {"SUB a 1\r\r\n", LINE, CLIENT_OP_SUB, "a 1\r"},
    /* The limit is the argument's, without the line's end: */
    {"SUB 45678901234567890123\r\n", LINE, CLIENT_OP_SUB, "45678901234567890123"},
    {"SUB 45678901234567890123\n", LINE, CLIENT_OP_SUB, "45678901234567890123"},
    {"SUB 456789012345678901234\n", LONG, 0, NULL},
    {"SUB 456789012345678901234\r\n", LONG, 0, NULL},
    {"SUB 4567\r9012345678901234\n", LINE, CLIENT_OP_SUB, "4567\r901234567890123"},
    {"SUB 4567\r90123456789012345\n", LONG, 0, NULL},
    {"SUB                         a 1\r\n", LINE, CLIENT_OP_SUB, "a 1"},
};
/* clang-format on */

static void check_line(const struct row *row, const struct client_line *line, const char *at,
                       size_t size)
{
    assert_int_equal(line->op, row->op);
    assert_int_equal(line->size, size);
    assert_int_equal(line->argument.size, strlen(row->argument));
    if (line->argument.size > 0)
        assert_memory_equal(at, row->argument, line->argument.size);
}

static void each_line_is_what_it_is(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        size_t size = strlen(row->text);
        struct client_line line;
        size_t at = 0;
        enum client_parse result = parse(row->text, size, 0, LIMIT, &line, &at);
        if (result != row->result)
            fail_msg("\"%s\" is %d", row->text, result);
        if (result == LINE)
            check_line(row, &line, row->text + at, size);
    }
}

/* Feeds text as a reader does: in two pieces, keeping of the first what it is told to. */
static enum client_parse parse_split(const char *text, size_t size, size_t split, uint32_t limit,
                                     struct client_line *ret_line, char *kept)
{
    size_t at = 0;
    enum client_parse result = parse(text, split, 0, limit, ret_line, &at);
    if (result != CLIENT_PARSE_MORE)
        return result;
    size_t have = ret_line->size;
    assert_true(have <= split);
    memcpy(kept, text, have);
    memcpy(kept + have, text + split, size - split);
    return client_parse_line(kept, have + size - split, have, limit, ret_line);
}

static void every_split_and_any_bytes_behind_make_no_difference(void **state)
{
    static const char *const behind[] = {"", "PING\r\n", "\r\n\r\n", "x"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t b = 0; b < sizeof behind / sizeof *behind; b++) {
            const struct row *row = &rows[i];
            char text[256];
            char kept[256];
            snprintf(text, sizeof text, "%s%s", row->text, behind[b]);
            size_t line_size = strlen(row->text);
            for (size_t split = 0; split <= strlen(text); split++) {
                struct client_line line;
                enum client_parse result =
                    parse_split(text, strlen(text), split, LIMIT, &line, kept);
                if (result != row->result)
                    fail_msg("\"%s\" split at %zu is %d", text, split, result);
                if (result != LINE || split >= line_size)
                    continue;
                assert_int_equal(line.op, row->op);
                assert_int_equal(line.argument.size, strlen(row->argument));
                if (line.argument.size > 0)
                    assert_memory_equal(line.argument.at, row->argument, line.argument.size);
                /* Forgotten bytes are not counted. */
                assert_true(line.size <= line_size);
                assert_string_equal(text + line_size, behind[b]);
            }
        }
}

/* --- a prefix is refused exactly when every continuation of it would be ---------------------------- */

static const char alphabet[] = "SUBPING \t\r\nx+ok";

static bool can_become_a_line(const char *prefix, size_t size)
{
    static const char *const lines[] = {"PUB x\n",  "HPUB x\n", "SUB x\n",     "UNSUB x\n",
                                        "PING\n",   "PONG\n",   "CONNECT x\n", "INFO x\n",
                                        "HMSG x\n", "+OK\n",    "-ERR x\n"};
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++)
        for (size_t from = 0; from < strlen(lines[l]); from++) {
            char text[64];
            memcpy(text, prefix, size);
            snprintf(text + size, sizeof text - size, "%s", lines[l] + from);
            struct client_line line;
            size_t at;
            if (parse(text, strlen(text), 0, 3, &line, &at) == LINE)
                return true;
        }
    return false;
}

/* All texts over the alphabet that begin with `text`, up to `depth` bytes more. */
static void explore(char *text, size_t size, size_t depth, enum client_parse before)
{
    struct client_line line;
    size_t at;
    enum client_parse now = parse(text, size, 0, 3, &line, &at);
    if (before == UNKNOWN || before == LONG)
        assert_int_equal(now, before);
    if (before == LINE)
        assert_int_equal(now, LINE);
    if (now == CLIENT_PARSE_MORE && !can_become_a_line(text, size))
        fail_msg("nothing becomes of \"%.*s\"", (int)size, text);
    if (depth == 0 || (now == LINE && before == LINE))
        return;
    for (const char *c = alphabet; *c != '\0'; c++) {
        text[size] = *c;
        explore(text, size + 1, depth - 1, now);
    }
}

static void a_prefix_is_refused_when_every_continuation_would_be(void **state)
{
    static const char *const starts[] = {"", "SUB", "SUB x", "CONNEC", "PING", "-ERR"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", starts[i]);
        struct client_line line;
        size_t at;
        size_t size = strlen(text);
        explore(text, size, 4, parse(text, size, 0, 3, &line, &at));
    }
}

static void blanks_and_ignored_text_need_not_be_kept(void **state)
{
    static const struct {
        const char *text;
        size_t kept;
    } table[] = {{"SUB    \t  ", 4}, {"SUB", 3},        {"SU", 2},    {"PINGxxxxxxxx", 4},
                 {"+OK   ", 3},      {"CONNECT   ", 8}, {"INFO", 4},  {"SUB   x  ", 9},
                 {"-ERR\t\t\t", 5},  {"PUB a 12\r", 9}, {"PONG\r", 4}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct client_line line;
        size_t at;
        assert_int_equal(parse(table[i].text, strlen(table[i].text), 0, LIMIT, &line, &at),
                         CLIENT_PARSE_MORE);
        assert_int_equal(line.size, table[i].kept);
    }
}

/* --- arguments ----------------------------------------------------------------------------------- */

static struct bytes text_of(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

static void assert_text(struct bytes got, const char *want)
{
    assert_int_equal(got.size, strlen(want));
    if (got.size > 0)
        assert_memory_equal(got.at, want, got.size);
}

static void sizes_are_up_to_nine_digits(void **state)
{
    static const struct {
        const char *text;
        int32_t size;
    } table[] = {{"0", 0},
                 {"7", 7},
                 {"0012", 12},
                 {"000000000", 0},
                 {"999999999", 999999999},
                 {"1000000000", -1},
                 {"0000000001", -1},
                 {"", -1},
                 {"-1", -1},
                 {"+1", -1},
                 {"1x", -1},
                 {"x1", -1},
                 {"1 ", -1},
                 {"0x1", -1},
                 {"1\r", -1},
                 {"/", -1},
                 {":", -1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(client_parse_size(text_of(table[i].text)), table[i].size);
}

static void publishes_have_two_or_three_arguments(void **state)
{
    static const struct {
        const char *text;
        enum client_publish_error error;
        const char *subject;
        const char *reply;
        int32_t size;
    } table[] = {
        {"foo 5", CLIENT_PUBLISH_OK, "foo", "", 5},
        {"foo bar 5", CLIENT_PUBLISH_OK, "foo", "bar", 5},
        {"  foo\t bar \t05  ", CLIENT_PUBLISH_OK, "foo", "bar", 5},
        {"\nfoo b\rr 0", CLIENT_PUBLISH_OK, "\nfoo", "b\rr", 0},
        {"foo", CLIENT_PUBLISH_ARGUMENTS, "", "", 0},
        {"", CLIENT_PUBLISH_ARGUMENTS, "", "", 0},
        {"foo bar baz 5", CLIENT_PUBLISH_ARGUMENTS, "", "", 0},
        {"a b c d e f g h", CLIENT_PUBLISH_ARGUMENTS, "", "", 0},
        {"foo bar", CLIENT_PUBLISH_SIZE, "", "", 0},
        {"foo -1", CLIENT_PUBLISH_SIZE, "", "", 0},
        {"foo 5\r", CLIENT_PUBLISH_SIZE, "", "", 0},
        {"foo 1234567890", CLIENT_PUBLISH_SIZE, "", "", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct client_publish p;
        assert_int_equal(client_parse_pub(text_of(table[i].text), &p), table[i].error);
        if (table[i].error != CLIENT_PUBLISH_OK)
            continue;
        assert_text(p.subject, table[i].subject);
        assert_text(p.reply, table[i].reply);
        assert_int_equal(p.payload_size, table[i].size);
        assert_int_equal(p.header_size, -1);
        assert_int_equal(p.header_text.size, 0);
    }
}

static void publishes_with_headers_have_one_more(void **state)
{
    static const struct {
        const char *text;
        enum client_publish_error error;
        const char *reply;
        int32_t header;
        int32_t size;
    } table[] = {
        {"foo 12 14", CLIENT_PUBLISH_OK, "", 12, 14},
        {"foo bar 0012 14", CLIENT_PUBLISH_OK, "bar", 12, 14},
        {"foo 14 14", CLIENT_PUBLISH_OK, "", 14, 14},
        {"foo 0 0", CLIENT_PUBLISH_OK, "", 0, 0},
        {"foo 15 14", CLIENT_PUBLISH_HEADER_LARGER, "", 0, 0},
        {"foo x 14", CLIENT_PUBLISH_HEADER_SIZE, "", 0, 0},
        {"foo x y", CLIENT_PUBLISH_HEADER_SIZE, "", 0, 0},
        {"foo 12 y", CLIENT_PUBLISH_SIZE, "", 0, 0},
        {"foo 12", CLIENT_PUBLISH_ARGUMENTS, "", 0, 0},
        {"a b c 12 14", CLIENT_PUBLISH_ARGUMENTS, "", 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct client_publish p;
        assert_int_equal(client_parse_hpub(text_of(table[i].text), &p), table[i].error);
        if (table[i].error != CLIENT_PUBLISH_OK)
            continue;
        assert_text(p.subject, "foo");
        assert_text(p.reply, table[i].reply);
        assert_int_equal(p.header_size, table[i].header);
        assert_int_equal(p.payload_size, table[i].size);
    }
}

static void subscribes_have_two_or_three_arguments(void **state)
{
    static const struct {
        const char *text;
        const char *subject; /* NULL: refused */
        const char *queue;
        const char *sid;
    } table[] = {
        {"a 1", "a", "", "1"},
        {"a q 1", "a", "q", "1"},
        {"a\t\tq  x-1 ", "a", "q", "x-1"},
        {"a\rb", "a", "", "b"},
        {"\na\r1\r", "a", "", "1"},
        {"a\nq\n1", "a", "q", "1"},
        {"a", NULL, NULL, NULL},
        {"\r", NULL, NULL, NULL},
        {"a b c d", NULL, NULL, NULL},
        {"a b c d e f g", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct client_subscribe s;
        assert_int_equal(client_parse_sub(text_of(table[i].text), &s), table[i].subject != NULL);
        if (table[i].subject == NULL)
            continue;
        assert_text(s.subject, table[i].subject);
        assert_text(s.queue, table[i].queue);
        assert_text(s.sid, table[i].sid);
    }
}

static void unsubscribes_have_one_or_two_arguments(void **state)
{
    static const struct {
        const char *text;
        const char *sid; /* NULL: refused */
        int64_t max;
    } table[] = {
        {"1", "1", -1},   {"abc 5", "abc", 5}, {" 1\r", "1", -1}, {"1 0", "1", 0},
        {"1 x", "1", -1}, {"1 -5", "1", -1},   {"", NULL, 0},     {"1 2 3", NULL, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct client_unsubscribe u;
        assert_int_equal(client_parse_unsub(text_of(table[i].text), &u), table[i].sid != NULL);
        if (table[i].sid == NULL)
            continue;
        assert_text(u.sid, table[i].sid);
        assert_int_equal(u.max, table[i].max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_what_it_is),
        cmocka_unit_test(every_split_and_any_bytes_behind_make_no_difference),
        cmocka_unit_test(a_prefix_is_refused_when_every_continuation_would_be),
        cmocka_unit_test(blanks_and_ignored_text_need_not_be_kept),
        cmocka_unit_test(sizes_are_up_to_nine_digits),
        cmocka_unit_test(publishes_have_two_or_three_arguments),
        cmocka_unit_test(publishes_with_headers_have_one_more),
        cmocka_unit_test(subscribes_have_two_or_three_arguments),
        cmocka_unit_test(unsubscribes_have_one_or_two_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
