/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_model.h -- what a ledger is to hold, as plain arrays; and bodies that a number decides. */
#ifndef TESTS_UNIT_STORE_LEDGER_MODEL_H
#define TESTS_UNIT_STORE_LEDGER_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "store/format/ledger_record.h"
#include "store/format/little.h"

enum { MODEL_GIDS = 12, MODEL_MAKINGS_MAX = 6, MODEL_BODY_MAX = 80000 };

/* Records by the tags of their bodies; 0: none. */
struct model {
    struct {
        uint32_t group;
        uint32_t checkpoint;
        uint32_t makings[MODEL_MAKINGS_MAX];
    } groups[MODEL_GIDS + 1];
    uint32_t floor;
};

/* A body: its tag, its size, bytes that follow from both. Most are small, some take a block, some more. */
static inline struct bytes model_body(enum ledger_kind kind, uint32_t tag)
{
    static char bytes[MODEL_BODY_MAX];
    struct prng prng;
    prng_init(&prng, tag);
    size_t size = 8 + prng_below(&prng, 300);
    if (prng_one_in(&prng, 12))
        size = prng_below(&prng, 2) ? 30000 : MODEL_BODY_MAX;
    if (kind == LEDGER_FLOOR)
        size = LEDGER_FLOOR_SIZE;
    put_u32(bytes, tag);
    put_u32(bytes + 4, (uint32_t)size);
    memset(bytes + 8, (int)(tag % 251), size - 8);
    return (struct bytes){bytes, size};
}

/* The tag of a body that is what it was when it was put. */
static inline uint32_t model_tag(const struct ledger_record *record)
{
    CHECK(record->body.size >= 8);
    uint32_t tag = get_u32(record->body.at);
    CHECK(bytes_equal(record->body, model_body(record->kind, tag)));
    return tag;
}

static inline void model_apply(struct model *m, enum ledger_kind kind, uint64_t gid, uint32_t tag)
{
    CHECK(gid <= MODEL_GIDS);
    unsigned n = 0;
    switch (kind) {
    case LEDGER_GROUP: m->groups[gid].group = tag; return;
    case LEDGER_CHECKPOINT:
        m->groups[gid].checkpoint = tag;
        memset(m->groups[gid].makings, 0, sizeof m->groups[gid].makings);
        return;
    case LEDGER_GONE: memset(&m->groups[gid], 0, sizeof m->groups[gid]); return;
    case LEDGER_MAKING:
        while (n < MODEL_MAKINGS_MAX && m->groups[gid].makings[n] != 0)
            n++;
        if (n == MODEL_MAKINGS_MAX) { /* the checkpoint that ended them was lost: the last ones */
            n--;
            memmove(m->groups[gid].makings, m->groups[gid].makings + 1, n * sizeof(uint32_t));
        }
        m->groups[gid].makings[n] = tag;
        return;
    case LEDGER_FLOOR: m->floor = tag; return;
    case LEDGER_LOST: break;
    }
    UNREACHABLE("no such kind");
}

static inline bool model_has_room(const struct model *m, enum ledger_kind kind, uint64_t gid)
{
    return kind != LEDGER_MAKING || m->groups[gid].makings[MODEL_MAKINGS_MAX - 1] == 0;
}

static inline bool model_equal(const struct model *a, const struct model *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

#endif
