/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_places.h -- where the live records of a ledger lie: the rules by which they replace one another.
 *
 * Idea        A table by gid. Records are applied in the order of the file; what is left is what lives:
 *             the last GROUP, the last CHECKPOINT, the MAKINGs since; the last FLOOR. A GONE leaves
 *             nothing of its group, so that it need not be kept here: the file remembers it, and a ledger
 *             written anew has neither it nor what it ended.
 * Invariants  1 a group is in the table if and only if one of its records lives
 *             2 live_bytes is the size of all live records, framed; records their count
 *             3 the table is at most three quarters full, and an entry is reached from its home over
 *               entries alone
 * Bounds      48 bytes a slot: 64 to 128 bytes a group; 24 bytes a MAKING.
 */
#ifndef STORE_LEDGER_PLACES_H
#define STORE_LEDGER_PLACES_H

#include "store/format/ledger_record.h"

struct ledger_making;

struct ledger_slot {
    uint64_t gid;                  /* 0: empty */
    uint64_t group;                /* position; 0: none, for a block's header comes first */
    uint64_t checkpoint;           /* likewise */
    uint32_t group_size;           /* of the body */
    uint32_t checkpoint_size;      /* likewise */
    struct ledger_making *makings; /* given; latest first */
};

struct ledger_place {
    enum ledger_kind kind;
    uint32_t size; /* of the body */
    uint64_t gid;
    uint64_t position;
};

struct ledger_places {
    struct ledger_slot *slots; /* given */
    size_t capacity;           /* a power of two, or 0 */
    size_t groups;
    uint64_t floor;    /* position; 0: none */
    uint32_t lost;     /* blocks, not accounted for */
    uint64_t lost_end; /* records before this are doubtful; 0: none are */
    uint64_t records;
    uint64_t live_bytes;
};

/* Zeroed: empty. */
void ledger_places_done(struct ledger_places *p);

/* A record of the file, in its order. */
void ledger_places_apply(struct ledger_places *p, const struct ledger_place *place);
/* `lost` more blocks before `end` are not readable. */
void ledger_places_lose(struct ledger_places *p, uint32_t lost, uint64_t end);
/* All that was lost before `end` is this much; 0: accounted for. */
void ledger_places_settle(struct ledger_places *p, uint32_t lost, uint64_t end);

/* Of a GROUP, CHECKPOINT or FLOOR. False: there is none. */
bool ledger_places_find(const struct ledger_places *p, enum ledger_kind kind, uint64_t gid,
                        struct ledger_place *ret);
/* All that live, by position: p->records of them. The caller frees it; NULL when there are none. */
struct ledger_place *ledger_places_list(const struct ledger_places *p);

void ledger_places_check(const struct ledger_places *p);

#endif
