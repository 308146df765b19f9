/* SPDX-License-Identifier: Apache-2.0 */
/* crypt.h -- the keys of a store, and what is sealed with them (docs/formats/encryption.md).
 *
 * Idea        Three steps from what somebody configured to what seals bytes:
 *
 *               configured key ─► wrapping key (of this store) ─opens─► seed of a group
 *                 ─► key of a use ─► with the start of a nonce: the cipher's key
 *
 *             A group's seed is random and never changes; the ledger has it, sealed with the
 *             wrapping key. So another configured key costs a record a group, and who has no key
 *             has a group whose bytes can be kept, carried and checked, but not read: it is locked.
 *             A nonce is 24 bytes. The first 16 go into the key by HChaCha20, the last 8 are the
 *             cipher's. With ChaCha20-Poly1305 that is XChaCha20-Poly1305; with AES-256-GCM it is
 *             the same trick, so that nonces need not be counted across starts.
 * Invariants  1 no two different texts are sealed with the same key and nonce: crypt_nonce counts
 *               within a start, and 16 random bytes tell starts apart, also those of a copied or
 *               reset disk
 *             2 keys are wiped before their memory is given back
 * Bounds      the keys of CRYPT_CACHE_MAX uses; 64 bytes a group.
 */
#ifndef STORE_CRYPT_H
#define STORE_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct crypt;
struct crypt_group;

#define CRYPT_NONCE_SIZE 24u
#define CRYPT_TAG_SIZE 16u
#define CRYPT_SEED_SIZE 32u
#define CRYPT_WRAPPED_SIZE (2u + CRYPT_NONCE_SIZE + CRYPT_SEED_SIZE + CRYPT_TAG_SIZE)
#define CRYPT_UUID_SIZE 16u
#define CRYPT_CACHE_MAX 64u

/* Numbers of the format, like those of the uses. */
enum crypt_cipher { CRYPT_XCHACHA20_POLY1305 = 1, CRYPT_AES_256_GCM = 2 };

enum crypt_use {
    CRYPT_JOURNAL = 1,
    CRYPT_CHUNK = 2,
    CRYPT_RUN = 3,
    CRYPT_CHECKPOINT = 4,
};

struct crypt_options {
    struct bytes key;          /* borrowed for crypt_new; size 0: there is none */
    struct bytes previous_key; /* likewise: opens what key does not */
    enum crypt_cipher cipher;  /* of new groups, where the processor has it */
    void (*entropy)(void *context, void *at, size_t size);
    void *context;
};

struct crypt *crypt_new(const struct crypt_options *options);
/* After its groups. */
void crypt_free(struct crypt **crypt);
/* Which store it is of: before the first group. */
void crypt_begin(struct crypt *c, const uint8_t uuid[CRYPT_UUID_SIZE]);
/* Whether new groups are to be sealed. */
bool crypt_has_key(const struct crypt *c);
/* One that was never used. */
void crypt_nonce(struct crypt *c, uint8_t nonce[CRYPT_NONCE_SIZE]);
/* 8 bytes that are those of this start. */
const uint8_t *crypt_salt(const struct crypt *c);

/* --- groups ----------------------------------------------------------------------------------- */

/* With a seed of its own. There is a key. */
struct crypt_group *crypt_group_new(struct crypt *c, uint64_t gid, uint64_t incarnation);
/* From what the ledger has. -ENOKEY: none of the keys opens it, or the processor has not its
 * cipher; -EBADMSG: it is no such thing; -ENOTSUP: of a version or cipher that is not known here.
 * *ret_stale: it was sealed with the previous key. */
int crypt_group_open(struct crypt *c, uint64_t gid, uint64_t incarnation, struct bytes wrapped,
                     struct crypt_group **ret, bool *ret_stale) __attribute__((warn_unused_result));
/* The same keys, for somebody who outlives the group. */
struct crypt_group *crypt_group_dup(const struct crypt_group *g);
void crypt_group_free(struct crypt_group **group);
/* Its seed, sealed with the key of now. */
void crypt_group_wrap(const struct crypt_group *g, char wrapped[CRYPT_WRAPPED_SIZE]);
struct crypt *crypt_group_crypt(const struct crypt_group *g);
enum crypt_cipher crypt_group_cipher(const struct crypt_group *g);

/* Writes plain.size + CRYPT_TAG_SIZE bytes; `at` may be where plain is. */
void crypt_seal(const struct crypt_group *g, enum crypt_use use,
                const uint8_t nonce[CRYPT_NONCE_SIZE], struct bytes with, struct bytes plain,
                char *at);
/* Writes sealed.size - CRYPT_TAG_SIZE bytes; `at` may be where sealed is. -EBADMSG: it is not what
 * was sealed with this nonce and `with`; what is at `at` then is nothing. */
int crypt_open(const struct crypt_group *g, enum crypt_use use,
               const uint8_t nonce[CRYPT_NONCE_SIZE], struct bytes with, struct bytes sealed,
               char *at) __attribute__((warn_unused_result));

#endif
