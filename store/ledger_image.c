/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger_image.h"

#include <string.h>

#include "runtime/base/check.h"

/* Room for a header, which close_block fills in. */
static void open_block(struct ledger_image *image)
{
    memset(buffer_room(&image->bytes, BLOCK_HEADER_SIZE), 0, BLOCK_HEADER_SIZE);
    image->bytes.size += BLOCK_HEADER_SIZE;
    image->records = 0;
}

void ledger_image_init(struct ledger_image *image, const struct ledger_identity *id,
                       uint32_t boot_epoch, const struct ledger_end *from)
{
    CHECK(from->position % BLOCK_ALIGN == 0);
    *image = (struct ledger_image){
        .id = *id,
        .boot_epoch = boot_epoch,
        .blocks = from->blocks,
        .previous = from->previous,
        .commit = from->position,
        .base = from->position,
    };
    open_block(image);
}

void ledger_image_done(struct ledger_image *image)
{
    buffer_done(&image->bytes);
    *image = (struct ledger_image){0};
}

static size_t open_size(const struct ledger_image *image)
{
    return image->bytes.size - image->ready;
}

static void close_block(struct ledger_image *image, uint16_t flags)
{
    size_t padding = (BLOCK_ALIGN - open_size(image) % BLOCK_ALIGN) % BLOCK_ALIGN;
    memset(buffer_room(&image->bytes, padding), 0, padding);
    image->bytes.size += padding;
    CHECK(open_size(image) <= LEDGER_BLOCK_BYTES_MAX);
    struct block_header h = {
        .magic = BLOCK_MAGIC_LEDGER,
        .flags = flags,
        .position = image->base + image->ready,
        .size = (uint32_t)open_size(image),
        .records = image->records,
        .boot_epoch = image->boot_epoch,
        .group_count = image->blocks,
        .durable_to = image->commit,
        .previous = image->previous,
        .store = image->id.store,
    };
    CHECK(image->records > 0 || h.position == 0);
    block_header_write(&h, image->bytes.at + image->ready);
    image->previous = h.hash;
    image->blocks++;
    image->ready = image->bytes.size;
}

uint64_t ledger_image_add(struct ledger_image *image, const struct ledger_record *record)
{
    size_t size = ledger_record_size(record->body.size);
    if (image->records > 0 && open_size(image) + size > LEDGER_BLOCK_BYTES) {
        close_block(image, 0);
        open_block(image);
    }
    uint64_t position = image->base + image->bytes.size;
    ledger_record_write(&image->id, position, record, buffer_room(&image->bytes, size));
    image->bytes.size += size;
    image->records++;
    return position;
}

void ledger_image_finish(struct ledger_image *image, struct ledger_end *ret)
{
    close_block(image, LEDGER_BLOCK_LAST);
    *ret = (struct ledger_end){image->base + image->ready, image->previous, image->blocks};
}

void ledger_image_drop(struct ledger_image *image)
{
    size_t open = open_size(image);
    if (open > 0)
        memmove(image->bytes.at, image->bytes.at + image->ready, open);
    image->base += image->ready;
    image->bytes.size = open;
    image->ready = 0;
}
