/* SPDX-License-Identifier: Apache-2.0 */
/* store_repair.c -- lost messages come back: supplied from outside, proved, put where they were.
 *
 * Idea        What is supplied waits in order of its sequences. The segment in which it was, or the place between
 *             two, is written anew with it (store_rewrite.h), and when that is durable it is lost no more. The
 *             proof is the record's header, if it is still whole in the damaged file: it names the body by its
 *             hash. Where the header is gone, only a committed state of a peer is believed.
 * Bounds      REPAIR_SUPPLIES_MAX at once in a group: each is looked for in each damaged piece.
 */
#include "store/store_repair.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/little.h"
#include "store/format/message.h"
#include "store/msglog_file.h"
#include "store/store_lost.h"
#include "store/store_rewrite.h"

#define REPAIR_SUPPLIES_MAX 64u
#define SEQ_AT 8u /* in a record's header: docs/formats/chunk.md */

bool store_missing(const struct store_group *g, uint64_t from, uint64_t *ret_first,
                   uint64_t *ret_last)
{
    return g->life == GROUP_LOADED && store_lost_next(g, from, ret_first, ret_last);
}

static struct store_supply *supply_of(struct link *l)
{
    return LIST_ENTRY(l, struct store_supply, link);
}

/* --- supplies ----------------------------------------------------------------------------------------- */

static void end(struct store_supply *supply, int status)
{
    list_remove(&supply->link);
    supply->done(supply, status);
}

/* In order of sequences. -EEXIST: this one is being supplied. */
static int insert(struct store_group *g, struct store_supply *supply)
{
    unsigned count = 0;
    struct link *before = &g->supplies;
    for (struct link *l = g->supplies.next; l != &g->supplies; l = l->next, count++) {
        uint64_t seq = supply_of(l)->seq;
        if (seq == supply->seq)
            return -EEXIST;
        if (seq > supply->seq && before == &g->supplies)
            before = l;
    }
    if (count == REPAIR_SUPPLIES_MAX)
        return -EAGAIN;
    list_push_back(before, &supply->link);
    return 0;
}

void store_supply(struct store *s, struct store_group *g, struct store_supply *supply)
{
    struct message message;
    list_init(&supply->link);
    supply->known = supply->taken = false;
    int status = 0;
    if (s->failed || s->life != STORE_READY)
        status = -EIO;
    else if (g->life != GROUP_LOADED || g->form != MSGLOG_FILE || g->deleting)
        status = -ENOENT;
    else if (!store_lost_has(g, supply->seq) ||
             msglog_next_live(g->log, supply->seq) != supply->seq)
        status = -ENOENT;
    else if (message_body_read(supply->body, &message) != 0)
        status = -EBADMSG;
    else
        status = insert(g, supply);
    if (status != 0) {
        supply->done(supply, status);
        return;
    }
    if (list_empty(&g->supply_link))
        list_push_back(&s->supplying, &g->supply_link);
}

void store_repair_done(struct store_group *g, int status)
{
    list_remove(&g->supply_link);
    while (!list_empty(&g->supplies))
        end(supply_of(g->supplies.next), status);
}

/* --- for the rewrite ---------------------------------------------------------------------------------- */

static void salvage_one(struct store_group *g, struct store_supply *supply, struct bytes piece)
{
    char seq[8];
    put_u64(seq, supply->seq);
    const char *at = piece.at + SEQ_AT;
    const char *last = piece.at + piece.size;
    while ((at = memmem(at, (size_t)(last - at), seq, sizeof seq)) != NULL) {
        struct chunk_record record;
        size_t offset = (size_t)(at - piece.at) - SEQ_AT;
        struct bytes header = {piece.at + offset, piece.size - offset};
        if (chunk_record_header_read(g->member.gid, header, &record) == 0) {
            supply->known = true;
            supply->index = record.index;
            supply->term = record.term;
            supply->time_ns = record.time_ns;
            supply->body_hash = record.body_hash;
            return;
        }
        at++;
    }
}

void store_repair_salvage(struct store_group *g, struct bytes piece)
{
    for (struct link *l = g->supplies.next; l != &g->supplies; l = l->next)
        if (!supply_of(l)->known)
            salvage_one(g, supply_of(l), piece);
}

uint64_t store_repair_next(const struct store_group *g, uint64_t seq)
{
    for (struct link *l = g->supplies.next; l != &g->supplies; l = l->next)
        if (supply_of(l)->seq >= seq)
            return supply_of(l)->seq;
    return UINT64_MAX;
}

static struct store_supply *find(struct store_group *g, uint64_t seq)
{
    for (struct link *l = g->supplies.next; l != &g->supplies; l = l->next)
        if (supply_of(l)->seq == seq)
            return supply_of(l);
    return NULL;
}

bool store_repair_record(struct store_group *g, uint64_t seq, struct chunk_record *ret)
{
    const struct store_supply *supply = find(g, seq);
    if (supply == NULL || (!supply->known && !supply->committed))
        return false;
    uint64_t hash = entry_body_hash(g->member.gid, supply->index, supply->term, supply->body);
    if (supply->known && hash != supply->body_hash)
        return false;
    *ret = (struct chunk_record){.seq = seq,
                                 .index = supply->index,
                                 .term = supply->term,
                                 .kind = ENTRY_MSG,
                                 .time_ns = supply->time_ns,
                                 .body = supply->body,
                                 .body_hash = hash};
    return true;
}

void store_repair_taken(struct store_group *g, uint64_t seq)
{
    struct store_supply *supply = find(g, seq);
    CHECK(supply != NULL);
    supply->taken = true;
}

/* --- the repair --------------------------------------------------------------------------------------- */

/* Durable, or given up. What was in it and was not taken does not match. */
static void on_rewritten(struct store *s, struct store_group *g, int status)
{
    struct link *next;
    for (struct link *l = g->supplies.next; l != &g->supplies; l = next) {
        next = l->next;
        struct store_supply *supply = supply_of(l);
        bool in_it = supply->seq >= g->supply_first && supply->seq <= g->supply_last;
        if (status != 0)
            end(supply, status);
        else if (supply->taken)
            end(supply, 0);
        else if (in_it)
            end(supply, supply->known ? -EBADMSG : -EACCES);
    }
    if (status == 0)
        store_compact_consider(s, g);
}

/* The segment that the sequence was in, or none, where it lies between two: count is 0 then. */
static struct rewrite_options where(struct store_group *g, uint64_t seq)
{
    const struct segments *segments = msglog_segments(g->log);
    struct rewrite_options o = {.repair = true, .done = on_rewritten};
    g->supply_first = 0;
    g->supply_last = UINT64_MAX;
    for (; o.first < segments_count(segments); o.first++) {
        struct segment_edge edge;
        segments_edge(segments, o.first, &edge);
        if (edge.first_seq > seq) {
            g->supply_last = edge.first_seq - 1;
            return o;
        }
        if (edge.last_seq >= seq) {
            o.count = 1;
            g->supply_first = edge.first_seq;
            g->supply_last = edge.last_seq;
            return o;
        }
        g->supply_first = edge.last_seq + 1;
    }
    return o;
}

void store_repair_slice(struct store *s)
{
    struct link *next;
    for (struct link *l = s->supplying.next; l != &s->supplying; l = next) {
        next = l->next;
        struct store_group *g = LIST_ENTRY(l, struct store_group, supply_link);
        if (list_empty(&g->supplies)) {
            list_remove(l);
        } else if (s->failed || s->life != STORE_READY || g->deleting || g->life != GROUP_LOADED) {
            if (g->rewrite == NULL)
                store_repair_done(g, -ECANCELED);
        } else if (g->rewrite == NULL && !g->draining) {
            struct rewrite_options o = where(g, supply_of(g->supplies.next)->seq);
            store_rewrite(s, g, &o);
        }
    }
}

bool store_repair_idle(const struct store *s)
{
    return list_empty(&s->supplying);
}
