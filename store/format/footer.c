/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/footer.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"
#include "store/format/little.h"

enum { HASHED_TAIL_SIZE = 8 }; /* size and magic */

void footer_slot_write(const struct footer_slot *slot, char *table, uint32_t index)
{
    char *at = table + (size_t)index * FOOTER_SLOT_SIZE;
    put_u64(at, slot->gid);
    put_u64(at + 8, slot->index_first);
    put_u64(at + 16, slot->index_last);
    put_u32(at + 24, slot->records);
    put_u32(at + 28, slot->flags);
}

void footer_slot_read(const char *table, uint32_t index, struct footer_slot *ret)
{
    const char *at = table + (size_t)index * FOOTER_SLOT_SIZE;
    *ret = (struct footer_slot){
        .gid = get_u64(at),
        .index_first = get_u64(at + 8),
        .index_last = get_u64(at + 16),
        .records = get_u32(at + 24),
        .flags = get_u32(at + 28),
    };
}

static uint64_t table_hash(const char *table, size_t table_size, uint64_t store, uint64_t end)
{
    return checksum(checksum_seed(store, FOOTER_MAGIC, end), table, table_size + HASHED_TAIL_SIZE);
}

void footer_finish(const char *header, uint64_t store, uint64_t end, uint32_t groups, char *table)
{
    size_t table_size = (size_t)groups * FOOTER_SLOT_SIZE;
    char *tail = table + table_size;
    put_u32(tail, (uint32_t)table_size);
    put_u32(tail + 4, FOOTER_MAGIC);
    put_u64(tail + HASHED_TAIL_SIZE, table_hash(table, table_size, store, end));
    memcpy(tail + FOOTER_TAIL_SIZE, header, BLOCK_HEADER_SIZE);
}

int footer_table(struct bytes block, uint64_t store, uint64_t end, uint32_t groups,
                 const char **ret_table)
{
    if (footer_size(groups) > block.size)
        return -EBADMSG;
    size_t table_size = (size_t)groups * FOOTER_SLOT_SIZE;
    const char *tail = block.at + block.size - FOOTER_FIXED_SIZE;
    const char *table = tail - table_size;
    if (get_u32(tail) != table_size || get_u32(tail + 4) != FOOTER_MAGIC ||
        get_u64(tail + HASHED_TAIL_SIZE) != table_hash(table, table_size, store, end))
        return -EBADMSG;
    *ret_table = table;
    return 0;
}
