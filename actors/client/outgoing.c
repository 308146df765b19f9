/* SPDX-License-Identifier: Apache-2.0 */
#include "actors/client/outgoing.h"

#include <string.h>
#include <sys/uio.h>

#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/net.h"

/* What waits for the kernel at once: the write deadline is for so much, not for all that is queued. */
#define WAIT_BYTES_MAX ((uint64_t)1 << 20)
#define RING_FIRST 8u
#define PRIVATE_FIRST 448u
#define PRIVATE_LARGE 8000u

static struct slice *slice_at(struct outgoing *out, uint32_t nth)
{
    return &out->ring[(out->head + nth) & (out->capacity - 1)];
}

static void ring_grow(struct outgoing *out)
{
    uint32_t capacity = out->capacity == 0 ? RING_FIRST : out->capacity * 2;
    struct slice *ring = mem_alloc(capacity * sizeof *ring);
    for (uint32_t i = 0; i < out->count; i++)
        ring[i] = *slice_at(out, i);
    mem_free(out->ring);
    out->ring = ring;
    out->capacity = capacity;
    out->head = 0;
}

static void push(struct outgoing *out, struct slice slice)
{
    if (out->count == out->capacity)
        ring_grow(out);
    *slice_at(out, out->count++) = slice;
    if (out->writing == 0)
        out->unwaited++;
}

/* Each private buffer is twice the one before, so that little of the last one lies idle; none is so
 * large that it does not come from a slab. */
static uint32_t private_size(const struct slice *last, uint32_t size)
{
    uint32_t want = last == NULL ? PRIVATE_FIRST : last->buf->capacity * 2;
    if (want < size)
        want = size;
    return want < PRIVATE_LARGE ? want : PRIVATE_LARGE;
}

void outgoing_copy(struct outgoing *out, const char *at, uint32_t size)
{
    out->bytes += size;
    while (size > 0) {
        struct slice *last = out->tail_private ? slice_at(out, out->count - 1) : NULL;
        uint32_t room = last == NULL ? 0 : last->buf->capacity - last->buf->size;
        if (room == 0) {
            push(out, (struct slice){buf_new(private_size(last, size)), 0, 0});
            out->tail_private = true;
            continue;
        }
        uint32_t part = size < room ? size : room;
        memcpy(last->buf->at + last->buf->size, at, part);
        last->buf->size += part;
        last->size += part;
        at += part;
        size -= part;
    }
}

static bool pins_much(const struct slice *slice)
{
    return (uint64_t)slice->size * 2 < slice->buf->capacity;
}

static void add_slice(struct outgoing *out, struct slice slice, bool waits)
{
    CHECK(slice.size > 0); /* one without bytes would never be written */
    if (waits && pins_much(&slice)) {
        outgoing_copy(out, slice.buf->at + slice.offset, slice.size);
        buf_unref(&slice.buf);
        return;
    }
    push(out, slice);
    out->tail_private = false;
    out->bytes += slice.size;
}

void outgoing_slice(struct outgoing *out, struct slice slice)
{
    add_slice(out, slice, out->writing > 0);
}

/* The last `unwaited` slices were queued for a kernel that might take them at once. It did not: those
 * that pin much more than they are charged for are copied. */
static void wait_for_kernel(struct outgoing *out)
{
    uint32_t count = out->unwaited < out->count ? out->unwaited : out->count;
    uint32_t first = out->count - count;
    while (first < out->count && !pins_much(slice_at(out, first)))
        first++;
    count = out->count - first;
    out->unwaited = 0;
    if (count == 0)
        return;
    struct slice *rest = mem_alloc(count * sizeof *rest);
    for (uint32_t i = 0; i < count; i++) {
        rest[i] = *slice_at(out, first + i);
        out->bytes -= rest[i].size;
    }
    out->count = first;
    out->tail_private = false;
    for (uint32_t i = 0; i < count; i++)
        add_slice(out, rest[i], true);
    out->unwaited = 0;
    mem_free(rest);
}

static void consume(struct outgoing *out, uint64_t size)
{
    CHECK(size <= out->bytes);
    out->bytes -= size;
    while (size > 0) {
        struct slice *first = slice_at(out, 0);
        if (size < first->size) {
            first->offset += (uint32_t)size;
            first->size -= (uint32_t)size;
            return;
        }
        size -= first->size;
        buf_unref(&first->buf);
        out->head = (out->head + 1) & (out->capacity - 1);
        out->count--;
    }
}

static void release_when_empty(struct outgoing *out)
{
    if (out->count > 0)
        return;
    DCHECK(out->bytes == 0);
    mem_free(out->ring);
    out->ring = NULL;
    out->capacity = 0;
    out->head = 0;
    out->tail_private = false;
    out->unwaited = 0;
}

/* The first slices: as many as parts there are, and no more than size_max bytes after the first. */
static unsigned parts_of(struct outgoing *out, struct iovec parts[OUTGOING_PARTS_MAX],
                         uint64_t size_max, uint64_t *ret_size)
{
    unsigned most = out->count < OUTGOING_PARTS_MAX ? out->count : OUTGOING_PARTS_MAX;
    unsigned count = 0;
    *ret_size = 0;
    while (count < most && *ret_size < size_max) {
        const struct slice *s = slice_at(out, count);
        parts[count++] = (struct iovec){s->buf->at + s->offset, s->size};
        *ret_size += s->size;
    }
    return count;
}

static int write_rest(struct outgoing *out, struct conn *conn)
{
    wait_for_kernel(out);
    struct iovec parts[OUTGOING_PARTS_MAX];
    uint64_t size;
    unsigned count = parts_of(out, parts, WAIT_BYTES_MAX, &size);
    out->tail_private = false; /* its bytes are the kernel's to read from here on */
    out->writing = count;
    int status = conn_write(conn, parts, count);
    if (status != 0)
        out->writing = 0;
    return status;
}

int outgoing_flush(struct outgoing *out, struct conn *conn)
{
    while (out->count > 0 && out->writing == 0) {
        struct iovec parts[OUTGOING_PARTS_MAX];
        uint64_t size;
        unsigned count = parts_of(out, parts, UINT64_MAX, &size);
        ssize_t written = conn_try_write(conn, parts, count);
        if (written < 0)
            return (int)written;
        consume(out, (uint64_t)written);
        if ((uint64_t)written < size)
            return write_rest(out, conn);
    }
    release_when_empty(out);
    return 0;
}

void outgoing_written(struct outgoing *out)
{
    CHECK(out->writing > 0 && out->writing <= out->count);
    uint64_t size = 0;
    for (uint32_t i = 0; i < out->writing; i++)
        size += slice_at(out, i)->size;
    out->writing = 0;
    consume(out, size);
    release_when_empty(out);
}

void outgoing_clear(struct outgoing *out)
{
    if (out->writing > 0)
        return; /* its end comes through outgoing_written, with the connection's */
    consume(out, out->bytes);
    release_when_empty(out);
}
