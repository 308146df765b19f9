/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/super_block.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"
#include "store/format/little.h"

enum {
    AT_FORMAT = 8,
    AT_SIZE = 12,
    AT_UUID = 16,
    AT_GENERATION = 32,
    AT_BOOT_EPOCH = 40,
    AT_CLEAN = 44,
    AT_LEDGER = 48,
    AT_ZEROS = 56,
    AT_HASH = 4088,
};

static const char MAGIC[8] = {'M', 'Y', 'E', 'L', 'I', 'N', 'S', 'T'};

static uint64_t hash_of(const char *at)
{
    return checksum(checksum_seed(get_u64(MAGIC), SUPER_BLOCK_SIZE, 0), at, AT_HASH);
}

uint64_t super_block_store(const struct super_block *s)
{
    return get_u64(s->uuid);
}

void super_block_write(const struct super_block *s, char at[SUPER_BLOCK_SIZE])
{
    CHECK(s->generation > 0 && s->ledger > 0);
    memset(at, 0, SUPER_BLOCK_SIZE);
    memcpy(at, MAGIC, sizeof MAGIC);
    put_u32(at + AT_FORMAT, SUPER_BLOCK_FORMAT);
    put_u32(at + AT_SIZE, SUPER_BLOCK_SIZE);
    memcpy(at + AT_UUID, s->uuid, sizeof s->uuid);
    put_u64(at + AT_GENERATION, s->generation);
    put_u32(at + AT_BOOT_EPOCH, s->boot_epoch);
    at[AT_CLEAN] = s->clean;
    put_u64(at + AT_LEDGER, s->ledger);
    put_u64(at + AT_HASH, hash_of(at));
}

static bool rest_is_zero(const char *at)
{
    for (size_t i = AT_CLEAN + 1; i < AT_LEDGER; i++)
        if (at[i] != 0)
            return false;
    for (size_t i = AT_ZEROS; i < AT_HASH; i++)
        if (at[i] != 0)
            return false;
    return true;
}

int super_block_read(const char at[SUPER_BLOCK_SIZE], struct super_block *ret)
{
    if (memcmp(at, MAGIC, sizeof MAGIC) != 0 || get_u64(at + AT_HASH) != hash_of(at))
        return -EBADMSG;
    if (get_u32(at + AT_FORMAT) != SUPER_BLOCK_FORMAT)
        return -ENOTSUP;
    struct super_block s = {
        .generation = get_u64(at + AT_GENERATION),
        .ledger = get_u64(at + AT_LEDGER),
        .boot_epoch = get_u32(at + AT_BOOT_EPOCH),
        .clean = at[AT_CLEAN] == 1,
    };
    memcpy(s.uuid, at + AT_UUID, sizeof s.uuid);
    if (get_u32(at + AT_SIZE) != SUPER_BLOCK_SIZE || (uint8_t)at[AT_CLEAN] > 1 ||
        !rest_is_zero(at) || s.generation == 0 || s.ledger == 0)
        return -EBADMSG;
    *ret = s;
    return 0;
}
