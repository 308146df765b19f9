/* SPDX-License-Identifier: Apache-2.0 */
/* segment_state.h -- what the files segment*.c share. */
#ifndef STORE_SEGMENT_STATE_H
#define STORE_SEGMENT_STATE_H

#include "runtime/base/list.h"
#include "store/segment.h"

struct segment_chunk {
    struct chunk_info info; /* damaged: offset, size, and the range of sequences it may have had */
    bool damaged;
};

struct chunk_list {
    struct segment_chunk *at; /* given */
    uint32_t count;
    uint32_t capacity;
};

/* How far the walk over a segment's chunks is. */
enum segment_walk {
    WALK_FORWARD,  /* by headers, up to `walked` */
    WALK_BACKWARD, /* from the end by footers, down to `end`: the header at `walked` is bad */
    WALK_OVER,
};

struct segment {
    struct segment_edge edge;
    struct page_file file;
    enum segment_walk walk;
    uint64_t walked;
    uint64_t end;
    struct chunk_list chunks; /* in order */
    struct chunk_list behind; /* found by footers, last one first */
    char path[];
};

struct segments {
    struct segments_options options;
    struct segment **list; /* given, in order */
    uint32_t count;
    uint32_t capacity;
    struct link drops; /* files that the pages have not let go */
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
};

/* As pages_get; but a file that is not there is an unreadable one. */
int segment_page(const struct segments *s, const struct page_want *want, struct bytes *ret)
    __attribute__((warn_unused_result));

/* segment_walk.c: the segment's chunks are known. -EAGAIN, -EIO, ... */
int segment_walk(struct segments *s, struct segment *segment) __attribute__((warn_unused_result));
void segment_walk_again(struct segment *segment);
void chunk_list_add(struct chunk_list *list, const struct segment_chunk *chunk);

/* segment_walk.c: the index of a chunk. */
int segment_index(const struct segments *s, const struct segment *segment,
                  const struct chunk_info *chunk, const struct chunk_index **ret)
    __attribute__((warn_unused_result));
void segment_index_ahead(const struct segments *s, const struct segment *segment,
                         const struct chunk_info *chunk);

#endif
