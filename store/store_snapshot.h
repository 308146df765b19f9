/* SPDX-License-Identifier: Apache-2.0 */
/* store_snapshot.h -- the state of a group at one entry, while its checkpoint is being made.
 *
 * Taken in one go, so that all of it is of one moment; what the group goes on to change meanwhile is not in
 * it. The messages of the tail that it found alive are to be put into chunks; their bodies lie in
 * journal images, which stay for as long as the drain runs.
 */
#ifndef STORE_STORE_SNAPSHOT_H
#define STORE_STORE_SNAPSHOT_H

#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/tail.h"

struct spill;
struct store_group;
struct subjects_flush;

struct snapshot {
    struct store_group *group;
    struct checkpoint checkpoint; /* all but the sections of segments and runs */
    struct buffer sections[CHECKPOINT_SECTIONS];
    struct tail_entry *live; /* given: messages to put into chunks, by sequence */
    size_t live_count;
    uint64_t live_bytes;          /* of their bodies */
    struct spill *spill;          /* given: sections that have to be written before, too; or NULL */
    struct subjects_flush *flush; /* the log's, to be written before the checkpoint; NULL: none */
};

/* The group is loaded and not busy. */
void store_snapshot_init(struct snapshot *s, struct store_group *g);
/* Its large sections go to a file; else it has to be known that they are not. */
void store_snapshot_spill(struct snapshot *s);
void store_snapshot_done(struct snapshot *s);
/* The checkpoint's record; when `live` is not empty, after their chunks are in segments. */
void store_snapshot_write(struct snapshot *s, struct buffer *to);

#endif
