/* SPDX-License-Identifier: Apache-2.0 */
/* run_http.c -- steps that ask a monitoring port and judge its answer. */
#include "tests/wire/run_steps.h"

#include "runtime/base/check.h"

#define RETRY_NS (10 * (int64_t)1000000)
#define HTTP_CONN 0

static bool http_get(struct session *s, int server, const char *path)
{
    struct blob request = {0};
    blob_format(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    int rc = s->ops->connect(s->backend, HTTP_CONN, (unsigned)server, "monitoring");
    if (rc == 0)
        rc = s->ops->send(s->backend, HTTP_CONN, blob_bytes(&request));
    blob_done(&request);
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
        struct blob why = {0};
        if (!http_get(s, server, path))
            return false;
        bool ok =
            condition == NULL || condition_holds(blob_bytes(&s->answer.body), condition, &why);
        bool over = s->ops->now(s->backend) >= deadline;
        if (!ok && over)
            session_fail(s, "GET %s: expected %s: %s", path, condition, blob_string(&why));
        blob_done(&why);
        if (ok || over)
            return ok;
        int64_t again = s->ops->now(s->backend) + RETRY_NS;
        while (s->ops->step(s->backend, again) == WIRE_CHANGED)
            ;
    }
}

bool run_http(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    struct blob path = {0};
    struct blob condition = {0};
    bool ok = server >= 0 && session_expand(s, bytes_of(step->text), -1, &path) &&
              (step->more == NULL || session_expand(s, bytes_of(step->more), -1, &condition)) &&
              http_until(s, server, blob_string(&path),
                         step->more == NULL ? NULL : blob_string(&condition));
    blob_done(&path);
    blob_done(&condition);
    return ok;
}

bool run_status(struct session *s, const struct step *step)
{
    if (s->answer.status == step->number)
        return true;
    return session_fail(s, "expected status %lld, it was %d", step->number, s->answer.status);
}

bool run_json(struct session *s, const struct step *step)
{
    struct blob why = {0};
    struct blob condition = {0};
    bool ok = session_expand(s, bytes_of(step->text), -1, &condition);
    if (ok && !condition_holds(blob_bytes(&s->answer.body), blob_string(&condition), &why))
        ok = session_fail(s, "expected %s: %s\n    in %.6000s", blob_string(&condition),
                          blob_string(&why), blob_string(&s->answer.body));
    blob_done(&condition);
    blob_done(&why);
    return ok;
}

static bool match_answer(struct session *s, const char *written, const char *text)
{
    struct blob pattern = {0};
    struct blob why = {0};
    bool ok = session_expand(s, bytes_of(written), -1, &pattern);
    if (ok && !condition_matches(text, blob_string(&pattern), &s->groups, &why))
        ok = session_fail(s, "expected %s %s, it was: %s", blob_string(&pattern), blob_string(&why),
                          text);
    blob_done(&pattern);
    blob_done(&why);
    return ok;
}

bool run_body(struct session *s, const struct step *step)
{
    return match_answer(s, step->text, blob_string(&s->answer.body));
}

bool run_header(struct session *s, const struct step *step)
{
    struct blob value = {0};
    bool ok = http_header(&s->answer, step->target, &value);
    if (!ok)
        session_fail(s, "no header %s", step->target);
    ok = ok && match_answer(s, step->text, blob_string(&value));
    blob_done(&value);
    return ok;
}
