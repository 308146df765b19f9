/* SPDX-License-Identifier: Apache-2.0 */
/* subject_hash.c -- references by the hash of their subject: extendible hashing, small segments.
 *
 * Idea        The upper bits of a tag choose the segment, the lower ones the first slot in it; what
 *             is taken is passed by (linear probing). A segment that is full doubles while it is
 *             small, and then splits in two by one bit more. So no change moves more than a
 *             segment.
 */
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "store/table/subject_state.h"

enum { SEGMENT_MIN = 8, SEGMENT_MAX = 1024, DEPTH_MAX = 22 };

static size_t segment_size(uint32_t capacity)
{
    return sizeof(struct subject_segment) + capacity * sizeof(struct subject_slot);
}

static struct subject_segment *segment_new(struct subject_hash *h, uint32_t depth,
                                           uint32_t capacity)
{
    struct subject_segment *s = calloc(1, segment_size(capacity));
    CHECK(s != NULL);
    s->depth = depth;
    s->capacity = capacity;
    h->held += segment_size(capacity);
    return s;
}

static void segment_free(struct subject_hash *h, struct subject_segment *s)
{
    h->held -= segment_size(s->capacity);
    free(s);
}

static uint32_t place_of(const struct subject_hash *h, uint32_t tag)
{
    return h->depth == 0 ? 0 : tag >> (32 - h->depth);
}

void subject_hash_init(struct subject_hash *h, uint64_t seed)
{
    *h = (struct subject_hash){.seed = seed};
    h->segments = malloc(sizeof(struct subject_segment *));
    CHECK(h->segments != NULL);
    h->held = sizeof(struct subject_segment *);
    h->segments[0] = segment_new(h, 0, SEGMENT_MIN);
}

void subject_hash_done(struct subject_hash *h)
{
    for (uint32_t i = 0; i < 1u << h->depth;) {
        struct subject_segment *s = h->segments[i];
        i += 1u << (h->depth - s->depth);
        segment_free(h, s);
    }
    free(h->segments);
    *h = (struct subject_hash){0};
}

uint32_t subject_hash_tag(const struct subject_hash *h, struct bytes subject)
{
    return (uint32_t)(hash_bytes(h->seed, subject.at, subject.size) >> 32);
}

subject_ref subject_hash_find(const struct subject_hash *h, const struct subject_records *r,
                              struct bytes subject, uint32_t tag)
{
    const struct subject_segment *s = h->segments[place_of(h, tag)];
    uint32_t mask = s->capacity - 1;
    for (uint32_t i = tag & mask; s->slots[i].ref != 0; i = (i + 1) & mask) {
        if (s->slots[i].tag == tag &&
            bytes_equal(subject_record_subject(subject_records_at(r, s->slots[i].ref)), subject))
            return s->slots[i].ref;
    }
    return 0;
}

static void put(struct subject_segment *s, struct subject_slot slot)
{
    uint32_t mask = s->capacity - 1;
    uint32_t i = slot.tag & mask;
    while (s->slots[i].ref != 0)
        i = (i + 1) & mask;
    s->slots[i] = slot;
    s->used++;
}

static bool is_full(const struct subject_segment *s)
{
    return s->used >= s->capacity - s->capacity / 8;
}

static void double_places(struct subject_hash *h)
{
    CHECK(h->depth < DEPTH_MAX);
    size_t count = (size_t)1 << h->depth;
    struct subject_segment **segments = malloc(2 * count * sizeof(struct subject_segment *));
    CHECK(segments != NULL);
    for (size_t i = 0; i < count; i++)
        segments[2 * i] = segments[2 * i + 1] = h->segments[i];
    free(h->segments);
    h->segments = segments;
    h->held += count * sizeof(struct subject_segment *);
    h->depth++;
}

/* The places that share the segment of this tag. */
static void set_places(struct subject_hash *h, uint32_t tag, uint32_t depth,
                       struct subject_segment *s)
{
    uint32_t count = 1u << (h->depth - depth);
    uint32_t first = place_of(h, tag) & ~(count - 1);
    for (uint32_t i = 0; i < count; i++)
        h->segments[first + i] = s;
}

static void grow(struct subject_hash *h, struct subject_segment *s, uint32_t tag)
{
    struct subject_segment *bigger = segment_new(h, s->depth, s->capacity * 2);
    for (uint32_t i = 0; i < s->capacity; i++) {
        if (s->slots[i].ref != 0)
            put(bigger, s->slots[i]);
    }
    set_places(h, tag, s->depth, bigger);
    segment_free(h, s);
}

static void split(struct subject_hash *h, struct subject_segment *s, uint32_t tag)
{
    if (s->depth == h->depth)
        double_places(h);
    uint32_t bit = (uint32_t)1 << (31 - s->depth);
    struct subject_segment *low = segment_new(h, s->depth + 1, s->capacity);
    struct subject_segment *high = segment_new(h, s->depth + 1, s->capacity);
    for (uint32_t i = 0; i < s->capacity; i++) {
        if (s->slots[i].ref != 0)
            put(s->slots[i].tag & bit ? high : low, s->slots[i]);
    }
    set_places(h, tag & ~bit, s->depth + 1, low);
    set_places(h, tag | bit, s->depth + 1, high);
    segment_free(h, s);
}

void subject_hash_add(struct subject_hash *h, subject_ref ref, uint32_t tag)
{
    struct subject_segment *s = h->segments[place_of(h, tag)];
    while (is_full(s)) {
        if (s->capacity < SEGMENT_MAX) {
            grow(h, s, tag);
        } else {
            split(h, s, tag);
        }
        s = h->segments[place_of(h, tag)];
    }
    put(s, (struct subject_slot){tag, ref});
}

/* What follows the freed slot and was pushed past it moves back. */
static void close_gap(struct subject_segment *s, uint32_t gap)
{
    uint32_t mask = s->capacity - 1;
    for (uint32_t i = (gap + 1) & mask; s->slots[i].ref != 0; i = (i + 1) & mask) {
        uint32_t home = s->slots[i].tag & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        s->slots[gap] = s->slots[i];
        gap = i;
    }
    s->slots[gap] = (struct subject_slot){0, 0};
    s->used--;
}

void subject_hash_remove(struct subject_hash *h, subject_ref ref, uint32_t tag)
{
    struct subject_segment *s = h->segments[place_of(h, tag)];
    uint32_t i = tag & (s->capacity - 1);
    while (s->slots[i].ref != ref) {
        CHECK(s->slots[i].ref != 0);
        i = (i + 1) & (s->capacity - 1);
    }
    close_gap(s, i);
}

void subject_hash_check(const struct subject_hash *h, const struct subject_records *r,
                        uint64_t count)
{
    uint64_t found = 0;
    size_t held = sizeof(struct subject_segment *) << h->depth;
    for (uint32_t place = 0; place < 1u << h->depth;) {
        const struct subject_segment *s = h->segments[place];
        for (uint32_t i = 0; i < s->capacity; i++) {
            subject_ref ref = s->slots[i].ref;
            if (ref == 0)
                continue;
            struct bytes subject = subject_record_subject(subject_records_at(r, ref));
            CHECK(subject_hash_tag(h, subject) == s->slots[i].tag);
            CHECK(subject_hash_find(h, r, subject, s->slots[i].tag) == ref);
            found++;
        }
        held += segment_size(s->capacity);
        place += 1u << (h->depth - s->depth);
    }
    CHECK(found == count && held == h->held);
}
