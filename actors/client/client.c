/* SPDX-License-Identifier: Apache-2.0 */
/* client.c -- a client connection's life, its timer, and what it is told. */
#include "actors/client/client.h"

#include <stdio.h>
#include <string.h>

#include "actors/client/client_log.h"
#include "actors/client/client_state.h"
#include "actors/listener/listener_msg.h"
#include "protocols/json/go_text.h"
#include "protocols/json/output.h"
#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/base/prng.h"
#include "runtime/system.h"

#define FIRST_PING_MS 2000
#define NAME_IN_ERROR_MAX 512

const struct msg_type client_types[CLIENT_KINDS] = {
    CLIENT_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

bool client_is_open(const struct client *c)
{
    return c->state == CLIENT_STATE_GREETED || c->state == CLIENT_STATE_OPEN;
}

/* --- what it says to its peer -------------------------------------------------------------------- */

void client_reply(struct client *c, struct bytes text)
{
    if (!client_is_open(c))
        return;
    outgoing_copy(&c->out, text.at, (uint32_t)text.size);
    actor_flush_later(&c->actor);
}

void client_error(struct client *c, const char *text)
{
    char line[NAME_IN_ERROR_MAX];
    int size = snprintf(line, sizeof line, "-ERR '%s'\r\n", text);
    CHECK(size > 0 && (size_t)size < sizeof line);
    client_reply(c, (struct bytes){line, (size_t)size});
}

/* --- the timer ---------------------------------------------------------------------------------- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* Arms it for whatever is due next. Activity only stores times, and the timer looks at them. */
void client_timer_update(struct client *c)
{
    if (!client_is_open(c)) {
        timer_cancel(&c->timer);
        return;
    }
    uint64_t due = sooner(c->auth_due_ms, c->ping_due_ms);
    due = sooner(due, c->hold_until_ms);
    if (c->write_since_ms != 0)
        due = sooner(due, c->write_since_ms + c->settings->write_deadline_ms);
    if (due == 0) {
        timer_cancel(&c->timer);
        return;
    }
    if (timer_armed(&c->timer) && c->timer.due_ms <= due)
        return; /* it will look again then */
    timer_arm(&c->timer, &c->actor, 0, due > now_ms() ? due - now_ms() : 1);
}

static void send_ping(struct client *c)
{
    c->pings_out++;
    c->ping_sent_ns = now_ns();
    client_reply(c, BYTES("PING\r\n"));
}

static void on_ping_due(struct client *c)
{
    const struct client_settings *s = c->settings;
    c->ping_due_ms = now_ms() + s->ping_interval_ms;
    bool quiet = c->last_in_ms == 0 || now_ms() - c->last_in_ms >= s->ping_interval_ms;
    if (!quiet && c->rtt_ns != 0)
        return;
    if (c->pings_out + 1u > s->ping_max) {
        COUNTER_ADD(&c->counters->stale_connections, 1);
        if (client_debugs(c))
            client_log(c, LOG_LEVEL_DEBUG, "Stale Client Connection - Closing");
        client_error(c, "Stale Connection");
        client_close(c, CLOSED_STATE_STALE_CONNECTION);
        return;
    }
    send_ping(c);
}

static void deadline_exceeded(struct client *c)
{
    COUNTER_ADD(&c->counters->slow_consumers, 1);
    struct output deadline;
    output_init(&deadline, 64);
    go_text_duration(&deadline, (int64_t)c->settings->write_deadline_ms * 1000000);
    client_log(
        c, LOG_LEVEL_INFO,
        "Slow Consumer Detected: WriteDeadline of %.*s exceeded with %u chunks of %llu total "
        "bytes.",
        (int)deadline.size, deadline.at, c->out.count, (unsigned long long)c->out.bytes);
    output_done(&deadline);
    if (c->settings->write_retry)
        c->write_since_ms = now_ms();
    else
        client_close(c, CLOSED_STATE_SLOW_CONSUMER_DEADLINE);
}

static void on_timer(struct client *c)
{
    if (!client_is_open(c))
        return;
    uint64_t now = now_ms();
    if (c->auth_due_ms != 0 && now >= c->auth_due_ms) {
        if (client_debugs(c))
            client_log(c, LOG_LEVEL_DEBUG, "Authentication Timeout");
        client_error(c, "Authentication Timeout");
        client_close(c, CLOSED_STATE_AUTHENTICATION_TIMEOUT);
        return;
    }
    if (c->write_since_ms != 0 && now >= c->write_since_ms + c->settings->write_deadline_ms) {
        deadline_exceeded(c);
        if (!client_is_open(c))
            return;
    }
    if (c->ping_due_ms != 0 && now >= c->ping_due_ms)
        on_ping_due(c);
    if (c->hold_until_ms != 0 && now >= c->hold_until_ms) {
        c->hold_until_ms = 0;
        if (c->park == PARK_HOLD)
            client_resume(c);
    }
    client_timer_update(c);
}

/* 2 s at first, or the interval if that is shorter, and up to a fifth more, so that many connections
 * do not ping at once. */
static uint64_t first_ping_ms(const struct client_settings *s)
{
    uint64_t ms = s->ping_interval_ms < FIRST_PING_MS ? s->ping_interval_ms : FIRST_PING_MS;
    return ms + (ms >= 5 ? prng_below(worker_prng(), ms / 5) : 0);
}

void client_expect_ping(struct client *c)
{
    c->ping_due_ms = now_ms() + first_ping_ms(c->settings);
    timer_cancel(&c->timer);
}

/* --- writing ------------------------------------------------------------------------------------ */

static void client_flush(struct actor *self)
{
    struct client *c = (struct client *)(void *)self;
    if (!client_is_open(c))
        return;
    if (outgoing_flush(&c->out, c->conn) != 0) {
        client_close(c, CLOSED_STATE_WRITE_ERROR);
        return;
    }
    client_pressure_update(c);
    if (c->out.writing > 0 && c->write_since_ms == 0) {
        c->write_since_ms = now_ms();
        client_timer_update(c);
    }
}

/* --- life --------------------------------------------------------------------------------------- */

void client_register(struct client *c)
{
    c->account = c->settings->global_account;
    struct account_register *m = MSG_NEW(account_types, ACCOUNT_REGISTER, account_register);
    m->answer = &client_types[CLIENT_REGISTERED];
    actor_ask(c->account, &m->msg, 0);
}

static void on_registered(struct client *c, const struct account_registered *m)
{
    c->registered = true;
    c->publisher.interest = m->interest;
    c->publisher.interest_id = m->interest_id;
    if (!client_is_open(c))
        client_bury_more(c);
    else if (c->park == PARK_REGISTER)
        client_resume(c);
}

static void tell_keeper(struct client *c, struct buf *record)
{
    struct listener_client_closed *m =
        MSG_NEW(listener_types, LISTENER_CLIENT_CLOSED, listener_client_closed);
    m->client = c->actor.self;
    m->record = record;
    SEND(c->keeper, m);
}

void client_close(struct client *c, enum closed_state reason)
{
    if (!client_is_open(c))
        return;
    if (reason != CLOSED_STATE_WRITE_ERROR && reason != CLOSED_STATE_CLIENT_CLOSED &&
        c->out.writing == 0)
        (void)outgoing_flush(&c->out, c->conn); /* the last words, if the kernel takes them now */
    c->state = CLIENT_STATE_CLOSING;
    c->close_reason = (uint8_t)reason;
    if (client_debugs(c))
        client_log(c, LOG_LEVEL_DEBUG, "Client connection closed: %s", closed_state_text(reason));
    actor_set_pressure(&c->actor, PRESSURE_CLOSED);
    timer_cancel(&c->timer);
    outgoing_clear(&c->out);
    conn_close(c->conn);
    tell_keeper(c, client_last_record(c, reason));
    client_bury_more(c);
}

static void on_begin(struct client *c, const struct client_begin *m)
{
    int status = conn_adopt(&c->actor, &client_conn_events, &m->accepted, &c->conn);
    if (status != 0) { /* it was reset before it was ours: nobody is there to be told */
        c->state = CLIENT_STATE_LINGERING;
        tell_keeper(c, NULL);
        actor_exit(&c->actor);
        return;
    }
    COUNTER_ADD(&c->counters->total, 1);
    if (client_debugs(c))
        client_log(c, LOG_LEVEL_DEBUG, "Client connection created");
    if (m->refuse) {
        client_log(c, LOG_LEVEL_ERROR, "maximum connections exceeded");
        client_error(c, "maximum connections exceeded");
        client_close(c, CLOSED_STATE_MAX_CONNECTIONS);
        return;
    }
    client_greet(c);
    c->ping_due_ms = now_ms() + c->settings->ping_interval_ms;
    if (c->settings->auth_required)
        c->auth_due_ms = now_ms() + c->settings->auth_timeout_ms;
    else
        client_register(c);
    client_timer_update(c);
    conn_read_start(c->conn);
}

static void client_done(struct actor *self)
{
    struct client *c = (struct client *)(void *)self;
    CHECK(c->conn == NULL && c->subs.live == 0);
    outgoing_clear(&c->out);
    subs_done(&c->subs);
    buf_unref(&c->input.kept.buf);
    mem_free(c->memory);
    mem_free(c->identity);
    if (c->ops != NULL) {
        mem_free(c->ops->ops);
        mem_free(c->ops->text);
        mem_free(c->ops);
    }
}

static void client_receive(struct actor *self, struct msg *m)
{
    struct client *c = (struct client *)(void *)self;
    switch ((enum client_message)m->type->kind) {
    case CLIENT_GONE: UNREACHABLE("an account outlives its clients");
    case CLIENT_STOP: UNREACHABLE("a client is closed with a reason");
    case CLIENT_TIMER: on_timer(c); break;
    case CLIENT_IO: UNREACHABLE("a client asks the world for nothing but its socket");
    case CLIENT_BATCH: client_on_batch(c, (struct batch *)(void *)m); break;
    case CLIENT_BEGIN: on_begin(c, (struct client_begin *)(void *)m); break;
    case CLIENT_REGISTERED: on_registered(c, (struct account_registered *)(void *)m); break;
    case CLIENT_CHANGED: client_on_changed(c, (struct account_changed *)(void *)m); break;
    case CLIENT_CLOSE: client_close(c, ((struct client_close *)(void *)m)->reason); break;
    case CLIENT_LAME_DUCK:
        if (c->protocol >= 1) /* others do not know INFO after the first */
            client_send_info(c, false, true);
        break;
    case CLIENT_DESCRIBE: client_on_describe(c, (struct client_describe *)(void *)m); break;
    case CLIENT_KINDS: UNREACHABLE("no message has this kind");
    }
}

static void client_check(const struct actor *self)
{
    const struct client *c = (const struct client *)(const void *)self;
    CHECK(implies(c->conn == NULL, c->state == CLIENT_STATE_LINGERING));
    CHECK(implies(c->out.count == 0, c->out.bytes == 0));
    CHECK(c->subs.live <= c->subs.made);
}

static const struct actor_class client_class = {
    .name = "client",
    .types = client_types,
    .type_count = CLIENT_KINDS,
    .pinned = true,
    .receive = client_receive,
    .flush = client_flush,
    .check = client_check,
    .done = client_done,
};

struct actor_ref client_spawn(const struct client_settings *settings,
                              const struct accepted *accepted, uint64_t cid,
                              struct actor_ref keeper, bool refuse)
{
    struct client *c = (struct client *)(void *)actor_spawn(&client_class, sizeof *c);
    c->settings = settings;
    c->counters = &settings->counters[worker_index()];
    c->keeper = keeper;
    c->cid = cid;
    c->peer = accepted->peer;
    c->publisher = (struct publisher){
        .self = c->actor.self, .echo = true, .drop_when_pressed = settings->no_stall};
    c->verbose = c->pedantic = true;                             /* until CONNECT says otherwise */
    c->subs.seed = hash_u64(system_seed(worker_system()) ^ cid); /* no client can foresee it */
    c->start_wall_ns = wall_ns();
    struct client_begin *m = MSG_NEW(client_types, CLIENT_BEGIN, client_begin);
    m->accepted = *accepted;
    m->refuse = refuse;
    struct actor_ref self = c->actor.self;
    SEND(self, m);
    return self;
}
