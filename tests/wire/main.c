/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- the program `wire`: finds scripts, runs several at once, sums up.
 *
 * Idea        Each script runs in a child process of its own, which owns its servers: a script that
 *             crashes or hangs the runner costs only itself. The children's words go through
 *             temporary files, so that reports do not mix.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "tests/wire/process.h"
#include "tests/wire/run.h"
#include "tests/wire/sim/backend_sim.h"

#define JOBS_MAX 64
#define SCRIPTS_MAX 20000
#define SCRIPT_SECONDS_MAX 300 /* a runner that hangs is killed; nothing is timed by this */

struct job {
    pid_t pid; /* 0: free */
    const char *path;
    FILE *words;
};

struct suite {
    struct run_world world;
    char **paths; /* given */
    int count;
    int jobs_max;
    int failed_max; /* no script is started after so many failures */
    bool verbose;
    int failed;
    int passed;
    int skipped;
    struct job jobs[JOBS_MAX];
};

static struct wire_backend *process_world(const struct run_world *world)
{
    return process_new(world->binary, world->version, world->keep);
}

static struct wire_backend *sim_world(const struct run_world *world)
{
    return backend_sim_new(world->seed);
}

static void add_path(struct suite *suite, const char *path)
{
    CHECK(suite->count < SCRIPTS_MAX);
    suite->paths = realloc(suite->paths, (size_t)(suite->count + 1) * sizeof(char *));
    CHECK(suite->paths != NULL);
    suite->paths[suite->count] = strdup(path);
    CHECK(suite->paths[suite->count] != NULL);
    suite->count++;
}

static bool is_script(const char *path)
{
    size_t size = strlen(path);
    return size > 3 && strcmp(path + size - 3, ".nt") == 0;
}

/* Adds the script, or all scripts below the folder, in the order of their names. */
static int find_scripts(struct suite *suite, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -errno;
    if (!S_ISDIR(st.st_mode)) {
        add_path(suite, path);
        return 0;
    }
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    int rc = count < 0 ? -errno : 0;
    for (int i = 0; i < count; i++) {
        struct blob below = {0};
        blob_format(&below, "%s/%s", path, entries[i]->d_name);
        bool folder = entries[i]->d_type == DT_DIR && entries[i]->d_name[0] != '.';
        if (rc == 0 && (folder || is_script(entries[i]->d_name)))
            rc = find_scripts(suite, blob_string(&below));
        blob_done(&below);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return rc;
}

static enum run_result run_path(const struct suite *suite, const char *path, struct blob *report)
{
    struct script *script = script_load(path, report);
    if (script == NULL) {
        blob_add_string(report, "\n");
        return RUN_FAILED;
    }
    enum run_result result = run_script(script, &suite->world, report);
    script_free(&script);
    return result;
}

static _Noreturn void child(struct suite *suite, const char *path, FILE *words)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(SCRIPT_SECONDS_MAX);
    struct blob report = {0};
    enum run_result result = run_path(suite, path, &report);
    fputs(blob_string(&report), words);
    fclose(words);
    blob_done(&report);
    for (int i = 0; i < suite->count; i++)
        free(suite->paths[i]);
    free(suite->paths);
    exit((int)result);
}

static void job_start(struct suite *suite, struct job *job, const char *path)
{
    job->path = path;
    job->words = tmpfile();
    CHECK(job->words != NULL);
    fflush(NULL);
    job->pid = fork();
    CHECK(job->pid >= 0);
    if (job->pid == 0)
        child(suite, path, job->words);
}

static void job_print(const struct job *job)
{
    char chunk[4096];
    size_t size;
    rewind(job->words);
    while ((size = fread(chunk, 1, sizeof(chunk), job->words)) > 0)
        fwrite(chunk, 1, size, stdout);
}

static void job_end(struct suite *suite, struct job *job, int status)
{
    int result = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (result == RUN_PASSED)
        suite->passed++;
    else if (result == RUN_SKIPPED)
        suite->skipped++;
    else
        suite->failed++;
    if (result != RUN_PASSED || suite->verbose) {
        const char *word = result == RUN_PASSED ? "ok" : result == RUN_SKIPPED ? "skip" : "FAIL";
        printf("%s %s\n", word, job->path);
        if (result == -1)
            printf("    the runner died of signal %d\n", WTERMSIG(status));
        job_print(job);
    }
    fclose(job->words);
    *job = (struct job){0};
}

static struct job *job_of(struct suite *suite, pid_t pid)
{
    for (int i = 0; i < suite->jobs_max; i++) {
        if (suite->jobs[i].pid == pid)
            return &suite->jobs[i];
    }
    return NULL;
}

static void run_all(struct suite *suite)
{
    int next = 0;
    int running = 0;
    while (next < suite->count || running > 0) {
        if (suite->failed >= suite->failed_max)
            next = suite->count;
        if (next == suite->count && running == 0)
            break;
        struct job *idle = running < suite->jobs_max ? job_of(suite, 0) : NULL;
        if (next < suite->count && idle != NULL) {
            job_start(suite, idle, suite->paths[next++]);
            running++;
            continue;
        }
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        struct job *done = pid > 0 ? job_of(suite, pid) : NULL;
        if (done == NULL)
            continue;
        job_end(suite, done, status);
        running--;
    }
}

static int usage(void)
{
    fputs(
        "usage: wire (--binary SERVER | --oracle SERVER | --sim SEED) [-j JOBS] [--failures N] [--keep] [-v] PATH...\n"
        "  --binary  the server under test\n"
        "  --oracle  nats-server itself\n"
        "  --sim     simulated servers; seed 0 is calm\n"
        "  --failures N  start no more scripts after N failures\n"
        "  --config LINE  put LINE in front of every configuration\n"
        "  --keep    leave the servers' folders in the temporary folder\n"
        "  PATH      scripts, or folders of them\n",
        stderr);
    return 2;
}

/* Takes one option with what belongs to it; the index of the next argument, or -1. */
static int option_take(struct suite *suite, int argc, char **argv, int i)
{
    bool more = i + 1 < argc;
    if (strcmp(argv[i], "-v") == 0) {
        suite->verbose = true;
    } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
        suite->world.config = argv[++i];
    } else if (strcmp(argv[i], "--keep") == 0) {
        suite->world.keep = true;
    } else if (strcmp(argv[i], "-j") == 0 && more) {
        suite->jobs_max = atoi(argv[++i]);
    } else if (strcmp(argv[i], "--failures") == 0 && more) {
        suite->failed_max = atoi(argv[++i]);
    } else if (strcmp(argv[i], "--binary") == 0 && more) {
        suite->world.kind = "myelin";
        suite->world.binary = argv[++i];
    } else if (strcmp(argv[i], "--sim") == 0 && more) {
        suite->world.kind = "sim";
        suite->world.backend_new = sim_world;
        suite->world.seed = strtoull(argv[++i], NULL, 10);
    } else if (strcmp(argv[i], "--oracle") == 0 && more) {
        suite->world.kind = "oracle";
        suite->world.binary = argv[++i];
    } else {
        return -1;
    }
    return i + 1;
}

/* The server's real path and version. */
static bool ask_binary(struct run_world *world, char **ret_binary, struct blob *ret_version)
{
    *ret_binary = realpath(world->binary, NULL);
    if (*ret_binary == NULL) {
        fprintf(stderr, "wire: %s: %s\n", world->binary, strerror(errno));
        return false;
    }
    if (process_ask_version(*ret_binary, ret_version) < 0) {
        fprintf(stderr, "wire: %s does not tell its version\n", *ret_binary);
        return false;
    }
    world->binary = *ret_binary;
    world->version = blob_string(ret_version);
    return true;
}

int main(int argc, char **argv)
{
    struct suite suite = {
        .jobs_max = 2, .failed_max = SCRIPTS_MAX, .world.backend_new = process_world};
    int i = 1;
    while (i > 0 && i < argc && argv[i][0] == '-')
        i = option_take(&suite, argc, argv, i);
    if (i < 0 || i == argc || suite.world.kind == NULL || suite.jobs_max < 1 ||
        suite.jobs_max > JOBS_MAX)
        return usage();
    char *binary = NULL;
    struct blob version = {0};
    if (suite.world.binary != NULL && !ask_binary(&suite.world, &binary, &version))
        return 2;
    for (; i < argc; i++) {
        int rc = find_scripts(&suite, argv[i]);
        if (rc < 0) {
            fprintf(stderr, "wire: %s: %s\n", argv[i], strerror(-rc));
            return 2;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    run_all(&suite);
    int left = suite.count - suite.passed - suite.failed - suite.skipped;
    if (left > 0)
        printf("%d not run\n", left);
    printf("%d passed, %d failed, %d skipped\n", suite.passed, suite.failed, suite.skipped);
    for (i = 0; i < suite.count; i++)
        free(suite.paths[i]);
    free(suite.paths);
    free(binary);
    blob_done(&version);
    return suite.failed > 0 || suite.passed + suite.skipped == 0;
}
