/* SPDX-License-Identifier: Apache-2.0 */
/* backup_hash.h -- the keys of a backup's checksums: what a sum is of is its key, by name.
 *
 *     STREAM meta.sum, index.db | STREAM-N records of N.blk | STREAM/CONSUMER meta.sum of a consumer
 */
#ifndef STORE_BACKUP_BACKUP_HASH_H
#define STORE_BACKUP_BACKUP_HASH_H

#include "store/backup/highwayhash.h"

#define BACKUP_NAME_MAX 255 /* bytes in the name of a stream, of a consumer */

void backup_hash_stream(struct highwayhash *h, struct bytes stream);
void backup_hash_block(struct highwayhash *h, struct bytes stream, uint32_t number);
void backup_hash_consumer(struct highwayhash *h, struct bytes stream, struct bytes consumer);

/* What a meta.sum holds: the hash that begins with `start`, of a meta.inf. */
void backup_meta_sum(const struct highwayhash *start, struct bytes meta,
                     char hex[HIGHWAYHASH_HEX_SIZE]);

#endif
