/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.h -- the checksum of everything in a store: XXH3-64 with a seed that carries identity.
 *
 * Idea        What is stored says by its checksum not only that it is whole but that it is what was
 *             asked for: the seed is made of the names of its place (store, file, group, number), so
 *             a right block in the wrong place fails as a broken one does.
 * Format      The functions below are part of it (docs/formats/README.md): they never change.
 */
#ifndef STORE_FORMAT_CHECKSUM_H
#define STORE_FORMAT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/hash.h"

/* A seed out of up to three numbers; the order counts. */
static inline uint64_t checksum_seed(uint64_t a, uint64_t b, uint64_t c)
{
    return hash_u64(hash_u64(hash_u64(a + 0x6d79656c696e0001u) ^ b) ^ c);
}

static inline uint64_t checksum(uint64_t seed, const void *at, size_t size)
{
    return hash_bytes(seed, at, size);
}

#endif
