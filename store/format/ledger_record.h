/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_record.h -- one record of the ledger: which group, what about it.
 *
 *     kind u8, flags u8 (0), version u16, body size u32, gid u64, body hash u64,
 *     header hash u64 over the 24 bytes before it                                     = 32 bytes
 *     body, zeros up to a multiple of 8
 *
 * Both hashes are seeded with the store, the ledger's number and the record's position in it, so that a
 * record counts where it was written and nowhere else. docs/formats/ledger.md has every byte.
 */
#ifndef STORE_FORMAT_LEDGER_RECORD_H
#define STORE_FORMAT_LEDGER_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

#define LEDGER_RECORD_HEADER_SIZE 32u
#define LEDGER_RECORD_ALIGN 8u
#define LEDGER_RECORD_VERSION 1
#define LEDGER_BODY_MAX ((uint32_t)16 << 20)

/* Numbers are never reused. */
#define LEDGER_FLOOR_SIZE 16u

enum ledger_kind {
    LEDGER_GROUP = 1,      /* what the group is: format/group_record.h */
    LEDGER_CHECKPOINT = 2, /* its state: format/checkpoint.h; its MAKINGs so far are dead */
    LEDGER_GONE = 3,       /* the group was deleted: all its records are dead; body: who said so */
    LEDGER_MAKING = 4,     /* a file of gid's is about to exist: body is its name */
    LEDGER_FLOOR =
        5,           /* gid 0: u64, the oldest journal position that is needed; u64, the next gid */
    LEDGER_LOST = 6, /* gid 0: u32, blocks lost so far and not accounted for; the ledger's */
};

struct ledger_record {
    enum ledger_kind kind;
    bool doubtful; /* of a recovered one: a later one of its kind and group may have been lost */
    uint64_t gid;
    struct bytes body; /* borrowed */
};

/* Which ledger of which store: part of every seed. */
struct ledger_identity {
    uint64_t store; /* low 8 bytes of the store's uuid */
    uint64_t number;
};

static inline size_t ledger_record_size(size_t body_size)
{
    return LEDGER_RECORD_HEADER_SIZE +
           (body_size + LEDGER_RECORD_ALIGN - 1) / LEDGER_RECORD_ALIGN * LEDGER_RECORD_ALIGN;
}

/* Whether a record of this kind may have this group and this size of a body. */
bool ledger_record_is_valid(enum ledger_kind kind, uint64_t gid, uint64_t body_size);

/* Writes ledger_record_size bytes; position is that of the first one in the ledger. */
void ledger_record_write(const struct ledger_identity *id, uint64_t position,
                         const struct ledger_record *record, char *at);

/* The record at the beginning of `from`; its body points into it. -EBADMSG: no whole record of this
 * ledger and position; -ENOTSUP: a whole one of a version or kind that is not known here. */
int ledger_record_read(const struct ledger_identity *id, uint64_t position, struct bytes from,
                       struct ledger_record *ret) __attribute__((warn_unused_result));

#endif
