/* SPDX-License-Identifier: Apache-2.0 */
/* backup_index.c -- the fields of index.db one after the other.
 *
 *     11, version | messages bytes first_seq first_time last_seq last_time |
 *     subjects: (size text total first_block last_block)* |
 *     blocks: (number bytes first_seq first_time last_seq last_time deleted ttls schedules set?)* |
 *     number of the last block, hash of its last record (8) | hash of all (8)
 *
 * Numbers are varints; times are zigzag. A set is 22, version, nodes u32, size u32, then nodes in no
 * order: base u64, 32 (version 1: 64) words of bits, 2 bytes that do not matter here.
 *
 * Invariants  1 window_size < BACKUP_INDEX_WINDOW between pieces: each field fits the window
 *             2 all ranges lie in 1..last_seq when the end was good
 *             3 block_last + 1 >= block_first >= next_live for the block at hand
 */
#include "store/backup/backup_index.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/backup/backup_hash.h"
#include "store/backup/backup_record.h"
#include "store/format/little.h"

enum {
    MAGIC = 11,
    VERSION_MIN = 1,
    VERSION_MAX = 4,
    SET_MAGIC = 22,
    SET_HEAD_SIZE = 10,
    VARINT_SIZE_MAX = 10,
    RANGES_AT_FIRST = 64,
};

enum field {
    FIELD_MAGIC,
    FIELD_MESSAGES,
    FIELD_BYTES,
    FIELD_FIRST_SEQ,
    FIELD_FIRST_TIME,
    FIELD_LAST_SEQ,
    FIELD_LAST_TIME,
    FIELD_SUBJECTS,
    FIELD_SUBJECT_SIZE,
    FIELD_SUBJECT_TOTAL,
    FIELD_SUBJECT_FIRST_BLOCK,
    FIELD_SUBJECT_LAST_BLOCK,
    FIELD_BLOCKS,
    FIELD_BLOCK_NUMBER,
    FIELD_BLOCK_BYTES,
    FIELD_BLOCK_FIRST_SEQ,
    FIELD_BLOCK_FIRST_TIME,
    FIELD_BLOCK_LAST_SEQ,
    FIELD_BLOCK_LAST_TIME,
    FIELD_BLOCK_DELETED,
    FIELD_BLOCK_TTLS,
    FIELD_BLOCK_SCHEDULES,
    FIELD_SET_HEAD,
    FIELD_SET_NODE_V1,
    FIELD_SET_NODE_V2,
    FIELD_LAST_BLOCK,
    FIELD_LAST_HASH,
    FIELD_NONE, /* nothing may follow */
};

void backup_index_init(struct backup_index *x)
{
    *x = (struct backup_index){.state = BACKUP_INDEX_MALFORMED};
}

void backup_index_done(struct backup_index *x)
{
    free(x->ranges);
    x->ranges = NULL;
}

void backup_index_begin(struct backup_index *x, struct bytes stream, uint64_t size)
{
    backup_index_done(x);
    *x = (struct backup_index){.state = BACKUP_INDEX_PARSING, .next_live = 1};
    backup_hash_stream(&x->hash, stream);
    if (size < HIGHWAYHASH_SIZE)
        x->state = BACKUP_INDEX_MALFORMED;
    else
        x->left = size - HIGHWAYHASH_SIZE;
}

/* Notes that from..to are dead; false: too many ranges. */
static bool add_range(struct backup_index *x, uint64_t from, uint64_t to)
{
    DCHECK(from <= to);
    if (x->range_count > 0 && x->ranges[x->range_count - 1].to + 1 == from) {
        x->ranges[x->range_count - 1].to = to;
        return true;
    }
    if (x->range_count == BACKUP_INDEX_RANGES_MAX)
        return false;
    if (x->range_count == x->range_capacity) {
        uint32_t capacity = x->range_capacity > 0 ? x->range_capacity * 2 : RANGES_AT_FIRST;
        struct backup_range *ranges = realloc(x->ranges, capacity * sizeof(*ranges));
        if (ranges == NULL)
            return false;
        x->ranges = ranges;
        x->range_capacity = capacity;
    }
    x->ranges[x->range_count++] = (struct backup_range){from, to};
    return true;
}

/* From one block to the next: what lies between them is dead. */
static bool on_block_bounds(struct backup_index *x)
{
    if (x->block_last >= BACKUP_SEQ_MAX || x->block_first > x->block_last + 1 ||
        x->block_first < x->next_live)
        return false;
    bool added = x->block_first == x->next_live || add_range(x, x->next_live, x->block_first - 1);
    x->next_live = x->block_last + 1;
    return added;
}

/* The sequences of a node's bits, all of them inside the block at hand. */
static bool on_set_node(struct backup_index *x, const unsigned char *at, unsigned words)
{
    uint64_t base = get_u64(at);
    if (base > BACKUP_SEQ_MAX)
        return false;
    for (unsigned i = 0; i < words; i++) {
        uint64_t bits = get_u64(at + 8 + 8 * i);
        for (; bits != 0; bits &= bits - 1) {
            uint64_t seq = base + 64 * i + (unsigned)__builtin_ctzll(bits);
            if (seq < x->block_first || seq > x->block_last || !add_range(x, seq, seq))
                return false;
        }
    }
    return true;
}

static enum field after_subject(struct backup_index *x)
{
    return x->subjects-- > 1 ? FIELD_SUBJECT_SIZE : FIELD_BLOCKS;
}

static enum field after_block(struct backup_index *x)
{
    return x->blocks-- > 1 ? FIELD_BLOCK_NUMBER : FIELD_LAST_BLOCK;
}

static enum field after_block_counts(struct backup_index *x)
{
    return x->block_deleted > 0 ? FIELD_SET_HEAD : after_block(x);
}

static int64_t from_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ -(value & 1));
}

/* A number was read for this field; what comes next, or -1. */
static int on_number(struct backup_index *x, enum field field, uint64_t value)
{
    switch (field) {
    case FIELD_MESSAGES:
    case FIELD_BYTES:
    case FIELD_FIRST_TIME:
    case FIELD_BLOCK_NUMBER:
    case FIELD_BLOCK_BYTES:
    case FIELD_BLOCK_FIRST_TIME: return (int)field + 1;
    case FIELD_FIRST_SEQ: x->first_seq = value; return FIELD_FIRST_TIME;
    case FIELD_LAST_SEQ: x->last_seq = value; return FIELD_LAST_TIME;
    case FIELD_LAST_TIME: x->last_time_ns = from_zigzag(value); return FIELD_SUBJECTS;
    case FIELD_SUBJECTS: x->subjects = value; return value > 0 ? FIELD_SUBJECT_SIZE : FIELD_BLOCKS;
    case FIELD_SUBJECT_SIZE:
        x->skip = value;
        return value > 0 ? FIELD_SUBJECT_TOTAL : (int)after_subject(x);
    case FIELD_SUBJECT_TOTAL: x->subject_total = value; return FIELD_SUBJECT_FIRST_BLOCK;
    case FIELD_SUBJECT_FIRST_BLOCK:
        /* Old versions leave the last one out where it is the first. */
        return x->version < 4 && x->subject_total <= 1 ? (int)after_subject(x)
                                                       : FIELD_SUBJECT_LAST_BLOCK;
    case FIELD_SUBJECT_LAST_BLOCK: return (int)after_subject(x);
    case FIELD_BLOCKS: x->blocks = value; return value > 0 ? FIELD_BLOCK_NUMBER : FIELD_LAST_BLOCK;
    case FIELD_BLOCK_FIRST_SEQ: x->block_first = value; return FIELD_BLOCK_FIRST_TIME;
    case FIELD_BLOCK_LAST_SEQ:
        x->block_last = value;
        return on_block_bounds(x) ? FIELD_BLOCK_LAST_TIME : -1;
    case FIELD_BLOCK_LAST_TIME: return FIELD_BLOCK_DELETED;
    case FIELD_BLOCK_DELETED:
        x->block_deleted = value;
        return x->version >= 2 ? FIELD_BLOCK_TTLS : (int)after_block_counts(x);
    case FIELD_BLOCK_TTLS:
        return x->version >= 3 ? FIELD_BLOCK_SCHEDULES : (int)after_block_counts(x);
    case FIELD_BLOCK_SCHEDULES: return (int)after_block_counts(x);
    case FIELD_LAST_BLOCK:
        x->last_block = (uint32_t)value;
        return value <= UINT32_MAX ? FIELD_LAST_HASH : -1;
    case FIELD_MAGIC:
    case FIELD_SET_HEAD:
    case FIELD_SET_NODE_V1:
    case FIELD_SET_NODE_V2:
    case FIELD_LAST_HASH:
    case FIELD_NONE: break;
    }
    UNREACHABLE("a field that is no number");
}

static int after_node(struct backup_index *x, bool good, enum field same)
{
    if (!good)
        return -1;
    return --x->nodes > 0 ? (int)same : (int)after_block(x);
}

static int on_set_head(struct backup_index *x, const unsigned char *at)
{
    unsigned version = at[1];
    x->nodes = get_u32(at + 2);
    if (at[0] != SET_MAGIC || version < 1 || version > 2 || x->nodes == 0)
        return -1;
    return version == 1 ? FIELD_SET_NODE_V1 : FIELD_SET_NODE_V2;
}

/* Bytes of a size that is known were read for this field; what comes next, or -1. */
static int on_bytes(struct backup_index *x, enum field field, const unsigned char *at)
{
    switch (field) {
    case FIELD_MAGIC:
        x->version = at[1];
        return at[0] == MAGIC && at[1] >= VERSION_MIN && at[1] <= VERSION_MAX ? FIELD_MESSAGES : -1;
    case FIELD_SET_HEAD: return on_set_head(x, at);
    case FIELD_SET_NODE_V1: return after_node(x, on_set_node(x, at, 64), field);
    case FIELD_SET_NODE_V2: return after_node(x, on_set_node(x, at, 32), field);
    case FIELD_LAST_HASH: x->last_hash = get_u64(at); return FIELD_NONE;
    default: return -1;
    }
}

/* 0: a number. */
static size_t field_size(enum field field)
{
    switch (field) {
    case FIELD_MAGIC: return 2;
    case FIELD_SET_HEAD: return SET_HEAD_SIZE;
    case FIELD_SET_NODE_V1: return 8 + 64 * 8 + 2;
    case FIELD_SET_NODE_V2: return 8 + 32 * 8 + 2;
    case FIELD_LAST_HASH: return HIGHWAYHASH_SIZE;
    case FIELD_NONE: return 1;
    default: return 0;
    }
}

/* The varint at the window's start: its size, 0 when it is not whole, more than the window if bad. */
static size_t get_varint(const unsigned char *at, size_t size, uint64_t *ret)
{
    uint64_t x = 0;
    for (size_t i = 0; i < VARINT_SIZE_MAX; i++) {
        if (i == size)
            return 0;
        x |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            *ret = x;
            return i == VARINT_SIZE_MAX - 1 && at[i] > 1 ? SIZE_MAX : i + 1;
        }
    }
    return SIZE_MAX;
}

/* Reads the next field at `at`: the bytes it took, 0 when it is not whole there. */
static size_t read_field(struct backup_index *x, const unsigned char *at, size_t size)
{
    enum field field = (enum field)x->field;
    size_t taken = field_size(field);
    int next = -1;
    if (taken > size)
        return 0;
    if (taken > 0) {
        next = on_bytes(x, field, at);
    } else {
        uint64_t value = 0;
        taken = get_varint(at, size, &value);
        if (taken == 0)
            return 0;
        if (taken <= size)
            next = on_number(x, field, value);
    }
    if (next < 0) {
        x->state = BACKUP_INDEX_MALFORMED;
        return size;
    }
    x->field = (unsigned)next;
    return taken;
}

static size_t skip_subject(struct backup_index *x, size_t size)
{
    size_t n = x->skip < size ? (size_t)x->skip : size;
    x->skip -= n;
    return n;
}

static void parse_window(struct backup_index *x)
{
    size_t done = 0;
    while (x->state == BACKUP_INDEX_PARSING && done < x->window_size) {
        size_t left = x->window_size - done;
        size_t n = x->skip > 0 ? skip_subject(x, left) : read_field(x, x->window + done, left);
        if (n == 0)
            break;
        done += n;
    }
    x->window_size -= done;
    memmove(x->window, x->window + done, x->window_size);
    CHECK(x->window_size < sizeof x->window);
}

static void add_body(struct backup_index *x, struct bytes piece)
{
    highwayhash_add(&x->hash, piece.at, piece.size);
    while (x->state == BACKUP_INDEX_PARSING && piece.size > 0) {
        size_t n = sizeof x->window - x->window_size;
        if (n > piece.size)
            n = piece.size;
        memcpy(x->window + x->window_size, piece.at, n);
        x->window_size += n;
        piece = (struct bytes){piece.at + n, piece.size - n};
        parse_window(x);
    }
}

void backup_index_add(struct backup_index *x, struct bytes piece)
{
    struct bytes body = {piece.at, x->left < piece.size ? (size_t)x->left : piece.size};
    struct bytes tail = {piece.at + body.size, piece.size - body.size};
    if (x->state == BACKUP_INDEX_PARSING)
        add_body(x, body);
    x->left -= body.size;
    size_t room = sizeof x->stored_hash - x->stored_hash_size;
    size_t n = tail.size < room ? tail.size : room;
    if (n > 0)
        memcpy(x->stored_hash + x->stored_hash_size, tail.at, n);
    x->stored_hash_size += n;
}

int backup_index_end(struct backup_index *x)
{
    bool good = x->state == BACKUP_INDEX_PARSING && x->field == FIELD_NONE && x->window_size == 0 &&
                x->left == 0 && x->stored_hash_size == HIGHWAYHASH_SIZE &&
                highwayhash_value(&x->hash) == get_u64(x->stored_hash) &&
                x->last_seq <= BACKUP_SEQ_MAX && x->next_live <= x->last_seq + 1;
    if (good && x->next_live <= x->last_seq)
        good = add_range(x, x->next_live, x->last_seq);
    x->state = good ? BACKUP_INDEX_WHOLE : BACKUP_INDEX_MALFORMED;
    return good ? 0 : -EBADMSG;
}
