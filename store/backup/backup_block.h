/* SPDX-License-Identifier: Apache-2.0 */
/* backup_block.h -- the content of one msgs/N.blk, fed in pieces, taken apart into records.
 *
 * A record that lies whole in a piece is decoded where it is; only one that is cut by the end of a
 * piece is put together in the reader's own memory, which is what a block costs: one record.
 */
#ifndef STORE_BACKUP_BACKUP_BLOCK_H
#define STORE_BACKUP_BACKUP_BLOCK_H

#include "store/backup/backup_record.h"

struct backup_block {
    struct highwayhash start;
    uint64_t offset;    /* of the next record in the block */
    char *cut;          /* given: a record that began in an earlier piece */
    size_t cut_size;    /* what there is of it */
    size_t capacity;    /* at cut */
    uint64_t last_hash; /* of the last record; 0 without one */
};

void backup_block_init(struct backup_block *b);
void backup_block_done(struct backup_block *b);
void backup_block_begin(struct backup_block *b, struct bytes stream, uint32_t number);

/* Takes bytes off the front of *in. 1: *ret, valid until the next call and as long as what was fed;
 * 0: *in is used up. -EBADMSG, -EILSEQ as backup_record_decode, the record is at b->offset; -ENOMEM. */
int backup_block_next(struct backup_block *b, struct bytes *in, struct backup_record *ret)
    __attribute__((warn_unused_result));
/* The block ends here. -EBADMSG: inside a record. */
int backup_block_end(const struct backup_block *b) __attribute__((warn_unused_result));

#endif
