/* SPDX-License-Identifier: Apache-2.0 */
/* merged.h -- one table of subjects out of several: those in memory, and runs, newest first.
 *
 * Idea        What is known of a subject is the join of what each table knows (subject_value.h).
 *             One that is asked for by name costs a filter a run and usually one block; a scan
 *             walks all tables side by side and lets a filter skip in all of them.
 *
 *                 memory, being filled   memory, being written   run   run   run
 *                 newest ────────────────────────────────────────────────► oldest
 *
 * Bounds      MERGED_TABLES_MAX and MERGED_RUNS_MAX; a step of a scan looks at MERGED_STEP_MAX
 *             subjects, finds at most MERGED_FOUND_MAX, and holds their pages.
 */
#ifndef STORE_TABLE_MERGED_H
#define STORE_TABLE_MERGED_H

#include "store/table/run_read.h"
#include "store/table/subject_table.h"

#define MERGED_TABLES_MAX 2
#define MERGED_RUNS_MAX 64
#define MERGED_STEP_MAX 4096
#define MERGED_FOUND_MAX 1024

struct merged {
    struct subject_table *tables[MERGED_TABLES_MAX]; /* borrowed */
    uint32_t table_count;
    struct run *runs[MERGED_RUNS_MAX]; /* borrowed */
    uint32_t run_count;
};

/* What all tables say of a subject. -ENOENT: it has no messages; -EAGAIN; -EBADMSG, also for counts
 * that can not be. */
int merged_get(const struct merged *m, struct pages *pages, struct bytes subject,
               struct subject_value *ret) __attribute__((warn_unused_result));
/* The newest known last sequence alone, with as few tables as that takes. -ENOENT: none is known.
 * It does not say that the subject has messages. */
int merged_last(const struct merged *m, struct pages *pages, struct bytes subject,
                uint64_t *ret_seq) __attribute__((warn_unused_result));

/* A scan in order of bytes, over several look-ups if need be: tables may change between its steps,
 * and what was not yet visited is visited as it is then. */
struct merged_scan {
    struct bytes pattern; /* borrowed; size 0: all */
    struct buffer from;   /* nothing below is still to be visited */
};

void merged_scan_init(struct merged_scan *s, struct bytes pattern, struct bytes from);
void merged_scan_done(struct merged_scan *s);

/* The subject is there for the call alone. */
typedef void merged_visit_fn(void *context, struct bytes subject,
                             const struct subject_value *value);

/* Visits what matches and has messages, at most max (<= MERGED_FOUND_MAX). 0: there is no more;
 * -EINPROGRESS: call again (maybe nothing was visited); else nothing was visited: -EAGAIN,
 * -EBADMSG, ... */
int merged_scan_step(struct merged_scan *s, const struct merged *m, struct pages *pages,
                     uint32_t max, merged_visit_fn *visit, void *context)
    __attribute__((warn_unused_result));

#endif
