/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_codec -- the first byte says what the rest is: a piece of records, which must come back
 * through every codec there is; or what a disk may have under a right hash, which must open to what
 * it says, or not at all; or the wrapped seed of a group. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "store/codec.h"

static const struct chunk_place place = {77, 3, 8192};
static struct s2_encoder encoder;
static struct prng prng;
static struct crypt *crypt;
static struct crypt_group *keys[3]; /* none, and of each cipher */

static void entropy(void *context, void *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)at)[i] = (uint8_t)prng_next(context);
}

static void prepare(void)
{
    if (crypt != NULL)
        return;
    prng_init(&prng, 1);
    for (int i = 1; i < 3; i++) {
        crypt = crypt_new(&(struct crypt_options){.key = BYTES("fuzz"),
                                                  .cipher = (enum crypt_cipher)i,
                                                  .entropy = entropy,
                                                  .context = &prng});
        crypt_begin(crypt, (const uint8_t *)"sixteen bytes...");
        keys[i] = crypt_group_new(crypt, 77, 1);
    }
}

static void comes_back(const struct codec *c, struct bytes raw)
{
    const struct chunk_codec *write = codec_to_write(c);
    const struct chunk_codec *read = codec_to_read(c);
    if (write == NULL)
        return;
    char *stored = malloc(raw.size + write->adds_max);
    char *back = malloc(raw.size);
    CHECK(stored != NULL && back != NULL);
    size_t size = write->seal(write->context, &place, raw, stored);
    CHECK(size <= raw.size + write->adds_max);
    struct bytes all = {stored, size};
    CHECK(read->open(read->context, write->flags, &place, all, back, raw.size) == 0);
    CHECK(memcmp(back, raw.at, raw.size) == 0);
    free(stored);
    free(back);
}

static void fuzz_raw(struct bytes raw)
{
    for (int i = 0; i < 6; i++) {
        struct codec c;
        codec_init(&c, keys[i / 2], i % 2 == 0 ? NULL : &encoder);
        comes_back(&c, raw);
    }
}

/* Any bytes, of any form, said to be of any size. */
static void fuzz_stored(struct bytes stored)
{
    if (stored.size < 5)
        return;
    uint16_t flags = (uint8_t)stored.at[0] & (CHUNK_COMPRESSED | CHUNK_SEALED);
    size_t raw_size = 1 + ((uint8_t)stored.at[1] | (size_t)(uint8_t)stored.at[2] << 8);
    stored = (struct bytes){stored.at + 3, stored.size - 3};
    char *raw = malloc(raw_size);
    CHECK(raw != NULL);
    for (int i = flags & CHUNK_SEALED ? 1 : 0; i < 3; i++) {
        struct codec c;
        codec_init(&c, keys[i], NULL);
        int status = c.read.open(&c, flags, &place, stored, raw, raw_size);
        CHECK(status == 0 || status == -EBADMSG);
        CHECK(status != 0 || !(flags & CHUNK_SEALED));
    }
    free(raw);
}

static void fuzz_wrapped(struct bytes wrapped)
{
    struct crypt_group *g;
    bool stale;
    int status = crypt_group_open(crypt, 77, 1, wrapped, &g, &stale);
    CHECK(status == -EBADMSG || status == -ENOTSUP || status == -ENOKEY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size < 2)
        return 0;
    struct bytes rest = {(const char *)data + 1, size - 1};
    switch (data[0] % 3) {
    case 0: fuzz_raw(rest); break;
    case 1: fuzz_stored(rest); break;
    case 2: fuzz_wrapped(rest); break;
    }
    return 0;
}
