/* SPDX-License-Identifier: Apache-2.0 */
#include "server/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocols/json/json_writer.h"
#include "runtime/base/check.h"
#include "server/server.h"

/* --- files -------------------------------------------------------------------------------------- */

static int read_all(FILE *file, size_t size_max, char **ret_at, size_t *ret_size)
{
    size_t capacity = 4096;
    size_t size = 0;
    char *at = malloc(capacity);
    CHECK(at != NULL);
    for (;;) {
        size += fread(at + size, 1, capacity - size, file);
        if (size < capacity)
            break;
        if (capacity > size_max) {
            free(at);
            return -EFBIG;
        }
        capacity *= 2;
        at = realloc(at, capacity);
        CHECK(at != NULL);
    }
    if (ferror(file) || size > size_max) {
        free(at);
        return ferror(file) ? -EIO : -EFBIG;
    }
    *ret_at = at;
    *ret_size = size;
    return 0;
}

int process_read_file(void *context, const char *path, size_t size_max, char **ret_at,
                      size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -errno;
    errno = 0;
    int status = read_all(file, size_max, ret_at, ret_size);
    if (status == -EIO && errno != 0)
        status = -errno; /* a directory opens, and can not be read */
    fclose(file);
    return status;
}

const char *process_get_env(void *context, const char *name)
{
    return getenv(name);
}

/* 0 or a negative errno; the file has all of the bytes, or is not there under its name. */
static int write_file(const char *path, const char *at, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    ssize_t written = write(fd, at, size);
    int status = written < 0 ? -errno : (size_t)written < size ? -EIO : 0;
    if (close(fd) != 0 && status == 0)
        status = -errno;
    return status;
}

/* --- the ports file ----------------------------------------------------------------------------- */

static void url(struct json *json, const char *scheme, const char *host, uint16_t port)
{
    char text[512];
    bool any =
        strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || strcmp(host, "localhost") == 0;
    bool v6 = !any && strchr(host, ':') != NULL;
    int size = snprintf(text, sizeof text, v6 ? "%s://[%s]:%u" : "%s://%s:%u", scheme,
                        any ? "127.0.0.1" : host, port);
    CHECK(size > 0 && (size_t)size < sizeof text);
    json_string(json, bytes_of(text));
}

static void ports_text(struct json *json, const struct options *options,
                       const struct server *server)
{
    json_object_begin(json);
    json_put_array(json, "nats");
    url(json, "nats", options->client.host, server_client_port(server));
    json_array_end(json);
    if (server_monitor_port(server) != 0) {
        json_put_array(json, "monitoring");
        url(json, "http", options->monitor.host, server_monitor_port(server));
        json_array_end(json);
    }
    json_object_end(json);
}

/* Readers poll for the name: so the file gets it only when it is whole. */
static void write_ports(struct process_files *files, const struct options *options,
                        const struct server *server, const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    char path[PROCESS_PATH_MAX];
    char temporary[PROCESS_PATH_MAX + 8];
    int size = snprintf(path, sizeof path, "%s/%s_%d.ports", options->ports_file_dir,
                        slash == NULL ? argv0 : slash + 1, (int)getpid());
    if (size < 0 || (size_t)size >= sizeof path)
        return;
    snprintf(temporary, sizeof temporary, "%s.new", path);
    struct json json;
    json_init(&json, JSON_COMPACT, PROCESS_PATH_MAX);
    ports_text(&json, options, server);
    struct bytes text = json_text(&json);
    int status = write_file(temporary, text.at, text.size);
    if (status == 0 && rename(temporary, path) != 0)
        status = -errno;
    json_done(&json);
    if (status != 0)
        fprintf(stderr, "nats-server: error writing ports file %s: %s\n", path, strerror(-status));
    else
        memcpy(files->ports, path, (size_t)size + 1);
}

static void write_pid(const char *path)
{
    char text[16];
    int size = snprintf(text, sizeof text, "%d", (int)getpid());
    int status = write_file(path, text, (size_t)size);
    if (status != 0)
        fprintf(stderr, "nats-server: could not write pidfile: %s: %s\n", path, strerror(-status));
}

void process_files_write(struct process_files *files, const struct options *options,
                         const struct server *server, const char *argv0)
{
    if (options->pid_file != NULL)
        write_pid(options->pid_file);
    if (options->ports_file_dir != NULL)
        write_ports(files, options, server, argv0);
}

void process_files_remove(const struct process_files *files)
{
    if (files->ports[0] != '\0' && unlink(files->ports) != 0 && errno != ENOENT)
        perror(files->ports);
}

/* --- signals to other processes ------------------------------------------------------------------ */

#define OTHERS_MAX 1024

static bool is_server(const char *pid)
{
    char path[512];
    char name[64] = "";
    if (strlen(pid) > 20)
        return false;
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool read = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return read && (strcmp(name, "nats-server") == 0 || strcmp(name, "myelin") == 0);
}

/* The other servers of this machine, at most OTHERS_MAX. */
static unsigned find_servers(int pids[OTHERS_MAX])
{
    unsigned count = 0;
    DIR *dir = opendir("/proc");
    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && count < OTHERS_MAX;)
        if (isdigit((unsigned char)entry->d_name[0]) && atoi(entry->d_name) != (int)getpid() &&
            is_server(entry->d_name))
            pids[count++] = atoi(entry->d_name);
    closedir(dir);
    return count;
}

static bool begins_with_digits(int pid, int prefix)
{
    char whole[16];
    char start[16];
    snprintf(whole, sizeof whole, "%d", pid);
    int size = snprintf(start, sizeof start, "%d", prefix);
    return prefix == 0 || strncmp(whole, start, (size_t)size) == 0;
}

static int signal_one(int pid, int number)
{
    if (kill(pid, number) == 0)
        return 0;
    fprintf(stderr, "nats-server: signal %d to process %d: %s\n", number, pid, strerror(errno));
    return 1;
}

int process_signal(const struct options_signal *s)
{
    if (s->pid != 0 && !s->is_glob)
        return signal_one(s->pid, s->number);
    int pids[OTHERS_MAX];
    unsigned count = find_servers(pids);
    if (count == 0) {
        fprintf(stderr, "nats-server: no nats-server processes running\n");
        return 1;
    }
    if (count > 1 && !s->is_glob) {
        fprintf(stderr, "nats-server: multiple nats-server processes running:\n");
        for (unsigned i = 0; i < count; i++)
            fprintf(stderr, "%d\n", pids[i]);
        return 1;
    }
    int exit_code = 0;
    for (unsigned i = 0; i < count; i++)
        if (!s->is_glob || begins_with_digits(pids[i], s->pid))
            exit_code |= signal_one(pids[i], s->number);
    return exit_code;
}
