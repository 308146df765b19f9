/* SPDX-License-Identifier: Apache-2.0 */
/* page_subsz.c -- /subsz: figures of the subject indexes, and the subscriptions in them.
 *
 *   FIGURES --> COUNTING --> LISTING <--> DETAILS --> the end
 *
 *   FIGURES   each account tells its figures
 *   COUNTING  only with a subject to test: all slices of all accounts, to know how many match, since
 *             the document tells that before it lists them
 *   LISTING   slices again, from the begin: which of this one are on the page?
 *   DETAILS   their connections tell what only they know: cid, messages, maximum
 *
 * Bounds      one slice of one account at a time.
 * Differs     subscriptions that come and go while the page is made may make the list differ from its
 *             total. Cache figures are not told: each worker has a cache of its own for all accounts.
 */
#include "actors/monitor/page.h"
#include "protocols/monitor/conn_record.h"
#include "protocols/monitor/subsz.h"
#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "runtime/buf.h"

#define SLICE 256u

enum subsz_phase { FIGURES, COUNTING, LISTING, DETAILS };

struct subsz_state {
    struct page page;
    struct subsz_options options;
    struct subsz_page document;
    enum subsz_phase phase;
    bool begun;
    uint32_t account;      /* the one that is asked now, or next */
    uint32_t cursor_entry; /* in its index */
    uint32_t cursor_skip;
    bool more;         /* in its index */
    int64_t passed;    /* LISTING: matching ones before the slice at hand */
    struct buf *slice; /* given: the slice at hand */
    uint32_t picked_count;
    uint32_t picked[SLICE];        /* of the slice: those on the page */
    struct sub_detail told[SLICE]; /* of these: cid, msgs, max */
};

static struct subsz_state *state_of(struct page *p)
{
    return (struct subsz_state *)(void *)p;
}

static struct account_slice *slice_of(const struct subsz_state *s)
{
    return (struct account_slice *)(void *)s->slice->at;
}

static int subsz_begin_page(struct page *p)
{
    struct subsz_state *s = state_of(p);
    int status = subsz_options_parse(&p->args, &s->options, &p->refusal);
    if (status != 0)
        return status;
    s->document = (struct subsz_page){
        .server_id = page_server_id(p),
        .now_ns = p->now_ns,
        .offset = s->options.offset,
        .limit = s->options.limit,
    };
    return 0;
}

/* --- accounts ----------------------------------------------------------------------------------- */

/* To the next account that is asked for; false: there is none. */
static bool find_account(struct subsz_state *s)
{
    const struct monitor_settings *settings = s->page.settings;
    for (; s->account < settings->account_count; s->account++)
        if (s->options.account.size == 0 ||
            bytes_are(s->options.account, settings->accounts[s->account].name))
            return true;
    return false;
}

static void ask_account(struct subsz_state *s, uint32_t count_max)
{
    CHECK(s->account < s->page.settings->account_count && s->slice == NULL);
    struct account_report *m = MSG_NEW(account_types, ACCOUNT_REPORT, account_report);
    m->answer = &monitor_conn_types[MONITOR_CONN_ACCOUNT];
    m->cursor_entry = s->cursor_entry;
    m->cursor_skip = s->cursor_skip;
    m->count_max = count_max;
    page_ask(&s->page, s->page.settings->accounts[s->account].actor, &m->msg, 0);
}

static void first_account(struct subsz_state *s, enum subsz_phase phase)
{
    s->phase = phase;
    s->account = 0;
    s->cursor_entry = s->cursor_skip = 0;
    s->more = true;
}

static void next_account(struct subsz_state *s)
{
    s->account++;
    s->cursor_entry = s->cursor_skip = 0;
    s->more = true;
}

static bool matches(const struct subsz_state *s, const struct account_sub *sub)
{
    return s->options.test.size == 0 || subject_matches(sub->subject, s->options.test);
}

/* --- steps -------------------------------------------------------------------------------------- */

static enum page_step step_figures(struct subsz_state *s)
{
    if (find_account(s)) {
        ask_account(s, 0);
        return PAGE_WAITS;
    }
    if (!s->options.subs) {
        subsz_begin(&s->page.json, &s->document);
        subsz_end(&s->page.json, &s->document);
        return PAGE_ENDS;
    }
    s->document.total = s->document.stats.subs;
    if (s->options.test.size > 0)
        s->document.total = 0;
    first_account(s, s->options.test.size > 0 ? COUNTING : LISTING);
    return PAGE_GOES_ON;
}

static enum page_step step_counting(struct subsz_state *s)
{
    if (s->slice != NULL) {
        for (uint32_t i = 0; i < slice_of(s)->count; i++)
            s->document.total += matches(s, &slice_of(s)->subs[i]);
        buf_unref(&s->slice);
    }
    if (!s->more)
        next_account(s);
    if (!find_account(s)) {
        first_account(s, LISTING);
        return PAGE_GOES_ON;
    }
    ask_account(s, SLICE);
    return PAGE_WAITS;
}

static void begin_document(struct subsz_state *s)
{
    CHECK(s->document.offset >= 0 && s->document.limit > 0);
    int64_t left = s->document.total - s->document.offset;
    left = left < s->document.limit ? left : s->document.limit;
    s->document.row_count = left > 0 ? (size_t)left : 0;
    subsz_begin(&s->page.json, &s->document);
    s->begun = true;
}

static void ask_detail(struct subsz_state *s, const struct account_sub *sub, uint32_t tag)
{
    struct client_describe *m = MSG_NEW(client_types, CLIENT_DESCRIBE, client_describe);
    m->answer = &monitor_conn_types[MONITOR_CONN_DESCRIBED];
    m->sub_slot = sub->slot;
    m->count_max = 1;
    page_ask(&s->page, sub->conn, &m->msg, tag);
}

/* Which of the slice are on the page; their connections are asked. */
static void pick(struct subsz_state *s)
{
    s->picked_count = 0;
    for (uint32_t i = 0; i < slice_of(s)->count; i++) {
        const struct account_sub *sub = &slice_of(s)->subs[i];
        if (!matches(s, sub))
            continue;
        int64_t nth = s->passed++ - s->document.offset;
        if (nth < 0 || nth >= (int64_t)s->document.row_count)
            continue;
        CHECK(s->picked_count < SLICE);
        s->told[s->picked_count] = (struct sub_detail){0};
        s->picked[s->picked_count] = i;
        ask_detail(s, sub, s->picked_count++);
    }
}

static enum page_step step_listing(struct subsz_state *s)
{
    if (!s->begun)
        begin_document(s);
    if (s->slice != NULL) {
        pick(s);
        s->phase = DETAILS;
        return s->picked_count > 0 ? PAGE_WAITS : PAGE_GOES_ON;
    }
    if (!s->more)
        next_account(s);
    int64_t end = s->document.offset + (int64_t)s->document.row_count;
    if (s->document.row_count == 0 || s->passed >= end || !find_account(s)) {
        subsz_end(&s->page.json, &s->document);
        return PAGE_ENDS;
    }
    ask_account(s, SLICE);
    return PAGE_WAITS;
}

static enum page_step step_details(struct subsz_state *s)
{
    CHECK(s->slice != NULL && s->picked_count <= slice_of(s)->count);
    struct bytes account = bytes_of(s->page.settings->accounts[s->account].name);
    for (uint32_t i = 0; i < s->picked_count; i++) {
        const struct account_sub *sub = &slice_of(s)->subs[s->picked[i]];
        struct sub_detail detail = s->told[i];
        detail.account = detail.account_tag = account;
        detail.subject = sub->subject;
        detail.queue = sub->queue;
        detail.sid = sub->sid;
        sub_detail_write(&s->page.json, &detail);
    }
    buf_unref(&s->slice);
    s->phase = LISTING;
    return PAGE_GOES_ON;
}

static enum page_step subsz_step(struct page *p)
{
    struct subsz_state *s = state_of(p);
    switch (s->phase) {
    case FIGURES: return step_figures(s);
    case COUNTING: return step_counting(s);
    case LISTING: return step_listing(s);
    case DETAILS: return step_details(s);
    }
    UNREACHABLE("no phase");
}

/* --- answers ------------------------------------------------------------------------------------ */

static void on_account(struct subsz_state *s, struct account_reported *m)
{
    if (s->phase == FIGURES) {
        const struct subsz_stats stats = {
            .subs = (uint32_t)m->subscriptions,
            .inserts = m->inserts,
            .removes = m->removes,
        };
        subsz_stats_add(&s->document.stats, &stats);
        s->account++;
        return;
    }
    CHECK(s->slice == NULL && m->slice != NULL && (s->phase == COUNTING || s->phase == LISTING));
    s->slice = m->slice;
    m->slice = NULL;
    s->cursor_entry = m->cursor_entry;
    s->cursor_skip = m->cursor_skip;
    s->more = m->more;
}

static void on_described(struct subsz_state *s, const struct client_described *m)
{
    CHECK(s->phase == DETAILS && m->msg.tag < s->picked_count);
    const struct conn_record *record = (const struct conn_record *)(const void *)m->record->at;
    struct sub_detail *told = &s->told[m->msg.tag];
    told->cid = record->info.cid;
    if (record->sub_count == 1) {
        told->msgs = record->subs[0].msgs;
        told->max = record->subs[0].max;
    }
}

static void subsz_answer(struct page *p, struct msg *m)
{
    struct subsz_state *s = state_of(p);
    switch (m->type->kind) {
    case MONITOR_CONN_ACCOUNT: on_account(s, (struct account_reported *)(void *)m); break;
    case MONITOR_CONN_DESCRIBED: on_described(s, (struct client_described *)(void *)m); break;
    default: UNREACHABLE("nothing else was asked");
    }
}

/* An account that has ended: the server is stopping. */
static void subsz_gone(struct page *p, uint32_t tag)
{
    struct subsz_state *s = state_of(p);
    (void)tag;
    if (s->phase == FIGURES)
        s->account++;
    else if (s->phase != DETAILS)
        s->more = false;
}

static void subsz_done(struct page *p)
{
    buf_unref(&state_of(p)->slice);
}

const struct page_class page_subsz = {
    .size = sizeof(struct subsz_state),
    .begin = subsz_begin_page,
    .step = subsz_step,
    .answer = subsz_answer,
    .gone = subsz_gone,
    .done = subsz_done,
};
