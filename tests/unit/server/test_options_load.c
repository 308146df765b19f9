/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed here, nats-server 2.14.5 prints too, but for the texts with "not supported yet". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>

#include "server/flags.h"
#include "server/options.h"
#include "tests/unit/conf/memory_source.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
enum { ARGS_MAX = 16 };

static const struct memory_entry files[] = {
    {"ok.conf", "port: 5555\nhost: h\ndebug: true\nlogtime: false\n"
                "authorization { user: u, password: p }\n"},
    {"valid.conf", "{ port: 4222\n"},
    {"notice.conf", "websocket { port: -1 }\n"},
    {"empty.conf", ""},
    {"warn.conf", "ping_interval: 10\n"},
    {"bad.conf", "port: [\n"},
    {"wrong.conf", "ping_interval: 10\nfoo: 1\nbar: 2\n"},
    {"pending.conf", "max_pending: 10\n"},
    {"pid", "1234"},
    {"badpid", "1234\n"},
    {NULL, NULL},
};

/* Words parted by one space; an empty word between two. */
static void load(struct options_result *r, const char *line)
{
    struct memory_source memory = {files, NULL};
    struct conf_source source = memory_conf_source(&memory);
    char *words = strdup(line);
    char *argv[ARGS_MAX + 1] = {"/usr/bin/nats-server"};
    int argc = 1;
    char *rest = words;
    for (char *word = strsep(&rest, " "); word != NULL && *line != '\0';
         word = strsep(&rest, " ")) {
        assert_true(argc < ARGS_MAX);
        argv[argc++] = word;
    }
    options_load(argc, argv, &source, r);
    free(words);
}

static const char *text_of(const struct text *t)
{
    return t->at == NULL ? "" : t->at;
}

static const struct {
    const char *line;
    int exit_code;
    const char *err;
    const char *out; /* how it begins; the help when it says Usage */
} partings[] = {
    {"-v", 0, "", "nats-server: v2.14.5\n"},
    {"--version", 0, "", "nats-server: v2.14.5\n"},
    {"version", 0, "", "nats-server: v2.14.5\n"},
    {"-p 1 VERSION x y", 0, "", "nats-server: v2.14.5\n"},
    {"-js -v", 0, "", "nats-server: v2.14.5\n"},
    {"-h", 0, "", "\nUsage: nats-server [options]\n"},
    {"-help=1", 0, "", "\nUsage: nats-server [options]\n"},
    {"help", 0, "", "\nUsage: nats-server [options]\n"},
    {"foo", 1, "nats-server: unrecognized command: \"foo\"\n", ""},
    {"-", 1, "nats-server: unrecognized command: \"-\"\n", ""},
    {"-- -p", 1, "nats-server: unrecognized command: \"-p\"\n", ""},
    {"-nosuch", 0, "flag provided but not defined: -nosuch\n", "\nUsage"},
    {"--nosuch=3", 0, "flag provided but not defined: -nosuch\n", "\nUsage"},
    {"-p", 0, "flag needs an argument: -p\n", "\nUsage"},
    {"-p abc", 0, "invalid value \"abc\" for flag -p: parse error\n", "\nUsage"},
    {"-p=", 0, "invalid value \"\" for flag -p: parse error\n", "\nUsage"},
    {"-p 09", 0, "invalid value \"09\" for flag -p: parse error\n", "\nUsage"},
    {"-p 99999999999999999999", 0,
     "invalid value \"99999999999999999999\" for flag -p: value out of range\n", "\nUsage"},
    {"-D=x", 0, "invalid boolean value \"x\" for -D: parse error\n", "\nUsage"},
    {"---x", 0, "bad flag syntax: ---x\n", "\nUsage"},
    {"-=x", 0, "bad flag syntax: -=x\n", "\nUsage"},
    {"-t", 1,
     "nats-server: must specify [-c, --config] option to check configuration file syntax\n", ""},
    {"-t -c valid.conf", 0,
     "nats-server: configuration file valid.conf is valid "
     "(sha256:797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e)\n",
     ""},
    {"-c no.conf", 1, "nats-server: open no.conf: no such file or directory\n", ""},
    {"-c bad.conf", 1,
     "nats-server: Parse error on line 2: 'Expected an array value terminator \",\" or an array "
     "terminator \"]\", but got '@' instead.'\n",
     ""},
    {"-t -c empty.conf", 1, "nats-server: empty.conf: config has no values or is empty\n\n", ""},
    {"-t -c warn.conf", 1,
     "nats-server: warn.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be "
     "converted to a duration\n\n",
     ""},
    {"-c wrong.conf", 1,
     "nats-server: wrong.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be "
     "converted to a duration\nwrong.conf:2:1: unknown field \"foo\"\nwrong.conf:3:1: unknown field "
     "\"bar\"\n\n",
     ""},
    {"-c pending.conf", 1,
     "nats-server: max_payload (1048576) cannot be higher than max_pending (10)\n", ""},
    {"-js", 1, "nats-server: flag -js: not supported yet\n", ""},
    {"--jetstream=true", 1, "nats-server: flag -jetstream: not supported yet\n", ""},
    {"--pass $2a$11$abc --user u", 1,
     "nats-server: a password or token that is a bcrypt hash is not supported yet\n", ""},
    {"--signal ldm=abc", 1, "nats-server: invalid pid: abc\n", ""},
    {"--signal ldm=badpid", 1, "nats-server: invalid pid: 1234\n\n", ""},
    {"-sl ldm=-1", 1, "nats-server: invalid pid: -1\n", ""},
    {"-sl foo=12", 1, "nats-server: unknown signal \"foo\"\n", ""},
    {"-sl a=b=c", 1, "nats-server: invalid signal parameters: [c]\n", ""},
};

static void what_starts_no_server_is_answered(void **state)
{
    for (size_t i = 0; i < COUNT(partings); i++) {
        struct options_result r;
        load(&r, partings[i].line);
        assert_int_equal(r.action, OPTIONS_EXIT);
        for (size_t at = 0; at < r.err.size; at++)
            if (r.err.at[at] == '\0')
                r.err.at[at] = '@';
        assert_string_equal(text_of(&r.err), partings[i].err);
        assert_int_equal(r.exit_code, partings[i].exit_code);
        if (partings[i].out[0] == '\0')
            assert_int_equal(r.out.size, 0);
        else
            assert_memory_equal(text_of(&r.out), partings[i].out, strlen(partings[i].out));
        options_result_done(&r);
    }
}

static void a_notice_does_not_make_a_file_invalid(void **state)
{
    struct options_result r;
    load(&r, "-t -c notice.conf");
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(text_of(&r.err), "notice.conf:1:0: \"websocket\" is accepted"));
    assert_non_null(strstr(text_of(&r.err), "configuration file notice.conf is valid (sha256:"));
    options_result_done(&r);
}

static void a_warning_stops_no_server(void **state)
{
    struct options_result r;
    load(&r, "-c warn.conf");
    assert_int_equal(r.action, OPTIONS_RUN);
    assert_non_null(strstr(text_of(&r.err), "should be converted to a duration\n"));
    assert_true(r.options.timing.ping_interval_ns == 10000000000);
    options_result_done(&r);
}

static void flags_win_over_the_file_in_any_order(void **state)
{
    static const char *const lines[] = {
        "-c ok.conf -p 6666 --user v --debug=false -T",
        "-p 6666 --user=v -D=0 --logtime=true --config ok.conf",
        "-p 1 -p 0x1a0a -user v -D=false -T=t -c no.conf -c ok.conf",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct options_result r;
        load(&r, lines[i]);
        assert_string_equal(text_of(&r.err), "");
        assert_int_equal(r.action, OPTIONS_RUN);
        assert_int_equal(r.options.client.port, 6666);
        assert_string_equal(r.options.client.host, "h");
        assert_string_equal(r.options.auth.user, "v");
        assert_string_equal(r.options.auth.password, "p");
        assert_false(r.options.log.debug);
        assert_true(r.options.log.time);
        assert_string_equal(r.options.config_file, "ok.conf");
        assert_memory_equal(r.options.config_digest, "sha256:", strlen("sha256:"));
        options_result_done(&r);
    }
}

static void a_bare_command_line_has_all_defaults(void **state)
{
    struct options_result r;
    load(&r, "");
    assert_int_equal(r.action, OPTIONS_RUN);
    assert_int_equal(r.options.client.port, 4222);
    assert_null(r.options.config_file);
    assert_string_equal(r.options.config_digest, "");
    assert_null(r.options.server_name);
    assert_true(r.options.log.time);
    options_result_done(&r);
}

static void every_supported_flag_reaches_its_option(void **state)
{
    struct options_result r;
    load(&r,
         "-a 127.0.0.1 -n name -P pid1 --ports_file_dir dir --client_advertise adv -m -1 -l log");
    assert_string_equal(r.options.client.host, "127.0.0.1");
    assert_string_equal(r.options.server_name, "name");
    assert_string_equal(r.options.pid_file, "pid1");
    assert_string_equal(r.options.ports_file_dir, "dir");
    assert_string_equal(r.options.client.advertise, "adv");
    assert_int_equal(r.options.monitor.port, OPTIONS_PORT_ANY);
    assert_string_equal(r.options.monitor.host, "127.0.0.1");
    assert_string_equal(r.options.log.file, "log");
    options_result_done(&r);
    load(&r, "--net ::1 --auth tok --log_size_limit 77 --max_traced_msg_len 5 --logtime_utc -p 0");
    assert_string_equal(r.options.client.host, "::1");
    assert_string_equal(r.options.auth.token, "tok");
    assert_int_equal(r.options.log.file_bytes_max, 77);
    assert_int_equal(r.options.log.traced_bytes_max, 5);
    assert_true(r.options.log.time_utc);
    assert_int_equal(r.options.client.port, 4222);
    options_result_done(&r);
}

static void debug_and_trace_have_joint_flags(void **state)
{
    static const struct {
        const char *line;
        bool debug;
        bool trace;
        bool verbose;
    } rows[] = {
        {"-D", true, false, false},
        {"-V", false, true, false},
        {"--trace", false, true, false},
        {"-DV", true, true, false},
        {"-VV", false, true, true},
        {"-DVV", true, true, true},
        {"-D -DV=false", false, false, false},
        {"-DVV=false -V", false, false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct options_result r;
        load(&r, rows[i].line);
        assert_int_equal(r.options.log.debug, rows[i].debug);
        assert_int_equal(r.options.log.trace, rows[i].trace);
        assert_int_equal(r.options.log.trace_verbose, rows[i].verbose);
        options_result_done(&r);
    }
}

static void signals_name_a_command_and_a_process(void **state)
{
    static const struct {
        const char *line;
        int number;
        int pid;
        bool is_glob;
    } rows[] = {
        {"--signal ldm=12", SIGUSR2, 12, false}, {"-sl stop=12", SIGKILL, 12, false},
        {"-sl=quit=12", SIGINT, 12, false},      {"--signal term=pid", SIGTERM, 1234, false},
        {"--signal reopen", SIGUSR1, 0, false},  {"--signal reload=", SIGHUP, 0, false},
        {"--signal reload=*", SIGHUP, 0, true},  {"--signal reload=12*", SIGHUP, 12, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct options_result r;
        load(&r, rows[i].line);
        assert_int_equal(r.action, OPTIONS_SIGNAL);
        assert_int_equal(r.signal.number, rows[i].number);
        assert_int_equal(r.signal.pid, rows[i].pid);
        assert_int_equal(r.signal.is_glob, rows[i].is_glob);
        options_result_done(&r);
    }
}

/* Every spelling, asking for something and for nothing. */

static void try_flag(const char *names, const char *type, bool is_refused)
{
    for (const char *at = names; *at != '\0';) {
        int size = (int)strcspn(at, "|");
        char line[64];
        char off[64];
        char want[128];
        bool is_bool = strcmp(type, "BOOL") == 0;
        snprintf(line, sizeof(line), "--%.*s%s", size, at, is_bool ? "" : "=7");
        snprintf(off, sizeof(off), "-%.*s=%s", size, at,
                 is_bool                    ? "false"
                 : strcmp(type, "INT") == 0 ? "0"
                                            : "");
        snprintf(want, sizeof(want), "nats-server: flag -%.*s: not supported yet\n", size, at);
        struct options_result r;
        load(&r, line);
        assert_int_equal(strcmp(text_of(&r.err), want) == 0, is_refused);
        assert_null(strstr(text_of(&r.err), "not defined"));
        options_result_done(&r);
        load(&r, off);
        assert_null(strstr(text_of(&r.err), "not supported yet"));
        options_result_done(&r);
        at += size + (at[size] == '|' ? 1 : 0);
    }
}

static void every_flag_of_a_missing_feature_is_refused_unless_off(void **state)
{
#define TRY(id, names, type, state_name) try_flag(names, #type, #state_name[0] == 'R');
    FLAGS(TRY)
#undef TRY
}

static void the_help_names_every_flag(void **state)
{
#define NAMED(id, names, type, state_name)                                  \
    if (FLAG_##id != FLAG_COUNT) {                                          \
        const char *bar = strrchr(names, '|');                              \
        assert_non_null(strstr(flags_help, bar == NULL ? names : bar + 1)); \
    }
    FLAGS(NAMED)
#undef NAMED
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_starts_no_server_is_answered),
        cmocka_unit_test(a_notice_does_not_make_a_file_invalid),
        cmocka_unit_test(a_warning_stops_no_server),
        cmocka_unit_test(flags_win_over_the_file_in_any_order),
        cmocka_unit_test(a_bare_command_line_has_all_defaults),
        cmocka_unit_test(every_supported_flag_reaches_its_option),
        cmocka_unit_test(debug_and_trace_have_joint_flags),
        cmocka_unit_test(signals_name_a_command_and_a_process),
        cmocka_unit_test(every_flag_of_a_missing_feature_is_refused_unless_off),
        cmocka_unit_test(the_help_names_every_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
