/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_rewrite.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/chunk_build.h"
#include "store/format/chunk_walk.h"
#include "store/msglog_file.h"
#include "store/segment_scan.h"
#include "store/segment_write.h"
#include "store/store_erase.h"
#include "store/store_keys.h"
#include "store/store_lost.h"
#include "store/store_repair.h"
#include "store/table/seqset.h"

#define REWRITE_CHUNKS 4u /* of one write */

enum rewrite_step { REWRITE_READING, REWRITE_READY, REWRITE_SWAPPED };

struct old_segment {
    struct segment_edge edge;
    bool damaged;
};

struct rewrite {
    struct link link; /* in the store's rewrites */
    struct store_group *group;
    struct rewrite_options options;
    enum rewrite_step step;
    int status; /* not 0: it is being given up */
    uint64_t number;
    uint64_t end; /* of what was written */
    uint32_t at;  /* in `old` */
    uint32_t count;
    struct old_segment old[REWRITE_SEGMENTS_MAX];
    uint64_t expected; /* no record of the segment before this sequence is to come */
    struct segment_scan *scan;
    struct chunk_builder builder;
    bool building;
    struct segment_write *write;
    bool writing;
    struct chunk_info *chunks; /* given: of the new file */
    uint32_t chunk_count;
    uint32_t chunk_capacity;
    struct seqset lost;
    struct seqset found; /* of what was lost */
};

static void go_on(struct rewrite *r);

/* --- its end --------------------------------------------------------------------------------------- */

static void rewrite_free(struct rewrite *r)
{
    r->group->rewrite = NULL;
    list_remove(&r->link);
    if (r->scan != NULL)
        segment_scan_free(&r->scan);
    if (r->write != NULL)
        segment_write_free(&r->write);
    if (r->building)
        chunk_builder_done(&r->builder);
    seqset_done(&r->lost);
    seqset_done(&r->found);
    free(r->chunks);
    free(r);
}

static void tell(struct rewrite *r, int status)
{
    struct store_group *g = r->group;
    void (*done)(struct store * s, struct store_group * g, int status) = r->options.done;
    rewrite_free(r);
    done(g->store, g, status);
}

/* Nothing is under way any more: what was written goes. */
static void given_up(struct rewrite *r)
{
    struct store_group *g = r->group;
    uint64_t number = r->number;
    list_remove(&g->want_link);
    if (g->log != NULL)
        msglog_seal(g->log, UINT64_MAX);
    tell(r, r->status);
    store_trash_file(g->store, g, number, TRASH_ZERO);
}

static void give_up(struct rewrite *r, int status)
{
    if (r->status == 0)
        r->status = status;
    if (r->scan != NULL)
        segment_scan_stop(r->scan);
    else if (!r->writing)
        given_up(r);
}

/* --- writing --------------------------------------------------------------------------------------- */

static void on_written(void *context, int status)
{
    struct rewrite *r = context;
    r->write = NULL;
    r->writing = false;
    if (r->status == 0)
        r->status = status;
    if (status == 0)
        r->end = r->chunks[r->chunk_count - 1].offset + r->chunks[r->chunk_count - 1].size;
    go_on(r);
}

static struct segment_write *open_write(struct rewrite *r)
{
    return segment_write_new(&(struct segment_write_options){
        .disk = r->group->store->options.disk,
        .folder = msglog_folder(r->group->log),
        .number = r->number,
        .offset = r->end,
        .done = on_written,
        .context = r,
    });
}

static void start_write(struct rewrite *r)
{
    r->writing = true;
    segment_write_start(r->write);
}

static void finish_chunk(struct rewrite *r)
{
    if (!r->building)
        return;
    if (r->chunk_count == r->chunk_capacity) {
        r->chunk_capacity = r->chunk_capacity == 0 ? 16 : r->chunk_capacity * 2;
        r->chunks = realloc(r->chunks, r->chunk_capacity * sizeof *r->chunks);
        CHECK(r->chunks != NULL);
    }
    struct chunk_info *info = &r->chunks[r->chunk_count++];
    char *chunk = chunk_builder_finish(&r->builder, info);
    r->building = false;
    r->group->store->stats.written_bytes += info->size;
    segment_write_add(r->write, &chunk, info);
}

/* A chunk begins where what was finished before will end. */
static void begin_chunk(struct rewrite *r)
{
    struct store_group *g = r->group;
    if (r->write == NULL)
        r->write = open_write(r);
    const struct chunk_place place = {g->member.gid, r->number, segment_write_end(r->write)};
    chunk_builder_init(&r->builder, &place, store_group_to_write(g), g->store->options.seed);
    r->building = true;
}

/* false: it is no message, or does not match its hash. */
static bool add_record(struct rewrite *r, const struct chunk_record *record)
{
    if (r->building && !chunk_builder_takes(&r->builder, record->seq, record->body.size))
        finish_chunk(r);
    if (!r->building)
        begin_chunk(r);
    int status = chunk_builder_add(&r->builder, record);
    if (status != 0 && r->builder.row_count == 0) {
        chunk_builder_done(&r->builder);
        r->building = false;
    }
    return status == 0;
}

/* --- reading ----------------------------------------------------------------------------------------- */

static bool is_alive(const struct rewrite *r, uint64_t seq)
{
    return msglog_next_live(r->group->log, seq) == seq;
}

/* Whether somebody has supplied it, and rightly. */
static bool add_supplied(struct rewrite *r, uint64_t seq)
{
    struct chunk_record record;
    struct store_group *g = r->group;
    if (!r->options.repair || !store_repair_record(g, seq, &record) || !add_record(r, &record))
        return false;
    store_repair_taken(g, seq);
    (void)seqset_add(&r->found, seq);
    return true;
}

/* What was supplied and is alive before seq, where no segment is. */
static void add_between(struct rewrite *r, uint64_t seq)
{
    struct store_group *g = r->group;
    uint64_t from = r->options.repair ? g->supply_first : UINT64_MAX;
    while ((from = store_repair_next(g, from)) < seq && from <= g->supply_last) {
        if (is_alive(r, from))
            (void)add_supplied(r, from);
        from++;
    }
}

/* What is alive of the segment, and before seq, and did not come. */
static void miss(struct rewrite *r, uint64_t seq)
{
    struct store_group *g = r->group;
    uint64_t from = r->expected;
    while ((from = msglog_next_live(g->log, from)) < seq) {
        if (!add_supplied(r, from)) {
            (void)seqset_add(&r->lost, from);
            r->old[r->at].damaged |= !store_lost_has(g, from);
        }
        from++;
    }
    r->expected = seq;
}

static void on_record(void *context, const struct chunk_record *record)
{
    struct rewrite *r = context;
    const struct segment_edge *edge = &r->old[r->at].edge;
    if (record->seq < r->expected || record->seq > edge->last_seq)
        return;
    miss(r, record->seq);
    if (!is_alive(r, record->seq) || add_record(r, record))
        r->expected = record->seq + 1;
}

static void on_piece(void *context, const struct chunk_place *place, struct bytes piece)
{
    struct rewrite *r = context;
    const struct chunk_walk walk = {
        .place = *place, .codec = store_group_to_read(r->group), .record = on_record, .context = r};
    if (r->options.repair)
        store_repair_salvage(r->group, piece);
    if (chunk_walk(&walk, piece) & CHUNK_PART_FRAMES)
        r->old[r->at].damaged = true;
    go_on(r);
}

static void on_scanned(void *context, int status)
{
    struct rewrite *r = context;
    r->scan = NULL;
    if (r->status == 0)
        r->status = status;
    if (r->status == 0) {
        miss(r, r->old[r->at].edge.last_seq + 1);
        r->at++;
    }
    go_on(r);
}

static void begin_segment(struct rewrite *r)
{
    struct store_group *g = r->group;
    const struct segment_edge *edge = &r->old[r->at].edge;
    r->expected = edge->first_seq;
    r->scan = segment_scan_new(&(struct segment_scan_options){
        .disk = g->store->options.disk,
        .folder = msglog_folder(g->log),
        .gid = g->member.gid,
        .number = edge->number,
        .size = edge->size,
        .piece = on_piece,
        .ended = on_scanned,
        .context = r,
    });
}

/* Segments that hold nothing alive are not read. */
static void skip_dead(struct rewrite *r)
{
    while (r->at < r->count && msglog_live_in(r->group->log, r->old[r->at].edge.first_seq,
                                              r->old[r->at].edge.last_seq) == 0)
        r->at++;
}

static void go_on(struct rewrite *r)
{
    if (r->status != 0) {
        give_up(r, r->status);
        return;
    }
    if (r->scan == NULL)
        skip_dead(r);
    bool last = r->scan == NULL && r->at == r->count;
    if (last && r->count == 0)
        add_between(r, UINT64_MAX);
    if (last)
        finish_chunk(r);
    uint32_t finished = r->write == NULL ? 0 : segment_write_count(r->write);
    if (finished >= REWRITE_CHUNKS || (last && finished > 0)) {
        start_write(r);
    } else if (last) {
        r->step = REWRITE_READY;
        store_want_checkpoint(r->group->store, r->group);
    } else {
        if (r->scan == NULL)
            begin_segment(r);
        segment_scan_next(r->scan);
    }
}

void store_rewrite(struct store *s, struct store_group *g, const struct rewrite_options *options)
{
    struct segments *segments = msglog_segments(g->log);
    CHECK(g->life == GROUP_LOADED && g->rewrite == NULL && !g->draining);
    CHECK(options->count > 0 || options->repair);
    CHECK(options->count <= REWRITE_SEGMENTS_MAX &&
          options->first + options->count <= segments_count(segments));
    struct rewrite *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->group = g;
    r->options = *options;
    r->number = g->next_file++;
    r->count = options->count;
    for (uint32_t i = 0; i < r->count; i++)
        segments_edge(segments, options->first + i, &r->old[i].edge);
    if (r->count > 0)
        msglog_seal(g->log, r->old[r->count - 1].edge.number);
    seqset_init(&r->lost);
    seqset_init(&r->found);
    g->rewrite = r;
    list_push_back(&s->rewrites, &r->link);
    go_on(r);
}

/* --- the swap ------------------------------------------------------------------------------------------ */

bool store_rewrite_is_ready(const struct store_group *g)
{
    return g->rewrite != NULL && g->rewrite->step == REWRITE_READY;
}

bool store_rewrite_is_making(const struct store_group *g, uint64_t *ret_number)
{
    const struct rewrite *r = g->rewrite;
    if (r == NULL || r->step == REWRITE_SWAPPED)
        return false;
    *ret_number = r->number;
    return true;
}

static bool is_there(struct segments *segments, uint64_t number)
{
    for (uint32_t i = 0; i < segments_count(segments); i++) {
        struct segment_edge edge;
        segments_edge(segments, i, &edge);
        if (edge.number == number)
            return true;
    }
    return false;
}

static enum trash_way way_of(const struct rewrite *r, const struct old_segment *old)
{
    if (r->options.zero || store_erase_way(r->group) == TRASH_ZERO)
        return TRASH_ZERO; /* also what could not be read: it may be what is erased */
    return old->damaged ? TRASH_QUARANTINE : TRASH_REMOVE;
}

void store_rewrite_swap(struct store *s, struct store_group *g)
{
    struct rewrite *r = g->rewrite;
    struct segments *segments = msglog_segments(g->log);
    CHECK(r->step == REWRITE_READY);
    r->step = REWRITE_SWAPPED;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct old_segment *old = &r->old[i];
        if (is_there(segments, old->edge.number)) /* or the drain saw that it is dead */
            store_trash_segment(s, g, old->edge.number, way_of(r, old));
    }
    for (uint32_t i = 0; i < r->chunk_count; i++)
        segments_extend(segments, r->number, &r->chunks[i]);
    if (r->chunk_count == 0) /* it made no file, but an earlier start may have */
        store_trash_file(s, g, r->number, TRASH_ZERO);
    msglog_seal(g->log, UINT64_MAX);
    uint64_t seq;
    for (uint64_t from = 0; seqset_next(&r->found, from, &seq); from = seq + 1)
        store_lost_remove(g, seq);
    (void)store_lost_add(s, g, &r->lost); /* it is in this checkpoint */
}

void store_rewrite_over(struct store *s, struct store_group *g)
{
    CHECK(g->rewrite->step == REWRITE_SWAPPED);
    s->stats.rewrites++;
    tell(g->rewrite, 0);
}

void store_rewrites_slice(struct store *s)
{
    struct link *next;
    for (struct link *l = s->rewrites.next; l != &s->rewrites; l = next) {
        next = l->next;
        struct rewrite *r = LIST_ENTRY(l, struct rewrite, link);
        const struct store_group *g = r->group;
        bool going = s->failed || s->life != STORE_READY || g->deleting || g->life != GROUP_LOADED;
        if (!going || r->status != 0)
            continue;
        if (r->step != REWRITE_SWAPPED)
            give_up(r, -ECANCELED);
        else if (s->failed)
            rewrite_free(r); /* which files the ledger names shows at the next start */
    }
}

void store_rewrites_done(struct store *s)
{
    while (!list_empty(&s->rewrites))
        rewrite_free(LIST_ENTRY(s->rewrites.next, struct rewrite, link));
}
