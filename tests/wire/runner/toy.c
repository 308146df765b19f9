/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/runner/toy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"

#define TOY_CONNS 16u
#define TOY_SERVERS 2u
#define MS ((int64_t)1000000)

struct toy_conn {
    enum wire_conn_state state;
    struct blob sent;  /* by the runner, not parsed yet */
    struct blob ready; /* for the runner */
    struct blob later; /* comes at `due` */
    int64_t due;       /* 0: nothing */
};

struct toy {
    struct wire_backend base;
    int64_t now;
    enum wire_server_state servers[TOY_SERVERS];
    struct blob log;
    struct toy_conn conns[TOY_CONNS];
};

static struct toy *toy_of(struct wire_backend *b)
{
    return (struct toy *)(void *)b;
}

static struct toy_conn *conn_of(struct wire_backend *b, unsigned conn)
{
    CHECK(conn < TOY_CONNS);
    return &toy_of(b)->conns[conn];
}

static int64_t toy_now(struct wire_backend *b)
{
    return toy_of(b)->now;
}

static const char *toy_version(struct wire_backend *b)
{
    return "2.14.5";
}

static const char *toy_server_dir(struct wire_backend *b, unsigned server, const char *name)
{
    return "/toy";
}

static int toy_server_start(struct wire_backend *b, unsigned server,
                            const struct wire_server_setup *setup)
{
    CHECK(server < TOY_SERVERS);
    toy_of(b)->servers[server] = WIRE_READY;
    blob_format(&toy_of(b)->log, "%s is ready\n", setup->name);
    return 0;
}

static int toy_server_configure(struct wire_backend *b, unsigned server, const char *config)
{
    return 0;
}

static int toy_server_signal(struct wire_backend *b, unsigned server, const char *name)
{
    toy_of(b)->servers[server] = WIRE_EXITED;
    return 0;
}

static enum wire_server_state toy_server_state(struct wire_backend *b, unsigned server)
{
    return toy_of(b)->servers[server];
}

static int toy_server_exit_code(struct wire_backend *b, unsigned server)
{
    return 3;
}

static struct bytes toy_server_log(struct wire_backend *b, unsigned server)
{
    return blob_bytes(&toy_of(b)->log);
}

static long toy_server_pid(struct wire_backend *b, unsigned server)
{
    return 42;
}

static int toy_server_port(struct wire_backend *b, unsigned server, const char *listener)
{
    return strcmp(listener, "nats") == 0 ? 4222 : -ENOENT;
}

static int toy_server_file(struct wire_backend *b, unsigned server, const char *glob,
                           struct blob *ret_content)
{
    return -ENOENT;
}

static int toy_connect(struct wire_backend *b, unsigned conn, unsigned server, const char *listener)
{
    struct toy_conn *c = conn_of(b, conn);
    if (strcmp(listener, "nats") != 0)
        return -ENOENT;
    c->state = toy_of(b)->servers[server] == WIRE_READY ? WIRE_OPEN : WIRE_REFUSED;
    if (c->state == WIRE_OPEN)
        blob_add_string(&c->later, "INFO {\"max_payload\":1024}\r\n");
    c->due = toy_of(b)->now + MS;
    return 0;
}

static int toy_send(struct wire_backend *b, unsigned conn, struct bytes bytes)
{
    blob_add(&conn_of(b, conn)->sent, bytes);
    return 0;
}

static bool toy_drained(struct wire_backend *b, unsigned conn)
{
    return true;
}

static struct bytes toy_received(struct wire_backend *b, unsigned conn)
{
    return blob_bytes(&conn_of(b, conn)->ready);
}

static void toy_consume(struct wire_backend *b, unsigned conn, size_t size)
{
    blob_drop_front(&conn_of(b, conn)->ready, size);
}

static enum wire_conn_state toy_conn_state(struct wire_backend *b, unsigned conn)
{
    return conn_of(b, conn)->state;
}

static void toy_hold(struct wire_backend *b, unsigned conn, bool held)
{
}

static void toy_close(struct wire_backend *b, unsigned conn)
{
    conn_of(b, conn)->state = WIRE_CLOSED;
}

static void add_said(struct blob *t, const char *words)
{
    for (; *words != '\0'; words++)
        blob_add(t, *words == '^' ? BYTES("\r\n") : (struct bytes){words, 1});
    blob_add_string(t, "\r\n");
}

static void obey(struct toy *toy, struct toy_conn *c, const char *line)
{
    int ms;
    int skip = 0;
    if (strcmp(line, "PING") == 0) {
        blob_add_string(&c->ready, "PONG\r\n");
    } else if (strncmp(line, "SAY ", 4) == 0) {
        add_said(&c->ready, line + 4);
    } else if (sscanf(line, "LATER %d %n", &ms, &skip) == 1 && skip > 0) {
        add_said(&c->later, line + skip);
        c->due = toy->now + ms * MS;
    } else if (strcmp(line, "BYE") == 0) {
        c->state = WIRE_CLOSED;
    }
}

/* Obeys the next whole line of a connection; false if there is none. */
static bool obey_next(struct toy *toy, struct toy_conn *c)
{
    const char *end = strstr(blob_string(&c->sent), "\r\n");
    if (end == NULL || c->state != WIRE_OPEN)
        return false;
    size_t size = (size_t)(end - c->sent.at);
    struct blob line = {0};
    blob_add(&line, (struct bytes){c->sent.at, size});
    obey(toy, c, blob_string(&line));
    blob_done(&line);
    blob_drop_front(&c->sent, size + 2);
    return true;
}

static enum wire_step toy_step(struct wire_backend *b, int64_t until_ns)
{
    struct toy *toy = toy_of(b);
    struct toy_conn *next = NULL;
    for (unsigned i = 0; i < TOY_CONNS; i++) {
        struct toy_conn *c = &toy->conns[i];
        if (obey_next(toy, c))
            return WIRE_CHANGED;
        if (c->due != 0 && (next == NULL || c->due < next->due))
            next = c;
    }
    if (next == NULL || next->due > until_ns) {
        toy->now = until_ns > toy->now ? until_ns : toy->now;
        return WIRE_TIME_UP;
    }
    toy->now = next->due;
    next->due = 0;
    blob_add(&next->ready, blob_bytes(&next->later));
    blob_clear(&next->later);
    return WIRE_CHANGED;
}

static void toy_free(struct wire_backend **b)
{
    struct toy *toy = toy_of(*b);
    *b = NULL;
    for (unsigned i = 0; i < TOY_CONNS; i++) {
        blob_done(&toy->conns[i].sent);
        blob_done(&toy->conns[i].ready);
        blob_done(&toy->conns[i].later);
    }
    blob_done(&toy->log);
    free(toy);
}

static const struct wire_ops toy_ops = {
    .virtual_time = true,
    .free = toy_free,
    .now = toy_now,
    .step = toy_step,
    .version = toy_version,
    .server_dir = toy_server_dir,
    .server_start = toy_server_start,
    .server_configure = toy_server_configure,
    .server_signal = toy_server_signal,
    .server_state = toy_server_state,
    .server_exit_code = toy_server_exit_code,
    .server_log = toy_server_log,
    .server_pid = toy_server_pid,
    .server_port = toy_server_port,
    .server_file = toy_server_file,
    .connect = toy_connect,
    .send = toy_send,
    .drained = toy_drained,
    .received = toy_received,
    .consume = toy_consume,
    .conn_state = toy_conn_state,
    .hold = toy_hold,
    .close = toy_close,
};

struct wire_backend *toy_new(void)
{
    struct toy *toy = calloc(1, sizeof(*toy));
    CHECK(toy != NULL);
    toy->base.ops = &toy_ops;
    return &toy->base;
}
