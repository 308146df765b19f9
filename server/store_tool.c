/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_MS 1000u

static const char usage[] =
    "usage: myelin store check DIR\n"
    "       myelin store dump [--json] [--messages STREAM] DIR\n"
    "       myelin store repair DIR\n"
    "DIR is a store directory that no server runs. STREAM is NAME, ACCOUNT/NAME, or a group's number.\n"
    "Exit code: 0 clean, 1 damaged, 2 it could not be checked.\n";

/* --- output --------------------------------------------------------------------------------------------- */

static const char *const kind_names[FINDINGS] = {"mendable", "DAMAGED", "stray", "note"};

void tool_found(struct store_tool *t, enum finding kind, const char *file, uint64_t from,
                uint64_t to, const char *format, ...)
{
    va_list arguments;
    t->findings[kind]++;
    printf("%s: %s", kind_names[kind], file);
    if (to > 0)
        printf(", bytes %llu to %llu", (unsigned long long)from, (unsigned long long)to - 1);
    printf(": ");
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

const char *tool_why(int status)
{
    switch (status) {
    case -ENOENT: return "it is not there";
    case -EBADMSG: return "its checksum is wrong";
    case -ENOTSUP: return "it is of a later version";
    case -ELOOP: return "its blocks lead in circles";
    case -EEXIST: return "two files claim the same place";
    default: return strerror(-status);
    }
}

static uint64_t clock_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void on_progress(void *context, uint64_t bytes)
{
    struct store_tool *t = context;
    uint64_t now = clock_ms();
    if (now < t->told_ms + PROGRESS_MS || t->bytes_all == 0)
        return;
    t->told_ms = now;
    double seconds = (double)(now - t->begun_ms) / 1e3;
    (void)fprintf(stderr, "%llu of %llu MB, %.0f %%, %.0f MB/s\n",
                  (unsigned long long)bytes / 1000000, (unsigned long long)t->bytes_all / 1000000,
                  (double)bytes * 100 / (double)t->bytes_all, (double)bytes / 1e6 / seconds);
}

/* --- the store is ours ------------------------------------------------------------------------------------ */

/* The lock's descriptor, or -1 after it was said why not. It is held until the end of the process. */
static int take_lock(const char *path)
{
    char lock[VIEW_PATH_MAX];
    struct stat st;
    (void)snprintf(lock, sizeof lock, "%s/lock", path);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        (void)fprintf(stderr, "myelin store: %s is no directory\n", path);
        return -1;
    }
    int fd = open(lock, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)fprintf(
            stderr,
            "myelin store: %s is no store: %s can not be opened: %s. A store has the files "
            "super.a, super.b and lock, and the folders journal, ledger and g.\n",
            path, lock, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    (void)fprintf(stderr,
                  "myelin store: a running server has %s. Stop it first; nothing was looked at.\n",
                  path);
    (void)close(fd);
    return -1;
}

/* --- arguments ---------------------------------------------------------------------------------------------- */

struct word {
    const char *text;
    int (*run)(struct store_tool *t);
};

static const struct word words[] = {{"check", tool_check},
                                    {"dump", tool_dump},
                                    {"repair", tool_repair}};

static int run(const struct word *word, struct store_tool *t, char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = 0;
    if (size == 0 || size >= sizeof t->view.path) {
        (void)fputs(usage, stderr);
        return TOOL_CANNOT;
    }
    int lock = take_lock(path);
    if (lock < 0)
        return TOOL_CANNOT;
    view_init(&t->view, path);
    t->view.disk.progress = on_progress;
    t->view.disk.context = t;
    t->begun_ms = t->told_ms = clock_ms();
    int result = word->run(t);
    view_done(&t->view);
    (void)close(lock);
    return result;
}

int store_tool_main(int argc, char **argv)
{
    static struct store_tool t;
    const struct word *word = NULL;
    for (size_t i = 0; argc > 0 && i < sizeof words / sizeof *words; i++)
        if (strcmp(argv[0], words[i].text) == 0)
            word = &words[i];
    char *path = NULL;
    bool known = word != NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            t.json = true;
        else if (strcmp(argv[i], "--messages") == 0 && i + 1 < argc)
            t.messages = argv[++i];
        else if (argv[i][0] == '-' || path != NULL)
            known = false;
        else
            path = argv[i];
    }
    bool plain = !t.json && t.messages == NULL;
    if (!known || path == NULL || (!plain && word->run != tool_dump)) {
        (void)fputs(usage, stderr);
        return TOOL_CANNOT;
    }
    return run(word, &t, path);
}
