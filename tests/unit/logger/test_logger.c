/* SPDX-License-Identifier: Apache-2.0 */
/* The logger over the host's files: a "server" actor gives it lines and orders, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "actors/logger/logger.h"
#include "runtime/actor.h"
#include "runtime/host/host.h"
#include "runtime/system.h"

#define STEPS_MAX 16

/* clang-format off */
#define SERVER_MESSAGES(X, R)                                                     \
    RUNTIME_MESSAGES(X, SERVER)                                                   \
    X(SERVER_BEGIN, server_begin, msg_drop_plain)     /* test: run the first step */ \
    X(SERVER_ANSWER, logger_answer, msg_drop_plain)   /* logger: the step is done */
/* clang-format on */

enum server_message { SERVER_MESSAGES(MSG_ENUM_ROW, MSG_REQUEST_ENUM_ROW) SERVER_KINDS };

struct server_begin {
    struct msg msg;
};

static const struct msg_type server_types[SERVER_KINDS] = {
    SERVER_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

struct test;
typedef void step_fn(struct test *test);

/* One run of a system: steps, each followed by a flush (or by the answer to what it asked). */
struct test {
    char folder[64];
    char file[128];
    struct log log;
    struct log_output output;
    step_fn *steps[STEPS_MAX];
    unsigned step;
    int status; /* of the last open */
    bool asked; /* this step has asked by itself */
};

struct server {
    struct actor actor;
    struct test *test;
};

static void next_step(struct server *server)
{
    struct test *test = server->test;
    step_fn *step = test->steps[test->step];
    if (step == NULL) {
        actor_stop(test->log.to, 0);
        return;
    }
    test->step++;
    test->asked = false;
    step(test);
    if (test->asked)
        return;
    struct logger_flush *flush = MSG_NEW(logger_types, LOGGER_FLUSH, logger_flush);
    flush->answer = &server_types[SERVER_ANSWER];
    actor_ask(test->log.to, &flush->msg, 0);
}

static void receive(struct actor *self, struct msg *m)
{
    struct server *server = (struct server *)(void *)self;
    if (m->type->kind == SERVER_ANSWER)
        server->test->status = ((struct logger_answer *)(void *)m)->status;
    if (m->type->kind == SERVER_GONE)
        actor_exit(self); /* the logger has written all and ended */
    else
        next_step(server);
}

static void done(struct actor *self)
{
}

static const struct actor_class server_class = {.name = "server",
                                                .types = server_types,
                                                .type_count = SERVER_KINDS,
                                                .receive = receive,
                                                .done = done};

static void open_output(struct test *test)
{
    struct logger_open *open = MSG_NEW(logger_types, LOGGER_OPEN, logger_open);
    open->answer = &server_types[SERVER_ANSWER];
    open->output = test->output;
    actor_ask(test->log.to, &open->msg, 0);
    test->asked = true;
}

static void run(struct test *test)
{
    struct world *world = host_new();
    struct system *system = system_new(world, &(struct system_options){.worker_count = 2});
    assert_non_null(system);
    struct server *server =
        (struct server *)(void *)actor_spawn(&server_class, sizeof(struct server));
    server->test = test;
    test->log.world = world;
    (void)logger_spawn(&test->log, &test->output);
    struct server_begin *begin = MSG_NEW(server_types, SERVER_BEGIN, server_begin);
    SEND(server->actor.self, begin);
    host_run(system);
    system_free(&system);
    host_free(&world);
    test->log.to = NOBODY;
    assert_null(test->steps[test->step]);
}

static void nothing(struct test *test)
{
}

static void set_up(struct test *test)
{
    memset(test, 0, sizeof *test);
    (void)snprintf(test->folder, sizeof test->folder, "/tmp/myelin-logger-XXXXXX");
    assert_non_null(mkdtemp(test->folder));
    (void)snprintf(test->file, sizeof test->file, "%s/l.log", test->folder);
    (void)snprintf(test->output.file, sizeof test->output.file, "%s", test->file);
    test->output.format.pid = 7;
    test->steps[0] = nothing;
}

/* The bytes of the file; freed by the caller. */
static char *contents(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    (void)!fread(text, 1, (1 << 20) - 1, file);
    (void)fclose(file);
    return text;
}

static void assert_contents(const char *path, const char *expected)
{
    char *text = contents(path);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

/* The files in the folder but for the log itself, sorted; returns their number. */
static unsigned backups(const struct test *test, char paths[8][384])
{
    struct dirent **names;
    int count = scandir(test->folder, &names, NULL, alphasort);
    assert_true(count >= 0);
    unsigned found = 0;
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.' && strcmp(names[i]->d_name, "l.log") != 0 && found < 8)
            (void)snprintf(paths[found++], 384, "%s/%s", test->folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return found;
}

static void tear_down(struct test *test)
{
    char paths[8][384];
    unsigned count = backups(test, paths);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(unlink(paths[i]), 0);
    (void)unlink(test->file);
    assert_int_equal(rmdir(test->folder), 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void write_one_of_each(struct test *test)
{
    LOG_INFO(&test->log, "info %d", 1);
    LOG_WARN(&test->log, "warn %s", "two");
    LOG_ERROR(&test->log, "error");
    LOG_FATAL(&test->log, "fatal");
    LOG_DEBUG(&test->log, "debug");
    LOG_TRACE(&test->log, "trace");
}

static void switch_levels_on(struct test *test)
{
    atomic_store(&test->log.debug, true);
    atomic_store(&test->log.trace, true);
}

static void lines_are_in_the_file_in_their_order(void **state)
{
    struct test test;
    set_up(&test);
    test.steps[1] = write_one_of_each;
    test.steps[2] = switch_levels_on;
    test.steps[3] = write_one_of_each;
    run(&test);
    assert_contents(test.file,
                    "[7] [INF] info 1\n[7] [WRN] warn two\n[7] [ERR] error\n[7] [FTL] fatal\n"
                    "[7] [INF] info 1\n[7] [WRN] warn two\n[7] [ERR] error\n[7] [FTL] fatal\n"
                    "[7] [DBG] debug\n[7] [TRC] trace\n");
    tear_down(&test);
}

static void append_more(struct test *test)
{
    LOG_INFO(&test->log, "more");
}

static void what_was_in_the_file_stays(void **state)
{
    struct test test;
    set_up(&test);
    test.steps[1] = append_more;
    run(&test);
    test.step = 0;
    run(&test);
    assert_contents(test.file, "[7] [INF] more\n[7] [INF] more\n");
    tear_down(&test);
}

static void check_failed_and_write(struct test *test)
{
    assert_int_equal(test->status, -ENOENT);
    (void)snprintf(test->output.file, sizeof test->output.file, "%s", test->file);
    open_output(test);
}

static void use_missing_folder(struct test *test)
{
    (void)snprintf(test->output.file, sizeof test->output.file, "%s/none/l.log", test->folder);
    open_output(test);
}

static void a_file_that_can_not_be_opened_is_told_and_the_old_one_stays(void **state)
{
    struct test test;
    set_up(&test);
    test.steps[1] = append_more;
    test.steps[2] = use_missing_folder;
    test.steps[3] = check_failed_and_write;
    test.steps[4] = append_more;
    run(&test);
    assert_int_equal(test.status, 0);
    assert_contents(test.file, "[7] [INF] more\n[7] [INF] more\n");
    tear_down(&test);
}

static void move_away_and_open_anew(struct test *test)
{
    char moved[160];
    (void)snprintf(moved, sizeof moved, "%s.moved", test->file);
    assert_int_equal(rename(test->file, moved), 0);
    LOG_INFO(&test->log, "still in the moved one");
    logger_reopen(&test->log);
}

static void opened_anew_the_file_is_a_new_one(void **state)
{
    struct test test;
    set_up(&test);
    test.steps[1] = append_more;
    test.steps[2] = move_away_and_open_anew;
    test.steps[3] = append_more;
    run(&test);
    char moved[160];
    (void)snprintf(moved, sizeof moved, "%s.moved", test.file);
    assert_contents(moved, "[7] [INF] more\n[7] [INF] still in the moved one\n");
    assert_contents(test.file, "[7] [INF] File log re-opened\n[7] [INF] more\n");
    tear_down(&test);
}

static void reopen(struct test *test)
{
    logger_reopen(&test->log);
}

static void write_where_it_can_not_be(struct test *test)
{
    test->output.file[0] = 0;
    LOG_INFO(&test->log, "to standard error");
}

/* Runs the test with standard error led into its file. */
static void run_with_stderr_in_file(struct test *test)
{
    (void)fflush(stderr);
    int kept = dup(STDERR_FILENO);
    int fd = open(test->file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(kept >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    run(test);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    assert_int_equal(close(fd) + close(kept), 0);
}

static void standard_error_can_not_be_reopened(void **state)
{
    struct test test;
    set_up(&test);
    test.output.file[0] = 0;
    test.steps[1] = reopen;
    test.steps[2] = append_more;
    run_with_stderr_in_file(&test);
    assert_contents(test.file, "[7] [INF] File log re-open ignored, not a file logger\n"
                               "[7] [INF] more\n");
    tear_down(&test);
}

static void without_its_first_file_it_says_so_and_uses_standard_error(void **state)
{
    struct test test;
    set_up(&test);
    (void)snprintf(test.output.file, sizeof test.output.file, "%s/none/l.log", test.folder);
    char expected[DISK_PATH_MAX + 128];
    (void)snprintf(expected, sizeof expected,
                   "[7] [ERR] error opening file: open %s: no such file or directory\n"
                   "[7] [INF] to standard error\n",
                   test.output.file);
    test.steps[0] = write_where_it_can_not_be;
    run_with_stderr_in_file(&test);
    assert_contents(test.file, expected);
    tear_down(&test);
}

static void say_much(struct test *test)
{
    static const char text[LOG_TEXT_MAX];
    for (int i = 0; i < 20; i++)
        log_text(&test->log, LOG_LEVEL_INFO, (struct bytes){text, sizeof text});
    test->asked = true;
    actor_stop(test->log.to, 0);
}

static void a_reader_that_takes_nothing_does_not_hold_up_the_end(void **state)
{
    struct test test;
    set_up(&test);
    int ends[2];
    test.output.file[0] = 0;
    test.output.patience_ms = 1;
    test.steps[0] = say_much;
    (void)fflush(stderr);
    int kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(kept >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    run(&test);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    assert_int_equal(close(ends[0]) + close(ends[1]) + close(kept), 0);
    tear_down(&test);
}

static void before_and_after_a_logger_lines_go_straight_to_standard_error(void **state)
{
    struct test test;
    set_up(&test);
    test.log.format.pid = 9;
    int kept = dup(STDERR_FILENO);
    int fd = open(test.file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(kept >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    LOG_ERROR(&test.log, "too early");
    LOG_DEBUG(&test.log, "not on");
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    assert_int_equal(close(fd) + close(kept), 0);
    assert_contents(test.file, "[9] [ERR] too early\n");
    tear_down(&test);
}

static void write_many(struct test *test)
{
    for (int i = 0; i < 10; i++)
        LOG_INFO(&test->log, "line %02d", i); /* 18 bytes each */
}

static void the_line_over_the_limit_is_the_last_of_its_file(void **state)
{
    struct test test;
    set_up(&test);
    test.output.size_limit = 150;
    test.steps[1] = write_many;
    run(&test);
    char paths[8][384];
    assert_int_equal(backups(&test, paths), 1);
    char *text = contents(paths[0]);
    assert_int_equal(strlen(text), 9 * 18);
    free(text);
    char expected[512];
    (void)snprintf(expected, sizeof expected,
                   "[7] [INF] Rotated log, backup saved as \"%s\"\r\n[7] [INF] line 09\n",
                   paths[0]);
    assert_contents(test.file, expected);
    assert_true(log_on(&test.log, LOG_LEVEL_INFO));
    tear_down(&test);
}

static void only_as_many_files_stay_as_allowed(void **state)
{
    struct test test;
    set_up(&test);
    test.output.size_limit = 20; /* every second line */
    test.output.files_max = 3;
    test.steps[1] = write_many;
    test.steps[2] = write_many;
    run(&test);
    char paths[8][384];
    assert_int_equal(backups(&test, paths), 2);
    char *text = contents(test.file);
    assert_non_null(strstr(text, "[7] [INF] Purged log file \"l.log.2"));
    free(text);
    tear_down(&test);
}

static void a_file_that_is_too_large_at_the_start_is_rotated(void **state)
{
    struct test test;
    set_up(&test);
    test.steps[1] = write_many;
    run(&test);
    test.output.size_limit = 170; /* ten lines are 180 */
    test.step = 0;
    test.steps[1] = append_more;
    run(&test);
    char paths[8][384];
    assert_int_equal(backups(&test, paths), 1);
    char *text = contents(paths[0]);
    assert_non_null(strstr(text, "line 09\n[7] [INF] Rotating logfile...\n"));
    free(text);
    tear_down(&test);
}

static void flood(struct test *test)
{
    atomic_store(&test->log.debug, true);
    static char text[1024];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 5000; i++)
        log_text(&test->log, LOG_LEVEL_DEBUG, (struct bytes){text, sizeof text});
    LOG_INFO(&test->log, "told all the same");
}

static void too_many_debug_lines_are_dropped_and_counted(void **state)
{
    struct test test;
    set_up(&test);
    test.steps[1] = flood;
    test.steps[2] = append_more;
    run(&test);
    FILE *file = fopen(test.file, "rb");
    assert_non_null(file);
    static char line[2048];
    unsigned debug = 0;
    unsigned info = 0;
    unsigned dropped = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        debug += strncmp(line, "[7] [DBG] x", 11) == 0;
        info += strncmp(line, "[7] [INF] ", 10) == 0;
        (void)sscanf(line, "[7] [WRN] %u lines dropped", &dropped);
    }
    (void)fclose(file);
    assert_true(dropped > 0);
    assert_int_equal(debug + dropped, 5000);
    assert_int_equal(info, 2);
    tear_down(&test);
}

static void write_long(struct test *test)
{
    static char text[2 * LOG_TEXT_MAX];
    memset(text, 'y', sizeof text - 1);
    log_text(&test->log, LOG_LEVEL_INFO, (struct bytes){text, sizeof text});
    LOG_INFO(&test->log, "%s", text);
}

static void long_lines_are_cut(void **state)
{
    struct test test;
    set_up(&test);
    test.steps[1] = write_long;
    run(&test);
    char *text = contents(test.file);
    char *second = strchr(text, '\n') + 1;
    assert_int_equal(second - text, 10 + LOG_TEXT_MAX + 1);
    assert_int_equal(strlen(second), 10 + LOG_FORMAT_MAX - 1 + 1);
    free(text);
    tear_down(&test);
}

static void silence(struct test *test)
{
    test->log.silent = true;
    write_one_of_each(test);
}

static void a_silent_log_writes_nothing(void **state)
{
    struct test test;
    set_up(&test);
    test.steps[1] = silence;
    run(&test);
    assert_contents(test.file, "");
    tear_down(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_in_the_file_in_their_order),
        cmocka_unit_test(what_was_in_the_file_stays),
        cmocka_unit_test(a_file_that_can_not_be_opened_is_told_and_the_old_one_stays),
        cmocka_unit_test(opened_anew_the_file_is_a_new_one),
        cmocka_unit_test(standard_error_can_not_be_reopened),
        cmocka_unit_test(without_its_first_file_it_says_so_and_uses_standard_error),
        cmocka_unit_test(a_reader_that_takes_nothing_does_not_hold_up_the_end),
        cmocka_unit_test(before_and_after_a_logger_lines_go_straight_to_standard_error),
        cmocka_unit_test(the_line_over_the_limit_is_the_last_of_its_file),
        cmocka_unit_test(only_as_many_files_stay_as_allowed),
        cmocka_unit_test(a_file_that_is_too_large_at_the_start_is_rotated),
        cmocka_unit_test(too_many_debug_lines_are_dropped_and_counted),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(a_silent_log_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
