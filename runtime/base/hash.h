/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h -- the one hash function for tables keyed by bytes of peers.
 *
 * XXH3 with a seed from the world's entropy, so that a peer can not choose colliding keys. Never
 * used for order (a hash is no number that a replay may depend on across builds of another seed).
 */
#ifndef RUNTIME_BASE_HASH_H
#define RUNTIME_BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_bytes(uint64_t seed, const void *at, size_t size)
{
    return XXH3_64bits_withSeed(at, size, seed);
}

/* Spreads a number over all 64 bits (the finalizer of splitmix64). */
static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
