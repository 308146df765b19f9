/* SPDX-License-Identifier: Apache-2.0 */
/* store_append.c -- from an append to its answer: queue, journal, apply.
 *
 * Idea        An entry gets its index and log time when it is taken, and goes to the journal at once; what it
 *             does to the group is decided when it is applied, in order, after it is durable. A group of
 *             the memory form has no journal: its entries are "durable" when they are queued, and gone
 *             when they are applied.
 * Bounds      four times the debt in the journal: then messages wait for the drain. STORE_QUEUE_*: of a group, from taken to applied (one entry may always be under way).
 *             APPLY_SLICE entries a turn, in shares of APPLY_SHARE a group.
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/group/group.h"
#include "store/store_keys.h"
#include "store/store_state.h"

#define APPLY_SLICE 4096
#define APPLY_SHARE 512

/* --- taking ----------------------------------------------------------------------------------------- */

static int may_append(const struct store *s, const struct store_group *g,
                      const struct store_append *a)
{
    if (s->failed)
        return -EIO;
    if (g->deleting)
        return -ENOENT;
    if (store_group_damaged(g))
        return -EROFS;
    if (store_group_locked(g))
        return -ENOKEY;
    if (a->body.size > ENTRY_BODY_MAX)
        return -EMSGSIZE;
    if (s->over_debt && g->form == MSGLOG_FILE &&
        (a->kind == ENTRY_MSG || a->kind == ENTRY_BATCH)) /* what frees space is still taken */
        return -EAGAIN;
    uint64_t count = g->entries.end - g->entries.applied;
    if (count > 0 && (count >= STORE_QUEUE_ENTRIES_MAX ||
                      g->queued_bytes + a->body.size > STORE_QUEUE_BYTES_MAX))
        return -EAGAIN;
    return 0;
}

static void asked_push(struct store_group *g, struct store_append *a)
{
    a->next = NULL;
    if (g->asked == NULL)
        g->asked_last = &g->asked;
    *g->asked_last = a;
    g->asked_last = &a->next;
}

static struct store_append *asked_pop(struct store_group *g)
{
    struct store_append *a = g->asked;
    g->asked = a->next;
    return a;
}

void store_answer_all(struct store_group *g, int status)
{
    while (g->asked != NULL) {
        struct store_append *a = asked_pop(g);
        a->done(a, status, NULL);
    }
}

uint64_t store_apply_limit(const struct store_group *g)
{
    if (g->sync == STORE_SYNC_COMMITTED && g->committed < g->entries.durable)
        return g->committed;
    return g->entries.durable;
}

void store_to_apply(struct store *s, struct store_group *g)
{
    if (g->life == GROUP_LOADED && !g->waiting && !g->deleting && list_empty(&g->apply_link) &&
        g->entries.applied < store_apply_limit(g))
        list_push_back(&s->to_apply, &g->apply_link);
}

/* The entry is the group's from here on, wherever its body lies. */
static void queue(struct store *s, struct store_group *g, const struct entry *e,
                  const struct journal_place *place)
{
    entry_log_push(&g->entries, &(struct logged){.body = place->body.at,
                                                 .body_hash = e->body_hash,
                                                 .position = place->position,
                                                 .first_position = place->position,
                                                 .time_ns = e->time_ns,
                                                 .body_size = (uint32_t)e->body.size,
                                                 .term = e->term,
                                                 .kind = (uint8_t)e->kind,
                                                 .flags = e->flags,
                                                 .seal = e->seal});
    g->queued_time_ns = e->time_ns;
    g->queued_bytes += e->body.size;
    if (list_empty(&g->entries_link))
        list_push_back(&s->with_entries, &g->entries_link);
    if (g->sync == STORE_SYNC_INTERVAL || g->form == MSGLOG_MEMORY) {
        g->entries.durable = g->entries.end;
        store_to_apply(s, g);
    }
}

static int to_journal(struct store *s, struct store_group *g, const struct entry *e,
                      struct journal_place *ret)
{
    if (g->form == MSGLOG_MEMORY) {
        *ret = (struct journal_place){e->body, UINT64_MAX};
        return 0;
    }
    int status = journal_append(s->journal, &g->member, e, ret);
    if (status != 0)
        return status;
    if (g->sync == STORE_SYNC_INTERVAL)
        s->write_wanted = true;
    else
        s->flush_wanted = true;
    s->stats.appended++;
    s->stats.appended_bytes += e->body.size;
    return 0;
}

void store_queue_found(struct store *s, struct store_group *g, const struct logged *entry)
{
    entry_log_push(&g->entries, entry);
    g->queued_time_ns = entry->time_ns > g->queued_time_ns ? entry->time_ns : g->queued_time_ns;
    g->queued_bytes += entry->body_size;
    g->entries.durable = g->entries.end;
    if (list_empty(&g->entries_link))
        list_push_back(&s->with_entries, &g->entries_link);
}

int store_append(struct store *s, struct store_group *g, struct store_append *a)
{
    CHECK(s->life == STORE_READY && g->store == s);
    int status = may_append(s, g, a);
    if (status != 0)
        return status;
    struct entry e = {
        .gid = g->member.gid,
        .index = g->entries.end + 1,
        .term = a->term != 0 ? a->term : s->super.boot_epoch,
        .kind = a->kind,
        .flags = a->flags,
        .seal = store_entry_seal(g),
        .time_ns = a->now_ns > g->queued_time_ns ? a->now_ns : g->queued_time_ns,
        .body = a->body,
    };
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    struct journal_place place;
    status = to_journal(s, g, &e, &place);
    if (status != 0)
        return status;
    a->index = e.index;
    asked_push(g, a);
    queue(s, g, &e, &place);
    if (g->life == GROUP_STUB)
        store_group_load(s, g);
    return 0;
}

/* --- applying --------------------------------------------------------------------------------------- */

static void on_pages(struct page_wait *wait)
{
    struct store_group *g = LIST_ENTRY(wait, struct store_group, wait);
    g->waiting = false;
    store_to_apply(g->store, g);
}

static void answer(struct store_group *g, uint64_t index, const struct applied *applied)
{
    if (g->asked == NULL || g->asked->index != index)
        return; /* it came from the journal at the start */
    struct store_append *a = asked_pop(g);
    a->done(a, 0, applied);
}

/* 0: applied, and answered; -EAGAIN: pages have to come; -EINPROGRESS: a slice of it is done; else it can
 * not be applied: the group is damaged. */
static int apply_next(struct store *s, struct store_group *g)
{
    uint64_t index = g->entries.applied + 1;
    struct entry e = entry_log_entry(&g->entries, g->member.gid, index);
    struct applied applied = {0};
    g->wait.ready = on_pages;
    pages_begin(s->pages, &g->wait);
    int status = group_apply(g->group, &e, &applied);
    bool coming = pages_end(s->pages);
    g->waiting = coming && status == -EAGAIN;
    if (coming && !g->waiting)
        pages_cancel(s->pages, &g->wait); /* it does not need them after all */
    if (status != 0)
        return status;
    g->entries.applied = index;
    g->used_ms = s->now_ms;
    g->queued_bytes -= e.body.size;
    if (g->form == MSGLOG_MEMORY)
        store_entries_cover(s, g, index);
    answer(g, index, &applied);
    return 0;
}

/* Up to a share of what the group has to apply; returns how many were. */
static unsigned apply_share(struct store *s, struct store_group *g)
{
    unsigned count = 0;
    while (count < APPLY_SHARE && g->entries.applied < store_apply_limit(g)) {
        int status = apply_next(s, g);
        count++;
        if (status == -EAGAIN)
            return count;
        if (status != 0 && status != -EINPROGRESS) {
            store_group_damage(s, g, status);
            return count;
        }
        if (g->life != GROUP_LOADED)
            return count; /* whoever was answered had it taken apart */
    }
    store_to_apply(s, g);
    return count;
}

bool store_apply_slice(struct store *s)
{
    struct link *first;
    for (unsigned count = 0; count < APPLY_SLICE;) {
        if ((first = list_pop_front(&s->to_apply)) == NULL)
            return false;
        count += apply_share(s, LIST_ENTRY(first, struct store_group, apply_link));
    }
    return !list_empty(&s->to_apply);
}

/* --- what the journal says ---------------------------------------------------------------------------- */

void store_on_durable(void *context, struct journal_member *member, uint64_t index)
{
    struct store *s = context;
    struct store_group *g = (struct store_group *)(void *)member;
    if (index > g->entries.durable && index <= g->entries.end)
        g->entries.durable = index;
    store_to_apply(s, g);
    if (g->sync == STORE_SYNC_COMMITTED && s->options.durable != NULL)
        s->options.durable(s->options.context, g, g->entries.durable);
}

/* Whoever waits for an entry after index is told this, in order. */
static void answer_after(struct store_group *g, uint64_t index, int status)
{
    struct store_append **at = &g->asked;
    while (*at != NULL && (*at)->index <= index)
        at = &(*at)->next;
    struct store_append *rest = *at;
    *at = NULL;
    g->asked_last = at;
    while (rest != NULL) {
        struct store_append *a = rest;
        rest = a->next;
        a->done(a, status, NULL);
    }
}

void store_fail_asked(struct store *s)
{
    for (struct store_group *g = group_table_after(&s->groups, 0); g != NULL;
         g = group_table_after(&s->groups, g->member.gid))
        answer_after(g, g->entries.durable, -EIO); /* the rest never will be */
}

/* --- consensus ---------------------------------------------------------------------------------------- */

void store_committed(struct store *s, struct store_group *g, uint64_t index)
{
    CHECK(g->sync == STORE_SYNC_COMMITTED);
    if (index > g->committed)
        g->committed = index;
    store_to_apply(s, g);
}

int store_cut(struct store *s, struct store_group *g, uint64_t index)
{
    CHECK(g->sync == STORE_SYNC_COMMITTED && index >= g->entries.applied);
    CHECK(index >= g->committed || g->entries.end <= index);
    if (index >= g->entries.end)
        return 0;
    if (s->failed)
        return -EIO;
    struct entry e = {.gid = g->member.gid,
                      .index = index,
                      .term = s->super.boot_epoch,
                      .kind = ENTRY_CUT,
                      .time_ns = g->queued_time_ns};
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    struct journal_place place;
    int status = journal_append(s->journal, &g->member, &e, &place);
    if (status != 0)
        return status;
    s->flush_wanted = true;
    for (uint64_t i = index + 1; i <= g->entries.end; i++)
        g->queued_bytes -= entry_log_at(&g->entries, i)->body_size;
    entry_log_cut(&g->entries, index);
    if (entry_log_count(&g->entries) == 0)
        list_remove(&g->entries_link);
    answer_after(g, index, -ECANCELED);
    return 0;
}

uint64_t store_last_index(const struct store_group *g, uint32_t *ret_term)
{
    *ret_term = 0;
    if (entry_log_count(&g->entries) > 0)
        *ret_term = entry_log_at(&g->entries, g->entries.end)->term;
    return g->entries.end;
}
