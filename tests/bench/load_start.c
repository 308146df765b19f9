/* SPDX-License-Identifier: Apache-2.0 */
/* load_start.c -- how long a server takes from being started to its first PONG.
 *
 * Idea    Start, and connect again every 50 us until it works; then CONNECT, PING, and wait for the
 *         PONG. "{port}" in the command becomes a port that was free a moment ago. The command is
 *         started --repeat times, each after the one before has ended; the median counts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "tests/bench/load.h"

extern char **environ;

enum { ARGUMENTS_MAX = 64, RETRY_NS = 50000, STILL_MS = 100, PATIENCE_NS = 2000000000 };

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static int free_port(void)
{
    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
          getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* Keeps the server's log out of the report. */
static pid_t start(char *const *command, int port)
{
    char number[16], *arguments[ARGUMENTS_MAX + 1] = {0};
    snprintf(number, sizeof number, "%d", port);
    for (int i = 0; i < ARGUMENTS_MAX && command[i] != NULL; i++)
        arguments[i] = strcmp(command[i], "{port}") == 0 ? number : command[i];
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t pid = -1;
    int error = posix_spawn(&pid, arguments[0], &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    return error == 0 ? pid : -1;
}

static int connect_soon(int port, uint64_t until)
{
    struct sockaddr_in to = loopback(port);
    struct timespec wait = {0, RETRY_NS};
    while (clock_ns() < until) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
            return fd;
        close(fd);
        ppoll(NULL, 0, &wait, NULL);
    }
    return -1;
}

static bool hear_pong(int fd)
{
    static const char HELLO[] = "CONNECT {\"verbose\":false}\r\nPING\r\n";
    char text[8192] = "";
    size_t size = 0;
    if (send(fd, HELLO, sizeof HELLO - 1, MSG_NOSIGNAL) < 0)
        return false;
    while (size < sizeof text - 1) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        if (poll(&one, 1, PATIENCE_NS / 1000000) != 1)
            return false;
        ssize_t n = recv(fd, text + size, sizeof text - 1 - size, 0);
        if (n <= 0)
            return false;
        size += (size_t)n;
        text[size] = '\0';
        if (strstr(text, "PONG\r\n") != NULL)
            return true;
    }
    return false;
}

static void end(pid_t pid)
{
    kill(pid, SIGTERM);
    /* One that does not end of itself within its patience is killed: the next needs the machine. */
    for (int i = 0; i < 500; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return;
        poll(NULL, 0, 10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* One start; false after load_fail. */
static bool measure(struct load *l, uint64_t *ret_ns, uint64_t *ret_rss)
{
    int port = free_port();
    uint64_t begin = clock_ns();
    pid_t pid = start(l->o.command, port);
    if (pid < 0) {
        load_fail(l, "cannot start %s", l->o.command[0]);
        return false;
    }
    int fd = connect_soon(port, begin + PATIENCE_NS);
    bool heard = fd >= 0 && hear_pong(fd);
    *ret_ns = clock_ns() - begin;
    poll(NULL, 0, STILL_MS);
    *ret_rss = process_rss(pid);
    if (fd >= 0)
        close(fd);
    end(pid);
    if (!heard)
        load_fail(l, "no PONG from %s", l->o.command[0]);
    return heard;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void load_run_start(struct load *l)
{
    int count = l->o.repeat;
    uint64_t *ns = calloc((size_t)count, sizeof *ns), *rss = calloc((size_t)count, sizeof *rss);
    CHECK(ns != NULL && rss != NULL);
    if (l->o.command == NULL || l->o.command[0] == NULL)
        load_fail(l, "start: which command?");
    for (int i = 0; i < count && !load_failed(l); i++)
        (void)measure(l, &ns[i], &rss[i]);
    qsort(ns, (size_t)count, sizeof *ns, compare);
    qsort(rss, (size_t)count, sizeof *rss, compare);
    l->report.units = (uint64_t)count;
    l->report.start_ns = ns[count / 2];
    l->report.rss_after = rss[count / 2];
    free(ns);
    free(rss);
}
