/* SPDX-License-Identifier: Apache-2.0 */
/* backup_entry.h -- which files a backup has, by their names; any other name is refused.
 *
 *     meta.inf meta.sum | msgs/N.blk msgs/index.db | obs/NAME/{meta.inf,meta.sum,o.dat} | errors.txt
 */
#ifndef STORE_BACKUP_BACKUP_ENTRY_H
#define STORE_BACKUP_BACKUP_ENTRY_H

#include "runtime/base/bytes.h"
#include "store/backup/backup_hash.h"

/* obs/NAME/meta.inf, and a NUL */
#define BACKUP_ENTRY_NAME_SIZE (4 + BACKUP_NAME_MAX + 9 + 1)

enum backup_entry_kind {
    BACKUP_ENTRY_META,
    BACKUP_ENTRY_META_SUM,
    BACKUP_ENTRY_BLOCK,
    BACKUP_ENTRY_INDEX,
    BACKUP_ENTRY_CONSUMER_META,
    BACKUP_ENTRY_CONSUMER_SUM,
    BACKUP_ENTRY_CONSUMER_STATE,
    BACKUP_ENTRY_FAILURE,  /* why the server could not go on writing */
    BACKUP_ENTRY_OBSOLETE, /* derived files of old servers in msgs/ */
};

struct backup_entry {
    enum backup_entry_kind kind;
    uint32_t block;        /* N */
    struct bytes consumer; /* NAME; inside the name that was given */
};

/* -EBADMSG: it is not the name of a file in a backup. */
int backup_entry_parse(struct bytes name, struct backup_entry *ret)
    __attribute__((warn_unused_result));
/* Writes the name, which parses to this entry, and a NUL; returns it without. Not of OBSOLETE. */
struct bytes backup_entry_name(const struct backup_entry *e, char at[BACKUP_ENTRY_NAME_SIZE]);

/* What may be the name of a consumer, and so of a folder. */
bool backup_consumer_name_is_valid(struct bytes name);

#endif
