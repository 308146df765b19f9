/* SPDX-License-Identifier: Apache-2.0 */
/* s2_frame.h -- streams of compressed bytes: chunks of S2 or Snappy, each with its checksum.
 *
 * Idea        A chunk is a type, a size of 24 bits, and a body:
 *
 *               ff  identifier   "S2sTwO" (blocks to 4 MiB) or "sNaPpY" (to 64 KiB); the first chunk,
 *                                and again wherever streams were joined
 *               00  compressed   masked CRC-32C of what it decodes to, a block (s2_block.h)
 *               01  plain        masked CRC-32C, the bytes themselves
 *               02..7f           unknown, and must not be passed over
 *               80..fe           may be passed over: padding (fe), an index (99), what is to come
 *
 *             Read: bytes are fed in any split, a decoded piece comes out with each call. Written are
 *             streams that readers of either sort take: Snappy's identifier, 64 KiB a chunk.
 * Bounds      a reader holds one chunk and what it decodes to, S2_CHUNK_SIZE_MAX + S2_BLOCK_SIZE_MAX
 *             at most, and grows to the largest it met. One call decodes one chunk.
 */
#ifndef PROTOCOLS_S2_S2_FRAME_H
#define PROTOCOLS_S2_S2_FRAME_H

#include "protocols/s2/s2_block.h"

#define S2_IDENTIFIER_SIZE 10
#define S2_WRITE_SIZE_MAX ((size_t)64 << 10) /* plain bytes in a chunk that we write */
/* The largest body of a chunk with a block: a worse one would have been written plain. */
#define S2_CHUNK_SIZE_MAX (4 + 32 + S2_BLOCK_SIZE_MAX + S2_BLOCK_SIZE_MAX / 6)

struct s2_reader;

struct s2_reader *s2_reader_new(void);
void s2_reader_free(struct s2_reader **reader);

/* Takes bytes off the front of *in. 1: *ret_piece (not empty, valid until the next call) was decoded;
 * 0: *in is used up. -EBADMSG: malformed; -EILSEQ: a checksum is wrong; -ENOTSUP: a chunk that nobody
 * knows; -ENOMEM. An error stays. */
int s2_reader_next(struct s2_reader *r, struct bytes *in, struct bytes *ret_piece)
    __attribute__((warn_unused_result));

/* No more bytes come. -EBADMSG: they ended inside a chunk, or before the identifier. */
int s2_reader_end(const struct s2_reader *r) __attribute__((warn_unused_result));

/* The beginning of what we write; returns S2_IDENTIFIER_SIZE. */
size_t s2_put_identifier(char *at);

/* Room for a chunk of `size` plain bytes while it is made. */
static inline size_t s2_chunk_space(size_t size)
{
    return 8 + s2_block_space(size);
}

/* Writes plain (1 to S2_WRITE_SIZE_MAX bytes) as one chunk; returns its size, which is at most that of
 * the plain bytes and 8. */
size_t s2_put_chunk(struct s2_encoder *e, struct bytes plain, char *at);

#endif
