/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/check.h"

#define REGION_PAGES 16
#define PAGES_SPARE_MAX 16
#define PAGE_MAGIC 0x736c6162u

struct slab_page {
    uint32_t magic;
    uint32_t block_size;
    struct heap *owner;
    struct slab_block *free;
    uint32_t fresh; /* offset of the first block never used yet */
    uint32_t used;
    uint16_t class_index;
    bool listed; /* is in its class's list of pages with room */
    struct slab_page *prev;
    struct slab_page *next;
};

/* A mapping of REGION_PAGES aligned pages. */
struct slab_region {
    struct slab_region *next;
    void *map;
    size_t map_size;
};

/* What malloc gave starts 8 bytes after a multiple of 16, a slab's block at one: the address tells. */
struct large {
    uint64_t size;
};
#define LARGE_BIT ((uintptr_t)8)

/* Classes: steps of 16 to 256, then four to a doubling. */
static unsigned class_of(size_t size)
{
    if (size <= 256)
        return size == 0 ? 0 : (unsigned)((size - 1) / 16);
    unsigned power = 63 - (unsigned)__builtin_clzll((uint64_t)size - 1); /* 8 for 257..512 */
    unsigned quarter = (unsigned)((size - 1) >> (power - 2)) & 3;
    return 16 + (power - 8) * 4 + quarter;
}

static size_t class_size(unsigned class_index)
{
    if (class_index < 16)
        return (size_t)(class_index + 1) * 16;
    unsigned power = 8 + (class_index - 16) / 4;
    unsigned quarter = (class_index - 16) % 4;
    return ((size_t)1 << power) + (((size_t)quarter + 1) << (power - 2));
}

size_t heap_block_size(size_t size)
{
    return size > SLAB_BLOCK_MAX ? size : class_size(class_of(size));
}

void heap_init(struct heap *heap, uint16_t index, struct heap **heaps, uint16_t heap_count)
{
    memset(heap, 0, sizeof *heap);
    heap->index = index;
    heap->heaps = heaps;
    heap->heap_count = heap_count;
    heap->poison = -1;
    heap->outgoing = calloc(heap_count, sizeof *heap->outgoing);
    heap->outgoing_last = calloc(heap_count, sizeof *heap->outgoing_last);
    CHECK(heap->outgoing != NULL && heap->outgoing_last != NULL);
    atomic_init(&heap->returned, NULL);
    CHECK(class_of(SLAB_BLOCK_MAX) < SLAB_CLASSES);
}

static struct slab_page *page_of(void *at)
{
    return (struct slab_page *)((uintptr_t)at & ~(uintptr_t)(SLAB_PAGE_SIZE - 1));
}

static void spare_push(struct heap *heap, struct slab_page *page)
{
    page->next = heap->spare;
    heap->spare = page;
    heap->spare_count++;
}

static void region_add(struct heap *heap)
{
    struct slab_region *region = malloc(sizeof *region);
    CHECK(region != NULL);
    region->map_size = (REGION_PAGES + 1) * SLAB_PAGE_SIZE;
    region->map = mmap(NULL, region->map_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(region->map != MAP_FAILED);
    region->next = heap->regions;
    heap->regions = region;
    uintptr_t first = ((uintptr_t)region->map + SLAB_PAGE_SIZE - 1) & ~(SLAB_PAGE_SIZE - 1);
    for (unsigned i = REGION_PAGES; i-- > 0;)
        spare_push(heap, (struct slab_page *)(first + i * SLAB_PAGE_SIZE));
}

static void list_page(struct slab_class *class, struct slab_page *page)
{
    DCHECK(!page->listed);
    page->prev = NULL;
    page->next = class->with_room;
    if (page->next != NULL)
        page->next->prev = page;
    class->with_room = page;
    page->listed = true;
}

static void unlist_page(struct slab_class *class, struct slab_page *page)
{
    DCHECK(page->listed);
    if (page->prev != NULL)
        page->prev->next = page->next;
    else
        class->with_room = page->next;
    if (page->next != NULL)
        page->next->prev = page->prev;
    page->listed = false;
}

static struct slab_page *page_new(struct heap *heap, unsigned class_index)
{
    if (heap->spare == NULL)
        region_add(heap);
    struct slab_page *page = heap->spare;
    heap->spare = page->next;
    heap->spare_count--;
    memset(page, 0, sizeof *page);
    page->magic = PAGE_MAGIC;
    page->owner = heap;
    page->block_size = (uint32_t)class_size(class_index);
    page->class_index = (uint16_t)class_index;
    page->fresh = (sizeof *page + 63) & ~(uint32_t)63;
    list_page(&heap->classes[class_index], page);
    DCHECK((page->fresh & (LARGE_BIT * 2 - 1)) == 0);
    return page;
}

static bool page_full(const struct slab_page *page)
{
    return page->free == NULL && page->fresh + page->block_size > SLAB_PAGE_SIZE;
}

void heap_poison(struct heap *heap, uint8_t byte)
{
    heap->poison = byte;
}

#ifdef NDEBUG
static void poison(const struct heap *heap, void *at, size_t size)
{
    (void)heap;
    (void)at;
    (void)size;
}
#else
static void poison(const struct heap *heap, void *at, size_t size)
{
    if (heap->poison >= 0)
        memset(at, heap->poison, size);
}
#endif

static void *large_alloc(size_t size)
{
    struct large *large = malloc(sizeof *large + size);
    CHECK(large != NULL);
    large->size = size;
    CHECK(((uintptr_t)(large + 1) & LARGE_BIT) != 0);
    return large + 1;
}

void *heap_alloc_unowned(size_t size)
{
    return memset(large_alloc(size), 0, size);
}

void *heap_alloc(struct heap *heap, size_t size)
{
    if (MYELIN_SANITIZED || size > SLAB_BLOCK_MAX) {
        void *at = large_alloc(size);
        poison(heap, at, size);
        return at;
    }
    unsigned class_index = class_of(size);
    struct slab_class *class = &heap->classes[class_index];
    struct slab_page *page = class->with_room;
    if (page == NULL)
        page = page_new(heap, class_index);
    struct slab_block *block = page->free;
    if (block != NULL) {
        page->free = block->next;
    } else {
        block = (struct slab_block *)((char *)page + page->fresh);
        page->fresh += page->block_size;
    }
    page->used++;
    heap->used_blocks++;
    if (page_full(page))
        unlist_page(class, page);
    poison(heap, block, page->block_size);
    return block;
}

static void page_release(struct heap *heap, struct slab_page *page)
{
    unlist_page(&heap->classes[page->class_index], page);
    page->magic = 0;
    if (heap->spare_count >= PAGES_SPARE_MAX)
        (void)madvise(page, SLAB_PAGE_SIZE, MADV_DONTNEED); /* advice: failing costs memory only */
    spare_push(heap, page);
}

static void free_own(struct heap *heap, struct slab_page *page, struct slab_block *block)
{
    struct slab_class *class = &heap->classes[page->class_index];
    block->next = page->free;
    page->free = block;
    page->used--;
    heap->used_blocks--;
    if (!page->listed)
        list_page(class, page);
    if (page->used == 0 && (page->next != NULL || page->prev != NULL))
        page_release(heap, page);
}

void heap_free(struct heap *heap, void *at)
{
    if (at == NULL)
        return;
    if ((uintptr_t)at & LARGE_BIT) {
        struct large *large = (struct large *)at - 1;
        poison(heap, at, large->size);
        free(large);
        return;
    }
    struct slab_page *page = page_of(at);
    CHECK(page->magic == PAGE_MAGIC);
    struct slab_block *block = at;
    poison(heap, at, page->block_size);
    if (page->owner == heap) {
        free_own(heap, page, block);
        return;
    }
    unsigned to = page->owner->index;
    block->next = heap->outgoing[to];
    if (block->next == NULL)
        heap->outgoing_last[to] = block;
    heap->outgoing[to] = block;
}

static void take_returned(struct heap *heap)
{
    if (ATOMIC_LOAD(&heap->returned, memory_order_relaxed) == NULL)
        return;
    /* Acquire pairs with the CAS in send_list: the last holder is done with the block. */
    struct slab_block *block = ATOMIC_EXCHANGE(&heap->returned, NULL, memory_order_acquire);
    while (block != NULL) {
        struct slab_block *next = block->next;
        free_own(heap, page_of(block), block);
        block = next;
    }
}

static void send_list(struct heap *to, struct slab_block *first, struct slab_block *last)
{
    struct slab_block *old = ATOMIC_LOAD(&to->returned, memory_order_relaxed);
    do {
        last->next = old;
    } while (!ATOMIC_CAS(&to->returned, &old, first, memory_order_release));
}

void heap_send_home(struct heap *heap)
{
    for (unsigned i = 0; i < heap->heap_count; i++) {
        if (heap->outgoing[i] == NULL)
            continue;
        DCHECK(i != heap->index);
        send_list(heap->heaps[i], heap->outgoing[i], heap->outgoing_last[i]);
        heap->outgoing[i] = NULL;
    }
    take_returned(heap);
}

void heap_done(struct heap *heap)
{
    take_returned(heap);
    struct slab_region *region = heap->regions;
    while (region != NULL) {
        struct slab_region *next = region->next;
        (void)munmap(region->map, region->map_size); /* our own mapping: can not fail */
        free(region);
        region = next;
    }
    free(heap->outgoing);
    free(heap->outgoing_last);
}
