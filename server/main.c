/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- the process: what belongs to it alone, and one server in the real world. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocols/nats/nkey.h"
#include "runtime/base/check.h"
#include "runtime/host/host.h"
#include "runtime/report.h"
#include "server/options.h"
#include "server/process.h"
#include "server/server.h"
#include "server/store_tool.h"

/* Freed memory above this goes back to the system soon; blocks below it are kept for reuse. */
#define TRIM_THRESHOLD (4 << 20)

static void prepare_process(void)
{
    report_install();
    CHECK(nkey_init());
    tzset();
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    (void)mallopt(M_MMAP_THRESHOLD,
                  TRIM_THRESHOLD); /* buffers of one read are not mapped each time */
    (void)mallopt(M_ARENA_MAX, 2);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* fewer connections then, which accept tells */
    }
}

/* One for two cores: the other ones are for the kernel's half of the work and for the file threads,
 * and a message that crosses workers costs half as much again (docs/decisions/003-workers.md). */
static uint16_t default_workers(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long workers = (cores + 1) / 2;
    return (uint16_t)(workers < 1                     ? 1
                      : workers > OPTIONS_WORKERS_MAX ? OPTIONS_WORKERS_MAX
                                                      : workers);
}

/* A server whose log can not be written does not start. The logger itself opens it later. */
static bool can_log(const char *path)
{
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (path == NULL || (fd >= 0 && close(fd) == 0))
        return true;
    fprintf(stderr, "nats-server: error opening file: open %s: %s\n", path, strerror(errno));
    return false;
}

static int run(struct options *options, const char *argv0)
{
    if (!can_log(options->log.file))
        return 1;
    if (options->workers == 0)
        options->workers = default_workers();
    struct world *world = host_new();
    struct text problem;
    text_init(&problem);
    struct stat stat;
    const struct server_wiring wiring = {
        .signals = true,
        .logs = true,
        .pid = (uint32_t)getpid(),
        .terminal = fstat(STDERR_FILENO, &stat) == 0 && S_ISCHR(stat.st_mode),
    };
    struct server *server = server_new(world, options, &wiring, &problem);
    bool started = problem.size == 0;
    if (!started)
        fprintf(stderr, "nats-server: %.*s\n", (int)problem.size, problem.at);
    struct process_files files = {0};
    if (started)
        process_files_write(&files, options, server, argv0);
    host_run(server_system(server));
    process_files_remove(&files);
    server_free(&server);
    host_free(&world);
    text_done(&problem);
    return started ? 0 : 1;
}

static void print(FILE *to, const struct text *text)
{
    if (text->size > 0)
        (void)fwrite(text->at, 1, text->size, to); /* nobody is left to be told */
}

int main(int argc, char **argv)
{
    prepare_process();
    if (argc > 1 && strcmp(argv[1], "store") == 0)
        return store_tool_main(argc - 2, argv + 2);
    const struct conf_source source = {process_read_file, process_get_env, NULL};
    struct options_result loaded;
    options_load(argc, argv, &source, &loaded);
    print(stdout, &loaded.out);
    print(stderr, &loaded.err);
    int exit_code = loaded.exit_code;
    switch (loaded.action) {
    case OPTIONS_EXIT: break;
    case OPTIONS_SIGNAL: exit_code = process_signal(&loaded.signal); break;
    case OPTIONS_RUN: exit_code = run(&loaded.options, argv[0]); break;
    }
    options_result_done(&loaded);
    return exit_code;
}
