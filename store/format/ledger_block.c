/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/ledger_block.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"

static_assert(LEDGER_BLOCK_BYTES_MAX >=
                  BLOCK_HEADER_SIZE + LEDGER_RECORD_HEADER_SIZE + LEDGER_BODY_MAX,
              "a block holds the largest record");
static_assert(LEDGER_BLOCK_BYTES % BLOCK_ALIGN == 0 && LEDGER_BLOCK_BYTES_MAX % BLOCK_ALIGN == 0,
              "blocks end on boundaries");

uint64_t ledger_first_previous(const struct ledger_identity *id)
{
    return checksum_seed(id->store, id->number, BLOCK_MAGIC_LEDGER);
}

int ledger_block_header_read(const struct ledger_identity *id, uint64_t position, const char *at,
                             struct block_header *ret)
{
    struct block_header h;
    int status = block_header_read(at, BLOCK_MAGIC_LEDGER, id->store, &h);
    if (status != 0)
        return status;
    if (h.position != position || h.durable_to > position || h.durable_to % BLOCK_ALIGN != 0)
        return -EBADMSG;
    if ((h.flags & ~(unsigned)LEDGER_BLOCK_LAST) != 0)
        return -ENOTSUP;
    if (h.size > LEDGER_BLOCK_BYTES_MAX ||
        h.records > (h.size - BLOCK_HEADER_SIZE) / LEDGER_RECORD_HEADER_SIZE)
        return -EBADMSG;
    if (position == 0 ? h.previous != ledger_first_previous(id) : h.records == 0)
        return -EBADMSG;
    *ret = h;
    return 0;
}

struct ledger_block_walk ledger_block_walk(const struct ledger_identity *id,
                                           const struct block_header *h, const char *at)
{
    return (struct ledger_block_walk){
        .id = id, .header = h, .at = at, .offset = BLOCK_HEADER_SIZE, .records_left = h->records};
}

int ledger_block_next(struct ledger_block_walk *w, struct ledger_record *ret,
                      uint64_t *ret_position)
{
    CHECK(w->records_left > 0 && w->offset <= w->header->size);
    struct bytes rest = {w->at + w->offset, w->header->size - w->offset};
    uint64_t position = w->header->position + w->offset;
    int status = ledger_record_read(w->id, position, rest, ret);
    if (status != 0)
        return status;
    *ret_position = position;
    w->offset += (uint32_t)ledger_record_size(ret->body.size);
    w->records_left--;
    return 0;
}

static bool all_zero(const char *at, size_t size)
{
    return size == 0 || (at[0] == 0 && memcmp(at, at + 1, size - 1) == 0);
}

int ledger_block_check(const struct ledger_identity *id, const struct block_header *h,
                       const char *at)
{
    struct ledger_block_walk w = ledger_block_walk(id, h, at);
    while (w.records_left > 0) {
        struct ledger_record record;
        uint64_t position;
        int status = ledger_block_next(&w, &record, &position);
        if (status != 0)
            return status;
    }
    return all_zero(at + w.offset, h->size - w.offset) ? 0 : -EBADMSG;
}
