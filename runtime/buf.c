/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/buf.h"

#include "runtime/base/check.h"
#include "runtime/worker.h"

/* Large buffers of one common size go through a small cache of the worker that frees them: they have
 * no owner, and the next slice needs one again. */
struct buf *buf_new(size_t capacity)
{
    CHECK(capacity < UINT32_MAX - sizeof(struct buf));
    struct worker *w = current_worker;
    struct buf *buf = NULL;
    if (capacity <= BUF_COMMON_SIZE && capacity > SLAB_BLOCK_MAX && w->spare_bufs != NULL) {
        buf = w->spare_bufs;
        w->spare_bufs = *(struct buf **)(void *)buf->at;
        w->spare_buf_count--;
        capacity = BUF_COMMON_SIZE;
    } else {
        if (capacity > SLAB_BLOCK_MAX && capacity < BUF_COMMON_SIZE)
            capacity = BUF_COMMON_SIZE;
        size_t block = heap_block_size(sizeof(struct buf) + capacity);
        buf = heap_alloc(&w->heap, block);
        capacity = block - sizeof(struct buf);
    }
    atomic_init(&buf->refs, 1);
    buf->capacity = (uint32_t)capacity;
    buf->size = 0;
    return buf;
}

void buf_unref_n(struct buf *buf, uint32_t count)
{
    /* Alone it needs no locked operation: nobody else can add a reference. Acquire pairs with the
     * release below: all readers are done. */
    if (atomic_load_explicit(&buf->refs, memory_order_acquire) != count &&
        atomic_fetch_sub_explicit(&buf->refs, count, memory_order_acq_rel) != count)
        return;
    struct worker *w = current_worker;
    if (buf->capacity == BUF_COMMON_SIZE && w->spare_buf_count < BUF_SPARE_MAX &&
        !MYELIN_SANITIZED) {
        *(struct buf **)(void *)buf->at = w->spare_bufs;
        w->spare_bufs = buf;
        w->spare_buf_count++;
        return;
    }
    heap_free(&w->heap, buf);
}
