/* SPDX-License-Identifier: Apache-2.0 */
/* backend_sim.c -- wire scripts against servers in a simulation.
 *
 * Idea        A server is read from its configuration text as the program would read it, and wired into a
 *             world on a host of its own. The script's connections come from the same host, as over the
 *             loopback interface. step() runs the simulation until something can be seen.
 * Differs     from processes: no pid or ports files, no files of a server's folder in the machine's own
 *             file system, and KILL is not possible, as a system ends in order or not at all.
 */
#include "tests/wire/sim/backend_sim.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/sim/sim.h"
#include "server/options.h"
#include "server/server.h"
#include "server/version.h"
#include "tests/wire/blob.h"

#define LATENCY_MAX_NS ((uint64_t)500000)
#define BUFFER_SIZE (256u << 10)

struct sim_server {
    enum wire_server_state state;
    bool used;
    bool started; /* has a world and a server */
    unsigned host;
    struct world *world;
    struct server *server;
    struct options_result loaded;
    int exit_code;
    char *dir;    /* given */
    char *config; /* given; what its file holds */
    struct blob log;
    size_t log_taken; /* of the host's output */
};

struct sim_conn {
    struct sim_backend *owner;
    struct sim_client *client;
    enum wire_conn_state state;
    struct blob in;
};

struct sim_backend {
    struct wire_backend base;
    struct sim *sim;
    bool changed;
    size_t unread; /* of all connections, when it was looked at last */
    unsigned conn_count;
    struct sim_server servers[WIRE_SERVERS_MAX];
    struct sim_conn conns[WIRE_CONNS_MAX];
};

static struct sim_backend *self_of(struct wire_backend *b)
{
    return (struct sim_backend *)(void *)b;
}

static struct sim_server *server_of(struct wire_backend *b, unsigned server)
{
    CHECK(server < WIRE_SERVERS_MAX);
    return &self_of(b)->servers[server];
}

static struct sim_conn *conn_of(struct wire_backend *b, unsigned conn)
{
    CHECK(conn < WIRE_CONNS_MAX);
    return &self_of(b)->conns[conn];
}

static int64_t backend_now(struct wire_backend *b)
{
    return (int64_t)sim_now_ns(self_of(b)->sim);
}

static const char *backend_version(struct wire_backend *b)
{
    (void)b;
    return SERVER_NATS_VERSION;
}

/* --- servers ------------------------------------------------------------------------------------ */

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}

static const char *backend_server_dir(struct wire_backend *b, unsigned server, const char *name)
{
    struct sim_server *s = server_of(b, server);
    if (s->dir == NULL) {
        struct blob dir = {0};
        blob_format(&dir, "/%s", name);
        s->dir = copy_of(blob_string(&dir));
        blob_done(&dir);
    }
    return s->dir;
}

static int backend_server_configure(struct wire_backend *b, unsigned server, const char *config)
{
    struct sim_server *s = server_of(b, server);
    free(s->config);
    s->config = copy_of(config);
    return 0;
}

static int read_file(void *context, const char *path, size_t size_max, char **ret_at,
                     size_t *ret_size)
{
    const struct sim_server *s = context;
    if (strcmp(path, "server.conf") != 0)
        return -ENOENT;
    size_t size = strlen(s->config);
    if (size > size_max)
        return -EFBIG;
    *ret_at = copy_of(s->config);
    *ret_size = size;
    return 0;
}

static const char *get_env(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static void take_log(struct sim_backend *self, struct sim_server *s)
{
    if (!s->used)
        return;
    struct bytes all = sim_host_output(self->sim, s->host);
    if (all.size > s->log_taken) {
        blob_add(&s->log, (struct bytes){all.at + s->log_taken, all.size - s->log_taken});
        s->log_taken = all.size;
        self->changed = true;
    }
}

static void add_text(struct sim_server *s, const struct text *text)
{
    if (text->size > 0)
        blob_add(&s->log, text_bytes(text));
}

/* Wires it into a world; when that fails, the world runs to its end all the same. */
static void start_system(struct sim_backend *self, struct sim_server *s)
{
    struct text problem;
    text_init(&problem);
    if (s->loaded.options.workers == 0)
        s->loaded.options.workers = 2;
    s->world = sim_world_new(self->sim, s->host);
    const struct server_wiring wiring = {.signals = true, .logs = true, .pid = s->host + 1};
    s->server = server_new(s->world, &s->loaded.options, &wiring, &problem);
    s->started = true;
    s->exit_code = problem.size == 0 ? 0 : 1;
    s->state = problem.size == 0 ? WIRE_READY : WIRE_STARTING;
    if (problem.size > 0) {
        blob_add_string(&s->log, "nats-server: ");
        add_text(s, &problem);
        blob_add_string(&s->log, "\n");
    }
    text_done(&problem);
}

static int backend_server_start(struct wire_backend *b, unsigned server,
                                const struct wire_server_setup *setup)
{
    struct sim_backend *self = self_of(b);
    struct sim_server *s = server_of(b, server);
    CHECK(!s->used || s->state == WIRE_EXITED);
    (void)backend_server_configure(b, server, setup->config);
    if (!s->used)
        s->host = sim_host(self->sim);
    s->used = true;
    char *argv[WIRE_FLAGS_MAX + 4] = {"nats-server", "-c", "server.conf"};
    int count = 3;
    for (unsigned i = 0; i < WIRE_FLAGS_MAX && setup->flags[i] != NULL; i++)
        argv[count++] = (char *)(uintptr_t)setup->flags[i];
    const struct conf_source source = {read_file, get_env, s};
    options_load(count, argv, &source, &s->loaded);
    add_text(s, &s->loaded.out);
    add_text(s, &s->loaded.err);
    if (s->loaded.action == OPTIONS_RUN) {
        start_system(self, s);
    } else {
        s->state = WIRE_EXITED;
        s->exit_code = s->loaded.exit_code;
        options_result_done(&s->loaded);
    }
    self->changed = true;
    return 0;
}

/* Takes it apart when its last actor has exited. */
static void look_for_end(struct sim_backend *self, struct sim_server *s)
{
    if (!s->started || !sim_world_stopped(s->world))
        return;
    sim_world_end(s->world);
    take_log(self, s);
    server_free(&s->server);
    sim_world_free(&s->world);
    options_result_done(&s->loaded);
    s->started = false;
    s->state = WIRE_EXITED;
    self->changed = true;
}

static int backend_server_signal(struct wire_backend *b, unsigned server, const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {
        {"TERM", SIGTERM}, {"INT", SIGINT}, {"HUP", SIGHUP}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};
    struct sim_server *s = server_of(b, server);
    if (!s->started)
        return -ESRCH;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (strcmp(signals[i].name, name) == 0) {
            sim_signal(s->world, signals[i].number);
            return 0;
        }
    return -ENOTSUP;
}

static enum wire_server_state backend_server_state(struct wire_backend *b, unsigned server)
{
    return server_of(b, server)->state;
}

static int backend_server_exit_code(struct wire_backend *b, unsigned server)
{
    return server_of(b, server)->exit_code;
}

static struct bytes backend_server_log(struct wire_backend *b, unsigned server)
{
    take_log(self_of(b), server_of(b, server));
    return blob_bytes(&server_of(b, server)->log);
}

static long backend_server_pid(struct wire_backend *b, unsigned server)
{
    return (long)server_of(b, server)->host + 1;
}

static int backend_server_port(struct wire_backend *b, unsigned server, const char *listener)
{
    const struct sim_server *s = server_of(b, server);
    if (!s->started)
        return -ENOENT;
    if (strcmp(listener, "nats") == 0)
        return server_client_port(s->server);
    int port = strcmp(listener, "monitoring") == 0 ? server_monitor_port(s->server) : 0;
    return port > 0 ? port : -ENOENT;
}

static int backend_server_file(struct wire_backend *b, unsigned server, const char *glob,
                               struct blob *ret_content)
{
    (void)b;
    (void)server;
    (void)glob;
    (void)ret_content;
    return -ENOENT;
}

/* --- connections -------------------------------------------------------------------------------- */

static void on_connected(void *context, int status)
{
    struct sim_conn *c = context;
    c->state = status == 0 ? WIRE_OPEN : WIRE_REFUSED;
    c->owner->changed = true;
}

static void on_bytes(void *context, struct bytes bytes)
{
    struct sim_conn *c = context;
    blob_add(&c->in, bytes);
    c->owner->changed = true;
}

static void on_closed(void *context, int status)
{
    struct sim_conn *c = context;
    (void)status;
    c->state = WIRE_CLOSED;
    c->owner->changed = true;
}

static void on_timer(void *context)
{
    (void)context;
}

static const struct sim_client_events conn_events = {on_connected, on_bytes, on_closed, on_timer};

static int backend_connect(struct wire_backend *b, unsigned conn, unsigned server,
                           const char *listener)
{
    struct sim_conn *c = conn_of(b, conn);
    const struct sim_server *s = server_of(b, server);
    int port = backend_server_port(b, server, listener);
    if (port < 0 && s->used && s->state == WIRE_EXITED)
        port = 1; /* nobody is there */
    if (port < 0)
        return port;
    if (c->client != NULL)
        sim_client_free(&c->client);
    blob_clear(&c->in);
    c->owner = self_of(b);
    if (conn >= c->owner->conn_count)
        c->owner->conn_count = conn + 1;
    c->client = sim_client_new(self_of(b)->sim, s->host, &conn_events, c);
    c->state = WIRE_CONNECTING;
    struct net_address address;
    sim_host_address(s->host, (uint16_t)port, &address);
    sim_client_connect(c->client, &address);
    return 0;
}

static int backend_send(struct wire_backend *b, unsigned conn, struct bytes bytes)
{
    struct sim_conn *c = conn_of(b, conn);
    if (c->state == WIRE_OPEN || c->state == WIRE_CONNECTING)
        sim_client_send(c->client, bytes);
    return 0;
}

static bool backend_drained(struct wire_backend *b, unsigned conn)
{
    const struct sim_conn *c = conn_of(b, conn);
    return c->state >= WIRE_CLOSED || sim_client_unread(c->client) == 0;
}

static struct bytes backend_received(struct wire_backend *b, unsigned conn)
{
    return blob_bytes(&conn_of(b, conn)->in);
}

static void backend_consume(struct wire_backend *b, unsigned conn, size_t size)
{
    blob_drop_front(&conn_of(b, conn)->in, size);
}

static enum wire_conn_state backend_conn_state(struct wire_backend *b, unsigned conn)
{
    return conn_of(b, conn)->state;
}

static void backend_hold(struct wire_backend *b, unsigned conn, bool held)
{
    sim_client_hold(conn_of(b, conn)->client, held);
}

static void backend_close(struct wire_backend *b, unsigned conn)
{
    struct sim_conn *c = conn_of(b, conn);
    if (c->client != NULL)
        sim_client_close(c->client);
    c->state = WIRE_CLOSED;
}

/* --- time --------------------------------------------------------------------------------------- */

/* What is drained can be seen as well. */
static bool bytes_were_read(struct sim_backend *self)
{
    size_t unread = 0;
    for (unsigned i = 0; i < self->conn_count; i++)
        if (self->conns[i].client != NULL)
            unread += sim_client_unread(self->conns[i].client);
    bool fewer = unread < self->unread;
    self->unread = unread;
    return fewer;
}

static enum wire_step backend_step(struct wire_backend *b, int64_t until_ns)
{
    struct sim_backend *self = self_of(b);
    self->changed = false;
    for (;;) {
        bool more = sim_step(self->sim, (uint64_t)until_ns);
        for (unsigned i = 0; i < WIRE_SERVERS_MAX; i++) {
            take_log(self, &self->servers[i]);
            look_for_end(self, &self->servers[i]);
        }
        self->changed = self->changed || bytes_were_read(self);
        if (self->changed)
            return WIRE_CHANGED;
        if (!more || sim_now_ns(self->sim) >= (uint64_t)until_ns)
            return WIRE_TIME_UP;
    }
}

/* --- life --------------------------------------------------------------------------------------- */

static void shut_down(void *context)
{
    server_shutdown(context);
}

static void end_server(struct sim_backend *self, struct sim_server *s)
{
    if (s->started) {
        sim_call(s->world, 0, shut_down, s->server);
        while (s->started && sim_step(self->sim, sim_now_ns(self->sim) + 600000000000u))
            look_for_end(self, s);
        look_for_end(self, s);
        CHECK(!s->started);
    }
    free(s->dir);
    free(s->config);
    blob_done(&s->log);
}

static void backend_free(struct wire_backend **b)
{
    struct sim_backend *self = self_of(*b);
    *b = NULL;
    for (unsigned i = 0; i < WIRE_CONNS_MAX; i++) {
        if (self->conns[i].client != NULL)
            sim_client_free(&self->conns[i].client);
        blob_done(&self->conns[i].in);
    }
    for (unsigned i = 0; i < WIRE_SERVERS_MAX; i++)
        end_server(self, &self->servers[i]);
    sim_free(&self->sim);
    free(self);
}

static const struct wire_ops backend_ops = {
    .virtual_time = true,
    .free = backend_free,
    .now = backend_now,
    .step = backend_step,
    .version = backend_version,
    .server_dir = backend_server_dir,
    .server_start = backend_server_start,
    .server_configure = backend_server_configure,
    .server_signal = backend_server_signal,
    .server_state = backend_server_state,
    .server_exit_code = backend_server_exit_code,
    .server_log = backend_server_log,
    .server_pid = backend_server_pid,
    .server_port = backend_server_port,
    .server_file = backend_server_file,
    .connect = backend_connect,
    .send = backend_send,
    .drained = backend_drained,
    .received = backend_received,
    .consume = backend_consume,
    .conn_state = backend_conn_state,
    .hold = backend_hold,
    .close = backend_close,
};

/* Rough, but as fast and with as much room as the scripts' patience and numbers expect. */
static void draw_options(struct sim_options *options, struct prng *prng)
{
    sim_options_draw(options, prng);
    options->net.bytes_per_s = 0;
    options->net.short_write_in = 0; /* last words are lost by those, as nobody waits for them */
    options->net.latency_min_ns %= LATENCY_MAX_NS;
    options->net.latency_max_ns = options->net.latency_min_ns + LATENCY_MAX_NS;
    options->net.send_buffer = options->net.receive_buffer = BUFFER_SIZE;
}

struct wire_backend *backend_sim_new(uint64_t seed)
{
    struct sim_backend *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    self->base.ops = &backend_ops;
    struct sim_options options;
    struct prng prng;
    prng_init(&prng, seed);
    if (seed == 0)
        sim_options_init(&options);
    else
        draw_options(&options, &prng);
    self->sim = sim_new(seed, &options);
    return &self->base;
}
