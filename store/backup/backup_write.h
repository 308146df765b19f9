/* SPDX-License-Identifier: Apache-2.0 */
/* backup_write.h -- a stream as nats-server's archive: handed over in pieces, taken out in pieces.
 *
 * Idea        The archive is tar inside Snappy frames, form 1 (docs/formats/backup.md). A file's size
 *             stands before its content, so a message block is gathered in memory and let go when it is
 *             full; what was let go is compressed as it is taken out, 64 KiB at a time:
 *
 *                 message ─► block at hand ──full──► let go ──backup_writer_step──► bytes
 *                 consumer ────────────────────────►
 *
 *             Nothing is taken in while something let go waits: -EAGAIN, step until it says 0, again.
 * Orders      messages by sequence, messages_end, consumers, end
 * Bounds      one block of BACKUP_BLOCK_SIZE_MAX, or one record; or the files of one consumer. A step
 *             writes at most what it was given room for.
 * Differs     index.db is left out, for nats-server makes it again. A new block begins after
 *             BACKUP_BLOCK_HOLES_MAX missing sequences, which nats-server walks one by one. After a
 *             last sequence that is no message there is a block with its tombstone alone: beside
 *             messages nats-server would not believe it.
 */
#ifndef STORE_BACKUP_BACKUP_WRITE_H
#define STORE_BACKUP_BACKUP_WRITE_H

#include "store/backup/backup_hash.h"
#include "store/backup/backup_record.h"

#define BACKUP_BLOCK_SIZE_MAX ((size_t)8 << 20)
#define BACKUP_BLOCK_HOLES_MAX ((uint64_t)1 << 18)
#define BACKUP_META_SIZE_MAX ((size_t)8 << 20)
#define BACKUP_STATE_SIZE_MAX ((size_t)64 << 20)

struct backup_consumer {
    struct bytes name;
    struct bytes meta;  /* JSON of its configuration, name and creation */
    struct bytes state; /* o.dat (store/backup/consumer_state.h) */
};

struct backup_writer;

/* stream: its name, at most BACKUP_NAME_MAX bytes. meta: JSON of the stream's configuration and creation, at most BACKUP_META_SIZE_MAX. */
struct backup_writer *backup_writer_new(struct bytes stream, struct bytes meta, int64_t time_s);
void backup_writer_free(struct backup_writer **writer);

/* The next message; its sequence is above all before it. -EAGAIN: step first, nothing was taken;
 * -EMSGSIZE: nats-server can not read a record of this size. */
int backup_writer_message(struct backup_writer *w, const struct backup_message *m)
    __attribute__((warn_unused_result));
/* There are no more; last_seq is the stream's, 0 for one that never had any. -EAGAIN as above. */
int backup_writer_messages_end(struct backup_writer *w, uint64_t last_seq, int64_t last_time_ns)
    __attribute__((warn_unused_result));
/* A consumer. -EAGAIN as above; -EINVAL: not a name; -EFBIG: larger than readers take. */
int backup_writer_consumer(struct backup_writer *w, const struct backup_consumer *c)
    __attribute__((warn_unused_result));
/* That was all. -EAGAIN as above. Then step until it says 0: the archive is whole. */
int backup_writer_end(struct backup_writer *w) __attribute__((warn_unused_result));

/* Writes at most `capacity` bytes of the archive to `at`; returns how many. 0: nothing waits. */
size_t backup_writer_step(struct backup_writer *w, char *at, size_t capacity);

#endif
