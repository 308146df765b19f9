/* SPDX-License-Identifier: Apache-2.0 */
/* store_rows_read.c -- rows: what reading costs when the data is warm.
 *
 * The same messages are read twice: from the tail, as they were just appended, and from chunks, after
 * the store was closed and opened. The first pass warms up, the second is measured.
 */
#include <errno.h>

#include "store/msglog.h"
#include "tests/bench/store_bench.h"

#define SLICE 2000u /* messages a look, before others have their turn */
#define EVERY 1000u /* one in so many matches */

struct read_row {
    uint64_t count;
    struct bytes filter; /* size 0: none */
    uint64_t from;
    uint64_t found;
    uint64_t bytes;
    uint64_t begun_ns;
    double tail_ns;
    double chunk_ns;
};

static int read_on(struct store_look *look, struct group *group, struct msglog *log)
{
    struct read_row *r = script_of_look(look)->context;
    const struct filter filter = {&r->filter, r->filter.size > 0};
    struct stored stored;
    (void)group;
    for (uint32_t i = 0; i < SLICE; i++) {
        int status = msglog_next(log, &filter, r->from, UINT64_MAX, &stored);
        if (status == -EINPROGRESS)
            r->from = stored.seq;
        if (status == -ENOENT)
            return 0;
        if (status != 0)
            return status;
        r->from = stored.seq + 1;
        r->found++;
        r->bytes += stored.message.payload.size;
    }
    return -EINPROGRESS;
}

static void read_all(struct script *s)
{
    struct read_row *r = s->context;
    r->from = 1;
    r->found = r->bytes = 0;
    r->begun_ns = bench_thread_cpu_ns();
    script_look(s, 0, read_on);
}

/* Nanoseconds a message, found or skipped. */
static double pass_ns(struct script *s)
{
    struct read_row *r = s->context;
    uint64_t wanted = r->filter.size > 0 ? (r->count + EVERY - 1) / EVERY : r->count;
    if (s->status != 0 || r->found != wanted || r->bytes != wanted * 128)
        bench_fail("%lu of %lu messages were read: %d", (unsigned long)r->found,
                   (unsigned long)wanted, s->status);
    return (double)(bench_thread_cpu_ns() - r->begun_ns) / (double)r->count;
}

static void reads(struct script *s)
{
    struct read_row *r = s->context;
    switch (s->step++) {
    case 0: script_open(s, NULL); return;
    case 1: script_make(s, 1, STORE_SYNC_INTERVAL, 0); return;
    case 2:
        script_feed(s, &(struct feed){.count = r->count,
                                      .window = 1000,
                                      .logs = 1,
                                      .payload = 128,
                                      .subjects = 100,
                                      .every = EVERY});
        return;
    case 3: script_settle(s); return;
    case 4:
    case 5: read_all(s); return;
    case 6:
        r->tail_ns = pass_ns(s);
        script_close(s);
        return;
    case 7: script_open(s, NULL); return;
    case 8:
        script_find(s, 1);
        read_all(s);
        return;
    case 9: read_all(s); return;
    case 10:
        r->chunk_ns = pass_ns(s);
        script_close(s);
        return;
    case 11: script_end(s); return;
    }
}

/* 250,000 messages are all in the tail: the debt is 400,000. */
static void read_with(struct bench *b, struct read_row *r)
{
    r->count = b->quick ? 5000 : 250000;
    bench_fresh(b);
    script_run(b, reads, r);
}

void row_reads(struct bench *b)
{
    struct read_row r = {0};
    read_with(b, &r);
    bench_figure(b, "from chunks", "1/s", 1e9 / r.chunk_ns, FIGURE_AT_LEAST, 5e6, "%.0f ns each",
                 r.chunk_ns);
    bench_figure(b, "from the tail", "1/s", 1e9 / r.tail_ns, FIGURE_AT_LEAST, 5e6, "%.0f ns each",
                 r.tail_ns);
}

void row_filtered(struct bench *b)
{
    struct read_row literal = {.filter = BYTES("match.00000000")};
    struct read_row wildcard = {.filter = BYTES("match.>")};
    read_with(b, &literal);
    read_with(b, &wildcard);
    bench_figure(b, "a skipped message, literal, chunks", "ns", literal.chunk_ns, FIGURE_AT_MOST,
                 30, "1 in %u matches", EVERY);
    bench_figure(b, "a skipped message, literal, tail", "ns", literal.tail_ns, FIGURE_AT_MOST, 30,
                 "1 in %u matches", EVERY);
    bench_figure(b, "a skipped message, match.>, chunks", "ns", wildcard.chunk_ns, FIGURE_AT_MOST,
                 30, "1 in %u matches", EVERY);
    bench_figure(b, "a skipped message, match.>, tail", "ns", wildcard.tail_ns, FIGURE_AT_MOST, 30,
                 "1 in %u matches", EVERY);
}
