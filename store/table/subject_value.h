/* SPDX-License-Identifier: Apache-2.0 */
/* subject_value.h -- what a table knows of a subject, and its form in runs.
 *
 *     count zigzag varint, first_seq varint, last_seq - first_seq (modulo 2^64) zigzag varint,
 *     and a byte if it is not 0: 1 first_bound, 2 total
 *
 * Newer and older knowledge of one subject join: counts add up, the newest known last remains, and
 * of the firsts the oldest known, unless a newer table knows better. A total is all there is to know:
 * nothing older counts, so that who looks a subject up is done with the newest table that has one.
 * First and last may name messages that are dead by now: they say where to look, and what was found
 * can be set.
 */
#ifndef STORE_TABLE_SUBJECT_VALUE_H
#define STORE_TABLE_SUBJECT_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;

struct subject_value {
    int64_t count;      /* messages more (fewer) than older tables know of; of a total all */
    uint64_t first_seq; /* 0: not known here */
    uint64_t last_seq;  /* 0: not known here */
    bool first_bound;   /* no message before first_seq has it, whatever older tables say */
    bool total;         /* older tables have nothing to add */
};

void subject_value_write(const struct subject_value *v, struct buffer *out);
int subject_value_read(struct bytes value, struct subject_value *ret)
    __attribute__((warn_unused_result));
/* Joins older knowledge into v, unless v is a total. -EOVERFLOW: counts that can not be. */
int subject_value_join(struct subject_value *v, const struct subject_value *older)
    __attribute__((warn_unused_result));

#endif
