/* SPDX-License-Identifier: Apache-2.0 */
/* sealed.h -- what of a group is sealed beside its chunks: bodies in the journal, and checkpoints.
 *
 * Idea        A body stays where it lies and grows by RECORD_SEAL_SIZE: its tag, and what of its
 *             nonce is not zero. It is bound to what its record's header says of the entry, so a
 *             body does not open under another entry's name or time.
 *             Of a checkpoint the numbers stay clear that a start needs of a group that it can not
 *             read: up to which entry it goes, where its files and times go on, and whether it
 *             erases.
 *
 *                 body    | sealed body            | tag 16 | salt of the start 8 | number 8 |
 *                 checkpoint  | 0x81 | applied 8 | next file 8 | log time 8 | nonce 24 | sealed,
 *                 with tag |
 */
#ifndef STORE_SEALED_H
#define STORE_SEALED_H

#include "store/crypt.h"

struct buffer;
struct entry;

/* The body of e, which is plain and at `body`, with room for RECORD_SEAL_SIZE bytes behind it. */
void sealed_body_make(const struct crypt_group *keys, const struct entry *e, char *body);
/* e's body is sealed and at `body`; then plain and shorter. -EBADMSG: it is not this entry's. */
int sealed_body_open(const struct crypt_group *keys, const struct entry *e, char *body)
    __attribute__((warn_unused_result));

struct checkpoint_head {
    uint64_t applied;
    uint64_t next_file;
    int64_t log_time_ns;
    bool erasing; /* something of it is to be erased */
};

/* Adds a checkpoint as the ledger has it: as it is when keys is NULL. */
void sealed_checkpoint_make(const struct crypt_group *keys, uint64_t gid, struct bytes plain,
                            struct buffer *to);
/* Of one that is sealed or is not. -EBADMSG, -ENOTSUP. */
int sealed_checkpoint_head(struct bytes body, struct checkpoint_head *ret)
    __attribute__((warn_unused_result));
/* *ret is in body, or in `plain`, which is empty. -EBADMSG: it is damaged, or sealed or not as its
 * group is not. */
int sealed_checkpoint_open(const struct crypt_group *keys, uint64_t gid, struct bytes body,
                           struct buffer *plain, struct bytes *ret)
    __attribute__((warn_unused_result));

/* A section of a checkpoint that lies in a file of its own: its nonce, then itself, sealed. */
void sealed_section_make(const struct crypt_group *keys, uint64_t gid, int section,
                         struct bytes plain, struct buffer *to);
/* Where it lies, which is writable memory: *at becomes what it was. -EBADMSG. */
int sealed_section_open(const struct crypt_group *keys, uint64_t gid, int section, struct bytes *at)
    __attribute__((warn_unused_result));

#endif
