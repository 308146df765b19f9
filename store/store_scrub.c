/* SPDX-License-Identifier: Apache-2.0 */
/* store_scrub.c -- everything that is stored is read once in a while, before it is needed and unreadable.
 *
 *     RESTING ──time──► next group: its checkpoint ──► each segment, a piece a step ──► next group ... RESTING
 *                                                         └─ bad? ──► the group is loaded, and told
 *
 * Idea        Group after group: the ledger's record of its checkpoint, then every frame of the segments that
 *             it names, read past the pages. Of a segment in which frames are bad, those sequences are lost that
 *             are alive and did not come out; where only what is derived is bad (a header, an index) the
 *             segment is written anew. A look-up that met something unreadable has its group read at once.
 * Bounds      scrub_bytes_per_s: after each piece it rests for as long as that takes; one group, one piece.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/checkpoint.h"
#include "store/format/chunk_walk.h"
#include "store/msglog_file.h"
#include "store/sealed.h"
#include "store/segment_scan.h"
#include "store/store_keys.h"
#include "store/store_lost.h"
#include "store/store_rewrite.h"
#include "store/store_scrub.h"
#include "store/table/seqset.h"

#define FIRST_PASS 64u /* of the interval: when the first one begins after a start */

enum scrub_step { SCRUB_RESTING, SCRUB_GROUP, SCRUB_LEDGER, SCRUB_SEGMENT, SCRUB_LOADING };

struct scrub {
    struct store *store;
    enum scrub_step step;
    uint64_t due_ms;  /* of the next step, or pass */
    uint64_t pass_ms; /* when the pass began */
    uint64_t gid;     /* the group it is at, or has been */
    bool urgent;      /* that group was asked for, out of its turn */
    uint64_t resume;  /* then: the one to go on behind */
    struct ledger_read reading;
    struct segments *named; /* given: of the checkpoint */
    uint32_t at;            /* in them */
    struct segment_edge edge;
    struct segment_scan *scan;
    bool reads;        /* a request of the scan or the ledger is under way */
    unsigned bad;      /* enum chunk_part, of all pieces of the segment */
    uint64_t expected; /* no record before this sequence is to come */
    struct seqset gaps;
    struct store_look look;
    char folder[DISK_PATH_MAX];
};

void store_scrub_init(struct store *s)
{
    struct scrub *x = calloc(1, sizeof *x);
    CHECK(x != NULL);
    x->store = s;
    x->due_ms = UINT64_MAX;
    seqset_init(&x->gaps);
    s->scrub = x;
}

void store_scrub_done(struct store *s)
{
    struct scrub *x = s->scrub;
    s->scrub = NULL;
    if (x->scan != NULL)
        segment_scan_free(&x->scan);
    if (x->named != NULL)
        segments_free(&x->named);
    seqset_done(&x->gaps);
    free(x);
}

/* --- what a segment came to ---------------------------------------------------------------------------- */

static uint32_t place_of(const struct segments *segments, uint64_t number)
{
    uint32_t count = segments_count(segments);
    for (uint32_t i = 0; i < count; i++) {
        struct segment_edge edge;
        segments_edge(segments, i, &edge);
        if (edge.number == number)
            return i;
    }
    return count;
}

static void on_mended(struct store *s, struct store_group *g, int status)
{
    if (status == 0)
        store_compact_consider(s, g);
}

/* The group is loaded. A segment that was replaced meanwhile tells nothing. */
static void report(struct scrub *x, struct store_group *g)
{
    struct segments *segments = msglog_segments(g->log);
    uint32_t place = place_of(segments, x->edge.number);
    if (place == segments_count(segments) || g->deleting)
        return;
    if (store_lost_add(x->store, g, &x->gaps) && x->store->life == STORE_READY)
        store_want_checkpoint(x->store, g); /* a group that is unloaded forgets the rest */
    bool derived = (x->bad & CHUNK_PART_FRAMES) == 0;
    if (derived && g->rewrite == NULL && !g->draining && x->store->life == STORE_READY)
        store_rewrite(x->store, g,
                      &(struct rewrite_options){.first = place, .count = 1, .done = on_mended});
}

static void next_segment(struct scrub *x);

static int ready(struct store_look *look, struct group *group, struct msglog *log)
{
    (void)look;
    (void)group;
    (void)log;
    return 0;
}

static void on_loaded(struct store_look *look, int status)
{
    struct scrub *x = look->context;
    if (status == 0 && look->group->form == MSGLOG_FILE)
        report(x, look->group);
    next_segment(x);
}

static void segment_over(struct scrub *x, int status)
{
    struct store *s = x->store;
    struct store_group *g = group_table_find(&s->groups, x->gid);
    if (status == 0 && x->expected <= x->edge.last_seq)
        (void)seqset_add_range(&x->gaps, x->expected, x->edge.last_seq);
    if (status != 0 || x->bad == 0 || g == NULL || g->deleting || g->making != NULL) {
        next_segment(x);
        return;
    }
    x->step = SCRUB_LOADING;
    x->look = (struct store_look){.run = ready, .done = on_loaded, .context = x};
    store_look(s, g, &x->look);
}

/* --- reading --------------------------------------------------------------------------------------------- */

static void rest(struct scrub *x, uint64_t bytes)
{
    x->due_ms = x->store->now_ms + bytes * 1000 / x->store->options.scrub_bytes_per_s;
}

static void on_record(void *context, const struct chunk_record *record)
{
    struct scrub *x = context;
    if (record->seq < x->expected || record->seq > x->edge.last_seq)
        return;
    if (record->seq > x->expected)
        (void)seqset_add_range(&x->gaps, x->expected, record->seq - 1);
    x->expected = record->seq + 1;
}

static void on_piece(void *context, const struct chunk_place *place, struct bytes piece)
{
    struct scrub *x = context;
    const struct store_group *g = group_table_find(&x->store->groups, x->gid);
    const struct chunk_walk walk = {.place = *place,
                                    .codec = g == NULL ? NULL : store_group_to_read(g),
                                    .record = on_record,
                                    .context = x};
    x->bad |= chunk_walk(&walk, piece);
    x->store->stats.scrubbed_bytes += piece.size;
    x->reads = false;
    rest(x, piece.size);
}

static void on_scanned(void *context, int status)
{
    struct scrub *x = context;
    x->scan = NULL;
    x->reads = false;
    segment_over(x, status);
}

static void next_segment(struct scrub *x)
{
    seqset_done(&x->gaps);
    seqset_init(&x->gaps);
    if (x->store->life != STORE_READY || x->at == segments_count(x->named)) {
        segments_free(&x->named);
        x->step = SCRUB_GROUP;
        return;
    }
    segments_edge(x->named, x->at++, &x->edge);
    x->bad = 0;
    x->expected = x->edge.first_seq;
    x->step = SCRUB_SEGMENT;
    x->scan = segment_scan_new(&(struct segment_scan_options){
        .disk = x->store->options.disk,
        .folder = x->folder,
        .gid = x->gid,
        .number = x->edge.number,
        .size = x->edge.size,
        .piece = on_piece,
        .ended = on_scanned,
        .context = x,
    });
}

static void on_checkpoint(struct ledger_read *read, int status, struct bytes body)
{
    struct scrub *x = read->context;
    struct checkpoint c;
    struct buffer plain = {0};
    const struct store_group *g = group_table_find(&x->store->groups, x->gid);
    x->reads = false;
    x->step = SCRUB_GROUP;
    rest(x, body.size);
    if (status == 0)
        status = g == NULL ? -ENOENT
                           : sealed_checkpoint_open(g->crypt->keys, x->gid, body, &plain, &body);
    if (status == 0)
        status = checkpoint_read(body, &c);
    if (status != 0) {
        buffer_done(&plain);
        return; /* loading it, or the next start, says so */
    }
    x->named = segments_new(
        &(struct segments_options){.pages = x->store->pages, .folder = x->folder, .gid = x->gid});
    x->at = 0;
    if (segments_read_edges(x->named, c.sections[CHECKPOINT_SEGMENTS]) == 0)
        next_segment(x);
    else
        segments_free(&x->named);
    buffer_done(&plain);
}

/* --- steps ------------------------------------------------------------------------------------------------ */

static void pass_over(struct scrub *x)
{
    x->step = SCRUB_RESTING;
    x->gid = 0;
    x->due_ms = x->pass_ms + x->store->options.scrub_interval_ms;
    if (x->due_ms < x->store->now_ms)
        x->due_ms = x->store->now_ms;
    x->store->stats.scrubs++;
}

static void next_group(struct scrub *x)
{
    struct store *s = x->store;
    if (x->urgent)
        x->gid = x->resume;
    x->urgent = !list_empty(&s->to_scrub);
    x->resume = x->gid;
    struct store_group *g = x->urgent ? LIST_ENTRY(s->to_scrub.next, struct store_group, scrub_link)
                                      : group_table_after(&s->groups, x->gid);
    if (g == NULL) {
        pass_over(x);
        return;
    }
    list_remove(&g->scrub_link);
    x->gid = g->member.gid;
    if (g->form != MSGLOG_FILE || g->making != NULL)
        return;
    store_group_folder(s, x->gid, x->folder);
    x->step = SCRUB_LEDGER;
    x->reads = true;
    x->reading = (struct ledger_read){
        .kind = LEDGER_CHECKPOINT, .gid = x->gid, .done = on_checkpoint, .context = x};
    ledger_read(s->ledger, &x->reading);
}

static void step(struct scrub *x)
{
    switch (x->step) {
    case SCRUB_RESTING:
        x->pass_ms = x->store->now_ms;
        x->step = SCRUB_GROUP;
        return;
    case SCRUB_GROUP: next_group(x); return;
    case SCRUB_SEGMENT:
        x->reads = true;
        segment_scan_next(x->scan);
        return;
    case SCRUB_LEDGER:
    case SCRUB_LOADING: return;
    }
}

static void stop(struct scrub *x)
{
    if (x->step == SCRUB_SEGMENT && !x->reads) {
        x->reads = true;
        segment_scan_stop(x->scan);
    } else if (x->step == SCRUB_GROUP) {
        x->step = SCRUB_RESTING;
    }
}

void store_scrub_slice(struct store *s)
{
    struct scrub *x = s->scrub;
    if (s->failed || s->life != STORE_READY) {
        stop(x);
        x->due_ms = UINT64_MAX;
        return;
    }
    if (x->due_ms == UINT64_MAX)
        x->due_ms = s->now_ms + s->options.scrub_interval_ms / FIRST_PASS;
    if (x->step == SCRUB_RESTING && !list_empty(&s->to_scrub))
        x->due_ms = s->now_ms;
    if (s->now_ms >= x->due_ms && !x->reads)
        step(x);
}

uint64_t store_scrub_due_ms(const struct store *s)
{
    bool waits = s->scrub->reads || s->scrub->step == SCRUB_LOADING;
    return waits ? UINT64_MAX : s->scrub->due_ms;
}

bool store_scrub_idle(const struct store *s)
{
    bool running = s->scrub->step != SCRUB_RESTING && s->life != STORE_READY;
    return !running && !s->scrub->reads && s->scrub->step != SCRUB_LOADING;
}

void store_scrub_soon(struct store *s, struct store_group *g)
{
    if (g->form == MSGLOG_FILE && g->life == GROUP_LOADED && list_empty(&g->scrub_link))
        list_push_back(&s->to_scrub, &g->scrub_link);
}
