/* SPDX-License-Identifier: Apache-2.0 */
/* store_plain.c -- what the disk itself allows, and what this process has used. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/store_bench.h"

#define FILE_SIZE ((size_t)32 << 20)
#define PIECE ((size_t)1 << 20)

static void fill(int fd)
{
    char *zeros = calloc(1, PIECE);
    for (size_t at = 0; at < FILE_SIZE; at += PIECE)
        if (pwrite(fd, zeros, PIECE, (off_t)at) != (ssize_t)PIECE)
            bench_fail("the plain writer can not fill its file");
    if (fdatasync(fd) != 0)
        bench_fail("the plain writer can not sync its file");
    free(zeros);
}

double plain_writer(const char *folder, size_t size, double seconds, struct hist *h)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s.plain", folder);
    bool found = access(path, F_OK) == 0;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        bench_fail("no file for the plain writer");
    if (!found)
        fill(fd);
    char *batch = malloc(size);
    memset(batch, 'x', size);
    uint64_t begun = bench_ns();
    uint64_t now = begun;
    uint64_t count = 0;
    for (size_t at = 0; (double)(now - begun) < seconds * 1e9 || count == 0; at += size, count++) {
        if (at + size > FILE_SIZE)
            at = 0;
        uint64_t before = now;
        if (pwrite(fd, batch, size, (off_t)at) != (ssize_t)size || fdatasync(fd) != 0)
            bench_fail("the plain writer can not write");
        now = bench_ns();
        hist_add(h, now - before);
    }
    free(batch);
    (void)close(fd); /* all of it was synced */
    return (double)(now - begun) / (double)count;
}

/* --- what this process has used ------------------------------------------------------------------- */

static uint64_t clock_of(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_ns(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

uint64_t bench_thread_cpu_ns(void)
{
    return clock_of(CLOCK_THREAD_CPUTIME_ID);
}

/* The number after `key` in a file of /proc; 0: it is not there. */
static uint64_t proc_number(const char *path, const char *key)
{
    FILE *file = fopen(path, "r");
    char line[256];
    uint64_t number = 0;
    size_t size = strlen(key);
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, size) == 0)
            number = strtoull(line + size, NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return number;
}

uint64_t bench_written(void)
{
    return proc_number("/proc/self/io", "wchar:");
}

uint64_t bench_rss(void)
{
    return proc_number("/proc/self/status", "VmRSS:") << 10;
}

uint64_t bench_rss_peak(void)
{
    return proc_number("/proc/self/status", "VmHWM:") << 10;
}
