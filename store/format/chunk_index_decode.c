/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_index_decode.c -- a stored index to arrays, trusting nothing in it.
 *
 * Though its hash was right: a chunk may have been written by a program with a bug, and what comes out of here
 * is used without looking. Limits are compared before anything is allocated.
 */
#include <errno.h>
#include <stdlib.h>

#include "store/format/chunk_index.h"
#include "store/format/chunk_index_layout.h"
#include "store/format/chunk_subjects.h"
#include "store/format/little.h"
#include "store/format/message.h"

enum { BODY_FORMS = 1 << CHUNK_HEAD_FLAG_BITS, SUBJECT_MAX = UINT16_MAX };

/* The arrays as they are filled; the same memory as a struct chunk_index points to. */
struct builder {
    struct chunk_index *index;
    size_t size;
    int64_t *times;
    uint32_t *seqs;
    uint32_t *subject_of;
    uint32_t *extents;
    uint32_t *heads;
    uint32_t *postings;
    uint32_t *posting_starts;
    uint32_t *text_starts;
    struct chunk_frame *frame;
    char *text;
    uint32_t text_size;
    int64_t first_time_ns;
};

static size_t allot(size_t *at, size_t size)
{
    size_t here = *at;
    *at += (size + 7) / 8 * 8;
    return here;
}

/* One block for all of it, from counts that were compared with their limits. */
static void allocate(struct builder *b, const struct chunk_index *counts)
{
    size_t n = counts->records;
    size_t subjects = counts->subjects;
    size_t size = 0;
    (void)allot(&size, sizeof(struct chunk_index));
    size_t times = allot(&size, n * sizeof(int64_t));
    size_t columns[5];
    for (unsigned i = 0; i < 5; i++)
        columns[i] = allot(&size, (n + 1) * sizeof(uint32_t));
    size_t posting_starts = allot(&size, (subjects + 2) * sizeof(uint32_t));
    size_t text_starts = allot(&size, (subjects + 1) * sizeof(uint32_t));
    size_t frame = allot(&size, (counts->frames + 1) * sizeof(struct chunk_frame));
    size_t text = allot(&size, b->text_size + 1);
    char *at = malloc(size);
    CHECK(at != NULL);
    b->size = size;
    b->index = (struct chunk_index *)(void *)at;
    b->times = (int64_t *)(void *)(at + times);
    b->seqs = (uint32_t *)(void *)(at + columns[0]);
    b->subject_of = (uint32_t *)(void *)(at + columns[1]);
    b->extents = (uint32_t *)(void *)(at + columns[2]);
    b->heads = (uint32_t *)(void *)(at + columns[3]);
    b->postings = (uint32_t *)(void *)(at + columns[4]);
    b->posting_starts = (uint32_t *)(void *)(at + posting_starts);
    b->text_starts = (uint32_t *)(void *)(at + text_starts);
    b->frame = (struct chunk_frame *)(void *)(at + frame);
    b->text = at + text;
    *b->index = *counts;
    b->index->times = b->times;
    b->index->seqs = b->seqs;
    b->index->subject_of = b->subject_of;
    b->index->extents = b->extents;
    b->index->heads = b->heads;
    b->index->postings = b->postings;
    b->index->posting_starts = b->posting_starts;
    b->index->text_starts = b->text_starts;
    b->index->frame = b->frame;
    b->index->text = b->text;
}

static int read_header(struct cursor *c, struct builder *b)
{
    struct bytes head = cursor_take(c, INDEX_HEADER_SIZE);
    if (c->bad)
        return -EBADMSG;
    struct chunk_index counts = {
        .magic = CHUNK_INDEX_MAGIC,
        .records = get_u32(head.at),
        .frames = get_u32(head.at + 4),
        .subjects = get_u32(head.at + 8),
        .first_seq = get_u64(head.at + 16),
    };
    b->text_size = get_u32(head.at + 12);
    b->first_time_ns = get_i64(head.at + 24);
    if (counts.records == 0 || counts.records > CHUNK_RECORDS_MAX || counts.frames == 0 ||
        counts.frames > CHUNK_FRAMES_MAX || counts.subjects == 0 ||
        counts.subjects > counts.records || b->text_size > CHUNK_RAW_MAX || counts.first_seq == 0 ||
        get_u64(head.at + 32) != 0 || get_u64(head.at + 40) != 0)
        return -EBADMSG;
    allocate(b, &counts);
    return 0;
}

static int read_frames(struct cursor *c, struct builder *b)
{
    uint64_t offset = CHUNK_HEADER_SIZE;
    uint64_t record = 0;
    for (uint32_t i = 0; i < b->index->frames; i++) {
        uint32_t stored = cursor_u32(c);
        uint32_t records = cursor_u32(c);
        b->frame[i] = (struct chunk_frame){(uint32_t)offset, (uint32_t)record, 0};
        offset += stored;
        record += records;
        if (stored <= CHUNK_PIECE_HEADER_SIZE || records == 0 || record > b->index->records ||
            offset > CHUNK_STORED_MAX)
            return -EBADMSG;
    }
    b->frame[b->index->frames] = (struct chunk_frame){(uint32_t)offset, (uint32_t)record, 0};
    return c->bad || record != b->index->records ? -EBADMSG : 0;
}

/* Payload sizes are kept in postings until subjects, which extents need as well, have been read. */
static int read_rows(struct cursor *c, struct builder *b)
{
    struct chunk_index *x = b->index;
    uint64_t next = 0;
    uint64_t time = (uint64_t)b->first_time_ns;
    x->min_time_ns = x->max_time_ns = b->first_time_ns;
    for (uint32_t i = 0; i < x->records; i++) {
        uint64_t seq = next + cursor_varint_max(c, UINT32_MAX);
        if (seq > UINT32_MAX || (i == 0 && seq != 0))
            return -EBADMSG;
        time += (uint64_t)cursor_svarint(c);
        b->seqs[i] = (uint32_t)seq;
        b->times[i] = (int64_t)time;
        b->subject_of[i] = (uint32_t)cursor_varint_max(c, x->subjects - 1);
        b->heads[i] = (uint32_t)cursor_varint_max(c, CHUNK_HEAD(ENTRY_BODY_MAX, BODY_FORMS - 1));
        b->postings[i] = (uint32_t)cursor_varint_max(c, ENTRY_BODY_MAX);
        if (b->times[i] < x->min_time_ns)
            x->min_time_ns = b->times[i];
        if (b->times[i] > x->max_time_ns)
            x->max_time_ns = b->times[i];
        next = seq + 1;
    }
    if (c->bad || b->times[0] != b->first_time_ns ||
        x->first_seq > UINT64_MAX - b->seqs[x->records - 1])
        return -EBADMSG;
    x->last_seq = x->first_seq + b->seqs[x->records - 1];
    return 0;
}

static int read_subjects(struct cursor *c, struct builder *b)
{
    uint32_t at = 0;
    struct bytes before = BYTES("");
    for (uint32_t i = 0; i < b->index->subjects; i++) {
        size_t shared = cursor_varint_max(c, before.size);
        size_t rest = cursor_varint_max(c, SUBJECT_MAX);
        struct bytes text = cursor_take(c, rest);
        if (c->bad || shared + rest > SUBJECT_MAX || shared + rest > b->text_size - at)
            return -EBADMSG;
        b->text_starts[i] = at;
        if (shared > 0)
            memcpy(b->text + at, before.at, shared);
        if (rest > 0)
            memcpy(b->text + at + shared, text.at, rest);
        struct bytes subject = {b->text + at, shared + rest};
        if (i > 0 && (chunk_subject_compare(before, subject) >= 0 ||
                      chunk_subject_shared(before, subject) != shared))
            return -EBADMSG;
        before = subject;
        at += (uint32_t)(shared + rest);
    }
    b->text_starts[b->index->subjects] = at;
    return at == b->text_size && cursor_is_at_end(c) ? 0 : -EBADMSG;
}

/* Where records begin: what the sizes add up to. */
static int sum_extents(struct builder *b)
{
    struct chunk_index *x = b->index;
    uint32_t fixed[BODY_FORMS];
    for (unsigned form = 0; form < BODY_FORMS; form++) {
        struct message nothing = {.flags = (uint16_t)form};
        fixed[form] = CHUNK_RECORD_HEADER_SIZE + (uint32_t)message_body_size(&nothing);
    }
    uint64_t at = 0;
    for (uint32_t i = 0; i < x->records; i++) {
        uint32_t subject = b->subject_of[i];
        uint64_t size = (uint64_t)fixed[b->heads[i] % BODY_FORMS] +
                        (b->heads[i] >> CHUNK_HEAD_FLAG_BITS) + b->postings[i] +
                        (b->text_starts[subject + 1] - b->text_starts[subject]);
        b->extents[i] = (uint32_t)at;
        at += size;
        if (at > CHUNK_RAW_MAX &&
            (x->records > 1 || size > CHUNK_RECORD_HEADER_SIZE + ENTRY_BODY_MAX))
            return -EBADMSG;
    }
    b->extents[x->records] = (uint32_t)at;
    for (uint32_t i = 0; i <= x->frames; i++) {
        b->frame[i].raw = b->extents[b->frame[i].record];
        if (i > 0 && b->frame[i].raw - b->frame[i - 1].raw > CHUNK_FRAME_RAW_MAX &&
            b->frame[i].record - b->frame[i - 1].record > 1)
            return -EBADMSG;
    }
    return 0;
}

/* A counting sort: how many each subject has, where its postings begin, then the records in order. */
static int sort_postings(struct builder *b)
{
    struct chunk_index *x = b->index;
    uint32_t *ends = b->posting_starts + 1; /* the place for the next one; in the end, the end */
    memset(b->posting_starts, 0, (x->subjects + 2) * sizeof *b->posting_starts);
    for (uint32_t i = 0; i < x->records; i++)
        ends[b->subject_of[i] + 1]++;
    for (uint32_t s = 0; s < x->subjects; s++) {
        if (ends[s + 1] == 0)
            return -EBADMSG;
        ends[s + 1] += ends[s];
    }
    for (uint32_t i = 0; i < x->records; i++)
        b->postings[ends[b->subject_of[i]]++] = i;
    return 0;
}

static int decode(struct bytes raw, const struct chunk_piece_context *context, struct builder *b)
{
    struct cursor c = cursor_of(raw);
    int r = read_header(&c, b);
    if (r == 0)
        r = read_frames(&c, b);
    if (r == 0)
        r = read_rows(&c, b);
    if (r == 0)
        r = read_subjects(&c, b);
    if (r == 0)
        r = sum_extents(b);
    if (r == 0)
        r = sort_postings(b);
    if (r == 0 && context->records != 0 &&
        (context->records != b->index->records || context->first_seq != b->index->first_seq))
        r = -EBADMSG;
    return r;
}

int chunk_index_decode(const void *context, size_t context_size, struct bytes stored, char **ret_at,
                       size_t *ret_size)
{
    CHECK(context_size == sizeof(struct chunk_piece_context));
    char *raw = NULL;
    size_t raw_size = 0;
    int r = chunk_piece_open(context, stored, &raw, &raw_size);
    if (r < 0)
        return r;
    struct builder b = {0};
    r = raw_size > CHUNK_INDEX_RAW_MAX ? -EBADMSG
                                       : decode((struct bytes){raw, raw_size}, context, &b);
    if (raw != stored.at + CHUNK_PIECE_HEADER_SIZE)
        free(raw);
    if (r < 0) {
        free(b.index);
        return r;
    }
#ifndef NDEBUG
    chunk_index_check(b.index);
#endif
    *ret_at = (char *)b.index;
    *ret_size = b.size;
    return 0;
}
