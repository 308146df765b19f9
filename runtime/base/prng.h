/* SPDX-License-Identifier: Apache-2.0 */
/* prng.h -- random numbers that a seed decides: xoshiro256** seeded by splitmix64.
 *
 * For choices (queue members, jitter, the simulator), never for secrets. One generator a purpose,
 * split from a parent with prng_split, so that one more draw here moves nothing there.
 */
#ifndef RUNTIME_BASE_PRNG_H
#define RUNTIME_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

static inline void prng_init(struct prng *p, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        p->s[i] = z ^ (z >> 31);
    }
}

static inline uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->s;
    uint64_t x = s[1] * 5;
    uint64_t result = ((x << 7) | (x >> 57)) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform in [0, below); below is not 0. The bias of the multiply is under 2^-32 for small ranges. */
static inline uint64_t prng_below(struct prng *p, uint64_t below)
{
    return (uint64_t)(((unsigned __int128)prng_next(p) * below) >> 64);
}

/* True once in `in` draws. */
static inline bool prng_one_in(struct prng *p, uint64_t in)
{
    return prng_below(p, in) == 0;
}

static inline void prng_split(struct prng *child, struct prng *parent)
{
    prng_init(child, prng_next(parent));
}

#endif
