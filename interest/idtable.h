/* SPDX-License-Identifier: Apache-2.0 */
/* idtable.h -- a hash table of pool numbers, changed in place by one writer under its readers.
 *
 * Open addressing, linear probing, four bytes a slot. The key lives in the object: a probe yields
 * candidates, the caller compares. Growth (and shrinking) moves a few slots with every operation:
 *
 *   current ---older---> slots of before      a find looks in both; what is added goes to current,
 *                                             what is removed leaves both
 *
 * Invariants
 *   1  `older` is read before `current` is probed. NULL then says that current had everything.
 *   2  Slots are moved by copying: what readers find in the older table stays there till it goes.
 *   3  An id is in current at most once; in the older table and in current it may be at the same time.
 *
 * Bounds: between 1/8 and 0.7 full, so 6 to 12 bytes an id while growing.
 */
#ifndef INTEREST_IDTABLE_H
#define INTEREST_IDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "interest/retire.h"

#define IDTABLE_TOMBSTONE UINT32_MAX /* a slot that probes step over; 0 is where they end */

struct idtable_slots {
    struct retired_block retired;
    struct idtable_slots *_Atomic older; /* still being moved from, or NULL */
    uint32_t mask;
    _Atomic uint32_t slot[];
};

/* The hash under which the id was inserted. */
typedef uint32_t idtable_hash_fn(const void *context, uint32_t id);

struct idtable {
    struct idtable_slots *_Atomic current; /* NULL until the first insert */
    uint32_t live;                         /* ids */
    uint32_t used;                         /* slots of current that are not 0 */
    uint32_t moved;                        /* slots of the older table that are done */
};

/* What the writer's operations need to know. */
struct idtable_user {
    struct retire *retire;
    idtable_hash_fn *hash;
    const void *context;
};

/* The id must not be in the table. */
void idtable_insert(struct idtable *t, const struct idtable_user *user, uint32_t hash, uint32_t id);

/* The id must be in the table. */
void idtable_remove(struct idtable *t, const struct idtable_user *user, uint32_t hash, uint32_t id);

/* Ends a move that is under way and gives back what an emptied table has too much. */
void idtable_trim(struct idtable *t, const struct idtable_user *user);

/* Frees the slots at once; no reader may be left. */
void idtable_done(struct idtable *t);

size_t idtable_bytes(const struct idtable *t);

struct idtable_probe {
    const struct idtable_slots *slots; /* probed now */
    const struct idtable_slots *older; /* probed next */
    uint32_t hash;
    uint32_t index;
};

static inline struct idtable_probe idtable_probe(const struct idtable *t, uint32_t hash)
{
    struct idtable_probe p = {.hash = hash, .index = hash};
    /* Pairs with the release that published the table, and with the one that ended its move. */
    p.slots = atomic_load_explicit(&t->current, memory_order_acquire);
    if (p.slots != NULL)
        p.older = atomic_load_explicit(&p.slots->older, memory_order_acquire);
    return p;
}

/* The next id that may be the one, or 0. */
static inline uint32_t idtable_next(struct idtable_probe *p)
{
    while (p->slots != NULL) {
        const struct idtable_slots *s = p->slots;
        for (;;) {
            /* Pairs with the release in insert: the object of the id is complete. */
            uint32_t id = atomic_load_explicit(&s->slot[p->index & s->mask], memory_order_acquire);
            if (id == 0)
                break;
            p->index++;
            if (id != IDTABLE_TOMBSTONE)
                return id;
        }
        p->slots = p->older;
        p->older = NULL;
        p->index = p->hash;
    }
    return 0;
}

#endif
