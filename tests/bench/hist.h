/* SPDX-License-Identifier: Apache-2.0 */
/* hist.h -- how often each latency was seen, in buckets that grow with the value.
 *
 * Idea    64 buckets for each power of two: a percentile is at most 1.6 % off, whatever its size,
 *         and one more sample costs a shift and an increment.
 * Bounds  every 64-bit value has its bucket, so nothing is ever clipped.
 */
#ifndef TESTS_BENCH_HIST_H
#define TESTS_BENCH_HIST_H

#include <stdint.h>

enum { HIST_BITS = 6, HIST_BUCKETS = (64 - HIST_BITS + 1) << HIST_BITS };

struct hist {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[HIST_BUCKETS];
};

static inline unsigned hist_bucket(uint64_t value)
{
    if (value < 2u << HIST_BITS)
        return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HIST_BITS;
    return (shift << HIST_BITS) + (unsigned)(value >> shift);
}

static inline void hist_add(struct hist *h, uint64_t value)
{
    h->buckets[hist_bucket(value)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

/* The middle of the values that share a bucket. */
static inline uint64_t hist_value(unsigned bucket)
{
    if (bucket < 2u << HIST_BITS)
        return bucket;
    unsigned shift = (bucket >> HIST_BITS) - 1;
    uint64_t low = (uint64_t)(bucket - (shift << HIST_BITS)) << shift;
    return low + ((1ull << shift) >> 1);
}

/* The smallest value that `share` (0 to 1) of the samples do not pass; 0 without samples. */
static inline uint64_t hist_percentile(const struct hist *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->count * share + 0.5);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > 0 && seen >= wanted)
            return hist_value(i) < h->max ? hist_value(i) : h->max;
    }
    return h->max;
}

#endif
