/* SPDX-License-Identifier: Apache-2.0 */
/* store_erase.c -- what is erased leaves every file, in rounds.
 *
 *     COLLECTING ──100 ms──► SEGMENTS ──► CHECKPOINT ──► JOURNAL ──► ZEROING ──► TRASH ──► told
 *
 *     SEGMENTS    each that may hold one is written anew; the old file will be zeroed
 *     CHECKPOINT  one that covers the entry is durable: no copy of the message will be made any more
 *     JOURNAL     what was appended up to then is drained and released
 *     ZEROING     released files are zeros on disk
 *     TRASH       so are the old segments, which are gone
 *
 * Idea        The committed entry has taken the message out of every read. Its sequence goes on the group's erase
 *             list, which is state (CHECKPOINT_ERASING), until no file has it. A round that was cut short
 *             begins anew after a start; that costs work and nothing else.
 *             What is unreadable in a segment that holds something erased is zeroed with it: it may be that.
 * Bounds      one round a group; what is erased while one runs is of the next.
 */
#include "store/store_erase.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/group/stream_group.h"
#include "store/msglog_file.h"
#include "store/store_drain.h"
#include "store/store_rewrite.h"
#include "store/table/seqset.h"

#define COLLECT_MS 100u
#define RETRY_MS 1000u

enum erase_step {
    ERASE_COLLECTING,
    ERASE_SEGMENTS,
    ERASE_CHECKPOINT,
    ERASE_JOURNAL,
    ERASE_ZEROING,
    ERASE_TRASH,
};

struct erasing {
    struct link link; /* in the store's erasing */
    struct store_group *group;
    enum erase_step step;
    uint64_t due_ms;
    struct seqset fresh;   /* for the next round */
    struct seqset running; /* of this one */
    uint64_t cursor;       /* in it: segments up to here are done */
    uint64_t rewriting;    /* last sequence of the segment that is being written anew */
    uint64_t index;        /* that a checkpoint has to cover */
    uint64_t position;     /* up to which the journal has to go */
    struct link waits;     /* for this round */
    struct link waits_next;
};

/* --- the list ------------------------------------------------------------------------------------ */

static struct erasing *erasing_of(struct store_group *g)
{
    if (g->erasing != NULL)
        return g->erasing;
    struct erasing *e = calloc(1, sizeof *e);
    CHECK(e != NULL);
    e->group = g;
    seqset_init(&e->fresh);
    seqset_init(&e->running);
    list_init(&e->waits);
    list_init(&e->waits_next);
    e->due_ms = g->store->now_ms + COLLECT_MS;
    list_push_back(&g->store->erasing, &e->link);
    g->erasing = e;
    return e;
}

static void on_removed(void *context, const struct group_message *m, enum group_reason reason)
{
    struct store_group *g = context;
    if (reason == GROUP_BY_ERASE && g->form == MSGLOG_FILE)
        (void)seqset_add(&erasing_of(g)->fresh, m->seq);
}

void store_erase_follow(struct store_group *g)
{
    stream_group_follow(g->stream, &(struct stream_follower){.removed = on_removed, .context = g});
}

static void tell(struct link *waits, int status)
{
    struct link *l;
    while ((l = list_pop_front(waits)) != NULL) {
        struct store_erased *wait = LIST_ENTRY(l, struct store_erased, link);
        wait->done(wait, status);
    }
}

void store_erase_done(struct store_group *g, int status)
{
    struct erasing *e = g->erasing;
    if (e == NULL)
        return;
    g->erasing = NULL;
    list_remove(&e->link);
    seqset_done(&e->fresh);
    seqset_done(&e->running);
    struct link told;
    list_init(&told);
    struct link *lists[] = {&e->waits, &e->waits_next};
    for (int i = 0; i < 2; i++)
        for (struct link *l; (l = list_pop_front(lists[i])) != NULL;)
            list_push_back(&told, l);
    free(e);
    tell(&told, status);
}

void store_erased(struct store *s, struct store_group *g, struct store_erased *wait)
{
    list_init(&wait->link);
    struct erasing *e = g->erasing;
    if (s->failed || e == NULL) {
        wait->done(wait, s->failed ? -EIO : 0);
        return;
    }
    bool next = e->step != ERASE_COLLECTING && seqset_total(&e->fresh) > 0;
    list_push_back(next ? &e->waits_next : &e->waits, &wait->link);
}

enum trash_way store_erase_way(const struct store_group *g)
{
    return g->erasing != NULL ? TRASH_ZERO : TRASH_REMOVE;
}

/* --- in checkpoints -------------------------------------------------------------------------------- */

static void add_all(struct seqset *to, const struct seqset *from)
{
    uint64_t first;
    for (uint64_t at = 0; seqset_next(from, at, &first);) {
        at = seqset_next_out(from, first);
        (void)seqset_add_range(to, first, at - 1);
    }
}

void store_erase_write(const struct store_group *g, struct buffer *to)
{
    if (g->erasing == NULL)
        return;
    struct seqset all;
    seqset_init(&all);
    add_all(&all, &g->erasing->running);
    add_all(&all, &g->erasing->fresh);
    seqset_encode(&all, to);
    seqset_done(&all);
}

int store_erase_read(struct store_group *g, struct bytes section)
{
    if (section.size == 0)
        return 0;
    struct seqset all;
    seqset_init(&all);
    int status = seqset_decode(&all, section);
    if (status == 0)
        add_all(&erasing_of(g)->fresh, &all);
    seqset_done(&all);
    return status;
}

/* --- a round ------------------------------------------------------------------------------------------ */

static void begin(struct erasing *e)
{
    add_all(&e->running, &e->fresh);
    seqset_done(&e->fresh);
    seqset_init(&e->fresh);
    e->cursor = 0;
    e->step = ERASE_SEGMENTS;
}

/* The first segment behind the cursor whose range has one; false: there is none. */
static bool next_segment(struct erasing *e, uint32_t *ret_place)
{
    const struct segments *segments = msglog_segments(e->group->log);
    for (uint32_t i = 0; i < segments_count(segments); i++) {
        struct segment_edge edge;
        uint64_t seq;
        segments_edge(segments, i, &edge);
        uint64_t from = edge.first_seq > e->cursor ? edge.first_seq : e->cursor;
        if (edge.last_seq >= e->cursor && seqset_next(&e->running, from, &seq) &&
            seq <= edge.last_seq) {
            e->rewriting = edge.last_seq;
            *ret_place = i;
            return true;
        }
    }
    return false;
}

static void on_rewritten(struct store *s, struct store_group *g, int status)
{
    struct erasing *e = g->erasing;
    if (e == NULL)
        return;
    if (status == 0)
        e->cursor = e->rewriting + 1;
    else
        e->due_ms = s->now_ms + RETRY_MS;
}

static void rewrite_segments(struct store *s, struct erasing *e)
{
    struct store_group *g = e->group;
    uint32_t place;
    if (g->draining || g->rewrite != NULL || g->life != GROUP_LOADED)
        return;
    if (next_segment(e, &place)) {
        store_rewrite(s, g,
                      &(struct rewrite_options){
                          .first = place, .count = 1, .zero = true, .done = on_rewritten});
        return;
    }
    e->index = g->entries.applied;
    e->step = ERASE_CHECKPOINT;
    if (g->entries.base < e->index)
        store_want_checkpoint(s, g);
}

static void leave_journal(struct store *s, struct erasing *e)
{
    struct journal_span span;
    if (e->group->entries.base < e->index || journal_leave_file(s->journal) != 0)
        return;
    journal_span(s->journal, &span);
    e->position = span.end;
    s->flush_wanted = true;
    if (s->drain->release_to < e->position)
        s->drain->release_to = e->position;
    e->step = ERASE_JOURNAL;
}

static void zero_journal(struct store *s, struct erasing *e)
{
    struct journal_span span;
    journal_span(s->journal, &span);
    if (span.floor < e->position)
        return;
    journal_release(s->journal, span.floor, true);
    e->step = ERASE_ZEROING;
}

static void await_zeros(struct store *s, struct erasing *e)
{
    struct journal_span span;
    journal_span(s->journal, &span);
    if (!span.zeroing)
        e->step = ERASE_TRASH;
}

static void await_trash(struct store *s, struct erasing *e)
{
    int status = 0;
    if (s->leftovers != NULL || store_trash_has_zeroing(s, e->group, &status))
        return;
    seqset_done(&e->running);
    seqset_init(&e->running);
    if (seqset_total(&e->fresh) == 0 && list_empty(&e->waits_next)) {
        store_erase_done(e->group, status);
        return;
    }
    struct link told;
    list_init(&told);
    struct link *l;
    while ((l = list_pop_front(&e->waits)) != NULL)
        list_push_back(&told, l);
    while ((l = list_pop_front(&e->waits_next)) != NULL)
        list_push_back(&e->waits, l);
    e->step = ERASE_COLLECTING;
    e->due_ms = s->now_ms + COLLECT_MS;
    tell(&told, status);
}

static void step(struct store *s, struct erasing *e)
{
    switch (e->step) {
    case ERASE_COLLECTING: begin(e); return;
    case ERASE_SEGMENTS: rewrite_segments(s, e); return;
    case ERASE_CHECKPOINT: leave_journal(s, e); return;
    case ERASE_JOURNAL: zero_journal(s, e); return;
    case ERASE_ZEROING: await_zeros(s, e); return;
    case ERASE_TRASH: await_trash(s, e); return;
    }
}

/* The store can not go on with it now: nobody is left without an answer. */
static void give_up(struct store *s, struct erasing *e)
{
    int status = s->failed ? -EIO : -ECANCELED;
    tell(&e->waits, status);
    tell(&e->waits_next, status);
}

void store_erase_slice(struct store *s)
{
    struct link *next;
    for (struct link *l = s->erasing.next; l != &s->erasing; l = next) {
        next = l->next;
        struct erasing *e = LIST_ENTRY(l, struct erasing, link);
        if (s->failed || s->life != STORE_READY)
            give_up(s, e);
        else if (s->now_ms >= e->due_ms && !e->group->deleting)
            step(s, e);
    }
}

uint64_t store_erase_due_ms(const struct store *s)
{
    uint64_t due = UINT64_MAX;
    for (const struct link *l = s->erasing.next; l != &s->erasing; l = l->next) {
        const struct erasing *e = LIST_ENTRY(l, struct erasing, link);
        if (e->due_ms > s->now_ms || e->step == ERASE_COLLECTING)
            due = e->due_ms < due ? e->due_ms : due;
    }
    return due;
}

bool store_erase_idle(const struct store *s)
{
    if (s->failed || s->life != STORE_READY)
        return true;
    for (const struct link *l = s->erasing.next; l != &s->erasing; l = l->next)
        if (LIST_ENTRY(l, struct erasing, link)->group->life == GROUP_LOADED)
            return false;
    return true;
}
