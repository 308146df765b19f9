/* SPDX-License-Identifier: Apache-2.0 */
#include "store/inspect_run.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"

static int walk_block(struct inspect_run *r, uint64_t offset, uint32_t size, uint32_t level);

/* Whether a place can be one of a block of this file. */
static bool is_block(const struct inspect_run *r, uint64_t offset, uint32_t size)
{
    return size > 0 && size <= RUN_BLOCK_MAX && size % RUN_BLOCK_SIZE == 0 &&
           offset % RUN_BLOCK_SIZE == 0 && offset <= r->size && size <= r->size - offset;
}

static int walk_children(struct inspect_run *r, const struct run_block *b, uint32_t level)
{
    struct run_entry entry;
    uint32_t at = 0;
    for (uint32_t n = 0; n < b->entries && run_block_entry(b, at, n, &entry); n++) {
        uint64_t offset = 0;
        uint32_t size = 0;
        int status = run_child_read(entry.value, &offset, &size);
        if (status == 0)
            status = walk_block(r, offset, size, level - 1);
        if (status != 0 && status != -EBADMSG)
            return status;
        at = entry.next;
    }
    return 0;
}

static int walk_decoded(struct inspect_run *r, const struct run_place *place, char *stored)
{
    char *decoded = NULL;
    size_t decoded_size = 0;
    int status = run_block_decode(place, sizeof *place, (struct bytes){stored, place->size},
                                  &decoded, &decoded_size);
    if (status == -EBADMSG) {
        r->damaged(r->context, place->offset, place->size,
                   place->level == 0 ? "a block of entries"
                                     : "an index block, with all that it leads to");
        return 0;
    }
    if (status != 0)
        return status;
    struct run_block b = run_block_of((struct bytes){decoded, decoded_size});
    r->blocks += place->size / RUN_BLOCK_SIZE;
    if (place->level == 0)
        r->entries += b.entries;
    else
        status = walk_children(r, &b, place->level);
    if (decoded != stored)
        free(decoded);
    return status;
}

static int walk_block(struct inspect_run *r, uint64_t offset, uint32_t size, uint32_t level)
{
    if (r->blocks > r->size / RUN_BLOCK_SIZE)
        return -ELOOP; /* no builder makes a block that two lead to */
    if (!is_block(r, offset, size)) {
        r->damaged(r->context, offset, size, "a place that an index block names");
        return 0;
    }
    char *stored = malloc(size);
    CHECK(stored != NULL);
    const struct run_place place = {r->gid, r->file, offset, size, level};
    int status = r->read(r->context, offset, stored, size);
    if (status == 0)
        status = walk_decoded(r, &place, stored);
    free(stored);
    return status;
}

static int walk_filter(struct inspect_run *r, const struct run_footer *f)
{
    char page[RUN_BLOCK_SIZE];
    for (uint32_t i = 0; i < f->filter_pages; i++) {
        const struct run_place place = {r->gid, r->file, f->filter + (uint64_t)i * sizeof page,
                                        sizeof page, 0};
        int status = r->read(r->context, place.offset, page, sizeof page);
        if (status != 0)
            return status;
        char *at;
        size_t size;
        if (run_filter_decode(&place, sizeof place, (struct bytes){page, sizeof page}, &at,
                              &size) != 0)
            r->damaged(r->context, place.offset, sizeof page, "a page of the filter");
        else
            r->blocks++;
    }
    return 0;
}

int inspect_run(struct inspect_run *r)
{
    char footer[RUN_BLOCK_SIZE];
    r->entries = r->blocks = 0;
    if (r->size < sizeof footer || r->size % RUN_BLOCK_SIZE != 0)
        return -EBADMSG;
    int status = r->read(r->context, r->size - sizeof footer, footer, sizeof footer);
    if (status != 0)
        return status;
    struct run_footer f;
    status = run_footer_read((struct bytes){footer, sizeof footer}, r->gid, r->file, r->size, &f);
    if (status == -EBADMSG) {
        r->damaged(r->context, r->size - sizeof footer, sizeof footer,
                   "the footer, without which nothing of the file is found");
        return 0;
    }
    if (status == 0 && f.levels > 0)
        status = walk_block(r, f.root, f.root_size, f.levels - 1);
    return status == 0 ? walk_filter(r, &f) : status;
}
