/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h -- the messages of one group that left the journal: files of chunks, in order of sequence.
 *
 * Idea        A segment is a file s-NNN of chunks, one behind the other. A checkpoint says of it how far it
 *             goes and what it spans; which chunks are in it is read from their headers when somebody first
 *             asks, each naming the place of the next. Behind a header that is unreadable the walk goes on
 *             from the end of the file, by footers, so what is lost is told as a range of sequences and is
 *             never larger than the damage.
 *             A look-up gives a *spot*: a record in the index of its chunk. Of a spot most is known without
 *             reading the message.
 * Look-ups    are between pages_begin and pages_end, and say -EAGAIN as pages.h has it. What a spot
 *             points to stays until pages_end.
 * Invariants  1 segments cover disjoint ranges of sequences and rise; so do the chunks in one
 *             2 the chunks of a walked segment, with the damaged ranges among them, are all of the file
 *             3 the file below the size that is known here never changes
 *             4 what is unreadable is -EBADMSG with its range, and never -ENOENT
 * Bounds      CHECKPOINT_FILES_MAX segments; 72 bytes a chunk of the segments that were asked.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/chunk_match.h"
#include "store/format/chunk.h"
#include "store/format/chunk_index.h"
#include "store/msglog.h"
#include "store/pages.h"

struct buffer;
struct segment;
struct segments;

#define SEGMENT_NAME_SIZE 24 /* with a slash before and a NUL after */
#define SEGMENT_BYTES_MIN ((uint64_t)64 << 20)
#define SEGMENT_BYTES_MAX ((uint64_t)1 << 30)

/* Writes "FOLDER/s-NNN"; of DISK_PATH_MAX bytes at most. */
void segment_path(const char *folder, uint64_t number, char *ret, size_t size);
/* Whether the next chunk goes to a new file: files grow with what the group has stored. */
bool segment_is_full(uint64_t size, uint64_t total);

/* What a checkpoint says of a segment. */
struct segment_edge {
    uint64_t number;
    uint64_t size; /* under 4 GiB; what lies behind is not part of it */
    uint64_t first_seq;
    uint64_t last_seq;
    int64_t min_time_ns;
    int64_t max_time_ns;
    uint64_t records;
};

struct segments_options {
    struct pages *pages; /* borrowed */
    const char *folder;  /* borrowed: the group's */
    uint64_t gid;
    const struct chunk_codec *codec; /* borrowed; NULL: plain chunks only */
};

struct segments *segments_new(const struct segments_options *options);
/* The pages are gone, or have nothing of these files under way: they are dropped first. */
void segments_free(struct segments **s);
/* Drops all files from the pages; done, perhaps at once, when nothing is under way. Then free. */
void segments_close(struct segments *s, void (*done)(void *context), void *context);

/* --- what there is -------------------------------------------------------------------------------- */

uint32_t segments_count(const struct segments *s);
void segments_edge(const struct segments *s, uint32_t i, struct segment_edge *ret);
uint64_t segments_size(const struct segments *s); /* bytes of all files */

/* Of a checkpoint. -EBADMSG: it lies across another, or is none. */
int segments_add(struct segments *s, const struct segment_edge *edge)
    __attribute__((warn_unused_result));
/* A chunk is durable behind the others of its segment, which may be a new one. */
void segments_extend(struct segments *s, uint64_t number, const struct chunk_info *chunk);
/* No checkpoint names it any more: it is forgotten, and when done is called, perhaps at once, the file can be
 * removed. */
void segments_remove(struct segments *s, uint64_t number, void (*done)(void *context),
                     void *context);
/* The section of a checkpoint, and back: into segments that have none. */
void segments_write(const struct segments *s, struct buffer *to);
int segments_read_edges(struct segments *s, struct bytes section)
    __attribute__((warn_unused_result));

/* What could not be read is tried again when it is next asked for. */
void segments_forget_failures(struct segments *s);
void segments_check(const struct segments *s);

/* --- look-ups ------------------------------------------------------------------------------------- */

struct segment_spot {
    uint64_t seq; /* with -EBADMSG: the first of what is unreadable ... */
    uint64_t to;  /* ... and the last; else as seq */
    const struct segment *segment;
    const struct chunk_info *chunk;
    const struct chunk_index *index;
    uint32_t record;
};

/* What is not dead. next: the first live sequence at or after seq, UINT64_MAX if none is; prev: the last one
 * at or before, 0 if none is. */
struct segment_live {
    uint64_t (*next)(void *context, uint64_t seq);
    uint64_t (*prev)(void *context, uint64_t seq);
    void *context;
};

/* A reader's place: what its filter matches in the chunk it was in last. Zeroed but for the filter, which must
 * stay and not change; NULL: all. One may be used in both directions, and for look-ups anywhere. */
struct segment_cursor {
    const struct filter *filter; /* borrowed */
    uint64_t file;               /* of the chunk that match is of: the pages' number */
    uint64_t chunk;              /* its offset */
    struct chunk_match match;
};
void segment_cursor_done(struct segment_cursor *c);

/* Work of one call of next or prev: chunks looked into, and dead matches passed over. */
#define SEGMENT_SCAN_CHUNKS_MAX 8
#define SEGMENT_SCAN_DEAD_MAX 65536

/* The record of this sequence. -ENOENT: it is in no chunk; -EBADMSG: its chunk can not tell. */
int segments_find(struct segments *s, uint64_t seq, struct segment_spot *ret)
    __attribute__((warn_unused_result));
/* The first live one that matches at or after from, and at most at to; live may be NULL. -ENOENT: there is none;
 * -EINPROGRESS: much was looked at, go on from ret->seq; -EBADMSG: ret->seq to ret->to is unreadable, go on
 * behind it if need be. */
int segments_next(struct segments *s, struct segment_cursor *c, const struct segment_live *live,
                  uint64_t from, uint64_t to, struct segment_spot *ret)
    __attribute__((warn_unused_result));
/* The same backwards: the last at or before from, and at least at to. */
int segments_prev(struct segments *s, struct segment_cursor *c, const struct segment_live *live,
                  uint64_t from, uint64_t to, struct segment_spot *ret)
    __attribute__((warn_unused_result));
/* The first record whose time is at or after time_ns. -ENOENT: none. */
int segments_at_time(struct segments *s, int64_t time_ns, struct segment_spot *ret)
    __attribute__((warn_unused_result));

/* Of a spot, without its message. */
static inline int64_t segment_spot_time(const struct segment_spot *spot)
{
    return spot->index->times[spot->record];
}

static inline struct bytes segment_spot_subject(const struct segment_spot *spot)
{
    return chunk_index_subject(spot->index, spot->index->subject_of[spot->record]);
}

static inline struct chunk_row_sizes segment_spot_sizes(const struct segment_spot *spot)
{
    return chunk_index_sizes(spot->index, spot->record);
}

/* The message, verified. -EBADMSG: it is unreadable; spot->seq to spot->to is what its frame had. */
int segments_read(struct segments *s, struct segment_spot *spot, struct stored *ret)
    __attribute__((warn_unused_result));

#endif
