/* SPDX-License-Identifier: Apache-2.0 */
/* entry.h -- an ordered change of a group, as the journal keeps it.
 *
 * Idea        A group (a stream with its consumers; later the meta group) changes by entries alone.
 *             Each has an index, without holes, the term in which it was made, and the log time its
 *             maker gave it. (gid, index, term) names one body for ever; the seed of the body's
 *             checksum is made of the three, so one body has one checksum in journal and segment.
 * Kinds       their numbers are never reused. Those marked t are only in the journal and have no
 *             index of their own: they carry the index they speak of.
 */
#ifndef STORE_FORMAT_ENTRY_H
#define STORE_FORMAT_ENTRY_H

#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/format/checksum.h"

enum entry_kind {
    ENTRY_NOOP = 0x01,    /* opens a term */
    ENTRY_MEMBERS = 0x02, /* of the group */
    ENTRY_TIME = 0x03,    /* advances log time, nothing else */
    ENTRY_RULES = 0x04,   /* the version of apply's rules from here on */
    ENTRY_VOTE = 0x05,    /* t: term, vote */
    ENTRY_CUT = 0x06,     /* t: entries after index are dropped */
    ENTRY_COMMIT = 0x07,  /* t: a hint */
    ENTRY_COPY = 0x08,    /* t: an older record carried forward: its first position, itself */

    ENTRY_CONFIG = 0x10,  /* the whole configuration of the stream */
    ENTRY_MSG = 0x11,     /* a message */
    ENTRY_BATCH = 0x12,   /* one message of a batch: n of m, last or not */
    ENTRY_DELETE = 0x13,  /* sequences; erase or not */
    ENTRY_PURGE = 0x14,   /* filter, up to, keep */
    ENTRY_SKIP = 0x15,    /* from, to: sequences that will never be */
    ENTRY_SOURCE = 0x16,  /* position of a source */
    ENTRY_RESTORE = 0x17, /* part of a backup */

    ENTRY_CONSUMER_PUT = 0x20,
    ENTRY_CONSUMER_DROP = 0x21,
    ENTRY_DELIVERED = 0x22, /* of many consumers */
    ENTRY_ACKS = 0x23,      /* of many consumers: ack, nak, term, progress */
    ENTRY_CONSUMER_SET = 0x24,
    ENTRY_HANDOVER = 0x25,
};

#define ENTRY_BODY_MAX ((uint32_t)72 << 20) /* max_payload is at most 64 MiB */

/* Bodies in the journal may be encrypted: of an entry on its way there or back, what its body is.
 * */
enum entry_seal {
    ENTRY_PLAIN,
    ENTRY_SEALED,  /* what is on disk: body and body_hash are of the sealed body */
    ENTRY_TO_SEAL, /* plain, and to be sealed when it is written */
};

struct entry {
    uint64_t gid;
    uint64_t index;
    uint32_t term;
    enum entry_kind kind;
    uint8_t flags; /* of the kind */
    uint8_t seal;  /* enum entry_seal */
    int64_t time_ns;
    struct bytes body;  /* borrowed */
    uint64_t body_hash; /* of the opened body: entry_body_hash */
};

static inline uint64_t entry_body_hash(uint64_t gid, uint64_t index, uint32_t term,
                                       struct bytes body)
{
    return checksum(checksum_seed(gid, index, term), body.at, body.size);
}

static inline bool entry_kind_is_transient(enum entry_kind kind)
{
    return kind >= ENTRY_VOTE && kind <= ENTRY_COPY;
}

#endif
