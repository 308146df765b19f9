/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_index.h -- where the messages of a chunk are, and what they are, without reading them.
 *
 * Idea        Stored: a row of five varints a record (sequence and time as steps, subject number, sizes of
 *             headers and payload; about 9 bytes) and the sorted, prefix-coded subjects. All else follows
 *             from these: where records begin is a sum of sizes, and which records a subject has is a
 *             counting sort. So there is little to store, and nothing that could contradict itself.
 *             Decoded, once, when the page comes: plain arrays, 28 bytes a record.
 * Invariants  of a decoded index, all checked while decoding:
 *             1 sequences rise; they span less than 2^32
 *             2 subjects rise by their bytes, and each has a record
 *             3 extents rise; each record fits its frame, frames keep their bound
 *             4 postings of a subject rise, and all postings together are the records
 */
#ifndef STORE_FORMAT_CHUNK_INDEX_H
#define STORE_FORMAT_CHUNK_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/chunk.h"

struct chunk_subjects;

/* --- writing -------------------------------------------------------------------------------------- */

/* What the index has of a record. */
struct chunk_row {
    uint32_t seq; /* less the first one's */
    uint32_t subject;
    uint32_t head; /* CHUNK_HEAD: sizes of headers, and the body's flags */
    uint32_t payload;
    int64_t time_ns;
};

/* Of a frame: the stored size of its piece, and how many records it has. */
struct chunk_index_frame {
    uint32_t stored;
    uint32_t records;
};

struct chunk_index_parts {
    uint64_t first_seq;
    const struct chunk_row *rows; /* borrowed, as all */
    uint32_t row_count;
    const struct chunk_index_frame *frames;
    uint32_t frame_count;
    const struct chunk_subjects *subjects;
};

/* Appends the raw index. */
void chunk_index_write(const struct chunk_index_parts *parts, struct buffer *to);

/* --- reading -------------------------------------------------------------------------------------- */

#define CHUNK_HEAD_FLAG_BITS 2u
#define CHUNK_HEAD(headers_size, body_flags) ((uint32_t)(headers_size) << 2 | (body_flags))

/* Where a frame is: its piece in the chunk, and its records among all. */
struct chunk_frame {
    uint32_t offset; /* of the piece, from the start of the chunk */
    uint32_t record; /* number of the first */
    uint32_t raw;    /* extent of the first */
};

struct chunk_index {
    uint32_t magic;
    uint32_t records;
    uint32_t frames;
    uint32_t subjects;
    uint64_t first_seq;
    uint64_t last_seq;
    int64_t min_time_ns;
    int64_t max_time_ns;
    const int64_t *times;
    const uint32_t *seqs;            /* less first_seq */
    const uint32_t *subject_of;      /* record -> subject number */
    const uint32_t *extents;         /* record -> raw offset over all frames; one more at the end */
    const uint32_t *heads;           /* record -> CHUNK_HEAD */
    const uint32_t *postings;        /* records, subject by subject */
    const uint32_t *posting_starts;  /* subject -> in postings; one more at the end */
    const uint32_t *text_starts;     /* subject -> in text; one more at the end */
    const struct chunk_frame *frame; /* one more at the end */
    const char *text;
};

/* page_decode_fn with a struct chunk_piece_context: the page is a struct chunk_index. */
int chunk_index_decode(const void *context, size_t context_size, struct bytes stored, char **ret_at,
                       size_t *ret_size);

#define CHUNK_INDEX_MAGIC 0x58444943u

static inline const struct chunk_index *chunk_index_of(struct bytes page)
{
    const struct chunk_index *x = (const struct chunk_index *)(const void *)page.at;
    DCHECK(page.size >= sizeof *x && x->magic == CHUNK_INDEX_MAGIC);
    return x;
}

static inline uint64_t chunk_index_seq(const struct chunk_index *x, uint32_t record)
{
    DCHECK(record < x->records);
    return x->first_seq + x->seqs[record];
}

/* The first record at or after seq; x->records: none. */
uint32_t chunk_index_at(const struct chunk_index *x, uint64_t seq);
/* The first record whose time is at or after time_ns; x->records: none. Times need not be in order. */
uint32_t chunk_index_at_time(const struct chunk_index *x, int64_t time_ns);

static inline struct bytes chunk_index_subject(const struct chunk_index *x, uint32_t subject)
{
    DCHECK(subject < x->subjects);
    uint32_t start = x->text_starts[subject];
    return (struct bytes){x->text + start, x->text_starts[subject + 1] - start};
}

/* The first subject that is not before this text; x->subjects: none. */
uint32_t chunk_index_subject_at(const struct chunk_index *x, struct bytes text);

struct chunk_row_sizes {
    uint32_t subject;
    uint32_t headers;
    uint32_t payload;
    uint32_t record; /* all of it, as in its frame */
};
struct chunk_row_sizes chunk_index_sizes(const struct chunk_index *x, uint32_t record);

/* Which frame has the record. */
uint32_t chunk_index_frame_of(const struct chunk_index *x, uint32_t record);

static inline uint32_t chunk_index_frame_raw(const struct chunk_index *x, uint32_t frame)
{
    return x->frame[frame + 1].raw - x->frame[frame].raw;
}

static inline uint32_t chunk_index_frame_stored(const struct chunk_index *x, uint32_t frame)
{
    return x->frame[frame + 1].offset - x->frame[frame].offset;
}

void chunk_index_check(const struct chunk_index *x);

#endif
