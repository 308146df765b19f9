/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_match.h -- which records of a chunk a filter wants.
 *
 * Idea        The filter meets the chunk's dictionary once: a literal subject by binary search, one with
 *             wildcards among those that begin as it does. What comes out is walked by record number: all,
 *             none, the postings of one subject, or a bit a record, of which 64 are skipped at a time.
 * Bounds      a bit a record, if several subjects match; kept from chunk to chunk.
 */
#ifndef STORE_CHUNK_MATCH_H
#define STORE_CHUNK_MATCH_H

#include <stdint.h>

#include "store/format/chunk_index.h"
#include "store/msglog.h"

enum chunk_match_form { CHUNK_MATCH_NONE, CHUNK_MATCH_ONE, CHUNK_MATCH_BITS, CHUNK_MATCH_ALL };

/* Zeroed at first. */
struct chunk_match {
    enum chunk_match_form form;
    uint32_t subject;  /* ONE */
    uint32_t capacity; /* words of bits */
    uint64_t *bits;    /* given */
};

void chunk_match_done(struct chunk_match *m);

void chunk_match_make(struct chunk_match *m, const struct chunk_index *x,
                      const struct filter *filter);

#define CHUNK_MATCH_END UINT32_MAX

/* The first record that matches at or after `record`; CHUNK_MATCH_END: none. */
uint32_t chunk_match_next(const struct chunk_match *m, const struct chunk_index *x,
                          uint32_t record);
/* The last one at or before it. */
uint32_t chunk_match_prev(const struct chunk_match *m, const struct chunk_index *x,
                          uint32_t record);
/* How many match at or after it. */
uint32_t chunk_match_count(const struct chunk_match *m, const struct chunk_index *x,
                           uint32_t record);

#endif
