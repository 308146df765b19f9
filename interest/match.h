/* SPDX-License-Identifier: Apache-2.0 */
/* match.h -- who gets a message on a subject, remembered: the match cache of a worker.
 *
 * A match is a copy of all that the index said: no pointer into the index, sids as text, plain
 * subscribers in classes of equal sid (a publisher encodes a frame once a class), queue members by
 * queue name. It holds as long as the index's stamps for the subject are what they were when the
 * match was made (four loads); churn elsewhere in the account leaves it alone.
 *
 *   plain    [ sid "1": conn 3, conn 9 ][ sid "2": conn 3 ][ sid "abc": conn 7 ]
 *   ends       2                          3                  4
 *
 * Order, by numbers alone: classes whose sid is a canonical number below 2^31 first, by number, then
 * the others by text; connection, then slot inside. Groups by name; members by connection, then slot.
 *
 * A cache belongs to one thread and serves any number of indexes. All look-ups happen inside a read
 * section of the index. Memory: sets of five lines, grown with use up to a quarter of bytes_max; lines are
 * mallocs; over bytes_max the lines not asked for recently go. Results of more than 4,096
 * subscribers are no lines: the last one is kept apart, in memory used again.
 */
#ifndef INTEREST_MATCH_H
#define INTEREST_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "interest/stamps.h"
#include "runtime/base/bytes.h"

struct interest;
struct match_cache;

enum {
    MATCH_CACHED_MAX = 4096,           /* subscribers of a result that becomes a line */
    MATCH_CACHE_BYTES_MIN = 64 * 1024, /* smallest bytes_max */
    MATCH_SID_INLINE_MAX = 11,
    MATCH_SID_LONG = 255, /* sid_size of a target whose sid is in the match's text */
};

/* A subscriber. */
struct match_target {
    uint64_t conn;
    uint32_t slot;
    uint8_t sid_size; /* up to MATCH_SID_INLINE_MAX, or MATCH_SID_LONG: ask match_sid */
    char sid[MATCH_SID_INLINE_MAX];
};

static_assert(sizeof(struct match_target) == 24, "a match is mostly these");

/* The members of a queue, over all patterns that cover the subject. */
struct match_group {
    uint32_t first; /* member, as index into match_members */
    uint32_t count; /* at least 1 */
    uint32_t name;  /* ask match_queue */
    uint32_t name_size;
};

/* The fixed part; what follows it in memory is reached by the functions below. */
struct match {
    uint64_t interest_id;
    struct stamps_taken taken;
    uint32_t subject_size;
    uint32_t plain_count;
    uint32_t class_count;
    uint32_t group_count;
    uint32_t member_count; /* of all groups together */
    uint32_t units;        /* of 16 bytes: memory of this match */
    char subject[];        /* then, aligned to 8, what the functions below give */
};

static_assert(offsetof(struct match, subject) == 60, "with a short subject 72 bytes in all");

/* bytes_max: memory for all lines, sets and scratch results (at least MATCH_CACHE_BYTES_MIN). */
struct match_cache *match_cache_new(size_t bytes_max, uint64_t seed);
void match_cache_free(struct match_cache **cache);

/* All that the literal subject reaches; never NULL. interest_id is unique among all indexes that ever
 * come to this cache. Good until match_cache_version changes, or the next match_find that misses,
 * which is the same, whatever happens to the index; but nothing it names is more recent than the call. */
const struct match *match_find(struct match_cache *cache, const struct interest *in,
                               uint64_t interest_id, struct bytes subject);

/* Whether a match that is still good is what match_find would return now. */
bool match_current(const struct match *match, const struct interest *in);

/* Changes whenever a match that was returned may have gone or been made anew. */
uint64_t match_cache_version(const struct match_cache *cache);

/* Forgets the lines of an index that is gone; all of them with 0. */
void match_cache_drop(struct match_cache *cache, uint64_t interest_id);

/* Lines of one index, or of all with 0; a walk over the cache. */
struct match_cache_stats {
    uint64_t lines;      /* num_cache */
    uint64_t fanout;     /* plain subscribers and groups of all lines together */
    uint64_t fanout_max; /* of one line */
    uint64_t finds;      /* of all indexes */
    uint64_t hits;
    size_t bytes; /* of the cache as a whole */
};

void match_cache_stats(const struct match_cache *cache, uint64_t interest_id,
                       struct match_cache_stats *ret_stats);

/* Plain targets, sorted: plain_count of them. */
static inline const struct match_target *match_plain(const struct match *m)
{
    size_t offset = (offsetof(struct match, subject) + m->subject_size + 7) & ~(size_t)7;
    return (const struct match_target *)((const char *)m + offset);
}

static inline const struct match_target *match_members(const struct match *m)
{
    return match_plain(m) + m->plain_count;
}

/* group_count of them. */
static inline const struct match_group *match_groups(const struct match *m)
{
    return (const struct match_group *)(match_members(m) + m->member_count);
}

/* The members of a group, group->count of them. */
static inline const struct match_target *match_group_members(const struct match *m,
                                                             const struct match_group *group)
{
    return match_members(m) + group->first;
}

/* class_count of them: [i] is the index behind the last plain target of class i. */
static inline const uint32_t *match_class_ends(const struct match *m)
{
    return (const uint32_t *)(match_groups(m) + m->group_count);
}

/* Queue names and long sids. */
static inline const char *match_text(const struct match *m)
{
    return (const char *)(match_class_ends(m) + m->class_count);
}

static inline struct bytes match_subject(const struct match *m)
{
    return (struct bytes){m->subject, m->subject_size};
}

static inline struct bytes match_queue(const struct match *m, const struct match_group *group)
{
    return (struct bytes){match_text(m) + group->name, group->name_size};
}

static inline struct bytes match_sid(const struct match *m, const struct match_target *target)
{
    if (target->sid_size != MATCH_SID_LONG)
        return (struct bytes){target->sid, target->sid_size};
    uint32_t at;
    uint32_t size;
    memcpy(&at, target->sid, sizeof(at));
    memcpy(&size, target->sid + sizeof(at), sizeof(size));
    return (struct bytes){match_text(m) + at, size};
}

#endif
