/* SPDX-License-Identifier: Apache-2.0 */
/* page_connz.c -- /connz: who is connected, in the order asked for, the page asked for.
 *
 *   ENDED --> LISTED <--> DESCRIBED --> SORTED --> FETCHED <--> WRITTEN --> the end
 *
 *   ENDED      the first listener tells the connections that ended, in slices
 *   LISTED     the next listener tells the handles of its clients
 *   DESCRIBED  those tell their rows, SLICE of them at a time; only what a row is sorted by is kept
 *   SORTED     the rows of the page are found
 *   FETCHED    FETCH of them are asked for once more, in full
 *   WRITTEN    and written; with their subscriptions, a slice of one connection at a time
 *
 * Those that ended come first, so that one that ends meanwhile is not listed twice.
 *
 * Bounds      32 bytes a row that may be on the page; FETCH rows with FIRST_SUBS subscriptions; a slice of
 *             one connection's.
 * Differs     num_connections counts rows before they are fetched, when there are more than FETCH: one
 *             that ends in between is counted and not listed.
 */
#include "actors/monitor/page.h"
#include "protocols/monitor/conn_record.h"
#include "protocols/monitor/top_rows.h"
#include "runtime/base/check.h"
#include "runtime/buf.h"

#define GLOBAL_ACCOUNT "$G"
#define SLICE 256u
#define FETCH 1024u
#define FIRST_SUBS 16u /* come with a row; those who have more are asked again */
#define SORT_STEP 2000u

enum connz_phase { ENDED, LISTED, DESCRIBED, SORTED, FETCHED, WRITTEN };

struct connz_making {
    struct page page;
    struct connz_options options;
    struct connz_page document;
    enum connz_phase phase;
    bool begun;     /* the document has its head */
    bool row_begun; /* the row at hand has its begin, and is in its list of subscriptions */
    struct top_rows rows;
    uint64_t ended_next; /* ENDED: number of the next slice */
    bool ended_more;
    uint16_t listener;         /* LISTED: the next */
    struct actor_ref *clients; /* given */
    uint32_t client_count;
    uint32_t client_next;
    size_t row_next; /* of rows: to be fetched next */
    size_t row_end;
    struct buf *fetched[FETCH]; /* given; NULL: gone, or written */
    struct actor_ref fetched_from[FETCH];
    uint32_t fetched_count;
    uint32_t fetched_at;
    struct buf *subs; /* given: a record with the next slice of the row at hand */
};

static struct connz_making *making_of(struct page *p)
{
    return (struct connz_making *)(void *)p;
}

static struct conn_record *record_of(struct buf *buf)
{
    return (struct conn_record *)(void *)buf->at;
}

/* --- what is asked for -------------------------------------------------------------------------- */

static bool is_known_account(const struct page *p, struct bytes name)
{
    for (uint32_t i = 0; i < p->settings->account_count; i++)
        if (bytes_are(name, p->settings->accounts[i].name))
            return true;
    return false;
}

static int connz_begin_page(struct page *p)
{
    struct connz_making *s = making_of(p);
    int status = connz_options_parse(&p->args, &s->options, &p->refusal);
    if (status != 0)
        return status;
    const struct connz_options *o = &s->options;
    s->document = (struct connz_page){
        .server_id = page_server_id(p),
        .now_ns = p->now_ns,
        .offset = o->offset,
        .limit = o->limit,
        .no_account = o->account.size > 0 && !is_known_account(p, o->account),
    };
    top_rows_init(&s->rows, (uint64_t)o->offset + (uint64_t)o->limit);
    s->ended_more = true;
    s->phase = s->document.no_account ? WRITTEN : o->state == CONNZ_OPEN ? LISTED : ENDED;
    return 0;
}

/* Whether it counts at all: of another account it does not. Of those that ended in the global account
 * nobody knows the account, as with nats-server. */
static bool is_of_account(const struct connz_options *o, const struct conn_info *c)
{
    if (o->account.size == 0)
        return true;
    if (c->auth.account.size == 0 && c->stop_ns == 0)
        return bytes_are(o->account, GLOBAL_ACCOUNT);
    return bytes_equal(o->account, c->auth.account);
}

static bool is_wanted(const struct connz_options *o, const struct conn_info *c)
{
    if (o->cid != 0)
        return o->cid == c->cid;
    return (o->user.size == 0 || bytes_equal(o->user, c->auth.user)) &&
           (o->mqtt_client.size == 0 || bytes_equal(o->mqtt_client, c->mqtt_client));
}

static void consider(struct connz_making *s, struct buf *record, uint64_t ref, bool closed)
{
    const struct conn_info *c = &record_of(record)->info;
    CHECK(c->cid != 0 && (c->stop_ns != 0) == closed);
    if (!is_of_account(&s->options, c))
        return;
    s->document.total++;
    if (!is_wanted(&s->options, c))
        return;
    const struct top_row row = {connz_key_of(s->options.sort, c, s->page.now_ns), ref, closed};
    top_rows_add(&s->rows, &row);
}

/* --- asking ------------------------------------------------------------------------------------- */

static void ask_ended(struct connz_making *s, uint64_t from, uint32_t count, uint32_t tag)
{
    struct listener_closed *m = MSG_NEW(listener_types, LISTENER_CLOSED, listener_closed);
    m->answer = &monitor_conn_types[MONITOR_CONN_CLOSED];
    m->from = from;
    m->count_max = count;
    page_ask(&s->page, s->page.settings->listeners[0], &m->msg, tag);
}

static void ask_client(struct connz_making *s, struct actor_ref client, uint32_t sub_count,
                       uint32_t tag)
{
    struct client_describe *m = MSG_NEW(client_types, CLIENT_DESCRIBE, client_describe);
    m->answer = &monitor_conn_types[MONITOR_CONN_DESCRIBED];
    m->sub_slot = CLIENT_ALL_SLOTS;
    m->count_max = sub_count;
    page_ask(&s->page, client, &m->msg, tag);
}

static enum page_step step_ended(struct connz_making *s)
{
    if (s->ended_more) {
        ask_ended(s, s->ended_next, SLICE, 0);
        return PAGE_WAITS;
    }
    s->phase = s->options.state == CONNZ_CLOSED ? SORTED : LISTED;
    return PAGE_GOES_ON;
}

static enum page_step step_listed(struct connz_making *s)
{
    CHECK(s->clients == NULL && s->listener <= s->page.settings->worker_count);
    if (s->listener == s->page.settings->worker_count) {
        s->phase = SORTED;
        return PAGE_GOES_ON;
    }
    struct listener_report *m = MSG_NEW(listener_types, LISTENER_REPORT, listener_report);
    m->answer = &monitor_conn_types[MONITOR_CONN_LISTENER];
    m->clients = true;
    page_ask(&s->page, s->page.settings->listeners[s->listener++], &m->msg, 0);
    s->phase = DESCRIBED;
    return PAGE_WAITS;
}

static enum page_step step_described(struct connz_making *s)
{
    if (s->client_next == s->client_count) {
        mem_free(s->clients);
        s->clients = NULL;
        s->client_next = s->client_count = 0;
        s->phase = LISTED;
        return PAGE_GOES_ON;
    }
    for (uint32_t i = 0; i < SLICE && s->client_next < s->client_count; i++) {
        ask_client(s, s->clients[s->client_next], 0, s->client_next);
        s->client_next++;
    }
    return PAGE_WAITS;
}

static enum page_step step_sorted(struct connz_making *s)
{
    if (!top_rows_sort(&s->rows, SORT_STEP))
        return PAGE_GOES_ON;
    size_t offset = (size_t)s->options.offset;
    size_t limit = (size_t)s->options.limit;
    s->row_next = offset < s->rows.count ? offset : s->rows.count;
    s->row_end = limit < s->rows.count - s->row_next ? s->row_next + limit : s->rows.count;
    CHECK(s->row_next <= s->row_end && s->row_end <= s->rows.count);
    s->phase = FETCHED;
    return PAGE_GOES_ON;
}

static enum page_step step_fetched(struct connz_making *s)
{
    uint32_t sub_count = s->options.subs == CONNZ_NO_SUBS ? 0 : FIRST_SUBS;
    s->fetched_at = s->fetched_count = 0;
    s->phase = WRITTEN;
    for (; s->fetched_count < FETCH && s->row_next < s->row_end; s->row_next++) {
        const struct top_row *row = &s->rows.rows[s->row_next];
        uint32_t tag = s->fetched_count++;
        CHECK(s->fetched[tag] == NULL);
        s->fetched_from[tag] = row->closed ? NOBODY : (struct actor_ref){row->ref};
        if (row->closed)
            ask_ended(s, row->ref, 1, tag);
        else
            ask_client(s, (struct actor_ref){row->ref}, sub_count, tag);
    }
    return s->fetched_count > 0 ? PAGE_WAITS : PAGE_GOES_ON;
}

/* --- writing ------------------------------------------------------------------------------------ */

static void begin_document(struct connz_making *s)
{
    for (uint32_t i = 0; i < s->fetched_count; i++)
        s->document.row_count += s->fetched[i] != NULL;
    s->document.row_count += s->row_end - s->row_next;
    connz_begin(&s->page.json, &s->document);
    s->begun = true;
}

static void write_subs(struct connz_making *s, const struct conn_record *from)
{
    for (uint32_t i = 0; i < from->sub_count; i++)
        connz_sub(&s->page.json, s->options.subs, &from->subs[i]);
}

static void ask_subs(struct connz_making *s, uint32_t from)
{
    CHECK(s->row_begun && s->fetched_from[s->fetched_at].id != 0);
    struct client_describe *m = MSG_NEW(client_types, CLIENT_DESCRIBE, client_describe);
    m->answer = &monitor_conn_types[MONITOR_CONN_DESCRIBED];
    m->sub_from = from;
    m->sub_slot = CLIENT_ALL_SLOTS;
    m->count_max = SLICE;
    page_ask(&s->page, s->fetched_from[s->fetched_at], &m->msg, 0);
}

/* The row at hand, without what was not asked for. Others may hold the record: it stays as it is. */
static struct conn_info shown(const struct connz_making *s)
{
    struct conn_info info = record_of(s->fetched[s->fetched_at])->info;
    if (!s->options.auth)
        info.auth = (struct conn_info_auth){0};
    return info;
}

static void end_row(struct connz_making *s)
{
    CHECK(s->fetched_at < s->fetched_count && s->subs == NULL);
    if (s->row_begun)
        connz_subs_end(&s->page.json);
    s->row_begun = false;
    struct conn_info info = shown(s);
    connz_conn_end(&s->page.json, &info);
    buf_unref(&s->fetched[s->fetched_at]);
    s->fetched_at++;
}

/* A slice of the row's subscriptions is here. */
static enum page_step go_on_row(struct connz_making *s, const struct conn_record *from)
{
    write_subs(s, from);
    if (from->sub_next != 0) {
        ask_subs(s, from->sub_next);
        return PAGE_WAITS;
    }
    end_row(s);
    return PAGE_GOES_ON;
}

/* The next slice is here, or its connection has ended meanwhile, and so does the list. */
static enum page_step go_on_with_slice(struct connz_making *s)
{
    if (s->subs == NULL) {
        end_row(s);
        return PAGE_GOES_ON;
    }
    struct buf *slice = s->subs;
    s->subs = NULL;
    enum page_step step = go_on_row(s, record_of(slice));
    buf_unref(&slice);
    return step;
}

/* A row up to its subscriptions, and those that are here already. */
static enum page_step begin_row(struct connz_making *s)
{
    const struct conn_record *record = record_of(s->fetched[s->fetched_at]);
    struct conn_info info = shown(s);
    connz_conn_begin(&s->page.json, &info, s->page.now_ns);
    if (s->options.subs == CONNZ_NO_SUBS || record->sub_count == 0) {
        end_row(s);
        return PAGE_GOES_ON;
    }
    s->row_begun = true;
    connz_subs_begin(&s->page.json, s->options.subs);
    return go_on_row(s, record);
}

static enum page_step step_written(struct connz_making *s)
{
    if (!s->begun)
        begin_document(s);
    while (s->fetched_at < s->fetched_count) {
        if (s->fetched[s->fetched_at] == NULL) {
            s->fetched_at++;
            continue;
        }
        if ((s->row_begun ? go_on_with_slice(s) : begin_row(s)) == PAGE_WAITS)
            return PAGE_WAITS;
        if (page_is_full(&s->page))
            return PAGE_GOES_ON;
    }
    if (s->row_next < s->row_end) {
        s->phase = FETCHED;
        return PAGE_GOES_ON;
    }
    connz_end(&s->page.json, &s->document);
    return PAGE_ENDS;
}

/* --- the page ----------------------------------------------------------------------------------- */

static enum page_step connz_step(struct page *p)
{
    struct connz_making *s = making_of(p);
    switch (s->phase) {
    case ENDED: return step_ended(s);
    case LISTED: return step_listed(s);
    case DESCRIBED: return step_described(s);
    case SORTED: return step_sorted(s);
    case FETCHED: return step_fetched(s);
    case WRITTEN: return step_written(s);
    }
    UNREACHABLE("no phase");
}

static void on_listed(struct connz_making *s, struct listener_reported *m)
{
    CHECK(s->clients == NULL && s->phase == DESCRIBED);
    s->clients = m->clients;
    s->client_count = m->client_count;
    m->clients = NULL;
}

static void on_ended(struct connz_making *s, const struct listener_closed_told *m)
{
    if (s->phase == ENDED) {
        CHECK(m->from >= s->ended_next);
        for (uint32_t i = 0; i < m->count; i++)
            consider(s, m->records[i], m->from + i, true);
        s->ended_next = m->from + m->count;
        s->ended_more = m->more;
        return;
    }
    /* The page's: unless others took its place in the ring. */
    CHECK(s->phase == WRITTEN && m->msg.tag < s->fetched_count);
    const struct top_row *row = &s->rows.rows[s->row_next - s->fetched_count + m->msg.tag];
    if (m->count == 1 && m->from == row->ref)
        s->fetched[m->msg.tag] = buf_ref(m->records[0]);
}

static void on_described(struct connz_making *s, struct client_described *m)
{
    if (s->phase == DESCRIBED) {
        CHECK(m->msg.tag < s->client_count);
        consider(s, m->record, s->clients[m->msg.tag].id, false);
        return;
    }
    CHECK(s->phase == WRITTEN && m->msg.tag < s->fetched_count);
    struct buf **to = s->row_begun ? &s->subs : &s->fetched[m->msg.tag];
    CHECK(*to == NULL);
    *to = m->record;
    m->record = NULL;
}

static void connz_answer(struct page *p, struct msg *m)
{
    struct connz_making *s = making_of(p);
    switch (m->type->kind) {
    case MONITOR_CONN_LISTENER: on_listed(s, (struct listener_reported *)(void *)m); break;
    case MONITOR_CONN_CLOSED: on_ended(s, (struct listener_closed_told *)(void *)m); break;
    case MONITOR_CONN_DESCRIBED: on_described(s, (struct client_described *)(void *)m); break;
    default: UNREACHABLE("nothing else was asked");
    }
}

/* A client that has ended is left out. A listener that has: the server is stopping. */
static void connz_gone(struct page *p, uint32_t tag)
{
    (void)tag;
    making_of(p)->ended_more = false;
}

static void connz_done(struct page *p)
{
    struct connz_making *s = making_of(p);
    for (uint32_t i = 0; i < s->fetched_count; i++)
        buf_unref(&s->fetched[i]);
    buf_unref(&s->subs);
    mem_free(s->clients);
    top_rows_done(&s->rows);
}

const struct page_class page_connz = {
    .size = sizeof(struct connz_making),
    .begin = connz_begin_page,
    .step = connz_step,
    .answer = connz_answer,
    .gone = connz_gone,
    .done = connz_done,
};
