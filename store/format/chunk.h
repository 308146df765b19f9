/* SPDX-License-Identifier: Apache-2.0 */
/* chunk.h -- some megabytes of messages in a segment, written once: its parts, to bytes and back.
 *
 *     | header 96 | frame | frame | ... | index | zeros | footer 32 |
 *       \_ a multiple of CHUNK_ALIGN from the start of the file      \_ ends on one, too
 *
 * Idea        A frame has up to 64 KiB of records; it and the index are *pieces*: {stored size u32, raw
 *             size u32, hash u64 of the stored bytes}, then those. Whatever turns raw bytes into stored ones
 *             (compression, encryption) is a codec, and the hash is over what is stored, so scrubbing
 *             needs no keys. docs/formats/chunk.md has every byte.
 *             The chunk can be entered from either end: the header says where the next chunk begins and
 *             the footer where this one does. The index alone is enough to read all records, so one
 *             bad header costs nothing, and one bad index only until it is made again from the frames.
 * Invariants  1 sequences rise strictly in a chunk; those that are left out are not in it
 *             2 a chunk has at most CHUNK_RAW_MAX bytes of records, or one record; a frame likewise
 *               CHUNK_FRAME_RAW_MAX
 *             3 a record's bytes do not depend on the file: it moves to another as it is
 *             4 sequences of a chunk span less than 2^32
 */
#ifndef STORE_FORMAT_CHUNK_H
#define STORE_FORMAT_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/format/entry.h"

#define CHUNK_ALIGN 4096u
#define CHUNK_HEADER_SIZE 96u
#define CHUNK_FOOTER_SIZE 32u
#define CHUNK_PIECE_HEADER_SIZE 16u
#define CHUNK_RECORD_HEADER_SIZE 48u
#define CHUNK_RAW_MAX ((uint32_t)4 << 20)
#define CHUNK_FRAME_RAW_MAX ((uint32_t)64 << 10)
#define CHUNK_RECORD_MIN (CHUNK_RECORD_HEADER_SIZE + 12u) /* a message of nothing */
#define CHUNK_RECORDS_MAX (CHUNK_RAW_MAX / CHUNK_RECORD_MIN)
#define CHUNK_FRAMES_MAX 130u /* any two neighbours have over CHUNK_FRAME_RAW_MAX together */
#define CHUNK_INDEX_RAW_MAX ((uint32_t)8 << 20)
#define CHUNK_STORED_MAX ((uint32_t)96 << 20) /* one record and what a codec adds */
#define CHUNK_CODEC_ADDS_MAX ((uint32_t)1 << 20)

enum chunk_flag {
    CHUNK_COMPRESSED = 1u << 0,
    CHUNK_SEALED = 1u << 1, /* encrypted */
};

/* Where a part lies: it is in the seed of the part's hash. */
struct chunk_place {
    uint64_t gid;
    uint64_t file;   /* the segment's number, within the group */
    uint64_t offset; /* in the file */
};

/* What stands between raw and stored bytes. NULL in its place: they are the same. */
struct chunk_codec {
    uint16_t flags;    /* enum chunk_flag: what it makes. It opens any part of these, too */
    uint16_t needs;    /* parts that lack any of these are refused */
    uint32_t adds_max; /* bytes that a stored form may have more than the raw one */
    size_t (*seal)(void *context, const struct chunk_place *place, struct bytes raw, char *at);
    /* Writes exactly raw_size bytes. -EBADMSG: it is not what was sealed; -ENOKEY, ... */
    int (*open)(void *context, uint16_t flags, const struct chunk_place *place, struct bytes stored,
                char *at, size_t raw_size);
    void *context;
};

/* What is known of a chunk without its index. */
struct chunk_info {
    uint64_t offset;
    uint64_t first_seq;
    uint64_t last_seq;
    int64_t min_time_ns; /* of messages: their own time, or their entry's */
    int64_t max_time_ns;
    uint32_t size; /* of the whole chunk: the next one begins behind it */
    uint32_t records;
    uint32_t raw_size;
    uint32_t stored_size; /* all frames */
    uint32_t index_size;  /* stored, with its piece header */
    uint16_t flags;
};

static inline uint64_t chunk_index_offset(const struct chunk_info *info)
{
    return info->offset + CHUNK_HEADER_SIZE + info->stored_size;
}

/* Header, frames, index and footer, padded. */
uint64_t chunk_size(uint32_t stored_size, uint32_t index_size);

void chunk_header_write(const struct chunk_place *place, const struct chunk_info *info, char *at);
/* From CHUNK_HEADER_SIZE bytes. -EBADMSG: no header of a chunk at this place, or a damaged one; -ENOTSUP:
 * a whole one of a version, or with flags, that are not known here. */
int chunk_header_read(const struct chunk_place *place, const char *at, struct chunk_info *ret)
    __attribute__((warn_unused_result));

/* What a footer says; first and last sequence and the like are the index's to tell. */
struct chunk_footer {
    uint64_t chunk;    /* offset of its chunk */
    uint32_t index_at; /* from there */
    uint32_t index_size;
    uint16_t flags;
};

/* place is that of the footer itself: the last CHUNK_FOOTER_SIZE bytes of a chunk. */
void chunk_footer_write(const struct chunk_place *place, const struct chunk_footer *footer,
                        char *at);
int chunk_footer_read(const struct chunk_place *place, const char *at, struct chunk_footer *ret)
    __attribute__((warn_unused_result));

/* --- pieces: frames, and the index --------------------------------------------------------------- */

/* A piece's header, if it fits before `available` bytes end. Does not look at the hash. */
struct chunk_piece {
    uint32_t stored; /* without this header */
    uint32_t raw;
    uint64_t hash;
};
void chunk_piece_write(const struct chunk_place *place, const char *stored, uint32_t stored_size,
                       uint32_t raw_size, char *at);
int chunk_piece_read(struct bytes available, struct chunk_piece *ret)
    __attribute__((warn_unused_result));
/* Whether a whole piece, header included, is what was written there. Needs no codec. */
int chunk_piece_verify(const struct chunk_place *place, struct bytes piece)
    __attribute__((warn_unused_result));

/* The context of the decoders of pages.h: frames here, the index in chunk_index.h. */
struct chunk_piece_context {
    struct chunk_place place;
    const struct chunk_codec *codec; /* borrowed while pages know it */
    uint32_t raw_size;               /* what it must be; 0: any */
    uint32_t records;                /* index: how many there must be; 0: any */
    uint64_t first_seq;              /* index, if records is not 0 */
    uint16_t flags;                  /* of the chunk */
};

/* Verifies and opens a piece: *ret_at is in `piece` when nothing stands between, else malloc'ed.
 * -ENOTSUP: flags that the codec does not have. */
int chunk_piece_open(const struct chunk_piece_context *context, struct bytes piece, char **ret_at,
                     size_t *ret_size) __attribute__((warn_unused_result));
/* page_decode_fn: the page is the frame's records. */
int chunk_frame_decode(const void *context, size_t context_size, struct bytes stored, char **ret_at,
                       size_t *ret_size);

/* --- records -------------------------------------------------------------------------------------- */

struct chunk_record {
    uint64_t seq;
    uint64_t index; /* of its entry; with term and gid the name of the body */
    uint32_t term;
    enum entry_kind kind;
    uint8_t flags;
    int64_t time_ns;    /* its entry's log time */
    struct bytes body;  /* borrowed: message.h */
    uint64_t body_hash; /* the journal's */
};

static inline size_t chunk_record_size(const struct chunk_record *r)
{
    return CHUNK_RECORD_HEADER_SIZE + r->body.size;
}

/* Writes chunk_record_size bytes. */
void chunk_record_write(uint64_t gid, const struct chunk_record *r, char *at);
/* Of what may be a record's header, without its body. -EBADMSG: it is none, or damaged. */
int chunk_record_header_read(uint64_t gid, struct bytes at, struct chunk_record *ret)
    __attribute__((warn_unused_result));
/* The record that begins at `offset` of a frame's records, its header and body verified; the body points into
 * the frame. -EBADMSG: there is none, or it is damaged. */
int chunk_record_read(uint64_t gid, struct bytes frame, uint32_t offset, struct chunk_record *ret)
    __attribute__((warn_unused_result));

#endif
