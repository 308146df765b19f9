/* SPDX-License-Identifier: Apache-2.0 */
/* store_twin.h -- a group in memory that applies the same entries, to compare a stored one with. */
#ifndef TESTS_SIM_STORE_TWIN_H
#define TESTS_SIM_STORE_TWIN_H

#include <stdbool.h>
#include <stdint.h>

#include "store/format/entry.h"
#include "store/group/group.h"
#include "store/msglog.h"

struct twin;

struct twin *twin_new(uint64_t gid);
void twin_free(struct twin **twin);
void twin_apply(struct twin *t, const struct entry *e, struct applied *ret);
struct msglog *twin_log(struct twin *t);
struct group *twin_group(struct twin *t);

/* A comparison of all that two logs say. */
struct twin_comparison {
    bool may_lack;       /* a message may be unreadable: that is counted, and no difference */
    uint64_t cursor;     /* 0 at first; UINT64_MAX: over */
    uint64_t unreadable; /* messages */
    char why[512];       /* how they differ; "": they do not, so far */
};

/* One look-up of it; -EAGAIN as all look-ups. */
int twin_compare(struct twin *t, struct group *group, struct msglog *log, struct twin_comparison *c)
    __attribute__((warn_unused_result));

#endif
