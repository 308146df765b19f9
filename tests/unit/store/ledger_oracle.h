/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_oracle.h -- what a recovery has to find, worked out block by block from the whole ledger and which
 * of its blocks are damaged. */
#ifndef TESTS_UNIT_STORE_LEDGER_ORACLE_H
#define TESTS_UNIT_STORE_LEDGER_ORACLE_H

#include "store/format/ledger_block.h"
#include "tests/unit/store/ledger_run.h"

struct block_seen {
    struct block_header header;
    bool bad[2];
};

struct blocks {
    char *bytes;
    size_t size;
    struct block_seen *at;
    size_t count;
    struct ledger_identity id;
};

static inline void see_blocks(struct owner *o, struct blocks *b)
{
    char path[64];
    owner_ledger_path(o, 0, path);
    *b = (struct blocks){.id = {super_block_store(&o->block), o->block.ledger}};
    b->bytes = owner_file(o, path, &b->size);
    b->at = calloc(b->size / BLOCK_ALIGN + 1, sizeof *b->at);
    CHECK(b->at != NULL);
    for (size_t at = 0; at < b->size; at += b->at[b->count++].header.size) {
        struct block_header *h = &b->at[b->count].header;
        CHECK(ledger_block_header_read(&b->id, at, b->bytes + at, h) == 0);
    }
}

static inline void blocks_done(struct blocks *b)
{
    free(b->bytes);
    free(b->at);
}

static inline bool is_bad(const struct block_seen *b)
{
    return b->bad[0] && b->bad[1];
}

static inline void apply_block(const struct blocks *b, size_t n, struct model *m)
{
    const struct block_header *h = &b->at[n].header;
    struct ledger_block_walk w = ledger_block_walk(&b->id, h, b->bytes + h->position);
    while (w.records_left > 0) {
        struct ledger_record record;
        uint64_t position;
        CHECK(ledger_block_next(&w, &record, &position) == 0);
        model_apply(m, record.kind, record.gid, model_tag(&record));
    }
}

/* What is to be found: all good blocks of commits that are proven by a good block of a later commit, or
 * whole, or the first; how many are lost. False: nothing is readable. */
static inline bool foresee(const struct blocks *b, struct model *ret, uint32_t *ret_lost)
{
    size_t last = b->count;
    while (last > 0 && is_bad(&b->at[last - 1]))
        last--;
    if (last == 0)
        return false;
    uint64_t commit =
        b->at[last - 1].header.durable_to; /* the last one of which something is left */
    size_t commit_first = 0;
    size_t commit_end = 0;
    for (size_t i = 0; i < b->count; i++) {
        commit_first += b->at[i].header.durable_to < commit;
        commit_end += b->at[i].header.durable_to <= commit;
    }
    bool whole = true;
    for (size_t i = commit_first; i < commit_end; i++)
        whole = whole && !is_bad(&b->at[i]);
    size_t counts = whole || commit == 0 ? commit_end : commit_first;
    memset(ret, 0, sizeof *ret);
    *ret_lost = 0;
    for (size_t i = 0; i < counts; i++)
        if (is_bad(&b->at[i]))
            ++*ret_lost;
        else
            apply_block(b, i, ret);
    return true;
}

#endif
