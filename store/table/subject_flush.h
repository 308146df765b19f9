/* SPDX-License-Identifier: Apache-2.0 */
/* subject_flush.h -- a table of subjects goes into a run, in slices.
 *
 * The table stays as it is until the run is what counts; new changes go to another table meanwhile
 * (merged.h takes two).
 */
#ifndef STORE_TABLE_SUBJECT_FLUSH_H
#define STORE_TABLE_SUBJECT_FLUSH_H

#include "store/table/run_build.h"
#include "store/table/subject_table.h"

struct buffer;

/* Adds up to max subjects, from `from` on (empty: the first), which moves on. oldest: there is no
 * older run, so that subjects without messages need not be told. 0: these were the last;
 * -EINPROGRESS: call again. */
int subject_flush(struct subject_table *t, struct buffer *from, uint32_t max, bool oldest,
                  struct run_build *to) __attribute__((warn_unused_result));

#endif
