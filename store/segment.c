/* SPDX-License-Identifier: Apache-2.0 */
#include "store/segment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/segment_state.h"

#define SEQ_MAX ((uint64_t)1 << 62)

enum { SECTION_VERSION = 1, LIST_MIN = 4, SHARE_OF_TOTAL = 128 };

void segment_path(const char *folder, uint64_t number, char *ret, size_t size)
{
    int length = snprintf(ret, size, "%s/s-%08llu", folder, (unsigned long long)number);
    CHECK(length > 0 && (size_t)length < size && length < DISK_PATH_MAX);
}

bool segment_is_full(uint64_t size, uint64_t total)
{
    uint64_t limit = total / SHARE_OF_TOTAL;
    if (limit < SEGMENT_BYTES_MIN)
        limit = SEGMENT_BYTES_MIN;
    if (limit > SEGMENT_BYTES_MAX)
        limit = SEGMENT_BYTES_MAX;
    return size >= limit;
}

struct segments *segments_new(const struct segments_options *options)
{
    struct segments *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->options = *options;
    list_init(&s->drops);
    return s;
}

static void segment_free(struct segment *segment)
{
    CHECK(segment->file.state == NULL);
    free(segment->chunks.at);
    free(segment->behind.at);
    free(segment);
}

/* --- dropping ------------------------------------------------------------------------------------- */

struct drop {
    struct link link;
    struct segments *segments;
    struct segment *segment; /* given */
    void (*done)(void *context);
    void *context;
};

static void drop_free(struct drop *drop)
{
    list_remove(&drop->link);
    segment_free(drop->segment);
    free(drop);
}

static void close_when_dropped(struct segments *s)
{
    if (s->closing && list_empty(&s->drops)) {
        s->closing = false;
        s->closed(s->closed_context);
    }
}

static void on_dropped(void *context)
{
    struct drop *drop = context;
    struct segments *s = drop->segments;
    void (*done)(void *context) = drop->done;
    void *done_context = drop->context;
    drop_free(drop);
    if (done != NULL)
        done(done_context);
    close_when_dropped(s);
}

static void drop(struct segments *s, struct segment *segment, void (*done)(void *context),
                 void *context)
{
    struct drop *d = malloc(sizeof *d);
    CHECK(d != NULL);
    *d = (struct drop){.segments = s, .segment = segment, .done = done, .context = context};
    list_push_back(&s->drops, &d->link);
    pages_drop_file(s->options.pages, &segment->file, on_dropped, d);
}

void segments_close(struct segments *s, void (*done)(void *context), void *context)
{
    while (s->count > 0)
        drop(s, s->list[--s->count], NULL, NULL);
    s->closed = done;
    s->closed_context = context;
    s->closing = true;
    close_when_dropped(s);
}

void segments_free(struct segments **at)
{
    struct segments *s = *at;
    *at = NULL;
    struct link *l;
    while ((l = list_pop_front(&s->drops)) != NULL) /* the pages were freed before they let go */
        drop_free(LIST_ENTRY(l, struct drop, link));
    for (uint32_t i = 0; i < s->count; i++)
        segment_free(s->list[i]);
    free(s->list);
    free(s);
}

/* --- the list ------------------------------------------------------------------------------------- */

uint32_t segments_count(const struct segments *s)
{
    return s->count;
}

void segments_edge(const struct segments *s, uint32_t i, struct segment_edge *ret)
{
    CHECK(i < s->count);
    *ret = s->list[i]->edge;
}

uint64_t segments_size(const struct segments *s)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < s->count; i++)
        size += s->list[i]->edge.size;
    return size;
}

static struct segment *segment_new(struct segments *s, const struct segment_edge *edge)
{
    size_t size = strlen(s->options.folder) + SEGMENT_NAME_SIZE;
    struct segment *segment = calloc(1, sizeof *segment + size);
    CHECK(segment != NULL);
    segment->edge = *edge;
    segment_path(s->options.folder, edge->number, segment->path, size);
    pages_file_init(s->options.pages, &segment->file, segment->path);
    return segment;
}

static void insert(struct segments *s, uint32_t at, struct segment *segment)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? LIST_MIN : s->capacity * 2;
        s->list = realloc(s->list, s->capacity * sizeof(struct segment *));
        CHECK(s->list != NULL);
    }
    memmove(s->list + at + 1, s->list + at, (s->count - at) * sizeof(struct segment *));
    s->list[at] = segment;
    s->count++;
}

static bool is_sound(const struct segment_edge *e)
{
    return e->size > 0 && e->size <= UINT32_MAX && e->size % CHUNK_ALIGN == 0 && e->first_seq > 0 &&
           e->last_seq >= e->first_seq && e->last_seq < SEQ_MAX &&
           e->min_time_ns <= e->max_time_ns && e->records > 0 &&
           e->records - 1 <= e->last_seq - e->first_seq;
}

int segments_add(struct segments *s, const struct segment_edge *edge)
{
    if (!is_sound(edge) || s->count == CHECKPOINT_FILES_MAX)
        return -EBADMSG;
    uint32_t at = s->count;
    while (at > 0 && s->list[at - 1]->edge.first_seq > edge->first_seq)
        at--;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->list[i]->edge.number == edge->number)
            return -EBADMSG;
    }
    if ((at > 0 && s->list[at - 1]->edge.last_seq >= edge->first_seq) ||
        (at < s->count && s->list[at]->edge.first_seq <= edge->last_seq))
        return -EBADMSG;
    insert(s, at, segment_new(s, edge));
    return 0;
}

static struct segment *by_number(const struct segments *s, uint64_t number, uint32_t *ret_at)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->list[i]->edge.number == number) {
            *ret_at = i;
            return s->list[i];
        }
    }
    return NULL;
}

static void extend(struct segment *segment, const struct chunk_info *chunk)
{
    struct segment_edge *e = &segment->edge;
    CHECK(chunk->offset == e->size && chunk->first_seq > e->last_seq);
    if (segment->walk == WALK_OVER)
        chunk_list_add(&segment->chunks, &(struct segment_chunk){.info = *chunk});
    else
        segment_walk_again(segment);
    e->size += chunk->size;
    e->last_seq = chunk->last_seq;
    e->records += chunk->records;
    if (chunk->min_time_ns < e->min_time_ns)
        e->min_time_ns = chunk->min_time_ns;
    if (chunk->max_time_ns > e->max_time_ns)
        e->max_time_ns = chunk->max_time_ns;
}

void segments_extend(struct segments *s, uint64_t number, const struct chunk_info *chunk)
{
    uint32_t at;
    struct segment *segment = by_number(s, number, &at);
    if (segment != NULL) {
        CHECK(at + 1 == s->count || s->list[at + 1]->edge.first_seq > chunk->last_seq);
        extend(segment, chunk);
        return;
    }
    struct segment_edge edge = {
        .number = number,
        .size = chunk->size,
        .first_seq = chunk->first_seq,
        .last_seq = chunk->last_seq,
        .min_time_ns = chunk->min_time_ns,
        .max_time_ns = chunk->max_time_ns,
        .records = chunk->records,
    };
    CHECK(chunk->offset == 0);
    int r = segments_add(s, &edge);
    CHECK(r == 0);
    segment = by_number(s, number, &at);
    chunk_list_add(&segment->chunks, &(struct segment_chunk){.info = *chunk});
    segment->walk = WALK_OVER;
}

void segments_remove(struct segments *s, uint64_t number, void (*done)(void *context),
                     void *context)
{
    uint32_t at;
    struct segment *segment = by_number(s, number, &at);
    CHECK(segment != NULL && done != NULL);
    s->count--;
    memmove(s->list + at, s->list + at + 1, (s->count - at) * sizeof(struct segment *));
    drop(s, segment, done, context);
}

/* --- in a checkpoint ------------------------------------------------------------------------------ */

/* Version u8, count; of each: number, size in units of CHUNK_ALIGN, sequences between the one before and
 * its first, its span, records, least time, span of times. */
void segments_write(const struct segments *s, struct buffer *to)
{
    uint64_t next_seq = 0;
    buffer_u8(to, SECTION_VERSION);
    buffer_varint(to, s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct segment_edge *e = &s->list[i]->edge;
        buffer_varint(to, e->number);
        buffer_varint(to, e->size / CHUNK_ALIGN);
        buffer_varint(to, e->first_seq - next_seq);
        buffer_varint(to, e->last_seq - e->first_seq);
        buffer_varint(to, e->records);
        buffer_svarint(to, e->min_time_ns);
        buffer_varint(to, (uint64_t)e->max_time_ns - (uint64_t)e->min_time_ns);
        next_seq = e->last_seq + 1;
    }
}

int segments_read_edges(struct segments *s, struct bytes section)
{
    struct cursor c = cursor_of(section);
    CHECK(s->count == 0);
    uint8_t version = cursor_u8(&c);
    if (!c.bad && version != SECTION_VERSION)
        return -ENOTSUP;
    uint64_t count = cursor_varint_max(&c, CHECKPOINT_FILES_MAX);
    uint64_t next_seq = 0;
    for (uint64_t i = 0; i < count && !c.bad; i++) {
        struct segment_edge e = {.number = cursor_varint(&c)};
        e.size = cursor_varint_max(&c, UINT64_MAX / CHUNK_ALIGN) * CHUNK_ALIGN;
        e.first_seq = next_seq + cursor_varint_max(&c, SEQ_MAX);
        e.last_seq = e.first_seq + cursor_varint_max(&c, SEQ_MAX);
        e.records = cursor_varint(&c);
        e.min_time_ns = cursor_svarint(&c);
        uint64_t span = cursor_varint(&c);
        e.max_time_ns = (int64_t)((uint64_t)e.min_time_ns + span);
        if (c.bad || segments_add(s, &e) < 0)
            return -EBADMSG;
        next_seq = e.last_seq + 1;
    }
    return cursor_is_at_end(&c) ? 0 : -EBADMSG;
}

/* --- pages, checks -------------------------------------------------------------------------------- */

int segment_page(const struct segments *s, const struct page_want *want, struct bytes *ret)
{
    int r = pages_get(s->options.pages, want, ret);
    return r == -ENOENT ? -EBADMSG : r;
}

void segments_forget_failures(struct segments *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct segment *segment = s->list[i];
        pages_forget_failures(s->options.pages, &segment->file);
        for (uint32_t k = 0; k < segment->chunks.count; k++) {
            if (segment->chunks.at[k].damaged) {
                segment_walk_again(segment);
                break;
            }
        }
    }
}

static void check_segment(const struct segment *segment)
{
    const struct segment_edge *e = &segment->edge;
    CHECK(is_sound(e));
    uint64_t offset = 0;
    uint64_t seq = e->first_seq;
    for (uint32_t i = 0; i < segment->chunks.count; i++) {
        const struct segment_chunk *chunk = &segment->chunks.at[i];
        CHECK(chunk->info.offset == offset && chunk->info.first_seq >= seq);
        offset += chunk->info.size;
        seq = chunk->info.last_seq + 1;
    }
    if (segment->walk == WALK_OVER)
        CHECK(offset == e->size && seq == e->last_seq + 1); /* 2 */
}

void segments_check(const struct segments *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        check_segment(s->list[i]);
        CHECK(i == 0 || s->list[i - 1]->edge.last_seq < s->list[i]->edge.first_seq); /* 1 */
    }
}
