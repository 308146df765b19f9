/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/chunk_build.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/message.h"

enum { ROWS_MIN = 256, OUT_MIN = 64 << 10, OUT_MANY = 1 << 20 };

void chunk_builder_init(struct chunk_builder *b, const struct chunk_place *place,
                        const struct chunk_codec *codec, uint64_t seed)
{
    CHECK(place->offset % CHUNK_ALIGN == 0);
    CHECK(codec == NULL || (codec->flags != 0 && codec->adds_max <= CHUNK_CODEC_ADDS_MAX));
    memset(b, 0, offsetof(struct chunk_builder, frames));
    b->place = *place;
    b->codec = codec;
    b->frame_count = 0;
    chunk_subjects_init(&b->subjects, seed);
    memset(buffer_room(&b->out, OUT_MIN), 0, CHUNK_HEADER_SIZE);
    b->out.size = CHUNK_HEADER_SIZE;
}

void chunk_builder_done(struct chunk_builder *b)
{
    buffer_done(&b->out);
    free(b->rows);
    b->rows = NULL;
    chunk_subjects_done(&b->subjects);
}

bool chunk_builder_takes(const struct chunk_builder *b, uint64_t seq, size_t body_size)
{
    if (b->row_count == 0)
        return true;
    return b->raw_size + CHUNK_RECORD_HEADER_SIZE + body_size <= CHUNK_RAW_MAX &&
           seq - b->first_seq <= UINT32_MAX;
}

/* --- frames --------------------------------------------------------------------------------------- */

static struct chunk_place place_at(const struct chunk_builder *b, size_t at)
{
    struct chunk_place place = b->place;
    place.offset += at;
    return place;
}

/* Makes a piece of what lies behind the room for its header at `at`, up to the end of out. */
static void seal_piece(struct chunk_builder *b, size_t at)
{
    struct chunk_place place = place_at(b, at);
    size_t start = at + CHUNK_PIECE_HEADER_SIZE;
    size_t raw_size = b->out.size - start;
    if (b->codec != NULL) {
        char *stored = malloc(raw_size + b->codec->adds_max);
        CHECK(stored != NULL);
        struct bytes raw = {b->out.at + start, raw_size};
        size_t size = b->codec->seal(b->codec->context, &place, raw, stored);
        CHECK(size > 0 && size <= raw_size + b->codec->adds_max);
        b->out.size = start;
        buffer_add(&b->out, stored, size);
        free(stored);
    }
    chunk_piece_write(&place, b->out.at + start, (uint32_t)(b->out.size - start),
                      (uint32_t)raw_size, b->out.at + at);
}

static void close_frame(struct chunk_builder *b)
{
    CHECK(b->frame_records > 0 && b->frame_count < CHUNK_FRAMES_MAX);
    seal_piece(b, b->frame_at);
    if (b->frame_count == 0) /* more than one: it is likely to be many */
        (void)buffer_room(&b->out, OUT_MANY);
    b->frames[b->frame_count++] =
        (struct chunk_index_frame){(uint32_t)(b->out.size - b->frame_at), b->frame_records};
    b->frame_records = 0;
}

/* Room for a record: in the open frame, or in a new one. */
static char *record_room(struct chunk_builder *b, size_t size)
{
    size_t in_frame = b->out.size - b->frame_at - CHUNK_PIECE_HEADER_SIZE;
    if (b->frame_records > 0 && in_frame + size > CHUNK_FRAME_RAW_MAX)
        close_frame(b);
    if (b->frame_records == 0) {
        b->frame_at = (uint32_t)b->out.size;
        (void)buffer_room(&b->out, CHUNK_PIECE_HEADER_SIZE);
        b->out.size += CHUNK_PIECE_HEADER_SIZE;
    }
    b->frame_records++;
    char *at = buffer_room(&b->out, size);
    b->out.size += size;
    return at;
}

/* --- records -------------------------------------------------------------------------------------- */

static void add_row(struct chunk_builder *b, uint64_t seq, int64_t time_ns, const struct message *m)
{
    if (b->row_count == b->row_capacity) {
        b->row_capacity = b->row_capacity == 0 ? ROWS_MIN : b->row_capacity * 2;
        b->rows = realloc(b->rows, b->row_capacity * sizeof *b->rows);
        CHECK(b->rows != NULL);
    }
    if (b->row_count == 0) {
        b->first_seq = seq;
        b->min_time_ns = b->max_time_ns = time_ns;
    }
    if (time_ns < b->min_time_ns)
        b->min_time_ns = time_ns;
    if (time_ns > b->max_time_ns)
        b->max_time_ns = time_ns;
    b->last_seq = seq;
    b->rows[b->row_count++] = (struct chunk_row){
        .seq = (uint32_t)(seq - b->first_seq),
        .subject = chunk_subjects_number(&b->subjects, m->subject),
        .head = CHUNK_HEAD(m->headers.size, m->flags),
        .payload = (uint32_t)m->payload.size,
        .time_ns = time_ns,
    };
}

int chunk_builder_add(struct chunk_builder *b, const struct chunk_record *r)
{
    CHECK(chunk_builder_takes(b, r->seq, r->body.size));
    CHECK(r->seq > b->last_seq);
    struct message m;
    if (r->body.size > ENTRY_BODY_MAX ||
        entry_body_hash(b->place.gid, r->index, r->term, r->body) != r->body_hash ||
        message_body_read(r->body, &m) < 0)
        return -EBADMSG;
    size_t size = chunk_record_size(r);
    chunk_record_write(b->place.gid, r, record_room(b, size));
    b->raw_size += (uint32_t)size;
    add_row(b, r->seq, m.flags & MESSAGE_OWN_TIME ? m.time_ns : r->time_ns, &m);
    return 0;
}

/* --- the end -------------------------------------------------------------------------------------- */

/* Behind the frames; returns its size. */
static uint32_t put_index(struct chunk_builder *b)
{
    struct chunk_index_parts parts = {
        .first_seq = b->first_seq,
        .rows = b->rows,
        .row_count = b->row_count,
        .frames = b->frames,
        .frame_count = b->frame_count,
        .subjects = &b->subjects,
    };
    size_t at = b->out.size;
    (void)buffer_room(&b->out, CHUNK_PIECE_HEADER_SIZE);
    b->out.size += CHUNK_PIECE_HEADER_SIZE;
    chunk_index_write(&parts, &b->out);
    seal_piece(b, at);
    return (uint32_t)(b->out.size - at);
}

static void put_footer(struct chunk_builder *b, const struct chunk_info *info)
{
    size_t footer_at = info->size - CHUNK_FOOTER_SIZE;
    size_t zeros = footer_at - b->out.size;
    memset(buffer_room(&b->out, zeros + CHUNK_FOOTER_SIZE), 0, zeros);
    b->out.size = info->size;
    struct chunk_place place = place_at(b, footer_at);
    struct chunk_footer footer = {.chunk = info->offset,
                                  .index_at = CHUNK_HEADER_SIZE + info->stored_size,
                                  .index_size = info->index_size,
                                  .flags = info->flags};
    chunk_footer_write(&place, &footer, b->out.at + footer_at);
}

char *chunk_builder_finish(struct chunk_builder *b, struct chunk_info *ret_info)
{
    CHECK(b->row_count > 0);
    close_frame(b);
    struct chunk_info info = {
        .offset = b->place.offset,
        .first_seq = b->first_seq,
        .last_seq = b->last_seq,
        .min_time_ns = b->min_time_ns,
        .max_time_ns = b->max_time_ns,
        .records = b->row_count,
        .raw_size = b->raw_size,
        .stored_size = (uint32_t)(b->out.size - CHUNK_HEADER_SIZE),
        .flags = b->codec != NULL ? b->codec->flags : 0,
    };
    info.index_size = put_index(b);
    info.size = (uint32_t)chunk_size(info.stored_size, info.index_size);
    put_footer(b, &info);
    chunk_header_write(&b->place, &info, b->out.at);
    char *at = b->out.at;
    b->out = (struct buffer){0};
    chunk_builder_done(b);
    *ret_info = info;
    return at;
}
