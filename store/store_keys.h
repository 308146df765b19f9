/* SPDX-License-Identifier: Apache-2.0 */
/* store_keys.h -- encryption and compression of a store's groups: who has which keys, and where
 * they are used.
 *
 * Idea        Whether a group is encrypted is decided when it is made, by whether there is a key;
 *             its record in the ledger says so by a wrapped seed. At a start each seed is opened,
 *             with the previous key if need be; then the ledger gets it again, sealed with the one
 *             of now. A group whose seed no key opens is locked: it is found by its name and can be
 *             deleted; of all else it says -ENOKEY. Its files are not touched, its checkpoint
 *             stays, its entries in the journal are carried forward as they are.
 * Invariants  1 a locked group is a stub: nothing of it is ever loaded, applied, drained or
 *               compacted
 *             2 no body, chunk or checkpoint of a group with keys goes to the disk plain
 */
#ifndef STORE_STORE_KEYS_H
#define STORE_STORE_KEYS_H

#include "store/codec.h"
#include "store/store_state.h"

struct group_record;

/* Of a group: in its memory. */
struct store_group_keys {
    struct crypt_group *keys; /* given; NULL: it is not encrypted, or locked */
    struct codec codec;
    bool compress; /* new chunks */
    bool stale;    /* its seed is sealed with the previous key */
};

/* A store's, from its options, which let go of the keys. */
void store_keys_init(struct store *s);
void store_keys_done(struct store *s);
/* The store's identity is known: before any group. */
void store_keys_begin(struct store *s);
/* At the end of a start: seeds under the previous key go into the next commit under the key of now.
 * */
void store_keys_rewrap(struct store *s);

void store_group_keys_make(struct store *s, struct store_group *g, bool compress);
void store_group_keys_found(struct store *s, struct store_group *g, const struct group_record *r);
void store_group_keys_done(struct store_group *g);

/* Nothing of it can become a chunk: it is locked, or damaged. */
bool store_group_is_kept(const struct store_group *g);
const struct chunk_codec *store_group_to_read(const struct store_group *g);
/* NULL: plain. */
const struct chunk_codec *store_group_to_write(const struct store_group *g);

/* Into the ledger. */
void store_put_group(struct store *s, const struct store_group *g, struct bytes account,
                     struct bytes name);
void store_put_checkpoint(struct store *s, const struct store_group *g, struct bytes plain);

/* enum entry_seal of an entry of the group that is plain in memory. */
uint8_t store_entry_seal(const struct store_group *g);
/* For the journal. */
int store_seal_body(void *context, const struct entry *e, char *body);
/* A sealed entry that the journal had at the start becomes a plain one, where it lies; it stays
 * sealed when the group is locked. -EBADMSG: it is damaged. */
int store_open_body(struct store_group *g, uint64_t index, struct logged *entry)
    __attribute__((warn_unused_result));

#endif
