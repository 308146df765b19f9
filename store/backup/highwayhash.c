/* SPDX-License-Identifier: Apache-2.0 */
/* highwayhash.c -- 32 bytes at a time through four lanes of multiply, add and permute.
 *
 * Idea        A packet is added to v1, halves of v0 and v1 are multiplied into mul0 and mul1, and these
 *             are added back crosswise. Then pairs of lanes of one state have their bytes shuffled
 *             ("zipper merge", so that each byte lands where the multiplication mixes well) and are
 *             added to the other. A rest of 1..31 bytes becomes a packet that says how long it is.
 */
#include "store/backup/highwayhash.h"

#include <sodium.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/little.h"

enum { PACKET_SIZE = 32, LANES = 4, FINAL_ROUNDS = 4 };

/* Digits of pi. */
static const uint64_t start0[LANES] = {0xdbe6d5d5fe4cce2f, 0xa4093822299f31d0, 0x13198a2e03707344,
                                       0x243f6a8885a308d3};
static const uint64_t start1[LANES] = {0x3bd39e10cb0ef593, 0xc0acf169b5f18a8c, 0xbe5466cf34e90c6c,
                                       0x452821e638d01377};

static uint64_t halves_swapped(uint64_t x)
{
    return x << 32 | x >> 32;
}

void highwayhash_init(struct highwayhash *h, const unsigned char key[HIGHWAYHASH_KEY_SIZE])
{
    *h = (struct highwayhash){.held = 0};
    for (int i = 0; i < LANES; i++) {
        uint64_t k = get_u64(key + 8 * i);
        h->mul0[i] = start0[i];
        h->mul1[i] = start1[i];
        h->v0[i] = start0[i] ^ k;
        h->v1[i] = start1[i] ^ halves_swapped(k);
    }
}

void highwayhash_init_named(struct highwayhash *h, struct bytes name)
{
    unsigned char key[crypto_hash_sha256_BYTES];
    _Static_assert(sizeof key == HIGHWAYHASH_KEY_SIZE, "the key is a SHA-256");
    CHECK(crypto_hash_sha256(key, (const unsigned char *)name.at, name.size) == 0);
    highwayhash_init(h, key);
}

/* Byte n of x, moved to byte `to` of a word. */
#define BYTE(x, n, to) (((x) >> (8 * (n)) & 0xff) << (8 * (to)))

/* The sixteen bytes of an even lane a and the odd one b after it, shuffled and added to two lanes. */
static void zipper_add(uint64_t a, uint64_t b, uint64_t *even, uint64_t *odd)
{
    *even += BYTE(a, 3, 0) | BYTE(b, 4, 1) | BYTE(a, 2, 2) | BYTE(a, 5, 3) | BYTE(b, 6, 4) |
             BYTE(a, 1, 5) | BYTE(b, 7, 6) | BYTE(a, 0, 7);
    *odd += BYTE(b, 3, 0) | BYTE(a, 4, 1) | BYTE(b, 2, 2) | BYTE(b, 5, 3) | BYTE(b, 1, 4) |
            BYTE(a, 6, 5) | BYTE(b, 0, 6) | BYTE(a, 7, 7);
}

static void update(struct highwayhash *h, const uint64_t packet[LANES])
{
    for (int i = 0; i < LANES; i++) {
        h->v1[i] += h->mul0[i] + packet[i];
        h->mul0[i] ^= (h->v1[i] & UINT32_MAX) * (h->v0[i] >> 32);
        h->v0[i] += h->mul1[i];
        h->mul1[i] ^= (h->v0[i] & UINT32_MAX) * (h->v1[i] >> 32);
    }
    for (int i = 0; i < LANES; i += 2)
        zipper_add(h->v1[i], h->v1[i + 1], &h->v0[i], &h->v0[i + 1]);
    for (int i = 0; i < LANES; i += 2)
        zipper_add(h->v0[i], h->v0[i + 1], &h->v1[i], &h->v1[i + 1]);
}

static void update_bytes(struct highwayhash *h, const unsigned char *at)
{
    uint64_t packet[LANES];
    for (int i = 0; i < LANES; i++)
        packet[i] = get_u64(at + 8 * i);
    update(h, packet);
}

void highwayhash_add(struct highwayhash *h, const void *at, size_t size)
{
    const unsigned char *byte = at;
    if (h->held > 0) {
        size_t n = PACKET_SIZE - h->held;
        if (n > size)
            n = size;
        if (n > 0)
            memcpy(h->packet + h->held, byte, n);
        h->held += (uint32_t)n;
        if (h->held < PACKET_SIZE)
            return;
        update_bytes(h, h->packet);
        h->held = 0;
        byte += n;
        size -= n;
    }
    for (; size >= PACKET_SIZE; size -= PACKET_SIZE, byte += PACKET_SIZE)
        update_bytes(h, byte);
    if (size > 0)
        memcpy(h->packet, byte, size);
    h->held = (uint32_t)size;
}

/* Both halves of x, each rotated left by n < 32. */
static uint64_t halves_rotated(uint64_t x, unsigned n)
{
    if (n == 0)
        return x;
    uint32_t low = (uint32_t)x;
    uint32_t high = (uint32_t)(x >> 32);
    low = low << n | low >> (32 - n);
    high = high << n | high >> (32 - n);
    return (uint64_t)high << 32 | low;
}

/* The rest, its size stirred in: whole words of four bytes stay in front; behind them come the last four
 * bytes (from 16 on), or the first, middle and last of the 1..3 that are over. */
static void update_rest(struct highwayhash *h)
{
    unsigned char last[PACKET_SIZE] = {0};
    unsigned size = h->held;
    unsigned words = size & ~3u;
    unsigned over = size & 3u;
    for (int i = 0; i < LANES; i++) {
        h->v0[i] += ((uint64_t)size << 32) + size;
        h->v1[i] = halves_rotated(h->v1[i], size);
    }
    memcpy(last, h->packet, words);
    if (size >= 16) {
        memcpy(last + 28, h->packet + size - 4, 4);
    } else if (over > 0) {
        last[16] = h->packet[words];
        last[17] = h->packet[words + (over >> 1)];
        last[18] = h->packet[words + over - 1];
    }
    update_bytes(h, last);
}

uint64_t highwayhash_value(const struct highwayhash *h)
{
    struct highwayhash end = *h;
    if (end.held > 0)
        update_rest(&end);
    for (int i = 0; i < FINAL_ROUNDS; i++) {
        const uint64_t turned[LANES] = {halves_swapped(end.v0[2]), halves_swapped(end.v0[3]),
                                        halves_swapped(end.v0[0]), halves_swapped(end.v0[1])};
        update(&end, turned);
    }
    return end.v0[0] + end.v1[0] + end.mul0[0] + end.mul1[0];
}

void highwayhash_hex(uint64_t value, char hex[HIGHWAYHASH_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < HIGHWAYHASH_SIZE; i++) {
        unsigned byte = value >> (8 * i) & 0xff;
        hex[2 * i] = digits[byte >> 4];
        hex[2 * i + 1] = digits[byte & 15];
    }
}
