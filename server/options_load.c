/* SPDX-License-Identifier: Apache-2.0 */
/* options_load.c -- from a command line to options, or to parting words. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_quote.h"
#include "runtime/base/check.h"
#include "server/flags.h"
#include "server/options_reader.h"
#include "server/version.h"

enum { PID_FILE_SIZE_MAX = 4096 };

static const char EXE[] = "nats-server";

static void leave(struct options_result *r, int exit_code)
{
    r->action = OPTIONS_EXIT;
    r->exit_code = exit_code;
}

/* nats-server: TEXT, and exit code 1 */
static void leave_with(struct options_result *r, struct bytes text)
{
    text_add(&r->err, "%s: ", EXE);
    text_add_bytes(&r->err, text);
    text_add(&r->err, "\n");
    leave(r, 1);
}

/* before"TEXT" */
static void leave_with_quoted(struct options_result *r, const char *before, const char *quoted)
{
    struct conf_error message;
    conf_error_clear(&message);
    conf_error_add(&message, "%s", before);
    conf_quote(&message, bytes_of(quoted));
    leave_with(r, (struct bytes){message.text, message.size});
}

/* ---- what the command line alone decides ---- */

static void print_version(struct options_result *r)
{
    text_add(&r->out, "%s: v%s\n", EXE, SERVER_NATS_VERSION);
    leave(r, 0);
}

static void print_help(struct options_result *r)
{
    text_add(&r->out, "%s", flags_help);
    leave(r, 0);
}

static void run_command(struct options_result *r, const char *command)
{
    struct bytes name = bytes_of(command);
    if (conf_key_is(name, "version"))
        print_version(r);
    else if (conf_key_is(name, "help"))
        print_help(r);
    else
        leave_with_quoted(r, "unrecognized command: ", command);
}

static void refuse_flag(struct options_result *r, const struct flag_value *flag)
{
    struct text message;
    text_init(&message);
    text_add(&message, "flag -%.*s: not supported yet", (int)flag->name.size, flag->name.at);
    leave_with(r, text_bytes(&message));
    text_done(&message);
}

/* ---- signals ---- */

/* 0 when there is no such command. */
static int signal_of(const char *command)
{
    static const struct {
        const char *name;
        int number;
    } commands[] = {
        {"stop", SIGKILL},  {"quit", SIGINT}, {"reopen", SIGUSR1},
        {"reload", SIGHUP}, {"ldm", SIGUSR2}, {"term", SIGTERM},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(command, commands[i].name) == 0)
            return commands[i].number;
    return 0;
}

/* The content of the file of that name, or the text itself. To be freed. */
static char *read_pid_file(const struct conf_source *source, const char *text)
{
    char *at = NULL;
    size_t size = 0;
    char *copy;
    if (source->read_file(source->context, text, PID_FILE_SIZE_MAX, &at, &size) < 0) {
        copy = strdup(text);
    } else {
        copy = strndup(at, size);
        free(at);
    }
    CHECK(copy != NULL);
    return copy;
}

/* A pid, a glob ("12*"), or nothing. */
static bool parse_pid(const char *text, struct options_signal *signal)
{
    size_t digits = strspn(text, "0123456789");
    signal->is_glob = strcmp(text + digits, "*") == 0;
    if (text[digits] != '\0' && !signal->is_glob)
        return false;
    errno = 0;
    long pid = digits == 0 ? 0 : strtol(text, NULL, 10);
    if (errno != 0 || pid > INT_MAX || (digits > 0 && pid == 0))
        return false;
    signal->pid = (int)pid;
    return true;
}

static void leave_with_text(struct options_result *r, const char *before, const char *text,
                            const char *after)
{
    struct text message;
    text_init(&message);
    text_add(&message, "%s%s%s", before, text, after);
    leave_with(r, text_bytes(&message));
    text_done(&message);
}

/* "COMMAND" or "COMMAND=PID"; parts it in place. */
static void plan_signal(struct options_result *r, const struct conf_source *source, char *words)
{
    char *pid_text = strchr(words, '=');
    if (pid_text != NULL) {
        *pid_text++ = '\0';
        char *more = strchr(pid_text, '=');
        if (more != NULL) {
            for (char *c = more + 1; *c != '\0'; c++)
                if (*c == '=')
                    *c = ' ';
            leave_with_text(r, "invalid signal parameters: [", more + 1, "]");
            return;
        }
        char *pid = read_pid_file(source, pid_text);
        bool ok = parse_pid(pid, &r->signal);
        if (!ok)
            leave_with_text(r, "invalid pid: ", pid, "");
        free(pid);
        if (!ok)
            return;
    }
    r->signal.number = signal_of(words);
    if (r->signal.number == 0) {
        leave_with_quoted(r, "unknown signal ", words);
        return;
    }
    r->action = OPTIONS_SIGNAL;
}

static void load_signal(struct options_result *r, const struct conf_source *source,
                        const char *text)
{
    char *words = strdup(text);
    CHECK(words != NULL);
    plan_signal(r, source, words);
    free(words);
}

/* ---- the file ---- */

/* True when all is well enough to go on. What is only a warning stops a test, but no server. */
static bool judge_file(struct options_result *r, bool testing, const struct text *errors,
                       const struct text *warnings)
{
    if (errors->size == 0 && (warnings->size == 0 || !testing)) {
        text_add_bytes(&r->err, text_bytes(warnings));
        return true;
    }
    struct text all;
    text_init(&all);
    text_add_bytes(&all, text_bytes(warnings));
    text_add_bytes(&all, text_bytes(errors));
    leave_with(r, text_bytes(&all));
    text_done(&all);
    return false;
}

static bool load_file(struct options_result *r, const struct conf_source *source, const char *path,
                      bool testing)
{
    CHECK(r->action == OPTIONS_RUN && path[0] != '\0');
    struct conf_tree *tree = NULL;
    struct conf_error problem;
    if (conf_parse_file(path, source, &tree, &problem) < 0) {
        leave_with(r, (struct bytes){problem.text, problem.size});
        return false;
    }
    struct text errors;
    struct text warnings;
    text_init(&errors);
    text_init(&warnings);
    r->options.config_file = arena_copy(&r->options.arena, bytes_of(path));
    conf_digest(tree, r->options.config_digest);
    options_read(&r->options, tree, &errors, &warnings);
    bool ok = judge_file(r, testing, &errors, &warnings);
    text_done(&errors);
    text_done(&warnings);
    conf_free(&tree);
    return ok;
}

static void report_valid(struct options_result *r)
{
    const struct options *o = &r->options;
    CHECK(o->config_file != NULL && o->config_digest[0] != '\0');
    for (size_t i = 0; i < o->notice_count; i++)
        text_add(&r->err, "%s\n", o->notices[i]);
    text_add(&r->err, "%s: configuration file %s is valid (%s)\n", EXE, o->config_file,
             o->config_digest);
    leave(r, 0);
}

/* ---- all of it ---- */

/* True when the command line asks for a server, or for a test of its file. */
static bool load_flags(struct options_result *r, const struct conf_source *source,
                       const struct flags *flags)
{
    const struct flag_value *refused = flags_refused(flags);
    const char *signal = flags_text(flags, FLAG_SIGNAL);
    if (flags_is_on(flags, FLAG_VERSION))
        print_version(r);
    else if (flags_is_on(flags, FLAG_HELP))
        print_help(r);
    else if (flags->command != NULL)
        run_command(r, flags->command);
    else if (refused != NULL)
        refuse_flag(r, refused);
    else if (signal[0] != '\0')
        load_signal(r, source, signal);
    else
        return true;
    return false;
}

static bool is_hashed(const struct options_auth *auth)
{
    return (auth->password != NULL && options_secret_is_hash(auth->password)) ||
           (auth->token != NULL && options_secret_is_hash(auth->token));
}

static void finish(struct options_result *r, const struct flags *flags)
{
    struct text problem;
    text_init(&problem);
    flags_apply(flags, &r->options);
    options_set_defaults(&r->options);
    if (is_hashed(&r->options.auth))
        leave_with(r, BYTES("a password or token that is a bcrypt hash is not supported yet"));
    else if (options_check(&r->options, &problem) < 0)
        leave_with(r, text_bytes(&problem));
    text_done(&problem);
}

static void load_options(struct options_result *r, const struct conf_source *source,
                         const struct flags *flags)
{
    bool testing = flags_is_on(flags, FLAG_TEST);
    const char *path = flags_text(flags, FLAG_CONFIG);
    if (path[0] == '\0' && testing)
        leave_with(r,
                   BYTES("must specify [-c, --config] option to check configuration file syntax"));
    else if (path[0] != '\0' && !load_file(r, source, path, testing))
        return;
    else if (testing)
        report_valid(r);
    else
        finish(r, flags);
}

void options_load(int argc, char *const argv[], const struct conf_source *source,
                  struct options_result *ret_result)
{
    struct options_result *r = ret_result;
    *r = (struct options_result){.action = OPTIONS_RUN};
    text_init(&r->out);
    text_init(&r->err);
    options_init(&r->options);
    struct flags flags;
    if (flags_parse(&flags, argc, argv, &r->err) < 0) {
        /* Exit code 0: Go's flag package prints the usage, and the usage leaves so. */
        text_add(&r->err, "\n");
        print_help(r);
    } else if (load_flags(r, source, &flags)) {
        load_options(r, source, &flags);
    }
    CHECK(r->action != OPTIONS_RUN || r->exit_code == 0);
}

void options_result_done(struct options_result *r)
{
    text_done(&r->out);
    text_done(&r->err);
    options_done(&r->options);
}
