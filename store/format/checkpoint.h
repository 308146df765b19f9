/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h -- the state of a group at one entry: the body of a LEDGER_CHECKPOINT record.
 *
 * Idea        With the segments it names and the group's entries after `applied`, it is all there is of a
 *             group. It is whole: the next one replaces it. Numbers that a start wants to know without
 *             loading the group stand first; the rest is sections that their owners encode.
 * Bounds      segments and runs at most CHECKPOINT_FILES_MAX each.
 */
#ifndef STORE_FORMAT_CHECKPOINT_H
#define STORE_FORMAT_CHECKPOINT_H

#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;

#define CHECKPOINT_FILES_MAX 65536u

enum checkpoint_section {
    CHECKPOINT_GROUP,     /* group.h: rules, dedup ids, times to live, sources */
    CHECKPOINT_CONSUMERS, /* consumers.h */
    CHECKPOINT_DEAD,      /* seqset.h: the dead sequences */
    CHECKPOINT_SEGMENTS,  /* segment.h: files and what is in them */
    CHECKPOINT_RUNS,      /* the files of the subject table */
    CHECKPOINT_SUBJECTS,  /* what the subject table holds beyond its runs */
    CHECKPOINT_LOST,      /* sequences that are unreadable */
    CHECKPOINT_TRASH,     /* files that may be there, and are not wanted */
    CHECKPOINT_ERASING,   /* sequences that were erased, and may be in files */
    CHECKPOINT_SPILLED,   /* store_spill.h: the file of sections that are too large for here */
    CHECKPOINT_SECTIONS,
};

struct checkpoint {
    uint64_t applied; /* the index of the last entry in it */
    uint32_t term;    /* of that entry, like its log time */
    int64_t log_time_ns;
    uint64_t msgs;
    uint64_t bytes;
    uint64_t first_seq;
    uint64_t last_seq;
    int64_t first_time_ns;
    int64_t last_time_ns;
    uint64_t drained;   /* messages up to this sequence are in segments, and all live ones are */
    uint64_t next_file; /* numbers from here on have not been used by what a checkpoint names */
    uint64_t messages_hash; /* sum of stored_hash */
    uint64_t state_hash;    /* group_state_hash */
    struct bytes sections[CHECKPOINT_SECTIONS];
};

void checkpoint_write(struct buffer *b, const struct checkpoint *c);
/* The sections point into body. -EBADMSG, or -ENOTSUP: of a version that is not known here. */
int checkpoint_read(struct bytes body, struct checkpoint *ret) __attribute__((warn_unused_result));

#endif
