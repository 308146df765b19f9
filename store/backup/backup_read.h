/* SPDX-License-Identifier: Apache-2.0 */
/* backup_read.h -- nats-server's archive of a stream: bytes in, events out.
 *
 * Idea        Bytes are fed in any split; what they say is told as it is known, in this order:
 *
 *                 config, (message | deleted)*, consumer*            and then backup_reader_end
 *
 *             Messages come by sequence; one that is missing between two was deleted. A message that was
 *             told may be told deleted later: its tombstone lies in a later block, and what limits
 *             removed is known when index.db comes. Each event is told until it is taken: a function
 *             that answers -EAGAIN is called again, with the same, by the next step.
 * Bounds      a step does about BACKUP_STEP_WORK of work (bytes, and so many for each event), or decodes
 *             one S2 block. Held are: what backup_index.h, backup_block.h, tar.h and s2_frame.h say,
 *             and the files of one consumer (BACKUP_META_SIZE_MAX, BACKUP_STATE_SIZE_MAX).
 * Differs     what nats-server repairs while it restores, by cutting off the rest of a block, is an
 *             error here, as is an archive that was cut, is out of order, or lacks a file of a consumer.
 */
#ifndef STORE_BACKUP_BACKUP_READ_H
#define STORE_BACKUP_BACKUP_READ_H

#include "store/backup/backup_write.h"

#define BACKUP_STEP_WORK ((size_t)256 << 10)
#define BACKUP_BLOCK_READ_MAX \
    (((uint64_t)1 << 32) - 1) /* of one N.blk: offsets in it have 32 bits */

struct backup_events {
    int (*config)(void *context, struct bytes meta); /* meta.inf as it is */
    int (*message)(void *context, const struct backup_message *m);
    int (*deleted)(void *context, uint64_t from,
                   uint64_t to); /* all of these, told before or not */
    int (*consumer)(void *context, const struct backup_consumer *c);
};

struct backup_reader_options {
    struct bytes stream; /* its name, which keys the checksums; copied */
    uint64_t bytes_max;  /* of all files together; 0: any */
    struct backup_events events;
    void *context;
};

struct backup_reader;

struct backup_reader *backup_reader_new(const struct backup_reader_options *options);
void backup_reader_free(struct backup_reader **reader);

/* Takes bytes off the front of *in. 1: call again, now or in a later turn, with what is left of *in;
 * 0: *in is used up; -EAGAIN: an event was not taken, call again later. What *in points at may go when
 * it was taken. Errors, which stay:
 *   -EBADMSG   malformed, or not where it may be     -EILSEQ    a checksum is wrong
 *   -ENOTSUP   not a plain file; an unknown chunk    -EFBIG     a file is too large
 *   -EDQUOT    more than bytes_max                   -EREMOTEIO its server could not write it whole
 *   -ENAMETOOLONG, -ENOMEM; and what an event's function answered */
int backup_reader_step(struct backup_reader *r, struct bytes *in)
    __attribute__((warn_unused_result));

enum backup_index_use {
    BACKUP_INDEX_ABSENT,
    BACKUP_INDEX_USED,
    BACKUP_INDEX_IGNORED, /* malformed, or of other blocks */
};

struct backup_summary {
    uint64_t
        last_seq; /* of the stream, whether the message is there or not; 0: there never was one */
    int64_t last_time_ns;
    uint64_t first_seq; /* when index.db was used */
    uint64_t messages;  /* told, those that were told deleted later too */
    uint64_t repeated;  /* records passed over, their sequence was there in the same block */
    uint32_t blocks;
    uint32_t consumers;
    enum backup_index_use index;
};

/* All bytes have been fed. 0: the archive was whole; -EBADMSG: it was not; or the error that stays. */
int backup_reader_end(struct backup_reader *r, struct backup_summary *ret)
    __attribute__((warn_unused_result));

/* What went wrong, and where, for the operator; "" when nothing did. Lives as long as the reader. */
const char *backup_reader_why(const struct backup_reader *r);

#endif
