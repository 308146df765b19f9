/* SPDX-License-Identifier: Apache-2.0 */
/* bench_chunk -- what chunks cost: nanoseconds a record to build, to read in order from pages that are there, to
 * find by filter; bytes a record of the index. Not a test: prints and judges nothing. */
#include <errno.h>
#include <time.h>

#include "runtime/sim/sim_disk.h"
#include "store/segment_write.h"
#include "tests/unit/store/chunk_fixture.h"
#include "tests/unit/store/disk_run.h"

enum { RECORDS = 400000, PAYLOAD = 128 };

/* Of this thread's own time: a busy machine disturbs less. */
static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct bench {
    struct disk_run run;
    struct pages *pages;
    struct segments *segments;
    char *bodies;
    struct chunk_record *records;
};

static void make_records(struct bench *b, unsigned subjects)
{
    static char payload[PAYLOAD];
    struct prng prng;
    prng_init(&prng, 1);
    b->bodies = malloc((size_t)RECORDS * 256);
    b->records = calloc(RECORDS, sizeof *b->records);
    CHECK(b->bodies != NULL && b->records != NULL);
    char *at = b->bodies;
    for (uint32_t i = 0; i < RECORDS; i++) {
        char subject[64];
        uint64_t n = prng_below(&prng, subjects);
        snprintf(subject, sizeof subject, "orders.%s.%llu", n % 2 ? "eu" : "us",
                 (unsigned long long)n);
        struct message m = {.subject = bytes_of(subject), .payload = {payload, PAYLOAD}};
        message_body_write(&m, at);
        struct chunk_record *r = &b->records[i];
        *r = (struct chunk_record){.seq = i + 1,
                                   .index = i + 5,
                                   .term = 1,
                                   .kind = ENTRY_MSG,
                                   .time_ns = (int64_t)i * 2500 + (int64_t)prng_below(&prng, 2000),
                                   .body = {at, message_body_size(&m)}};
        r->body_hash = entry_body_hash(FIXTURE_GID, r->index, r->term, r->body);
        at += r->body.size;
    }
}

static void on_written(void *context, int status)
{
    CHECK(status == 0);
}

static char *build_chunk(const struct bench *b, uint64_t offset, uint32_t *at,
                         struct chunk_info *ret)
{
    struct chunk_builder builder;
    struct chunk_place place = {FIXTURE_GID, 1, offset};
    chunk_builder_init(&builder, &place, NULL, 1);
    for (; *at < RECORDS; ++*at) {
        const struct chunk_record *r = &b->records[*at];
        if (!chunk_builder_takes(&builder, r->seq, r->body.size))
            break;
        CHECK(chunk_builder_add(&builder, r) == 0);
    }
    return chunk_builder_finish(&builder, ret);
}

/* Freed one by one, so that memory is used again as in a server that has been running. */
static void bench_build(struct bench *b, unsigned subjects)
{
    double taken = 0;
    uint64_t index_bytes = 0;
    for (int round = 0; round < 2; round++) {
        double start = now_ns();
        for (uint32_t i = 0; i < RECORDS;) {
            struct chunk_info info;
            free(build_chunk(b, 0, &i, &info));
            index_bytes += round * info.index_size;
        }
        taken = now_ns() - start;
    }
    printf("%u subjects: build %.0f ns a record; index %.1f bytes a record\n", subjects,
           taken / RECORDS, (double)index_bytes / RECORDS);
}

static void write_all(struct bench *b)
{
    struct segment_write_options options = {
        .disk = disk_run_door(&b->run), .folder = "g", .number = 1, .done = on_written};
    struct segment_write *w = segment_write_new(&options);
    struct chunk_info infos[64];
    uint32_t chunks = 0;
    for (uint32_t i = 0; i < RECORDS;) {
        char *bytes = build_chunk(b, segment_write_end(w), &i, &infos[chunks]);
        segment_write_add(w, &bytes, &infos[chunks++]);
    }
    segment_write_start(w);
    disk_run_all(&b->run);
    for (uint32_t i = 0; i < chunks; i++)
        segments_extend(b->segments, 1, &infos[i]);
}

static void bench_decode(struct bench *b)
{
    struct segment_edge edge;
    segments_edge(b->segments, 0, &edge);
    struct segment_cursor cursor = {0};
    double spent = 0;
    for (uint64_t seq = 1; seq <= RECORDS;) {
        struct segment_spot spot;
        struct stored stored;
        pages_begin(b->pages, NULL);
        int r = segments_next(b->segments, &cursor, NULL, seq, UINT64_MAX, &spot);
        if (r == 0)
            r = segments_read(b->segments, &spot, &stored);
        bool waits = pages_end(b->pages);
        CHECK(waits == (r == -EAGAIN));
        double start = now_ns();
        if (r == -EAGAIN)
            disk_run_all(&b->run);
        else
            seq++;
        spent += r == -EAGAIN ? now_ns() - start : 0;
    }
    segment_cursor_done(&cursor);
    struct pages_stats stats;
    pages_stats(b->pages, &stats);
    printf(
        "  first read: %.0f ns a record to fetch and decode, simulated disk included; %.1f bytes a "
        "record in memory\n",
        spent / RECORDS, (double)stats.bytes / RECORDS);
}

static void bench_read(struct bench *b, bool one_look_up)
{
    struct segment_cursor cursor = {0};
    uint64_t bytes = 0;
    double start = now_ns();
    for (uint64_t seq = 1; seq <= RECORDS;) {
        pages_begin(b->pages, NULL);
        for (uint32_t i = 0; i < (one_look_up ? 64 : 1) && seq <= RECORDS; i++) {
            struct segment_spot spot;
            struct stored stored;
            CHECK(segments_next(b->segments, &cursor, NULL, seq, UINT64_MAX, &spot) == 0);
            CHECK(segments_read(b->segments, &spot, &stored) == 0);
            bytes += stored.message.payload.size;
            seq = spot.seq + 1;
        }
        pages_end(b->pages);
    }
    double taken = now_ns() - start;
    CHECK(bytes == (uint64_t)RECORDS * PAYLOAD);
    segment_cursor_done(&cursor);
    printf("  read in order, %s: %.0f ns a record\n",
           one_look_up ? "64 a look-up" : "one a look-up", taken / RECORDS);
}

static void bench_filter(struct bench *b, const char *pattern)
{
    struct bytes subject = bytes_of(pattern);
    struct filter filter = {&subject, 1};
    struct segment_cursor cursor = {.filter = &filter};
    uint32_t found = 0;
    double start = now_ns();
    for (uint64_t seq = 1;;) {
        struct segment_spot spot;
        pages_begin(b->pages, NULL);
        int r = segments_next(b->segments, &cursor, NULL, seq, UINT64_MAX, &spot);
        pages_end(b->pages);
        if (r == -ENOENT)
            break;
        CHECK(r == 0 || r == -EINPROGRESS);
        found += r == 0;
        seq = r == 0 ? spot.seq + 1 : spot.seq;
    }
    double taken = now_ns() - start;
    segment_cursor_done(&cursor);
    printf("  filter %-14s %6u found: %.2f ns a record, %.0f ns a match\n", pattern, found,
           taken / RECORDS, found > 0 ? taken / found : 0);
}

static void run(unsigned subjects)
{
    struct bench b = {0};
    struct sim_disk_options options = {0};
    disk_run_init(&b.run, 1, options);
    struct task task;
    struct task_io io;
    task_init(&task, disk_run_door(&b.run), NULL, NULL);
    task.abandoned = true;
    task_path(&task, &io, DISK_MKDIR, "g", NULL);
    disk_run_all(&b.run);
    b.pages = pages_new(disk_run_door(&b.run), (uint64_t)1 << 30);
    struct segments_options segments = {.pages = b.pages, .folder = "g", .gid = FIXTURE_GID};
    b.segments = segments_new(&segments);
    make_records(&b, subjects);
    bench_build(&b, subjects);
    write_all(&b);
    bench_decode(&b);
    bench_read(&b, false);
    bench_read(&b, true);
    bench_filter(&b, "orders.eu.501");
    bench_filter(&b, "orders.*.501");
    bench_filter(&b, "orders.eu.*");
    bench_filter(&b, "orders.*.5");
    sim_disk_crash(b.run.disk, SIM_CRASH_KILL);
    pages_free(&b.pages);
    segments_free(&b.segments);
    disk_run_done(&b.run);
    free(b.bodies);
    free(b.records);
}

int main(void)
{
    run(10);
    run(1000);
    run(10000000);
    return 0;
}
