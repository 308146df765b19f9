/* SPDX-License-Identifier: Apache-2.0 */
/* backup_record.h -- one record of a message block in nats-server's layout, bytes to fields and back.
 *
 *     size u32 (bit 31: with headers) | seq u64 (bit 63: erased, bit 62: tombstone) | time i64 |
 *     subject size u16 | subject | [headers size u32 | headers] | payload | hash u64
 *
 * The hash is HighwayHash-64 of seq (with its bits), time, subject, headers and payload, keyed with the
 * name of stream and block. docs/formats/backup.md has every byte.
 */
#ifndef STORE_BACKUP_BACKUP_RECORD_H
#define STORE_BACKUP_BACKUP_RECORD_H

#include "runtime/base/bytes.h"
#include "store/backup/highwayhash.h"

#define BACKUP_RECORD_HEAD_SIZE 22 /* up to the subject */
#define BACKUP_RECORD_SIZE_MIN (BACKUP_RECORD_HEAD_SIZE + HIGHWAYHASH_SIZE)
#define BACKUP_RECORD_SIZE_MAX ((size_t)32 << 20) /* what nats-server takes for sane */
#define BACKUP_SEQ_MAX (((uint64_t)1 << 62) - 1)

struct backup_message {
    uint64_t seq;
    int64_t time_ns;
    struct bytes subject; /* borrowed, as the two below */
    struct bytes headers;
    struct bytes payload;
};

enum backup_record_kind {
    BACKUP_RECORD_MESSAGE,
    BACKUP_RECORD_ERASED,    /* the place of a message; seq and time only */
    BACKUP_RECORD_TOMBSTONE, /* that a message, wherever it is, was deleted; seq and time only */
};

struct backup_record {
    enum backup_record_kind kind;
    struct backup_message message;
};

/* May be above BACKUP_RECORD_SIZE_MAX: then it can not be written. */
uint64_t backup_record_size(const struct backup_record *r);
/* start: of backup_hash_block, here and below. `at` has room for the record's size. */
void backup_record_encode(const struct highwayhash *start, const struct backup_record *r, char *at);

/* The size that the first BACKUP_RECORD_HEAD_SIZE bytes of a record tell. -EBADMSG: it can not be. */
int backup_record_measure(const char *head, size_t *ret_size) __attribute__((warn_unused_result));
/* stored is a record of the size that it tells. -EBADMSG: malformed; -EILSEQ: the hash is wrong. */
int backup_record_decode(const struct highwayhash *start, struct bytes stored,
                         struct backup_record *ret) __attribute__((warn_unused_result));

#endif
