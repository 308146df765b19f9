/* SPDX-License-Identifier: Apache-2.0 */
/* slab.h -- the memory of a worker: small blocks that cost a few nanoseconds and always go home.
 *
 * Idea        A heap a worker. Blocks of one size class fill 64 KiB pages, aligned to 64 KiB, so that
 *             masking a block's address finds the page and with it the owner. A block freed by its
 *             owner goes on the page's free list. One freed elsewhere is put on a list for its owner,
 *             which heap_send_home hands over by one CAS for all of a round.
 * Invariants  1 a page's free list, its fresh blocks and its blocks in use are all of its blocks
 *             2 only the owner touches a page's lists; others touch `returned`
 * Bounds      a page that empties is kept for its class when it is the only one with room, else given
 *             to any class; beyond PAGES_SPARE_MAX spare ones its memory goes back to the system.
 *             Blocks over SLAB_BLOCK_MAX come from malloc, which has no owner.
 *
 * Sanitized builds use malloc for all, so that misuse is seen.
 */
#ifndef RUNTIME_SLAB_H
#define RUNTIME_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/atomic.h"

#define SLAB_PAGE_SIZE ((size_t)64 << 10)
#define SLAB_BLOCK_MAX ((size_t)8 << 10)
#define SLAB_CLASSES 54

struct slab_page;

struct slab_block {
    struct slab_block *next;
};

struct slab_class {
    struct slab_page *with_room; /* doubly linked; the first one is allocated from */
};

struct heap {
    uint16_t index; /* which worker */
    uint16_t heap_count;
    struct heap **heaps; /* all workers' heaps; borrowed from the system */
    struct slab_class classes[SLAB_CLASSES];
    struct slab_page *spare;
    unsigned spare_count;
    struct slab_region *regions;
    uint64_t used_blocks; /* handed out and not come home */
    int poison;           /* debug builds: what free and fresh memory is filled with, or -1 */
    struct slab_block **outgoing; /* per worker: freed here, not yet sent home */
    struct slab_block **outgoing_last;
    _Alignas(64) _Atomic(struct slab_block *) returned; /* sent home by others */
};

void heap_init(struct heap *heap, uint16_t index, struct heap **heaps, uint16_t heap_count);
void heap_done(struct heap *heap);

/* Never NULL; not zeroed. */
void *heap_alloc(struct heap *heap, size_t size);

/* A block that no heap owns, zeroed; from any thread, also one that is no worker. Any worker's
 * heap_free takes it. */
void *heap_alloc_unowned(size_t size);

/* On the thread of `heap`, whoever owns the block. */
void heap_free(struct heap *heap, void *at);

/* From now on free and fresh memory is filled with the byte, so that no run depends on what was there.
 * Nothing in release builds. */
void heap_poison(struct heap *heap, uint8_t byte);

/* Hands the blocks of others over, and takes in what others handed over. */
void heap_send_home(struct heap *heap);

/* The size of the block that heap_alloc gives for size: what an array may grow to in place. */
size_t heap_block_size(size_t size);

#endif
