/* SPDX-License-Identifier: Apache-2.0 */
/* store_bench.h -- the benchmark of the store: rows, figures, and scripts that drive a store.
 *
 * Idea        A row is a function that runs in a process of its own and leaves figures in memory
 *             shared with the one that prints them. It drives a store as a server does: an actor on
 *             the host's file door gives the store its turns. What the row wants done is a script, a
 *             function that begins one thing at a time and is called again when that is over.
 *
 *                 row ── script_run ──► actor ── store_turn ──► file threads
 *                                         └─ is it over? ──► script->run(script), at its next step
 */
#ifndef TESTS_BENCH_STORE_BENCH_H
#define TESTS_BENCH_STORE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"
#include "tests/bench/hist.h"

/* --- figures ------------------------------------------------------------------------------------ */

enum figure_bound { FIGURE_SHOWN, FIGURE_AT_LEAST, FIGURE_AT_MOST };

struct figure {
    char name[64];
    char unit[16];
    double value;
    enum figure_bound bound;
    double target;
    char note[120];
};

#define FIGURES_MAX 128

struct figures {
    unsigned count;
    struct figure list[FIGURES_MAX];
};

struct bench {
    struct figures *figures; /* shared with the parent */
    const char *base;        /* a folder of this row */
    char folder[512];        /* of the store, in it */
    unsigned stores;         /* it has had */
    bool quick;              /* only shows that it works */
    bool full;               /* the runs with 50 million messages */
};

/* A figure of the row; note is a format. */
void bench_figure(struct bench *b, const char *name, const char *unit, double value,
                  enum figure_bound bound, double target, const char *note, ...)
    __attribute__((format(printf, 7, 8)));
/* The row's next script works on a store of its own. */
void bench_fresh(struct bench *b);
/* Ends the row's process: it has failed. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t bench_ns(void);
uint64_t bench_thread_cpu_ns(void);
uint64_t bench_written(void); /* bytes that this process has given to write calls */
uint64_t bench_rss(void);
uint64_t bench_rss_peak(void);

/* --- the plain writer ----------------------------------------------------------------------------- */

/* What the disk allows: batches of `size` bytes, each followed by a sync, one after the other into a
 * file that was filled before, for so long. Adds the time of each to h and returns their mean. */
double plain_writer(const char *folder, size_t size, double seconds, struct hist *h);

/* --- scripts ---------------------------------------------------------------------------------------- */

struct feed {
    uint64_t count;    /* messages */
    uint32_t window;   /* under way at most */
    uint32_t logs;     /* the first so many groups, in turns */
    uint32_t payload;  /* bytes */
    uint32_t subjects; /* distinct ones, in turns; 0: 1 */
    uint32_t every;    /* one in so many has a subject match.N instead of bench.N; 0: none */
    uint64_t first;    /* number of its first message */
};

struct script;
typedef void script_fn(struct script *s);

struct slot;
struct maker;

struct script {
    struct bench *bench;
    script_fn *run; /* called when what it began last is over */
    void *context;  /* the row's */
    unsigned step;  /* the row's */
    unsigned round; /* the row's */
    int status;     /* of what is over */
    struct store *store;
    struct store_group **groups; /* given */
    uint32_t group_count;
    struct hist latency; /* of appends with a window of one */
    /* the driver's */
    struct actor *actor;
    bool ended;
    bool over;     /* what was begun last */
    bool settling; /* it is over when the store is idle */
    struct store_options options;
    struct feed feed;
    uint64_t fed;
    uint64_t applied;
    struct slot *slots; /* given */
    struct slot *free;
    struct maker *makers; /* given */
    uint32_t makers_left;
    struct store_look look;
};

/* Runs it in a system of its own until script_end. */
void script_run(struct bench *b, script_fn *run, void *context);

/* Each begins one thing; the script returns after it. */
void script_open(struct script *s,
                 const struct store_options *changes); /* NULL: as a server does */
void script_make(struct script *s, uint32_t count, enum store_sync sync, uint32_t first);
void script_find(struct script *s, uint32_t count); /* groups that an earlier run has made */
void script_feed(struct script *s, const struct feed *feed);
void script_settle(struct script *s);
void script_look(struct script *s, uint32_t group,
                 int (*run)(struct store_look *look, struct group *group, struct msglog *log));
void script_close(struct script *s);
void script_end(struct script *s);

static inline struct script *script_of_look(struct store_look *look)
{
    return look->context;
}

/* --- rows ---------------------------------------------------------------------------------------------- */

typedef void row_fn(struct bench *b);

row_fn row_one_log, row_many_logs, row_one_at_a_time, row_interval, row_written, row_reads,
    row_filtered, row_recovery, row_idle_logs;

#endif
