/* SPDX-License-Identifier: Apache-2.0 */
/* store_rows_start.c -- rows: a start after kill -9, and the memory of many idle logs. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/msglog.h"
#include "tests/bench/store_bench.h"

#define BUDGET ((uint64_t)256 << 20) /* the default */
#define BESIDES ((uint64_t)64 << 20)
#define MIB (1024.0 * 1024.0)
#define LAST_LOOKUPS 200u

/* --- kill -9 ------------------------------------------------------------------------------------- */

struct recovery_row {
    uint64_t count;
    uint32_t subjects;
    int pipe;          /* the writer's: a byte when all is stored */
    uint64_t begun_ns; /* the reader's */
    uint64_t rss_before;
    uint32_t looked;
    struct hist last;
    uint64_t last_begun_ns;
};

static void write_until_killed(struct script *s)
{
    struct recovery_row *r = s->context;
    struct feed feed = {
        .count = r->count, .window = 1000, .logs = 1, .payload = 128, .subjects = r->subjects};
    switch (s->step++) {
    case 0: script_open(s, NULL); return;
    case 1: script_make(s, 1, STORE_SYNC_INTERVAL, 0); return;
    case 2: script_feed(s, &feed); return;
    case 3: script_settle(s); return;
    case 4:
        if (write(r->pipe, "!", 1) != 1)
            bench_fail("nobody waits for the writer");
        feed.first = r->count;
        feed.count = UINT64_MAX;
        script_feed(s, &feed);
        return;
    }
}

static void write_and_die(struct bench *b, struct recovery_row *r)
{
    int ends[2];
    char byte;
    if (pipe(ends) != 0)
        bench_fail("no pipe");
    pid_t writer = fork();
    if (writer < 0)
        bench_fail("no process");
    if (writer == 0) {
        r->pipe = ends[1];
        script_run(b, write_until_killed, r);
        _exit(1);
    }
    (void)close(ends[1]);
    ssize_t got = read(ends[0], &byte, 1);
    (void)kill(writer, SIGKILL);
    (void)waitpid(writer, NULL, 0);
    (void)close(ends[0]);
    if (got != 1)
        bench_fail("the writer ended early");
}

/* Asks the kernel to forget the file, so that it is read from the device. */
static int forget(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
    (void)stat;
    (void)at;
    int fd = kind == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fdatasync(fd);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        (void)close(fd);
    }
    return 0;
}

static int look_at_state(struct store_look *look, struct group *group, struct msglog *log)
{
    struct recovery_row *r = script_of_look(look)->context;
    struct msglog_state state;
    (void)group;
    msglog_state(log, &state);
    if (state.msgs < r->count)
        bench_fail("%lu messages are there, %lu were stored", (unsigned long)state.msgs,
                   (unsigned long)r->count);
    return 0;
}

static int look_at_last(struct store_look *look, struct group *group, struct msglog *log)
{
    struct recovery_row *r = script_of_look(look)->context;
    char subject[32];
    uint64_t seq;
    (void)group;
    /* spread over all */
    uint64_t number = (uint64_t)r->looked * 2654435761u % r->subjects;
    int size = snprintf(subject, sizeof subject, "bench.%08x", (unsigned)number);
    return msglog_last(log, (struct bytes){subject, (size_t)size}, &seq);
}

static void next_last(struct script *s)
{
    struct recovery_row *r = s->context;
    r->last_begun_ns = bench_ns();
    script_look(s, 0, look_at_last);
}

static void ready_figures(struct script *s)
{
    struct recovery_row *r = s->context;
    struct store_stats stats;
    store_stats(s->store, &stats);
    bench_figure(s->bench, "ready after kill -9", "s", (double)(bench_ns() - r->begun_ns) / 1e9,
                 FIGURE_AT_MOST, 0.2,
                 "%lu messages of 128 B, %u subjects; journal %.0f MB, %lu records",
                 (unsigned long)r->count, r->subjects, (double)stats.journal_bytes / 1e6,
                 (unsigned long)stats.journal_records);
    bench_figure(s->bench, "memory when ready, at its peak", "MiB",
                 (double)(bench_rss_peak() - r->rss_before) / MIB, FIGURE_AT_MOST,
                 (double)(BUDGET + BESIDES) / MIB, "64 MiB + the budget of 256");
}

static void last_figures(struct script *s)
{
    struct recovery_row *r = s->context;
    bench_figure(s->bench, "last by subject, median", "us",
                 (double)hist_percentile(&r->last, 0.5) / 1e3, FIGURE_SHOWN, 0,
                 "p99 %.0f us; %u subjects asked for, files not in memory",
                 (double)hist_percentile(&r->last, 0.99) / 1e3, LAST_LOOKUPS);
    bench_figure(s->bench, "memory after look-ups, at its peak", "MiB",
                 (double)(bench_rss_peak() - r->rss_before) / MIB, FIGURE_AT_MOST,
                 (double)(BUDGET + BESIDES) / MIB, "%u look-ups", LAST_LOOKUPS);
}

static void start_again(struct script *s)
{
    struct recovery_row *r = s->context;
    switch (s->step++) {
    case 0:
        r->rss_before = bench_rss();
        r->begun_ns = bench_ns();
        script_open(s, NULL);
        return;
    case 1:
        ready_figures(s);
        script_find(s, 1);
        script_look(s, 0, look_at_state);
        return;
    case 2:
        bench_figure(s->bench, "first answer of the group", "s",
                     (double)(bench_ns() - r->begun_ns) / 1e9, FIGURE_AT_MOST, 0.2, "status %d",
                     s->status);
        next_last(s);
        return;
    case 3:
        if (s->status != 0)
            bench_fail("last by subject ended with %d", s->status);
        hist_add(&r->last, bench_ns() - r->last_begun_ns);
        s->step = ++r->looked < LAST_LOOKUPS ? 3 : 4;
        next_last(s);
        return;
    case 4:
        last_figures(s);
        script_close(s);
        return;
    case 5: script_end(s); return;
    }
}

void row_recovery(struct bench *b)
{
    static struct recovery_row r;
    r.count = b->quick ? 20000 : b->full ? 50000000 : 2000000;
    r.subjects = b->quick ? 1000 : b->full ? 1000000 : 100000;
    write_and_die(b, &r);
    (void)nftw(b->folder, forget, 16, FTW_PHYS);
    script_run(b, start_again, &r);
}

/* --- idle logs -------------------------------------------------------------------------------------- */

struct idle_row {
    uint32_t log_count;
    uint32_t each;
    uint32_t asked;
    uint64_t empty; /* bytes with no log */
    uint64_t written;
    uint64_t stubs;
    uint64_t loaded;
};

/* What of this process's memory is not pages. */
static uint64_t memory(const struct script *s)
{
    struct store_stats stats;
    (void)malloc_trim(0);
    store_stats(s->store, &stats);
    return bench_rss() - stats.pages_bytes;
}

static int look_at_first(struct store_look *look, struct group *group, struct msglog *log)
{
    struct idle_row *r = script_of_look(look)->context;
    struct stored stored;
    (void)group;
    int status = msglog_read(log, 1, &stored);
    struct msglog_state state;
    msglog_state(log, &state);
    if (status == 0 && state.msgs != r->each)
        bench_fail("a log has %lu messages", (unsigned long)state.msgs);
    return status;
}

/* A small debt, so that nothing is left in the journal when all is idle. */
static void open_idle(struct script *s)
{
    script_open(s, &(struct store_options){.replay_debt_bytes = (uint64_t)1 << 20,
                                           .replay_debt_records = 4000,
                                           .journal_file_bytes = (uint64_t)8 << 20});
}

static void idle_logs(struct script *s)
{
    struct idle_row *r = s->context;
    switch (s->step++) {
    case 0: open_idle(s); return;
    case 1:
        r->empty = memory(s);
        script_make(s, r->log_count, STORE_SYNC_INTERVAL, 0);
        return;
    case 2:
        script_feed(s, &(struct feed){.count = (uint64_t)r->log_count * r->each,
                                      .window = 1000,
                                      .logs = r->log_count,
                                      .payload = 128,
                                      .subjects = r->log_count * 10});
        return;
    case 3: script_settle(s); return;
    case 4:
        r->written = memory(s);
        script_close(s);
        return;
    case 5: open_idle(s); return;
    case 6:
        r->stubs = memory(s);
        script_find(s, r->log_count);
        script_look(s, 0, look_at_first);
        return;
    case 7:
        if (s->status != 0)
            bench_fail("a message can not be read: %d", s->status);
        s->step = ++r->asked < r->log_count ? 7 : 8;
        script_look(s, r->asked % r->log_count, look_at_first);
        return;
    case 8: script_settle(s); return;
    case 9:
        r->loaded = memory(s);
        script_close(s);
        return;
    case 10: script_end(s); return;
    }
}

static double each_of(const struct idle_row *r, uint64_t bytes)
{
    return bytes < r->empty ? 0 : (double)(bytes - r->empty) / r->log_count;
}

void row_idle_logs(struct bench *b)
{
    static struct idle_row r;
    r.log_count = b->quick ? 100 : 10000;
    r.each = 100;
    script_run(b, idle_logs, &r);
    bench_figure(b, "memory of a log, after writing", "B", each_of(&r, r.written), FIGURE_AT_MOST,
                 4096, "%u logs of %u messages, 10 subjects each", r.log_count, r.each);
    bench_figure(b, "memory of a log, after a start", "B", each_of(&r, r.stubs), FIGURE_AT_MOST,
                 4096, "not asked for anything");
    bench_figure(b, "memory of a log, read once after it", "B", each_of(&r, r.loaded),
                 FIGURE_AT_MOST, 4096, "without shared pages");
}
