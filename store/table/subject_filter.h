/* SPDX-License-Identifier: Apache-2.0 */
/* subject_filter.h -- where in an ordered table the next subject that a pattern covers can be.
 *
 * Idea        A scan with a filter never walks through what can not match: from a subject that does
 *             not match it is told the lowest bytes at which one might, and seeks there.
 *
 *                 orders.*.paid     at orders.7.new    →  orders.7.paid
 *                                   at orders.7.sent   →  orders.7/        (past all of orders.7.)
 *                                   at payments.x      →  the end
 */
#ifndef STORE_TABLE_SUBJECT_FILTER_H
#define STORE_TABLE_SUBJECT_FILTER_H

#include "runtime/base/bytes.h"

struct buffer;

enum subject_filter_found {
    SUBJECT_FILTER_MATCH, /* the pattern covers it */
    SUBJECT_FILTER_SEEK,  /* nothing before ret_seek matches; that is higher than the subject */
    SUBJECT_FILTER_END,   /* nothing from here on matches */
};

/* The pattern may have wildcards, and covers what subject_matches says; an empty one covers all. */
enum subject_filter_found subject_filter_at(struct bytes pattern, struct bytes subject,
                                            struct buffer *ret_seek);

#endif
