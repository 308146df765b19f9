/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_chunk -- the first byte says what the rest is: an index, which gets the right hash, and what is decoded
 * must encode to the same bytes; or a whole chunk, whose records must be in the index if that is whole. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/chunk_match.h"
#include "store/format/chunk_index.h"
#include "store/format/chunk_subjects.h"
#include "store/format/chunk_walk.h"

static const struct chunk_place place = {77, 3, 8192};

static void check_encodes_back(const struct chunk_index *x, struct bytes raw)
{
    struct chunk_row *rows = calloc(x->records, sizeof *rows);
    struct chunk_index_frame *frames = calloc(x->frames, sizeof *frames);
    struct chunk_subjects subjects;
    chunk_subjects_init(&subjects, 1);
    for (uint32_t i = 0; i < x->records; i++) {
        struct chunk_row_sizes sizes = chunk_index_sizes(x, i);
        struct bytes subject = chunk_index_subject(x, x->subject_of[i]);
        rows[i] = (struct chunk_row){.seq = x->seqs[i],
                                     .subject = chunk_subjects_number(&subjects, subject),
                                     .head = x->heads[i],
                                     .payload = sizes.payload,
                                     .time_ns = x->times[i]};
        CHECK(chunk_index_at(x, chunk_index_seq(x, i)) == i);
        uint32_t frame = chunk_index_frame_of(x, i);
        CHECK(x->frame[frame].record <= i && i < x->frame[frame + 1].record);
    }
    for (uint32_t i = 0; i < x->frames; i++)
        frames[i] = (struct chunk_index_frame){chunk_index_frame_stored(x, i),
                                               x->frame[i + 1].record - x->frame[i].record};
    struct chunk_index_parts parts = {x->first_seq, rows, x->records, frames, x->frames, &subjects};
    struct buffer again = {0};
    chunk_index_write(&parts, &again);
    CHECK(bytes_equal(buffer_view(&again), raw));
    buffer_done(&again);
    chunk_subjects_done(&subjects);
    free(frames);
    free(rows);
}

/* Each subject as a filter finds the same records forwards, backwards and by count. */
static void check_matches(const struct chunk_index *x)
{
    struct chunk_match match = {0};
    for (uint32_t s = 0; s < x->subjects && s < 100; s++) {
        struct bytes subject = chunk_index_subject(x, s);
        struct filter filter = {&subject, 1};
        chunk_match_make(&match, x, &filter);
        uint32_t found = 0;
        uint32_t i = chunk_match_next(&match, x, 0);
        for (; i != CHUNK_MATCH_END; i = chunk_match_next(&match, x, i + 1)) {
            CHECK(chunk_match_prev(&match, x, i) == i);
            found++;
        }
        CHECK(chunk_match_count(&match, x, 0) == found);
    }
    chunk_match_done(&match);
}

static void fuzz_index(struct bytes raw)
{
    size_t size = CHUNK_PIECE_HEADER_SIZE + raw.size;
    char *piece = malloc(size);
    CHECK(piece != NULL);
    memcpy(piece + CHUNK_PIECE_HEADER_SIZE, raw.at, raw.size);
    chunk_piece_write(&place, piece + CHUNK_PIECE_HEADER_SIZE, (uint32_t)raw.size,
                      (uint32_t)raw.size, piece);
    struct chunk_piece_context context = {.place = place};
    char *at;
    size_t got;
    if (chunk_index_decode(&context, sizeof context, (struct bytes){piece, size}, &at, &got) == 0) {
        struct chunk_index *x = (struct chunk_index *)(void *)at;
        chunk_index_check(x);
        check_encodes_back(x, raw);
        check_matches(x);
        free(x);
    }
    free(piece);
}

static void on_record(void *context, const struct chunk_record *record)
{
    uint64_t *last = context;
    CHECK(record->body.size <= ENTRY_BODY_MAX);
    *last = record->seq;
}

static void fuzz_chunk(struct bytes raw)
{
    size_t size = (raw.size + CHUNK_ALIGN - 1) / CHUNK_ALIGN * CHUNK_ALIGN;
    char *bytes = calloc(1, size + 1);
    CHECK(bytes != NULL);
    memcpy(bytes, raw.at, raw.size);
    uint64_t last = 0;
    struct chunk_walk walk = {.place = place, .record = on_record, .context = &last};
    unsigned bad = chunk_walk(&walk, (struct bytes){bytes, size});
    walk.record = NULL;
    CHECK((chunk_walk(&walk, (struct bytes){bytes, size}) & ~bad) == 0);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct bytes rest = {(const char *)data + 1, size - 1};
    if (data[0] % 2 == 0)
        fuzz_index(rest);
    else
        fuzz_chunk(rest);
    return 0;
}
