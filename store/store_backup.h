/* SPDX-License-Identifier: Apache-2.0 */
/* store_backup.h -- nats-server's backup of a stream, out of a store and into one.
 *
 *     store_backup    group ─► pin ─► backup_writer ─► bytes
 *     store_restore   bytes ─► backup_reader ─► hidden group ─► shown
 *
 * Idea        What is told to the outside is a state of one moment (store_pin.h), and what comes from outside is
 *             seen whole or not at all (store_fill.h). Between the JSON of meta.inf and the store's
 *             entries the caller translates: to the store both are opaque.
 * Restored    messages keep sequence and time, and consumers their positions; entries' indexes are given
 *             anew. No limit is enforced and nothing expires before the group is seen.
 * Bounds      those of backup_write.h, backup_read.h, the pin and the fill.
 * Differs     from nats-server: what deletions a limit made that no tombstone tells (backup.md) is undone until
 *             the limit is applied again, by the first entry. A backup that has a consumer whose state
 *             does not fit the stream is refused.
 */
#ifndef STORE_STORE_BACKUP_H
#define STORE_STORE_BACKUP_H

#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/backup/backup_read.h"
#include "store/store.h"

struct buffer;
struct consumer_put;
struct store_backup;
struct store_restore;

/* --- out of a store ------------------------------------------------------------------------------------ */

struct store_backup_options {
    struct store *store; /* borrowed */
    uint64_t gid;
    int64_t now_s; /* of the files in the archive, and the base of times */
    /* Writes the stream's meta.inf; config: the text of its last CONFIG. Negative: the backup ends with it. */
    int (*stream_meta)(void *context, struct bytes config, struct buffer *to);
    /* The same of a consumer. */
    int (*consumer_meta)(void *context, const struct consumer_put *put, struct buffer *to);
    void *context;
};

struct store_backup *store_backup_new(const struct store_backup_options *options);
/* Before store_free. */
void store_backup_free(struct store_backup **b);
/* At most `capacity` bytes of the archive; *ret_size 0: it is whole. -EAGAIN: call again when the disk or a turn of
 * the store has done something. Errors stay: those of store_pin.h and of the caller's functions, -EMSGSIZE
 * (a message that nats-server can not read). */
int store_backup_step(struct store_backup *b, char *at, size_t capacity, size_t *ret_size)
    __attribute__((warn_unused_result));

/* --- into a store -------------------------------------------------------------------------------------- */

struct store_restore_options {
    struct store *store;  /* borrowed */
    struct bytes account; /* copied, as the name: the stream's, which keys the checksums */
    struct bytes name;
    enum store_sync sync;
    int64_t now_ns;          /* log time of the group, unless a message is later */
    uint64_t bytes_max;      /* of the archive's files; 0: any */
    uint64_t fill_bytes_max; /* of store_fill.h; 0: its own */
    /* Writes the body of the CONFIG entry for what meta.inf says. Negative: the restore ends with it. */
    int (*config)(void *context, struct bytes meta, struct buffer *to);
    /* Writes the body of a CONSUMER_PUT with this id. */
    int (*consumer)(void *context, uint32_t id, struct bytes name, struct bytes meta,
                    struct buffer *to);
    void *context;
};

struct store_restore *store_restore_new(const struct store_restore_options *options);
/* What is not shown goes. Before store_free. */
void store_restore_free(struct store_restore **r);
/* Takes bytes off the front of *in, as backup_reader_step, whose errors it has: 1: call again; 0: *in is used up;
 * -EAGAIN: call again, with what is left, when the disk or a turn of the store has done something. And
 * errors of state_read.h's kind: -EEXIST, -EFBIG, -EINVAL, -ENAMETOOLONG, -EIO. They stay. */
int store_restore_step(struct store_restore *r, struct bytes *in)
    __attribute__((warn_unused_result));
/* All bytes have been given. 0: the group is there, and durable; -EAGAIN as above; -EBADMSG: it was not all. */
int store_restore_end(struct store_restore *r, struct store_group **ret)
    __attribute__((warn_unused_result));
/* What went wrong with the archive; "" when nothing did. */
const char *store_restore_why(const struct store_restore *r);

#endif
