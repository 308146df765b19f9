/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/ledger_record.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"
#include "store/format/little.h"

enum { LOST_SIZE = 4, HASHED_SIZE = 24 };

bool ledger_record_is_valid(enum ledger_kind kind, uint64_t gid, uint64_t body_size)
{
    switch (kind) {
    case LEDGER_GROUP:
    case LEDGER_CHECKPOINT:
    case LEDGER_GONE:
    case LEDGER_MAKING: return gid != 0 && body_size <= LEDGER_BODY_MAX;
    case LEDGER_FLOOR: return gid == 0 && body_size == LEDGER_FLOOR_SIZE;
    case LEDGER_LOST: return gid == 0 && body_size == LOST_SIZE;
    }
    return false;
}

static uint64_t header_seed(const struct ledger_identity *id, uint64_t position)
{
    return checksum_seed(id->store, id->number, position);
}

static uint64_t body_hash(uint64_t seed, uint64_t gid, unsigned kind, struct bytes body)
{
    return checksum(checksum_seed(seed, gid, kind), body.at, body.size);
}

static size_t padding_of(size_t body_size)
{
    return ledger_record_size(body_size) - LEDGER_RECORD_HEADER_SIZE - body_size;
}

void ledger_record_write(const struct ledger_identity *id, uint64_t position,
                         const struct ledger_record *record, char *at)
{
    struct bytes body = record->body;
    CHECK(position % LEDGER_RECORD_ALIGN == 0);
    CHECK(ledger_record_is_valid(record->kind, record->gid, body.size));
    uint64_t seed = header_seed(id, position);
    at[0] = (char)record->kind;
    at[1] = 0;
    put_u16(at + 2, LEDGER_RECORD_VERSION);
    put_u32(at + 4, (uint32_t)body.size);
    put_u64(at + 8, record->gid);
    put_u64(at + 16, body_hash(seed, record->gid, record->kind, body));
    put_u64(at + HASHED_SIZE, checksum(seed, at, HASHED_SIZE));
    if (body.size > 0)
        memcpy(at + LEDGER_RECORD_HEADER_SIZE, body.at, body.size);
    memset(at + LEDGER_RECORD_HEADER_SIZE + body.size, 0, padding_of(body.size));
}

int ledger_record_read(const struct ledger_identity *id, uint64_t position, struct bytes from,
                       struct ledger_record *ret)
{
    const char *at = from.at;
    uint64_t seed = header_seed(id, position);
    if (from.size < LEDGER_RECORD_HEADER_SIZE ||
        get_u64(at + HASHED_SIZE) != checksum(seed, at, HASHED_SIZE))
        return -EBADMSG;
    unsigned kind = (uint8_t)at[0];
    uint32_t size = get_u32(at + 4);
    uint64_t gid = get_u64(at + 8);
    if (at[1] != 0 || get_u16(at + 2) != LEDGER_RECORD_VERSION || kind > LEDGER_LOST)
        return -ENOTSUP;
    if (!ledger_record_is_valid(kind, gid, size) || ledger_record_size(size) > from.size)
        return -EBADMSG;
    struct bytes body = {at + LEDGER_RECORD_HEADER_SIZE, size};
    if (get_u64(at + 16) != body_hash(seed, gid, kind, body))
        return -EBADMSG;
    for (size_t i = 0; i < padding_of(size); i++)
        if (body.at[size + i] != 0)
            return -EBADMSG;
    *ret = (struct ledger_record){.kind = kind, .gid = gid, .body = body};
    return 0;
}
