/* SPDX-License-Identifier: Apache-2.0 */
/* codec.h -- what stands between a group's records and its chunks: compression, then encryption.
 *
 * Idea        A group that is compressed or encrypted writes its pieces (format/chunk.h) by one
 *             codec and reads by another, which takes every form that its chunks may have:
 *             compression may be turned on and off, and old chunks stay as they are. A piece that
 *             does not shrink is kept as it is: its size says so. A sealed piece begins with its
 *             nonce, a fresh one for each, and is bound to its place. The place alone would be no
 *             nonce: what a drain wrote and no checkpoint named is written over.
 * Bounds      a piece once more, while it is made or opened.
 */
#ifndef STORE_CODEC_H
#define STORE_CODEC_H

#include "protocols/s2/s2_block.h"
#include "store/crypt.h"
#include "store/format/chunk.h"

struct codec {
    const struct crypt_group *keys; /* borrowed; NULL: not encrypted */
    struct s2_encoder *encoder;     /* borrowed: any number of codecs may have it */
    struct chunk_codec read;
    struct chunk_codec write; /* flags 0: plain */
};

/* encoder NULL: new chunks are not compressed. The codec is not moved afterwards. */
void codec_init(struct codec *c, const struct crypt_group *keys, struct s2_encoder *encoder);

static inline const struct chunk_codec *codec_to_read(const struct codec *c)
{
    return &c->read;
}

/* NULL: new chunks are plain. */
static inline const struct chunk_codec *codec_to_write(const struct codec *c)
{
    return c->write.flags == 0 ? NULL : &c->write;
}

#endif
