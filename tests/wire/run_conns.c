/* SPDX-License-Identifier: Apache-2.0 */
/* run_conns.c -- steps that make connections, send on them and close them. */
#include "tests/wire/run_steps.h"

#include <jansson.h>
#include <stdlib.h>

#include "runtime/base/check.h"

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

bool run_raw(struct session *s, const struct step *step)
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
    if (!run_expect_on(s, conn, &want_info))
        return false;
    char *json = json_dumps(fields, JSON_COMPACT);
    CHECK(json != NULL);
    struct blob line = {0};
    blob_format(&line, "CONNECT %s\r\nPING\r\n", json);
    free(json);
    bool sent = session_send(s, conn, blob_bytes(&line));
    blob_done(&line);
    if (!sent ||
        (json_is_true(json_object_get(fields, "verbose")) && !run_expect_on(s, conn, &want_ok)))
        return false;
    if (!run_expect_on(s, conn, &want_pong))
        return false;
    bool told_again = json_integer_value(json_object_get(fields, "protocol")) >= 1;
    return !told_again || run_expect_on(s, conn, &want_info);
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

bool run_client(struct session *s, const struct step *step)
{
    struct blob more = {0};
    bool ok = step->more == NULL || session_expand(s, bytes_of(step->more), -1, &more);
    for (unsigned i = 0; ok && i < step->name_count; i++)
        ok = client(s, step, step->names[i], blob_string(&more));
    blob_done(&more);
    return ok;
}

/* The bytes that the step sends. */
static bool send_text(struct session *s, const struct step *step, struct blob *ret)
{
    if (step->number == SEND_BYTES)
        return session_expand_bytes(s, bytes_of(step->text), ret);
    struct bytes line;
    struct bytes payload;
    bool has_payload;
    frame_cut_written(step->text, &line, &payload, &has_payload);
    if (!session_expand_bytes(s, line, ret))
        return false;
    blob_add_string(ret, "\r\n");
    if (!has_payload)
        return true;
    bool ok = session_expand_bytes(s, payload, ret);
    blob_add_string(ret, "\r\n");
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
    struct blob t = {0};
    bool ok = send_text(s, step, &t);
    struct bytes b = blob_bytes(&t);
    if (ok && step->number == SEND_SPLIT) {
        s->split_size = b.size;
        ok = s->split > 0 ? send_cut(s, conn, b, s->split) : session_send(s, conn, b);
    } else if (ok && step->number == SEND_BYTEWISE) {
        for (size_t i = 0; ok && i < b.size; i++)
            ok = session_send_drained(s, conn, (struct bytes){b.at + i, 1});
    } else if (ok) {
        ok = session_send(s, conn, b);
    }
    blob_done(&t);
    return ok;
}

bool run_send(struct session *s, const struct step *step)
{
    return run_for_each_conn(s, step, send_on);
}

static bool close_on(struct session *s, int conn, const struct step *step)
{
    s->ops->close(s->backend, (unsigned)conn);
    return true;
}

bool run_close(struct session *s, const struct step *step)
{
    return run_for_each_conn(s, step, close_on);
}

static bool hold_on(struct session *s, int conn, const struct step *step)
{
    s->ops->hold(s->backend, (unsigned)conn, step->kind == STEP_HOLD);
    return true;
}

bool run_hold(struct session *s, const struct step *step)
{
    return run_for_each_conn(s, step, hold_on);
}
