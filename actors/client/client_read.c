/* SPDX-License-Identifier: Apache-2.0 */
/* client_read.c -- from a socket's bytes to operations, one slice at a time.
 *
 * Idea        Bytes are parsed in place. What is left of a slice is kept: a short rest is copied to the
 *             front of the next read, so that every line and payload is contiguous; a long payload gets
 *             a buffer of its exact size, into which the socket is read; and when the connection has
 *             to wait for its account, the rest stays where it is and the worker reads elsewhere.
 * Invariants  1 while parked the socket is not read and nothing is parsed
 *             2 what is kept begins at the start of a control line
 * Bounds      kept: a control line and one payload, so max_control_line + max_payload, and twice that
 *             while it grows. Parked, what one read has brought.
 */
#include <string.h>

#include "actors/client/client_log.h"
#include "actors/client/client_state.h"
#include "protocols/json/output.h"
#include "protocols/nats/client_parser.h"
#include "protocols/nats/info_check.h"
#include "protocols/nats/redact.h"
#include "runtime/base/check.h"

#define CONNECT_TRACE_MAX ((size_t)64 << 10)
#define GROW_MAX ((uint32_t)1 << 20) /* a long line's buffer doubles up to this, then grows by it */
#define COPY_MAX 4096u               /* a longer rest or payload gets a buffer of its own */

/* --- what is kept between reads ------------------------------------------------------------------ */

/* Whether the next bytes go behind what is kept, in its own buffer. */
static bool kept_in_place(const struct client_input *in)
{
    return in->kept.buf != NULL && in->kept.offset + in->kept.size < in->kept.buf->capacity &&
           (in->need > COPY_MAX || in->kept.size > COPY_MAX);
}

/* Keeps the size bytes at `at`; more may follow until `need` are there. home: the counted buffer that
 * holds them, or NULL. */
static void keep(struct client *c, const char *at, uint32_t size, uint32_t need, struct buf *home)
{
    struct slice before = c->input.kept;
    if (size == 0) {
        c->input.kept = (struct slice){0};
    } else if (c->park != PARK_NOT && size > COPY_MAX && home != NULL) {
        c->input.kept = (struct slice){buf_ref(home), (uint32_t)(at - home->at), size};
    } else if (before.buf != NULL && before.buf == home &&
               need <= home->capacity - (at - home->at) && need > COPY_MAX) {
        c->input.kept = (struct slice){buf_ref(home), (uint32_t)(at - home->at), size};
    } else {
        uint32_t capacity = need > size ? need : size > COPY_MAX ? size + GROW_MAX : size;
        if (size < GROW_MAX && size > COPY_MAX && need <= size)
            capacity = size * 2;
        c->input.kept = (struct slice){buf_new(capacity), 0, size};
        memcpy(c->input.kept.buf->at, at, size);
    }
    c->input.need = need;
    buf_unref(&before.buf);
}

static void on_space(struct actor *self, struct net_space *space)
{
    struct client *c = (struct client *)(void *)self;
    struct slice *kept = &c->input.kept;
    if (kept->buf == NULL)
        return;
    if (kept_in_place(&c->input)) {
        uint32_t end = kept->offset + kept->size;
        uint32_t room = kept->buf->capacity - end;
        if (c->input.need > kept->size && c->input.need - kept->size < room)
            room = c->input.need - kept->size;
        *space = (struct net_space){kept->buf->at + end, room};
        return;
    }
    CHECK(kept->size < space->size);
    memcpy(space->at, kept->buf->at + kept->offset, kept->size);
    space->at += kept->size;
    space->size -= kept->size;
}

/* --- parsing ------------------------------------------------------------------------------------ */

enum step {
    STEP_DONE,   /* *at has advanced */
    STEP_MORE,   /* *ret_need bytes are needed, 0: unknown */
    STEP_PARKED, /* the same line again later */
    STEP_CLOSED,
};

static enum step protocol_violation(struct client *c)
{
    client_close(c, CLOSED_STATE_PROTOCOL_VIOLATION);
    return STEP_CLOSED;
}

#define SNIPPET_MAX 32

/* The reference's line: its parser is always at the start of an operation here. */
static enum step unknown_operation(struct client *c, const char *at, const char *end)
{
    size_t have = (size_t)(end - at);
    struct bytes snippet = {at, have > SNIPPET_MAX ? SNIPPET_MAX : have > 0 ? have - 1 : 0};
    client_log_quoted(c, LOG_LEVEL_ERROR, "Client parser ERROR, state=0, i=0: proto='%s...'",
                      snippet);
    if (!client_catch_up(c)) /* what it was sent before comes before the error */
        return STEP_CLOSED;
    client_error(c, "Unknown Protocol Operation");
    return protocol_violation(c);
}

/* O2, O3: what comes next must find this connection's earlier SUBs in force for everybody. */
static bool barrier(struct client *c)
{
    if (c->ops != NULL && c->ops->count > 0)
        client_ops_send(c);
    if (c->unacked == 0)
        return true;
    client_park(c, PARK_CHANGE);
    return false;
}

/* The payload and its end behind the line. */
static enum step check_payload(struct client *c, const char *payload, const char *end,
                               uint32_t size, uint32_t line_size, uint32_t *ret_need)
{
    size_t have = (size_t)(end - payload);
    if (have >= (size_t)size + 2)
        return payload[size] == '\r' && payload[size + 1] == '\n'
                   ? STEP_DONE
                   : unknown_operation(c, payload + size, end);
    if (have == (size_t)size + 1 && payload[size] != '\r')
        return unknown_operation(c, payload + size, end);
    *ret_need = line_size + size + 2;
    return STEP_MORE;
}

/* Once a line, though it is parsed again after parking or when its payload has come. */
static void trace_line(struct client *c, const struct client_line *line)
{
    static const char *const verbs[] = {"CONNECT", "INFO", "PUB",  "HPUB", "HMSG", "SUB",
                                        "UNSUB",   "PING", "PONG", "OK",   "ERR"};
    if (!client_traces(c) || c->input.traced)
        return;
    c->input.traced = true;
    if (line->op != CLIENT_OP_CONNECT) {
        client_trace_in(c, verbs[line->op], line->argument);
        return;
    }
    struct output text;
    output_init(&text, CONNECT_TRACE_MAX);
    redact_connect(&text, line->argument);
    if (output_error(&text) == 0)
        client_trace_in(c, verbs[line->op], output_bytes(&text));
    output_done(&text);
}

static enum step parse_publish(struct client *c, const char **at, const char *end,
                               const struct client_line *line, struct buf *home, uint32_t *ret_need)
{
    struct publication m;
    trace_line(c, line);
    if (!client_pub_arguments(c, line, &m))
        return STEP_CLOSED;
    m.payload = *at + line->size;
    m.payload_buf = home;
    enum step step = check_payload(c, m.payload, end, m.payload_size, line->size, ret_need);
    if (step != STEP_DONE)
        return step;
    if (!barrier(c))
        return STEP_PARKED;
    client_publish(c, &m, *at, line->size, false);
    *at = m.payload + m.payload_size + 2;
    return STEP_DONE;
}

/* A line equal to the last one: 1 when its message was published, 0 when it must be parsed. */
static bool publish_remembered(struct client *c, const char **at, const char *end, struct buf *home)
{
    const struct client_line_memory *memory = c->memory;
    if (memory == NULL || memory->size == 0 || c->unacked > 0 ||
        (c->ops != NULL && c->ops->count > 0))
        return false;
    uint32_t size = memory->publication.payload_size;
    if ((size_t)(end - *at) < (size_t)memory->size + size + 2 ||
        memcmp(*at, memory->line, memory->size) != 0)
        return false;
    const char *payload = *at + memory->size;
    if (payload[size] != '\r' || payload[size + 1] != '\n')
        return false;
    struct publication m = memory->publication;
    m.payload = payload;
    m.payload_buf = home;
    c->input.scanned = 0; /* it was about this line */
    client_publish(c, &m, NULL, 0, true);
    *at = payload + size + 2;
    return true;
}

bool client_catch_up(struct client *c)
{
    client_publish_end(c);
    actor_drain(&c->actor);
    return client_is_open(c);
}

static void on_ping(struct client *c)
{
    /* O4: what it published before is in its targets' mailboxes. O5: what was sent to it before is in
     * front of the PONG. */
    if (!client_catch_up(c))
        return;
    client_reply(c, BYTES("PONG\r\n"));
    if (client_traces(c))
        client_trace_out(c, "PONG", (struct bytes){NULL, 0});
    c->last_in_ms = now_ms();
    bool first = !c->first_pong_sent && c->connected;
    if (first)
        c->first_pong_sent = true;
    if (first && c->protocol >= 1)
        client_send_info(c, true, false);
}

static void on_pong(struct client *c)
{
    c->pings_out = 0;
    if (c->ping_sent_ns != 0)
        c->rtt_ns = now_ns() > c->ping_sent_ns ? now_ns() - c->ping_sent_ns : 1;
}

/* For a line about a subscription of a list that is on its way. */
static enum step await_answer(struct client *c)
{
    bool answered = barrier(c);
    CHECK(!answered);
    return STEP_PARKED;
}

/* A whole line that is no publish. */
static enum step run_line(struct client *c, const struct client_line *line)
{
    switch (line->op) {
    case CLIENT_OP_CONNECT:
        if (c->connected && c->subs.live > 0 && !barrier(c))
            return STEP_PARKED; /* it forgets what is subscribed, which must be known for that */
        if (c->connected && !client_catch_up(c))
            return STEP_CLOSED; /* what came before still belongs to what is forgotten */
        client_on_connect(c, line->argument);
        break;
    case CLIENT_OP_SUB:
        if (!client_on_sub(c, line->argument))
            return await_answer(c);
        break;
    case CLIENT_OP_UNSUB:
        if (!client_on_unsub(c, line->argument))
            return await_answer(c);
        break;
    case CLIENT_OP_PING:
        if (!barrier(c))
            return STEP_PARKED;
        on_ping(c);
        break;
    case CLIENT_OP_PONG: on_pong(c); break;
    case CLIENT_OP_ERR:
        client_log(c, LOG_LEVEL_ERROR, "Client Error %.*s", (int)line->argument.size,
                   line->argument.at);
        client_close(c, CLOSED_STATE_PARSE_ERROR);
        break;
    case CLIENT_OP_HMSG:
        return unknown_operation(c, line->argument.at, line->argument.at + line->argument.size);
    case CLIENT_OP_INFO:
        if (info_check(line->argument) != 0) {
            client_log(c, LOG_LEVEL_ERROR, "INFO can not be read");
            client_close(c, CLOSED_STATE_PROTOCOL_VIOLATION);
        }
        break;
    case CLIENT_OP_OK: break;
    case CLIENT_OP_PUB:
    case CLIENT_OP_HPUB: UNREACHABLE("publishes have a payload and go elsewhere");
    }
    return client_is_open(c) ? STEP_DONE : STEP_CLOSED;
}

static bool awaits_connect(const struct client *c)
{
    return c->settings->auth_required && !c->connected;
}

static enum step parse_one(struct client *c, const char **at, const char *end, struct buf *home,
                           uint32_t *ret_need)
{
    *ret_need = 0;
    if (awaits_connect(c) && **at != 'C' && **at != 'c') {
        client_auth_violation(c);
        return STEP_CLOSED;
    }
    struct client_line line;
    uint32_t scanned = c->input.scanned;
    c->input.scanned = 0;
    switch (client_parse_line(*at, (size_t)(end - *at), scanned, c->settings->max_control_line,
                              &line)) {
    case CLIENT_PARSE_UNKNOWN: return unknown_operation(c, *at, end);
    case CLIENT_PARSE_TOO_LONG:
        client_log(c, LOG_LEVEL_ERROR, "maximum control line exceeded");
        client_error(c, "maximum control line exceeded");
        client_close(c, CLOSED_STATE_MAX_CONTROL_LINE);
        return STEP_CLOSED;
    case CLIENT_PARSE_MORE: c->input.scanned = line.size; return STEP_MORE;
    case CLIENT_PARSE_LINE: break;
    }
    if (!c->registered && line.op != CLIENT_OP_CONNECT) {
        client_park(c, PARK_REGISTER);
        return STEP_PARKED;
    }
    if (line.op == CLIENT_OP_PUB || line.op == CLIENT_OP_HPUB)
        return parse_publish(c, at, end, &line, home, ret_need);
    trace_line(c, &line);
    enum step step = run_line(c, &line);
    if (step == STEP_DONE)
        *at += line.size;
    return step;
}

/* Parses what lies at `at` and keeps the rest. */
static void consume(struct client *c, const char *at, uint32_t size, struct buf *home)
{
    const char *end = at + size;
    uint32_t need = 0;
    enum step step = STEP_DONE;
    c->consuming = true;
    while (at < end && step == STEP_DONE && c->park == PARK_NOT) {
        if (publish_remembered(c, &at, end, home))
            step = client_is_open(c) ? STEP_DONE : STEP_CLOSED;
        else
            step = parse_one(c, &at, end, home, &need);
        if (step == STEP_DONE)
            c->input.traced = false;
    }
    c->consuming = false;
    if (!client_is_open(c)) {
        buf_unref(&c->input.kept.buf);
        client_publish_end(c);
        return;
    }
    bool in_line = step == STEP_MORE && need == 0;
    keep(c, at, in_line ? c->input.scanned : (uint32_t)(end - at), need, home);
    if (c->ops != NULL && c->ops->count > 0)
        client_ops_send(c);
    client_publish_end(c);
    if (c->park == PARK_NOT && c->hold_until_ms != 0) {
        client_park(c, PARK_HOLD);
        client_timer_update(c);
    }
}

static void on_read(struct actor *self, char *at, ssize_t size)
{
    struct client *c = (struct client *)(void *)self;
    if (!client_is_open(c))
        return;
    if (size < 0) {
        client_close(c, size == NET_EOF ? CLOSED_STATE_CLIENT_CLOSED : CLOSED_STATE_READ_ERROR);
        return;
    }
    actor_worked(self, (size_t)size);
    struct client_input *in = &c->input;
    struct buf *home = worker_read_buf();
    uint32_t have = (uint32_t)size + in->kept.size;
    if (in->kept.buf != NULL && kept_in_place(in)) {
        home = in->kept.buf;
        at = home->at + in->kept.offset;
        in->kept.size = have;
        if (have < in->need)
            return; /* more of a long payload */
    } else {
        at -= in->kept.size;
    }
    consume(c, at, have, home);
}

void client_park(struct client *c, enum client_park reason)
{
    DCHECK(c->park == PARK_NOT);
    c->park = (uint8_t)reason;
    conn_read_stop(c->conn);
}

void client_resume(struct client *c)
{
    if (!client_is_open(c) || c->consuming)
        return;
    c->park = PARK_NOT;
    struct slice kept = c->input.kept;
    if (kept.size > 0 && kept.size >= c->input.need) {
        buf_ref(kept.buf);
        consume(c, kept.buf->at + kept.offset, kept.size, kept.buf);
        buf_unref(&kept.buf);
    }
    if (client_is_open(c) && c->park == PARK_NOT)
        conn_read_start(c->conn);
}

/* --- the socket's other events ------------------------------------------------------------------- */

static void on_written(struct actor *self, int status)
{
    struct client *c = (struct client *)(void *)self;
    outgoing_written(&c->out);
    if (!client_is_open(c)) {
        outgoing_clear(&c->out);
        return;
    }
    if (status != 0) {
        client_close(c, CLOSED_STATE_WRITE_ERROR);
        return;
    }
    c->write_since_ms = 0;
    actor_flush_later(self);
}

static void on_closed(struct actor *self)
{
    struct client *c = (struct client *)(void *)self;
    c->conn = NULL;
    c->state = CLIENT_STATE_LINGERING;
    client_bury_more(c);
}

const struct conn_events client_conn_events = {
    .on_space = on_space,
    .on_read = on_read,
    .on_written = on_written,
    .on_closed = on_closed,
};
