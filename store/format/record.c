/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/record.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/little.h"

enum { HASHED_SIZE = 48, COPY_AT = RECORD_HEADER_SIZE };

/* The part that only copies have is hashed first, and seeds the hash of the rest. */
static uint64_t header_hash(const char *at, uint64_t seed, uint64_t position, bool copy)
{
    seed += position;
    if (copy)
        seed = checksum(seed, at + COPY_AT, RECORD_COPY_SIZE);
    return checksum(seed, at, HASHED_SIZE);
}

static void put_copy(char *at, uint64_t first_position, enum entry_kind kind)
{
    put_u64(at, first_position);
    put_u64(at + 8, (uint8_t)kind);
}

static const uint8_t forms[] =
    {[ENTRY_PLAIN] = 0, [ENTRY_SEALED] = RECORD_SEALED, [ENTRY_TO_SEAL] = RECORD_TO_SEAL};

char *record_write(const struct entry *e, uint64_t seed, uint64_t position, uint64_t first_position,
                   char *at)
{
    DCHECK(position % RECORD_ALIGN == 0 && first_position <= position);
    DCHECK(e->kind != ENTRY_COPY && (unsigned)e->kind <= UINT8_MAX);
    bool copy = first_position < position;
    uint32_t body_size = record_body_size(e);
    uint32_t plain_size = (uint32_t)e->body.size;
    put_u32(at, body_size);
    at[4] = (char)(copy ? ENTRY_COPY : e->kind);
    at[5] = (char)e->flags;
    at[6] = RECORD_VERSION;
    at[7] = (char)forms[e->seal];
    put_u64(at + 8, e->gid);
    put_u64(at + 16, e->index);
    put_u32(at + 24, e->term);
    put_u32(at + 28, (uint32_t)position);
    put_i64(at + 32, e->time_ns);
    put_u64(at + 40, e->body_hash);
    if (copy)
        put_copy(at + COPY_AT, first_position, e->kind);
    put_u64(at + HASHED_SIZE, header_hash(at, seed, position, copy));
    char *body = at + record_header_size(copy);
    if (plain_size > 0)
        memcpy(body, e->body.at, plain_size);
    uint32_t room = body_size - plain_size;
    memset(body + plain_size, 0, room + ((RECORD_ALIGN - body_size) & (RECORD_ALIGN - 1)));
    return body;
}

static int read_copy(const char *at, uint64_t position, struct record *r)
{
    uint64_t kind = get_u64(at + 8);
    r->first_position = get_u64(at);
    if (kind > UINT8_MAX || kind == ENTRY_COPY || r->first_position >= position)
        return -EBADMSG;
    r->entry.kind = (enum entry_kind)kind;
    return 0;
}

int record_read(struct bytes bytes, uint64_t seed, uint64_t position, struct record *ret)
{
    const char *at = bytes.at;
    /* Cheap to say, before anything is hashed: readers try every place after damage. */
    if (bytes.size < RECORD_HEADER_SIZE || get_u32(at + 28) != (uint32_t)position)
        return -EBADMSG;
    bool copy = (uint8_t)at[4] == ENTRY_COPY;
    uint32_t header_size = record_header_size(copy);
    uint32_t body_size = get_u32(at);
    if (bytes.size < header_size ||
        get_u64(at + HASHED_SIZE) != header_hash(at, seed, position, copy))
        return -EBADMSG;
    uint8_t form = (uint8_t)at[7];
    if (at[6] != RECORD_VERSION || (form & ~RECORD_SEALED) != 0)
        return -ENOTSUP;
    uint32_t adds = form & RECORD_SEALED ? RECORD_SEAL_SIZE : 0;
    if (body_size < adds || body_size > ENTRY_BODY_MAX + adds ||
        record_size(body_size, copy) > bytes.size)
        return -EBADMSG;
    struct record r = {
        .entry = {.gid = get_u64(at + 8),
                  .index = get_u64(at + 16),
                  .term = get_u32(at + 24),
                  .kind = (enum entry_kind)(uint8_t)at[4],
                  .flags = (uint8_t)at[5],
                  .seal = form & RECORD_SEALED ? ENTRY_SEALED : ENTRY_PLAIN,
                  .time_ns = get_i64(at + 32),
                  .body = {at + header_size, body_size},
                  .body_hash = get_u64(at + 40)},
        .first_position = position,
        .size = record_size(body_size, copy),
    };
    int status = copy ? read_copy(at + COPY_AT, position, &r) : 0;
    if (status == 0)
        *ret = r;
    return status;
}

struct record record_in_memory(char *at)
{
    bool copy = (uint8_t)at[4] == ENTRY_COPY;
    uint32_t body_size = get_u32(at);
    bool to_seal = (uint8_t)at[7] & RECORD_TO_SEAL;
    return (struct record){
        .entry = {.gid = get_u64(at + 8),
                  .index = get_u64(at + 16),
                  .term = get_u32(at + 24),
                  .kind = (enum entry_kind)(uint8_t)at[copy ? COPY_AT + 8 : 4],
                  .flags = (uint8_t)at[5],
                  .seal = to_seal ? ENTRY_TO_SEAL : ENTRY_PLAIN,
                  .time_ns = get_i64(at + 32),
                  .body = {at + record_header_size(copy),
                           body_size - (to_seal ? RECORD_SEAL_SIZE : 0)}},
        .size = record_size(body_size, copy),
    };
}

void record_sealed(char *at, uint64_t seed, uint64_t position)
{
    CHECK((uint8_t)at[7] == RECORD_TO_SEAL);
    bool copy = (uint8_t)at[4] == ENTRY_COPY;
    struct bytes body = {at + record_header_size(copy), get_u32(at)};
    at[7] = RECORD_SEALED;
    put_u64(at + 40, entry_body_hash(get_u64(at + 8), get_u64(at + 16), get_u32(at + 24), body));
    put_u64(at + HASHED_SIZE, header_hash(at, seed, position, copy));
}
