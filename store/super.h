/* SPDX-License-Identifier: Apache-2.0 */
/* super.h -- the super block of a store: two files, of which one is whole at any time.
 *
 * Idea        The valid copy with the higher generation counts. A save writes and syncs the copy that does
 *             not count first, then the other one; a copy that is not there is made under another name,
 *             synced, and renamed, so that a store is there wholly or not at all. A crash between leaves
 *             the old block or the new one.
 * Truth       No copy: no store. One that is damaged beside a valid one: the valid one, and the next save
 *             repairs. Damaged and none valid: -EBADMSG, and never "no store". A format that is not known
 *             in either copy: -ENOTSUP, even beside a valid one.
 * Bounds      one request at a time; 8 KiB.
 */
#ifndef STORE_SUPER_H
#define STORE_SUPER_H

#include "runtime/base/disk.h"
#include "store/format/super_block.h"

struct super;

/* The folder is borrowed, and exists. */
struct super *super_new(const struct disk *disk, const char *folder);
/* Nothing is under way, or the disk has dropped it. */
void super_free(struct super **super);

/* done gets the block, borrowed for the call, with status 0; else NULL with -ENOENT (there is no store),
 * -EBADMSG, -ENOTSUP, or the disk's word when the only copies there are can not be read. */
void super_load(struct super *s,
                void (*done)(void *context, int status, const struct super_block *block),
                void *context);

/* After a load that ended with 0 or -ENOENT. Makes the block durable in both copies, with the next
 * generation, whatever block->generation says. After a failure either block may be found by a load. */
void super_save(struct super *s, const struct super_block *block,
                void (*done)(void *context, int status), void *context);

#endif
