/* SPDX-License-Identifier: Apache-2.0 */
/* bench_subjects FOLDER SUBJECTS [GROUPS] -- a store on a real disk with many distinct subjects, and what they
 * cost: memory, files, reads of a last-by-subject, and a start. With GROUPS: as many streams instead, of 100 messages
 * each, and what they hold when nobody uses them. Not a test: it takes minutes, and the folder has to be new. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "server/sync_disk.h"
#include "store/format/buffer.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/group.h"
#include "store/group/rules.h"
#include "store/msglog_file.h"
#include "store/store_state.h"
#include "store/subjects.h"

#define LOOKS 2000u
#define MEMORY_BYTES ((uint64_t)512 << 20)

struct bench {
    struct sync_disk disk;
    struct store_options options;
    struct store *store;
    uint64_t now_ms;
    bool done;
    int status;
    struct store_group *group;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double resident_mb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f != NULL && fscanf(f, "%*d %ld", &pages) == 1);
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static void step(struct bench *b)
{
    (void)store_turn(b->store, b->now_ms);
    sync_disk_run(&b->disk);
    b->now_ms++;
}

/* All that can be done now, as an actor does it between requests. */
static void work(struct bench *b)
{
    while (store_turn(b->store, b->now_ms) || !list_empty(&b->disk.queue))
        sync_disk_run(&b->disk);
    b->now_ms++;
}

static void wait_for(struct bench *b)
{
    while (!b->done)
        step(b);
    b->done = false;
}

static void settle(struct bench *b, uint64_t ms)
{
    for (uint64_t end = b->now_ms + ms; b->now_ms < end || !store_idle(b->store);)
        step(b);
}

static void on_done(void *context, int status)
{
    struct bench *b = context;
    b->done = true;
    b->status = status;
}

static void on_failed(void *context, int error)
{
    (void)context;
    fprintf(stderr, "the store failed: %d\n", error);
    abort();
}

static void start(struct bench *b)
{
    b->store = store_new(&b->options);
    store_open(b->store, on_done);
    wait_for(b);
    CHECK(b->status == 0);
}

static void stop(struct bench *b)
{
    store_close(b->store, on_done);
    wait_for(b);
    CHECK(b->status == 0);
    store_free(&b->store);
}

static void on_made(struct store_make *make, int status, struct store_group *group)
{
    struct bench *b = make->context;
    b->done = true;
    b->status = status;
    b->group = group;
}

static void make(struct bench *b, const char *name)
{
    struct stream_rules rules;
    struct buffer text = {0};
    struct buffer config = {0};
    stream_rules_init(&rules, bytes_of(name));
    stream_rules_write(&text, &rules);
    stream_config_write(&config, &(struct stream_config){buffer_view(&text), BYTES("{}")});
    struct store_make m = {.options = {.account = BYTES("A"),
                                       .name = bytes_of(name),
                                       .config = buffer_view(&config),
                                       .form = MSGLOG_FILE,
                                       .sync = STORE_SYNC_INTERVAL},
                           .now_ns = 1,
                           .done = on_made,
                           .context = b};
    store_make(b->store, &m);
    wait_for(b);
    CHECK(b->status == 0);
    buffer_done(&text);
    buffer_done(&config);
    stream_rules_done(&rules);
}

static void on_applied(struct store_append *a, int status, const struct applied *applied)
{
    CHECK(status == 0 && applied->outcome == APPLIED_STORED);
    free(a);
}

static struct bytes subject_of(uint64_t n, char *at, size_t size)
{
    snprintf(at, size, "devices.%016" PRIx64 ".state", n * 0x9e3779b97f4a7c15u);
    return bytes_of(at);
}

static void append(struct bench *b, uint64_t n)
{
    char text[64];
    const struct message m = {.subject = subject_of(n, text, sizeof text),
                              .payload = BYTES("16 bytes of data")};
    size_t size = message_body_size(&m);
    struct store_append *a = calloc(1, sizeof *a + size);
    CHECK(a != NULL);
    message_body_write(&m, (char *)(a + 1));
    *a = (struct store_append){.kind = ENTRY_MSG,
                               .body = {(char *)(a + 1), size},
                               .now_ns = (int64_t)b->now_ms * 1000000,
                               .done = on_applied};
    while (store_append(b->store, b->group, a) == -EAGAIN)
        step(b);
}

struct last {
    struct store_look look;
    struct bench *bench;
    uint64_t n;
    uint64_t seq;
};

static int run_last(struct store_look *look, struct group *group, struct msglog *log)
{
    struct last *l = look->context;
    char text[64];
    return msglog_last(log, subject_of(l->n, text, sizeof text), &l->seq);
}

static int run_count(struct store_look *look, struct group *group, struct msglog *log)
{
    struct last *l = look->context;
    return msglog_subject_count(log, &l->seq);
}

static void on_looked(struct store_look *look, int status)
{
    struct last *l = look->context;
    on_done(l->bench, status);
}

static uint64_t ask(struct bench *b, uint64_t n,
                    int (*run)(struct store_look *look, struct group *group, struct msglog *log))
{
    struct last l = {.bench = b, .n = n};
    l.look = (struct store_look){.run = run, .done = on_looked, .context = &l};
    store_look(b->store, b->group, &l.look);
    wait_for(b);
    CHECK(b->status == 0);
    return l.seq;
}

static void look_up(struct bench *b, uint64_t subjects, const char *when)
{
    struct prng prng;
    struct pages_stats before;
    struct pages_stats after;
    prng_init(&prng, 1);
    for (unsigned round = 0; round < 2; round++) {
        uint64_t bytes = b->disk.bytes_read;
        pages_stats(b->store->pages, &before);
        double begun = seconds();
        for (unsigned i = 0; i < LOOKS; i++) {
            uint64_t n = prng_below(&prng, subjects);
            CHECK(ask(b, n, run_last) == n + 1);
        }
        double took = seconds() - begun;
        pages_stats(b->store->pages, &after);
        printf("%s, %s: %.2f reads and %.0f bytes a last-by-subject, %.1f us\n", when,
               round == 0 ? "cold" : "warm", (double)(after.misses - before.misses) / LOOKS,
               (double)(b->disk.bytes_read - bytes) / LOOKS, took / LOOKS * 1e6);
    }
}

static void many_subjects(struct bench *b, uint64_t subjects)
{
    double begun = seconds();
    double peak = 0;
    make(b, "S");
    for (uint64_t n = 0; n < subjects; n++) {
        append(b, n);
        if (n % 100 == 0)
            work(b);
        if (n % (subjects / 10 + 1) == 0 && resident_mb() > peak)
            peak = resident_mb();
    }
    settle(b, 10);
    double took = seconds() - begun;
    struct subjects *s = msglog_subject_table(b->group->log);
    struct store_stats stats;
    store_stats(b->store, &stats);
    printf("%" PRIu64 " subjects in %.0f s; resident %.0f MB, at most %.0f seen; pages %.0f MB\n",
           subjects, took, resident_mb(), peak, (double)stats.pages_bytes / 1e6);
    printf("runs: %u of %.0f MB; written in all %.0f MB\n", subjects_run_count(s),
           (double)subjects_run_bytes(s) / 1e6, (double)stats.written_bytes / 1e6);
    begun = seconds();
    CHECK(ask(b, 0, run_count) == subjects);
    printf("count: %.1f ms\n", (seconds() - begun) * 1e3);
    look_up(b, subjects, "after appends");
    stop(b);
    uint64_t bytes = b->disk.bytes_read;
    begun = seconds();
    start(b);
    b->group = store_find(b->store, BYTES("A"), BYTES("S"));
    double opened = seconds();
    CHECK(ask(b, 0, run_count) == subjects);
    printf(
        "start after a stop: %.1f ms; to the first count %.1f ms; %.0f KB read; resident %.0f MB\n",
        (opened - begun) * 1e3, (seconds() - begun) * 1e3,
        (double)(b->disk.bytes_read - bytes) / 1e3, resident_mb());
    look_up(b, subjects, "after a start");
    stop(b);
}

static void many_groups(struct bench *b, unsigned groups)
{
    size_t empty = mallinfo2().uordblks;
    for (unsigned g = 0; g < groups; g++) {
        char name[32];
        snprintf(name, sizeof name, "S%u", g);
        make(b, name);
        for (unsigned i = 0; i < 100; i++)
            append(b, i);
        step(b);
    }
    settle(b, 10);
    printf("%u groups of 100 messages: %.0f bytes each while in use\n", groups,
           (double)(mallinfo2().uordblks - empty) / groups);
    settle(b, 100000);
    printf("idle, with their last messages in the journal: %.0f bytes each\n",
           (double)(mallinfo2().uordblks - empty) / groups);
    stop(b);
    malloc_trim(0);
    size_t none = mallinfo2().uordblks;
    start(b);
    settle(b, 100);
    printf("idle, after a start: %.0f bytes each\n",
           (double)(mallinfo2().uordblks - none) / groups);
    for (uint64_t gid = 0; (b->group = store_next(b->store, gid)) != NULL;
         gid = store_group_gid(b->group))
        (void)ask(b, 5, run_last);
    printf("all of them asked once: %.0f bytes each\n",
           (double)(mallinfo2().uordblks - none) / groups);
    settle(b, 100000);
    struct store_stats stats;
    store_stats(b->store, &stats);
    printf("and idle again: %.0f bytes each, pages %.0f KB of it\n",
           (double)(mallinfo2().uordblks - none) / groups, (double)stats.pages_bytes / 1e3);
    stop(b);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "bench_subjects FOLDER SUBJECTS [GROUPS]\n");
        return 2;
    }
    static struct bench b;
    sync_disk_init(&b.disk);
    b.now_ms = 1;
    b.options = (struct store_options){.disk = &b.disk.door,
                                       .path = argv[1],
                                       .seed = 7,
                                       .uuid = "a store of bench",
                                       .memory_bytes = MEMORY_BYTES,
                                       .failed = on_failed,
                                       .context = &b};
    start(&b);
    if (argc > 3)
        many_groups(&b, (unsigned)strtoul(argv[3], NULL, 10));
    else
        many_subjects(&b, strtoull(argv[2], NULL, 10));
    return 0;
}
