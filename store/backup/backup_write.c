/* SPDX-License-Identifier: Apache-2.0 */
/* backup_write.c
 *
 *     plain   | taken | let go, not yet taken | block at hand: header's place, records |
 *             0     taken                  let_go                                      size
 *
 * Invariants  1 taken <= let_go <= size <= capacity
 *             2 a block is at hand exactly when block_size > 0; then it begins at let_go
 *             3 nothing is added while taken < let_go; with all taken the plain bytes begin at 0 again
 *             4 chunk_taken <= chunk_size: the compressed bytes that wait are older than all plain ones
 */
#include "store/backup/backup_write.h"

#include <errno.h>
#include <stdlib.h>

#include "protocols/s2/s2_frame.h"
#include "runtime/base/check.h"
#include "store/backup/backup_entry.h"
#include "store/backup/tar.h"

enum writer_phase { WRITER_MESSAGES, WRITER_CONSUMERS, WRITER_ENDED };

struct backup_writer {
    enum writer_phase phase;
    int64_t time_s;
    char stream[BACKUP_NAME_MAX];
    size_t stream_size;

    char *plain; /* given */
    size_t capacity;
    size_t size;
    size_t let_go;
    size_t taken;

    uint32_t blocks;   /* so far, with the one at hand: its number */
    size_t block_size; /* bytes of records at hand */
    uint64_t holes;    /* sequences missing between them */
    uint64_t last_seq; /* of the last message */
    struct highwayhash start;

    struct s2_encoder encoder;
    size_t chunk_size;
    size_t chunk_taken;
    char chunk[]; /* s2_chunk_space(S2_WRITE_SIZE_MAX) bytes */
};

static void writer_check(const struct backup_writer *w)
{
    CHECK(w->taken <= w->let_go && w->let_go <= w->size && w->size <= w->capacity);
    CHECK((w->block_size > 0) == (w->size > w->let_go));
    CHECK(w->chunk_taken <= w->chunk_size);
}

/* Room at the end of the plain bytes: what is asked for is bounded by the limits in the header. */
static char *reserve(struct backup_writer *w, size_t size)
{
    if (size > w->capacity - w->size) {
        size_t capacity = w->capacity > 0 ? w->capacity : 4096;
        while (size > capacity - w->size)
            capacity *= 2;
        w->plain = realloc(w->plain, capacity);
        CHECK(w->plain != NULL);
        w->capacity = capacity;
    }
    return w->plain + w->size;
}

static void put_zeros(struct backup_writer *w, size_t size)
{
    memset(reserve(w, size), 0, size);
    w->size += size;
}

static void put_file(struct backup_writer *w, const struct backup_entry *e, struct bytes content)
{
    CHECK(w->block_size == 0);
    char name[BACKUP_ENTRY_NAME_SIZE];
    char *header = reserve(w, TAR_HEADER_SIZE_MAX);
    w->size += tar_put_header(header, backup_entry_name(e, name), content.size, w->time_s);
    if (content.size > 0)
        memcpy(reserve(w, content.size), content.at, content.size);
    w->size += content.size;
    put_zeros(w, tar_padding(content.size));
    w->let_go = w->size;
}

/* meta.inf and meta.sum, of the stream or of a consumer. */
static void put_meta(struct backup_writer *w, struct backup_entry meta, struct backup_entry sum,
                     struct bytes content, const struct highwayhash *start)
{
    char hex[HIGHWAYHASH_HEX_SIZE];
    backup_meta_sum(start, content, hex);
    put_file(w, &meta, content);
    put_file(w, &sum, (struct bytes){hex, sizeof hex});
}

struct backup_writer *backup_writer_new(struct bytes stream, struct bytes meta, int64_t time_s)
{
    CHECK(stream.size > 0 && stream.size <= BACKUP_NAME_MAX);
    CHECK(meta.size > 0 && meta.size <= BACKUP_META_SIZE_MAX);
    struct backup_writer *w = calloc(1, sizeof(*w) + s2_chunk_space(S2_WRITE_SIZE_MAX));
    CHECK(w != NULL);
    w->time_s = time_s;
    memcpy(w->stream, stream.at, stream.size);
    w->stream_size = stream.size;
    w->chunk_size = s2_put_identifier(w->chunk);
    struct highwayhash start;
    backup_hash_stream(&start, stream);
    put_meta(w, (struct backup_entry){.kind = BACKUP_ENTRY_META},
             (struct backup_entry){.kind = BACKUP_ENTRY_META_SUM}, meta, &start);
    writer_check(w);
    return w;
}

void backup_writer_free(struct backup_writer **writer)
{
    struct backup_writer *w = *writer;
    *writer = NULL;
    if (w == NULL)
        return;
    free(w->plain);
    free(w);
}

static struct bytes stream_name(const struct backup_writer *w)
{
    return (struct bytes){w->stream, w->stream_size};
}

/* The header's place is kept free; it is written when the size is known. */
static void begin_block(struct backup_writer *w)
{
    CHECK(w->blocks < UINT32_MAX);
    w->blocks++;
    w->holes = 0;
    backup_hash_block(&w->start, stream_name(w), w->blocks);
    put_zeros(w, TAR_BLOCK_SIZE);
}

static void put_record(struct backup_writer *w, const struct backup_record *r)
{
    size_t size = (size_t)backup_record_size(r);
    if (w->block_size == 0)
        begin_block(w);
    backup_record_encode(&w->start, r, reserve(w, size));
    w->size += size;
    w->block_size += size;
}

static void end_block(struct backup_writer *w)
{
    if (w->block_size == 0)
        return;
    char name[BACKUP_ENTRY_NAME_SIZE];
    struct backup_entry e = {.kind = BACKUP_ENTRY_BLOCK, .block = w->blocks};
    size_t n =
        tar_put_header(w->plain + w->let_go, backup_entry_name(&e, name), w->block_size, w->time_s);
    CHECK(n == TAR_BLOCK_SIZE && w->size - w->let_go == n + w->block_size);
    put_zeros(w, tar_padding(w->block_size));
    w->block_size = 0;
    w->let_go = w->size;
}

/* Whether what was let go has all been taken; then its memory is used again. */
static bool is_drained(struct backup_writer *w)
{
    if (w->taken < w->let_go)
        return false;
    if (w->block_size == 0)
        w->size = w->let_go = w->taken = 0;
    return true;
}

static bool fits_block(const struct backup_writer *w, size_t size, uint64_t hole)
{
    return w->block_size == 0 || (w->block_size + size <= BACKUP_BLOCK_SIZE_MAX &&
                                  hole <= BACKUP_BLOCK_HOLES_MAX - w->holes);
}

int backup_writer_message(struct backup_writer *w, const struct backup_message *m)
{
    CHECK(w->phase == WRITER_MESSAGES && m->seq > w->last_seq && m->seq <= BACKUP_SEQ_MAX);
    struct backup_record r = {BACKUP_RECORD_MESSAGE, *m};
    uint64_t size = backup_record_size(&r);
    if (m->subject.size == 0 || m->subject.size > UINT16_MAX || size > BACKUP_RECORD_SIZE_MAX)
        return -EMSGSIZE;
    if (!is_drained(w))
        return -EAGAIN;
    uint64_t hole = m->seq - w->last_seq - 1;
    if (!fits_block(w, (size_t)size, hole)) {
        end_block(w);
        return -EAGAIN;
    }
    bool first = w->block_size == 0;
    put_record(w, &r);
    w->holes += first ? 0 : hole;
    w->last_seq = m->seq;
    writer_check(w);
    return 0;
}

int backup_writer_messages_end(struct backup_writer *w, uint64_t last_seq, int64_t last_time_ns)
{
    CHECK(w->phase == WRITER_MESSAGES && last_seq >= w->last_seq && last_seq <= BACKUP_SEQ_MAX);
    if (!is_drained(w))
        return -EAGAIN;
    end_block(w);
    if (last_seq > w->last_seq) {
        put_record(w, &(struct backup_record){BACKUP_RECORD_TOMBSTONE,
                                              {.seq = last_seq, .time_ns = last_time_ns}});
        end_block(w);
    }
    w->phase = WRITER_CONSUMERS;
    writer_check(w);
    return 0;
}

int backup_writer_consumer(struct backup_writer *w, const struct backup_consumer *c)
{
    CHECK(w->phase == WRITER_CONSUMERS);
    if (!backup_consumer_name_is_valid(c->name))
        return -EINVAL;
    if (c->meta.size > BACKUP_META_SIZE_MAX || c->state.size > BACKUP_STATE_SIZE_MAX)
        return -EFBIG;
    if (!is_drained(w))
        return -EAGAIN;
    struct highwayhash start;
    backup_hash_consumer(&start, stream_name(w), c->name);
    struct backup_entry e = {.kind = BACKUP_ENTRY_CONSUMER_META, .consumer = c->name};
    struct backup_entry sum = {.kind = BACKUP_ENTRY_CONSUMER_SUM, .consumer = c->name};
    put_meta(w, e, sum, c->meta, &start);
    e.kind = BACKUP_ENTRY_CONSUMER_STATE;
    put_file(w, &e, c->state);
    writer_check(w);
    return 0;
}

int backup_writer_end(struct backup_writer *w)
{
    CHECK(w->phase == WRITER_CONSUMERS);
    if (!is_drained(w))
        return -EAGAIN;
    put_zeros(w, TAR_END_SIZE);
    w->let_go = w->size;
    w->phase = WRITER_ENDED;
    return 0;
}

static bool make_chunk(struct backup_writer *w)
{
    size_t n = w->let_go - w->taken;
    if (n == 0)
        return false;
    if (n > S2_WRITE_SIZE_MAX)
        n = S2_WRITE_SIZE_MAX;
    w->chunk_size = s2_put_chunk(&w->encoder, (struct bytes){w->plain + w->taken, n}, w->chunk);
    w->chunk_taken = 0;
    w->taken += n;
    return true;
}

size_t backup_writer_step(struct backup_writer *w, char *at, size_t capacity)
{
    size_t written = 0;
    while (written < capacity) {
        if (w->chunk_taken == w->chunk_size && !make_chunk(w))
            break;
        size_t n = w->chunk_size - w->chunk_taken;
        if (n > capacity - written)
            n = capacity - written;
        memcpy(at + written, w->chunk + w->chunk_taken, n);
        w->chunk_taken += n;
        written += n;
    }
    writer_check(w);
    return written;
}
