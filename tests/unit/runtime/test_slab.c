/* SPDX-License-Identifier: Apache-2.0 */
/* test_slab.c -- heaps of several workers on one thread, against a model that knows every byte.
 *
 * The source is included, so that the slabs are tested in sanitized builds too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#undef MYELIN_SANITIZED
#define MYELIN_SANITIZED 0
#include "runtime/slab.c"

#include "runtime/base/prng.h"

#define HEAPS 3

struct shop {
    struct heap heaps[HEAPS];
    struct heap *table[HEAPS];
};

static void shop_init(struct shop *s)
{
    for (uint16_t i = 0; i < HEAPS; i++) {
        s->table[i] = &s->heaps[i];
        heap_init(&s->heaps[i], i, s->table, HEAPS);
    }
}

static void shop_send_home(struct shop *s)
{
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < HEAPS; i++)
            heap_send_home(&s->heaps[i]);
}

static void shop_done(struct shop *s)
{
    shop_send_home(s);
    for (unsigned i = 0; i < HEAPS; i++) {
        assert_int_equal(s->heaps[i].used_blocks, 0);
        heap_done(&s->heaps[i]);
    }
}

static unsigned region_count(const struct heap *heap)
{
    unsigned count = 0;
    for (const struct slab_region *r = heap->regions; r != NULL; r = r->next)
        count++;
    return count;
}

static void a_class_holds_its_size_and_wastes_little(void **state)
{
    size_t before = 0;
    for (size_t size = 0; size <= SLAB_BLOCK_MAX; size++) {
        size_t block = heap_block_size(size);
        assert_true(block >= size && block >= before && block % 16 == 0);
        assert_true(block <= size + 16 || block * 4 <= size * 5 + 64);
        assert_int_equal(heap_block_size(block), block);
        before = block;
    }
    assert_int_equal(heap_block_size(SLAB_BLOCK_MAX + 1), SLAB_BLOCK_MAX + 1);
}

static void blocks_are_aligned_apart_and_inside_their_page(void **state)
{
    struct shop s;
    shop_init(&s);
    for (size_t size = 1; size <= SLAB_BLOCK_MAX; size += 61) {
        char *blocks[40];
        for (unsigned i = 0; i < 40; i++) {
            blocks[i] = heap_alloc(&s.heaps[0], size);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            uintptr_t page = (uintptr_t)blocks[i] / SLAB_PAGE_SIZE;
            assert_int_equal(((uintptr_t)blocks[i] + size - 1) / SLAB_PAGE_SIZE, page);
            memset(blocks[i], (int)i, size);
        }
        for (unsigned i = 0; i < 40; i++) {
            for (size_t n = 0; n < size; n++)
                assert_int_equal(blocks[i][n], i);
            heap_free(&s.heaps[0], blocks[i]);
        }
    }
    shop_done(&s);
}

static void large_blocks_are_nobodys_and_freed_by_any_heap(void **state)
{
    struct shop s;
    shop_init(&s);
    static const size_t sizes[] = {SLAB_BLOCK_MAX + 1, 100000, (size_t)8 << 20};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *block = heap_alloc(&s.heaps[0], sizes[i]);
        memset(block, 1, sizes[i]);
        assert_int_equal((uintptr_t)block % 8, 0);
        heap_free(&s.heaps[1 + i % 2], block);
    }
    char *unowned = heap_alloc_unowned(20);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(unowned[i], 0);
    heap_free(&s.heaps[2], unowned);
    heap_free(&s.heaps[2], NULL);
    shop_done(&s);
}

static void a_block_freed_elsewhere_is_used_again_by_its_owner_only(void **state)
{
    struct shop s;
    shop_init(&s);
    void *block = heap_alloc(&s.heaps[0], 100);
    heap_free(&s.heaps[1], block);
    void *other = heap_alloc(&s.heaps[1], 100);
    assert_ptr_not_equal(other, block);
    assert_int_equal(s.heaps[0].used_blocks, 1);
    heap_send_home(&s.heaps[1]); /* on its way */
    void *fresh = heap_alloc(&s.heaps[0], 100);
    assert_ptr_not_equal(fresh, block);
    heap_send_home(&s.heaps[0]); /* taken in */
    assert_int_equal(s.heaps[0].used_blocks, 1);
    assert_ptr_equal(heap_alloc(&s.heaps[0], 100), block);
    heap_free(&s.heaps[0], block);
    heap_free(&s.heaps[2], fresh);
    heap_free(&s.heaps[0], other);
    shop_done(&s);
}

static void many_blocks_go_home_in_one_push_a_round(void **state)
{
    struct shop s;
    shop_init(&s);
    enum { COUNT = 5000 };
    static void *blocks[COUNT];
    for (unsigned i = 0; i < COUNT; i++)
        blocks[i] = heap_alloc(&s.heaps[i % 2], 64);
    for (unsigned i = 0; i < COUNT; i++)
        heap_free(&s.heaps[2], blocks[i]);
    assert_null(s.heaps[0].returned); /* nothing crosses before the round's end */
    heap_send_home(&s.heaps[2]);
    assert_non_null(s.heaps[0].returned);
    assert_non_null(s.heaps[1].returned);
    assert_null(s.heaps[2].outgoing[0]);
    heap_send_home(&s.heaps[0]);
    assert_int_equal(s.heaps[0].used_blocks, 0);
    assert_int_equal(s.heaps[1].used_blocks, COUNT / 2);
    shop_done(&s);
}

/* Empty pages serve any class again: memory is bounded by the highest use, not by its sum. */
static void pages_of_one_class_come_back_for_another(void **state)
{
    struct shop s;
    shop_init(&s);
    enum { BYTES = 4 << 20 };
    static void *blocks[BYTES / 64];
    unsigned highest = 0;
    for (size_t size = 64; size <= SLAB_BLOCK_MAX; size *= 2) {
        size_t count = BYTES / size;
        for (size_t i = 0; i < count; i++)
            blocks[i] = heap_alloc(&s.heaps[0], size);
        unsigned regions = region_count(&s.heaps[0]);
        if (highest == 0)
            highest = regions;
        for (size_t i = 0; i < count; i++)
            heap_free(&s.heaps[i % 2], blocks[i]);
        shop_send_home(&s);
        assert_int_equal(s.heaps[0].used_blocks, 0);
    }
    /* Large classes waste up to a seventh of a page; each class keeps one page. */
    assert_true(region_count(&s.heaps[0]) <= highest + highest / 4 + 1);
    shop_done(&s);
}

static void a_page_that_fills_and_empties_keeps_its_class_list_right(void **state)
{
    struct shop s;
    shop_init(&s);
    struct prng p;
    prng_init(&p, 2);
    enum { COUNT = 64 };
    void *blocks[COUNT] = {0}; /* of 8 KiB, 7 a page: full and empty are near */
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)prng_below(&p, COUNT);
        if (blocks[i] == NULL)
            blocks[i] = heap_alloc(&s.heaps[0], SLAB_BLOCK_MAX);
        else {
            heap_free(&s.heaps[0], blocks[i]);
            blocks[i] = NULL;
        }
        const struct slab_class *class = &s.heaps[0].classes[class_of(SLAB_BLOCK_MAX)];
        for (const struct slab_page *page = class->with_room; page != NULL; page = page->next) {
            assert_true(page->listed && !page_full(page));
            assert_true(page->next == NULL || page->next->prev == page);
        }
    }
    assert_true(region_count(&s.heaps[0]) == 1);
    for (unsigned i = 0; i < COUNT; i++)
        heap_free(&s.heaps[0], blocks[i]);
    shop_done(&s);
}

struct piece {
    unsigned char *at;
    size_t size;
    unsigned char fill;
};

static size_t draw_size(struct prng *p)
{
    size_t size = (size_t)prng_below(p, (uint64_t)1 << prng_below(p, 16)) + 1;
    return prng_one_in(p, 4) ? heap_block_size(size) : size;
}

static void piece_check(const struct piece *piece)
{
    for (size_t i = 0; i < piece->size; i++)
        if (piece->at[i] != piece->fill)
            fail_msg("byte %zu of %zu was overwritten", i, piece->size);
}

static void random_lives_on_three_heaps_never_overlap(void **state)
{
    enum { PIECES = 2000 };
    static struct piece pieces[PIECES];
    memset(pieces, 0, sizeof pieces);
    struct shop s;
    shop_init(&s);
    struct prng p;
    prng_init(&p, 4);
    unsigned steps = 200000;
    for (unsigned step = 0; step < steps; step++) {
        struct piece *piece = &pieces[prng_below(&p, PIECES)];
        struct heap *heap = &s.heaps[prng_below(&p, HEAPS)];
        if (piece->at != NULL) {
            piece_check(piece);
            heap_free(heap, piece->at);
            piece->at = NULL;
        } else {
            piece->size = draw_size(&p);
            piece->fill = (unsigned char)prng_next(&p);
            piece->at = heap_alloc(heap, piece->size);
            memset(piece->at, piece->fill, piece->size);
        }
        if (prng_one_in(&p, 50))
            heap_send_home(&s.heaps[prng_below(&p, HEAPS)]);
    }
    for (unsigned i = 0; i < PIECES; i++)
        if (pieces[i].at != NULL) {
            piece_check(&pieces[i]);
            heap_free(&s.heaps[i % HEAPS], pieces[i].at);
        }
    shop_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_class_holds_its_size_and_wastes_little),
        cmocka_unit_test(blocks_are_aligned_apart_and_inside_their_page),
        cmocka_unit_test(large_blocks_are_nobodys_and_freed_by_any_heap),
        cmocka_unit_test(a_block_freed_elsewhere_is_used_again_by_its_owner_only),
        cmocka_unit_test(many_blocks_go_home_in_one_push_a_round),
        cmocka_unit_test(pages_of_one_class_come_back_for_another),
        cmocka_unit_test(a_page_that_fills_and_empties_keeps_its_class_list_right),
        cmocka_unit_test(random_lives_on_three_heaps_never_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
