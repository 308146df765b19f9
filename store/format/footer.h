/* SPDX-License-Identifier: Apache-2.0 */
/* footer.h -- the end of a journal block: which groups are in it, and its header again.
 *
 *     table: per group {gid u64, first index u64, last index u64, records u32, flags u32}
 *     tail:  table size u32, magic u32, hash u64 of table, size and magic
 *     the block's header once more
 *
 * Idea        It is read only when something is damaged. The table says what was in a block whose
 *             records can not be read; the second header stands in for the first, in another
 *             sector, and at a place that the block after it tells.
 */
#ifndef STORE_FORMAT_FOOTER_H
#define STORE_FORMAT_FOOTER_H

#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/format/block.h"

#define FOOTER_SLOT_SIZE 32u
#define FOOTER_TAIL_SIZE 16u
#define FOOTER_FIXED_SIZE (FOOTER_TAIL_SIZE + BLOCK_HEADER_SIZE) /* of a block without groups */
#define FOOTER_MAGIC 0x464c594du                                 /* "MYLF" */

enum footer_flag {
    FOOTER_RUN = 1u << 0, /* one record for each index from first to last, in their order */
};

struct footer_slot {
    uint64_t gid;
    uint64_t index_first; /* the lowest of the records' indexes, and the highest */
    uint64_t index_last;
    uint32_t records;
    uint32_t flags; /* enum footer_flag */
};

static inline uint64_t footer_size(uint32_t groups)
{
    return FOOTER_FIXED_SIZE + (uint64_t)groups * FOOTER_SLOT_SIZE;
}

/* Of the slot'th of a table. */
void footer_slot_write(const struct footer_slot *slot, char *table, uint32_t index);
void footer_slot_read(const char *table, uint32_t index, struct footer_slot *ret);

/* Behind a table that has been written: the tail, and a copy of the block's header, up to the
 * end of the block at position `end`. */
void footer_finish(const char *header, uint64_t store, uint64_t end, uint32_t groups, char *table);

/* Of a block's bytes up to its end at position `end`: the table of its groups. -EBADMSG:
 * damaged. */
int footer_table(struct bytes block, uint64_t store, uint64_t end, uint32_t groups,
                 const char **ret_table) __attribute__((warn_unused_result));

#endif
