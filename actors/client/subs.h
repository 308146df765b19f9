/* SPDX-License-Identifier: Apache-2.0 */
/* subs.h -- the subscriptions of one connection, by sid and by slot.
 *
 * Idea        Records of 32 bytes in chunks that never move; a slot is a record's number with a
 *             generation, so that frames for an earlier subscription in the same place are told apart.
 *             The first chunk grows from a few records, the others are whole. A hash table of record
 *             numbers finds sids. Subject and queue name are not here: the account's index has them,
 *             and the record keeps their numbers there.
 * Invariants  1 a record is free, live, or dying: dying ones are no longer found by sid, and are
 *               freed when the account has removed them
 *             2 a freed record is reused last of all free ones
 * Bounds      the table shrinks with the subscriptions; records stay until the connection ends.
 */
#ifndef ACTORS_CLIENT_SUBS_H
#define ACTORS_CLIENT_SUBS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

#define SUBS_NUMBER_BITS 24
#define SUBS_MAX ((uint32_t)1 << SUBS_NUMBER_BITS)

enum sub_state {
    SUB_FREE,
    SUB_OPEN,  /* live, and its addition is in the list that is being collected */
    SUB_SENT,  /* live, and the account has not answered yet */
    SUB_LIVE,  /* live, and in force */
    SUB_DYING, /* over; the account is removing it */
};

struct sub {
    uint64_t sid; /* number, or a struct sid_text's address */
    uint64_t delivered : 60;
    uint64_t state : 3; /* enum sub_state */
    uint64_t sid_is_text : 1;
    uint32_t max;   /* 0: none */
    uint32_t entry; /* in the account's index; SUB_OPEN: number of its operation; SUB_FREE: next */
    uint32_t queue; /* in the account's index; 0: plain */
    uint32_t number : SUBS_NUMBER_BITS; /* of this record */
    uint32_t generation : 8;
};

_Static_assert(sizeof(struct sub) == 32, "what a subscription costs its connection");

#define SUBS_CHUNK 128u

struct subs {
    struct sub **chunks; /* SUBS_CHUNK records each, but for the first while it is the only one */
    uint32_t *table;     /* record number, and its distance from home; 0: empty */
    uint32_t made;       /* records ever used */
    uint32_t capacity;   /* of all chunks, in records */
    uint32_t live;
    uint32_t table_size; /* a power of two, or 0 */
    uint32_t free_first; /* record number + 1 */
    uint32_t free_last;
    uint64_t seed;
};

void subs_done(struct subs *subs);

/* NULL: none. */
struct sub *subs_find(const struct subs *subs, struct bytes sid);

/* The live record that a delivery names, or NULL. */
struct sub *subs_at(const struct subs *subs, uint32_t slot);
/* Whatever the record's state: for the account's answers. */
struct sub *subs_any(const struct subs *subs, uint32_t slot);

/* The sid is new. NULL: SUBS_MAX are there. */
struct sub *subs_add(struct subs *subs, struct bytes sid);

static inline uint32_t subs_slot(const struct sub *sub)
{
    return (uint32_t)sub->generation << SUBS_NUMBER_BITS | sub->number;
}

/* Writes at most SUB_SID_DIGITS when it is a number; else borrowed from the record. */
#define SUB_SID_DIGITS 20
struct bytes subs_sid(const struct sub *sub, char digits[SUB_SID_DIGITS]);

/* Live -> dying: not found by sid from now on. */
void subs_bury(struct subs *subs, struct sub *sub);
/* Dying -> free. */
void subs_free(struct subs *subs, struct sub *sub);

/* The next live record from *cursor on, or NULL. */
struct sub *subs_next(const struct subs *subs, uint32_t *cursor);

#endif
