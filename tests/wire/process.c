/* SPDX-License-Identifier: Apache-2.0 */
/* process.c -- wire scripts against real processes over TCP.
 *
 * Idea        One poll() over all there is: the sockets, each server's output (a pipe), its death (a
 *             pidfd) and its folder (inotify, for the ports file). So nothing is waited for by
 *             time. A server gets a folder of its own under the backend's, runs in it, listens on
 *             free ports and tells them in its ports file.
 * Drained     Whether a server has read our bytes is seen from outside in /proc/net/tcp: nothing
 *             unacknowledged on our side, nothing in the receive queue of its side.
 * Invariants  1. Only pids started here are signalled, and none outlives the backend.
 *             2. A server is ready once its ports file parsed as JSON.
 * Bounds      Output and received bytes by BLOB_SIZE_MAX.
 */
#include "tests/wire/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/check.h"

#define READ_CHUNK 65536u
#define POLL_MS_MAX 1000
#define VERSION_MS 5000 /* patience with a binary that does not tell its version */
#define PORTS_FILE_SIZE_MAX 65536u

struct process_server {
    bool used;
    enum wire_server_state state;
    char *dir; /* given */
    pid_t pid;
    int pidfd;  /* -1 once it has exited */
    int output; /* our end of its stdout and stderr; -1 at the end of it */
    int inotify;
    int exit_code;
    struct blob log;
    json_t *ports; /* given; the ports file */
};

struct process_conn {
    bool used;
    bool held;
    enum wire_conn_state state;
    int fd; /* -1 when closed */
    struct blob in;
    struct blob out;
};

struct process_backend {
    struct wire_backend base;
    const char *binary; /* borrowed from the command line */
    char *root;         /* given; the folder of all servers */
    bool keep;
    const char *version; /* borrowed from the caller */
    struct process_server servers[WIRE_SERVERS_MAX];
    struct process_conn conns[WIRE_CONNS_MAX];
};

static struct process_backend *self_of(struct wire_backend *b)
{
    return (struct process_backend *)(void *)b;
}

static struct process_server *server_of(struct wire_backend *b, unsigned server)
{
    CHECK(server < WIRE_SERVERS_MAX);
    return &self_of(b)->servers[server];
}

static struct process_conn *conn_of(struct wire_backend *b, unsigned conn)
{
    CHECK(conn < WIRE_CONNS_MAX);
    return &self_of(b)->conns[conn];
}

static int64_t process_now(struct wire_backend *b)
{
    struct timespec ts;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static const char *process_version(struct wire_backend *b)
{
    return self_of(b)->version;
}

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- servers ---- */

static const char *process_server_dir(struct wire_backend *b, unsigned server, const char *name)
{
    struct process_server *s = server_of(b, server);
    if (s->dir == NULL) {
        struct blob dir = {0};
        blob_format(&dir, "%s/%s", self_of(b)->root, name);
        s->dir = strdup(blob_string(&dir));
        CHECK(s->dir != NULL);
        CHECK(mkdir(s->dir, 0700) == 0);
        blob_done(&dir);
        s->pidfd = s->output = s->inotify = -1;
    }
    return s->dir;
}

static int process_server_configure(struct wire_backend *b, unsigned server, const char *config)
{
    struct process_server *s = server_of(b, server);
    CHECK(s->dir != NULL);
    struct blob path = {0};
    blob_format(&path, "%s/server.conf", s->dir);
    FILE *f = fopen(blob_string(&path), "w");
    int rc = f == NULL ? -errno : 0;
    if (f != NULL && fputs(config, f) < 0)
        rc = -EIO;
    if (f != NULL && fclose(f) != 0)
        rc = -EIO;
    blob_done(&path);
    return rc;
}

/* In the child: become the server. The name is the one it has in a PATH. */
static _Noreturn void become_server(struct process_backend *self, const struct process_server *s,
                                    const struct wire_server_setup *setup, int output)
{
    char *argv[WIRE_FLAGS_MAX + 4] = {"nats-server", "-c", "server.conf"};
    unsigned count = 3;
    for (unsigned i = 0; i < WIRE_FLAGS_MAX && setup->flags[i] != NULL; i++)
        argv[count++] = (char *)(uintptr_t)setup->flags[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    if (chdir(s->dir) != 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    execv(self->binary, argv);
    _exit(127);
}

static int process_server_start(struct wire_backend *b, unsigned server,
                                const struct wire_server_setup *setup)
{
    struct process_server *s = server_of(b, server);
    CHECK(s->dir != NULL);
    CHECK(!s->used || s->state == WIRE_EXITED);
    int rc = process_server_configure(b, server, setup->config);
    if (rc < 0)
        return rc;
    fd_close(&s->inotify);
    s->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (s->inotify < 0 || inotify_add_watch(s->inotify, s->dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        return -errno;
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return -errno;
    fflush(NULL);
    s->pid = fork();
    if (s->pid == 0)
        become_server(self_of(b), s, setup, pipes[1]);
    close(pipes[1]);
    CHECK(s->pid > 0);
    fd_close(&s->output);
    s->output = pipes[0];
    CHECK(fcntl(s->output, F_SETFL, O_NONBLOCK) == 0);
    s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
    CHECK(s->pidfd >= 0);
    s->used = true;
    s->state = WIRE_STARTING;
    json_decref(s->ports);
    s->ports = NULL;
    return 0;
}

static int process_server_signal(struct wire_backend *b, unsigned server, const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"TERM", SIGTERM}, {"INT", SIGINT},   {"HUP", SIGHUP},
                   {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"KILL", SIGKILL}};
    struct process_server *s = server_of(b, server);
    if (!s->used || s->state == WIRE_EXITED)
        return -ESRCH;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (strcmp(signals[i].name, name) == 0)
            return kill(s->pid, signals[i].number) == 0 ? 0 : -errno;
    }
    return -EINVAL;
}

static enum wire_server_state process_server_state(struct wire_backend *b, unsigned server)
{
    return server_of(b, server)->state;
}

static int process_server_exit_code(struct wire_backend *b, unsigned server)
{
    CHECK(server_of(b, server)->state == WIRE_EXITED);
    return server_of(b, server)->exit_code;
}

static struct bytes process_server_log(struct wire_backend *b, unsigned server)
{
    return blob_bytes(&server_of(b, server)->log);
}

static long process_server_pid(struct wire_backend *b, unsigned server)
{
    return server_of(b, server)->pid;
}

/* "nats://127.0.0.1:4222" -> 4222 */
static int process_server_port(struct wire_backend *b, unsigned server, const char *listener)
{
    json_t *urls = json_object_get(server_of(b, server)->ports, listener);
    const char *url = json_string_value(json_array_get(urls, 0));
    const char *colon = url == NULL ? NULL : strrchr(url, ':');
    return colon == NULL ? -ENOENT : atoi(colon + 1);
}

static int file_content(const char *path, struct blob *ret)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return -errno;
    char chunk[4096];
    size_t size;
    while ((size = fread(chunk, 1, sizeof(chunk), f)) > 0)
        blob_add(ret, (struct bytes){chunk, size});
    fclose(f);
    return 0;
}

static int process_server_file(struct wire_backend *b, unsigned server, const char *pattern,
                               struct blob *ret_content)
{
    struct process_server *s = server_of(b, server);
    struct blob path = {0};
    glob_t found = {0};
    blob_format(&path, "%s/%s", s->dir == NULL ? "" : s->dir, pattern);
    int rc = -ENOENT;
    if (glob(blob_string(&path), 0, NULL, &found) == 0 && found.gl_pathc > 0)
        rc = file_content(found.gl_pathv[0], ret_content);
    globfree(&found);
    blob_done(&path);
    return rc;
}

/* Takes the ports file if it is there and whole. One that a killed server left behind has another
 * pid in its name. */
static void server_look_for_ports(struct wire_backend *b, unsigned server)
{
    struct process_server *s = server_of(b, server);
    struct blob content = {0};
    char pattern[32];
    snprintf(pattern, sizeof(pattern), "*_%d.ports", (int)s->pid);
    if (process_server_file(b, server, pattern, &content) == 0 && content.size > 0) {
        s->ports = json_loadb(content.at, content.size, 0, NULL);
        if (s->ports != NULL)
            s->state = WIRE_READY;
    }
    blob_done(&content);
}

static void server_read_output(struct process_server *s)
{
    char chunk[READ_CHUNK];
    ssize_t size;
    while ((size = read(s->output, chunk, sizeof(chunk))) > 0)
        blob_add(&s->log, (struct bytes){chunk, (size_t)size});
    if (size == 0)
        fd_close(&s->output);
}

static void server_reap(struct process_server *s)
{
    int status;
    if (waitpid(s->pid, &status, WNOHANG) != s->pid)
        return;
    if (s->output >= 0)
        server_read_output(s);
    fd_close(&s->pidfd);
    s->state = WIRE_EXITED;
    s->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void server_on_files(struct wire_backend *b, unsigned server)
{
    struct process_server *s = server_of(b, server);
    char events[4096];
    while (read(s->inotify, events, sizeof(events)) > 0)
        ;
    if (s->state == WIRE_STARTING)
        server_look_for_ports(b, server);
}

/* ---- connections ---- */

static int process_connect(struct wire_backend *b, unsigned conn, unsigned server,
                           const char *listener)
{
    struct process_conn *c = conn_of(b, conn);
    CHECK(!c->used || c->state >= WIRE_CLOSED);
    blob_clear(&c->in);
    blob_clear(&c->out);
    int port = process_server_port(b, server, listener);
    if (port < 0)
        return port;
    c->used = true;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return -errno;
    int one = 1;
    CHECK(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->state = WIRE_CONNECTING;
    if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS) {
        c->state = WIRE_REFUSED;
        fd_close(&c->fd);
    }
    return 0;
}

static void conn_end(struct process_conn *c, enum wire_conn_state state)
{
    c->state = state;
    fd_close(&c->fd);
    blob_clear(&c->out);
}

static void conn_flush(struct process_conn *c)
{
    while (c->state == WIRE_OPEN && c->out.size > 0) {
        ssize_t size = send(c->fd, c->out.at, c->out.size, MSG_NOSIGNAL);
        if (size < 0) {
            /* What it said before closing is still to be read, so a failed write only drops. */
            if (errno != EAGAIN && errno != EINTR)
                blob_clear(&c->out);
            return;
        }
        blob_drop_front(&c->out, (size_t)size);
    }
}

static void conn_finish_connecting(struct process_conn *c)
{
    int error = 0;
    socklen_t size = sizeof(error);
    CHECK(getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
    if (error != 0) {
        conn_end(c, WIRE_REFUSED);
        return;
    }
    c->state = WIRE_OPEN;
    conn_flush(c);
}

static void conn_read(struct process_conn *c)
{
    char chunk[READ_CHUNK];
    ssize_t size = read(c->fd, chunk, sizeof(chunk));
    if (size > 0)
        blob_add(&c->in, (struct bytes){chunk, (size_t)size});
    else if (size == 0 || (errno != EAGAIN && errno != EINTR))
        conn_end(c, WIRE_CLOSED);
}

static int process_send(struct wire_backend *b, unsigned conn, struct bytes bytes)
{
    struct process_conn *c = conn_of(b, conn);
    CHECK(c->used);
    if (c->state != WIRE_OPEN && c->state != WIRE_CONNECTING)
        return 0;
    blob_add(&c->out, bytes);
    conn_flush(c);
    return 0;
}

/* Bytes in the server's receive queue of this connection, as /proc/net/tcp tells; 0 if it is gone. */
static unsigned long peer_unread(int fd)
{
    struct sockaddr_in ours;
    struct sockaddr_in theirs;
    socklen_t size = sizeof(ours);
    if (getsockname(fd, (struct sockaddr *)&ours, &size) != 0 ||
        getpeername(fd, (struct sockaddr *)&theirs, &size) != 0)
        return 0;
    FILE *f = fopen("/proc/net/tcp", "r");
    if (f == NULL)
        return 0;
    char line[512];
    unsigned long unread = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned local;
        unsigned remote;
        unsigned long queued;
        if (sscanf(line, " %*u: %*8x:%4x %*8x:%4x %*2x %*8x:%8lx", &local, &remote, &queued) != 3)
            continue;
        if (local == ntohs(theirs.sin_port) && remote == ntohs(ours.sin_port))
            unread = queued;
    }
    fclose(f);
    return unread;
}

static bool process_drained(struct wire_backend *b, unsigned conn)
{
    struct process_conn *c = conn_of(b, conn);
    if (c->state == WIRE_CONNECTING)
        return false;
    if (c->state != WIRE_OPEN)
        return true;
    int unsent = 0;
    if (c->out.size > 0 || ioctl(c->fd, TIOCOUTQ, &unsent) != 0 || unsent > 0)
        return false;
    return peer_unread(c->fd) == 0;
}

static struct bytes process_received(struct wire_backend *b, unsigned conn)
{
    return blob_bytes(&conn_of(b, conn)->in);
}

static void process_consume(struct wire_backend *b, unsigned conn, size_t size)
{
    blob_drop_front(&conn_of(b, conn)->in, size);
}

static enum wire_conn_state process_conn_state(struct wire_backend *b, unsigned conn)
{
    return conn_of(b, conn)->state;
}

static void process_hold(struct wire_backend *b, unsigned conn, bool held)
{
    conn_of(b, conn)->held = held;
}

static void process_close(struct wire_backend *b, unsigned conn)
{
    struct process_conn *c = conn_of(b, conn);
    if (c->state == WIRE_OPEN || c->state == WIRE_CONNECTING)
        conn_end(c, WIRE_CLOSED);
}

/* ---- step ---- */

/* What a pollfd stands for: its handler, and the index of the server or connection. */
enum source { SOURCE_OUTPUT, SOURCE_DEATH, SOURCE_FILES, SOURCE_CONN };

struct poll_set {
    struct pollfd fds[3 * WIRE_SERVERS_MAX + WIRE_CONNS_MAX];
    struct {
        enum source source;
        unsigned index;
    } of[3 * WIRE_SERVERS_MAX + WIRE_CONNS_MAX];
    unsigned count;
};

static void watch(struct poll_set *set, int fd, short events, enum source source, unsigned index)
{
    if (fd < 0)
        return;
    CHECK(set->count < sizeof(set->fds) / sizeof(set->fds[0]));
    set->fds[set->count] = (struct pollfd){.fd = fd, .events = events};
    set->of[set->count].source = source;
    set->of[set->count].index = index;
    set->count++;
}

static short conn_events(const struct process_conn *c)
{
    short events = 0;
    if (!c->held)
        events |= POLLIN;
    if (c->state == WIRE_CONNECTING || c->out.size > 0)
        events |= POLLOUT;
    return events;
}

static void watch_all(struct process_backend *self, struct poll_set *set)
{
    for (unsigned i = 0; i < WIRE_SERVERS_MAX; i++) {
        const struct process_server *s = &self->servers[i];
        if (!s->used)
            continue;
        watch(set, s->output, POLLIN, SOURCE_OUTPUT, i);
        watch(set, s->pidfd, POLLIN, SOURCE_DEATH, i);
        watch(set, s->inotify, POLLIN, SOURCE_FILES, i);
    }
    for (unsigned i = 0; i < WIRE_CONNS_MAX; i++) {
        const struct process_conn *c = &self->conns[i];
        /* A held connection that only hangs up would spin: it is not looked at. */
        if (c->used && conn_events(c) != 0)
            watch(set, c->fd, conn_events(c), SOURCE_CONN, i);
    }
}

static void on_conn(struct process_conn *c, short events)
{
    if (c->state == WIRE_CONNECTING) {
        conn_finish_connecting(c);
        return;
    }
    if (events & POLLOUT)
        conn_flush(c);
    if (!c->held && (events & (POLLIN | POLLHUP | POLLERR)))
        conn_read(c);
}

static void dispatch(struct process_backend *self, enum source source, unsigned index, short events)
{
    switch (source) {
    case SOURCE_OUTPUT: server_read_output(&self->servers[index]); break;
    case SOURCE_DEATH: server_reap(&self->servers[index]); break;
    case SOURCE_FILES: server_on_files(&self->base, index); break;
    case SOURCE_CONN: on_conn(&self->conns[index], events); break;
    }
}

static enum wire_step process_step(struct wire_backend *b, int64_t until_ns)
{
    struct process_backend *self = self_of(b);
    for (;;) {
        struct poll_set set;
        set.count = 0;
        watch_all(self, &set);
        int64_t left = until_ns - process_now(b);
        int timeout = left <= 0                                ? 0
                      : left / 1000000 >= (int64_t)POLL_MS_MAX ? POLL_MS_MAX
                                                               : (int)(left / 1000000) + 1;
        int ready = poll(set.fds, set.count, timeout);
        for (unsigned i = 0; ready > 0 && i < set.count; i++) {
            if (set.fds[i].revents != 0)
                dispatch(self, set.of[i].source, set.of[i].index, set.fds[i].revents);
        }
        if (ready > 0)
            return WIRE_CHANGED;
        if (process_now(b) >= until_ns)
            return WIRE_TIME_UP;
    }
}

/* ---- life ---- */

/* In the child: say the version and nothing else. */
static _Noreturn void become_version(const char *binary, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(output, 1) < 0)
        _exit(126);
    execl(binary, "nats-server", "--version", (char *)NULL);
    _exit(127);
}

/* Reads what is said until its end, a full buffer, or VERSION_MS without a word. */
static size_t read_said(int fd, char *said, size_t size_max)
{
    size_t size = 0;
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    while (size < size_max && poll(&pfd, 1, VERSION_MS) > 0) {
        ssize_t got = read(fd, said + size, size_max - size);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    return size;
}

int process_ask_version(const char *binary, struct blob *ret_version)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return -errno;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_version(binary, pipes[1]);
    close(pipes[1]);
    CHECK(pid > 0);
    char said[256];
    size_t size = read_said(pipes[0], said, sizeof(said) - 1);
    said[size] = '\0';
    close(pipes[0]);
    kill(pid, SIGKILL); /* one that ignored the flag would run on; an ended one is not reaped yet */
    waitpid(pid, NULL, 0);
    const char *mark = strstr(said, ": v");
    if (mark == NULL)
        return -ENOEXEC;
    blob_add(ret_version, (struct bytes){mark + 3, strcspn(mark + 3, " \r\n")});
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static void process_free(struct wire_backend **b)
{
    struct process_backend *self = self_of(*b);
    *b = NULL;
    for (unsigned i = 0; i < WIRE_SERVERS_MAX; i++) {
        struct process_server *s = &self->servers[i];
        if (s->used && s->state != WIRE_EXITED) {
            kill(s->pid, SIGKILL);
            waitpid(s->pid, NULL, 0);
        }
        if (s->dir != NULL) {
            fd_close(&s->pidfd);
            fd_close(&s->output);
            fd_close(&s->inotify);
        }
        blob_done(&s->log);
        json_decref(s->ports);
        free(s->dir);
    }
    for (unsigned i = 0; i < WIRE_CONNS_MAX; i++) {
        if (self->conns[i].used)
            fd_close(&self->conns[i].fd);
        blob_done(&self->conns[i].in);
        blob_done(&self->conns[i].out);
    }
    if (!self->keep)
        nftw(self->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(self->root);
    free(self);
}

static const struct wire_ops process_ops = {
    .virtual_time = false,
    .free = process_free,
    .now = process_now,
    .step = process_step,
    .version = process_version,
    .server_dir = process_server_dir,
    .server_start = process_server_start,
    .server_configure = process_server_configure,
    .server_signal = process_server_signal,
    .server_state = process_server_state,
    .server_exit_code = process_server_exit_code,
    .server_log = process_server_log,
    .server_pid = process_server_pid,
    .server_port = process_server_port,
    .server_file = process_server_file,
    .connect = process_connect,
    .send = process_send,
    .drained = process_drained,
    .received = process_received,
    .consume = process_consume,
    .conn_state = process_conn_state,
    .hold = process_hold,
    .close = process_close,
};

struct wire_backend *process_new(const char *binary, const char *version, bool keep)
{
    struct process_backend *self = calloc(1, sizeof(*self));
    CHECK(self != NULL);
    self->base.ops = &process_ops;
    self->binary = binary;
    self->version = version;
    self->keep = keep;
    const char *tmp = getenv("TMPDIR");
    struct blob root = {0};
    blob_format(&root, "%s/wire.XXXXXX", tmp == NULL ? "/tmp" : tmp);
    self->root = root.at;
    CHECK(mkdtemp(self->root) != NULL);
    return &self->base;
}
