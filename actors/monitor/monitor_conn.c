/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_conn.c -- one connection of the monitoring port: reads requests, has pages made, writes them.
 *
 * Idea        One request at a time: while a page is being made nothing is read, so that what a peer
 *             sends ahead waits in the kernel. Each piece of a page is a message of its own to this
 *             actor (GO_ON), and the next piece is made when the last one is with the kernel.
 * Invariants  1 a page is there, or an answer is complete, or a request is being read
 *             2 `out` does not change while a write is under way
 * Bounds      a head of HTTP_HEAD_MAX bytes; a piece of PAGE_CHUNK and a row; BODY_MAX for what a page
 *             holds at once, HELD_MAX for one that HTTP/1.0 asks for; the times below.
 * Differs     nats-server lets a silent connection be for ever; here it is closed after IDLE_MS, and so
 *             is one that takes no bytes for STALL_MS.
 */
#include "actors/monitor/monitor_conn.h"

#include <string.h>

#include "runtime/base/check.h"

#define IDLE_MS 120000
#define HEAD_MS 5000 /* for a request that has begun */
#define STALL_MS 60000
#define BODY_MAX ((size_t)64 << 20)
#define HELD_MAX ((size_t)16 << 20)
#define OUT_MAX (BODY_MAX + ((size_t)40 << 20)) /* a redirect escapes a head's path */

enum monitor_conn_timer { PEER_IS_LATE, PAGE_WAKES };

const struct msg_type monitor_conn_types[MONITOR_CONN_KINDS] = {
    MONITOR_CONN_MESSAGES(MSG_TYPE_ROW, MSG_REQUEST_TYPE_ROW)};

void monitor_conn_begin_drop(struct msg *m)
{
    struct monitor_conn_begin *begin = (struct monitor_conn_begin *)(void *)m;
    if (begin->held)
        accepted_refuse(&begin->accepted);
}

/* --- pages -------------------------------------------------------------------------------------- */

void page_ask(struct page *p, struct actor_ref whom, struct msg *request, uint32_t tag)
{
    CHECK(p->class->answer != NULL && whom.id != 0);
    p->waiting++;
    actor_ask(whom, request, tag);
}

void page_sleep(struct page *p, uint64_t ms)
{
    CHECK(p->waiting == 0 && !timer_armed(&p->timer));
    p->waiting++;
    timer_arm(&p->timer, p->conn, PAGE_WAKES, ms);
}

static void page_free(struct page **at)
{
    struct page *p = *at;
    *at = NULL;
    if (p == NULL)
        return;
    if (p->class->done != NULL)
        p->class->done(p);
    timer_cancel(&p->timer);
    json_done(&p->json);
    monitor_args_done(&p->args);
    monitor_refusal_done(&p->refusal);
    mem_free(p);
}

static struct page *page_new(struct monitor_conn *c, enum monitor_page which)
{
    const struct page_class *class = page_class_of(which);
    CHECK(class->size >= sizeof(struct page));
    struct page *p = mem_alloc(class->size);
    p->class = class;
    p->conn = &c->actor;
    p->settings = c->settings;
    p->monitor = c->monitor;
    p->which = which;
    p->status = 200;
    p->content = HTTP_CONTENT_JSON;
    p->now_ns = wall_ns();
    json_init(&p->json, JSON_INDENTED, c->request.minor == 0 ? HELD_MAX : BODY_MAX);
    monitor_refusal_init(&p->refusal);
    CHECK(monitor_args_init(&p->args, c->request.query) == 0);
    return p;
}

static void tell_seen(struct monitor_conn *c, enum monitor_page which)
{
    if (monitor_page_path(which) == NULL)
        return;
    struct monitor_seen *m = MSG_NEW(monitor_types, MONITOR_SEEN, monitor_seen);
    m->page = which;
    SEND(c->monitor, m);
}

/* A refusal is a page too, and complete at once. */
static void refuse(struct page *p)
{
    p->status = p->refusal.status;
    p->content = HTTP_CONTENT_TEXT;
    output_append(&p->json.out, &p->refusal.text);
}

/* --- the peer ----------------------------------------------------------------------------------- */

static void conn_end(struct monitor_conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    timer_cancel(&c->timer);
    page_free(&c->page);
    if (c->conn != NULL)
        conn_close(c->conn);
}

static void await_peer(struct monitor_conn *c, uint64_t ms)
{
    timer_cancel(&c->timer);
    timer_arm(&c->timer, &c->actor, PEER_IS_LATE, ms);
}

static void go_on(struct monitor_conn *c)
{
    if (c->going_on || c->closing)
        return;
    c->going_on = true;
    actor_send(c->actor.self, msg_alloc(&monitor_conn_types[MONITOR_CONN_GO_ON]));
}

/* Gives `out` to the kernel; false: it waits for the kernel, or the connection is over. */
static bool write_out(struct monitor_conn *c)
{
    CHECK(!c->writing && !c->closing);
    if (output_error(&c->out) != 0) {
        conn_end(c);
        return false;
    }
    struct iovec part = {c->out.at, c->out.size};
    ssize_t taken = part.iov_len == 0 ? 0 : conn_try_write(c->conn, &part, 1);
    if (taken < 0) {
        conn_end(c);
        return false;
    }
    actor_worked(&c->actor, (size_t)taken);
    if ((size_t)taken == c->out.size) {
        output_clear(&c->out);
        return true;
    }
    part.iov_base = c->out.at + taken;
    part.iov_len = c->out.size - (size_t)taken;
    if (conn_write(c->conn, &part, 1) != 0) {
        conn_end(c);
        return false;
    }
    c->writing = true;
    await_peer(c, STALL_MS);
    return false;
}

static void on_written(struct actor *self, int status)
{
    struct monitor_conn *c = (struct monitor_conn *)(void *)self;
    CHECK(c->writing);
    c->writing = false;
    if (c->closing)
        return;
    timer_cancel(&c->timer);
    output_clear(&c->out);
    if (status != 0)
        conn_end(c);
    else
        go_on(c);
}

/* --- requests ----------------------------------------------------------------------------------- */

static void begin_page(struct monitor_conn *c, enum monitor_page which)
{
    CHECK(c->page == NULL && !c->answered);
    c->page = page_new(c, which);
    tell_seen(c, which);
    if (c->page->class->begin != NULL && c->page->class->begin(c->page) != 0) {
        refuse(c->page);
        answer_end(c);
        page_free(&c->page);
    }
    go_on(c);
}

static void begin_answer(struct monitor_conn *c)
{
    conn_read_stop(c->conn);
    timer_cancel(&c->timer);
    c->head_sent = false;
    c->counted = 0;
    enum monitor_page which = monitor_page_of(&c->request, c->settings->base_path);
    if (which == MONITOR_NOT_FOUND || which >= MONITOR_INDEX) {
        begin_page(c, which);
        return;
    }
    answer_plainly(c, which);
    go_on(c);
}

/* Forgets the first bytes of `in`. */
static void consume(struct monitor_conn *c, size_t size)
{
    CHECK(size <= c->in.size);
    memmove(c->in.at, c->in.at + size, c->in.size - size);
    c->in.size -= size;
    if (c->in.size == 0)
        output_done(&c->in);
}

static void skip_body(struct monitor_conn *c)
{
    size_t size = c->skip < c->in.size ? (size_t)c->skip : c->in.size;
    c->skip -= size;
    if (size > 0)
        consume(c, size);
}

static void read_request(struct monitor_conn *c)
{
    struct http_refusal refusal;
    CHECK(c->page == NULL && !c->answered && c->out.size == 0);
    skip_body(c);
    if (c->in.size > 0) {
        switch (http_request_parse(output_bytes(&c->in), &c->scanned, &c->request, &refusal)) {
        case HTTP_NEEDS_MORE: break;
        case HTTP_REQUEST: begin_answer(c); return;
        case HTTP_REFUSED:
            conn_read_stop(c->conn);
            answer_refusal(c, &refusal);
            go_on(c);
            return;
        }
    }
    conn_read_start(c->conn);
}

static void on_read(struct actor *self, char *at, ssize_t size)
{
    struct monitor_conn *c = (struct monitor_conn *)(void *)self;
    if (c->closing)
        return;
    if (size < 0) {
        conn_end(c);
        return;
    }
    bool begins = c->in.size == 0;
    output_add(&c->in, (struct bytes){at, (size_t)size});
    if (output_error(&c->in) != 0) {
        conn_end(c);
        return;
    }
    if (begins && c->skip == 0)
        await_peer(c, HEAD_MS);
    if (c->page == NULL && !c->answered)
        read_request(c);
}

/* The answer is with the kernel. */
static void end_answer(struct monitor_conn *c)
{
    CHECK(c->page == NULL && c->out.size == 0);
    if (c->last) {
        conn_end(c);
        return;
    }
    c->answered = false;
    c->scanned = 0;
    c->skip = c->request.body_size;
    consume(c, c->request.head_size);
    output_done(&c->out);
    await_peer(c, c->in.size > 0 ? HEAD_MS : IDLE_MS);
    read_request(c);
}

/* --- the next piece ----------------------------------------------------------------------------- */

static void make_more(struct monitor_conn *c)
{
    struct page *p = c->page;
    switch (p->class->step(p)) {
    case PAGE_WAITS:
        CHECK(p->waiting > 0);
        answer_more(c);
        break;
    case PAGE_GOES_ON: answer_more(c); break;
    case PAGE_ENDS:
        CHECK(p->waiting == 0 && p->json.depth == 0);
        answer_end(c);
        break;
    }
    if (output_error(&p->json.out) != 0)
        conn_end(c);
    else if (c->answered)
        page_free(&c->page);
}

static void on_go_on(struct monitor_conn *c)
{
    c->going_on = false;
    if (c->closing || c->writing)
        return;
    if (c->page != NULL && c->page->waiting == 0)
        make_more(c);
    if (c->closing || !write_out(c))
        return;
    if (c->answered)
        end_answer(c);
    else if (c->page != NULL && c->page->waiting == 0)
        go_on(c);
}

/* One answer less is to come. A page that is over may still be sent some. */
static void answer_came(struct monitor_conn *c)
{
    CHECK(c->page->waiting > 0);
    if (--c->page->waiting == 0)
        go_on(c);
}

static void on_answer(struct monitor_conn *c, struct msg *m)
{
    if (c->closing)
        return;
    CHECK(c->page != NULL && c->page->class->answer != NULL);
    c->page->class->answer(c->page, m);
    answer_came(c);
}

static void on_gone(struct monitor_conn *c, const struct msg *m)
{
    if (c->closing)
        return;
    CHECK(c->page != NULL);
    if (c->page->class->gone != NULL)
        c->page->class->gone(c->page, m->tag);
    answer_came(c);
}

/* Half a request is told that it is none, as net/http does. */
static void on_late(struct monitor_conn *c)
{
    const struct http_refusal refusal = {"400 Bad Request", NULL};
    bool reading = c->page == NULL && !c->answered;
    if (reading && c->in.size > 0 && c->skip == 0) {
        conn_read_stop(c->conn);
        answer_refusal(c, &refusal);
        go_on(c);
    } else if (reading || c->writing) {
        conn_end(c);
    }
}

static void on_timer(struct monitor_conn *c, const struct msg_timer *m)
{
    if (c->closing)
        return;
    if (m->which == PAGE_WAKES)
        answer_came(c);
    else if (!timer_armed(&c->timer)) /* else it was armed anew meanwhile */
        on_late(c);
}

/* --- life --------------------------------------------------------------------------------------- */

static void leave(struct monitor_conn *c)
{
    struct monitor_ended *m = MSG_NEW(monitor_types, MONITOR_ENDED, monitor_ended);
    m->conn = c->actor.self;
    SEND(c->monitor, m);
    actor_exit(&c->actor);
}

static void on_closed(struct actor *self)
{
    struct monitor_conn *c = (struct monitor_conn *)(void *)self;
    c->conn = NULL;
    leave(c);
}

static const struct conn_events events = {
    .on_read = on_read,
    .on_written = on_written,
    .on_closed = on_closed,
};

static void on_begin(struct monitor_conn *c, struct monitor_conn_begin *m)
{
    m->held = c->closing; /* else it is the connection's, also when it fails */
    if (c->closing || conn_adopt(&c->actor, &events, &m->accepted, &c->conn) != 0) {
        c->closing = true;
        leave(c);
        return;
    }
    await_peer(c, HEAD_MS);
    conn_read_start(c->conn);
}

static void conn_receive(struct actor *self, struct msg *m)
{
    struct monitor_conn *c = (struct monitor_conn *)(void *)self;
    switch ((enum monitor_conn_message)m->type->kind) {
    case MONITOR_CONN_GONE: on_gone(c, m); break;
    case MONITOR_CONN_STOP: UNREACHABLE("the monitor ends it, and counts its end");
    case MONITOR_CONN_TIMER: on_timer(c, (struct msg_timer *)(void *)m); break;
    case MONITOR_CONN_IO: UNREACHABLE("it asks the world for nothing but its socket");
    case MONITOR_CONN_BEGIN: on_begin(c, (struct monitor_conn_begin *)(void *)m); break;
    case MONITOR_CONN_GO_ON: on_go_on(c); break;
    case MONITOR_CONN_END: conn_end(c); break;
    case MONITOR_CONN_FIGURES:
    case MONITOR_CONN_LISTENER:
    case MONITOR_CONN_CLOSED:
    case MONITOR_CONN_DESCRIBED:
    case MONITOR_CONN_ACCOUNT:
    case MONITOR_CONN_TRACED: on_answer(c, m); break;
    case MONITOR_CONN_KINDS: UNREACHABLE("no message has this kind");
    }
}

static void conn_check(const struct actor *self)
{
    const struct monitor_conn *c = (const struct monitor_conn *)(const void *)self;
    CHECK(!(c->page != NULL && c->answered));
    CHECK(c->closing || c->in.size <= c->in.size_max);
    CHECK(!c->writing || c->out.size > 0);
    CHECK(c->closing || c->conn != NULL || c->in.size == 0);
    CHECK(c->page == NULL || c->page->conn == &c->actor);
    CHECK(!c->closing || c->page == NULL);
}

static void conn_done(struct actor *self)
{
    struct monitor_conn *c = (struct monitor_conn *)(void *)self;
    CHECK(c->conn == NULL && c->page == NULL);
    output_done(&c->in);
    output_done(&c->out);
}

static const struct actor_class conn_class = {
    .name = "monitor_conn",
    .types = monitor_conn_types,
    .type_count = MONITOR_CONN_KINDS,
    .pinned = true,
    .receive = conn_receive,
    .check = conn_check,
    .done = conn_done,
};

struct actor_ref monitor_conn_spawn(const struct monitor_settings *settings,
                                    struct actor_ref monitor, const struct accepted *accepted)
{
    struct monitor_conn *c = (struct monitor_conn *)(void *)actor_spawn(&conn_class, sizeof *c);
    c->settings = settings;
    c->monitor = monitor;
    output_init(&c->in, HTTP_HEAD_MAX + HTTP_BODY_SKIP_MAX);
    output_init(&c->out, OUT_MAX);
    struct monitor_conn_begin *m =
        MSG_NEW(monitor_conn_types, MONITOR_CONN_BEGIN, monitor_conn_begin);
    m->accepted = *accepted;
    m->held = true;
    struct actor_ref self = c->actor.self;
    SEND(self, m);
    return self;
}

void monitor_conn_end(struct actor_ref conn)
{
    actor_send(conn, msg_alloc(&monitor_conn_types[MONITOR_CONN_END]));
}
