/* SPDX-License-Identifier: Apache-2.0 */
/* block.h -- the header of a block of the journal, and of the ledger: what one flush wrote.
 *
 *     magic u32, version u16, flags u16, position u64, size u32, records u32, boot epoch u32,
 *     group count u32, durable_to u64, hash of the previous block's header u64, store u64,
 *     header hash u64 over the 56 bytes before it                                     = 64 bytes
 *
 * A block begins on a BLOCK_ALIGN boundary and is padded to one, so that a sector that was acknowledged
 * is never written again. The previous block's header hash chains blocks: its header holds the hashes
 * that matter, so the chain need not read bodies.
 */
#ifndef STORE_FORMAT_BLOCK_H
#define STORE_FORMAT_BLOCK_H

#include <stdint.h>

#define BLOCK_ALIGN 4096u
#define BLOCK_HEADER_SIZE 64u
#define BLOCK_MAGIC_JOURNAL 0x4c4a594du /* "MYJL" */
#define BLOCK_MAGIC_LEDGER 0x444c594du  /* "MYLD" */
#define BLOCK_VERSION 1

struct block_header {
    uint32_t magic;
    uint16_t flags;
    uint64_t position; /* of its first byte, since the journal or ledger was made */
    uint32_t
        size; /* of the whole block with header, footer and padding: a multiple of BLOCK_ALIGN */
    uint32_t records;
    uint32_t boot_epoch; /* never falls along the chain */
    uint32_t group_count;
    uint64_t durable_to; /* flushes were complete up to this position when it was made */
    uint64_t previous;   /* header hash of the block before; 0: the first */
    uint64_t store;
    uint64_t hash; /* set by write and read */
};

void block_header_write(struct block_header *h, char *at);
/* From BLOCK_HEADER_SIZE bytes. -EBADMSG: no header of this kind in this store at this position, or one
 * that is damaged; -ENOTSUP: a whole header of a version that is not known here. */
int block_header_read(const char *at, uint32_t magic, uint64_t store, struct block_header *ret)
    __attribute__((warn_unused_result));

#endif
