/* SPDX-License-Identifier: Apache-2.0 */
/* store_rewrite.h -- neighbouring segments of a group become one, without what is dead.
 *
 *     READING ──all copied and durable──► READY ──a checkpoint is put──► SWAPPED ──durable──► over
 *        └── failed, cancelled ──► the new file goes ──────────────────────────────────────► over
 *
 * Idea        The new file is made beside everything else; the group goes on, and is drained. What the new
 *             file leaves out was dead when it was copied, so it is dead in any later state: the next
 *             snapshot of the group that is taken after READY may name the new file in place of the old
 *             ones, and the drain, which makes all checkpoints, does so. The old ones are trash then.
 * Unreadable  A live message that does not come out of the old files is lost: that is known by its absence, to
 *             the sequence. It is noted, told once, and the old file goes to quarantine.
 * Invariants  1 one rewrite a group; its segments are not extended while it runs
 *             2 every sequence that is alive and in the old segments is in the new one, or in g->lost
 * Bounds      REWRITE_SEGMENTS_MAX files; REWRITE_CHUNKS chunks in memory; a chunk a turn.
 */
#ifndef STORE_STORE_REWRITE_H
#define STORE_STORE_REWRITE_H

#include "store/store_state.h"

#define REWRITE_SEGMENTS_MAX 16u

struct rewrite_options {
    uint32_t first; /* place of the first in the group's list */
    uint32_t count; /* 0, with repair: the place before it */
    bool zero;      /* the old files hold what is erased */
    bool repair;    /* with what the group was supplied */
    /* 0: durable; -ECANCELED: the group goes, or the store; else what the disk said. */
    void (*done)(struct store *s, struct store_group *g, int status);
};

/* The group is loaded and has none. */
void store_rewrite(struct store *s, struct store_group *g, const struct rewrite_options *options);
/* Gives up those of groups and stores that are going. */
void store_rewrites_slice(struct store *s);
void store_rewrites_done(struct store *s);

/* For the drain: a snapshot taken now may have it; its checkpoint is being put; that is durable. */
bool store_rewrite_is_ready(const struct store_group *g);
void store_rewrite_swap(struct store *s, struct store_group *g);
void store_rewrite_over(struct store *s, struct store_group *g);
/* A file of this number may be there, and is not named yet. */
bool store_rewrite_is_making(const struct store_group *g, uint64_t *ret_number);

#endif
