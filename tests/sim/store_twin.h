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

/* One look-up of a comparison between two logs; -EAGAIN as all look-ups. NULL in *ret_why: they agree so far;
 * the comparison goes on from *cursor, which is 0 at first, and is over when it is UINT64_MAX. */
int twin_compare(struct twin *t, struct group *group, struct msglog *log, uint64_t *cursor,
                 char *ret_why, size_t why_size);

#endif
