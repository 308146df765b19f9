/* SPDX-License-Identifier: Apache-2.0 */
/* match_build.h -- from what a walk found to a struct match: sorted, counted, written. */
#ifndef INTEREST_MATCH_BUILD_H
#define INTEREST_MATCH_BUILD_H

#include "interest/match.h"
#include "interest/walk.h"

/* A result before it has its memory; zeroed at first, used again and again. */
struct match_build {
    struct walk walk;
    struct found_list other; /* where a pass of sorting puts the plain ones */
    struct stamps_taken taken;
    uint32_t class_count;
    uint32_t group_count;
    size_t text_size;
    size_t bytes; /* that match_write fills */
};

void match_build_done(struct match_build *b);

/* Takes the stamps, walks, sorts and counts. */
void match_collect(struct match_build *b, const struct interest *in, struct bytes subject);

/* Writes what match_collect found for the same subject, in the same read section. Leaves interest_id
 * and units alone. */
void match_write(const struct match_build *b, const struct interest *in, struct bytes subject,
                 struct match *to);

#endif
