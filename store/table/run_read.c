/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/run_read.h"

#include <assert.h>
#include <errno.h>

#include "runtime/base/check.h"

static_assert(sizeof(struct run_place) <= PAGE_CONTEXT_MAX, "a place goes with a page");

void run_init(struct run *r, struct page_file *file, uint64_t gid, uint64_t number, uint64_t size)
{
    *r = (struct run){.file = file, .gid = gid, .number = number, .size = size};
}

static struct run_place place_of(const struct run *r, uint64_t offset, uint32_t size,
                                 uint32_t level)
{
    return (struct run_place){r->gid, r->number, offset, size, level};
}

static struct page_want want_of(const struct run *r, const struct run_place *place,
                                page_decode_fn *decode)
{
    return (struct page_want){
        .file = r->file,
        .offset = place->offset,
        .size = place->size,
        .decode = decode,
        .context = place,
        .context_size = sizeof *place,
    };
}

/* A file that is not there is an unreadable one: -ENOENT is said of keys. */
static int get_page(struct pages *pages, const struct page_want *want, struct bytes *ret)
{
    int e = pages_get(pages, want, ret);
    return e == -ENOENT ? -EBADMSG : e;
}

int run_open(struct run *r, struct pages *pages)
{
    if (r->open)
        return 0;
    if (r->size < RUN_BLOCK_SIZE || r->size % RUN_BLOCK_SIZE != 0)
        return -EBADMSG;
    struct run_place place = place_of(r, r->size - RUN_BLOCK_SIZE, RUN_BLOCK_SIZE, 0);
    struct page_want want = want_of(r, &place, run_footer_decode);
    struct bytes page;
    int e = get_page(pages, &want, &page);
    if (e == 0)
        e = run_footer_read(page, r->gid, r->number, r->size, &r->footer);
    r->open = e == 0;
    return e;
}

/* A child has to lie where blocks do; that it is of the right level its decoder looks at. */
static int child_place(const struct run *r, struct bytes value, uint32_t level,
                       struct run_place *ret)
{
    uint64_t offset;
    uint32_t size;
    int e = run_child_read(value, &offset, &size);
    if (e != 0)
        return e;
    if (offset > r->footer.root || size > r->footer.root - offset)
        return -EBADMSG;
    *ret = place_of(r, offset, size, level);
    return 0;
}

static int get_block(const struct run *r, struct pages *pages, const struct run_place *place,
                     struct run_block *ret)
{
    struct page_want want = want_of(r, place, run_block_decode);
    struct bytes page;
    int e = get_page(pages, &want, &page);
    if (e == 0)
        *ret = run_block_of(page);
    return e;
}

static int get_root(const struct run *r, struct pages *pages, struct run_block *ret)
{
    struct run_place place = place_of(r, r->footer.root, r->footer.root_size, r->footer.levels - 1);
    return get_block(r, pages, &place, ret);
}

/* The entry whose child has the key, if any has. */
static void find_child(const struct run_block *b, struct bytes key, struct run_entry *ret)
{
    bool equal;
    struct run_entry before;
    bool found = run_block_find(b, key, ret, &equal, &before);
    if (!equal && before.rest.at != NULL) {
        *ret = before;
    } else {
        CHECK(found);
    }
}

/* --- one key --------------------------------------------------------------------------------- */

/* 1: the key may be there; 0: it is not. */
static int ask_filter(const struct run *r, struct pages *pages, struct bytes key)
{
    if (r->footer.filter_pages == 0)
        return 1;
    uint64_t hash = run_filter_hash(r->gid, r->number, key);
    uint64_t page = run_filter_page(hash, r->footer.filter_pages);
    struct run_place place =
        place_of(r, r->footer.filter + page * RUN_BLOCK_SIZE, RUN_BLOCK_SIZE, 0);
    struct page_want want = want_of(r, &place, run_filter_decode);
    struct bytes bits;
    int e = get_page(pages, &want, &bits);
    return e != 0 ? e : run_filter_may_have(bits.at, hash);
}

int run_may_have(struct run *r, struct pages *pages, struct bytes key)
{
    int e = run_open(r, pages);
    if (e != 0 || r->footer.levels == 0)
        return e;
    return ask_filter(r, pages, key);
}

int run_get(struct run *r, struct pages *pages, struct bytes key, struct bytes *ret_value)
{
    int e = run_may_have(r, pages, key);
    if (e <= 0)
        return e == 0 ? -ENOENT : e;
    struct run_block block;
    struct run_entry entry;
    e = get_root(r, pages, &block);
    for (uint32_t level = r->footer.levels - 1; e == 0 && level > 0; level--) {
        struct run_place place;
        find_child(&block, key, &entry);
        e = child_place(r, entry.value, level - 1, &place);
        if (e == 0)
            e = get_block(r, pages, &place, &block);
    }
    if (e != 0)
        return e;
    bool equal;
    if (!run_block_find(&block, key, &entry, &equal, NULL) || !equal)
        return -ENOENT;
    *ret_value = entry.value;
    return 0;
}

/* --- cursor ---------------------------------------------------------------------------------- */

void run_cursor_done(struct run_cursor *c)
{
    buffer_done(&c->key);
    *c = (struct run_cursor){0};
}

/* The data block after that of the entry at this depth of the path will be wanted. */
static void look_ahead(const struct run_cursor *c, uint32_t depth)
{
    struct run_entry next;
    struct run_place place;
    const struct run_entry *e = &c->path[depth].entry;
    if (depth + 2 == c->run->footer.levels &&
        run_block_entry(&c->path[depth].block, e->next, e->number + 1, &next) &&
        child_place(c->run, next.value, 0, &place) == 0) {
        struct page_want want = want_of(c->run, &place, run_block_decode);
        pages_ahead(c->pages, &want);
    }
}

/* Reads the block that the entry at this depth names. */
static int go_down(struct run_cursor *c, uint32_t depth)
{
    struct run_place place;
    uint32_t level = c->run->footer.levels - 2 - depth;
    int e = child_place(c->run, c->path[depth].entry.value, level, &place);
    if (e == 0)
        e = get_block(c->run, c->pages, &place, &c->path[depth + 1].block);
    look_ahead(c, depth);
    return e;
}

static void take_key(struct run_cursor *c)
{
    uint32_t bottom = c->levels - 1;
    run_block_key(&c->path[bottom].block, &c->path[bottom].entry, &c->key);
}

/* Goes on to the next entry of the block at this depth, or of those above when it has no more, and
 * from there down to the first entry of all. */
static int step(struct run_cursor *c, uint32_t depth)
{
    uint32_t levels = c->levels;
    c->levels = 0;
    for (;; depth--) {
        struct run_entry *e = &c->path[depth].entry;
        if (run_block_entry(&c->path[depth].block, e->next, e->number + 1, e))
            break;
        if (depth == 0)
            return 0;
    }
    for (; depth + 1 < levels; depth++) {
        int e = go_down(c, depth);
        if (e != 0)
            return e;
        CHECK(run_block_entry(&c->path[depth + 1].block, 0, 0, &c->path[depth + 1].entry));
    }
    c->levels = levels;
    return 0;
}

int run_cursor_seek(struct run_cursor *c, struct run *r, struct pages *pages, struct bytes key)
{
    c->run = r;
    c->pages = pages;
    c->levels = 0;
    int e = run_open(r, pages);
    if (e != 0 || r->footer.levels == 0)
        return e;
    uint32_t bottom = r->footer.levels - 1;
    e = get_root(r, pages, &c->path[0].block);
    for (uint32_t depth = 0; e == 0 && depth < bottom; depth++) {
        find_child(&c->path[depth].block, key, &c->path[depth].entry);
        e = go_down(c, depth);
    }
    if (e != 0)
        return e;
    bool equal;
    struct run_entry before;
    c->levels = r->footer.levels;
    if (!run_block_find(&c->path[bottom].block, key, &c->path[bottom].entry, &equal, &before)) {
        c->path[bottom].entry = before;
        e = step(c, bottom);
    }
    if (c->levels > 0)
        take_key(c);
    return e;
}

int run_cursor_next(struct run_cursor *c)
{
    CHECK(c->levels > 0);
    uint32_t bottom = c->levels - 1;
    uint32_t restart = c->path[bottom].entry.number / RUN_RESTART;
    const char *block = c->path[bottom].block.at;
    int e = step(c, bottom);
    if (c->levels == 0)
        return e;
    const struct run_entry *entry = &c->path[bottom].entry;
    if (c->path[bottom].block.at == block && entry->number / RUN_RESTART == restart) {
        c->key.size = entry->shared;
        buffer_add(&c->key, entry->rest.at, entry->rest.size);
    } else {
        take_key(c);
    }
    return e;
}
