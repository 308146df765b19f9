/* SPDX-License-Identifier: Apache-2.0 */
/* walk.h -- a reader's way through the index: all subscribers that a literal subject reaches.
 *
 * The literal entry by one look-up; the patterns by a walk of the trie with at most two ways from a
 * node, `*` and the token itself. The ways not yet taken wait in a small array: at most one a token,
 * so it is bounded by the tokens of the subject. A subject with an empty token reaches nobody.
 */
#ifndef INTEREST_WALK_H
#define INTEREST_WALK_H

#include "interest/state.h"

/* A subscriber that was found. */
struct found {
    uint64_t conn;
    uint32_t slot;
    uint32_t sid;  /* as in struct ref */
    uint32_t name; /* queue name, 0: plain */
};

struct found_list {
    struct found *at; /* given */
    size_t count;
    size_t capacity;
};

struct walk_step {
    uint32_t node;
    uint32_t offset; /* of the token that is next */
};

enum {
    WALK_STEPS_FEW = 16,
};

/* Memory that walks use again; zeroed at first. */
struct walk {
    struct found_list plain;
    struct found_list queued;
    struct walk_step few[WALK_STEPS_FEW];
    struct walk_step *many; /* given; in place of few when they do not do */
    size_t many_capacity;
};

void walk_done(struct walk *w);

/* Fills plain and queued, in no order that means anything. */
void walk_collect(struct walk *w, const struct interest *in, struct bytes subject);

/* The places of the stamps that the subject depends on. */
void walk_stamp_places(const struct interest *in, const struct stamps *s, struct bytes subject,
                       struct stamps_taken *taken);

#endif
