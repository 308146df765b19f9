/* SPDX-License-Identifier: Apache-2.0 */
/* backup_read_file.c -- the files of a backup: which may come when, and what each says.
 *
 *     START ─meta.inf─► META ─meta.sum─► MESSAGES ─index.db─► INDEXED ─obs/─► CONSUMERS ─► (end)
 *
 * Invariants  1 the phase never goes back; a file that belongs to an earlier one is refused
 *             2 block_floor <= message_seq: messages of the block at hand lie above block_floor
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/backup/backup_hash.h"
#include "store/backup/backup_read_state.h"

enum { FAILURE_SIZE_MAX = 256 /* of errors.txt; more is passed over */ };

/* --- message blocks ------------------------------------------------------------------------------- */

static void raise_last(struct backup_reader *r, uint64_t seq, int64_t time_ns)
{
    if (seq > r->summary.last_seq) {
        r->summary.last_seq = seq;
        r->summary.last_time_ns = time_ns;
    }
}

static int on_message(struct backup_reader *r)
{
    const struct backup_message *m = &r->record.message;
    if (m->seq <= r->message_seq) {
        r->summary.repeated++;
        return 0;
    }
    if (m->subject.size == 0)
        return backup_reader_fail(r, -EBADMSG, "message %" PRIu64 " has no subject", m->seq);
    r->message_seq = m->seq;
    raise_last(r, m->seq, m->time_ns);
    r->summary.messages++;
    r->event = BACKUP_EVENT_MESSAGE;
    return 0;
}

static void on_gone(struct backup_reader *r)
{
    const struct backup_message *m = &r->record.message;
    if (m->seq == 0)
        return;
    if (r->record.kind == BACKUP_RECORD_ERASED && m->seq > r->message_seq)
        r->message_seq = m->seq;
    raise_last(r, m->seq, m->time_ns);
    r->event = BACKUP_EVENT_DELETED;
}

static int block_failure(struct backup_reader *r, int error)
{
    return backup_reader_fail(r, error, "%s at offset %" PRIu64,
                              error == -EILSEQ ? "wrong checksum of the record" : "no record",
                              r->block.offset);
}

static int on_block_data(struct backup_reader *r)
{
    int status = backup_block_next(&r->block, &r->data, &r->record);
    if (status < 0)
        return block_failure(r, status);
    if (status == 0)
        return 0;
    uint64_t seq = r->record.message.seq;
    if (r->record.kind != BACKUP_RECORD_TOMBSTONE && seq > 0 && seq <= r->block_floor)
        return backup_reader_fail(r, -EBADMSG, "sequence %" PRIu64 " was in an earlier block", seq);
    if (r->record.kind == BACKUP_RECORD_MESSAGE)
        return on_message(r);
    on_gone(r);
    return 0;
}

static int begin_block(struct backup_reader *r, uint64_t size)
{
    if (size > BACKUP_BLOCK_READ_MAX)
        return backup_reader_fail(r, -EFBIG, "is too large");
    if (r->entry.block <= r->block_number && r->summary.blocks > 0)
        return backup_reader_fail(r, -EBADMSG, "comes after block %" PRIu32, r->block_number);
    r->summary.blocks++;
    r->block_number = r->entry.block;
    r->block_floor = r->message_seq;
    backup_block_begin(&r->block, r->options.stream, r->entry.block);
    return 0;
}

/* --- index.db --------------------------------------------------------------------------------------- */

static void end_index(struct backup_reader *r)
{
    struct backup_index *x = &r->index;
    r->summary.index = BACKUP_INDEX_IGNORED;
    if (backup_index_end(x) < 0)
        return;
    /* Even an old one knows of sequences that were given. */
    raise_last(r, x->last_seq, x->last_time_ns);
    bool of_these_blocks = r->summary.blocks > 0 && x->last_block == r->block_number &&
                           x->last_hash == r->block.last_hash && x->last_seq == r->summary.last_seq;
    if (!of_these_blocks)
        return;
    r->summary.index = BACKUP_INDEX_USED;
    r->summary.first_seq = x->first_seq;
    r->range_next = 0;
    if (x->range_count > 0)
        r->event = BACKUP_EVENT_RANGES;
}

/* --- files that are held as a whole -------------------------------------------------------------- */

static int hold_begin(struct backup_reader *r, struct backup_held *h, uint64_t size,
                      size_t size_max)
{
    if (h->there)
        return backup_reader_fail(r, -EBADMSG, "comes twice");
    if (size > size_max)
        return backup_reader_fail(r, -EFBIG, "%" PRIu64 " bytes, more than %zu", size, size_max);
    if (size > h->capacity) {
        free(h->at);
        h->capacity = 0;
        h->at = malloc((size_t)size);
        if (h->at == NULL)
            return -ENOMEM;
        h->capacity = (size_t)size;
    }
    h->size = 0;
    return 0;
}

static void hold_data(struct backup_reader *r, struct backup_held *h)
{
    CHECK(r->data.size <= h->capacity - h->size);
    memcpy(h->at + h->size, r->data.at, r->data.size);
    h->size += r->data.size;
    r->data = BYTES("");
}

static struct backup_held *held_of(struct backup_reader *r, enum backup_entry_kind kind)
{
    switch (kind) {
    case BACKUP_ENTRY_META:
    case BACKUP_ENTRY_CONSUMER_META: return &r->meta;
    case BACKUP_ENTRY_META_SUM:
    case BACKUP_ENTRY_CONSUMER_SUM: return &r->sum;
    case BACKUP_ENTRY_CONSUMER_STATE: return &r->state;
    case BACKUP_ENTRY_FAILURE: return &r->failure;
    case BACKUP_ENTRY_BLOCK:
    case BACKUP_ENTRY_INDEX:
    case BACKUP_ENTRY_OBSOLETE: return NULL;
    }
    UNREACHABLE("kind of a backup's file");
}

/* Whether meta.sum is of meta.inf, with this key. */
static bool sum_matches(const struct backup_reader *r, const struct highwayhash *start)
{
    char hex[HIGHWAYHASH_HEX_SIZE];
    backup_meta_sum(start, backup_held_bytes(&r->meta), hex);
    return bytes_equal(backup_held_bytes(&r->sum), (struct bytes){hex, sizeof hex});
}

static int end_stream_meta(struct backup_reader *r)
{
    struct highwayhash start;
    backup_hash_stream(&start, r->options.stream);
    if (!sum_matches(r, &start))
        return backup_reader_fail(r, -EILSEQ, "is not of the configuration of stream %.*s",
                                  (int)r->options.stream.size, r->options.stream.at);
    r->phase = BACKUP_PHASE_MESSAGES;
    r->event = BACKUP_EVENT_CONFIG;
    return 0;
}

/* --- consumers -------------------------------------------------------------------------------------- */

static struct bytes consumer_name(const struct backup_reader *r)
{
    return (struct bytes){r->consumer, r->consumer_size};
}

/* A file of this consumer comes; one at a time, each as a whole. */
static int begin_consumer_file(struct backup_reader *r, struct bytes name)
{
    if (r->phase < BACKUP_PHASE_CONSUMERS)
        backup_reader_forget_consumer(r);
    r->phase = BACKUP_PHASE_CONSUMERS;
    if (r->consumer_size > 0 && !bytes_equal(name, consumer_name(r)))
        return backup_reader_fail(r, -EBADMSG, "consumer %.*s is not whole", (int)r->consumer_size,
                                  r->consumer);
    r->consumer_size = name.size;
    memcpy(r->consumer, name.at, name.size);
    return 0;
}

static int end_consumer_file(struct backup_reader *r)
{
    if (!r->meta.there || !r->sum.there || !r->state.there)
        return 0;
    struct highwayhash start;
    backup_hash_consumer(&start, r->options.stream, consumer_name(r));
    if (!sum_matches(r, &start))
        return backup_reader_fail(r, -EILSEQ,
                                  "meta.sum of consumer %.*s is not of its configuration",
                                  (int)r->consumer_size, r->consumer);
    r->event = BACKUP_EVENT_CONSUMER;
    return 0;
}

/* --- files ------------------------------------------------------------------------------------------ */

/* The phases in which a file of this kind may come. */
static bool is_in_order(const struct backup_reader *r)
{
    switch (r->entry.kind) {
    case BACKUP_ENTRY_META: return r->phase == BACKUP_PHASE_START;
    case BACKUP_ENTRY_META_SUM: return r->phase == BACKUP_PHASE_META;
    case BACKUP_ENTRY_BLOCK:
    case BACKUP_ENTRY_INDEX: return r->phase == BACKUP_PHASE_MESSAGES;
    case BACKUP_ENTRY_CONSUMER_META:
    case BACKUP_ENTRY_CONSUMER_SUM:
    case BACKUP_ENTRY_CONSUMER_STATE: return r->phase >= BACKUP_PHASE_MESSAGES;
    case BACKUP_ENTRY_FAILURE:
    case BACKUP_ENTRY_OBSOLETE: return true;
    }
    UNREACHABLE("kind of a backup's file");
}

static int begin_content(struct backup_reader *r, uint64_t size)
{
    switch (r->entry.kind) {
    case BACKUP_ENTRY_META:
    case BACKUP_ENTRY_CONSUMER_META: return hold_begin(r, &r->meta, size, BACKUP_META_SIZE_MAX);
    case BACKUP_ENTRY_META_SUM:
    case BACKUP_ENTRY_CONSUMER_SUM: return hold_begin(r, &r->sum, size, HIGHWAYHASH_HEX_SIZE);
    case BACKUP_ENTRY_CONSUMER_STATE: return hold_begin(r, &r->state, size, BACKUP_STATE_SIZE_MAX);
    case BACKUP_ENTRY_FAILURE:
        return hold_begin(r, &r->failure, size < FAILURE_SIZE_MAX ? size : FAILURE_SIZE_MAX,
                          FAILURE_SIZE_MAX);
    case BACKUP_ENTRY_BLOCK: return begin_block(r, size);
    case BACKUP_ENTRY_INDEX: backup_index_begin(&r->index, r->options.stream, size); return 0;
    case BACKUP_ENTRY_OBSOLETE: return 0;
    }
    UNREACHABLE("kind of a backup's file");
}

int backup_reader_file_begin(struct backup_reader *r, struct bytes name, uint64_t size)
{
    memcpy(r->entry_name, name.at, name.size);
    r->entry_name[name.size] = '\0';
    if (backup_entry_parse((struct bytes){r->entry_name, name.size}, &r->entry) < 0)
        return backup_reader_fail(r, -EBADMSG, "is no file of a backup");
    if (!is_in_order(r))
        return backup_reader_fail(r, -EBADMSG, "comes too early or too late");
    r->bytes += size; /* sizes are bounded by tar.h, and so is their number by a sum of them */
    if (r->options.bytes_max > 0 && r->bytes > r->options.bytes_max)
        return backup_reader_fail(r, -EDQUOT, "more than %" PRIu64 " bytes in all",
                                  r->options.bytes_max);
    int status = 0;
    if (r->entry.consumer.size > 0)
        status = begin_consumer_file(r, r->entry.consumer);
    return status < 0 ? status : begin_content(r, size);
}

int backup_reader_file_end(struct backup_reader *r)
{
    struct backup_held *h = held_of(r, r->entry.kind);
    if (h != NULL)
        h->there = true;
    switch (r->entry.kind) {
    case BACKUP_ENTRY_META: r->phase = BACKUP_PHASE_META; return 0;
    case BACKUP_ENTRY_META_SUM: return end_stream_meta(r);
    case BACKUP_ENTRY_BLOCK: {
        int status = backup_block_end(&r->block);
        return status < 0 ? backup_reader_fail(r, status, "ends inside a record") : 0;
    }
    case BACKUP_ENTRY_INDEX:
        r->phase = BACKUP_PHASE_INDEXED;
        end_index(r);
        return 0;
    case BACKUP_ENTRY_FAILURE:
        return backup_reader_fail(r, -EREMOTEIO, "%.*s", (int)r->failure.size, r->failure.at);
    case BACKUP_ENTRY_CONSUMER_META:
    case BACKUP_ENTRY_CONSUMER_SUM:
    case BACKUP_ENTRY_CONSUMER_STATE: return end_consumer_file(r);
    case BACKUP_ENTRY_OBSOLETE: return 0;
    }
    UNREACHABLE("kind of a backup's file");
}

/* Takes something off the data of the file at hand. */
int backup_reader_file_data(struct backup_reader *r)
{
    struct backup_held *h = held_of(r, r->entry.kind);
    if (r->entry.kind == BACKUP_ENTRY_BLOCK)
        return on_block_data(r);
    if (r->entry.kind == BACKUP_ENTRY_INDEX)
        backup_index_add(&r->index, r->data);
    if (r->entry.kind == BACKUP_ENTRY_FAILURE && r->data.size > h->capacity - h->size)
        r->data.size = h->capacity - h->size;
    if (h != NULL && r->data.size > 0)
        hold_data(r, h);
    r->data = BYTES("");
    return 0;
}
