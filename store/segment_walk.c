/* SPDX-License-Identifier: Apache-2.0 */
/* segment_walk.c -- which chunks a segment has.
 *
 *     |  chunk  |  chunk  |  bad header ......... |  chunk  |  chunk  |
 *      ─────────► ────────►                       ◄────────── ◄────────
 *           by headers       what stays between       by footers
 *
 * A chunk whose footer is whole but not its header is taken from its index, and nothing is lost. What stays
 * between is damaged: its sequences are all that its neighbours leave. A directory that contradicts the
 * checkpoint is damaged as a whole.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/segment_state.h"

enum { LIST_MIN = 16 };

void chunk_list_add(struct chunk_list *list, const struct segment_chunk *chunk)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? LIST_MIN : list->capacity * 2;
        list->at = realloc(list->at, list->capacity * sizeof *list->at);
        CHECK(list->at != NULL);
    }
    list->at[list->count++] = *chunk;
}

void segment_walk_again(struct segment *segment)
{
    segment->walk = WALK_FORWARD;
    segment->walked = 0;
    segment->chunks.count = 0;
    segment->behind.count = 0;
}

/* --- pages ---------------------------------------------------------------------------------------- */

/* A header or a footer, as it lies there. */
static int raw_page(const struct segments *s, struct segment *segment, uint64_t offset,
                    uint32_t size, const char **ret)
{
    struct page_want want = {.file = &segment->file, .offset = offset, .size = size};
    struct bytes page = {0};
    int r = segment_page(s, &want, &page);
    if (r == 0)
        *ret = page.at;
    return r;
}

static struct chunk_place place_of(const struct segments *s, const struct segment *segment,
                                   uint64_t offset)
{
    return (struct chunk_place){s->options.gid, segment->edge.number, offset};
}

static int header_at(const struct segments *s, struct segment *segment, uint64_t offset,
                     struct chunk_info *ret)
{
    const char *at = NULL;
    int r = raw_page(s, segment, offset, CHUNK_HEADER_SIZE, &at);
    struct chunk_place place = place_of(s, segment, offset);
    return r < 0 ? r : chunk_header_read(&place, at, ret);
}

static int footer_before(const struct segments *s, struct segment *segment, uint64_t end,
                         struct chunk_footer *ret)
{
    const char *at = NULL;
    int r = raw_page(s, segment, end - CHUNK_FOOTER_SIZE, CHUNK_FOOTER_SIZE, &at);
    struct chunk_place place = place_of(s, segment, end - CHUNK_FOOTER_SIZE);
    return r < 0 ? r : chunk_footer_read(&place, at, ret);
}

static struct page_want index_want(const struct segments *s, const struct segment *segment,
                                   const struct chunk_info *chunk,
                                   struct chunk_piece_context *context)
{
    uint64_t offset = chunk_index_offset(chunk);
    *context = (struct chunk_piece_context){
        .place = place_of(s, segment, offset),
        .codec = s->options.codec,
        .records = chunk->records,
        .first_seq = chunk->first_seq,
        .flags = chunk->flags,
    };
    return (struct page_want){
        .file = (struct page_file *)(uintptr_t)&segment->file,
        .offset = offset,
        .size = chunk->index_size,
        .decode = chunk_index_decode,
        .context = context,
        .context_size = sizeof *context,
    };
}

int segment_index(const struct segments *s, const struct segment *segment,
                  const struct chunk_info *chunk, const struct chunk_index **ret)
{
    struct chunk_piece_context context;
    struct page_want want = index_want(s, segment, chunk, &context);
    struct bytes page = {0};
    int r = segment_page(s, &want, &page);
    if (r == 0)
        *ret = chunk_index_of(page);
    return r;
}

void segment_index_ahead(const struct segments *s, const struct segment *segment,
                         const struct chunk_info *chunk)
{
    struct chunk_piece_context context;
    struct page_want want = index_want(s, segment, chunk, &context);
    pages_ahead(s->options.pages, &want);
}

/* --- the walk ------------------------------------------------------------------------------------- */

static bool is_final(int r)
{
    return r == -EBADMSG || r == -ENOTSUP;
}

/* Headers, until one is bad. */
static int walk_forward(struct segments *s, struct segment *segment)
{
    while (segment->walked < segment->edge.size) {
        struct segment_chunk chunk = {0};
        int r = header_at(s, segment, segment->walked, &chunk.info);
        if (r == 0 && chunk.info.size > segment->edge.size - segment->walked)
            r = -EBADMSG;
        if (is_final(r)) {
            segment->walk = WALK_BACKWARD;
            segment->end = segment->edge.size;
            return 0;
        }
        if (r < 0)
            return r;
        chunk_list_add(&segment->chunks, &chunk);
        segment->walked += chunk.info.size;
    }
    segment->walk = WALK_OVER;
    return 0;
}

/* What the index says of a chunk that has no header. */
static int info_by_index(const struct segments *s, struct segment *segment,
                         const struct chunk_footer *footer, struct chunk_info *ret)
{
    struct chunk_info info = {
        .offset = footer->chunk,
        .size = (uint32_t)(segment->end - footer->chunk),
        .stored_size = footer->index_at - CHUNK_HEADER_SIZE,
        .index_size = footer->index_size,
        .flags = footer->flags,
    };
    const struct chunk_index *x = NULL;
    int r = segment_index(s, segment, &info, &x);
    if (r < 0)
        return r;
    info.first_seq = x->first_seq;
    info.last_seq = x->last_seq;
    info.min_time_ns = x->min_time_ns;
    info.max_time_ns = x->max_time_ns;
    info.records = x->records;
    info.raw_size = x->extents[x->records];
    *ret = info;
    return 0;
}

/* Footers, from the end, until one is bad or the bad header is met. */
static int walk_backward(struct segments *s, struct segment *segment)
{
    while (segment->end > segment->walked) {
        struct chunk_footer footer;
        int r = footer_before(s, segment, segment->end, &footer);
        if (r == 0 && footer.chunk < segment->walked)
            r = -EBADMSG;
        if (is_final(r))
            break;
        struct segment_chunk chunk = {0};
        if (r == 0) {
            r = header_at(s, segment, footer.chunk, &chunk.info);
            if (is_final(r) || (r == 0 && chunk.info.size != segment->end - footer.chunk))
                r = info_by_index(s, segment, &footer, &chunk.info);
        }
        if (is_final(r)) {
            chunk.damaged = true;
            chunk.info.offset = footer.chunk;
            chunk.info.size = (uint32_t)(segment->end - footer.chunk);
        } else if (r < 0) {
            return r;
        }
        chunk_list_add(&segment->behind, &chunk);
        segment->end = footer.chunk;
    }
    return 0;
}

/* One list of all of the file: damaged neighbours are one. */
static void join(struct segment *segment)
{
    struct chunk_list *list = &segment->chunks;
    if (segment->end > segment->walked) {
        struct segment_chunk hole = {.damaged = true};
        hole.info.offset = segment->walked;
        hole.info.size = (uint32_t)(segment->end - segment->walked);
        chunk_list_add(list, &hole);
    }
    for (uint32_t i = segment->behind.count; i-- > 0;) {
        const struct segment_chunk *chunk = &segment->behind.at[i];
        struct segment_chunk *before = list->count > 0 ? &list->at[list->count - 1] : NULL;
        if (before != NULL && before->damaged && chunk->damaged)
            before->info.size += chunk->info.size;
        else
            chunk_list_add(list, chunk);
    }
    segment->behind.count = 0;
    segment->walk = WALK_OVER;
}

/* Damaged ones get what their neighbours leave. False: it does not add up. */
static bool settle_sequences(struct segment *segment)
{
    struct chunk_list *list = &segment->chunks;
    uint64_t next = segment->edge.first_seq;
    for (uint32_t i = 0; i < list->count; i++) {
        struct chunk_info *info = &list->at[i].info;
        if (list->at[i].damaged) {
            bool last = i + 1 == list->count;
            info->first_seq = next;
            info->last_seq = last ? segment->edge.last_seq : list->at[i + 1].info.first_seq - 1;
        }
        if (info->first_seq < next || info->last_seq < info->first_seq)
            return false;
        next = info->last_seq + 1;
    }
    return list->count > 0 && list->at[0].info.first_seq == segment->edge.first_seq &&
           next == segment->edge.last_seq + 1;
}

static void damage_all(struct segment *segment)
{
    struct segment_chunk all = {.damaged = true};
    all.info.size = (uint32_t)segment->edge.size;
    all.info.first_seq = segment->edge.first_seq;
    all.info.last_seq = segment->edge.last_seq;
    segment->chunks.count = 0;
    chunk_list_add(&segment->chunks, &all);
}

int segment_walk(struct segments *s, struct segment *segment)
{
    if (segment->walk == WALK_OVER)
        return 0;
    int r = segment->walk == WALK_FORWARD ? walk_forward(s, segment) : 0;
    if (r == 0 && segment->walk == WALK_BACKWARD) {
        r = walk_backward(s, segment);
        if (r == 0)
            join(segment);
    }
    if (r < 0)
        return r;
    if (!settle_sequences(segment))
        damage_all(segment);
    return 0;
}
