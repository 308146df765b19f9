/* SPDX-License-Identifier: Apache-2.0 */
/* host_process.c -- the process as the kernel counts it. /proc/self/statm is memory: reading it waits
 * for no disk. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/host/host_loop.h"
#include "runtime/process.h"

#define STATM_MAX 256

/* The second number is the resident pages. 0: the kernel does not tell. */
static int64_t resident_bytes(void)
{
    char text[STATM_MAX];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *second = strchr(text, ' ');
    return second == NULL ? 0 : strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE);
}

static int64_t ns_of(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

void host_process_figures(struct world *world, struct process_figures *ret_figures)
{
    (void)world;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        ret_figures->cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
    ret_figures->resident_bytes = resident_bytes();
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    ret_figures->cores = cores > 0 ? (int)cores : 1;
}
