/* SPDX-License-Identifier: Apache-2.0 */
/* load.c -- puts a NATS server under one kind of load and says what it cost.
 *
 *     load WORKLOAD --port P [options]
 *
 *     flood          publishers to subscribers: 1 to 1, fan-out, fan-in, queue groups, no subscribers;
 *                    with --rate at a fixed rate, with latencies
 *     wildcards      one publisher, --subscriptions wildcard subscriptions, 4 of which match
 *     request        request and reply, --outstanding at a time, or at --rate
 *     churn          SUB and UNSUB pairs, sent without waiting; UNSUB trails SUB by --live
 *     idle           --connections that do nothing: memory
 *     subscriptions  --subscriptions that hear nothing: memory
 *     pending        fan-out to --subscribers that do not read: memory
 *     start          starts the command after `--` over and over: time to the first PONG, memory
 *
 * Prints one JSON object. Its "failure" is empty, and the exit status 0, when every message arrived,
 * in order (in a queue group: once) and whole. Latencies at a rate are measured from the moment at
 * which a message was due, not from when it was sent: a stalled server cannot hide what it delayed.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "tests/bench/load.h"
#include "tests/bench/payload.h"

typedef void run_fn(struct load *l);

static const struct workload {
    const char *name;
    run_fn *run;
} WORKLOADS[] = {
    {"flood", load_run_flood},     {"wildcards", load_run_wildcards},
    {"request", load_run_request}, {"churn", load_run_churn},
    {"idle", load_run_idle},       {"subscriptions", load_run_subscriptions},
    {"pending", load_run_pending}, {"start", load_run_start},
};

enum option_kind { OPTION_INT, OPTION_SIZE, OPTION_COUNT, OPTION_REAL, OPTION_FLAG };

static const struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset;
    double min, max;
} OPTIONS[] = {
    {"port", OPTION_INT, offsetof(struct options, port), 1, 65535},
    {"server-pid", OPTION_INT, offsetof(struct options, server), 0, 1 << 30},
    {"cpu", OPTION_INT, offsetof(struct options, cpu), -1, CPU_SETSIZE - 1},
    {"raw", OPTION_FLAG, offsetof(struct options, raw), 0, 1},
    {"spin", OPTION_FLAG, offsetof(struct options, spin), 0, 1},
    {"size", OPTION_SIZE, offsetof(struct options, size), PAYLOAD_SIZE_MIN, LOAD_PAYLOAD_MAX},
    {"window", OPTION_SIZE, offsetof(struct options, window), 0, 1 << 30},
    {"publishers", OPTION_INT, offsetof(struct options, publishers), 1, 1000},
    {"subscribers", OPTION_INT, offsetof(struct options, subscribers), 0, 10000},
    {"connections", OPTION_INT, offsetof(struct options, connections), 1, LOAD_CONNECTIONS_MAX - 1},
    {"subscriptions", OPTION_INT, offsetof(struct options, subscriptions), 4, 10000000},
    {"outstanding", OPTION_INT, offsetof(struct options, outstanding), 1, LOAD_OUTSTANDING_MAX},
    {"live", OPTION_INT, offsetof(struct options, live), 0, 1000000},
    {"repeat", OPTION_INT, offsetof(struct options, repeat), 1, 1000},
    {"queue", OPTION_FLAG, offsetof(struct options, queue), 0, 1},
    {"pairs", OPTION_FLAG, offsetof(struct options, pairs), 0, 1},
    {"count", OPTION_COUNT, offsetof(struct options, count), 0, 4e9},
    {"seconds", OPTION_REAL, offsetof(struct options, seconds), 0.001, 3600},
    {"warmup", OPTION_REAL, offsetof(struct options, warmup_s), 0, 3600},
    {"limit", OPTION_REAL, offsetof(struct options, limit_s), 1, 7200},
    {"rate", OPTION_REAL, offsetof(struct options, rate), 0, 1e8},
};
enum { OPTION_COUNT_ALL = sizeof OPTIONS / sizeof OPTIONS[0] };

static void usage(const char *why)
{
    fprintf(stderr, "load: %s\nusage: load WORKLOAD --port P [options]\n  workloads:", why);
    for (size_t i = 0; i < sizeof WORKLOADS / sizeof WORKLOADS[0]; i++)
        fprintf(stderr, " %s", WORKLOADS[i].name);
    fprintf(stderr, "\n  options:");
    for (size_t i = 0; i < OPTION_COUNT_ALL; i++)
        fprintf(stderr, " --%s%s", OPTIONS[i].name, OPTIONS[i].kind == OPTION_FLAG ? "" : " N");
    fprintf(stderr, "\n");
    exit(2);
}

static void option_set(struct options *o, const struct option_row *row, const char *text)
{
    char *end = NULL;
    double value = text != NULL ? strtod(text, &end) : 1;
    if ((text != NULL && (end == text || *end != '\0')) || value < row->min || value > row->max)
        usage(row->name);
    char *field = (char *)o + row->offset;
    switch (row->kind) {
    case OPTION_INT: *(int *)field = (int)value; break;
    case OPTION_SIZE: *(size_t *)field = (size_t)value; break;
    case OPTION_COUNT: *(uint64_t *)field = (uint64_t)value; break;
    case OPTION_REAL: *(double *)field = value; break;
    case OPTION_FLAG: *(bool *)field = true; break;
    }
}

static void options_read(struct options *o, int argc, char **argv)
{
    struct option table[OPTION_COUNT_ALL + 1] = {0};
    for (int i = 0; i < OPTION_COUNT_ALL; i++) {
        int takes = OPTIONS[i].kind == OPTION_FLAG ? no_argument : required_argument;
        table[i] = (struct option){OPTIONS[i].name, takes, NULL, 256 + i};
    }
    int which;
    while ((which = getopt_long(argc, argv, "+", table, NULL)) >= 256)
        option_set(o, &OPTIONS[which - 256], optarg);
    if (which != -1)
        usage("unknown option");
    o->command = argv + optind;
}

static uint64_t cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

void load_mark(struct load *l)
{
    l->mark.server_ns = l->o.server > 0 ? cpu_ns(l->o.server) : 0;
    l->mark.load_ns = cpu_ns(0);
    l->mark.now_ns = clock_ns();
}

void load_measured(struct load *l, uint64_t units)
{
    l->report.measure_ns = clock_ns() - l->mark.now_ns;
    l->report.load_cpu_ns = cpu_ns(0) - l->mark.load_ns;
    l->report.server_cpu_ns = l->o.server > 0 ? cpu_ns(l->o.server) - l->mark.server_ns : 0;
    l->report.units = units;
}

/* The number after `key` in a file of "Key:  N kB" lines. */
static uint64_t proc_kib(pid_t pid, const char *file, const char *key)
{
    char line[256];
    unsigned long long kib = 0;
    snprintf(line, sizeof line, "/proc/%d/%s", (int)pid, file);
    FILE *in = fopen(line, "r");
    if (in == NULL)
        return 0;
    while (fgets(line, sizeof line, in) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtoull(line + strlen(key), NULL, 10);
            break;
        }
    }
    fclose(in);
    return kib * 1024;
}

/* From the page tables: the counters behind VmRSS lag by up to a few hundred KiB. */
uint64_t process_rss(pid_t pid)
{
    return pid > 0 ? proc_kib(pid, "smaps_rollup", "Rss:") : 0;
}

uint64_t process_rss_peak(pid_t pid)
{
    return pid > 0 ? proc_kib(pid, "status", "VmHWM:") : 0;
}

static void print_field(const char *name, uint64_t value)
{
    if (value != 0)
        printf("\"%s\": %llu, ", name, (unsigned long long)value);
}

static void report_print(const struct load *l, const char *workload)
{
    const struct report *r = &l->report;
    printf("{\"workload\": \"%s\", \"seconds\": %.6f, ", workload, (double)r->measure_ns / 1e9);
    print_field("units", r->units);
    print_field("delivered", r->delivered);
    print_field("server_cpu_ns", r->server_cpu_ns);
    print_field("load_cpu_ns", r->load_cpu_ns);
    print_field("rss_before", r->rss_before);
    print_field("rss_after", r->rss_after);
    print_field("rss_peak", r->rss_peak);
    print_field("pending", r->pending);
    print_field("start_ns", r->start_ns);
    if (l->latency.count > 0) {
        printf("\"latency_ns\": {\"samples\": %llu, ", (unsigned long long)l->latency.count);
        print_field("p50", hist_percentile(&l->latency, 0.50));
        print_field("p90", hist_percentile(&l->latency, 0.90));
        print_field("p99", hist_percentile(&l->latency, 0.99));
        print_field("p999", hist_percentile(&l->latency, 0.999));
        printf("\"max\": %llu}, ", (unsigned long long)l->latency.max);
    }
    printf("\"failure\": \"");
    for (const char *at = l->failure; *at != '\0'; at++)
        putchar(*at >= ' ' && *at != '"' && *at != '\\' ? *at : ' ');
    printf("\"}\n");
}

static void load_init(struct load *l)
{
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->buffer_size = LOAD_READ_SIZE + LOAD_PAYLOAD_MAX + 2 * LOAD_FRAME_EXTRA;
    l->buffer = malloc(l->buffer_size);
    l->pattern = malloc(LOAD_PAYLOAD_MAX);
    l->conns = calloc(LOAD_CONNECTIONS_MAX, sizeof(struct conn *));
    CHECK(l->epoll >= 0 && l->buffer != NULL && l->pattern != NULL && l->conns != NULL);
    payload_pattern(l->pattern, LOAD_PAYLOAD_MAX);
    l->start_ns = clock_ns();
}

static void load_done(struct load *l)
{
    load_disconnect(l);
    free(l->conns);
    free(l->pattern);
    free(l->buffer);
    close(l->epoll);
}

/* Asks the system for what a load needs: files, sharp timers, one core if told so. */
static void process_prepare(const struct options *o)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
    if (o->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(o->cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0)
            usage("--cpu: no such core");
    }
    /* The last guard: a bug here or a server that stops mid-accept must not hang a run. */
    alarm((unsigned)o->limit_s + 10);
}

int main(int argc, char **argv)
{
    const struct workload *workload = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof WORKLOADS / sizeof WORKLOADS[0]; i++) {
        if (strcmp(argv[1], WORKLOADS[i].name) == 0)
            workload = &WORKLOADS[i];
    }
    if (workload == NULL)
        usage("which workload?");
    struct load *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->o = (struct options){.cpu = -1,
                            .size = 128,
                            .publishers = 1,
                            .subscribers = 1,
                            .connections = 100,
                            .subscriptions = 1000,
                            .outstanding = 1,
                            .repeat = 1,
                            .seconds = 1,
                            .warmup_s = 0.2,
                            .limit_s = 60};
    options_read(&l->o, argc - 1, argv + 1);
    process_prepare(&l->o);
    load_init(l);
    workload->run(l);
    report_print(l, workload->name);
    bool failed = load_failed(l);
    load_done(l);
    free(l);
    return failed ? 1 : 0;
}
