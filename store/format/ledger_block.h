/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_block.h -- a block of the ledger: the header that the journal's blocks have, records, zeros.
 *
 * Idea        One commit is one block, or several when its records take more than LEDGER_BLOCK_BYTES;
 *             small blocks, because two copies lose what is bad in both, block by block. Of the
 *             fields of block.h the ledger uses these in its own way:
 *
 *                 flags        LEDGER_BLOCK_LAST: the last block of its commit
 *                 position     in the file of this ledger
 *                 durable_to   where its commit begins: what lies before was durable in both copies
 *                              when this block was made
 *                 group_count  how many blocks of this ledger lie before it
 *                 previous     of the first block: ledger_first_previous
 *
 * Invariants  1 every bit of a block is covered: by the header's hash, by those of the records, or by
 *               having to be zero
 *             2 only a ledger's first block may have no records
 */
#ifndef STORE_FORMAT_LEDGER_BLOCK_H
#define STORE_FORMAT_LEDGER_BLOCK_H

#include "store/format/block.h"
#include "store/format/ledger_record.h"

#define LEDGER_BLOCK_BYTES ((uint32_t)64 << 10)                /* unless one record takes more */
#define LEDGER_BLOCK_BYTES_MAX (LEDGER_BODY_MAX + BLOCK_ALIGN) /* with its one record */

enum ledger_block_flag {
    LEDGER_BLOCK_LAST = 1u << 0,
};

uint64_t ledger_first_previous(const struct ledger_identity *id);

/* From BLOCK_HEADER_SIZE bytes. -EBADMSG: not the header of a block of a ledger of this store at this
 * position; -ENOTSUP: one of a version or with flags that are not known here. */
int ledger_block_header_read(const struct ledger_identity *id, uint64_t position, const char *at,
                             struct block_header *ret) __attribute__((warn_unused_result));

/* Whether the h->size bytes at `at`, whose header is h, are a whole block of this ledger: 0, -EBADMSG,
 * -ENOTSUP (one of its records). */
int ledger_block_check(const struct ledger_identity *id, const struct block_header *h,
                       const char *at) __attribute__((warn_unused_result));

/* Its records, one after the other. */
struct ledger_block_walk {
    const struct ledger_identity *id;  /* borrowed */
    const struct block_header *header; /* borrowed */
    const char *at;                    /* borrowed */
    uint32_t offset;
    uint32_t records_left;
};

struct ledger_block_walk ledger_block_walk(const struct ledger_identity *id,
                                           const struct block_header *h, const char *at);
/* Only while records_left > 0. As ledger_record_read; *ret_position is the record's in the ledger. */
int ledger_block_next(struct ledger_block_walk *w, struct ledger_record *ret,
                      uint64_t *ret_position) __attribute__((warn_unused_result));

#endif
