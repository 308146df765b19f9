/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/session.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"

#define PATIENCE_NS (10 * (int64_t)1000000000)
#define LOG_LINES_SHOWN 8
#define REPEAT_SIZE_MAX 100000000ul
#define DRAIN_LOOK_NS 50000 /* a read by the server shows on no descriptor of ours */

void session_init(struct session *s, struct wire_backend *backend, const struct script *script,
                  struct blob *report)
{
    *s = (struct session){.ops = backend->ops,
                          .backend = backend,
                          .script = script,
                          .report = report,
                          .patience_ns = PATIENCE_NS};
}

void session_done(struct session *s)
{
    for (unsigned i = 0; i < WIRE_SERVERS_MAX; i++)
        free(s->servers[i]);
    for (unsigned i = 0; i < WIRE_CONNS_MAX; i++) {
        free(s->conns[i].name);
        blob_done(&s->conns[i].info);
        blob_done(&s->conns[i].payload);
    }
    for (unsigned i = 0; i < SESSION_VARS_MAX; i++) {
        free(s->vars[i].name);
        blob_done(&s->vars[i].value);
    }
    for (unsigned i = 0; i < CONDITION_GROUPS; i++)
        blob_done(&s->groups.at[i]);
    http_answer_done(&s->answer);
}

/* The last lines of a log. */
static struct bytes tail_of(struct bytes log)
{
    size_t i = log.size;
    int lines = 0;
    while (i > 0 && lines <= LOG_LINES_SHOWN) {
        i--;
        lines += log.at[i] == '\n';
    }
    if (i > 0)
        i++;
    return (struct bytes){log.at + i, log.size - i};
}

bool session_fail(struct session *s, const char *format, ...)
{
    char what[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    blob_format(s->report, "%s:%d: %s\n", s->script->path, s->step->line, what);
    if (s->split > 0)
        blob_format(s->report, "    with the bytes cut behind byte %u\n", s->split);
    for (unsigned i = 0; i < WIRE_SERVERS_MAX && s->servers[i] != NULL; i++) {
        struct bytes tail = tail_of(s->ops->server_log(s->backend, i));
        blob_format(s->report, "    log of %s:\n", s->servers[i]);
        blob_add(s->report, tail);
    }
    return false;
}

int session_server(struct session *s, const char *name)
{
    for (unsigned i = 0; i < WIRE_SERVERS_MAX && s->servers[i] != NULL; i++) {
        if (strcmp(s->servers[i], name) == 0)
            return (int)i;
    }
    session_fail(s, "no server %s", name);
    return -1;
}

int session_server_add(struct session *s, const char *name)
{
    unsigned i = 0;
    while (i < WIRE_SERVERS_MAX && s->servers[i] != NULL) {
        if (strcmp(s->servers[i], name) == 0) {
            session_fail(s, "server %s twice", name);
            return -1;
        }
        i++;
    }
    if (i == WIRE_SERVERS_MAX) {
        session_fail(s, "too many servers");
        return -1;
    }
    s->servers[i] = strdup(name);
    CHECK(s->servers[i] != NULL);
    return (int)i;
}

static int conn_find(const struct session *s, const char *name)
{
    for (unsigned i = 1; i < WIRE_CONNS_MAX; i++) {
        if (s->conns[i].name != NULL && strcmp(s->conns[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

int session_conn(struct session *s, const char *name)
{
    int conn = conn_find(s, name);
    if (conn < 0)
        session_fail(s, "no client %s", name);
    return conn;
}

int session_conn_add(struct session *s, const char *name)
{
    int conn = conn_find(s, name);
    if (conn >= 0) {
        s->ops->close(s->backend, (unsigned)conn);
        blob_clear(&s->conns[conn].info);
        return conn;
    }
    for (unsigned i = 1; i < WIRE_CONNS_MAX; i++) {
        if (s->conns[i].name != NULL)
            continue;
        s->conns[i].name = strdup(name);
        CHECK(s->conns[i].name != NULL);
        return (int)i;
    }
    session_fail(s, "too many clients");
    return -1;
}

bool session_var_set(struct session *s, const char *name, struct bytes value)
{
    unsigned i = 0;
    while (i < SESSION_VARS_MAX && s->vars[i].name != NULL && strcmp(s->vars[i].name, name) != 0)
        i++;
    if (i == SESSION_VARS_MAX)
        return session_fail(s, "too many variables");
    if (s->vars[i].name == NULL)
        s->vars[i].name = strdup(name);
    CHECK(s->vars[i].name != NULL);
    blob_clear(&s->vars[i].value);
    blob_add(&s->vars[i].value, value);
    return true;
}

/* ---- variables ---- */

/* `1000*x` */
static bool add_repeated(struct bytes word, struct blob *ret)
{
    char *end;
    unsigned long times = strtoul(word.at, &end, 10);
    if (end == word.at || *end != '*' || end >= word.at + word.size)
        return false;
    struct bytes unit = {end + 1, (size_t)(word.at + word.size - end) - 1};
    CHECK(times * unit.size <= REPEAT_SIZE_MAX);
    for (unsigned long i = 0; i < times; i++)
        blob_add(ret, unit);
    return true;
}

/* `s.dir`, `s.pid`, or `s.LISTENER`, its port */
static bool add_server_fact(struct session *s, struct bytes word, struct blob *ret)
{
    const char *dot = memchr(word.at, '.', word.size);
    if (dot == NULL)
        return false;
    struct bytes name = {word.at, (size_t)(dot - word.at)};
    char fact[64];
    snprintf(fact, sizeof(fact), "%.*s", (int)(word.size - name.size - 1), dot + 1);
    for (unsigned i = 0; i < WIRE_SERVERS_MAX && s->servers[i] != NULL; i++) {
        if (!bytes_are(name, s->servers[i]))
            continue;
        int port = s->ops->server_port(s->backend, i, fact);
        if (strcmp(fact, "dir") == 0)
            blob_add_string(ret, s->ops->server_dir(s->backend, i, s->servers[i]));
        else if (strcmp(fact, "pid") == 0)
            blob_format(ret, "%ld", s->ops->server_pid(s->backend, i));
        else if (port > 0)
            blob_format(ret, "%d", port);
        else
            return false;
        return true;
    }
    return false;
}

static bool add_variable(struct session *s, struct bytes word, int server, struct blob *ret)
{
    if (bytes_are(word, "dir") && server >= 0) {
        blob_add_string(ret, s->ops->server_dir(s->backend, (unsigned)server, s->servers[server]));
        return true;
    }
    if (word.size == 1 && word.at[0] >= '1' && word.at[0] <= '9') {
        blob_add(ret, blob_bytes(&s->groups.at[word.at[0] - '0']));
        return true;
    }
    for (unsigned i = 0; i < SESSION_VARS_MAX && s->vars[i].name != NULL; i++) {
        if (bytes_are(word, s->vars[i].name)) {
            blob_add(ret, blob_bytes(&s->vars[i].value));
            return true;
        }
    }
    return add_repeated(word, ret) || add_server_fact(s, word, ret);
}

bool session_expand(struct session *s, struct bytes written, int server, struct blob *ret)
{
    size_t i = 0;
    while (i < written.size) {
        const char *from = written.at + i;
        const char *end = NULL;
        if (*from == '%' && (i == 0 || from[-1] != '\\'))
            end = memchr(from + 1, '%', written.size - i - 1);
        struct bytes word = {from + 1, end == NULL ? 0 : (size_t)(end - from) - 1};
        bool is_word = word.size > 0 && memchr(word.at, ' ', word.size) == NULL;
        if (end != NULL && word.size > 0 && add_variable(s, word, server, ret)) {
            i += word.size + 2;
            continue;
        }
        if (is_word && isalpha((unsigned char)word.at[0]))
            return session_fail(s, "no variable %.*s", (int)word.size, word.at);
        blob_add(ret, (struct bytes){from, 1});
        i++;
    }
    return true;
}

bool session_expand_bytes(struct session *s, struct bytes written, struct blob *ret)
{
    struct blob expanded = {0};
    bool ok = session_expand(s, written, -1, &expanded);
    if (ok && blob_add_unescaped(ret, blob_bytes(&expanded)) < 0)
        ok = session_fail(s, "bad escape in: %.*s", (int)written.size, written.at);
    blob_done(&expanded);
    return ok;
}

/* ---- time and bytes ---- */

int64_t session_deadline(const struct session *s)
{
    return s->ops->now(s->backend) + s->patience_ns;
}

bool session_step(struct session *s, int64_t deadline)
{
    return s->ops->step(s->backend, deadline) == WIRE_CHANGED || s->ops->now(s->backend) < deadline;
}

static bool wants(const char *wanted, const char *verb)
{
    return wanted != NULL && strncmp(wanted, verb, strlen(verb)) == 0;
}

static void note_info(struct session_conn *c, const struct frame *f)
{
    blob_clear(&c->info);
    if (f->line.size > 5)
        blob_add(&c->info, (struct bytes){f->line.at + 5, f->line.size - 5});
}

static bool passes_over(struct session *s, int conn, const char *wanted, bool strict,
                        const struct frame *f)
{
    bool is_info = frame_is(f, "INFO");
    bool is_ping = frame_is(f, "PING");
    if (strict || (!is_info && !is_ping) || wants(wanted, is_info ? "INFO" : "PING"))
        return false;
    if (is_ping && s->conns[conn].answers_pings)
        (void)session_send(s, conn, BYTES("PONG\r\n"));
    return true;
}

void session_take(struct session *s, int conn, const struct frame *frame)
{
    CHECK(frame->size > 0);
    if (frame_is(frame, "INFO"))
        note_info(&s->conns[conn], frame);
    s->ops->consume(s->backend, (unsigned)conn, frame->size);
}

enum session_look session_look(struct session *s, int conn, const char *wanted, bool strict,
                               struct frame *ret_frame)
{
    for (;;) {
        struct frame f = {0};
        struct bytes input = s->ops->received(s->backend, (unsigned)conn);
        enum frame_cut cut = frame_cut(input, &f);
        enum wire_conn_state state = s->ops->conn_state(s->backend, (unsigned)conn);
        bool ended = state == WIRE_CLOSED || state == WIRE_REFUSED;
        if (cut == FRAME_BROKEN || (cut == FRAME_MORE && ended && input.size > 0))
            return LOOK_BROKEN;
        if (cut == FRAME_MORE)
            return ended ? LOOK_END : LOOK_NOTHING;
        if (!passes_over(s, conn, wanted, strict, &f)) {
            /* The answer to a PING may have moved the input: cut again. */
            *ret_frame = f;
            return LOOK_FRAME;
        }
        /* Sending may have moved what was received; the size stays what it was. */
        input = s->ops->received(s->backend, (unsigned)conn);
        CHECK(frame_cut(input, &f) == FRAME_DONE);
        session_take(s, conn, &f);
    }
}

bool session_send(struct session *s, int conn, struct bytes bytes)
{
    int rc = s->ops->send(s->backend, (unsigned)conn, bytes);
    return rc == 0 || session_fail(s, "send: %s", strerror(-rc));
}

bool session_send_drained(struct session *s, int conn, struct bytes bytes)
{
    if (!session_send(s, conn, bytes))
        return false;
    int64_t deadline = session_deadline(s);
    while (!s->ops->drained(s->backend, (unsigned)conn)) {
        int64_t now = s->ops->now(s->backend);
        if (now >= deadline)
            return session_fail(s, "the server does not read");
        (void)s->ops->step(s->backend, now + DRAIN_LOOK_NS);
    }
    return true;
}
