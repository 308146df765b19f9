/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/block.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"
#include "store/format/little.h"

enum { HASHED_SIZE = 56 };

static uint64_t header_hash(const char *at, uint32_t magic, uint64_t store)
{
    return checksum(checksum_seed(store, magic, 0), at, HASHED_SIZE);
}

void block_header_write(struct block_header *h, char *at)
{
    CHECK(h->position % BLOCK_ALIGN == 0 && h->size % BLOCK_ALIGN == 0 && h->size > 0);
    put_u32(at, h->magic);
    put_u16(at + 4, BLOCK_VERSION);
    put_u16(at + 6, h->flags);
    put_u64(at + 8, h->position);
    put_u32(at + 16, h->size);
    put_u32(at + 20, h->records);
    put_u32(at + 24, h->boot_epoch);
    put_u32(at + 28, h->group_count);
    put_u64(at + 32, h->durable_to);
    put_u64(at + 40, h->previous);
    put_u64(at + 48, h->store);
    h->hash = header_hash(at, h->magic, h->store);
    put_u64(at + HASHED_SIZE, h->hash);
}

int block_header_read(const char *at, uint32_t magic, uint64_t store, struct block_header *ret)
{
    if (get_u32(at) != magic || get_u64(at + 48) != store ||
        get_u64(at + HASHED_SIZE) != header_hash(at, magic, store))
        return -EBADMSG;
    if (get_u16(at + 4) != BLOCK_VERSION)
        return -ENOTSUP;
    struct block_header h = {
        .magic = magic,
        .flags = get_u16(at + 6),
        .position = get_u64(at + 8),
        .size = get_u32(at + 16),
        .records = get_u32(at + 20),
        .boot_epoch = get_u32(at + 24),
        .group_count = get_u32(at + 28),
        .durable_to = get_u64(at + 32),
        .previous = get_u64(at + 40),
        .store = store,
        .hash = get_u64(at + HASHED_SIZE),
    };
    if (h.position % BLOCK_ALIGN != 0 || h.size % BLOCK_ALIGN != 0 || h.size == 0)
        return -EBADMSG;
    *ret = h;
    return 0;
}
