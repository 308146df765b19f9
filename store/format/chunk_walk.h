/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_walk.h -- a whole chunk from end to end: for scrubbing, and for what moves or repairs messages.
 *
 * Idea        All parts are verified, none relies on another more than it has to: frames are found by the
 *             index, or, when that is bad, by their own sizes, so that whatever is whole comes out. From
 *             these records a new chunk can be built, which is how an index is repaired.
 */
#ifndef STORE_FORMAT_CHUNK_WALK_H
#define STORE_FORMAT_CHUNK_WALK_H

#include "store/format/chunk.h"

enum chunk_part {
    CHUNK_PART_HEADER = 1u << 0,
    CHUNK_PART_FRAMES = 1u << 1, /* at least one, or their chain */
    CHUNK_PART_INDEX = 1u << 2,
    CHUNK_PART_FOOTER = 1u << 3,
};

struct chunk_walk {
    struct chunk_place place;        /* of the chunk */
    const struct chunk_codec *codec; /* NULL with a sealed chunk: hashes only */
    /* Each record that is whole, in order; borrowed for the call. NULL: hashes only. */
    void (*record)(void *context, const struct chunk_record *record);
    /* A frame that is not. first and last sequence it had; 0, 0 if only the index could tell. */
    void (*lost)(void *context, uint64_t first_seq, uint64_t last_seq);
    void *context;
};

/* Returns which parts are bad, enum chunk_part; 0: all is well. */
unsigned chunk_walk(const struct chunk_walk *walk, struct bytes chunk)
    __attribute__((warn_unused_result));

#endif
