/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_build.h -- a chunk out of messages, in the bytes that go to the file.
 *
 *     init(place) ──► add, add, ... while takes ──► finish: one buffer, to be written at place.offset
 *
 * Idea        Records are written where they will lie; of each, a row for the index is kept. A body is
 *             verified on its way in: what rotted in memory is refused, not sealed under a good hash.
 * Bounds      the chunk itself, 24 bytes a record, and its subjects.
 */
#ifndef STORE_FORMAT_CHUNK_BUILD_H
#define STORE_FORMAT_CHUNK_BUILD_H

#include "store/format/buffer.h"
#include "store/format/chunk.h"
#include "store/format/chunk_index.h"
#include "store/format/chunk_subjects.h"

struct chunk_builder {
    struct chunk_place place;
    const struct chunk_codec *codec; /* borrowed; NULL: plain */
    struct buffer out;               /* from the chunk's header on */
    uint32_t frame_at;               /* in out: the open frame's piece header */
    uint32_t frame_records;          /* in it */
    uint32_t raw_size;               /* of all records */
    struct chunk_row *rows;          /* given */
    uint32_t row_count;
    uint32_t row_capacity;
    uint64_t first_seq;
    uint64_t last_seq;
    int64_t min_time_ns;
    int64_t max_time_ns;
    struct chunk_index_frame frames[CHUNK_FRAMES_MAX];
    uint32_t frame_count; /* closed ones */
    struct chunk_subjects subjects;
};

/* seed: of a table that clients' subjects fill; the bytes that are built do not depend on it. */
void chunk_builder_init(struct chunk_builder *b, const struct chunk_place *place,
                        const struct chunk_codec *codec, uint64_t seed);
void chunk_builder_done(struct chunk_builder *b);

/* Whether the chunk has room for a body of this size under this sequence. An empty one takes any. */
bool chunk_builder_takes(const struct chunk_builder *b, uint64_t seq, size_t body_size);

/* The sequence is over that of the record before. The body is copied. -EBADMSG: it does not match its hash, or
 * is no message; nothing was added. */
int chunk_builder_add(struct chunk_builder *b, const struct chunk_record *r)
    __attribute__((warn_unused_result));

/* What finish would give now, about: to know when it is time. */
static inline size_t chunk_builder_size(const struct chunk_builder *b)
{
    return b->out.size + b->row_count * (size_t)9 + b->subjects.text.size;
}

/* The whole chunk, ret_info->size bytes, is given to the caller; the builder is done. Not of nothing. */
char *chunk_builder_finish(struct chunk_builder *b, struct chunk_info *ret_info);

#endif
