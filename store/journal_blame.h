/* SPDX-License-Identifier: Apache-2.0 */
/* journal_blame.h -- what a damaged block has lost, and whose it was.
 *
 * Idea        Records whose header is whole say themselves what is lost with their body. Of the
 *             others the footer knows: the groups of the block, how many records each had, and,
 *             when those were one for each index of a range, which. What was found is subtracted.
 * Bounds      one pass over the block, a search a record; 56 bytes a group of the block.
 */
#ifndef STORE_JOURNAL_BLAME_H
#define STORE_JOURNAL_BLAME_H

#include "store/format/block.h"

struct journal_rot;

/* Tells, of a block with header h, each run of indexes of one group that is lost: exactly, or
 * all of the group's in this block when its records were not one for each index, or, when the
 * footer is damaged, too, as of no group that can be told. */
void journal_blame(const struct block_header *h, const char *block,
                   void (*rot)(void *context, const struct journal_rot *rot), void *context);

#endif
