/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/chunk.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/little.h"

#define CHUNK_MAGIC 0x4b43594du  /* "MYCK" */
#define FOOTER_MAGIC 0x4543594du /* "MYCE" */
#define RECORD_SALT 0x4d435243u  /* a record's seed is none of the others */

enum { CHUNK_VERSION = 1, RECORD_VERSION = 1 };
enum { HEADER_HASHED = 88, FOOTER_HASHED = 24, RECORD_HASHED = 36 };
enum { FLAGS_KNOWN = CHUNK_COMPRESSED | CHUNK_SEALED };

static uint64_t place_seed(const struct chunk_place *place)
{
    return checksum_seed(place->gid, place->file, place->offset);
}

uint64_t chunk_size(uint32_t stored_size, uint32_t index_size)
{
    uint64_t size = (uint64_t)CHUNK_HEADER_SIZE + stored_size + index_size + CHUNK_FOOTER_SIZE;
    return (size + CHUNK_ALIGN - 1) / CHUNK_ALIGN * CHUNK_ALIGN;
}

/* --- header and footer ---------------------------------------------------------------------------- */

static bool is_sound(const struct chunk_info *i)
{
    uint64_t span = i->last_seq - i->first_seq;
    return i->records > 0 && i->records <= CHUNK_RECORDS_MAX && i->first_seq > 0 &&
           i->last_seq >= i->first_seq && span >= i->records - 1 && span <= UINT32_MAX &&
           i->min_time_ns <= i->max_time_ns && (i->raw_size <= CHUNK_RAW_MAX || i->records == 1) &&
           i->raw_size >= (uint64_t)i->records * CHUNK_RECORD_MIN &&
           i->raw_size <= CHUNK_RECORD_HEADER_SIZE + ENTRY_BODY_MAX &&
           i->stored_size > CHUNK_PIECE_HEADER_SIZE && i->stored_size <= CHUNK_STORED_MAX &&
           i->index_size > CHUNK_PIECE_HEADER_SIZE &&
           i->index_size <= CHUNK_INDEX_RAW_MAX + CHUNK_CODEC_ADDS_MAX &&
           i->offset % CHUNK_ALIGN == 0;
}

void chunk_header_write(const struct chunk_place *place, const struct chunk_info *info, char *at)
{
    CHECK(place->offset == info->offset && is_sound(info));
    CHECK((info->flags & ~FLAGS_KNOWN) == 0);
    memset(at, 0, CHUNK_HEADER_SIZE);
    put_u32(at, CHUNK_MAGIC);
    put_u16(at + 4, CHUNK_VERSION);
    put_u16(at + 6, info->flags);
    put_u64(at + 8, place->gid);
    put_u64(at + 16, place->file);
    put_u64(at + 24, place->offset);
    put_u64(at + 32, info->first_seq);
    put_u64(at + 40, info->last_seq);
    put_i64(at + 48, info->min_time_ns);
    put_i64(at + 56, info->max_time_ns);
    put_u32(at + 64, info->records);
    put_u32(at + 68, info->raw_size);
    put_u32(at + 72, info->stored_size);
    put_u32(at + 76, info->index_size);
    put_u64(at + HEADER_HASHED, checksum(place_seed(place), at, HEADER_HASHED));
}

int chunk_header_read(const struct chunk_place *place, const char *at, struct chunk_info *ret)
{
    if (get_u32(at) != CHUNK_MAGIC ||
        get_u64(at + HEADER_HASHED) != checksum(place_seed(place), at, HEADER_HASHED))
        return -EBADMSG;
    if (get_u16(at + 4) != CHUNK_VERSION || (get_u16(at + 6) & ~FLAGS_KNOWN) != 0)
        return -ENOTSUP;
    struct chunk_info info = {
        .offset = get_u64(at + 24),
        .first_seq = get_u64(at + 32),
        .last_seq = get_u64(at + 40),
        .min_time_ns = get_i64(at + 48),
        .max_time_ns = get_i64(at + 56),
        .records = get_u32(at + 64),
        .raw_size = get_u32(at + 68),
        .stored_size = get_u32(at + 72),
        .index_size = get_u32(at + 76),
        .flags = get_u16(at + 6),
    };
    if (get_u64(at + 8) != place->gid || get_u64(at + 16) != place->file ||
        info.offset != place->offset || get_u64(at + 80) != 0 || !is_sound(&info))
        return -EBADMSG;
    info.size = (uint32_t)chunk_size(info.stored_size, info.index_size);
    *ret = info;
    return 0;
}

void chunk_footer_write(const struct chunk_place *place, const struct chunk_footer *footer,
                        char *at)
{
    CHECK(footer->chunk < place->offset && (footer->flags & ~FLAGS_KNOWN) == 0);
    put_u32(at, FOOTER_MAGIC);
    put_u16(at + 4, CHUNK_VERSION);
    put_u16(at + 6, footer->flags);
    put_u64(at + 8, footer->chunk);
    put_u32(at + 16, footer->index_size);
    put_u32(at + 20, footer->index_at);
    put_u64(at + FOOTER_HASHED, checksum(place_seed(place), at, FOOTER_HASHED));
}

int chunk_footer_read(const struct chunk_place *place, const char *at, struct chunk_footer *ret)
{
    if (get_u32(at) != FOOTER_MAGIC ||
        get_u64(at + FOOTER_HASHED) != checksum(place_seed(place), at, FOOTER_HASHED))
        return -EBADMSG;
    if (get_u16(at + 4) != CHUNK_VERSION || (get_u16(at + 6) & ~FLAGS_KNOWN) != 0)
        return -ENOTSUP;
    struct chunk_footer footer = {.chunk = get_u64(at + 8),
                                  .index_size = get_u32(at + 16),
                                  .index_at = get_u32(at + 20),
                                  .flags = get_u16(at + 6)};
    if (footer.chunk % CHUNK_ALIGN != 0 || footer.chunk >= place->offset ||
        footer.index_at <= CHUNK_HEADER_SIZE + CHUNK_PIECE_HEADER_SIZE ||
        footer.index_at > CHUNK_HEADER_SIZE + CHUNK_STORED_MAX ||
        footer.index_size <= CHUNK_PIECE_HEADER_SIZE ||
        footer.index_size > CHUNK_INDEX_RAW_MAX + CHUNK_CODEC_ADDS_MAX ||
        footer.chunk + chunk_size(footer.index_at - CHUNK_HEADER_SIZE, footer.index_size) !=
            place->offset + CHUNK_FOOTER_SIZE)
        return -EBADMSG;
    *ret = footer;
    return 0;
}

/* --- pieces --------------------------------------------------------------------------------------- */

/* Over the sizes, too, by the seed. */
static uint64_t piece_hash(const struct chunk_place *place, const char *stored, uint32_t size,
                           uint32_t raw_size)
{
    return checksum(checksum_seed(place_seed(place), size, raw_size), stored, size);
}

void chunk_piece_write(const struct chunk_place *place, const char *stored, uint32_t stored_size,
                       uint32_t raw_size, char *at)
{
    CHECK(stored_size > 0 && raw_size > 0);
    put_u32(at, stored_size);
    put_u32(at + 4, raw_size);
    put_u64(at + 8, piece_hash(place, stored, stored_size, raw_size));
}

int chunk_piece_read(struct bytes available, struct chunk_piece *ret)
{
    if (available.size < CHUNK_PIECE_HEADER_SIZE)
        return -EBADMSG;
    struct chunk_piece piece = {get_u32(available.at), get_u32(available.at + 4),
                                get_u64(available.at + 8)};
    if (piece.stored == 0 || piece.raw == 0 ||
        piece.stored > available.size - CHUNK_PIECE_HEADER_SIZE ||
        piece.raw > CHUNK_RECORD_HEADER_SIZE + ENTRY_BODY_MAX)
        return -EBADMSG;
    *ret = piece;
    return 0;
}

static int verify(const struct chunk_place *place, struct bytes at, struct chunk_piece *ret)
{
    int r = chunk_piece_read(at, ret);
    if (r < 0)
        return r;
    bool whole =
        ret->stored == at.size - CHUNK_PIECE_HEADER_SIZE &&
        ret->hash == piece_hash(place, at.at + CHUNK_PIECE_HEADER_SIZE, ret->stored, ret->raw);
    return whole ? 0 : -EBADMSG;
}

int chunk_piece_verify(const struct chunk_place *place, struct bytes at)
{
    struct chunk_piece piece;
    return verify(place, at, &piece);
}

int chunk_piece_open(const struct chunk_piece_context *c, struct bytes at, char **ret_at,
                     size_t *ret_size)
{
    struct chunk_piece piece;
    int r = verify(&c->place, at, &piece);
    if (r < 0)
        return r;
    if (c->raw_size != 0 && piece.raw != c->raw_size)
        return -EBADMSG;
    if (c->codec != NULL && (c->flags & c->codec->needs) != c->codec->needs)
        return -EBADMSG;
    struct bytes stored = {at.at + CHUNK_PIECE_HEADER_SIZE, piece.stored};
    if (c->flags == 0) {
        if (piece.raw != piece.stored)
            return -EBADMSG;
        *ret_at = (char *)(uintptr_t)stored.at;
        *ret_size = piece.raw;
        return 0;
    }
    if (c->codec == NULL || (c->flags & ~c->codec->flags) != 0)
        return -ENOTSUP;
    char *raw = malloc(piece.raw);
    CHECK(raw != NULL);
    r = c->codec->open(c->codec->context, c->flags, &c->place, stored, raw, piece.raw);
    if (r < 0) {
        free(raw);
        return r;
    }
    *ret_at = raw;
    *ret_size = piece.raw;
    return 0;
}

int chunk_frame_decode(const void *context, size_t context_size, struct bytes stored, char **ret_at,
                       size_t *ret_size)
{
    CHECK(context_size == sizeof(struct chunk_piece_context));
    return chunk_piece_open(context, stored, ret_at, ret_size);
}

/* --- records -------------------------------------------------------------------------------------- */

static uint32_t record_hash(uint64_t gid, uint64_t body_hash, const char *at)
{
    return (uint32_t)checksum(checksum_seed(gid, body_hash, RECORD_SALT), at, RECORD_HASHED);
}

void chunk_record_write(uint64_t gid, const struct chunk_record *r, char *at)
{
    CHECK(r->body.size <= ENTRY_BODY_MAX);
    put_u32(at, (uint32_t)r->body.size);
    at[4] = (char)r->kind;
    at[5] = (char)r->flags;
    put_u16(at + 6, RECORD_VERSION);
    put_u64(at + 8, r->seq);
    put_u64(at + 16, r->index);
    put_i64(at + 24, r->time_ns);
    put_u32(at + 32, r->term);
    put_u32(at + RECORD_HASHED, record_hash(gid, r->body_hash, at));
    put_u64(at + 40, r->body_hash);
    memcpy(at + CHUNK_RECORD_HEADER_SIZE, r->body.at, r->body.size);
}

int chunk_record_header_read(uint64_t gid, struct bytes bytes, struct chunk_record *ret)
{
    if (bytes.size < CHUNK_RECORD_HEADER_SIZE)
        return -EBADMSG;
    const char *at = bytes.at;
    uint64_t body_hash = get_u64(at + 40);
    if (get_u32(at + RECORD_HASHED) != record_hash(gid, body_hash, at))
        return -EBADMSG;
    if (get_u16(at + 6) != RECORD_VERSION)
        return -ENOTSUP;
    *ret = (struct chunk_record){
        .seq = get_u64(at + 8),
        .index = get_u64(at + 16),
        .term = get_u32(at + 32),
        .kind = (enum entry_kind)(unsigned char)at[4],
        .flags = (uint8_t)at[5],
        .time_ns = get_i64(at + 24),
        .body_hash = body_hash,
    };
    return 0;
}

int chunk_record_read(uint64_t gid, struct bytes frame, uint32_t offset, struct chunk_record *ret)
{
    if (offset > frame.size)
        return -EBADMSG;
    struct bytes bytes = {frame.at + offset, frame.size - offset};
    struct chunk_record record;
    int r = chunk_record_header_read(gid, bytes, &record);
    if (r != 0)
        return r;
    uint32_t size = get_u32(bytes.at);
    if (size > bytes.size - CHUNK_RECORD_HEADER_SIZE)
        return -EBADMSG;
    record.body = (struct bytes){bytes.at + CHUNK_RECORD_HEADER_SIZE, size};
    if (entry_body_hash(gid, record.index, record.term, record.body) != record.body_hash)
        return -EBADMSG;
    *ret = record;
    return 0;
}
