/* SPDX-License-Identifier: Apache-2.0 */
/* highwayhash.h -- HighwayHash-64, the keyed checksum in nats-server's files.
 *
 * The function of Alakuijala, Cox and Wassenberg, "Fast keyed hash/pseudo-random function using SIMD
 * multiply and permute" (2016), as frozen since. Bytes may come in any split.
 */
#ifndef STORE_BACKUP_HIGHWAYHASH_H
#define STORE_BACKUP_HIGHWAYHASH_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

#define HIGHWAYHASH_KEY_SIZE 32
#define HIGHWAYHASH_SIZE 8 /* stored, little-endian */

struct highwayhash {
    uint64_t v0[4]; /* the state: four lanes of each */
    uint64_t v1[4];
    uint64_t mul0[4];
    uint64_t mul1[4];
    unsigned char packet[32]; /* what does not fill a packet yet */
    uint32_t held;            /* bytes in it, fewer than 32 */
};

void highwayhash_init(struct highwayhash *h, const unsigned char key[HIGHWAYHASH_KEY_SIZE]);
/* With the SHA-256 of a text as the key, as nats-server names what a checksum is of. */
void highwayhash_init_named(struct highwayhash *h, struct bytes name);
void highwayhash_add(struct highwayhash *h, const void *at, size_t size);
/* The hash of what was added; h goes on as if it had not been asked. */
uint64_t highwayhash_value(const struct highwayhash *h);

/* Lower-case hexadecimal of the stored form, as in meta.sum. */
#define HIGHWAYHASH_HEX_SIZE 16
void highwayhash_hex(uint64_t value, char hex[HIGHWAYHASH_HEX_SIZE]);

#endif
