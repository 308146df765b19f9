/* SPDX-License-Identifier: Apache-2.0 */
/* run.c -- what each kind of step does.
 *
 * Idea        A step is a function from the session to success or a reported failure. Those that
 *             wait loop over "look; if it is not there yet, let the backend step", so they never
 *             depend on how long anything takes, only on patience for what never comes.
 * Ping        `a ping` sends PING and wants PONG as the very next thing: what was on its way to a
 *             before is thereby known to be nothing. So one step serves as round trip, as proof of
 *             silence and as proof that the connection lives.
 */
#include "tests/wire/run.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "tests/wire/session.h"

#define RETRY_NS (10 * (int64_t)1000000)
#define HTTP_CONN 0
#define SPLITS_MAX 4096u

typedef bool step_fn(struct session *s, const struct step *step);

/* ---- servers ---- */

static bool wait_ready(struct session *s, int server)
{
    int64_t deadline = session_deadline(s);
    for (;;) {
        enum wire_server_state state = s->ops->server_state(s->backend, (unsigned)server);
        if (state == WIRE_READY)
            return true;
        if (state == WIRE_EXITED)
            return session_fail(s, "the server exited");
        if (!session_step(s, deadline))
            return session_fail(s, "the server does not get ready");
    }
}

static bool config_text(struct session *s, const struct step *step, int server, struct text *ret)
{
    const char *dir = s->ops->server_dir(s->backend, (unsigned)server, s->servers[server]);
    text_format(ret,
                "host: \"127.0.0.1\"\nport: -1\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \"%s\"\n",
                dir);
    return session_expand(s, bytes_of(step->text), server, ret);
}

/* Starts with the text; flags are words, cut in place. */
static bool start_with(struct session *s, int server, const char *config, char *flags)
{
    struct wire_server_setup setup = {.name = s->servers[server], .config = config};
    char *rest = NULL;
    unsigned count = 0;
    for (char *word = strtok_r(flags, " \t", &rest); word != NULL;
         word = strtok_r(NULL, " \t", &rest)) {
        if (count + 1 == WIRE_FLAGS_MAX)
            return session_fail(s, "too many flags");
        setup.flags[count++] = word;
    }
    int rc = s->ops->server_start(s->backend, (unsigned)server, &setup);
    return rc == 0 || session_fail(s, "start: %s", strerror(-rc));
}

static bool launch(struct session *s, int server, const struct step *step)
{
    struct text config = {0};
    struct text flags = {0};
    text_add_string(&flags, "");
    bool ok = config_text(s, step, server, &config) &&
              session_expand(s, bytes_of(step->more), server, &flags) &&
              start_with(s, server, text_string(&config), flags.at);
    text_done(&config);
    text_done(&flags);
    return ok;
}

static bool do_launch(struct session *s, const struct step *step)
{
    int server = session_server_add(s, step->target);
    return server >= 0 && launch(s, server, step);
}

static bool do_server(struct session *s, const struct step *step)
{
    return do_launch(s, step) && wait_ready(s, session_server(s, step->target));
}

/* The step that first started a server: a restart uses its text. */
static const struct step *first_start(const struct session *s, const char *name)
{
    for (unsigned i = 0; i < s->script->count; i++) {
        const struct step *step = &s->script->steps[i];
        if ((step->kind == STEP_SERVER || step->kind == STEP_LAUNCH) &&
            strcmp(step->target, name) == 0)
            return step;
    }
    return NULL;
}

static bool do_start(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    const struct step *first = first_start(s, step->target);
    if (server < 0 || first == NULL)
        return false;
    if (s->ops->server_state(s->backend, (unsigned)server) != WIRE_EXITED)
        return session_fail(s, "it runs still");
    return launch(s, server, first) && wait_ready(s, server);
}

static bool do_config(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    if (server < 0)
        return false;
    struct text config = {0};
    bool ok = config_text(s, step, server, &config);
    int rc = ok ? s->ops->server_configure(s->backend, (unsigned)server, text_string(&config)) : 0;
    text_done(&config);
    return rc == 0 ? ok : session_fail(s, "config: %s", strerror(-rc));
}

static bool do_signal(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    if (server < 0)
        return false;
    int rc = s->ops->server_signal(s->backend, (unsigned)server, step->text);
    return rc == 0 || session_fail(s, "signal: %s", strerror(-rc));
}

static bool do_exits(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    if (server < 0)
        return false;
    int64_t deadline = session_deadline(s);
    while (s->ops->server_state(s->backend, (unsigned)server) != WIRE_EXITED) {
        if (!session_step(s, deadline))
            return session_fail(s, "the server does not exit");
    }
    int code = s->ops->server_exit_code(s->backend, (unsigned)server);
    if (step->number >= 0 && code != step->number)
        return session_fail(s, "expected exit code %lld, it was %d", step->number, code);
    return true;
}

/* A line of the log that matches; groups are kept. */
static bool log_has(struct session *s, int server, const char *pattern, struct text *why)
{
    struct bytes log = s->ops->server_log(s->backend, (unsigned)server);
    struct text line = {0};
    bool found = false;
    while (!found && log.size > 0) {
        const char *end = memchr(log.at, '\n', log.size);
        size_t size = end == NULL ? log.size : (size_t)(end - log.at);
        text_clear(&line);
        text_add(&line, (struct bytes){log.at, size});
        found = end != NULL && condition_matches(text_string(&line), pattern, &s->groups, why);
        size_t skip = end == NULL ? size : size + 1;
        log.at += skip;
        log.size -= skip;
    }
    text_done(&line);
    return found;
}

static bool log_step(struct session *s, const struct step *step, const char *pattern)
{
    int server = session_server(s, step->target);
    int64_t deadline = session_deadline(s);
    struct text why = {0};
    bool wanted = step->kind == STEP_LOG;
    bool found = false;
    while (server >= 0) {
        found = log_has(s, server, pattern, &why);
        if (!wanted || found || why.size > 0 || !session_step(s, deadline))
            break;
    }
    bool ok = server >= 0 && found == wanted && why.size == 0;
    if (server >= 0 && !ok)
        session_fail(s, "expected %s of the log to match: %s %s", wanted ? "a line" : "no line",
                     pattern, text_string(&why));
    text_done(&why);
    return ok;
}

static bool do_log(struct session *s, const struct step *step)
{
    struct text pattern = {0};
    bool ok = session_expand(s, bytes_of(step->text), -1, &pattern) &&
              log_step(s, step, text_string(&pattern));
    text_done(&pattern);
    return ok;
}

/* Whether the file is as wanted: content that matches the pattern, or absent when it is NULL. */
static bool file_is(struct session *s, int server, const char *glob, const char *pattern,
                    struct text *ret_content)
{
    struct text why = {0};
    text_clear(ret_content);
    int rc = s->ops->server_file(s->backend, (unsigned)server, glob, ret_content);
    bool ok = pattern == NULL ? rc == -ENOENT
                              : rc == 0 && condition_matches(text_string(ret_content), pattern,
                                                             &s->groups, &why);
    text_add_string(ret_content, text_string(&why));
    text_done(&why);
    return ok;
}

static bool wait_file(struct session *s, int server, const char *glob, const char *pattern)
{
    struct text content = {0};
    int64_t deadline = session_deadline(s);
    bool ok = false;
    while (!(ok = file_is(s, server, glob, pattern, &content))) {
        int64_t now = s->ops->now(s->backend);
        if (now >= deadline)
            break;
        (void)s->ops->step(s->backend, now + RETRY_NS);
    }
    if (!ok)
        session_fail(s, "file %s: expected %s, content: %s", glob,
                     pattern == NULL ? "none" : pattern, text_string(&content));
    text_done(&content);
    return ok;
}

static bool do_file(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    struct text glob = {0};
    struct text pattern = {0};
    bool ok =
        server >= 0 && session_expand(s, bytes_of(step->more), server, &glob) &&
        (step->text == NULL || session_expand(s, bytes_of(step->text), server, &pattern)) &&
        wait_file(s, server, text_string(&glob), step->text == NULL ? NULL : text_string(&pattern));
    text_done(&glob);
    text_done(&pattern);
    return ok;
}

/* ---- expectations ---- */

/* Reports what was expected, and what is there instead. */
static bool fail_expected(struct session *s, int conn, const char *wanted, enum session_look look,
                          const struct frame *f)
{
    struct text came = {0};
    struct bytes left = s->ops->received(s->backend, (unsigned)conn);
    switch (look) {
    case LOOK_FRAME: frame_add_escaped(&came, f); break;
    case LOOK_NOTHING: text_add_string(&came, "(nothing) "); break;
    case LOOK_END: text_add_string(&came, "(closed)"); break;
    case LOOK_BROKEN: text_add_string(&came, "(broken) "); break;
    }
    if (look == LOOK_NOTHING || look == LOOK_BROKEN)
        text_add_escaped(&came, left);
    session_fail(s, "%s\n    expected: %s\n    came:     %s", s->conns[conn].name, wanted,
                 text_string(&came));
    text_done(&came);
    return false;
}

static bool frame_matches_pattern(struct session *s, const struct frame *f, const char *written)
{
    struct text shown = {0};
    struct text pattern = {0};
    struct text why = {0};
    frame_add_escaped(&shown, f);
    text_add_string(&pattern, "^");
    bool ok = session_expand(s, bytes_of(written), -1, &pattern);
    text_add_string(&pattern, "$");
    ok = ok && condition_matches(text_string(&shown), text_string(&pattern), &s->groups, &why);
    if (why.size > 0)
        session_fail(s, "%s", text_string(&why));
    text_done(&shown);
    text_done(&pattern);
    text_done(&why);
    return ok;
}

static bool frame_is_written(struct session *s, const struct frame *f, const char *written)
{
    struct bytes line;
    struct bytes payload;
    bool has_payload;
    struct text wanted_line = {0};
    struct text wanted_payload = {0};
    frame_cut_written(written, &line, &payload, &has_payload);
    bool ok = has_payload == f->has_payload && session_expand_bytes(s, line, &wanted_line) &&
              session_expand_bytes(s, payload, &wanted_payload) &&
              bytes_equal(f->line, text_bytes(&wanted_line)) &&
              bytes_equal(f->payload, text_bytes(&wanted_payload));
    text_done(&wanted_line);
    text_done(&wanted_payload);
    return ok;
}

static bool frame_matches(struct session *s, const struct frame *f, const struct step *step)
{
    return step->regex ? frame_matches_pattern(s, f, step->text)
                       : frame_is_written(s, f, step->text);
}

static void accept_frame(struct session *s, int conn, const struct frame *f)
{
    struct text *payload = &s->conns[conn].payload;
    if (f->has_payload) {
        text_clear(payload);
        text_add(payload, f->payload);
    }
    session_take(s, conn, f);
}

/* Waits for a frame, or for the knowledge that none comes. */
static enum session_look wait_frame(struct session *s, int conn, const struct step *step,
                                    struct frame *ret_frame)
{
    int64_t deadline = session_deadline(s);
    for (;;) {
        enum session_look look = session_look(s, conn, step->text, step->strict, ret_frame);
        if (look != LOOK_NOTHING || !session_step(s, deadline))
            return look;
    }
}

static bool expect_on(struct session *s, int conn, const struct step *step)
{
    struct frame f;
    enum session_look look = wait_frame(s, conn, step, &f);
    if (look != LOOK_FRAME || !frame_matches(s, &f, step))
        return fail_expected(s, conn, step->text, look, &f);
    accept_frame(s, conn, &f);
    return true;
}

/* Calls the function for each connection the step names. */
static bool for_each_conn(struct session *s, const struct step *step,
                          bool (*each)(struct session *s, int conn, const struct step *step))
{
    for (unsigned i = 0; i < step->name_count; i++) {
        int conn = session_conn(s, step->names[i]);
        if (conn < 0 || !each(s, conn, step))
            return false;
    }
    return true;
}

static bool do_expect(struct session *s, const struct step *step)
{
    return for_each_conn(s, step, expect_on);
}

/* Takes the first connection of the step that has something; -1 if none has yet, -2 on failure. */
static int one_that_speaks(struct session *s, const struct step *step)
{
    for (unsigned i = 0; i < step->name_count; i++) {
        int conn = session_conn(s, step->names[i]);
        if (conn < 0)
            return -2;
        struct frame f;
        enum session_look look = session_look(s, conn, step->text, false, &f);
        if (look == LOOK_NOTHING)
            continue;
        if (look != LOOK_FRAME || !frame_matches(s, &f, step)) {
            fail_expected(s, conn, step->text, look, &f);
            return -2;
        }
        accept_frame(s, conn, &f);
        return conn;
    }
    return -1;
}

static bool do_one_of(struct session *s, const struct step *step)
{
    int64_t deadline = session_deadline(s);
    for (;;) {
        int conn = one_that_speaks(s, step);
        if (conn >= 0)
            return session_var_set(s, "one", bytes_of(s->conns[conn].name));
        if (conn == -2)
            return false;
        if (!session_step(s, deadline))
            return session_fail(s, "none of them got: %s", step->text);
    }
}

/* Index of the line of the set that the frame meets, not met before; -1 if there is none. */
static int set_find(struct session *s, const struct step *set, const bool *met,
                    const struct frame *f)
{
    for (unsigned i = 0; i < set->block_count; i++) {
        if (!met[i] && frame_matches(s, f, &set->block[i]))
            return (int)i;
    }
    return -1;
}

static bool do_unordered(struct session *s, const struct step *step)
{
    int conn = session_conn(s, step->names[0]);
    if (conn < 0)
        return false;
    bool *met = calloc(step->block_count, sizeof(bool));
    CHECK(met != NULL);
    bool ok = true;
    for (unsigned n = 0; ok && n < step->block_count; n++) {
        struct frame f;
        enum session_look look = wait_frame(s, conn, &step->block[0], &f);
        int i = look == LOOK_FRAME ? set_find(s, step, met, &f) : -1;
        unsigned first = 0;
        while (met[first])
            first++;
        if (i < 0) {
            ok = fail_expected(s, conn, step->block[first].text, look, &f);
        } else {
            met[i] = true;
            accept_frame(s, conn, &f);
        }
    }
    free(met);
    return ok;
}

static bool ping_on(struct session *s, int conn, const struct step *step)
{
    static char pong[] = "PONG";
    struct step wanted = {.line = step->line, .text = pong};
    return session_send(s, conn, BYTES("PING\r\n")) && expect_on(s, conn, &wanted);
}

static bool do_ping(struct session *s, const struct step *step)
{
    return for_each_conn(s, step, ping_on);
}

static bool end_on(struct session *s, int conn, const struct step *step)
{
    struct frame f;
    bool closed = step->kind == STEP_CLOSED;
    enum session_look look = wait_frame(s, conn, step, &f);
    enum wire_conn_state wanted = closed ? WIRE_CLOSED : WIRE_REFUSED;
    if (look != LOOK_END || s->ops->conn_state(s->backend, (unsigned)conn) != wanted)
        return fail_expected(s, conn, closed ? "(closed)" : "(refused)", look, &f);
    return true;
}

static bool do_end(struct session *s, const struct step *step)
{
    return for_each_conn(s, step, end_on);
}

static bool info_on(struct session *s, int conn, const struct step *step)
{
    struct text why = {0};
    struct text condition = {0};
    bool ok = session_expand(s, bytes_of(step->text), -1, &condition);
    const struct text *document =
        step->kind == STEP_INFO ? &s->conns[conn].info : &s->conns[conn].payload;
    if (ok && !condition_holds(text_bytes(document), text_string(&condition), &why))
        ok = session_fail(s, "%s: expected %s: %s\n    in %s", s->conns[conn].name,
                          text_string(&condition), text_string(&why), text_string(document));
    text_done(&condition);
    text_done(&why);
    return ok;
}

static bool do_info(struct session *s, const struct step *step)
{
    return for_each_conn(s, step, info_on);
}

/* ---- connections ---- */

static bool connect_to(struct session *s, const struct step *step, const char *name,
                       const char *listener, int *ret_conn)
{
    int server = session_server(s, step->target);
    int conn = server < 0 ? -1 : session_conn_add(s, name);
    if (conn < 0)
        return false;
    int rc = s->ops->connect(s->backend, (unsigned)conn, (unsigned)server, listener);
    *ret_conn = conn;
    return rc == 0 || session_fail(s, "connect: %s", strerror(-rc));
}

static bool do_raw(struct session *s, const struct step *step)
{
    const char *listener = step->more == NULL ? "nats" : step->more;
    for (unsigned i = 0; i < step->name_count; i++) {
        int conn;
        if (!connect_to(s, step, step->names[i], listener, &conn))
            return false;
        s->conns[conn].answers_pings = false;
    }
    return true;
}

/* The CONNECT of a client: the default with the script's fields over it; null takes one out. */
static json_t *connect_fields(const char *name, const char *more)
{
    json_t *fields =
        json_pack("{s:b,s:b,s:b,s:s,s:s,s:s,s:i,s:b}", "verbose", 0, "pedantic", 0, "tls_required",
                  0, "name", name, "lang", "wire", "version", "1", "protocol", 1, "headers", 1);
    CHECK(fields != NULL);
    json_t *over = json_loads(more == NULL || *more == '\0' ? "{}" : more, 0, NULL);
    if (over == NULL || json_object_update(fields, over) != 0) {
        json_decref(fields);
        fields = NULL;
    }
    json_decref(over);
    return fields;
}

/* The greeting: INFO, then CONNECT and PING, then PONG and what goes with it. */
static bool greet(struct session *s, int conn, const json_t *fields)
{
    static char info[] = "INFO .*";
    static char ok[] = "+OK";
    static char pong[] = "PONG";
    struct step want_info = {.line = s->step->line, .text = info, .regex = true, .strict = true};
    struct step want_ok = {.line = s->step->line, .text = ok, .strict = true};
    struct step want_pong = {.line = s->step->line, .text = pong, .strict = true};
    if (!expect_on(s, conn, &want_info))
        return false;
    char *json = json_dumps(fields, JSON_COMPACT);
    CHECK(json != NULL);
    struct text line = {0};
    text_format(&line, "CONNECT %s\r\nPING\r\n", json);
    free(json);
    bool sent = session_send(s, conn, text_bytes(&line));
    text_done(&line);
    if (!sent ||
        (json_is_true(json_object_get(fields, "verbose")) && !expect_on(s, conn, &want_ok)))
        return false;
    if (!expect_on(s, conn, &want_pong))
        return false;
    bool told_again = json_integer_value(json_object_get(fields, "protocol")) >= 1;
    return !told_again || expect_on(s, conn, &want_info);
}

static bool client(struct session *s, const struct step *step, const char *name, const char *more)
{
    int conn;
    json_t *fields = connect_fields(name, more);
    if (fields == NULL)
        return session_fail(s, "no JSON object: %s", more);
    bool ok = connect_to(s, step, name, "nats", &conn);
    if (ok) {
        s->conns[conn].answers_pings = true;
        ok = greet(s, conn, fields);
    }
    json_decref(fields);
    return ok;
}

static bool do_client(struct session *s, const struct step *step)
{
    struct text more = {0};
    bool ok = step->more == NULL || session_expand(s, bytes_of(step->more), -1, &more);
    for (unsigned i = 0; ok && i < step->name_count; i++)
        ok = client(s, step, step->names[i], text_string(&more));
    text_done(&more);
    return ok;
}

/* The bytes that the step sends. */
static bool send_text(struct session *s, const struct step *step, struct text *ret)
{
    if (step->number == SEND_BYTES)
        return session_expand_bytes(s, bytes_of(step->text), ret);
    struct bytes line;
    struct bytes payload;
    bool has_payload;
    frame_cut_written(step->text, &line, &payload, &has_payload);
    if (!session_expand_bytes(s, line, ret))
        return false;
    text_add_string(ret, "\r\n");
    if (!has_payload)
        return true;
    bool ok = session_expand_bytes(s, payload, ret);
    text_add_string(ret, "\r\n");
    return ok;
}

static bool send_cut(struct session *s, int conn, struct bytes b, size_t at)
{
    struct bytes head = {b.at, at};
    struct bytes tail = {b.at + at, b.size - at};
    return session_send_drained(s, conn, head) && session_send(s, conn, tail);
}

static bool send_on(struct session *s, int conn, const struct step *step)
{
    struct text t = {0};
    bool ok = send_text(s, step, &t);
    struct bytes b = text_bytes(&t);
    if (ok && step->number == SEND_SPLIT) {
        s->split_size = b.size;
        ok = s->split > 0 ? send_cut(s, conn, b, s->split) : session_send(s, conn, b);
    } else if (ok && step->number == SEND_BYTEWISE) {
        for (size_t i = 0; ok && i < b.size; i++)
            ok = session_send_drained(s, conn, (struct bytes){b.at + i, 1});
    } else if (ok) {
        ok = session_send(s, conn, b);
    }
    text_done(&t);
    return ok;
}

static bool do_send(struct session *s, const struct step *step)
{
    return for_each_conn(s, step, send_on);
}

static bool close_on(struct session *s, int conn, const struct step *step)
{
    s->ops->close(s->backend, (unsigned)conn);
    return true;
}

static bool do_close(struct session *s, const struct step *step)
{
    return for_each_conn(s, step, close_on);
}

static bool hold_on(struct session *s, int conn, const struct step *step)
{
    s->ops->hold(s->backend, (unsigned)conn, step->kind == STEP_HOLD);
    return true;
}

static bool do_hold(struct session *s, const struct step *step)
{
    return for_each_conn(s, step, hold_on);
}

/* ---- HTTP ---- */

static bool http_get(struct session *s, int server, const char *path)
{
    struct text request = {0};
    text_format(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    int rc = s->ops->connect(s->backend, HTTP_CONN, (unsigned)server, "monitoring");
    if (rc == 0)
        rc = s->ops->send(s->backend, HTTP_CONN, text_bytes(&request));
    text_done(&request);
    if (rc < 0)
        return session_fail(s, "http: %s", strerror(-rc));
    int64_t deadline = session_deadline(s);
    for (;;) {
        struct bytes input = s->ops->received(s->backend, HTTP_CONN);
        bool at_end = s->ops->conn_state(s->backend, HTTP_CONN) >= WIRE_CLOSED;
        if (http_answer_cut(input, at_end, &s->answer))
            break;
        if (!session_step(s, deadline))
            return session_fail(s, "no answer to GET %s", path);
    }
    s->ops->close(s->backend, HTTP_CONN);
    return s->answer.status > 0 || session_fail(s, "no HTTP answer to GET %s", path);
}

/* Repeats the request until its answer meets the condition, which may be NULL. */
static bool http_until(struct session *s, int server, const char *path, const char *condition)
{
    int64_t deadline = session_deadline(s);
    for (;;) {
        struct text why = {0};
        if (!http_get(s, server, path))
            return false;
        bool ok =
            condition == NULL || condition_holds(text_bytes(&s->answer.body), condition, &why);
        bool over = s->ops->now(s->backend) >= deadline;
        if (!ok && over)
            session_fail(s, "GET %s: expected %s: %s", path, condition, text_string(&why));
        text_done(&why);
        if (ok || over)
            return ok;
        int64_t again = s->ops->now(s->backend) + RETRY_NS;
        while (s->ops->step(s->backend, again) == WIRE_CHANGED)
            ;
    }
}

static bool do_http(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    struct text path = {0};
    struct text condition = {0};
    bool ok = server >= 0 && session_expand(s, bytes_of(step->text), -1, &path) &&
              (step->more == NULL || session_expand(s, bytes_of(step->more), -1, &condition)) &&
              http_until(s, server, text_string(&path),
                         step->more == NULL ? NULL : text_string(&condition));
    text_done(&path);
    text_done(&condition);
    return ok;
}

static bool do_status(struct session *s, const struct step *step)
{
    if (s->answer.status == step->number)
        return true;
    return session_fail(s, "expected status %lld, it was %d", step->number, s->answer.status);
}

static bool do_json(struct session *s, const struct step *step)
{
    struct text why = {0};
    struct text condition = {0};
    bool ok = session_expand(s, bytes_of(step->text), -1, &condition);
    if (ok && !condition_holds(text_bytes(&s->answer.body), text_string(&condition), &why))
        ok = session_fail(s, "expected %s: %s\n    in %.6000s", text_string(&condition),
                          text_string(&why), text_string(&s->answer.body));
    text_done(&condition);
    text_done(&why);
    return ok;
}

static bool match_answer(struct session *s, const char *written, const char *text)
{
    struct text pattern = {0};
    struct text why = {0};
    bool ok = session_expand(s, bytes_of(written), -1, &pattern);
    if (ok && !condition_matches(text, text_string(&pattern), &s->groups, &why))
        ok = session_fail(s, "expected %s %s, it was: %s", text_string(&pattern), text_string(&why),
                          text);
    text_done(&pattern);
    text_done(&why);
    return ok;
}

static bool do_body(struct session *s, const struct step *step)
{
    return match_answer(s, step->text, text_string(&s->answer.body));
}

static bool do_header(struct session *s, const struct step *step)
{
    struct text value = {0};
    bool ok = http_header(&s->answer, step->target, &value);
    if (!ok)
        session_fail(s, "no header %s", step->target);
    ok = ok && match_answer(s, step->text, text_string(&value));
    text_done(&value);
    return ok;
}

/* ---- the rest ---- */

static bool do_let(struct session *s, const struct step *step)
{
    int conn = step->name_count == 0 ? 0 : session_conn(s, step->names[0]);
    if (conn < 0)
        return false;
    const struct text *document = step->name_count == 0 ? &s->answer.body : &s->conns[conn].info;
    struct text value = {0};
    struct text why = {0};
    bool ok = condition_value(text_bytes(document), step->text, &value, &why) ||
              session_fail(s, "%s", text_string(&why));
    ok = ok && session_var_set(s, step->target, text_bytes(&value));
    text_done(&value);
    text_done(&why);
    return ok;
}

static bool do_advance(struct session *s, const struct step *step)
{
    if (!s->ops->virtual_time) {
        s->patience_ns += step->number;
        return true;
    }
    int64_t until = s->ops->now(s->backend) + step->number;
    while (s->ops->step(s->backend, until) == WIRE_CHANGED)
        ;
    return true;
}

static bool steps_run(struct session *s, const struct step *steps, unsigned count);

static bool do_repeat(struct session *s, const struct step *step)
{
    for (long long i = 1; i <= step->number; i++) {
        char number[24];
        snprintf(number, sizeof(number), "%lld", i);
        if (!session_var_set(s, "i", bytes_of(number)) ||
            !steps_run(s, step->block, step->block_count))
            return false;
    }
    return true;
}

static step_fn *const step_fns[] = {
    [STEP_SERVER] = do_server, [STEP_LAUNCH] = do_launch, [STEP_START] = do_start,
    [STEP_CONFIG] = do_config, [STEP_SIGNAL] = do_signal, [STEP_EXITS] = do_exits,
    [STEP_CLIENT] = do_client, [STEP_RAW] = do_raw,       [STEP_SEND] = do_send,
    [STEP_EXPECT] = do_expect, [STEP_ONE_OF] = do_one_of, [STEP_UNORDERED] = do_unordered,
    [STEP_PING] = do_ping,     [STEP_CLOSED] = do_end,    [STEP_REFUSED] = do_end,
    [STEP_CLOSE] = do_close,   [STEP_HOLD] = do_hold,     [STEP_RESUME] = do_hold,
    [STEP_INFO] = do_info,     [STEP_PAYLOAD] = do_info,  [STEP_HTTP] = do_http,
    [STEP_STATUS] = do_status, [STEP_JSON] = do_json,     [STEP_BODY] = do_body,
    [STEP_HEADER] = do_header, [STEP_LOG] = do_log,       [STEP_NO_LOG] = do_log,
    [STEP_FILE] = do_file,     [STEP_LET] = do_let,       [STEP_ADVANCE] = do_advance,
    [STEP_REPEAT] = do_repeat,
};

static bool steps_run(struct session *s, const struct step *steps, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        CHECK((size_t)steps[i].kind < sizeof(step_fns) / sizeof(step_fns[0]));
        s->step = &steps[i];
        if (!step_fns[steps[i].kind](s, &steps[i]))
            return false;
    }
    return true;
}

/* Whether the comma-separated names include the kind. */
static bool names_include(const char *names, const char *kind)
{
    size_t size = strlen(kind);
    for (const char *p = strstr(names, kind); p != NULL; p = strstr(p + 1, kind)) {
        bool begins = p == names || !isalpha((unsigned char)p[-1]);
        if (begins && !isalpha((unsigned char)p[size]))
            return true;
    }
    return false;
}

static bool older(const char *version, const char *needs)
{
    int a[3] = {0};
    int b[3] = {0};
    sscanf(version, "%d.%d.%d", &a[0], &a[1], &a[2]);
    sscanf(needs, "%d.%d.%d", &b[0], &b[1], &b[2]);
    for (int i = 0; i < 3; i++) {
        if (a[i] != b[i])
            return a[i] < b[i];
    }
    return false;
}

/* One run with one backend. */
static enum run_result run_once(const struct script *script, const struct run_world *world,
                                unsigned split, size_t *ret_split_size, struct text *report)
{
    struct wire_backend *backend = world->backend_new(world);
    if (backend == NULL) {
        text_format(report, "%s: no backend: %s\n", script->path, strerror(errno));
        return RUN_FAILED;
    }
    enum run_result result = RUN_SKIPPED;
    struct session *s = malloc(sizeof(*s));
    CHECK(s != NULL);
    session_init(s, backend, script, report);
    s->split = split;
    if (script->needs != NULL && older(backend->ops->version(backend), script->needs))
        text_format(report, "%s: skipped: needs %s\n", script->path, script->needs);
    else
        result = steps_run(s, script->steps, script->count) ? RUN_PASSED : RUN_FAILED;
    *ret_split_size = s->split_size;
    session_done(s);
    free(s);
    backend->ops->free(&backend);
    return result;
}

enum run_result run_script(const struct script *script, const struct run_world *world,
                           struct text *report)
{
    if (script->only != NULL && !names_include(script->only, world->kind)) {
        text_format(report, "%s: skipped: only %s: %s\n", script->path, script->only,
                    script->only_reason);
        return RUN_SKIPPED;
    }
    size_t split_size = 0;
    enum run_result result = run_once(script, world, 0, &split_size, report);
    CHECK(split_size <= SPLITS_MAX);
    for (unsigned at = 1; result == RUN_PASSED && at < split_size; at++) {
        size_t same;
        result = run_once(script, world, at, &same, report);
        CHECK(result != RUN_PASSED || same == split_size);
    }
    return result;
}
