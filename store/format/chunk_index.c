/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_index.c -- the accessors, and what is written; chunk_index_decode.c reads it back. */
#include "store/format/chunk_index.h"

#include <stdlib.h>

#include "store/format/chunk_index_layout.h"
#include "store/format/chunk_subjects.h"
#include "store/format/little.h"
#include "store/format/message.h"

/* --- writing -------------------------------------------------------------------------------------- */

enum { ROW_SIZE_MAX = 5 * 10 };

/* As buffer_varint; but a row asks for its room once. */
static inline char *put_varint(char *at, uint64_t x)
{
    for (; x >= 0x80; x >>= 7)
        *at++ = (char)(x | 0x80);
    *at++ = (char)x;
    return at;
}

static inline char *put_signed(char *at, int64_t x)
{
    return put_varint(at, ((uint64_t)x << 1) ^ (uint64_t)(x >> 63));
}

static void write_rows(const struct chunk_index_parts *parts, const uint32_t *ranks,
                       struct buffer *to)
{
    uint64_t next_seq = 0;
    uint64_t time = (uint64_t)parts->rows[0].time_ns;
    for (uint32_t i = 0; i < parts->row_count; i++) {
        const struct chunk_row *row = &parts->rows[i];
        CHECK(row->seq >= next_seq);
        char *at = buffer_room(to, ROW_SIZE_MAX);
        char *end = put_varint(at, row->seq - next_seq);
        end = put_signed(end, (int64_t)((uint64_t)row->time_ns - time));
        end = put_varint(end, ranks[row->subject]);
        end = put_varint(end, row->head);
        end = put_varint(end, row->payload);
        to->size += (size_t)(end - at);
        next_seq = (uint64_t)row->seq + 1;
        time = (uint64_t)row->time_ns;
    }
}

static void write_subjects(const struct chunk_subjects *subjects, const uint32_t *order,
                           struct buffer *to)
{
    struct bytes before = BYTES("");
    for (uint32_t i = 0; i < subjects->count; i++) {
        struct bytes text = chunk_subjects_text(subjects, order[i]);
        size_t shared = chunk_subject_shared(before, text);
        buffer_varint(to, shared);
        buffer_varint(to, text.size - shared);
        buffer_add(to, text.at + shared, text.size - shared);
        before = text;
    }
}

void chunk_index_write(const struct chunk_index_parts *parts, struct buffer *to)
{
    const struct chunk_subjects *subjects = parts->subjects;
    CHECK(parts->row_count > 0 && parts->frame_count > 0 && subjects->count > 0);
    uint32_t *order = malloc(2 * subjects->count * sizeof *order);
    CHECK(order != NULL);
    uint32_t *ranks = order + subjects->count;
    chunk_subjects_sort(subjects, order);
    for (uint32_t i = 0; i < subjects->count; i++)
        ranks[order[i]] = i;
    size_t begun = to->size;
    char *head = buffer_room(to, INDEX_HEADER_SIZE);
    memset(head, 0, INDEX_HEADER_SIZE);
    put_u32(head, parts->row_count);
    put_u32(head + 4, parts->frame_count);
    put_u32(head + 8, subjects->count);
    put_u32(head + 12, (uint32_t)subjects->text.size);
    put_u64(head + 16, parts->first_seq);
    put_i64(head + 24, parts->rows[0].time_ns);
    to->size += INDEX_HEADER_SIZE;
    for (uint32_t i = 0; i < parts->frame_count; i++) {
        buffer_u32(to, parts->frames[i].stored);
        buffer_u32(to, parts->frames[i].records);
    }
    write_rows(parts, ranks, to);
    write_subjects(subjects, order, to);
    free(order);
    CHECK(to->size - begun <= CHUNK_INDEX_RAW_MAX);
}

/* --- accessors ------------------------------------------------------------------------------------ */

uint32_t chunk_index_at(const struct chunk_index *x, uint64_t seq)
{
    if (seq <= x->first_seq)
        return 0;
    if (seq > x->last_seq)
        return x->records;
    uint32_t wanted = (uint32_t)(seq - x->first_seq);
    /* A record's number is at most its distance from the first, and is that where no sequence lacks. */
    uint32_t high = wanted < x->records ? wanted : x->records - 1;
    if (x->seqs[high] == wanted)
        return high;
    uint32_t low = 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (x->seqs[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t chunk_index_at_time(const struct chunk_index *x, int64_t time_ns)
{
    uint32_t record = 0;
    while (record < x->records && x->times[record] < time_ns)
        record++;
    return record;
}

uint32_t chunk_index_subject_at(const struct chunk_index *x, struct bytes text)
{
    uint32_t low = 0;
    uint32_t high = x->subjects;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chunk_subject_compare(chunk_index_subject(x, middle), text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct chunk_row_sizes chunk_index_sizes(const struct chunk_index *x, uint32_t record)
{
    DCHECK(record < x->records);
    uint32_t head = x->heads[record];
    uint32_t subject = x->subject_of[record];
    struct chunk_row_sizes sizes = {
        .subject = x->text_starts[subject + 1] - x->text_starts[subject],
        .headers = head >> CHUNK_HEAD_FLAG_BITS,
        .record = x->extents[record + 1] - x->extents[record],
    };
    struct message nothing = {.flags = head & (MESSAGE_OWN_TIME | MESSAGE_ORIGIN)};
    sizes.payload = sizes.record - CHUNK_RECORD_HEADER_SIZE -
                    (uint32_t)message_body_size(&nothing) - sizes.subject - sizes.headers;
    return sizes;
}

uint32_t chunk_index_frame_of(const struct chunk_index *x, uint32_t record)
{
    DCHECK(record < x->records);
    uint32_t low = 0;
    uint32_t high = x->frames;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (x->frame[middle].record <= record)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void check_frames(const struct chunk_index *x)
{
    CHECK(x->frame[0].offset == CHUNK_HEADER_SIZE && x->frame[0].raw == 0);
    CHECK(x->frame[0].record == 0 && x->frame[x->frames].record == x->records);
    CHECK(x->frame[x->frames].raw == x->extents[x->records]);
    for (uint32_t i = 0; i < x->frames; i++) {
        CHECK(x->frame[i].record < x->frame[i + 1].record);
        CHECK(x->frame[i].raw == x->extents[x->frame[i].record]);
        CHECK(chunk_index_frame_raw(x, i) <= CHUNK_FRAME_RAW_MAX ||
              x->frame[i + 1].record - x->frame[i].record == 1);
    }
}

void chunk_index_check(const struct chunk_index *x)
{
    CHECK(x->magic == CHUNK_INDEX_MAGIC && x->records > 0 && x->subjects > 0);
    CHECK(chunk_index_seq(x, 0) == x->first_seq);
    CHECK(chunk_index_seq(x, x->records - 1) == x->last_seq);
    for (uint32_t i = 1; i < x->records; i++)
        CHECK(x->seqs[i - 1] < x->seqs[i]); /* 1 */
    for (uint32_t i = 1; i < x->subjects; i++)
        CHECK(chunk_subject_compare(chunk_index_subject(x, i - 1), chunk_index_subject(x, i)) < 0);
    check_frames(x); /* 3 */
    for (uint32_t s = 0; s < x->subjects; s++) {
        CHECK(x->posting_starts[s] < x->posting_starts[s + 1]); /* 2, 4 */
        for (uint32_t i = x->posting_starts[s]; i < x->posting_starts[s + 1]; i++) {
            CHECK(x->subject_of[x->postings[i]] == s);
            CHECK(i == x->posting_starts[s] || x->postings[i - 1] < x->postings[i]);
        }
    }
    CHECK(x->posting_starts[x->subjects] == x->records);
}
