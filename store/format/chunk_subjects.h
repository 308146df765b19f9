/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_subjects.h -- the subjects of a chunk that is being built: a number for each, then their order.
 *
 * Idea        A subject gets a number when it is first seen. At the end they are sorted, by numbers of 8
 *             bytes behind what all of them share (which settles most of them) by radix, and the rest by
 *             comparison; numbers become ranks.
 * Bounds      CHUNK_RECORDS_MAX subjects; the bytes of their texts, 24 bytes each, and a table.
 */
#ifndef STORE_FORMAT_CHUNK_SUBJECTS_H
#define STORE_FORMAT_CHUNK_SUBJECTS_H

#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/format/buffer.h"

struct chunk_subject {
    uint32_t at; /* in the text */
    uint32_t size;
    uint32_t hash;
};

struct chunk_subjects {
    uint64_t seed; /* of the table alone: what is built does not depend on it */
    struct buffer text;
    struct chunk_subject *list; /* by number */
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* number + 1; 0: none */
    uint32_t slot_mask;
    uint32_t last; /* the number given last: messages of one subject come in rows */
};

void chunk_subjects_init(struct chunk_subjects *s, uint64_t seed);
void chunk_subjects_done(struct chunk_subjects *s);

uint32_t chunk_subjects_number(struct chunk_subjects *s, struct bytes subject);

static inline struct bytes chunk_subjects_text(const struct chunk_subjects *s, uint32_t number)
{
    return (struct bytes){s->text.at + s->list[number].at, s->list[number].size};
}

/* Numbers in the order of their subjects' bytes. */
void chunk_subjects_sort(const struct chunk_subjects *s, uint32_t *ret_order);

/* How subjects are ordered: by bytes, the shorter first. */
int chunk_subject_compare(struct bytes a, struct bytes b);
size_t chunk_subject_shared(struct bytes a, struct bytes b);

#endif
