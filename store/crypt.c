/* SPDX-License-Identifier: Apache-2.0 */
#include "store/crypt.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/little.h"

#define WRAP_VERSION 1
#define KEY_SIZE 32u
#define PREFIX_SIZE 16u
#define INNER_NONCE_SIZE 12u
#define WRAP_WITH_SIZE 18u
#define USES_NAME "myelinst" /* of crypto_kdf: 8 bytes */

static const char wrapping_name[] = "myelin store wrapping key 1";

static_assert(crypto_core_hchacha20_INPUTBYTES == PREFIX_SIZE, "the start of a nonce");
static_assert(crypto_core_hchacha20_KEYBYTES == KEY_SIZE, "keys have one size");
static_assert(crypto_kdf_KEYBYTES == CRYPT_SEED_SIZE, "a seed is a key of crypto_kdf");
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == CRYPT_TAG_SIZE, "tags have one size");
static_assert(crypto_aead_aes256gcm_ABYTES == CRYPT_TAG_SIZE, "tags have one size");
static_assert(crypto_aead_aes256gcm_NPUBBYTES == INNER_NONCE_SIZE, "nonces have one size");
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == CRYPT_NONCE_SIZE, "a wrap's nonce");

/* What a cipher works with: of one group, use, and start of a nonce. */
struct derived {
    crypto_aead_aes256gcm_state aes; /* AES_256_GCM only */
    uint64_t serial;                 /* of the group; 0: nothing is here */
    uint32_t use;
    uint8_t prefix[PREFIX_SIZE];
    uint8_t key[KEY_SIZE];
};

struct wrapping {
    bool there;
    uint8_t configured[KEY_SIZE]; /* hash of what was configured */
    uint8_t key[KEY_SIZE];        /* of this store */
};

/* In guarded memory. */
struct crypt {
    struct derived cache[CRYPT_CACHE_MAX];
    struct wrapping now;
    struct wrapping previous;
    uint8_t salt[PREFIX_SIZE]; /* of this start */
    uint64_t nonces;           /* given out */
    uint64_t serials;
    enum crypt_cipher cipher;
    bool begun;
    void (*entropy)(void *context, void *at, size_t size);
    void *context;
};

struct crypt_group {
    struct crypt *crypt; /* borrowed */
    uint64_t gid;
    uint64_t incarnation;
    uint64_t serial; /* its name in the cache */
    enum crypt_cipher cipher;
    uint8_t seed[CRYPT_SEED_SIZE];
};

/* --- a store's keys --------------------------------------------------------------------------- */

static void configure(struct wrapping *w, struct bytes key)
{
    if (key.size == 0)
        return;
    int status = crypto_generichash(w->configured, KEY_SIZE, (const unsigned char *)key.at,
                                    key.size, NULL, 0);
    CHECK(status == 0);
    w->there = true;
}

struct crypt *crypt_new(const struct crypt_options *options)
{
    int status = sodium_init();
    CHECK(status >= 0);
    struct crypt *c = sodium_malloc(sizeof *c);
    CHECK(c != NULL);
    memset(c, 0, sizeof *c);
    configure(&c->now, options->key);
    configure(&c->previous, options->previous_key);
    c->entropy = options->entropy;
    c->context = options->context;
    c->cipher = CRYPT_XCHACHA20_POLY1305;
    if (options->cipher == CRYPT_AES_256_GCM && crypto_aead_aes256gcm_is_available())
        c->cipher = CRYPT_AES_256_GCM;
    if (c->now.there || c->previous.there) {
        CHECK(c->entropy != NULL);
        c->entropy(c->context, c->salt, sizeof c->salt);
    }
    return c;
}

void crypt_free(struct crypt **at)
{
    sodium_free(*at); /* wipes it */
    *at = NULL;
}

static void make_wrapping_key(struct wrapping *w, const uint8_t uuid[CRYPT_UUID_SIZE])
{
    if (!w->there)
        return;
    crypto_generichash_state state;
    int status = crypto_generichash_init(&state, w->configured, KEY_SIZE, KEY_SIZE);
    CHECK(status == 0);
    crypto_generichash_update(&state, (const unsigned char *)wrapping_name, sizeof wrapping_name);
    crypto_generichash_update(&state, uuid, CRYPT_UUID_SIZE);
    crypto_generichash_final(&state, w->key, KEY_SIZE);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(w->configured, sizeof w->configured);
}

void crypt_begin(struct crypt *c, const uint8_t uuid[CRYPT_UUID_SIZE])
{
    CHECK(!c->begun);
    c->begun = true;
    make_wrapping_key(&c->now, uuid);
    make_wrapping_key(&c->previous, uuid);
}

bool crypt_has_key(const struct crypt *c)
{
    return c->now.there;
}

void crypt_nonce(struct crypt *c, uint8_t nonce[CRYPT_NONCE_SIZE])
{
    memcpy(nonce, c->salt, PREFIX_SIZE);
    put_u64(nonce + PREFIX_SIZE, c->nonces++);
}

const uint8_t *crypt_salt(const struct crypt *c)
{
    return c->salt;
}

/* --- seeds ------------------------------------------------------------------------------------ */

static struct crypt_group *group_alloc(struct crypt *c, uint64_t gid, uint64_t incarnation,
                                       enum crypt_cipher cipher)
{
    struct crypt_group *g = calloc(1, sizeof *g);
    CHECK(g != NULL && c->begun);
    g->crypt = c;
    g->gid = gid;
    g->incarnation = incarnation;
    g->serial = ++c->serials;
    g->cipher = cipher;
    return g;
}

struct crypt_group *crypt_group_new(struct crypt *c, uint64_t gid, uint64_t incarnation)
{
    CHECK(c->now.there);
    struct crypt_group *g = group_alloc(c, gid, incarnation, c->cipher);
    c->entropy(c->context, g->seed, sizeof g->seed);
    return g;
}

struct crypt_group *crypt_group_dup(const struct crypt_group *g)
{
    struct crypt_group *dup = group_alloc(g->crypt, g->gid, g->incarnation, g->cipher);
    memcpy(dup->seed, g->seed, sizeof dup->seed);
    return dup;
}

void crypt_group_free(struct crypt_group **at)
{
    struct crypt_group *g = *at;
    *at = NULL;
    if (g == NULL)
        return;
    for (uint32_t i = 0; i < CRYPT_CACHE_MAX; i++)
        if (g->crypt->cache[i].serial == g->serial)
            sodium_memzero(&g->crypt->cache[i], sizeof g->crypt->cache[i]);
    sodium_memzero(g, sizeof *g);
    free(g);
}

/* Whose seed it is, and what it is used with. */
static void wrap_with(char with[WRAP_WITH_SIZE], const char *wrapped, uint64_t gid,
                      uint64_t incarnation)
{
    memcpy(with, wrapped, 2);
    put_u64(with + 2, gid);
    put_u64(with + 10, incarnation);
}

void crypt_group_wrap(const struct crypt_group *g, char wrapped[CRYPT_WRAPPED_SIZE])
{
    struct crypt *c = g->crypt;
    CHECK(c->now.there);
    char with[WRAP_WITH_SIZE];
    wrapped[0] = WRAP_VERSION;
    wrapped[1] = (char)g->cipher;
    wrap_with(with, wrapped, g->gid, g->incarnation);
    unsigned char *nonce = (unsigned char *)wrapped + 2;
    c->entropy(c->context, nonce, CRYPT_NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + CRYPT_NONCE_SIZE, NULL, g->seed,
                                               sizeof g->seed, (const unsigned char *)with,
                                               sizeof with, NULL, nonce, c->now.key);
}

static bool unwrap(const struct wrapping *w, struct crypt_group *g, const char *wrapped)
{
    if (!w->there)
        return false;
    char with[WRAP_WITH_SIZE];
    wrap_with(with, wrapped, g->gid, g->incarnation);
    const unsigned char *nonce = (const unsigned char *)wrapped + 2;
    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               g->seed, NULL, NULL, nonce + CRYPT_NONCE_SIZE, CRYPT_SEED_SIZE + CRYPT_TAG_SIZE,
               (const unsigned char *)with, sizeof with, nonce, w->key) == 0;
}

int crypt_group_open(struct crypt *c, uint64_t gid, uint64_t incarnation, struct bytes wrapped,
                     struct crypt_group **ret, bool *ret_stale)
{
    if (wrapped.size < 2)
        return -EBADMSG;
    uint8_t cipher = (uint8_t)wrapped.at[1];
    if (wrapped.at[0] != WRAP_VERSION ||
        (cipher != CRYPT_XCHACHA20_POLY1305 && cipher != CRYPT_AES_256_GCM))
        return -ENOTSUP;
    if (wrapped.size != CRYPT_WRAPPED_SIZE)
        return -EBADMSG;
    if (cipher == CRYPT_AES_256_GCM && !crypto_aead_aes256gcm_is_available())
        return -ENOKEY;
    struct crypt_group *g = group_alloc(c, gid, incarnation, (enum crypt_cipher)cipher);
    bool stale = false;
    bool open = unwrap(&c->now, g, wrapped.at);
    if (!open)
        open = stale = unwrap(&c->previous, g, wrapped.at);
    if (!open) {
        crypt_group_free(&g);
        return -ENOKEY;
    }
    *ret = g;
    *ret_stale = stale && c->now.there;
    return 0;
}

struct crypt *crypt_group_crypt(const struct crypt_group *g)
{
    return g->crypt;
}

enum crypt_cipher crypt_group_cipher(const struct crypt_group *g)
{
    return g->cipher;
}

/* --- sealing ---------------------------------------------------------------------------------- */

/* What the cipher needs for nonces that begin so: made, or still there. */
static const struct derived *derive(const struct crypt_group *g, enum crypt_use use,
                                    const uint8_t *prefix)
{
    struct derived *d = &g->crypt->cache[(g->serial * 4 + use) % CRYPT_CACHE_MAX];
    if (d->serial == g->serial && d->use == use && memcmp(d->prefix, prefix, PREFIX_SIZE) == 0)
        return d;
    uint8_t key[KEY_SIZE];
    crypto_kdf_derive_from_key(key, sizeof key, use, USES_NAME, g->seed);
    crypto_core_hchacha20(d->key, prefix, key, NULL);
    sodium_memzero(key, sizeof key);
    if (g->cipher == CRYPT_AES_256_GCM)
        crypto_aead_aes256gcm_beforenm(&d->aes, d->key);
    d->serial = g->serial;
    d->use = use;
    memcpy(d->prefix, prefix, PREFIX_SIZE);
    return d;
}

static void inner_nonce(uint8_t inner[INNER_NONCE_SIZE], const uint8_t nonce[CRYPT_NONCE_SIZE])
{
    memset(inner, 0, INNER_NONCE_SIZE - 8);
    memcpy(inner + INNER_NONCE_SIZE - 8, nonce + PREFIX_SIZE, 8);
}

void crypt_seal(const struct crypt_group *g, enum crypt_use use,
                const uint8_t nonce[CRYPT_NONCE_SIZE], struct bytes with, struct bytes plain,
                char *at)
{
    const struct derived *d = derive(g, use, nonce);
    uint8_t inner[INNER_NONCE_SIZE];
    inner_nonce(inner, nonce);
    unsigned char *to = (unsigned char *)at;
    const unsigned char *from = (const unsigned char *)plain.at;
    const unsigned char *ad = (const unsigned char *)with.at;
    if (g->cipher == CRYPT_AES_256_GCM)
        crypto_aead_aes256gcm_encrypt_afternm(to, NULL, from, plain.size, ad, with.size, NULL,
                                              inner, &d->aes);
    else
        crypto_aead_chacha20poly1305_ietf_encrypt(to, NULL, from, plain.size, ad, with.size, NULL,
                                                  inner, d->key);
}

int crypt_open(const struct crypt_group *g, enum crypt_use use,
               const uint8_t nonce[CRYPT_NONCE_SIZE], struct bytes with, struct bytes sealed,
               char *at)
{
    if (sealed.size < CRYPT_TAG_SIZE)
        return -EBADMSG;
    const struct derived *d = derive(g, use, nonce);
    uint8_t inner[INNER_NONCE_SIZE];
    inner_nonce(inner, nonce);
    unsigned char *to = (unsigned char *)at;
    const unsigned char *from = (const unsigned char *)sealed.at;
    const unsigned char *ad = (const unsigned char *)with.at;
    int status = g->cipher == CRYPT_AES_256_GCM
                     ? crypto_aead_aes256gcm_decrypt_afternm(to, NULL, NULL, from, sealed.size, ad,
                                                             with.size, inner, &d->aes)
                     : crypto_aead_chacha20poly1305_ietf_decrypt(to, NULL, NULL, from, sealed.size,
                                                                 ad, with.size, inner, d->key);
    return status == 0 ? 0 : -EBADMSG;
}
