/* SPDX-License-Identifier: Apache-2.0 */
/* run_merge.h -- several runs that follow one another in age become one.
 *
 * Idea        They are walked side by side; of equal keys the subjects' values are joined, of all
 *             else the newest value stays. An empty value says that there is none. What says that
 *             there is none, and a subject without messages, has to be kept as long as an older run
 *             may know more; it goes when the oldest takes part. Liveness below the stream's first
 *             sequence goes in any case.
 * Tiers       from the oldest run on, a tier goes up to the newest run that is not much smaller
 *             than the tier's largest. Eight neighbours of one tier become one run, so that a value
 *             is written again once a tier. When more than RUN_MERGE_RUNS_MAX have come together
 *             all the same, the eight that cost least are joined.
 * Bounds      a step makes at most a piece or looks at RUN_MERGE_STEP_MAX keys. Between steps it
 *             holds no page, only where it stands.
 */
#ifndef STORE_TABLE_RUN_MERGE_H
#define STORE_TABLE_RUN_MERGE_H

#include "store/table/run_build.h"
#include "store/table/run_read.h"

#define RUN_MERGE_FANIN 8u
#define RUN_MERGE_SOURCES_MAX 64u
#define RUN_MERGE_STEP_MAX 16384u
#define RUN_MERGE_RUNS_MAX 48u
#define RUN_MERGE_TIER_SPAN 5u                  /* "not much smaller": a fifth */
#define RUN_MERGE_SIZE_MIN ((uint64_t)64 << 10) /* smaller runs count as this large */

struct run_merge;

struct run_merge_options {
    struct run *const *runs; /* copied; borrowed until the end: newest first, neighbours in age */
    uint32_t count;
    bool oldest; /* there is no older run than the last of them */
    uint64_t gid;
    uint64_t file;           /* of the run that is made */
    uint64_t liveness_floor; /* liveness blocks with lower numbers are dropped */
};

struct run_merge *run_merge_new(const struct run_merge_options *options);
void run_merge_free(struct run_merge **m);

/* 0: done, all pieces are made; -EINPROGRESS: take pieces, call again; -EAGAIN: pages have to come,
 * then call again; -EBADMSG, ...: a source is unreadable, and the merger may only be freed. */
int run_merge_step(struct run_merge *m, struct pages *pages) __attribute__((warn_unused_result));
/* As run_build_take, and the others: what has been made. */
struct run_build *run_merge_output(struct run_merge *m);

/* Which runs are to be merged next: sizes newest first. Returns how many, from *ret_first on; 0:
 * none. */
uint32_t run_merge_choose(const uint64_t *sizes, uint32_t count, uint32_t *ret_first);

#endif
