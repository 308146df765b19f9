/* SPDX-License-Identifier: Apache-2.0 */
/* super_block.h -- who a store is, and which ledger is its truth: 4096 bytes, in two copies.
 *
 *     magic 8 ("MYELINST"), format u32, size u32 (4096), uuid 16, generation u64, boot epoch u32,
 *     clean u8, zeros 3, ledger u64, zeros, hash u64 at 4088 over the 4088 bytes before it
 *
 * The first 16 bytes and the last 8 stay as they are in every format, so that a later one is told from
 * damage. docs/formats/super.md.
 */
#ifndef STORE_FORMAT_SUPER_BLOCK_H
#define STORE_FORMAT_SUPER_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define SUPER_BLOCK_SIZE 4096u
#define SUPER_BLOCK_FORMAT 1u

struct super_block {
    uint8_t uuid[16];
    uint64_t generation; /* higher with every save */
    uint64_t ledger;     /* number of the ledger's files */
    uint32_t boot_epoch; /* starts of this store */
    bool clean;          /* the store was stopped in order, and has not been started since */
};

/* The part of the uuid that seeds the checksums of the store. */
uint64_t super_block_store(const struct super_block *s);

void super_block_write(const struct super_block *s, char at[SUPER_BLOCK_SIZE]);
/* -EBADMSG: no whole block; -ENOTSUP: a whole one of another format. */
int super_block_read(const char at[SUPER_BLOCK_SIZE], struct super_block *ret)
    __attribute__((warn_unused_result));

#endif
