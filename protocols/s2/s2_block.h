/* SPDX-License-Identifier: Apache-2.0 */
/* s2_block.h -- one compressed block of Snappy, or of S2, which is Snappy with repeats.
 *
 * Idea        A block is the size of what it decodes to (varint), then elements. The two low bits of
 *             an element's first byte, its tag, say what it is:
 *
 *               00 literal     bytes that follow; the size in 6 bits of the tag, or 1..4 bytes more
 *               01 copy        4..11 bytes from at most 2,047 back; in S2 an offset of 0 repeats the
 *                              last one, with sizes to 16 MiB in 0..3 bytes more
 *               10 copy        1..64 bytes from at most 65,535 back
 *               11 copy        1..64 bytes from anywhere back
 *
 *             The decoder takes all of S2; the encoder writes plain Snappy, which any reader of either
 *             takes: greedy matching of four bytes and more inside pieces of 64 KiB.
 * Bounds      decode: time in the sizes of both ends, no memory. Encode: s2_block_space() bytes of
 *             room, a table of 32 KiB that the caller holds.
 */
#ifndef PROTOCOLS_S2_S2_BLOCK_H
#define PROTOCOLS_S2_S2_BLOCK_H

#include "runtime/base/bytes.h"

#define S2_BLOCK_SIZE_MAX ((size_t)4 << 20) /* decoded, in a frame */
#define S2_ENCODER_BITS 14

/* What the block says it decodes to. -EBADMSG: it says nothing that fits 32 bits. */
int s2_block_decoded_size(struct bytes block, size_t *ret_size) __attribute__((warn_unused_result));

/* Decodes to `at`. -EMSGSIZE: to more than `capacity`; -EBADMSG: it is no block; `at` is spoilt then. */
int s2_block_decode(struct bytes block, char *at, size_t capacity, size_t *ret_size)
    __attribute__((warn_unused_result));

/* Where four bytes with this hash were seen last. Nothing of it outlives a call. */
struct s2_encoder {
    unsigned bits; /* of the table that are in use */
    uint16_t seen[1u << S2_ENCODER_BITS];
};

/* The largest block that `size` bytes encode to. */
static inline size_t s2_block_space(size_t size)
{
    return 32 + size + size / 6;
}

/* Encodes to `at`, which has s2_block_space(plain.size) bytes; returns the block's size. */
size_t s2_block_encode(struct s2_encoder *e, struct bytes plain, char *at);

#endif
