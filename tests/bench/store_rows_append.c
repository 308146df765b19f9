/* SPDX-License-Identifier: Apache-2.0 */
/* store_rows_append.c -- rows: what an append costs, beside what the disk allows.
 *
 * What is compared is measured in turns, a part of the one and a part of the other, so that what drifts
 * on the machine drifts under both. Each row first fills the journal's files once: later they are
 * recycled, and drains run all the time.
 */
#include "tests/bench/store_bench.h"

#define ROUNDS 5u
#define WINDOW 1000u
#define SIZE 128u
#define BATCH ((WINDOW * SIZE + 4095) / 4096 * 4096)
#define WARM_UP 600000u /* messages of SIZE: more than the debt */

struct timing {
    uint64_t count;
    uint64_t wall_ns;
    uint64_t cpu_ns; /* of the store's thread */
    uint64_t written;
    uint64_t bodies;
    uint64_t flushes;
    uint64_t drains;
};

struct append_row {
    uint64_t count; /* messages of a round */
    uint32_t log_count;
    struct timing a;
    struct timing b;
    double plain_ns; /* sum of the rounds' means */
    struct hist plain;
    struct timing begun;
};

static double rate(const struct timing *t)
{
    return (double)t->count * 1e9 / (double)t->wall_ns;
}

static void timing_begin(struct script *s)
{
    struct append_row *r = s->context;
    struct store_stats stats;
    store_stats(s->store, &stats);
    r->begun = (struct timing){.wall_ns = bench_ns(),
                               .cpu_ns = bench_thread_cpu_ns(),
                               .written = bench_written(),
                               .bodies = stats.appended_bytes,
                               .flushes = stats.flushes,
                               .drains = stats.drains};
}

static void timing_end(struct script *s, struct timing *t)
{
    struct append_row *r = s->context;
    struct store_stats stats;
    store_stats(s->store, &stats);
    t->count += s->applied;
    t->wall_ns += bench_ns() - r->begun.wall_ns;
    t->cpu_ns += bench_thread_cpu_ns() - r->begun.cpu_ns;
    t->written += bench_written() - r->begun.written;
    t->bodies += stats.appended_bytes - r->begun.bodies;
    t->flushes += stats.flushes - r->begun.flushes;
    t->drains += stats.drains - r->begun.drains;
}

static void warm_up(struct script *s, uint32_t logs)
{
    script_feed(s, &(struct feed){.count = s->bench->quick ? WINDOW : WARM_UP,
                                  .window = WINDOW,
                                  .logs = logs,
                                  .payload = SIZE});
}

static void feed_round(struct script *s, uint32_t logs)
{
    struct append_row *r = s->context;
    script_feed(s,
                &(struct feed){.count = r->count, .window = WINDOW, .logs = logs, .payload = SIZE});
    timing_begin(s);
}

static void plain_round(struct script *s, size_t size)
{
    struct append_row *r = s->context;
    r->plain_ns +=
        plain_writer(s->bench->folder, size, s->bench->quick ? 0.02 : 0.5, &r->plain) / ROUNDS;
}

/* --- durable, one log -------------------------------------------------------------------------------- */

static void one_log(struct script *s)
{
    struct append_row *r = s->context;
    switch (s->step++) {
    case 0: script_open(s, NULL); return;
    case 1: script_make(s, 1, STORE_SYNC_ALWAYS, 0); return;
    case 2: warm_up(s, 1); return;
    case 3: script_settle(s); return;
    case 4:
        plain_round(s, BATCH);
        feed_round(s, 1);
        return;
    case 5:
        timing_end(s, &r->a);
        s->step = ++s->round < ROUNDS ? 3 : 6;
        script_settle(s);
        return;
    case 6: script_close(s); return;
    case 7: script_end(s); return;
    }
}

void row_one_log(struct bench *b)
{
    static struct append_row r;
    r.count = b->quick ? 2000 : 400000;
    script_run(b, one_log, &r);
    double plain = WINDOW * 1e9 / r.plain_ns;
    bench_figure(b, "appends", "1/s", rate(&r.a), FIGURE_AT_LEAST, plain / 2,
                 "plain writer %.0f/s (%.0f us a batch of %u); %.2f of it; %.0f a flush", plain,
                 r.plain_ns / 1e3, WINDOW, rate(&r.a) / plain,
                 (double)r.a.count / (double)r.a.flushes);
    bench_figure(b, "CPU an append", "ns", (double)r.a.cpu_ns / (double)r.a.count, FIGURE_SHOWN, 0,
                 "of the store's thread; %lu drains meanwhile", (unsigned long)r.a.drains);
    bench_figure(b, "bytes written a byte of body", "", (double)r.a.written / (double)r.a.bodies,
                 FIGURE_SHOWN, 0, "headers of journal and segment are 104 bytes a message");
}

/* --- durable, many logs ------------------------------------------------------------------------------- */

static void many_logs(struct script *s)
{
    struct append_row *r = s->context;
    switch (s->step++) {
    case 0: script_open(s, NULL); return;
    case 1: script_make(s, r->log_count, STORE_SYNC_ALWAYS, 0); return;
    case 2: warm_up(s, r->log_count); return;
    case 3: script_settle(s); return;
    case 4: feed_round(s, 1); return;
    case 5:
        timing_end(s, &r->a);
        script_settle(s);
        return;
    case 6: feed_round(s, r->log_count); return;
    case 7:
        timing_end(s, &r->b);
        s->step = ++s->round < ROUNDS ? 3 : 8;
        script_settle(s);
        return;
    case 8: script_close(s); return;
    case 9: script_end(s); return;
    }
}

void row_many_logs(struct bench *b)
{
    static struct append_row r;
    r.log_count = b->quick ? 50 : 1000;
    r.count = b->quick ? 2000 : 400000;
    script_run(b, many_logs, &r);
    bench_figure(b, "appends", "1/s", rate(&r.b), FIGURE_AT_LEAST, rate(&r.a) * 0.8,
                 "one log %.0f/s; %.2f of it; %lu drains meanwhile", rate(&r.a),
                 rate(&r.b) / rate(&r.a), (unsigned long)r.b.drains);
    bench_figure(b, "CPU an append", "ns", (double)r.b.cpu_ns / (double)r.b.count, FIGURE_SHOWN, 0,
                 "of the store's thread; with one log %.0f",
                 (double)r.a.cpu_ns / (double)r.a.count);
}

/* --- one at a time --------------------------------------------------------------------------------------- */

static void one_at_a_time(struct script *s)
{
    struct append_row *r = s->context;
    switch (s->step++) {
    case 0: script_open(s, NULL); return;
    case 1: script_make(s, 1, STORE_SYNC_ALWAYS, 0); return;
    case 2: warm_up(s, 1); return;
    case 3: script_settle(s); return;
    case 4:
        plain_round(s, 4096);
        script_feed(s, &(struct feed){.count = r->count, .window = 1, .logs = 1, .payload = SIZE});
        timing_begin(s);
        return;
    case 5:
        timing_end(s, &r->a);
        s->step = ++s->round < ROUNDS ? 3 : 6;
        script_settle(s);
        return;
    case 6:
        r->a.count = s->latency.count;
        bench_figure(s->bench, "latency, median", "us",
                     (double)hist_percentile(&s->latency, 0.5) / 1e3, FIGURE_AT_MOST,
                     (double)hist_percentile(&r->plain, 0.5) * 1.5 / 1e3,
                     "plain writer's flush of 4 KiB: median %.0f us, p99 %.0f; target 1.5 of it",
                     (double)hist_percentile(&r->plain, 0.5) / 1e3,
                     (double)hist_percentile(&r->plain, 0.99) / 1e3);
        bench_figure(s->bench, "latency, p99", "us",
                     (double)hist_percentile(&s->latency, 0.99) / 1e3, FIGURE_SHOWN, 0,
                     "%.3f flushes an append", (double)r->a.flushes / (double)r->a.count);
        script_close(s);
        return;
    case 7: script_end(s); return;
    }
}

void row_one_at_a_time(struct bench *b)
{
    static struct append_row r;
    r.count = b->quick ? 50 : 1000;
    script_run(b, one_at_a_time, &r);
}

/* --- not durable ----------------------------------------------------------------------------------------- */

static void interval(struct script *s)
{
    struct append_row *r = s->context;
    switch (s->step++) {
    case 0: script_open(s, NULL); return;
    case 1: script_make(s, 1, STORE_SYNC_INTERVAL, 0); return;
    case 2: warm_up(s, 1); return;
    case 3: script_settle(s); return;
    case 4: feed_round(s, 1); return;
    case 5:
        timing_end(s, &r->a);
        script_close(s);
        return;
    case 6: script_end(s); return;
    }
}

void row_interval(struct bench *b)
{
    static struct append_row r;
    r.count = b->quick ? 20000 : 4000000;
    script_run(b, interval, &r);
    bench_figure(b, "appends a second of one core", "1/s",
                 (double)r.a.count * 1e9 / (double)r.a.cpu_ns, FIGURE_AT_LEAST, 3e6,
                 "%.0f ns of CPU each; by the clock %.0f/s, %.0f MB/s written, %lu drains",
                 (double)r.a.cpu_ns / (double)r.a.count, rate(&r.a),
                 (double)r.a.written * 1e3 / (double)r.a.wall_ns, (unsigned long)r.a.drains);
}

/* --- bytes written ------------------------------------------------------------------------------------------ */

struct written_row {
    struct append_row append;
    uint32_t payload;
    uint64_t warm_up;
};

static void feed_large(struct script *s, uint64_t count)
{
    struct written_row *r = s->context;
    script_feed(s, &(struct feed){.count = count,
                                  .window = r->payload > 65536 ? 8 : 256,
                                  .logs = 1,
                                  .payload = r->payload});
}

static void written(struct script *s)
{
    struct written_row *r = s->context;
    switch (s->step++) {
    case 0: script_open(s, NULL); return;
    case 1: script_make(s, 1, STORE_SYNC_INTERVAL, 0); return;
    case 2: feed_large(s, r->warm_up); return;
    case 3: script_settle(s); return;
    case 4:
        feed_large(s, r->append.count);
        timing_begin(s);
        return;
    case 5: script_settle(s); return;
    case 6:
        timing_end(s, &r->append.a);
        script_close(s);
        return;
    case 7: script_end(s); return;
    }
}

static void written_with(struct bench *b, const char *name, uint32_t payload, double target)
{
    static struct written_row r;
    uint64_t bytes = b->quick ? (uint64_t)8 << 20 : (uint64_t)512 << 20;
    r = (struct written_row){.payload = payload, .warm_up = bytes / 4 / payload};
    r.append.count = bytes / payload;
    bench_fresh(b);
    script_run(b, written, &r);
    bench_figure(b, name, "", (double)r.append.a.written / (double)r.append.a.bodies,
                 FIGURE_AT_MOST, target, "%.0f MB/s of bodies",
                 (double)r.append.a.bodies * 1e3 / (double)r.append.a.wall_ns);
}

void row_written(struct bench *b)
{
    written_with(b, "bytes written a byte, 4 KiB", 4096, 2.2);
    written_with(b, "bytes written a byte, 1 MiB", 1 << 20, 1.2);
}
