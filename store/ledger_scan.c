/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/little.h"

void ledger_scan_init(struct ledger_scan *scan, const struct ledger_identity *id,
                      struct disk_file *const file[2], const uint64_t end[2])
{
    *scan = (struct ledger_scan){.id = *id, .last_commit = UINT64_MAX};
    for (unsigned i = 0; i < 2; i++)
        ledger_window_init(&scan->window[i], file[i], end[i]);
    scan->next.previous = ledger_first_previous(id);
    scan->commit = scan->next;
}

void ledger_scan_done(struct ledger_scan *scan)
{
    for (unsigned i = 0; i < 2; i++)
        ledger_window_done(&scan->window[i]);
    ledger_places_done(&scan->places);
    free(scan->pending);
    free(scan->repairs);
    *scan = (struct ledger_scan){0};
}

/* One more place in an array that grows by doubling. */
static void *grown(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 64 : 2 * *capacity;
    array = realloc(array, *capacity * size);
    CHECK(array != NULL);
    return array;
}

/* --- what counts ---------------------------------------------------------------------------------- */

static void add_pending(struct ledger_scan *scan, const struct ledger_pending *p)
{
    scan->pending =
        grown(scan->pending, scan->pending_count, &scan->pending_capacity, sizeof *scan->pending);
    scan->pending[scan->pending_count++] = *p;
}

static void apply(struct ledger_places *places, const struct ledger_pending *p)
{
    if (p->gap)
        ledger_places_lose(places, p->lost, p->place.position);
    else if (p->place.kind == LEDGER_LOST)
        ledger_places_settle(places, p->lost, p->place.position);
    else
        ledger_places_apply(places, &p->place);
}

/* The commit counts; the next one begins at `next`. */
static void end_commit(struct ledger_scan *scan, const struct ledger_end *next)
{
    for (size_t i = 0; i < scan->pending_count; i++)
        apply(&scan->places, &scan->pending[i]);
    scan->pending_count = 0;
    scan->broken = false;
    scan->broken_end = 0;
    scan->commit = *next;
}

static void add_records(struct ledger_scan *scan, const struct block_header *h, const char *at)
{
    struct ledger_block_walk w = ledger_block_walk(&scan->id, h, at);
    while (w.records_left > 0) {
        struct ledger_record record;
        uint64_t position;
        int status = ledger_block_next(&w, &record, &position);
        CHECK(status == 0); /* the block has been checked */
        struct ledger_pending p = {.place = {.kind = record.kind,
                                             .size = (uint32_t)record.body.size,
                                             .gid = record.gid,
                                             .position = position}};
        if (record.kind == LEDGER_LOST)
            p.lost = get_u32(record.body.at);
        add_pending(scan, &p);
    }
}

/* --- one position in both copies ------------------------------------------------------------------ */

struct candidate {
    int status; /* 0: a whole block */
    struct block_header header;
    const char *at;
};

/* False: a read was submitted. */
static bool look_at(struct ledger_scan *scan, struct task *t, unsigned copy, struct candidate *ret)
{
    struct ledger_window *w = &scan->window[copy];
    *ret = (struct candidate){.status = -EBADMSG};
    if (!ledger_window_want(w, t, scan->at, BLOCK_HEADER_SIZE))
        return false;
    ret->at = ledger_window_at(w, scan->at, BLOCK_HEADER_SIZE);
    if (ret->at == NULL)
        return true;
    ret->status = ledger_block_header_read(&scan->id, scan->at, ret->at, &ret->header);
    if (ret->status != 0)
        return true;
    if (!ledger_window_want(w, t, scan->at, ret->header.size))
        return false;
    ret->at = ledger_window_at(w, scan->at, ret->header.size);
    ret->status = ret->at == NULL ? -EBADMSG : ledger_block_check(&scan->id, &ret->header, ret->at);
    return true;
}

/* Whether a whole block is one that may come here. */
static bool fits(const struct ledger_scan *scan, const struct block_header *h)
{
    if (h->boot_epoch < scan->epoch)
        return false;
    bool later = h->durable_to > scan->commit.position;
    if (h->durable_to < scan->commit.position)
        return false;
    if (scan->broken_end != 0 && !later) /* nothing comes after its last block */
        return false;
    if (scan->gap)
        return h->group_count > scan->next.blocks;
    if (later && h->durable_to != scan->broken_end)
        return false;
    return h->group_count == scan->next.blocks && h->previous == scan->next.previous;
}

/* The copy whose block is taken, or -1. A later epoch wins: the earlier one is of a torn commit. */
static int choose(const struct ledger_scan *scan, const struct candidate c[2])
{
    int chosen = -1;
    for (int i = 0; i < 2; i++) {
        if (c[i].status != 0 || !fits(scan, &c[i].header))
            continue;
        if (chosen < 0 || c[i].header.boot_epoch > c[chosen].header.boot_epoch)
            chosen = i;
    }
    return chosen;
}

static void add_repair(struct ledger_scan *scan, unsigned bad, const struct block_header *h)
{
    uint64_t from = h->position;
    uint64_t to = from + h->size;
    struct ledger_repair *last =
        scan->repair_count > 0 ? &scan->repairs[scan->repair_count - 1] : NULL;
    if (last != NULL && last->bad == bad && last->to == from) {
        last->to = to;
        return;
    }
    scan->repairs =
        grown(scan->repairs, scan->repair_count, &scan->repair_capacity, sizeof *scan->repairs);
    scan->repairs[scan->repair_count++] = (struct ledger_repair){from, to, bad};
}

/* --- a block is taken, or none is ------------------------------------------------------------------- */

/* The block's commit began after the one that is being read: this one was durable. */
static void prove(struct ledger_scan *scan, const struct block_header *h)
{
    struct ledger_end start = {h->durable_to, h->previous, h->group_count};
    if (h->position > h->durable_to) { /* its own first blocks are in the gap: guess, but rise */
        start.previous = scan->next.previous;
        start.blocks = scan->next.blocks + 1;
    }
    end_commit(scan, &start);
    scan->last_commit = UINT64_MAX;
}

static void close_gap(struct ledger_scan *scan, const struct block_header *h, bool proof)
{
    uint32_t lost = h->group_count - scan->next.blocks;
    if (proof) {
        ledger_places_lose(&scan->places, lost, scan->commit.position);
    } else {
        struct ledger_pending p = {.gap = true, .lost = lost, .place.position = h->position};
        add_pending(scan, &p);
    }
    scan->gap = false;
    scan->broken = h->position > scan->commit.position;
}

static void take(struct ledger_scan *scan, const struct candidate *c)
{
    const struct block_header *h = &c->header;
    bool proof = h->durable_to > scan->commit.position;
    if (proof)
        prove(scan, h);
    if (scan->gap)
        close_gap(scan, h, proof);
    add_records(scan, h, c->at);
    scan->good_blocks++;
    scan->epoch = h->boot_epoch;
    scan->at += h->size;
    scan->next = (struct ledger_end){scan->at, h->hash, h->group_count + 1};
    if (!(h->flags & LEDGER_BLOCK_LAST))
        return;
    if (scan->broken) {
        scan->broken_end = scan->at;
        return;
    }
    scan->last_commit = scan->commit.position;
    end_commit(scan, &scan->next);
}

/* Neither copy has a block here. If one of them can not be read, nobody knows what it holds. */
static void pass_by(struct ledger_scan *scan)
{
    for (unsigned i = 0; i < 2; i++)
        if (scan->window[i].unreadable_end > scan->at)
            scan->error = scan->window[i].error;
    scan->gap = true;
    scan->at += BLOCK_ALIGN;
}

static int step(struct ledger_scan *scan, const struct candidate c[2])
{
    for (unsigned i = 0; i < 2; i++) {
        if (c[i].status == -ENOTSUP)
            return -ENOTSUP;
        if (c[i].status == 0 && c[i].header.boot_epoch > scan->epoch_highest)
            scan->epoch_highest = c[i].header.boot_epoch;
    }
    int chosen = choose(scan, c);
    if (chosen < 0) {
        pass_by(scan);
        return 0;
    }
    unsigned other = !chosen;
    if (c[other].status != 0 || c[other].header.hash != c[chosen].header.hash)
        add_repair(scan, other, &c[chosen].header);
    take(scan, &c[chosen]);
    return 0;
}

/* --- the end ---------------------------------------------------------------------------------------- */

/* The first commit was durable, whatever is left of it. */
static void end_first_commit(struct ledger_scan *scan)
{
    struct ledger_end end = scan->next;
    if (scan->broken_end == 0) { /* nobody knows where it ended: go on behind all there is */
        end.position = scan->at;
        end.blocks++;
        struct ledger_pending p = {.gap = true, .lost = 1, .place.position = scan->at};
        add_pending(scan, &p);
    }
    end_commit(scan, &end);
    scan->last_commit = UINT64_MAX;
}

static void clip_repairs(struct ledger_scan *scan)
{
    uint64_t end = scan->commit.position;
    while (scan->repair_count > 0 && scan->repairs[scan->repair_count - 1].from >= end)
        scan->repair_count--;
    if (scan->repair_count > 0 && scan->repairs[scan->repair_count - 1].to > end)
        scan->repairs[scan->repair_count - 1].to = end;
}

static int finish(struct ledger_scan *scan)
{
    if (scan->error != 0 || scan->good_blocks == 0)
        return scan->error != 0 ? scan->error : -EBADMSG;
    if (scan->commit.position == 0)
        end_first_commit(scan);
    scan->pending_count = 0;
    clip_repairs(scan);
    if (scan->last_commit == 0) /* durable before it was named */
        scan->last_commit = UINT64_MAX;
    ledger_places_check(&scan->places);
    return 0;
}

int ledger_scan_run(struct ledger_scan *scan, struct task *t)
{
    for (;;) {
        struct candidate c[2];
        bool first = look_at(scan, t, 0, &c[0]);
        bool second = look_at(scan, t, 1, &c[1]);
        if (!first || !second)
            return -EAGAIN;
        if (scan->at >= scan->window[0].end && scan->at >= scan->window[1].end)
            return finish(scan);
        int status = step(scan, c);
        if (status != 0)
            return status;
    }
}
