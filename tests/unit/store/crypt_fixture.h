/* SPDX-License-Identifier: Apache-2.0 */
/* crypt_fixture.h -- keys for tests, of an entropy that repeats. */
#ifndef TESTS_UNIT_STORE_CRYPT_FIXTURE_H
#define TESTS_UNIT_STORE_CRYPT_FIXTURE_H

#include "runtime/base/prng.h"
#include "store/crypt.h"

#define FIXTURE_KEY BYTES("a key that nobody would guess: 32 bytes")
#define FIXTURE_OTHER_KEY BYTES("another one")

static const uint8_t fixture_uuid[CRYPT_UUID_SIZE] = "a store's uuid..";
static const enum crypt_cipher fixture_ciphers[] = {CRYPT_XCHACHA20_POLY1305, CRYPT_AES_256_GCM};

static inline void fixture_entropy(void *context, void *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)at)[i] = (uint8_t)prng_next(context);
}

static inline struct crypt *fixture_crypt(struct prng *prng, struct bytes key,
                                          struct bytes previous, enum crypt_cipher cipher)
{
    struct crypt *c = crypt_new(&(struct crypt_options){.key = key,
                                                        .previous_key = previous,
                                                        .cipher = cipher,
                                                        .entropy = fixture_entropy,
                                                        .context = prng});
    crypt_begin(c, fixture_uuid);
    return c;
}

#endif
