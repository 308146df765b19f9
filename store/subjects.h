/* SPDX-License-Identifier: Apache-2.0 */
/* subjects.h -- how many messages each subject of a log has, and which are its first and last.
 *
 * Idea        Counts are exact. First and last are where to look: the message may be dead by now, and the
 *             one that took its place is searched for when somebody asks, from there on, and remembered.
 */
#ifndef STORE_SUBJECTS_H
#define STORE_SUBJECTS_H

#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/table/subject_value.h"

struct buffer;
struct subjects;

struct subjects *subjects_new(uint64_t seed);
void subjects_free(struct subjects **s);

/* A message of this subject is there now. */
void subjects_appended(struct subjects *s, struct bytes subject, uint64_t seq);
/* One is no more. */
void subjects_removed(struct subjects *s, struct bytes subject);
void subjects_clear(struct subjects *s);
/* No message before first_seq (0: nothing learnt) or after last_seq (0) has it. */
void subjects_learn(struct subjects *s, struct bytes subject, uint64_t first_seq,
                    uint64_t last_seq);

/* 0; -ENOENT: it has no message; -EAGAIN, -EBADMSG as all look-ups. */
int subjects_get(struct subjects *s, struct bytes subject, struct subject_value *ret)
    __attribute__((warn_unused_result));
/* The first after `after` (size 0: the first of all) that matches and has messages; the subject is the
 * table's, until its next change. -ENOENT: none. */
int subjects_next(struct subjects *s, struct bytes filter, struct bytes after,
                  struct bytes *ret_subject, struct subject_value *ret)
    __attribute__((warn_unused_result));
/* Distinct subjects that have messages. */
uint64_t subjects_count(const struct subjects *s);

void subjects_write(struct subjects *s, struct buffer *to);
/* Into an empty one. -EBADMSG. */
int subjects_read(struct subjects *s, struct bytes section) __attribute__((warn_unused_result));

#endif
