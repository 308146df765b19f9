/* SPDX-License-Identifier: Apache-2.0 */
/* store_check.h -- a group of a store that nobody runs: checkpoint, segments, runs. */
#ifndef SERVER_STORE_CHECK_H
#define SERVER_STORE_CHECK_H

#include "server/store_view.h"
#include "store/format/chunk_walk.h"

struct store_tool;

/* Tells what is damaged of it. */
void tool_check_group(struct store_tool *t, const struct view_group *g);

/* A piece of a segment: which parts are bad (enum chunk_part), and what it lacks. */
struct segment_piece {
    struct chunk_place place;
    struct bytes bytes;
    unsigned bad;
    uint64_t records; /* whole ones */
};
/* Goes through a segment; piece may be NULL. Each record that is whole comes first. 0, or the disk's word. */
int tool_walk_segment(struct store_tool *t, const struct view_group *g,
                      const struct segment_edge *edge,
                      void (*record)(void *context, const struct chunk_record *r),
                      void (*lost)(void *context, uint64_t first, uint64_t last),
                      void (*piece)(void *context, const struct segment_piece *piece),
                      void *context);

#endif
