/* SPDX-License-Identifier: Apache-2.0 */
/* memory_subjects.h -- the subjects of a memory log that have messages, in order of their bytes.
 *
 * Idea        A treap: a search tree by bytes that is a heap by a hash of them. The hash's seed is
 *             secret, so a peer can not choose subjects that make the tree deep.
 * Invariants  1 names rise from left to right 2 no node is over its parent by priority
 *             3 every subject has a message
 * Bounds      56 bytes a subject and its name; depth about 2 log n.
 */
#ifndef STORE_MEMORY_SUBJECTS_H
#define STORE_MEMORY_SUBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct memory_message;

struct memory_subject {
    struct memory_subject *left;
    struct memory_subject *right;
    struct memory_message *first; /* of its messages by sequence: the log's */
    struct memory_message *last;
    uint64_t msgs;
    uint64_t asked; /* the look-up that matched it last, and what came of that: the log's */
    uint32_t priority;
    uint16_t size;
    bool matches;
    char name[];
};

struct memory_subjects {
    uint64_t seed;
    uint64_t count;
    struct memory_subject *root; /* given */
};

static inline struct bytes memory_subject_name(const struct memory_subject *s)
{
    return (struct bytes){s->name, s->size};
}

void memory_subjects_done(struct memory_subjects *t);
struct memory_subject *memory_subjects_find(const struct memory_subjects *t, struct bytes name);
/* The one of this name, made without messages when it is not there. */
struct memory_subject *memory_subjects_get(struct memory_subjects *t, struct bytes name);
/* It has no message left. */
void memory_subjects_remove(struct memory_subjects *t, struct memory_subject *s);

/* Visits, in order, those behind `after` that begin with `prefix`, until visit returns false, which
 * is then returned. */
typedef bool memory_subject_visit_fn(void *context, const struct memory_subject *s);
bool memory_subjects_walk(const struct memory_subjects *t, struct bytes prefix, struct bytes after,
                          memory_subject_visit_fn *visit, void *context);

void memory_subjects_check(const struct memory_subjects *t);

#endif
