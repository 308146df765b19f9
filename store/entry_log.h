/* SPDX-License-Identifier: Apache-2.0 */
/* entry_log.h -- the entries of a group since its last checkpoint: what the journal holds of it.
 *
 * Idea        A ring by index. Two borders move through it: up to `durable` the disk has them (or,
 *             for a group with the relaxed policy, they are queued), up to `applied` they are in
 *             the state. The entries stay until a checkpoint covers them, since they may have to be
 *             carried forward.
 *
 *                 base            applied          durable            end
 *                 | in the state   | to be applied  | on their way     |
 *
 * Invariants  1 base <= applied <= durable <= end as indexes; indexes have no gaps
 *             2 positions rise, but for entries that were carried forward, which have newer ones
 * Bounds      72 bytes an entry; as many as the journal holds.
 */
#ifndef STORE_ENTRY_LOG_H
#define STORE_ENTRY_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "store/format/entry.h"

struct logged {
    const char *body; /* borrowed from a journal image */
    uint64_t body_hash;
    uint64_t position;       /* of its record now */
    uint64_t first_position; /* and where it was first */
    int64_t time_ns;
    uint32_t body_size;
    uint32_t term;
    uint8_t kind;
    uint8_t flags;
    uint8_t seal; /* enum entry_seal: what body is, and what it is to be when it is carried */
};

/* Zeroed but for `base`: empty. */
struct entry_log {
    struct logged *ring; /* given; capacity is a power of two */
    size_t capacity;
    size_t first;
    uint64_t base;    /* index of the last entry before the ring: the checkpoint's */
    uint64_t applied; /* indexes */
    uint64_t durable;
    uint64_t end; /* index of the last entry */
    uint64_t body_bytes;
};

void entry_log_init(struct entry_log *log, uint64_t base);
void entry_log_done(struct entry_log *log);
/* It gets the index end + 1. */
void entry_log_push(struct entry_log *log, const struct logged *entry);
struct logged *entry_log_at(const struct entry_log *log, uint64_t index);
/* A checkpoint covers all up to index, which are applied. */
void entry_log_cover(struct entry_log *log, uint64_t index);
/* Entries after index never were; they are not applied. */
void entry_log_cut(struct entry_log *log, uint64_t index);
/* As an entry of this group; the body is borrowed. */
struct entry entry_log_entry(const struct entry_log *log, uint64_t gid, uint64_t index);
void entry_log_check(const struct entry_log *log);

static inline uint64_t entry_log_count(const struct entry_log *log)
{
    return log->end - log->base;
}

#endif
