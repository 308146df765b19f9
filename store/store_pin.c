/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_pin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/group/stream_group.h"
#include "store/msglog_file.h"
#include "store/msglog_state.h"
#include "store/store_keys.h"
#include "store/store_state.h"

#define SLICE_MESSAGES 1024u

/* A message of the tail: its body has an allocation of its own, which goes when it was told. */
struct pinned {
    struct tail_entry entry;
    char *body; /* given */
};

struct store_pin {
    struct link link; /* in the store's pins */
    struct store *store;
    uint64_t gid;
    struct checkpoint state;
    struct buffer sections[2]; /* group, consumers */
    struct seqset dead;
    char *folder;             /* given */
    struct crypt_group *keys; /* given: the group's own may go before */
    struct codec codec;
    struct segments *segments; /* given; NULL: let go, and nobody reads any more */
    struct segment_cursor cursor;
    uint64_t drained;    /* up to here in segments */
    struct pinned *tail; /* given */
    size_t tail_count;
    size_t tail_at;
    uint64_t next; /* sequence: all before have been told */
    uint64_t told;
    uint64_t told_hash;
    struct page_wait wait;
    bool waiting;
    bool closing; /* its segments are */
    bool gone;    /* its group is */
    bool orphan;  /* its owner has freed it */
};

/* --- taking it ----------------------------------------------------------------------------------------- */

static void on_pages(struct page_wait *wait)
{
    struct store_pin *p = LIST_ENTRY(wait, struct store_pin, wait);
    p->waiting = false;
}

/* The segments as they are now, for its own. */
static void take_segments(struct store_pin *p, const struct store_group *g)
{
    struct msglog_file *f = g->log->file;
    if (g->crypt->keys != NULL)
        p->keys = crypt_group_dup(g->crypt->keys);
    codec_init(&p->codec, p->keys, NULL);
    p->folder = strdup(f->folder);
    CHECK(p->folder != NULL);
    p->segments = segments_new(&(struct segments_options){.pages = p->store->pages,
                                                          .folder = p->folder,
                                                          .gid = p->gid,
                                                          .codec = codec_to_read(&p->codec)});
    for (uint32_t i = 0; i < segments_count(f->segments); i++) {
        struct segment_edge edge;
        segments_edge(f->segments, i, &edge);
        int status = segments_add(p->segments, &edge);
        CHECK(status == 0);
    }
}

static void take_dead(struct store_pin *p, const struct msglog_file *f)
{
    struct buffer b = {0};
    seqset_encode(&f->dead, &b);
    seqset_init(&p->dead);
    int status = seqset_decode(&p->dead, buffer_view(&b));
    CHECK(status == 0);
    buffer_done(&b);
}

static bool is_alive(struct store_pin *p, uint64_t seq)
{
    return seq >= p->state.first_seq && seq <= p->state.last_seq && !seqset_contains(&p->dead, seq);
}

static void take_tail(struct store_pin *p, const struct msglog_file *f)
{
    p->drained = f->drained;
    p->tail = malloc((f->tail.count + 1) * sizeof *p->tail);
    CHECK(p->tail != NULL);
    for (size_t nth = 0; nth < f->tail.count; nth++) {
        const struct tail_entry *e = tail_at(&f->tail, nth);
        if (e->seq <= f->drained || !is_alive(p, e->seq))
            continue;
        struct pinned *t = &p->tail[p->tail_count++];
        t->entry = *e;
        t->body = malloc(e->body_size);
        CHECK(t->body != NULL);
        memcpy(t->body, e->body, e->body_size);
        t->entry.body = t->body;
    }
}

static void take_state(struct store_pin *p, struct store_group *g)
{
    const struct msglog_file *f = g->log->file;
    struct group_counters counters;
    group_counters(g->group, &counters);
    stream_group_write(g->stream, &p->sections[0], &p->sections[1]);
    p->state = (struct checkpoint){
        .applied = counters.applied,
        .term = counters.term,
        .log_time_ns = counters.time_ns,
        .msgs = f->state.msgs,
        .bytes = f->state.bytes,
        .first_seq = f->state.first_seq,
        .last_seq = f->state.last_seq,
        .first_time_ns = f->state.first_time_ns,
        .last_time_ns = f->state.last_time_ns,
        .messages_hash = f->state.hash,
        .state_hash = group_state_hash(g->group),
    };
    p->state.sections[CHECKPOINT_GROUP] = buffer_view(&p->sections[0]);
    p->state.sections[CHECKPOINT_CONSUMERS] = buffer_view(&p->sections[1]);
}

static int may_pin(struct store *s, const struct store_group *g)
{
    if (g == NULL || g->deleting || s->life != STORE_READY)
        return -ENOENT;
    if (g->form != MSGLOG_FILE)
        return -ENOTSUP;
    if (g->life == GROUP_DAMAGED)
        return -EBADMSG;
    if (store_group_locked(g))
        return -ENOKEY;
    return g->life == GROUP_LOADED && !group_is_busy(g->group) ? 0 : -EAGAIN;
}

int store_pin_new(struct store *s, uint64_t gid, struct store_pin **ret)
{
    struct store_group *g = group_table_find(&s->groups, gid);
    int status = may_pin(s, g);
    if (status == -EAGAIN && g->life == GROUP_STUB)
        store_group_load(s, g);
    if (status != 0)
        return status;
    struct store_pin *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->store = s;
    p->gid = gid;
    p->wait.ready = on_pages;
    take_state(p, g);
    take_dead(p, g->log->file);
    take_segments(p, g);
    take_tail(p, g->log->file);
    p->next = p->state.first_seq;
    list_push_back(&s->pins, &p->link);
    *ret = p;
    return 0;
}

/* --- letting go ------------------------------------------------------------------------------------------ */

static void pin_destroy(struct store_pin *p)
{
    list_remove(&p->link);
    segment_cursor_done(&p->cursor);
    if (p->segments != NULL)
        segments_free(&p->segments);
    crypt_group_free(&p->keys);
    for (size_t i = p->tail_at; i < p->tail_count; i++)
        free(p->tail[i].body);
    free(p->tail);
    seqset_done(&p->dead);
    buffer_done(&p->sections[0]);
    buffer_done(&p->sections[1]);
    free(p->folder);
    free(p);
}

static void on_unread(void *context)
{
    struct store_pin *p = context;
    struct store *s = p->store;
    segments_free(&p->segments);
    if (p->orphan)
        pin_destroy(p);
    store_trash_may_go_on(s);
}

static void close_segments(struct store_pin *p)
{
    if (p->closing)
        return;
    p->closing = true;
    p->waiting = false;
    pages_cancel(p->store->pages, &p->wait);
    segments_close(p->segments, on_unread, p);
}

void store_pin_free(struct store_pin **at)
{
    struct store_pin *p = *at;
    *at = NULL;
    if (p == NULL)
        return;
    p->orphan = true;
    if (p->segments == NULL)
        pin_destroy(p);
    else
        close_segments(p);
}

const struct checkpoint *store_pin_state(const struct store_pin *p)
{
    return &p->state;
}

uint64_t store_pin_gid(const struct store_pin *p)
{
    return p->gid;
}

/* --- reading ----------------------------------------------------------------------------------------------- */

static uint64_t next_live(void *context, uint64_t seq)
{
    struct store_pin *p = context;
    uint64_t next = seqset_next_out(&p->dead, seq > p->state.first_seq ? seq : p->state.first_seq);
    return next > p->state.last_seq ? UINT64_MAX : next;
}

/* Reading goes up alone. */
static uint64_t prev_live(void *context, uint64_t seq)
{
    (void)context;
    (void)seq;
    UNREACHABLE("nobody reads a pin backwards");
}

static int tell(struct store_pin *p, const struct stored *stored, store_pin_visit_fn *visit,
                void *context)
{
    int status = visit(context, stored);
    if (status != 0 && status != 1)
        return status;
    uint64_t size = msglog_size(MSGLOG_FILE, &stored->message);
    p->told++;
    p->told_hash += stored_hash(stored->seq, stored->time_ns, msglog_content(MSGLOG_FILE, size));
    p->next = stored->seq + 1;
    return status;
}

/* The next message of the segments: 0 or 1: told; -ENOENT: there are no more. */
static int read_segments(struct store_pin *p, store_pin_visit_fn *visit, void *context)
{
    const struct segment_live live = {next_live, prev_live, p};
    struct segment_spot spot;
    struct stored stored;
    int status = segments_next(p->segments, &p->cursor, &live, p->next, p->drained, &spot);
    if (status == -EINPROGRESS)
        p->next = spot.seq;
    if (status == 0)
        status = segments_read(p->segments, &spot, &stored);
    return status == 0 ? tell(p, &stored, visit, context) : status;
}

/* The same of the tail; what was told is let go. */
static int read_tail(struct store_pin *p, store_pin_visit_fn *visit, void *context)
{
    if (p->tail_at == p->tail_count)
        return -ENOENT;
    struct pinned *t = &p->tail[p->tail_at];
    const struct tail_entry *e = &t->entry;
    struct stored stored = {.seq = e->seq,
                            .index = e->index,
                            .term = e->term,
                            .time_ns = e->time_ns,
                            .body = tail_body(e),
                            .body_hash = e->body_hash};
    if (entry_body_hash(p->gid, e->index, e->term, stored.body) != e->body_hash ||
        message_body_read(stored.body, &stored.message) != 0)
        return -EBADMSG;
    int status = tell(p, &stored, visit, context);
    if (status == 0 || status == 1) {
        free(t->body);
        p->tail_at++;
    }
    return status;
}

static int read_next(struct store_pin *p, store_pin_visit_fn *visit, void *context)
{
    if (p->next <= p->drained) {
        int status = read_segments(p, visit, context);
        if (status != -ENOENT)
            return status;
        p->next = p->drained + 1;
    }
    return read_tail(p, visit, context);
}

/* All has been told: it is all that there was. */
static int check_told(const struct store_pin *p)
{
    return p->told == p->state.msgs && p->told_hash == p->state.messages_hash ? 0 : -EBADMSG;
}

int store_pin_read(struct store_pin *p, store_pin_visit_fn *visit, void *context)
{
    if (p->gone)
        return -ECANCELED;
    if (p->waiting)
        return -EAGAIN;
    pages_begin(p->store->pages, &p->wait);
    int status = 0;
    for (unsigned i = 0; status == 0 && i < SLICE_MESSAGES; i++)
        status = read_next(p, visit, context);
    p->waiting = pages_end(p->store->pages);
    if (status == -ENOENT)
        return check_told(p);
    return status == 0 || status == 1 ? -EINPROGRESS : status;
}

/* --- for the store ------------------------------------------------------------------------------------------- */

static bool names(const struct store_pin *p, uint64_t segment)
{
    for (uint32_t i = 0; i < segments_count(p->segments); i++) {
        struct segment_edge edge;
        segments_edge(p->segments, i, &edge);
        if (edge.number == segment)
            return true;
    }
    return false;
}

bool store_pins_hold(const struct store *s, uint64_t gid, uint64_t segment)
{
    for (const struct link *l = s->pins.next; l != &s->pins; l = l->next) {
        const struct store_pin *p = LIST_ENTRY(l, struct store_pin, link);
        if (p->gid == gid && p->segments != NULL && !p->gone && names(p, segment))
            return true;
    }
    return false;
}

bool store_pins_idle(const struct store *s)
{
    for (const struct link *l = s->pins.next; l != &s->pins; l = l->next) {
        const struct store_pin *p = LIST_ENTRY(l, struct store_pin, link);
        if (p->closing && p->segments != NULL)
            return false;
    }
    return true;
}

void store_pins_let_go(struct store *s, uint64_t gid)
{
    struct link *next;
    for (struct link *l = s->pins.next; l != &s->pins; l = next) {
        next = l->next;
        struct store_pin *p = LIST_ENTRY(l, struct store_pin, link);
        if (p->gid != gid || p->gone)
            continue;
        p->gone = true;
        if (p->segments != NULL)
            close_segments(p);
    }
}

bool store_pins_are_gone(const struct store *s, uint64_t gid)
{
    for (const struct link *l = s->pins.next; l != &s->pins; l = l->next) {
        const struct store_pin *p = LIST_ENTRY(l, struct store_pin, link);
        if (p->gid == gid && p->segments != NULL)
            return false;
    }
    return true;
}

void store_pins_done(struct store *s)
{
    while (!list_empty(&s->pins)) {
        struct store_pin *p = LIST_ENTRY(s->pins.next, struct store_pin, link);
        CHECK(p->orphan); /* whoever had it has given it back */
        pin_destroy(p);
    }
}
