/* SPDX-License-Identifier: Apache-2.0 */
/* segment_look.c -- messages by sequence, by filter in either direction, by time. */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/message.h"
#include "store/segment_state.h"

void segment_cursor_done(struct segment_cursor *c)
{
    chunk_match_done(&c->match);
    c->file = 0;
}

/* --- places --------------------------------------------------------------------------------------- */

/* A chunk among all: by the numbers of its segment and of itself there. */
struct chunk_at {
    uint32_t segment;
    uint32_t chunk;
};

/* The first segment that ends at or after seq; s->count: none. */
static uint32_t segment_from(const struct segments *s, uint64_t seq)
{
    uint32_t low = 0;
    uint32_t high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->list[middle]->edge.last_seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first chunk that ends at or after seq; there is one when its segment does. */
static uint32_t chunk_from(const struct segment *segment, uint64_t seq)
{
    uint32_t low = 0;
    uint32_t high = segment->chunks.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (segment->chunks.at[middle].info.last_seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* -ENOENT: all end before seq. */
static int find_from(struct segments *s, uint64_t seq, struct chunk_at *ret)
{
    uint32_t i = segment_from(s, seq);
    if (i == s->count)
        return -ENOENT;
    int r = segment_walk(s, s->list[i]);
    if (r == 0)
        *ret = (struct chunk_at){i, chunk_from(s->list[i], seq)};
    return r;
}

/* The last chunk that begins at or before seq. -ENOENT: all begin behind. */
static int find_to(struct segments *s, uint64_t seq, struct chunk_at *ret)
{
    uint32_t i = segment_from(s, seq);
    if (i == s->count || s->list[i]->edge.first_seq > seq) {
        if (i-- == 0)
            return -ENOENT;
    }
    struct segment *segment = s->list[i];
    int r = segment_walk(s, segment);
    if (r < 0)
        return r;
    uint32_t chunk = chunk_from(segment, seq);
    if (chunk == segment->chunks.count || segment->chunks.at[chunk].info.first_seq > seq) {
        CHECK(chunk > 0); /* the segment's first chunk begins where it does */
        chunk--;
    }
    *ret = (struct chunk_at){i, chunk};
    return 0;
}

static int unreadable(const struct chunk_info *info, struct segment_spot *ret)
{
    ret->seq = info->first_seq;
    ret->to = info->last_seq;
    return -EBADMSG;
}

/* Both hashes were right, so this tells of a bug in who wrote it; what follows relies on it. */
static bool is_as_headed(const struct chunk_info *info, const struct chunk_index *x)
{
    return x->records == info->records && x->first_seq == info->first_seq &&
           x->last_seq == info->last_seq && x->min_time_ns == info->min_time_ns &&
           x->max_time_ns == info->max_time_ns;
}

/* Enters a chunk: its index. */
static int enter(struct segments *s, struct chunk_at at, struct segment_spot *ret)
{
    const struct segment *segment = s->list[at.segment];
    const struct segment_chunk *chunk = &segment->chunks.at[at.chunk];
    if (chunk->damaged)
        return unreadable(&chunk->info, ret);
    const struct chunk_index *x = NULL;
    int r = segment_index(s, segment, &chunk->info, &x);
    if (r == -EBADMSG || r == -ENOTSUP)
        return unreadable(&chunk->info, ret);
    if (r < 0)
        return r;
    if (!is_as_headed(&chunk->info, x))
        return unreadable(&chunk->info, ret);
    ret->segment = segment;
    ret->chunk = &chunk->info;
    ret->index = x;
    return 0;
}

static int found(struct segment_spot *spot, uint32_t record)
{
    spot->record = record;
    spot->seq = spot->to = chunk_index_seq(spot->index, record);
    return 0;
}

int segments_find(struct segments *s, uint64_t seq, struct segment_spot *ret)
{
    struct chunk_at at;
    int r = find_from(s, seq, &at);
    if (r < 0)
        return r;
    if (s->list[at.segment]->chunks.at[at.chunk].info.first_seq > seq)
        return -ENOENT;
    r = enter(s, at, ret);
    if (r < 0)
        return r;
    uint32_t record = chunk_index_at(ret->index, seq);
    if (record == ret->index->records || chunk_index_seq(ret->index, record) != seq)
        return -ENOENT;
    return found(ret, record);
}

/* --- by filter ------------------------------------------------------------------------------------ */

/* What the filter wants of the chunk entered; what is likely to be entered next is asked for. */
static void match(struct segments *s, struct segment_cursor *c, const struct segment_spot *spot,
                  struct chunk_at at, int step)
{
    if (c->file == spot->segment->file.number && c->chunk == spot->chunk->offset)
        return;
    chunk_match_make(&c->match, spot->index, c->filter);
    c->file = spot->segment->file.number;
    c->chunk = spot->chunk->offset;
    const struct chunk_list *list = &spot->segment->chunks;
    uint32_t next = at.chunk + (uint32_t)step;
    if (next < list->count && !list->at[next].damaged)
        segment_index_ahead(s, spot->segment, &list->at[next].info);
}

static uint64_t live_next(const struct segment_live *live, uint64_t seq)
{
    return live == NULL ? seq : live->next(live->context, seq);
}

static uint64_t live_prev(const struct segment_live *live, uint64_t seq)
{
    return live == NULL ? seq : live->prev(live->context, seq);
}

/* The first in the chunk at or after seq; -ENOENT: go on behind the chunk. */
static int next_in_chunk(const struct segment_cursor *c, const struct segment_live *live,
                         uint64_t seq, struct segment_spot *spot, uint32_t *dead_left)
{
    const struct chunk_index *x = spot->index;
    uint32_t record = chunk_index_at(x, seq);
    while ((record = chunk_match_next(&c->match, x, record)) != CHUNK_MATCH_END) {
        uint64_t here = chunk_index_seq(x, record);
        uint64_t alive = live_next(live, here);
        if (alive == here)
            return found(spot, record);
        if (--*dead_left == 0) {
            spot->seq = alive;
            return -EINPROGRESS;
        }
        record = chunk_index_at(x, alive);
    }
    return -ENOENT;
}

int segments_next(struct segments *s, struct segment_cursor *c, const struct segment_live *live,
                  uint64_t from, uint64_t to, struct segment_spot *ret)
{
    uint32_t chunks_left = SEGMENT_SCAN_CHUNKS_MAX;
    uint32_t dead_left = SEGMENT_SCAN_DEAD_MAX;
    for (uint64_t seq = from;;) {
        seq = live_next(live, seq);
        if (seq > to)
            return -ENOENT;
        struct chunk_at at;
        int r = find_from(s, seq, &at);
        if (r < 0)
            return r;
        const struct chunk_info *info = &s->list[at.segment]->chunks.at[at.chunk].info;
        if (info->first_seq > to)
            return -ENOENT;
        if (chunks_left-- == 0) {
            ret->seq = seq;
            return -EINPROGRESS;
        }
        r = enter(s, at, ret);
        if (r < 0)
            return r;
        match(s, c, ret, at, 1);
        r = next_in_chunk(c, live, seq, ret, &dead_left);
        if (r == 0 && ret->seq > to)
            return -ENOENT;
        if (r != -ENOENT)
            return r;
        seq = info->last_seq + 1;
    }
}

static int prev_in_chunk(const struct segment_cursor *c, const struct segment_live *live,
                         uint64_t seq, struct segment_spot *spot, uint32_t *dead_left)
{
    const struct chunk_index *x = spot->index;
    while (seq >= x->first_seq) {
        uint32_t record = chunk_index_at(x, seq);
        if (record == x->records || chunk_index_seq(x, record) > seq)
            record--; /* not the first: that one is not behind seq */
        record = chunk_match_prev(&c->match, x, record);
        if (record == CHUNK_MATCH_END)
            return -ENOENT;
        uint64_t here = chunk_index_seq(x, record);
        seq = live_prev(live, here);
        if (seq == here)
            return found(spot, record);
        if (--*dead_left == 0) {
            spot->seq = seq;
            return -EINPROGRESS;
        }
    }
    return -ENOENT;
}

int segments_prev(struct segments *s, struct segment_cursor *c, const struct segment_live *live,
                  uint64_t from, uint64_t to, struct segment_spot *ret)
{
    uint32_t chunks_left = SEGMENT_SCAN_CHUNKS_MAX;
    uint32_t dead_left = SEGMENT_SCAN_DEAD_MAX;
    for (uint64_t seq = from;;) {
        seq = live_prev(live, seq);
        if (seq < to || seq == 0)
            return -ENOENT;
        struct chunk_at at;
        int r = find_to(s, seq, &at);
        if (r < 0)
            return r;
        const struct chunk_info *info = &s->list[at.segment]->chunks.at[at.chunk].info;
        if (info->last_seq < to)
            return -ENOENT;
        if (chunks_left-- == 0) {
            ret->seq = seq;
            return -EINPROGRESS;
        }
        r = enter(s, at, ret);
        if (r < 0)
            return r;
        match(s, c, ret, at, -1);
        r = prev_in_chunk(c, live, seq, ret, &dead_left);
        if (r == 0 && ret->seq < to)
            return -ENOENT;
        if (r != -ENOENT)
            return r;
        seq = info->first_seq - 1;
    }
}

/* --- by time -------------------------------------------------------------------------------------- */

int segments_at_time(struct segments *s, int64_t time_ns, struct segment_spot *ret)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct segment *segment = s->list[i];
        if (segment->edge.max_time_ns < time_ns)
            continue;
        int r = segment_walk(s, segment);
        if (r < 0)
            return r;
        for (uint32_t k = 0; k < segment->chunks.count; k++) {
            const struct segment_chunk *chunk = &segment->chunks.at[k];
            if (!chunk->damaged && chunk->info.max_time_ns < time_ns)
                continue;
            r = enter(s, (struct chunk_at){i, k}, ret);
            return r < 0 ? r : found(ret, chunk_index_at_time(ret->index, time_ns));
        }
    }
    return -ENOENT;
}

/* --- messages ------------------------------------------------------------------------------------- */

static struct page_want frame_want(const struct segments *s, const struct segment_spot *spot,
                                   uint32_t frame, struct chunk_piece_context *context)
{
    uint64_t offset = spot->chunk->offset + spot->index->frame[frame].offset;
    *context = (struct chunk_piece_context){
        .place = {s->options.gid, spot->segment->edge.number, offset},
        .codec = s->options.codec,
        .raw_size = chunk_index_frame_raw(spot->index, frame),
        .flags = spot->chunk->flags,
    };
    return (struct page_want){
        .file = (struct page_file *)(uintptr_t)&spot->segment->file,
        .offset = offset,
        .size = chunk_index_frame_stored(spot->index, frame),
        .decode = chunk_frame_decode,
        .context = context,
        .context_size = sizeof *context,
    };
}

static int frame_unreadable(struct segment_spot *spot, uint32_t frame)
{
    const struct chunk_index *x = spot->index;
    spot->seq = chunk_index_seq(x, x->frame[frame].record);
    spot->to = chunk_index_seq(x, x->frame[frame + 1].record - 1);
    return -EBADMSG;
}

/* Frames are read one after the other: at the first record of one the next is asked for. */
static void frame_ahead(const struct segments *s, const struct segment_spot *spot, uint32_t frame)
{
    const struct chunk_index *x = spot->index;
    if (spot->record != x->frame[frame].record || frame + 1 == x->frames)
        return;
    struct chunk_piece_context context;
    struct page_want want = frame_want(s, spot, frame + 1, &context);
    pages_ahead(s->options.pages, &want);
}

static bool is_as_indexed(const struct segment_spot *spot, const struct chunk_record *record)
{
    const struct chunk_index *x = spot->index;
    return record->seq == spot->seq &&
           chunk_record_size(record) == x->extents[spot->record + 1] - x->extents[spot->record];
}

int segments_read(struct segments *s, struct segment_spot *spot, struct stored *ret)
{
    const struct chunk_index *x = spot->index;
    uint32_t frame = chunk_index_frame_of(x, spot->record);
    struct chunk_piece_context context;
    struct page_want want = frame_want(s, spot, frame, &context);
    struct bytes page = {0};
    int r = segment_page(s, &want, &page);
    if (r == -EBADMSG || r == -ENOTSUP)
        return frame_unreadable(spot, frame);
    if (r < 0)
        return r;
    frame_ahead(s, spot, frame);
    struct chunk_record record;
    uint32_t offset = x->extents[spot->record] - x->frame[frame].raw;
    struct message message;
    if (chunk_record_read(s->options.gid, page, offset, &record) < 0 ||
        !is_as_indexed(spot, &record) || message_body_read(record.body, &message) < 0)
        return -EBADMSG;
    *ret = (struct stored){
        .seq = record.seq,
        .index = record.index,
        .term = record.term,
        .time_ns = segment_spot_time(spot),
        .body = record.body,
        .body_hash = record.body_hash,
        .message = message,
    };
    return 0;
}
