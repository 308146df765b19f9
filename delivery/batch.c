/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/batch.h"

#include <string.h>

#include "runtime/actor.h"
#include "runtime/base/check.h"

#define PRIVATE_FIRST 448u /* first private buffer; each further one is eight times larger */
#define PRIVATE_MAX ((uint32_t)64 << 10)

static const struct msg_type batch_type = {"BATCH", DELIVERY_BATCH, false, sizeof(struct batch),
                                           batch_drop};

struct batch *batch_new(struct actor_ref to)
{
    struct batch *batch = (struct batch *)(void *)msg_alloc(&batch_type);
    batch->to = to;
    batch->slices = batch->slices_inline;
    batch->slice_capacity = BATCH_SLICES_INLINE;
    batch->parts = batch->parts_inline;
    batch->part_capacity = BATCH_PARTS_INLINE;
    batch->grow = PRIVATE_FIRST;
    return batch;
}

void batch_drop(struct msg *m)
{
    struct batch *batch = (struct batch *)(void *)m;
    for (uint32_t i = 0; i < batch->slice_count; i++)
        buf_unref(&batch->slices[i].buf);
    if (batch->slices != batch->slices_inline)
        mem_free(batch->slices);
    if (batch->parts != batch->parts_inline)
        mem_free(batch->parts);
}

static void *grown(void *old, const void *inline_, uint32_t count, size_t size, uint32_t capacity)
{
    void *larger = mem_alloc(capacity * size);
    memcpy(larger, old, count * size);
    if (old != inline_)
        mem_free(old);
    return larger;
}

static struct slice *slice_add(struct batch *batch)
{
    if (batch->slice_count == batch->slice_capacity) {
        batch->slice_capacity *= 4;
        batch->slices = grown(batch->slices, batch->slices_inline, batch->slice_count,
                              sizeof *batch->slices, batch->slice_capacity);
    }
    return &batch->slices[batch->slice_count++];
}

static void private_add(struct batch *batch, uint32_t size)
{
    uint32_t capacity = size > batch->grow ? size : batch->grow;
    batch->grow = batch->grow * 8 > PRIVATE_MAX ? PRIVATE_MAX : batch->grow * 8;
    *slice_add(batch) = (struct slice){buf_new(capacity), 0, 0};
    batch->tail_private = true;
}

char *batch_reserve(struct batch *batch, uint32_t size)
{
    if (batch->tail_private) {
        struct buf *buf = batch->slices[batch->slice_count - 1].buf;
        if (buf->capacity - buf->size >= size)
            return buf->at + buf->size;
    }
    private_add(batch, size);
    return batch->slices[batch->slice_count - 1].buf->at;
}

void batch_commit(struct batch *batch, uint32_t size)
{
    struct slice *last = &batch->slices[batch->slice_count - 1];
    DCHECK(batch->tail_private && last->buf->size + size <= last->buf->capacity);
    last->buf->size += size;
    last->size += size;
    batch->bytes += size;
}

void batch_append(struct batch *batch, struct buf *buf, uint32_t offset, uint32_t size)
{
    *slice_add(batch) = (struct slice){buf_ref(buf), offset, size};
    batch->tail_private = false;
    batch->bytes += size;
}

void batch_copy(struct batch *batch, const char *at, uint32_t size)
{
    memcpy(batch_reserve(batch, size), at, size);
    batch_commit(batch, size);
}

const char *batch_line_end(struct bytes frame)
{
    return memmem(frame.at, frame.size, "\r\n", 2);
}

static bool joins(const struct part *last, const struct part *part)
{
    return last->slot == part->slot && last->group == part->group && last->hops == part->hops &&
           last->avoid == part->avoid && last->bytes + part->bytes >= part->bytes;
}

void batch_account(struct batch *batch, const struct part *part)
{
    struct part *last = batch->part_count == 0 ? NULL : &batch->parts[batch->part_count - 1];
    if (last != NULL && joins(last, part)) {
        last->frames += part->frames;
        last->bytes += part->bytes;
        last->payload += part->payload;
        return;
    }
    if (batch->part_count == batch->part_capacity) {
        batch->part_capacity *= 4;
        batch->parts = grown(batch->parts, batch->parts_inline, batch->part_count,
                             sizeof *batch->parts, batch->part_capacity);
    }
    batch->parts[batch->part_count++] = *part;
}
