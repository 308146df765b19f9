/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_image.h -- the blocks of a commit, made in memory: records in, bytes to write out.
 *
 *     | blocks that are closed: ledger_image_ready | the open block | room |
 *     base                                         base + ready
 *
 * A block is closed when the next record would make it larger than LEDGER_BLOCK_BYTES, and at the end of
 * the commit, which its flag says. What is ready may be written and dropped while records still come, so
 * that a commit of any size takes a bounded image.
 */
#ifndef STORE_LEDGER_IMAGE_H
#define STORE_LEDGER_IMAGE_H

#include "store/format/buffer.h"
#include "store/format/ledger_block.h"

/* Where a ledger ends, and the next commit begins. */
struct ledger_end {
    uint64_t position;
    uint64_t previous; /* of its first block */
    uint32_t blocks;   /* before it */
};

struct ledger_image {
    struct ledger_identity id;
    uint32_t boot_epoch;
    uint32_t records; /* in the open block */
    uint32_t blocks;  /* before the open block */
    uint64_t previous;
    uint64_t commit; /* its position */
    uint64_t base;   /* position of bytes.at[0] */
    size_t ready;
    struct buffer bytes;
};

void ledger_image_init(struct ledger_image *image, const struct ledger_identity *id,
                       uint32_t boot_epoch, const struct ledger_end *from);
void ledger_image_done(struct ledger_image *image);

/* Returns the record's position. */
uint64_t ledger_image_add(struct ledger_image *image, const struct ledger_record *record);
/* The commit ends here; it may be without records only if it is the first of its ledger. */
void ledger_image_finish(struct ledger_image *image, struct ledger_end *ret);

/* Borrowed until the next call with this image; to be written at image->base. */
static inline struct bytes ledger_image_ready(const struct ledger_image *image)
{
    return (struct bytes){image->bytes.at, image->ready};
}

/* What was ready has been written. */
void ledger_image_drop(struct ledger_image *image);

#endif
