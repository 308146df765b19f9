/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup/backup_hash.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/check.h"

/* The two names, and a byte between them. */
static void init(struct highwayhash *h, struct bytes first, char between, struct bytes second)
{
    char name[2 * BACKUP_NAME_MAX + 1];
    CHECK(first.size <= BACKUP_NAME_MAX && second.size <= BACKUP_NAME_MAX);
    memcpy(name, first.at, first.size);
    name[first.size] = between;
    memcpy(name + first.size + 1, second.at, second.size);
    highwayhash_init_named(h, (struct bytes){name, first.size + 1 + second.size});
}

void backup_hash_stream(struct highwayhash *h, struct bytes stream)
{
    CHECK(stream.size <= BACKUP_NAME_MAX);
    highwayhash_init_named(h, stream);
}

void backup_hash_block(struct highwayhash *h, struct bytes stream, uint32_t number)
{
    char digits[16];
    int n = snprintf(digits, sizeof digits, "%" PRIu32, number);
    init(h, stream, '-', (struct bytes){digits, (size_t)n});
}

void backup_hash_consumer(struct highwayhash *h, struct bytes stream, struct bytes consumer)
{
    init(h, stream, '/', consumer);
}

void backup_meta_sum(const struct highwayhash *start, struct bytes meta,
                     char hex[HIGHWAYHASH_HEX_SIZE])
{
    struct highwayhash h = *start;
    highwayhash_add(&h, meta.at, meta.size);
    highwayhash_hex(highwayhash_value(&h), hex);
}
