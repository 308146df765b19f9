/* SPDX-License-Identifier: Apache-2.0 */
/* journal_walk.h -- the records in a run of a journal's bytes, also behind damaged ones. */
#ifndef STORE_JOURNAL_WALK_H
#define STORE_JOURNAL_WALK_H

#include <errno.h>

#include "store/format/block.h"
#include "store/format/footer.h"
#include "store/format/record.h"

struct journal_walk {
    const char *at; /* borrowed: the bytes from `begin` on */
    uint64_t begin;
    uint64_t next; /* positions: where the next record is looked for */
    uint64_t end;
    uint64_t seed;
    uint64_t position; /* of the last record */
    uint64_t expected; /* how many there are */
    uint64_t found;    /* with whole headers */
    bool body_damaged; /* of the last record: its header alone is right */
    bool skipped;      /* something between was no record */
    int status;        /* -ENOTSUP: a record of an unknown version ended it */
};

/* The records of a whole block with this header. */
static inline struct journal_walk journal_walk_block(const struct block_header *h,
                                                     const char *block)
{
    return (struct journal_walk){
        .at = block + BLOCK_HEADER_SIZE,
        .begin = h->position + BLOCK_HEADER_SIZE,
        .next = h->position + BLOCK_HEADER_SIZE,
        .end = h->position + h->size - footer_size(h->group_count),
        .seed = record_seed(h->store, h->boot_epoch),
        .expected = h->records,
    };
}

/* Whatever records of that epoch are in the range; at: its bytes. */
static inline struct journal_walk journal_walk_range(uint64_t store, uint32_t boot_epoch,
                                                     uint64_t begin, uint64_t end, const char *at)
{
    return (struct journal_walk){
        .at = at,
        .begin = begin,
        .next = begin,
        .end = end,
        .seed = record_seed(store, boot_epoch),
        .expected = UINT64_MAX,
    };
}

/* False: there is none left. */
static inline bool journal_walk_next(struct journal_walk *w, struct record *ret)
{
    while (w->found < w->expected && w->next < w->end) {
        struct bytes rest = {w->at + (w->next - w->begin), (size_t)(w->end - w->next)};
        int status = record_read(rest, w->seed, w->next, ret);
        if (status == 0) {
            w->position = w->next;
            w->next += ret->size;
            w->found++;
            w->body_damaged = !record_body_is_whole(ret);
            return true;
        }
        if (status == -ENOTSUP) {
            w->status = status;
            return false;
        }
        w->skipped = true;
        w->next += RECORD_ALIGN;
    }
    return false;
}

#endif
