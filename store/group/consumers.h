/* SPDX-License-Identifier: Apache-2.0 */
/* consumers.h -- the consumers of one stream: half of a group's state.
 *
 * Idea        Changes come from two sides. Entries about consumers are applied here; what happens
 *             to messages is told by the stream's half, which owns them. What a consumer has
 *             settled goes back to it, so that interest and work queue retention remove in the same
 *             apply:
 *
 *                 entries ──► consumers_apply ──► settled(consumer, seq) ──► consumers_want?
 *                                                                                 │ no
 *                 told: appended, skipped, removed, compacted, purged  ◄── removes it
 *
 *             Nothing here looks a message up: counts come through a count_source, and whether a
 *             message is still there through `live`.
 * -EAGAIN     is nothing that happens here. To have the pages that removing will need before
 *             anything has changed, the stream's half asks consumers_preview what an entry would
 *             settle.
 * Invariants  1 ids and names are unique, 2 the hash is the sum over consumers, 3 those with
 *             entries are in busy, 4 all of consumer.h and filter_group.h
 * Bounds      CONSUMERS_MAX. An append or removal costs the filters that match, a removal also
 *             those consumers that have something pending as far down as it.
 */
#ifndef STORE_GROUP_CONSUMERS_H
#define STORE_GROUP_CONSUMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/format/entry.h"
#include "store/group/consumer.h"

#define CONSUMERS_MAX ((uint32_t)1 << 20)

struct consumers {
    struct consumer **by_id; /* given: buckets */
    struct consumer **by_name;
    uint32_t bucket_count; /* a power of two */
    uint32_t count;
    struct consumer **busy; /* given: those with entries, in no order */
    uint32_t busy_count;
    uint32_t busy_capacity;
    uint64_t busy_low; /* no consumer has an entry below */
    struct filter_groups *groups;
    uint64_t seed;
    uint64_t last_seq; /* of the stream */
    uint64_t hash;
};

struct consumers *consumers_new(uint64_t seed);
void consumers_free(struct consumers **consumers);

/* --- entries ---------------------------------------------------------------------------------- */

/* The stream as apply sees it. */
struct consumers_world {
    int64_t now_ns;     /* log time */
    uint64_t first_seq; /* of the stream; last_seq + 1 when it is empty */
    /* Whether a sequence that was there still is; NULL: all are. */
    bool (*live)(void *context, uint64_t seq);
    consumer_settled_fn *settled; /* NULL: retention is by limits */
    void *context;
};

/* What an entry about one consumer has done. */
struct consumers_applied {
    uint32_t id;
    bool created;
    bool uncounted; /* it wants consumers_count before it can say how much is ahead */
    /* Messages that it wanted and does not any more lie in here; 0, 0: nowhere. With interest
     * retention the stream's half goes through them and asks consumers_want. */
    uint64_t lapsed_from;
    uint64_t lapsed_to;
};

/* Applies an entry of kinds 0x20 to 0x25. 0, or the refusal, which has changed nothing: -EBADMSG,
 * -ENOTSUP (unreadable); PUT: -EEXIST (the name or the id is another's), -EINVAL (acknowledgements
 * cannot change), -ENOSPC, -ERANGE (sequences are used up); DROP, SET, HANDOVER: -ENOENT; HANDOVER:
 * -ERANGE (not a state that this consumer can have in this stream).
 * DELIVERED and ACKS pass over consumers and messages that are not there. */
int consumers_apply(struct consumers *set, const struct entry *e,
                    const struct consumers_world *world, struct consumers_applied *ret)
    __attribute__((warn_unused_result));
/* Calls world->settled for all that applying DELIVERED or ACKS would settle, maybe more, some
 * twice; changes nothing. */
void consumers_preview(struct consumers *set, const struct entry *e,
                       const struct consumers_world *world);

/* --- what happens to messages: told by the stream's half -------------------------------------- */

void consumers_appended(struct consumers *set, uint64_t seq, struct bytes subject);
/* Sequences up to `to` will never be. */
void consumers_skipped(struct consumers *set, uint64_t to);
/* One message is gone, for whatever reason. */
void consumers_removed(struct consumers *set, uint64_t seq, struct bytes subject);
/* All messages before first are gone, and msgs are left; consumers_removed is not called for them.
 * first may be beyond last + 1: then last is first - 1. */
void consumers_compacted(struct consumers *set, uint64_t first, uint64_t msgs);
/* A purge of these subjects (size 0: of all) is over, and each message was told. first_seq
 * is the stream's, first_match the first message left that matches the filter; last + 1: none. */
void consumers_purged(struct consumers *set, struct bytes filter, uint64_t first_seq,
                      uint64_t first_match);

/* --- questions -------------------------------------------------------------------------------- */

/* Whether any consumer has still to be sent this message or to settle it. Also of one that is about
 * to be stored (seq: its own): whether there is interest in its subject. */
bool consumers_want(struct consumers *set, uint64_t seq, struct bytes subject);

struct consumer *consumers_find(const struct consumers *set, uint32_t id);
struct consumer *consumers_named(const struct consumers *set, struct bytes name);
/* All of them, by id: an array of set->count, to be freed. */
struct consumer **consumers_sorted(const struct consumers *set);
/* A slice of the count of what is ahead: 0: done; -EINPROGRESS: call again; or what the source
 * said, such as -EAGAIN; -ENOENT: no such consumer. The stream may change between slices. */
int consumers_count(struct consumers *set, uint32_t id, const struct count_source *source)
    __attribute__((warn_unused_result));

/* As consumer information shows it. */
struct consumer_info {
    struct consumer_place delivered;
    struct consumer_place floor;
    int64_t delivered_ms; /* 0: never */
    int64_t acked_ms;
    uint64_t ack_pending;
    uint64_t redelivered;
    uint64_t pending; /* messages ahead that match */
    bool counted;     /* pending is all of it */
    int64_t paused_until_ns;
    int64_t pinned_ns;
    uint64_t owner;
    struct bytes pin; /* borrowed */
};
void consumer_describe(const struct consumer *c, struct consumer_info *ret);

/* --- as bytes --------------------------------------------------------------------------------- */

void consumers_write(struct buffer *b, struct consumers *set);
/* -EBADMSG, or -ENOTSUP: of a version that is not known here. */
int consumers_read(struct bytes bytes, uint64_t seed, uint64_t last_seq, struct consumers **ret)
    __attribute__((warn_unused_result));

void consumers_check(struct consumers *set);

/* --- for consumers_apply.c and consumers_form.c ----------------------------------------------- */

/* Between the two, one consumer changes; returns what end needs. */
uint64_t consumers_begin_change(struct consumers *set, const struct consumer *c);
void consumers_end_change(struct consumers *set, struct consumer *c, uint64_t begun);
/* Takes it; it is in no filter group yet. */
void consumers_add(struct consumers *set, struct consumer *c);
/* Frees it. */
void consumers_remove(struct consumers *set, struct consumer *c);
/* Joins the group of its filters, from where it stands. */
void consumers_join(struct consumers *set, struct consumer *c);
/* All that it may want lies at or after this. */
uint64_t consumers_lowest_wish(const struct consumer *c);

#endif
