/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- the simulator program: runs scenarios from seeds, each seed twice, and compares.
 *
 *   sim [--runs N] [--seed S] [--scenario NAME] [--store | --broker] [--once] [--trace N]
 *       [--logs] [--list] [--digest-file FILE]
 *
 * The first run records, the second is compared with it record by record while it runs. In debug
 * builds the two fill free memory with different bytes. Ends with 1 when any run failed.
 */
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/report.h"
#include "tests/sim/scenario.h"

struct arguments {
    uint64_t runs;
    uint64_t seed;
    bool seeded;
    const char *scenario; /* NULL: all that are not slow */
    bool store;           /* those about the store alone */
    bool broker;          /* all others */
    const char *digest_file;
    bool once;
    bool list;
    bool verbose;
    bool logs;
    unsigned trace; /* records to print at the end */
};

/* The process's: a panic has no other context. */
static const struct run *the_run;
static const struct scenario *the_scenario;

/* --- failing ------------------------------------------------------------------------------------ */

void run_fail(struct run *run, const char *format, ...)
{
    if (run->failed)
        return;
    run->failed = true;
    va_list args;
    va_start(args, format);
    vsnprintf(run->why, sizeof run->why, format, args);
    va_end(args);
}

bool run_until(struct run *run, sim_done_fn *done, void *context, uint64_t limit_ns,
               const char *what)
{
    if (run->failed)
        return false;
    if (sim_run_until(run->sim, done, context, limit_ns))
        return true;
    run_fail(run, "within %" PRIu64 " ms of virtual time: %s", limit_ns / MILLISECONDS, what);
    return false;
}

static void print_replay(FILE *to)
{
    fprintf(to, "replay: ./dev sim --seed %" PRIu64 " --scenario %s\n", the_run->seed,
            the_scenario->name);
}

static void report_panic(void)
{
    report_print();
    if (the_run == NULL)
        return;
    print_replay(stderr);
    sim_print_records(the_run->sim, stderr, 20);
}

/* --- one seed ----------------------------------------------------------------------------------- */

static struct sim *run_once(const struct scenario *scenario, uint64_t seed, int poison,
                            const struct sim *first, bool logs, struct run *run)
{
    struct prng prng;
    prng_init(&prng, seed ^ hash_bytes(0, scenario->name, strlen(scenario->name)));
    struct sim_options options;
    bool rough = !scenario->calm && seed % 8 != 0;
    if (rough)
        sim_options_draw(&options, &prng);
    else
        sim_options_init(&options);
    options.record = first == NULL;
    options.poison = poison;
    options.payload = scenario->payload;
    struct sim *sim = sim_new(prng_next(&prng), &options);
    if (first != NULL)
        sim_compare(sim, first);
    *run =
        (struct run){.sim = sim, .prng = sim_prng(sim), .seed = seed, .rough = rough, .logs = logs};
    the_run = run;
    scenario->run(run);
    the_run = NULL;
    return sim;
}

struct outcome {
    bool failed;
    uint64_t digest;
    uint64_t steps;
};

static void print_failure(const struct scenario *scenario, const struct run *run,
                          const struct arguments *args)
{
    printf("FAILED seed %" PRIu64 " scenario %s: %s\n", run->seed, scenario->name, run->why);
    printf("replay: ./dev sim --seed %" PRIu64 " --scenario %s\n", run->seed, scenario->name);
    sim_print_records(run->sim, stdout, args->trace > 0 ? args->trace : 10);
}

static struct outcome run_seed(const struct scenario *scenario, uint64_t seed,
                               const struct arguments *args)
{
    the_scenario = scenario;
    struct run run;
    struct sim *first = run_once(scenario, seed, 0xa5, NULL, args->logs, &run);
    struct outcome outcome = {run.failed, sim_digest(first), sim_steps(first)};
    if (run.failed)
        print_failure(scenario, &run, args);
    else if (args->trace > 0)
        sim_print_records(first, stdout, args->trace);
    if (!args->once && !run.failed) {
        struct sim *second = run_once(scenario, seed, 0x5a, first, false, &run);
        if (sim_diverged(second) && !run.failed)
            run_fail(&run, "the same seed did not give the same run");
        if (run.failed)
            print_failure(scenario, &run, args);
        outcome.failed = run.failed;
        sim_free(&second);
    }
    sim_free(&first);
    return outcome;
}

/* --- all of them -------------------------------------------------------------------------------- */

static bool chosen(const struct scenario *scenario, const struct arguments *args)
{
    if (args->scenario != NULL)
        return strcmp(args->scenario, scenario->name) == 0;
    return !scenario->slow && (scenario->store ? !args->broker : !args->store);
}

static int run_all(const struct arguments *args, FILE *digests)
{
    uint64_t failures = 0;
    uint64_t count = 0;
    uint64_t steps = 0;
    uint64_t digest = 0;
    for (uint64_t i = 0; i < args->runs; i++)
        for (unsigned s = 0; s < scenario_count; s++) {
            if (!chosen(&scenarios[s], args))
                continue;
            uint64_t seed = args->seed + i;
            struct outcome outcome = run_seed(&scenarios[s], seed, args);
            count++;
            failures += outcome.failed;
            steps += outcome.steps;
            digest = hash_u64(digest + outcome.digest);
            if (args->verbose)
                printf("%-24s seed %" PRIu64 " steps %" PRIu64 " digest %016" PRIx64 "\n",
                       scenarios[s].name, seed, outcome.steps, outcome.digest);
            if (digests != NULL)
                fprintf(digests, "%s %" PRIu64 " %016" PRIx64 "\n", scenarios[s].name, seed,
                        outcome.digest);
        }
    if (count == 0) {
        fprintf(stderr, "there is no scenario %s\n", args->scenario);
        return 2;
    }
    printf("sim: %" PRIu64 " runs from seed %" PRIu64 ", %" PRIu64 " steps, %" PRIu64
           " failed, digest %016" PRIx64 "\n",
           count, args->seed, steps, failures, digest);
    return failures == 0 ? 0 : 1;
}

static void list(void)
{
    for (unsigned s = 0; s < scenario_count; s++)
        printf("%-24s %s%s\n", scenarios[s].name, scenarios[s].story,
               scenarios[s].slow ? " (slow)" : "");
}

/* --- arguments ---------------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(
        stderr,
        "usage: sim [--runs N] [--seed S] [--scenario NAME] [--store | --broker] [--once] [--verbose]\n"
        "           [--trace N] [--logs] [--digest-file FILE] [--list]\n");
    return 2;
}

/* How many words it was; 0: not understood. */
static int read_argument(struct arguments *args, const char *word, const char *value)
{
    if (strcmp(word, "--once") == 0)
        return args->once = true;
    if (strcmp(word, "--list") == 0)
        return args->list = true;
    if (strcmp(word, "--logs") == 0)
        return args->logs = true;
    if (strcmp(word, "--verbose") == 0)
        return args->verbose = true;
    if (strcmp(word, "--store") == 0)
        return args->store = true;
    if (strcmp(word, "--broker") == 0)
        return args->broker = true;
    if (value == NULL)
        return 0;
    if (strcmp(word, "--runs") == 0)
        args->runs = strtoull(value, NULL, 10);
    else if (strcmp(word, "--seed") == 0)
        args->seed = strtoull(value, NULL, 10);
    else if (strcmp(word, "--scenario") == 0)
        args->scenario = value;
    else if (strcmp(word, "--digest-file") == 0)
        args->digest_file = value;
    else if (strcmp(word, "--trace") == 0)
        args->trace = (unsigned)strtoul(value, NULL, 10);
    else
        return 0;
    return 2;
}

static bool read_arguments(struct arguments *args, int argc, char **argv)
{
    *args = (struct arguments){.seed = 1};
    for (int i = 1; i < argc;) {
        int words = read_argument(args, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (words == 0)
            return false;
        args->seeded = args->seeded || strcmp(argv[i], "--seed") == 0;
        i += words;
    }
    if (args->runs == 0)
        args->runs = args->seeded ? 1 : 50;
    return true;
}

int main(int argc, char **argv)
{
    struct arguments args;
    if (!read_arguments(&args, argc, argv))
        return usage();
    if (args.list) {
        list();
        return 0;
    }
    CHECK(sodium_init() >= 0);
    CHECK(setenv("TZ", "UTC", 1) == 0); /* logs tell the local time */
    tzset();
    panic_set_reporter(report_panic);
    FILE *digests = NULL;
    if (args.digest_file != NULL && (digests = fopen(args.digest_file, "w")) == NULL) {
        perror(args.digest_file);
        return 2;
    }
    printf("sim: seed %" PRIu64 "; replay: ./dev sim --seed %" PRIu64 " --runs %" PRIu64 "%s%s%s\n",
           args.seed, args.seed, args.runs,
           args.store    ? " --store"
           : args.broker ? " --broker"
                         : "",
           args.scenario != NULL ? " --scenario " : "", args.scenario != NULL ? args.scenario : "");
    fflush(stdout);
    int status = run_all(&args, digests);
    if (digests != NULL && fclose(digests) != 0)
        status = 2;
    return status;
}
