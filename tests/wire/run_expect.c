/* SPDX-License-Identifier: Apache-2.0 */
/* run_expect.c -- steps that wait for what a server says.
 *
 * Idea        Look; if it is not there yet, let the backend step. So nothing depends on how long
 *             anything takes, only on patience for what never comes.
 * Ping        `a ping` sends PING and wants PONG as the very next thing: what was on its way to a
 *             before is thereby known to be nothing. So one step serves as round trip, as proof of
 *             silence and as proof that the connection lives.
 */
#include "tests/wire/run_steps.h"

#include <stdlib.h>

#include "runtime/base/check.h"

/* Reports what was expected, and what is there instead. */
static bool fail_expected(struct session *s, int conn, const char *wanted, enum session_look look,
                          const struct frame *f)
{
    struct blob came = {0};
    struct bytes left = s->ops->received(s->backend, (unsigned)conn);
    switch (look) {
    case LOOK_FRAME: frame_add_escaped(&came, f); break;
    case LOOK_NOTHING: blob_add_string(&came, "(nothing) "); break;
    case LOOK_END: blob_add_string(&came, "(closed)"); break;
    case LOOK_BROKEN: blob_add_string(&came, "(broken) "); break;
    }
    if (look == LOOK_NOTHING || look == LOOK_BROKEN)
        blob_add_escaped(&came, left);
    session_fail(s, "%s\n    expected: %s\n    came:     %s", s->conns[conn].name, wanted,
                 blob_string(&came));
    blob_done(&came);
    return false;
}

static bool frame_matches_pattern(struct session *s, const struct frame *f, const char *written)
{
    struct blob shown = {0};
    struct blob pattern = {0};
    struct blob why = {0};
    frame_add_escaped(&shown, f);
    blob_add_string(&pattern, "^");
    bool ok = session_expand(s, bytes_of(written), -1, &pattern);
    blob_add_string(&pattern, "$");
    ok = ok && condition_matches(blob_string(&shown), blob_string(&pattern), &s->groups, &why);
    if (why.size > 0)
        session_fail(s, "%s", blob_string(&why));
    blob_done(&shown);
    blob_done(&pattern);
    blob_done(&why);
    return ok;
}

static bool frame_is_written(struct session *s, const struct frame *f, const char *written)
{
    struct bytes line;
    struct bytes payload;
    bool has_payload;
    struct blob wanted_line = {0};
    struct blob wanted_payload = {0};
    frame_cut_written(written, &line, &payload, &has_payload);
    bool ok = has_payload == f->has_payload && session_expand_bytes(s, line, &wanted_line) &&
              session_expand_bytes(s, payload, &wanted_payload) &&
              bytes_equal(f->line, blob_bytes(&wanted_line)) &&
              bytes_equal(f->payload, blob_bytes(&wanted_payload));
    blob_done(&wanted_line);
    blob_done(&wanted_payload);
    return ok;
}

static bool frame_matches(struct session *s, const struct frame *f, const struct step *step)
{
    return step->regex ? frame_matches_pattern(s, f, step->text)
                       : frame_is_written(s, f, step->text);
}

static void accept_frame(struct session *s, int conn, const struct frame *f)
{
    struct blob *payload = &s->conns[conn].payload;
    if (f->has_payload) {
        blob_clear(payload);
        blob_add(payload, f->payload);
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

bool run_expect_on(struct session *s, int conn, const struct step *step)
{
    struct frame f;
    enum session_look look = wait_frame(s, conn, step, &f);
    if (look != LOOK_FRAME || !frame_matches(s, &f, step))
        return fail_expected(s, conn, step->text, look, &f);
    accept_frame(s, conn, &f);
    return true;
}

/* Calls the function for each connection the step names. */
bool run_for_each_conn(struct session *s, const struct step *step,
                       bool (*each)(struct session *s, int conn, const struct step *step))
{
    for (unsigned i = 0; i < step->name_count; i++) {
        int conn = session_conn(s, step->names[i]);
        if (conn < 0 || !each(s, conn, step))
            return false;
    }
    return true;
}

bool run_expect(struct session *s, const struct step *step)
{
    return run_for_each_conn(s, step, run_expect_on);
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

bool run_one_of(struct session *s, const struct step *step)
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

bool run_unordered(struct session *s, const struct step *step)
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
    return session_send(s, conn, BYTES("PING\r\n")) && run_expect_on(s, conn, &wanted);
}

bool run_ping(struct session *s, const struct step *step)
{
    return run_for_each_conn(s, step, ping_on);
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

bool run_end(struct session *s, const struct step *step)
{
    return run_for_each_conn(s, step, end_on);
}

static bool info_on(struct session *s, int conn, const struct step *step)
{
    struct blob why = {0};
    struct blob condition = {0};
    bool ok = session_expand(s, bytes_of(step->text), -1, &condition);
    const struct blob *document =
        step->kind == STEP_INFO ? &s->conns[conn].info : &s->conns[conn].payload;
    if (ok && !condition_holds(blob_bytes(document), blob_string(&condition), &why))
        ok = session_fail(s, "%s: expected %s: %s\n    in %s", s->conns[conn].name,
                          blob_string(&condition), blob_string(&why), blob_string(document));
    blob_done(&condition);
    blob_done(&why);
    return ok;
}

bool run_info(struct session *s, const struct step *step)
{
    return run_for_each_conn(s, step, info_on);
}
