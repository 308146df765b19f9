/* SPDX-License-Identifier: Apache-2.0 */
/* bench_interest -- what the subject index costs: bytes a subscription, nanoseconds a find, a miss and
 * a pair of subscribe and unsubscribe. Not a test: prints and judges nothing. Takes the part to run as
 * its argument (memory, hit, miss, churn, fanout), or runs all. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interest/index.h"
#include "interest/match.h"
#include "tests/unit/interest/late_reclaimer.h"

struct bench {
    struct late_reclaimer late;
    struct interest *in;
    struct match_cache *cache;
    struct prng prng;
};

/* Of this thread's own time: a busy machine disturbs less. */
static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void set_up(struct bench *b)
{
    late_init(&b->late, 1);
    prng_init(&b->prng, 2);
    b->in = interest_new(3, &b->late.reclaimer);
    b->cache = match_cache_new(16 << 20, 4);
}

static void tear_down(struct bench *b)
{
    interest_free(&b->in);
    match_cache_free(&b->cache);
    late_done(&b->late);
}

static void add(struct bench *b, const char *subject, uint64_t conn, uint32_t slot)
{
    CHECK(interest_add(b->in, bytes_of(subject), BYTES(""), conn, slot, BYTES("17"), NULL) == 0);
}

static void drop(struct bench *b, const char *subject, uint64_t conn, uint32_t slot)
{
    CHECK(interest_remove(b->in, bytes_of(subject), BYTES(""), conn, slot, NULL) == 0);
}

static void bench_memory(struct bench *b)
{
    enum { COUNT = 1000000 };
    char text[64];
    size_t before = allocated();
    double start = now_ns();
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof(text), "foo.%06u", i);
        add(b, text, 1 + i / 1000, i % 1000);
    }
    double taken = now_ns() - start;
    late_run_all(&b->late);
    struct interest_stats stats;
    interest_stats(b->in, &stats);
    printf("memory: %.1f bytes a subscription by malloc, %.1f by its own count; add %.0f ns\n",
           (double)(allocated() - before) / COUNT, (double)stats.bytes / COUNT, taken / COUNT);
}

static void bench_hit(struct bench *b)
{
    enum { COUNT = 100000, FINDS = 5000000 };
    static char text[COUNT][16];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof(text[i]), "foo.%06u", i);
        add(b, text[i], 1 + i / 1000, i % 1000);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        match_find(b->cache, b->in, 1, bytes_of(text[i]));
    /* What is asked for lies in order, as in a read buffer. */
    static char asked[1 << 20][16];
    for (size_t i = 0; i < 1 << 20; i++)
        memcpy(asked[i], text[prng_below(&b->prng, COUNT)], sizeof(asked[i]));
    uint64_t sum = 0;
    double start = now_ns();
    for (uint32_t i = 0; i < FINDS; i++) {
        struct bytes subject = {asked[i & ((1 << 20) - 1)], 10};
        sum += match_plain(match_find(b->cache, b->in, 1, subject))->slot;
    }
    double taken = now_ns() - start;
    struct match_cache_stats stats;
    match_cache_stats(b->cache, 0, &stats);
    printf("hit: %.1f ns for one of %d subjects (%lu lines, %.2f %% hits, %zu bytes; sum %lu)\n",
           taken / FINDS, COUNT, (unsigned long)stats.lines,
           100.0 * (double)stats.hits / (double)stats.finds, stats.bytes, (unsigned long)sum);
    start = now_ns();
    for (uint32_t i = 0; i < FINDS; i++)
        sum += match_plain(match_find(b->cache, b->in, 1, bytes_of(text[i & 63])))->slot;
    printf("hit: %.1f ns for one of 64 subjects\n", (now_ns() - start) / FINDS);
    const struct match *m = match_find(b->cache, b->in, 1, bytes_of(text[0]));
    start = now_ns();
    for (uint32_t i = 0; i < FINDS; i++)
        sum += match_current(m, b->in);
    printf("hit: %.1f ns for match_current (sum %lu)\n", (now_ns() - start) / FINDS,
           (unsigned long)sum);
}

static void bench_miss(struct bench *b)
{
    enum { COUNT = 100000, FINDS = 300000 };
    char text[64];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof(text), "foo.*.%u.>", i);
        add(b, text, 1 + i / 1000, i % 1000);
    }
    static char asked[FINDS][24];
    for (uint32_t i = 0; i < FINDS; i++) {
        unsigned n = (unsigned)prng_below(&b->prng, COUNT);
        snprintf(asked[i], sizeof(asked[i]), "foo.%u.%u.x", i, n);
    }
    uint64_t sum = 0;
    double start = now_ns();
    for (uint32_t i = 0; i < FINDS; i++)
        sum += match_find(b->cache, b->in, 1, bytes_of(asked[i]))->plain_count;
    double taken = now_ns() - start;
    printf("miss: %.0f ns among %d patterns foo.*.N.> (%lu found in %d)\n", taken / FINDS, COUNT,
           (unsigned long)sum, FINDS);
}

static void bench_churn(struct bench *b)
{
    enum { STEADY = 10000, PAIRS = 2000000 };
    char text[64];
    for (uint32_t i = 0; i < STEADY; i++) {
        snprintf(text, sizeof(text), "foo.%u", i);
        add(b, text, 1, i);
    }
    static char names[1024][32];
    for (uint32_t i = 0; i < 1024; i++)
        snprintf(names[i], sizeof(names[i]), "_INBOX.abcdef.%u", 100 + i);
    double start = now_ns();
    for (uint32_t i = 0; i < PAIRS; i++) {
        add(b, names[i & 1023], 2, 7);
        drop(b, names[i & 1023], 2, 7);
        if (b->late.count > 4)
            late_run_all(&b->late);
    }
    printf("churn: %.0f ns a pair of literal inboxes\n", (now_ns() - start) / PAIRS);
    start = now_ns();
    for (uint32_t i = 0; i < PAIRS; i++) {
        struct interest_change c;
        CHECK(interest_add(b->in, bytes_of(names[i & 1023]), BYTES(""), 2, 7, BYTES("1"), &c) == 0);
        CHECK(interest_remove_entry(b->in, c.entry, c.queue, 2, 7, NULL) == 0);
        if (b->late.count > 4)
            late_run_all(&b->late);
    }
    printf("churn: %.0f ns a pair removed by number\n", (now_ns() - start) / PAIRS);
    start = now_ns();
    for (uint32_t i = 0; i < PAIRS; i++) {
        add(b, "_INBOX.abcdef.*", 2, 7);
        drop(b, "_INBOX.abcdef.*", 2, 7);
        if (b->late.count > 4)
            late_run_all(&b->late);
    }
    printf("churn: %.0f ns a pair of inbox patterns\n", (now_ns() - start) / PAIRS);
}

static void bench_fanout(struct bench *b)
{
    enum { COUNT = 100000 };
    double start = now_ns();
    for (uint32_t i = 0; i < COUNT; i++)
        add(b, "foo", 1 + i * UINT64_C(7919) % COUNT, i);
    printf("fanout: %.0f ns an add on one subject\n", (now_ns() - start) / COUNT);
    start = now_ns();
    match_find(b->cache, b->in, 1, BYTES("foo"));
    printf("fanout: %.1f ns a subscriber for a walk with sorting\n", (now_ns() - start) / COUNT);
    add(b, "foo", COUNT + 1, 0);
    start = now_ns();
    match_find(b->cache, b->in, 1, BYTES("foo"));
    printf("fanout: %.1f ns a subscriber for the second\n", (now_ns() - start) / COUNT);
    start = now_ns();
    for (uint32_t i = 0; i < COUNT; i++)
        drop(b, "foo", 1 + i * UINT64_C(7919) % COUNT, i);
    printf("fanout: %.0f ns a removal\n", (now_ns() - start) / COUNT);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct bench *b);
    } parts[] = {
        {"memory", bench_memory}, {"hit", bench_hit},       {"miss", bench_miss},
        {"churn", bench_churn},   {"fanout", bench_fanout},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (argc > 1 && strcmp(argv[1], parts[i].name) != 0)
            continue;
        struct bench b;
        set_up(&b);
        parts[i].run(&b);
        tear_down(&b);
    }
    return 0;
}
