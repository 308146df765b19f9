/* SPDX-License-Identifier: Apache-2.0 */
/* bench_store.c -- the benchmark of the store: runs the rows and prints what they found.
 *
 *     bench_store [--quick] [--full] [--only REGEX] [--markdown FILE] [--folder DIR] [--list]
 *
 * The figures of a quick run mean nothing and are not compared with targets. Each row has a process and a folder of its own, which is removed after it.
 */
#include <ftw.h>
#include <getopt.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/store_bench.h"

struct row {
    const char *name;
    row_fn *run;
};

static const struct row rows[] = {
    {"durable, one log, window of 1,000", row_one_log},
    {"durable, 1,000 logs interleaved", row_many_logs},
    {"durable, one append at a time", row_one_at_a_time},
    {"not durable (interval), one log", row_interval},
    {"bytes written a stored byte", row_written},
    {"sequential reads, warm", row_reads},
    {"filtered next, 1 in 1,000", row_filtered},
    {"start after kill -9", row_recovery},
    {"10,000 logs of 100 messages", row_idle_logs},
};

#define ROWS (sizeof rows / sizeof *rows)

/* --- figures ------------------------------------------------------------------------------------------ */

void bench_figure(struct bench *b, const char *name, const char *unit, double value,
                  enum figure_bound bound, double target, const char *note, ...)
{
    if (b->figures->count == FIGURES_MAX)
        bench_fail("more than %d figures", FIGURES_MAX);
    struct figure *f = &b->figures->list[b->figures->count++];
    *f =
        (struct figure){.value = value, .bound = b->quick ? FIGURE_SHOWN : bound, .target = target};
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    (void)snprintf(f->unit, sizeof f->unit, "%s", unit);
    va_list arguments;
    va_start(arguments, note);
    (void)vsnprintf(f->note, sizeof f->note, note, arguments);
    va_end(arguments);
}

void bench_fresh(struct bench *b)
{
    (void)snprintf(b->folder, sizeof b->folder, "%s/store%u", b->base, ++b->stores);
}

void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    _exit(1);
}

static const char *verdict(const struct figure *f)
{
    switch (f->bound) {
    case FIGURE_SHOWN: return "";
    case FIGURE_AT_LEAST: return f->value >= f->target ? "met" : "MISSED";
    case FIGURE_AT_MOST: return f->value <= f->target ? "met" : "MISSED";
    }
    return "";
}

/* Three digits and more, with commas: 1,234,567 or 12.3. */
static void number(char *at, size_t size, double value)
{
    char digits[32];
    if (value < 100) {
        (void)snprintf(at, size, value < 1 ? "%.3f" : "%.2f", value);
        return;
    }
    int count = snprintf(digits, sizeof digits, "%.0f", value);
    size_t n = 0;
    for (int i = 0; i < count && n + 2 < size; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            at[n++] = ',';
        at[n++] = digits[i];
    }
    at[n] = 0;
}

static void print_figure(FILE *out, const char *row, const struct figure *f, bool markdown)
{
    char value[32];
    char target[40] = "";
    number(value, sizeof value, f->value);
    if (f->bound != FIGURE_SHOWN) {
        char bare[32];
        number(bare, sizeof bare, f->target);
        (void)snprintf(target, sizeof target, "%s %s",
                       f->bound == FIGURE_AT_LEAST ? ">=" : "<=", bare);
    }
    (void)fprintf(out,
                  markdown ? "| %s | %s | %s %s | %s | %s | %s |\n"
                           : "%-34s %-36s %11s %-4s %-13s %-7s %s\n",
                  row, f->name, value, f->unit, target, verdict(f), f->note);
}

/* --- running ------------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
    (void)stat;
    (void)kind;
    (void)at;
    return remove(path);
}

static bool run_row(const struct row *row, struct bench *b, const char *base)
{
    b->base = base;
    bench_fresh(b);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        row->run(b);
        _exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child)
        status = 1;
    (void)nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return status == 0;
}

struct choice {
    regex_t only;
    bool quick;
    bool full;
    bool list;
    const char *markdown;
    const char *folder;
};

static FILE *open_markdown(const char *path)
{
    FILE *out = path == NULL ? NULL : fopen(path, "w");
    if (path != NULL && out == NULL)
        bench_fail("%s can not be written", path);
    if (out != NULL)
        (void)fprintf(out, "| row | figure | measured | target | | |\n"
                           "| :-- | :-- | --: | :-- | :-- | :-- |\n");
    return out;
}

static int run(const struct choice *c, struct figures *figures)
{
    FILE *markdown = open_markdown(c->markdown);
    int failed = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (regexec(&c->only, rows[i].name, 0, NULL, 0) != 0)
            continue;
        char base[256];
        (void)snprintf(base, sizeof base, "%s-XXXXXX", c->folder);
        if (mkdtemp(base) == NULL)
            bench_fail("no folder %s", base);
        struct bench b = {.figures = figures, .quick = c->quick, .full = c->full};
        figures->count = 0;
        bool well = run_row(&rows[i], &b, base);
        for (unsigned n = 0; n < figures->count; n++) {
            print_figure(stdout, rows[i].name, &figures->list[n], false);
            if (markdown != NULL)
                print_figure(markdown, rows[i].name, &figures->list[n], true);
        }
        if (!well)
            printf("%-34s FAILED\n", rows[i].name);
        (void)fflush(stdout);
        failed += well ? 0 : 1;
    }
    if (markdown != NULL)
        (void)fclose(markdown);
    return failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"quick", no_argument, NULL, 'q'},
        {"full", no_argument, NULL, 'f'},
        {"only", required_argument, NULL, 'o'},
        {"markdown", required_argument, NULL, 'm'},
        {"folder", required_argument, NULL, 'd'},
        {"list", no_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    struct choice c = {.folder = "bench-store"};
    const char *only = ".";
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'q': c.quick = true; break;
        case 'f': c.full = true; break;
        case 'o': only = optarg; break;
        case 'm': c.markdown = optarg; break;
        case 'd': c.folder = optarg; break;
        case 'l': c.list = true; break;
        default: return 2;
        }
    }
    if (regcomp(&c.only, only, REG_EXTENDED | REG_NOSUB | REG_ICASE) != 0)
        bench_fail("--only %s is not a regular expression", only);
    for (size_t i = 0; i < ROWS && c.list; i++)
        puts(rows[i].name);
    if (c.list)
        return 0;
    struct figures *figures =
        mmap(NULL, sizeof *figures, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (figures == MAP_FAILED)
        bench_fail("no memory");
    return run(&c, figures);
}
