/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "runtime/base/check.h"

enum { BLOCK_BYTES = 8192, ALIGNMENT = alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

void arena_done(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *block = a->blocks;
        DCHECK(block->used <= block->size);
        a->blocks = block->next;
        free(block);
    }
    a->held_bytes = 0;
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
    if (size < BLOCK_BYTES)
        size = BLOCK_BYTES;
    struct arena_block *block = calloc(1, sizeof(*block) + size);
    CHECK(block != NULL);
    block->size = size;
    block->next = a->blocks;
    a->blocks = block;
    a->held_bytes += sizeof(*block) + size;
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    CHECK(size <= SIZE_MAX / 4);
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_block *block = a->blocks;
    if (block == NULL || block->size - block->used < size)
        block = add_block(a, size);
    void *at = block->bytes + block->used;
    block->used += size;
    CHECK(block->used <= block->size);
    return at;
}

char *arena_copy(struct arena *a, struct bytes b)
{
    char *copy = arena_alloc(a, b.size + 1);
    if (b.size > 0)
        memcpy(copy, b.at, b.size);
    DCHECK(copy[b.size] == '\0');
    return copy;
}
