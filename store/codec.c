/* SPDX-License-Identifier: Apache-2.0 */
#include "store/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/little.h"

#define SEAL_ADDS (CRYPT_NONCE_SIZE + CRYPT_TAG_SIZE)
#define WITH_SIZE 30u

/* Where a piece lies and what it is: it opens as nothing else. */
static struct bytes bound_to(char with[WITH_SIZE], const struct chunk_place *place, uint16_t flags,
                             size_t raw_size)
{
    put_u64(with, place->gid);
    put_u64(with + 8, place->file);
    put_u64(with + 16, place->offset);
    put_u32(with + 24, (uint32_t)raw_size);
    put_u16(with + 28, flags);
    return (struct bytes){with, WITH_SIZE};
}

/* --- to stored bytes -------------------------------------------------------------------------- */

/* What is smaller of the two: raw, or its block in a buffer that is given. */
static struct bytes compressed(struct s2_encoder *encoder, struct bytes raw, char **ret_block)
{
    char *block = malloc(s2_block_space(raw.size));
    CHECK(block != NULL);
    size_t size = s2_block_encode(encoder, raw, block);
    *ret_block = block;
    return size < raw.size ? (struct bytes){block, size} : raw;
}

static size_t seal(void *context, const struct chunk_place *place, struct bytes raw, char *at)
{
    const struct codec *c = context;
    uint16_t flags = c->write.flags;
    struct bytes body = raw;
    char *block = NULL;
    if (flags & CHUNK_COMPRESSED)
        body = compressed(c->encoder, raw, &block);
    size_t size = body.size;
    if (flags & CHUNK_SEALED) {
        char with[WITH_SIZE];
        uint8_t *nonce = (uint8_t *)at;
        crypt_nonce(crypt_group_crypt(c->keys), nonce);
        crypt_seal(c->keys, CRYPT_CHUNK, nonce, bound_to(with, place, flags, raw.size), body,
                   at + CRYPT_NONCE_SIZE);
        size += SEAL_ADDS;
    } else {
        memcpy(at, body.at, body.size);
    }
    free(block);
    return size;
}

/* --- and back --------------------------------------------------------------------------------- */

static int unseal(const struct codec *c, uint16_t flags, const struct chunk_place *place,
                  struct bytes stored, size_t raw_size, char *at)
{
    char with[WITH_SIZE];
    const uint8_t *nonce = (const uint8_t *)stored.at;
    struct bytes sealed = {stored.at + CRYPT_NONCE_SIZE, stored.size - CRYPT_NONCE_SIZE};
    return crypt_open(c->keys, CRYPT_CHUNK, nonce, bound_to(with, place, flags, raw_size), sealed,
                      at);
}

/* From bytes that are not sealed. */
static int expand(uint16_t flags, struct bytes body, char *at, size_t raw_size)
{
    if (body.size == raw_size) {
        if (at != body.at)
            memcpy(at, body.at, raw_size);
        return 0;
    }
    size_t size;
    if (!(flags & CHUNK_COMPRESSED) || body.size > raw_size ||
        s2_block_decode(body, at, raw_size, &size) != 0 || size != raw_size)
        return -EBADMSG;
    return 0;
}

static int open(void *context, uint16_t flags, const struct chunk_place *place, struct bytes stored,
                char *at, size_t raw_size)
{
    const struct codec *c = context;
    if (!(flags & CHUNK_SEALED))
        return expand(flags, stored, at, raw_size);
    if (stored.size < SEAL_ADDS || stored.size - SEAL_ADDS > raw_size)
        return -EBADMSG;
    size_t size = stored.size - SEAL_ADDS;
    if (size == raw_size)
        return unseal(c, flags, place, stored, raw_size, at);
    char *body = malloc(size + 1);
    CHECK(body != NULL);
    int status = unseal(c, flags, place, stored, raw_size, body);
    if (status == 0)
        status = expand(flags, (struct bytes){body, size}, at, raw_size);
    free(body);
    return status;
}

/* --- a group's -------------------------------------------------------------------------------- */

void codec_init(struct codec *c, const struct crypt_group *keys, struct s2_encoder *encoder)
{
    uint16_t sealed = keys != NULL ? CHUNK_SEALED : 0;
    uint16_t squeezed = encoder != NULL ? CHUNK_COMPRESSED : 0;
    *c = (struct codec){.keys = keys, .encoder = encoder};
    c->write = (struct chunk_codec){.flags = sealed | squeezed,
                                    .adds_max = sealed ? SEAL_ADDS : 0,
                                    .seal = seal,
                                    .open = open,
                                    .context = c};
    c->read = c->write;
    c->read.flags = sealed | CHUNK_COMPRESSED;
    c->read.needs = sealed;
}
