/* SPDX-License-Identifier: Apache-2.0 */
/* match.c -- the cache of matches.
 *
 * Idea        Sets of five, one processor cache line each: five pointers to lines, five tags, and a bit
 *             a line that says it was asked for since the hand last passed. The place of a set comes
 *             from the low bits of the tag, so that doubling the sets looks at no line.
 * Invariants  1  bytes is the memory of sets, lines and the large result. 2  A line's tag is the hash of
 *             its subject and index. 3  Every change of a line's content or memory counts version up.
 * Bounds      bytes <= bytes_max after every match_find, but for one large result and the scratch of a
 *             walk, which the next match_find gives back when they alone pass it.
 */
#include "interest/match.h"

#include <stdlib.h>

#include "interest/match_build.h"

enum {
    WAYS = 5,
    SETS_MIN = 16,
    UNIT = 16,
    LINES_PER_SET = 1, /* on average: with more, sets double rather than evict */
    SETS_SHARE = 4,    /* sets take at most this part of bytes_max, */
    LINE_SHARE = 16,   /* and a line this one */
    MALLOC_HEAD = 8,   /* before each block; blocks with it are multiples of UNIT */
};

struct set {
    struct match *line[WAYS];
    uint32_t tag[WAYS];
    uint8_t recent; /* bit a way */
    uint8_t pad[3];
};

static_assert(sizeof(struct set) == 64, "a set is one processor cache line");

struct match_cache {
    uint64_t seed;
    uint64_t version;
    struct set *sets;
    uint32_t set_mask;
    uint32_t hand; /* set that eviction looks at next */
    size_t lines;
    size_t bytes;
    size_t bytes_max;
    struct match *large; /* the last result that is no line, or NULL */
    struct match_build build;
    uint64_t finds;
    uint64_t hits;
};

static struct set *sets_new(uint32_t count)
{
    struct set *sets = aligned_alloc(sizeof(struct set), count * sizeof(struct set));
    CHECK(sets != NULL);
    memset(sets, 0, count * sizeof(struct set));
    return sets;
}

static size_t sets_bytes(const struct match_cache *c)
{
    return ((size_t)c->set_mask + 1) * sizeof(struct set);
}

struct match_cache *match_cache_new(size_t bytes_max, uint64_t seed)
{
    CHECK(bytes_max >= MATCH_CACHE_BYTES_MIN);
    struct match_cache *c = calloc(1, sizeof(*c));
    CHECK(c != NULL);
    c->seed = seed;
    c->bytes_max = bytes_max;
    c->sets = sets_new(SETS_MIN);
    c->set_mask = SETS_MIN - 1;
    c->bytes = sets_bytes(c);
    return c;
}

/* -- lines ----------------------------------------------------------------------------------- */

static size_t match_bytes(const struct match *m)
{
    return (size_t)m->units * UNIT;
}

/* Bytes that fit in the memory of a match. */
static size_t match_room(const struct match *m)
{
    return (size_t)m->units * UNIT - MALLOC_HEAD;
}

static struct match *match_new(struct match_cache *c, size_t bytes)
{
    size_t units = (bytes + MALLOC_HEAD + UNIT - 1) / UNIT;
    CHECK(units <= UINT32_MAX);
    struct match *m = malloc(units * UNIT - MALLOC_HEAD);
    CHECK(m != NULL);
    m->units = (uint32_t)units;
    c->bytes += match_bytes(m);
    return m;
}

static void match_free(struct match_cache *c, struct match **m)
{
    CHECK(c->bytes >= match_bytes(*m));
    c->bytes -= match_bytes(*m);
    free(*m);
    *m = NULL;
    c->version++;
}

static void evict(struct match_cache *c, struct set *set, int way)
{
    match_free(c, &set->line[way]);
    set->recent &= (uint8_t) ~(1u << way);
    CHECK(c->lines > 0);
    c->lines--;
}

void match_cache_drop(struct match_cache *c, uint64_t interest_id)
{
    for (uint32_t i = 0; i <= c->set_mask; i++) {
        for (int way = 0; way < WAYS; way++) {
            struct match *m = c->sets[i].line[way];
            if (m != NULL && (interest_id == 0 || m->interest_id == interest_id))
                evict(c, &c->sets[i], way);
        }
    }
    if (c->large != NULL && (interest_id == 0 || c->large->interest_id == interest_id))
        match_free(c, &c->large);
}

void match_cache_free(struct match_cache **cache)
{
    struct match_cache *c = *cache;
    *cache = NULL;
    if (c == NULL)
        return;
    match_cache_drop(c, 0);
    CHECK(c->lines == 0 && c->bytes == sets_bytes(c));
    match_build_done(&c->build);
    free(c->sets);
    free(c);
}

/* The hand goes over the sets until there is room: a line not asked for since it last passed goes. */
static void make_room(struct match_cache *c, size_t bytes)
{
    while (c->bytes + bytes > c->bytes_max && c->lines > 0) {
        struct set *set = &c->sets[c->hand];
        c->hand = (c->hand + 1) & c->set_mask;
        for (int way = 0; way < WAYS; way++) {
            if (set->line[way] != NULL && (set->recent >> way & 1) == 0)
                evict(c, set, way);
        }
        set->recent = 0;
    }
}

static int way_to_use(struct match_cache *c, struct set *set)
{
    for (int way = 0; way < WAYS; way++) {
        if (set->line[way] == NULL)
            return way;
    }
    unsigned stale = ~(unsigned)set->recent & ((1u << WAYS) - 1);
    if (stale == 0) {
        set->recent = 0;
        stale = 1u << (c->version % WAYS);
    }
    int way = __builtin_ctz(stale);
    evict(c, set, way);
    return way;
}

static void put_line(struct match_cache *c, struct match *m, uint32_t tag)
{
    struct set *set = &c->sets[tag & c->set_mask];
    int way = way_to_use(c, set);
    set->line[way] = m;
    set->tag[way] = tag;
    set->recent |= (uint8_t)(1u << way);
    c->lines++;
}

static void double_sets(struct match_cache *c)
{
    struct set *old = c->sets;
    uint32_t count = c->set_mask + 1;
    c->bytes -= sets_bytes(c);
    c->sets = sets_new(count * 2);
    c->set_mask = count * 2 - 1;
    c->bytes += sets_bytes(c);
    c->lines = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (int way = 0; way < WAYS; way++) {
            if (old[i].line[way] != NULL)
                put_line(c, old[i].line[way], old[i].tag[way]);
        }
    }
    free(old);
}

static bool is_full(const struct set *set)
{
    for (int way = 0; way < WAYS; way++) {
        if (set->line[way] == NULL)
            return false;
    }
    return true;
}

static bool may_double(const struct match_cache *c)
{
    return c->lines >= (size_t)LINES_PER_SET * (c->set_mask + 1) &&
           sets_bytes(c) * 2 <= c->bytes_max / SETS_SHARE;
}

/* -- finding --------------------------------------------------------------------------------- */

static bool is_for(const struct match *m, uint64_t interest_id, struct bytes subject)
{
    return m->interest_id == interest_id && m->subject_size == subject.size &&
           memcmp(m->subject, subject.at, subject.size) == 0;
}

bool match_current(const struct match *match, const struct interest *in)
{
    /* Pairs with the stores in replace_stamps and stamps_bump. */
    return stamps_hold(atomic_load_explicit(&in->stamps, memory_order_acquire), &match->taken);
}

static uint32_t tag_of(const struct match_cache *c, uint64_t interest_id, struct bytes subject)
{
    return (uint32_t)hash_bytes(c->seed + interest_id * 0x9e3779b97f4a7c15u, subject.at,
                                subject.size);
}

/* Scratch and result that alone would fill the cache do not stay. */
static void shed_large(struct match_cache *c)
{
    if (c->large != NULL && match_bytes(c->large) > c->bytes_max)
        match_free(c, &c->large);
    if (c->build.walk.plain.capacity * sizeof(struct found) > c->bytes_max ||
        c->build.walk.queued.capacity * sizeof(struct found) > c->bytes_max)
        match_build_done(&c->build);
}

static const struct match *write_large(struct match_cache *c, const struct interest *in,
                                       uint64_t interest_id, struct bytes subject)
{
    size_t bytes = c->build.bytes;
    if (c->large != NULL && match_room(c->large) < bytes)
        match_free(c, &c->large);
    make_room(c, c->large == NULL ? bytes + MALLOC_HEAD + UNIT : 0);
    if (c->large == NULL)
        c->large = match_new(c, bytes);
    c->large->interest_id = interest_id;
    match_write(&c->build, in, subject, c->large);
    return c->large;
}

static bool is_large(const struct match_cache *c)
{
    return c->build.walk.plain.count + c->build.walk.queued.count > MATCH_CACHED_MAX ||
           c->build.bytes > c->bytes_max / LINE_SHARE;
}

/* The result is not there, or no more true: `set` and `way` are the line it had, if any. */
static const struct match *find_anew(struct match_cache *c, const struct interest *in,
                                     uint64_t interest_id, struct bytes subject, uint32_t tag,
                                     struct set *set, int way)
{
    if (c->large != NULL && is_for(c->large, interest_id, subject) && match_current(c->large, in)) {
        c->hits++;
        return c->large;
    }
    shed_large(c);
    match_collect(&c->build, in, subject);
    c->version++;
    if (is_large(c)) {
        if (set != NULL)
            evict(c, set, way);
        return write_large(c, in, interest_id, subject);
    }
    size_t bytes = c->build.bytes;
    struct match *m = set == NULL ? NULL : set->line[way];
    if (m != NULL && (match_room(m) < bytes || m->units > bytes / UNIT * 2 + UNIT)) {
        evict(c, set, way);
        m = NULL;
    }
    if (m == NULL) {
        make_room(c, bytes + MALLOC_HEAD + UNIT);
        if (is_full(&c->sets[tag & c->set_mask]) && may_double(c))
            double_sets(c);
        m = match_new(c, bytes);
        m->interest_id = interest_id;
        put_line(c, m, tag);
    }
    match_write(&c->build, in, subject, m);
    return m;
}

const struct match *match_find(struct match_cache *c, const struct interest *in,
                               uint64_t interest_id, struct bytes subject)
{
    CHECK(interest_id != 0);
    if (subject.size == 0)
        subject = BYTES("");
    uint32_t tag = tag_of(c, interest_id, subject);
    struct set *set = &c->sets[tag & c->set_mask];
    c->finds++;
    for (int way = 0; way < WAYS; way++) {
        struct match *m = set->line[way];
        if (set->tag[way] != tag || m == NULL || !is_for(m, interest_id, subject))
            continue;
        if (!match_current(m, in))
            return find_anew(c, in, interest_id, subject, tag, set, way);
        if ((set->recent >> way & 1) == 0)
            set->recent |= (uint8_t)(1u << way);
        c->hits++;
        return m;
    }
    return find_anew(c, in, interest_id, subject, tag, NULL, 0);
}

uint64_t match_cache_version(const struct match_cache *cache)
{
    return cache->version;
}

void match_cache_stats(const struct match_cache *c, uint64_t interest_id,
                       struct match_cache_stats *ret_stats)
{
    struct match_cache_stats stats = {.finds = c->finds, .hits = c->hits, .bytes = c->bytes};
    for (uint32_t i = 0; i <= c->set_mask; i++) {
        for (int way = 0; way < WAYS; way++) {
            const struct match *m = c->sets[i].line[way];
            if (m == NULL || (interest_id != 0 && m->interest_id != interest_id))
                continue;
            uint64_t fanout = (uint64_t)m->plain_count + m->group_count;
            stats.lines++;
            stats.fanout += fanout;
            if (fanout > stats.fanout_max)
                stats.fanout_max = fanout;
        }
    }
    *ret_stats = stats;
}
