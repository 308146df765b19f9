/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/consumers.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/base/list.h"

#define BUCKETS_FIRST 4u

/* --- the tables ------------------------------------------------------------------------------- */

struct consumers *consumers_new(uint64_t seed)
{
    struct consumers *set = calloc(1, sizeof *set);
    CHECK(set != NULL);
    set->seed = seed;
    set->busy_low = UINT64_MAX;
    set->groups = filter_groups_new(seed);
    return set;
}

static uint32_t id_bucket(const struct consumers *set, uint32_t id)
{
    return (uint32_t)hash_u64(set->seed ^ id) & (set->bucket_count - 1);
}

static uint32_t name_bucket(const struct consumers *set, struct bytes name)
{
    return (uint32_t)hash_bytes(set->seed, name.at, name.size) & (set->bucket_count - 1);
}

static void link_in(struct consumers *set, struct consumer *c)
{
    struct consumer **by_id = &set->by_id[id_bucket(set, c->id)];
    struct consumer **by_name = &set->by_name[name_bucket(set, consumer_name(c))];
    c->next_by_id = *by_id;
    *by_id = c;
    c->next_by_name = *by_name;
    *by_name = c;
}

static void grow(struct consumers *set)
{
    uint32_t old_count = set->bucket_count;
    struct consumer **old = set->by_id;
    free(set->by_name);
    set->bucket_count = old_count == 0 ? BUCKETS_FIRST : old_count * 2;
    set->by_id = calloc(set->bucket_count, sizeof(struct consumer *));
    set->by_name = calloc(set->bucket_count, sizeof(struct consumer *));
    CHECK(set->by_id != NULL && set->by_name != NULL);
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct consumer *c = old[i];
            old[i] = c->next_by_id;
            link_in(set, c);
        }
    }
    free(old);
}

static void unlink_from(struct consumers *set, struct consumer *c)
{
    struct consumer **at = &set->by_id[id_bucket(set, c->id)];
    while (*at != c)
        at = &(*at)->next_by_id;
    *at = c->next_by_id;
    at = &set->by_name[name_bucket(set, consumer_name(c))];
    while (*at != c)
        at = &(*at)->next_by_name;
    *at = c->next_by_name;
}

struct consumer *consumers_find(const struct consumers *set, uint32_t id)
{
    if (set->count == 0)
        return NULL;
    struct consumer *c = set->by_id[id_bucket(set, id)];
    while (c != NULL && c->id != id)
        c = c->next_by_id;
    return c;
}

struct consumer *consumers_named(const struct consumers *set, struct bytes name)
{
    if (set->count == 0)
        return NULL;
    struct consumer *c = set->by_name[name_bucket(set, name)];
    while (c != NULL && !bytes_equal(consumer_name(c), name))
        c = c->next_by_name;
    return c;
}

static int id_order(const void *a, const void *b)
{
    uint32_t x = (*(struct consumer *const *)a)->id;
    uint32_t y = (*(struct consumer *const *)b)->id;
    return (x > y) - (x < y);
}

struct consumer **consumers_sorted(const struct consumers *set)
{
    struct consumer **all = malloc((set->count + 1) * sizeof(struct consumer *));
    CHECK(all != NULL);
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->bucket_count; i++) {
        for (struct consumer *c = set->by_id[i]; c != NULL; c = c->next_by_id)
            all[count++] = c;
    }
    CHECK(count == set->count);
    qsort(all, count, sizeof(struct consumer *), id_order);
    return all;
}

/* --- those with entries ----------------------------------------------------------------------- */

static void busy_add(struct consumers *set, struct consumer *c)
{
    if (set->busy_count == set->busy_capacity) {
        set->busy_capacity = set->busy_capacity == 0 ? BUCKETS_FIRST : set->busy_capacity * 2;
        set->busy = realloc(set->busy, set->busy_capacity * sizeof(struct consumer *));
        CHECK(set->busy != NULL);
    }
    set->busy[set->busy_count++] = c;
    c->busy = set->busy_count;
}

static void busy_remove(struct consumers *set, struct consumer *c)
{
    struct consumer *last = set->busy[--set->busy_count];
    set->busy[c->busy - 1] = last;
    last->busy = c->busy;
    c->busy = 0;
    if (set->busy_count == 0)
        set->busy_low = UINT64_MAX;
}

uint64_t consumers_begin_change(struct consumers *set, const struct consumer *c)
{
    return consumer_position_hash(c);
}

void consumers_end_change(struct consumers *set, struct consumer *c, uint64_t begun)
{
    set->hash += consumer_position_hash(c) - begun;
    bool busy = pending_count(&c->pending) > 0;
    if (busy && c->busy == 0)
        busy_add(set, c);
    if (!busy && c->busy != 0)
        busy_remove(set, c);
    uint64_t low = pending_low(&c->pending);
    set->busy_low = low < set->busy_low ? low : set->busy_low;
}

/* --- life of a consumer ----------------------------------------------------------------------- */

void consumers_add(struct consumers *set, struct consumer *c)
{
    if (set->count == set->bucket_count)
        grow(set);
    link_in(set, c);
    set->count++;
    set->hash += consumer_identity_hash(c) + consumer_position_hash(c);
}

void consumers_join(struct consumers *set, struct consumer *c)
{
    struct consumer_put put = consumer_rules(c);
    filter_join(set->groups, &c->member, put.filters, put.filter_count, c->delivered.seq,
                put.flags & CONSUMER_LASTS ? put.last_until : 0);
}

void consumers_remove(struct consumers *set, struct consumer *c)
{
    set->hash -= consumer_identity_hash(c) + consumer_position_hash(c);
    unlink_from(set, c);
    set->count--;
    if (c->busy != 0)
        busy_remove(set, c);
    if (c->member.group != NULL)
        filter_leave(set->groups, &c->member);
    consumer_free(&c);
}

void consumers_free(struct consumers **consumers)
{
    struct consumers *set = *consumers;
    *consumers = NULL;
    if (set == NULL)
        return;
    for (uint32_t i = 0; i < set->bucket_count; i++) {
        while (set->by_id[i] != NULL)
            consumers_remove(set, set->by_id[i]);
    }
    filter_groups_free(&set->groups);
    free(set->by_id);
    free(set->by_name);
    free(set->busy);
    free(set);
}

uint64_t consumers_lowest_wish(const struct consumer *c)
{
    uint64_t low = pending_low(&c->pending);
    return low <= c->delivered.seq ? low : c->delivered.seq + 1;
}

/* --- what happens to messages ----------------------------------------------------------------- */

void consumers_appended(struct consumers *set, uint64_t seq, struct bytes subject)
{
    CHECK(seq > set->last_seq);
    set->last_seq = seq;
    filter_groups_appended(set->groups, seq, subject);
}

void consumers_skipped(struct consumers *set, uint64_t to)
{
    if (to <= set->last_seq)
        return;
    set->last_seq = to;
    filter_groups_end(set->groups, to);
}

/* Takes the message out of all that have it pending, and finds the new lowest entry on the way. */
static void remove_entries(struct consumers *set, uint64_t seq)
{
    uint64_t low = UINT64_MAX;
    for (uint32_t i = 0; i < set->busy_count;) {
        struct consumer *c = set->busy[i];
        if (pending_low(&c->pending) <= seq && seq <= c->delivered.seq) {
            uint64_t begun = consumers_begin_change(set, c);
            consumer_removed(c, seq);
            consumers_end_change(set, c, begun);
            if (c->busy == 0)
                continue; /* another stands in its place */
        }
        uint64_t its = pending_low(&c->pending);
        low = its < low ? its : low;
        i++;
    }
    set->busy_low = low;
}

void consumers_removed(struct consumers *set, uint64_t seq, struct bytes subject)
{
    filter_groups_removed(set->groups, seq, subject);
    if (seq >= set->busy_low)
        remove_entries(set, seq);
}

static void forward(struct consumers *set, struct consumer *c, uint64_t first)
{
    uint64_t begun = consumers_begin_change(set, c);
    consumer_forward(c, first);
    filter_advance(set->groups, &c->member, c->delivered.seq, 0);
    consumers_end_change(set, c, begun);
}

/* What is ahead of a consumer when all before first have gone in one stroke. */
static void count_compacted(struct consumers *set, struct consumer *c, uint64_t first,
                            uint64_t msgs)
{
    struct consumer_put put = consumer_rules(c);
    if (put.filter_count == 0 && c->delivered.seq < first && (put.flags & CONSUMER_LASTS) == 0) {
        filter_install(set->groups, &c->member, msgs, msgs);
    } else {
        filter_recount(set->groups, &c->member);
    }
}

void consumers_compacted(struct consumers *set, uint64_t first, uint64_t msgs)
{
    CHECK(first > 0);
    consumers_skipped(set, first - 1);
    for (uint32_t i = 0; i < set->bucket_count; i++) {
        for (struct consumer *c = set->by_id[i]; c != NULL; c = c->next_by_id) {
            bool passed = c->delivered.seq < first - 1;
            uint64_t begun = consumers_begin_change(set, c);
            consumer_removed_below(c, first);
            consumers_end_change(set, c, begun);
            forward(set, c, first);
            if (passed)
                count_compacted(set, c, first, msgs);
        }
    }
}

void consumers_purged(struct consumers *set, struct bytes filter, uint64_t first_seq,
                      uint64_t first_match)
{
    for (uint32_t i = 0; i < set->bucket_count; i++) {
        for (struct consumer *c = set->by_id[i]; c != NULL; c = c->next_by_id) {
            if (filter_is_within(&c->member, filter)) {
                forward(set, c, first_match);
            } else if (filter.size == 0 || filter_meets(&c->member, filter)) {
                forward(set, c, first_seq);
            }
        }
    }
}

/* --- questions -------------------------------------------------------------------------------- */

static struct consumer *of_member(struct filter_member *m)
{
    return LIST_ENTRY(m, struct consumer, member);
}

static bool wants(void *context, struct filter_member *m)
{
    return consumer_wants(of_member(m), *(const uint64_t *)context);
}

bool consumers_want(struct consumers *set, uint64_t seq, struct bytes subject)
{
    return filter_any(set->groups, seq, subject, wants, &seq);
}

int consumers_count(struct consumers *set, uint32_t id, const struct count_source *source)
{
    struct consumer *c = consumers_find(set, id);
    return c == NULL ? -ENOENT : filter_count(set->groups, &c->member, source);
}

void consumer_describe(const struct consumer *c, struct consumer_info *ret)
{
    uint64_t above;
    *ret = (struct consumer_info){
        .delivered = c->delivered,
        .floor = c->floor,
        .delivered_ms = c->delivered_ms,
        .acked_ms = c->acked_ms,
        .ack_pending = c->pending.waiting,
        .redelivered = c->max_deliver == 1 ? 0 : c->pending.redelivered,
        .pending = filter_ahead(&c->member, &above),
        .counted = filter_is_counted(&c->member),
    };
    if (c->extras != NULL) {
        ret->paused_until_ns = c->extras->paused_until_ns;
        ret->pinned_ns = c->extras->pinned_ns;
        ret->owner = c->extras->owner;
        ret->pin = (struct bytes){c->extras->pin, c->extras->pin_size};
    }
}

void consumers_check(struct consumers *set)
{
    uint64_t hash = 0;
    uint32_t count = 0;
    uint32_t busy = 0;
    for (uint32_t i = 0; i < set->bucket_count; i++) {
        for (struct consumer *c = set->by_id[i]; c != NULL; c = c->next_by_id) {
            consumer_check(c, set->last_seq); /* 4 */
            hash += consumer_identity_hash(c) + consumer_position_hash(c);
            CHECK(consumers_find(set, c->id) == c); /* 1 */
            CHECK(consumers_named(set, consumer_name(c)) == c);
            CHECK((c->busy != 0) == (pending_count(&c->pending) > 0)); /* 3 */
            CHECK(c->busy == 0 || set->busy[c->busy - 1] == c);
            CHECK(pending_low(&c->pending) >= set->busy_low);
            busy += c->busy != 0;
            count++;
        }
    }
    CHECK(count == set->count && busy == set->busy_count);
    CHECK(hash == set->hash); /* 2 */
    filter_groups_check(set->groups);
}
