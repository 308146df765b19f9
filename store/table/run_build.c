/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/run_build.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"

struct level {
    struct run_block_writer writer;
    struct buffer separator; /* of the open block: higher than all keys before it */
    uint64_t closed;         /* blocks that were */
};

enum step { STEP_ADDING, STEP_FILTER, STEP_DONE };

struct run_build {
    uint64_t gid;
    uint64_t file;
    struct level levels[RUN_LEVELS_MAX];
    struct buffer last; /* key */
    struct buffer child;
    char *filter; /* given */
    uint32_t filter_pages;
    uint32_t filter_at; /* the next page to go out */
    enum step step;
    struct run_footer footer;

    uint64_t offset;    /* of the byte after `open` */
    struct buffer open; /* the piece that is being filled */
    struct run_piece *first;
    struct run_piece *newest;
};

struct run_build *run_build_new(uint64_t gid, uint64_t file, uint64_t keys_expected)
{
    CHECK(keys_expected <= RUN_KEYS_MAX);
    struct run_build *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    b->gid = gid;
    b->file = file;
    b->filter_pages = run_filter_pages(keys_expected);
    b->filter = calloc(b->filter_pages, RUN_BLOCK_SIZE);
    CHECK(b->filter != NULL);
    return b;
}

void run_build_free(struct run_build **b)
{
    struct run_build *taken = *b;
    *b = NULL;
    if (taken == NULL)
        return;
    for (uint32_t i = 0; i < RUN_LEVELS_MAX; i++) {
        run_block_writer_done(&taken->levels[i].writer);
        buffer_done(&taken->levels[i].separator);
    }
    while (taken->first != NULL) {
        struct run_piece *next = taken->first->next;
        free(taken->first);
        taken->first = next;
    }
    buffer_done(&taken->last);
    buffer_done(&taken->child);
    buffer_done(&taken->open);
    free(taken->filter);
    free(taken);
}

/* --- pieces ---------------------------------------------------------------------------------- */

static void cut_piece(struct run_build *b)
{
    if (b->open.size == 0)
        return;
    struct run_piece *piece = malloc(sizeof *piece + b->open.size);
    CHECK(piece != NULL);
    piece->next = NULL;
    piece->offset = b->offset - b->open.size;
    piece->size = b->open.size;
    memcpy(piece->at, b->open.at, b->open.size);
    if (b->first == NULL) {
        b->first = piece;
    } else {
        b->newest->next = piece;
    }
    b->newest = piece;
    b->open.size = 0;
}

static void put(struct run_build *b, struct bytes blocks)
{
    buffer_add(&b->open, blocks.at, blocks.size);
    b->offset += blocks.size;
    if (b->open.size >= RUN_PIECE_SIZE)
        cut_piece(b);
}

struct run_piece *run_build_take(struct run_build *b)
{
    struct run_piece *piece = b->first;
    if (piece != NULL)
        b->first = piece->next;
    return piece;
}

bool run_build_has_piece(const struct run_build *b)
{
    return b->first != NULL;
}

/* --- levels ---------------------------------------------------------------------------------- */

static struct run_place place_of(const struct run_build *b, uint32_t size, uint32_t level)
{
    return (struct run_place){b->gid, b->file, b->offset, size, level};
}

static void add_to(struct run_build *b, uint32_t level, struct bytes key, struct bytes value);

/* Writes the open block, and its place into the level above. */
static void close_block(struct run_build *b, uint32_t level)
{
    struct level *l = &b->levels[level];
    uint32_t size = run_block_size(&l->writer);
    struct run_place place = place_of(b, size, level);
    put(b, run_block_finish(&l->writer, &place));
    b->footer.root = place.offset;
    b->footer.root_size = size;
    l->closed++;
    CHECK(level + 1 < RUN_LEVELS_MAX);
    b->child.size = 0;
    run_child_write(&b->child, place.offset, size);
    add_to(b, level + 1, buffer_view(&l->separator), buffer_view(&b->child));
}

/* The shortest key that is higher than all before and not higher than this one. */
static struct bytes separator_of(const struct run_build *b, struct bytes key)
{
    size_t max = b->last.size < key.size - 1 ? b->last.size : key.size - 1;
    size_t same = 0;
    while (same < max && b->last.at[same] == key.at[same])
        same++;
    return (struct bytes){key.at, same + 1};
}

static void add_to(struct run_build *b, uint32_t level, struct bytes key, struct bytes value)
{
    struct level *l = &b->levels[level];
    if (run_block_is_full(&l->writer, level, key, value.size)) {
        /* closing uses b->child, where the value may lie, for the level above */
        struct buffer kept = {0};
        buffer_add(&kept, value.at, value.size);
        close_block(b, level);
        add_to(b, level, key, buffer_view(&kept));
        buffer_done(&kept);
        return;
    }
    if (l->writer.entries == 0) {
        struct bytes separator = level == 0 ? separator_of(b, key) : key;
        l->separator.size = 0;
        buffer_add(&l->separator, separator.at, separator.size);
    }
    run_block_add(&l->writer, key, value);
}

static bool is_higher(struct bytes key, struct bytes last)
{
    size_t size = key.size < last.size ? key.size : last.size;
    int order = size > 0 ? memcmp(key.at, last.at, size) : 0;
    return order > 0 || (order == 0 && key.size > last.size);
}

void run_build_add(struct run_build *b, struct bytes key, struct bytes value)
{
    CHECK(b->step == STEP_ADDING && is_higher(key, buffer_view(&b->last))); /* 1 */
    CHECK(key.size <= RUN_KEY_MAX && value.size <= RUN_VALUE_MAX);
    uint64_t hash = run_filter_hash(b->gid, b->file, key);
    uint32_t page = run_filter_page(hash, b->filter_pages);
    run_filter_set(b->filter + (size_t)page * RUN_BLOCK_SIZE, hash);
    add_to(b, 0, key, value);
    b->last.size = 0;
    buffer_add(&b->last, key.at, key.size);
    b->footer.entries++;
    b->footer.subjects += key.at[0] == RUN_SUBJECT;
}

/* --- the end --------------------------------------------------------------------------------- */

/* Closes the open blocks upwards; a level whose only entry is the one block below it is not
 * written: that block is the root. */
static void finish_tree(struct run_build *b)
{
    uint32_t level = 0;
    if (b->footer.entries > 0)
        close_block(b, level++);
    while (level > 0 && (b->levels[level].closed > 0 || b->levels[level].writer.entries > 1))
        close_block(b, level++);
    b->footer.levels = level;
    if (b->levels[0].closed <= 1)
        b->filter_pages = 0; /* nothing is to be had from it */
    b->footer.filter = b->offset;
    b->footer.filter_pages = b->filter_pages;
}

static void put_filter(struct run_build *b)
{
    while (b->filter_at < b->filter_pages && b->first == NULL) {
        char *page = b->filter + (size_t)b->filter_at++ * RUN_BLOCK_SIZE;
        struct run_place place = place_of(b, RUN_BLOCK_SIZE, 0);
        run_filter_seal(page, &place);
        put(b, (struct bytes){page, RUN_BLOCK_SIZE});
    }
}

static void put_footer(struct run_build *b)
{
    char at[RUN_BLOCK_SIZE];
    b->footer.gid = b->gid;
    b->footer.file = b->file;
    b->footer.size = b->offset + RUN_BLOCK_SIZE;
    run_footer_write(&b->footer, at);
    put(b, (struct bytes){at, sizeof at});
    cut_piece(b);
}

int run_build_finish(struct run_build *b)
{
    if (b->step == STEP_ADDING) {
        finish_tree(b);
        b->step = STEP_FILTER;
    }
    if (b->step == STEP_FILTER) {
        put_filter(b);
        if (b->filter_at < b->filter_pages)
            return -EINPROGRESS;
        put_footer(b);
        b->step = STEP_DONE;
    }
    return 0;
}

uint64_t run_build_entries(const struct run_build *b)
{
    return b->footer.entries;
}

uint64_t run_build_size(const struct run_build *b)
{
    CHECK(b->step == STEP_DONE);
    return b->footer.size;
}
