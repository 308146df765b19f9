/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/chunk_walk.h"

#include <stdlib.h>

#include "store/format/chunk_index.h"

/* What header and footer say, in as far as they are whole. */
struct frame_range {
    uint32_t index_at;
    uint32_t index_size; /* 0: neither of them tells */
    uint16_t flags;
};

static struct chunk_place place_at(const struct chunk_walk *w, uint64_t at)
{
    return (struct chunk_place){w->place.gid, w->place.file, w->place.offset + at};
}

static unsigned read_ends(const struct chunk_walk *w, struct bytes chunk, struct frame_range *ret)
{
    unsigned bad = 0;
    struct chunk_info info;
    if (chunk_header_read(&w->place, chunk.at, &info) == 0 && info.size == chunk.size)
        *ret =
            (struct frame_range){CHUNK_HEADER_SIZE + info.stored_size, info.index_size, info.flags};
    else
        bad |= CHUNK_PART_HEADER;
    struct chunk_footer footer;
    size_t footer_at = chunk.size - CHUNK_FOOTER_SIZE;
    struct chunk_place place = place_at(w, footer_at);
    if (chunk_footer_read(&place, chunk.at + footer_at, &footer) == 0 &&
        footer.chunk == w->place.offset)
        *ret = (struct frame_range){footer.index_at, footer.index_size, footer.flags};
    else
        bad |= CHUNK_PART_FOOTER;
    return bad;
}

/* The decoded index (given), or NULL; *bad also if only its hash can be looked at and is wrong. */
static struct chunk_index *read_index(const struct chunk_walk *w, struct bytes chunk,
                                      const struct frame_range *range, unsigned *bad)
{
    *bad |= CHUNK_PART_INDEX;
    if (range->index_size == 0)
        return NULL;
    struct bytes stored = {chunk.at + range->index_at, range->index_size};
    struct chunk_piece_context context = {
        .place = place_at(w, range->index_at), .codec = w->codec, .flags = range->flags};
    char *at = NULL;
    size_t size;
    bool locked = range->flags != 0 && w->codec == NULL;
    int r = locked ? chunk_piece_verify(&context.place, stored)
                   : chunk_index_decode(&context, sizeof context, stored, &at, &size);
    if (r == 0)
        *bad &= ~(unsigned)CHUNK_PART_INDEX;
    return (struct chunk_index *)(void *)at;
}

static bool walk_records(const struct chunk_walk *w, struct bytes frame)
{
    uint32_t offset = 0;
    while (offset < frame.size) {
        struct chunk_record record;
        if (chunk_record_read(w->place.gid, frame, offset, &record) < 0)
            return false;
        w->record(w->context, &record);
        offset += (uint32_t)chunk_record_size(&record);
    }
    return true;
}

static bool walk_frame(const struct chunk_walk *w, struct bytes chunk, uint32_t at, uint32_t size,
                       uint16_t flags)
{
    struct chunk_piece_context context = {
        .place = place_at(w, at), .codec = w->codec, .flags = flags};
    struct bytes stored = {chunk.at + at, size};
    if (w->record == NULL || (flags != 0 && w->codec == NULL))
        return chunk_piece_verify(&context.place, stored) == 0;
    char *raw;
    size_t raw_size;
    if (chunk_piece_open(&context, stored, &raw, &raw_size) < 0)
        return false;
    bool whole = walk_records(w, (struct bytes){raw, raw_size});
    if (raw != stored.at + CHUNK_PIECE_HEADER_SIZE)
        free(raw);
    return whole;
}

static void tell_lost(const struct chunk_walk *w, uint64_t first_seq, uint64_t last_seq)
{
    if (w->lost != NULL)
        w->lost(w->context, first_seq, last_seq);
}

static unsigned walk_by_index(const struct chunk_walk *w, struct bytes chunk,
                              const struct chunk_index *x, const struct frame_range *range)
{
    unsigned bad = 0;
    if (x->frame[x->frames].offset != range->index_at)
        return CHUNK_PART_FRAMES;
    for (uint32_t i = 0; i < x->frames; i++) {
        if (walk_frame(w, chunk, x->frame[i].offset, chunk_index_frame_stored(x, i), range->flags))
            continue;
        bad = CHUNK_PART_FRAMES;
        tell_lost(w, chunk_index_seq(x, x->frame[i].record),
                  chunk_index_seq(x, x->frame[i + 1].record - 1));
    }
    return bad;
}

/* Each frame's size leads to the next one; if nothing says where frames end, up to the first bad one. */
static unsigned walk_by_sizes(const struct chunk_walk *w, struct bytes chunk,
                              const struct frame_range *range)
{
    unsigned bad = 0;
    size_t end = range->index_size != 0 ? range->index_at : chunk.size - CHUNK_FOOTER_SIZE;
    for (size_t at = CHUNK_HEADER_SIZE; at < end;) {
        struct chunk_piece piece;
        bool found = chunk_piece_read((struct bytes){chunk.at + at, end - at}, &piece) == 0;
        uint32_t size = found ? CHUNK_PIECE_HEADER_SIZE + piece.stored : 0;
        if (!found || !walk_frame(w, chunk, (uint32_t)at, size, range->flags)) {
            bad = CHUNK_PART_FRAMES;
            tell_lost(w, 0, 0);
            if (!found || range->index_size == 0)
                break;
        }
        at += size;
    }
    return bad;
}

unsigned chunk_walk(const struct chunk_walk *w, struct bytes chunk)
{
    enum { ALL = CHUNK_PART_HEADER | CHUNK_PART_FRAMES | CHUNK_PART_INDEX | CHUNK_PART_FOOTER };
    if (chunk.size < CHUNK_ALIGN || chunk.size % CHUNK_ALIGN != 0 || chunk.size > UINT32_MAX)
        return ALL;
    struct frame_range range = {0};
    unsigned bad = read_ends(w, chunk, &range);
    struct chunk_index *x = read_index(w, chunk, &range, &bad);
    bad |= x != NULL ? walk_by_index(w, chunk, x, &range) : walk_by_sizes(w, chunk, &range);
    free(x);
    return bad;
}
