/* SPDX-License-Identifier: Apache-2.0 */
/* state.h -- the objects of a subject index, shared by the files of this folder and nobody else.
 *
 *   literals --hash--> entry "foo.bar"          root --> node foo --star--> node * --edges--> node baz
 *                        |first subscriber inline                              (names, not pointers)
 *                        more --> plain list --> block <-> block   (up to 61 subscribers each)
 *                             \-> group q1 --> group q2            (queue groups, each with its list)
 *
 * An entry stands for a literal subject, or for one token of the patterns (a node of the trie). A
 * first subscriber is inline; what comes later, and queue groups, hang on its `more`.
 *
 * Who may read what: fields marked R are followed by readers, and are either atomic or fixed before
 * the object is published. The others are the writer's own.
 *
 * Invariants
 *   1  An object is reachable for readers only after all its R fields are set (publication by release).
 *   2  An object, and a position in a block, is written again only after a grace period.
 *   3  An entry with no first subscriber, no more and no children is not in the index.
 *   4  A block with no live position is not in its list; a list with count 0 has no block.
 *   5  (connection, slot) of every subscriber in a list with `indexed` is in the table `places`.
 */
#ifndef INTEREST_STATE_H
#define INTEREST_STATE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "interest/idtable.h"
#include "interest/pool.h"
#include "interest/retire.h"
#include "interest/stamps.h"
#include "runtime/base/bytes.h"
#include "runtime/base/check.h"
#include "runtime/base/hash.h"

/* retire_item.what; a smaller number is a position in a block. */
enum {
    RETIRED_BLOCK = 64,
    RETIRED_OBJECT,
};

enum {
    BLOCK_REFS_MAX = 61,      /* with the header 1,016 bytes: a size class without slack */
    LIST_INDEXED_ABOVE = 128, /* longer lists find subscribers by hash, not by looking through */
};

#define SID_OUT_OF_LINE (UINT32_C(1) << 31) /* with the number of a struct text */

/* A subscriber: 16 bytes. */
struct ref {
    uint64_t conn;
    uint32_t slot;
    uint32_t sid; /* the canonical number that it is, or SID_OUT_OF_LINE and where its text is */
};

/* A sid that is no canonical number below 2^31. */
struct text {
    uint16_t size;
    char at[];
};

/* A piece of a list of subscribers. */
struct block {
    _Atomic uint64_t live; /* R positions with a subscriber */
    _Atomic uint32_t next; /* R block */
    uint32_t prev;         /* block */
    uint64_t free;         /* positions that may be written */
    uint32_t room_next;    /* blocks of the list with a free position */
    uint32_t room_prev;
    uint32_t owner;  /* object that begins with the list */
    uint8_t pending; /* positions waiting for their grace period */
    uint8_t capacity;
    bool dead;         /* out of its list */
    bool dead_for_all; /* and its grace period is over */
    struct ref refs[]; /* R */
};

struct list {
    _Atomic uint32_t head; /* R block */
    uint32_t room;         /* block with a free position */
    uint32_t count;
    uint32_t indexed; /* 1: subscribers are in `places` */
};

struct more {
    struct list plain;
    _Atomic uint32_t groups; /* R group */
    uint32_t entry;
};

/* The members of one queue name on one subject or pattern. */
struct group {
    struct list members;
    _Atomic uint32_t next; /* R group of the same entry */
    uint32_t prev;
    uint32_t name; /* R */
    uint32_t entry;
    uint32_t hash;
};

/* A queue name, once for the index. */
struct name {
    uint32_t hash;
    uint32_t uses;
    uint16_t size; /* R */
    char at[];     /* R */
};

enum entry_kind {
    ENTRY_LITERAL = 1,
    ENTRY_ROOT,
    ENTRY_TOKEN,
    ENTRY_STAR,
    ENTRY_REST,
};

struct entry {
    uint32_t hash;         /* R */
    uint16_t size;         /* R of the text */
    uint8_t kind;          /* R */
    bool first_used;       /* the inline subscriber was set once; it is never set again */
    _Atomic uint64_t conn; /* R inline subscriber, 0: none */
    uint32_t slot;         /* R */
    uint32_t sid;          /* R */
    _Atomic uint32_t more; /* R */
    /* A literal entry ends here, its subject follows. The rest is of nodes, then their token. */
    uint32_t parent;        /* R */
    _Atomic uint32_t star;  /* R child `*` */
    _Atomic uint32_t rest;  /* R child `>` */
    _Atomic uint32_t edges; /* R number of other children, in the table `edges` */
};

enum {
    ENTRY_LITERAL_TEXT = offsetof(struct entry, parent),
    ENTRY_NODE_TEXT = offsetof(struct entry, edges) + sizeof(uint32_t),
};

static_assert(offsetof(struct entry, kind) == 6, "the pool knows used entries by bytes 4 to 7");
static_assert(ENTRY_LITERAL_TEXT == 28, "the memory budget of a subscription counts on this");
static_assert(sizeof(struct block) + BLOCK_REFS_MAX * sizeof(struct ref) <= POOL_SMALL_MAX,
              "a block is no large object");
static_assert(BLOCK_REFS_MAX <= 64, "positions are bits");

struct interest {
    uint64_t seed;
    struct stamps *_Atomic stamps; /* R */
    _Atomic uint32_t root;         /* R node, 0: no pattern at all */
    struct idtable literals;       /* R subject -> entry */
    struct idtable edges;          /* R parent, token -> node */
    struct pool pool;              /* R */
    struct idtable names;          /* queue name -> name */
    struct idtable groups;         /* entry, name -> group */
    struct idtable places;         /* connection, slot -> the ref itself */
    struct retire retire;
    uint64_t subscriptions;
    uint64_t inserts;
    uint64_t removes;
    uint64_t inserts_at_trim; /* churn before it says nothing about the size of stamps */
};

/* -- reading objects ------------------------------------------------------------------------- */

static inline struct entry *entry_at(const struct interest *in, uint32_t id)
{
    return pool_at(&in->pool, id);
}

static inline const char *entry_text(const struct entry *e)
{
    return (const char *)e + (e->kind == ENTRY_LITERAL ? ENTRY_LITERAL_TEXT : ENTRY_NODE_TEXT);
}

static inline struct bytes entry_bytes(const struct entry *e)
{
    return (struct bytes){entry_text(e), e->size};
}

static inline uint32_t follow(const _Atomic uint32_t *id)
{
    /* Pairs with `publish`. */
    return atomic_load_explicit(id, memory_order_acquire);
}

static inline void publish(_Atomic uint32_t *place, uint32_t id)
{
    atomic_store_explicit(place, id, memory_order_release);
}

/* The same load in the writer, who sees his own stores. */
static inline uint32_t own(const _Atomic uint32_t *id)
{
    return atomic_load_explicit(id, memory_order_relaxed);
}

/* -- hashes ---------------------------------------------------------------------------------- */

static inline uint32_t text_hash(const struct interest *in, struct bytes text)
{
    return (uint32_t)hash_bytes(in->seed, text.at, text.size);
}

static inline uint32_t pair_hash(const struct interest *in, uint64_t a, uint64_t b)
{
    return (uint32_t)hash_u64(in->seed ^ hash_u64(a + 0x9e3779b97f4a7c15u) ^ b);
}

/* Of the edge from a node by a token. */
static inline uint32_t edge_hash(uint32_t parent, uint32_t token_hash)
{
    return (uint32_t)hash_u64(((uint64_t)parent << 32) | token_hash);
}

static inline uint32_t literal_find(const struct interest *in, struct bytes subject, uint32_t hash)
{
    struct idtable_probe p = idtable_probe(&in->literals, hash);
    for (uint32_t id; (id = idtable_next(&p)) != 0;) {
        const struct entry *e = entry_at(in, id);
        if (e->hash == hash && e->size == subject.size &&
            memcmp((const char *)e + ENTRY_LITERAL_TEXT, subject.at, subject.size) == 0)
            return id;
    }
    return 0;
}

static inline uint32_t edge_find(const struct interest *in, uint32_t parent, struct bytes token,
                                 uint32_t hash)
{
    struct idtable_probe p = idtable_probe(&in->edges, hash);
    for (uint32_t id; (id = idtable_next(&p)) != 0;) {
        const struct entry *e = entry_at(in, id);
        if (e->hash == hash && e->parent == parent && e->size == token.size &&
            memcmp((const char *)e + ENTRY_NODE_TEXT, token.at, token.size) == 0)
            return id;
    }
    return 0;
}

#endif
