/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h -- counted buffers: bytes that several actors may hold, and nobody writes once shared.
 *
 * Whoever made it fills it while it holds the only reference; after the first buf_ref the bytes that
 * were handed out stay as they are (more may be appended behind them by the maker). The last unref
 * frees it, on any worker.
 */
#ifndef RUNTIME_BUF_H
#define RUNTIME_BUF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    _Atomic uint32_t refs;
    uint32_t capacity;
    uint32_t size; /* filled so far; the maker's */
    uint32_t reserved;
    char at[];
};

/* A run of bytes in a buffer. Holding one means holding a reference. */
struct slice {
    struct buf *buf;
    uint32_t offset;
    uint32_t size;
};

/* A buffer of at least capacity bytes with one reference. Its block is filled up: capacity may be
 * more. */
struct buf *buf_new(size_t capacity);

static inline struct buf *buf_ref_n(struct buf *buf, uint32_t count)
{
    atomic_fetch_add_explicit(&buf->refs, count, memory_order_relaxed);
    return buf;
}

static inline struct buf *buf_ref(struct buf *buf)
{
    return buf_ref_n(buf, 1);
}

void buf_unref_n(struct buf *buf, uint32_t count);

/* Gives the reference up and leaves NULL behind. */
static inline void buf_unref(struct buf **buf)
{
    if (*buf != NULL)
        buf_unref_n(*buf, 1);
    *buf = NULL;
}

#endif
