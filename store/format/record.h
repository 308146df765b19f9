/* SPDX-License-Identifier: Apache-2.0 */
/* record.h -- an entry as a record of a journal block: header, body, zeros up to 8 bytes.
 *
 *     body size u32, kind u8, flags u8, version u8, form u8, gid u64, index u64, term u32,
 *     position low bits u32, log time i64, body hash u64, header hash u64             = 56 bytes
 *
 * Idea        Two hashes: the body's goes with it wherever it is stored, the header's says that
 *             this record was written at this position, by this start of this store. So a record
 *             can be told from anything else without what stands before it: the reader finds the
 *             next whole one after damage, and what an earlier start left behind is none.
 * Copies      the header of an older record carried forward (ENTRY_COPY) goes on for 16 bytes:
 *             first position u64, kind u8, zeros. Its other fields, body and body hash are those
 *             of the entry it carries.
 * Sealed      a body that is encrypted is RECORD_SEAL_SIZE longer than what it was made of, and the
 *             body hash is over what is stored: so it can be verified by who has no keys. A record
 *             that is still to be sealed has that room, and is so in memory alone.
 */
#ifndef STORE_FORMAT_RECORD_H
#define STORE_FORMAT_RECORD_H

#include <stdbool.h>

#include "store/format/entry.h"

#define RECORD_ALIGN 8u
#define RECORD_HEADER_SIZE 56u
#define RECORD_COPY_SIZE 16u     /* what the header of a copy is longer */
#define RECORD_MAGIC 0x524c594du /* "MYLR", in the seed of header hashes */
#define RECORD_VERSION 1
#define RECORD_SEAL_SIZE 32u

enum record_form {
    RECORD_SEALED = 1u << 0,
    RECORD_TO_SEAL = 1u << 7, /* never stored */
};

struct record {
    struct entry entry;      /* what a copy carries, not that it is one */
    uint64_t first_position; /* of a copy: lower than its own */
    uint32_t size;           /* of all of it: a multiple of RECORD_ALIGN */
};

/* What the header hashes of one block's records are seeded with, besides their positions. */
static inline uint64_t record_seed(uint64_t store, uint32_t boot_epoch)
{
    return checksum_seed(store, RECORD_MAGIC, boot_epoch);
}

static inline uint32_t record_header_size(bool copy)
{
    return copy ? RECORD_HEADER_SIZE + RECORD_COPY_SIZE : RECORD_HEADER_SIZE;
}

/* What the entry's body takes in a record. */
static inline uint32_t record_body_size(const struct entry *e)
{
    return (uint32_t)e->body.size + (e->seal == ENTRY_TO_SEAL ? RECORD_SEAL_SIZE : 0);
}

/* Of a body of at most ENTRY_BODY_MAX + RECORD_SEAL_SIZE. */
static inline uint32_t record_size(uint32_t body_size, bool copy)
{
    return (record_header_size(copy) + body_size + RECORD_ALIGN - 1) & ~(RECORD_ALIGN - 1);
}

/* Writes record_size bytes for position. A copy is what has a lower first_position. Returns
 * where the body lies. */
char *record_write(const struct entry *e, uint64_t seed, uint64_t position, uint64_t first_position,
                   char *at);

/* From the bytes of a block at position and what follows. The body points into them and is not
 * checked yet. -EBADMSG: no record was written here, or its header is damaged; -ENOTSUP: a whole
 * header of a version that is not known here. */
int record_read(struct bytes bytes, uint64_t seed, uint64_t position, struct record *ret)
    __attribute__((warn_unused_result));

/* What was written at `at` in memory, and not sealed yet. */
struct record record_in_memory(char *at);
/* Its body, with the room behind it, has been sealed: it becomes what is stored. */
void record_sealed(char *at, uint64_t seed, uint64_t position);

static inline bool record_body_is_whole(const struct record *r)
{
    const struct entry *e = &r->entry;
    return entry_body_hash(e->gid, e->index, e->term, e->body) == e->body_hash;
}

#endif
