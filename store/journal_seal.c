/* SPDX-License-Identifier: Apache-2.0 */
/* journal_seal.c -- bodies that are encrypted on their way to the disk.
 *
 * Idea        The image has plain bodies, for the tails of groups point at them; behind each that
 *             is to be sealed is room for what sealing adds, so that all positions are those of the
 *             disk. What a flush writes is then not a piece of the image but a copy of it, in which
 *             these records are made what they are on disk: another body, and the two hashes. Block
 *             headers and footers do not know of bodies and stay as they are.
 * Bounds      a copy of what one flush writes, and none when nothing in it is sealed.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/record.h"
#include "store/journal_state.h"

static int seal_block(struct journal *j, const struct journal_block *b, char *block)
{
    char *at = block + BLOCK_HEADER_SIZE;
    uint64_t position = b->position + BLOCK_HEADER_SIZE;
    uint32_t sealed = 0;
    for (uint32_t i = 0; i < b->records; i++) {
        struct record r = record_in_memory(at);
        if (r.entry.seal == ENTRY_TO_SEAL) {
            char *body = at + (r.entry.body.at - at);
            int status = j->options.seal(j->options.context, &r.entry, body);
            if (status != 0)
                return status;
            record_sealed(at, j->seed, position);
            sealed++;
        }
        at += r.size;
        position += r.size;
    }
    CHECK(sealed == b->to_seal);
    return 0;
}

/* The copy, as it is in the image. */
static void copy_image(struct journal *j)
{
    struct journal_flush *flush = &j->flush;
    const struct journal_file *f = flush->file;
    uint64_t size = flush->to - f->written;
    if (size > flush->sealed_capacity) {
        free(flush->sealed);
        flush->sealed = aligned_alloc(BLOCK_ALIGN, size);
        CHECK(flush->sealed != NULL);
        flush->sealed_capacity = size;
    }
    memcpy(flush->sealed, f->image + f->written, size);
    flush->from_sealed = true;
}

int journal_seal(struct journal *j)
{
    struct journal_flush *flush = &j->flush;
    uint64_t begin = journal_file_begin(j, flush->file);
    uint64_t from = begin + flush->file->written;
    for (struct link *l = j->closed_blocks.next; l != &j->closed_blocks; l = l->next) {
        const struct journal_block *b = journal_block_of(l);
        if (b->to_seal == 0 || b->position < from || b->end > begin + flush->to)
            continue;
        if (!flush->from_sealed)
            copy_image(j);
        int status = seal_block(j, b, flush->sealed + (b->position - from));
        if (status != 0)
            return status;
    }
    return 0;
}

void journal_seal_done(struct journal *j)
{
    struct journal_flush *flush = &j->flush;
    flush->from_sealed = false;
    if (flush->sealed_capacity <= JOURNAL_BLOCK_BYTES_MAX)
        return;
    free(flush->sealed);
    flush->sealed = NULL;
    flush->sealed_capacity = 0;
}
