/* SPDX-License-Identifier: Apache-2.0 */
/* run_read.h -- looks things up in a run, through pages.
 *
 * Idea        From the root down, a page a level; the upper ones are few and stay in memory. A
 *             look-up asks the filter first, so that a key that is not there costs no block but
 *             once in a hundred. A cursor holds its way down, and asks for the block after its own
 *             before it gets there.
 * Bounds      60 bytes a run and a path; a cursor 400 bytes and a key. Pages are the pages' budget.
 */
#ifndef STORE_TABLE_RUN_READ_H
#define STORE_TABLE_RUN_READ_H

#include "store/format/buffer.h"
#include "store/format/run.h"
#include "store/pages.h"

struct run {
    struct page_file *file; /* borrowed */
    uint64_t gid;
    uint64_t number; /* of the file: the one it was built for */
    uint64_t size;
    bool open; /* footer is known */
    struct run_footer footer;
};

/* Nothing is read yet. size is the file's. */
void run_init(struct run *r, struct page_file *file, uint64_t gid, uint64_t number, uint64_t size);
/* Reads the footer, if that was not done: 0, -EAGAIN, -EBADMSG, -ENOTSUP. All below do it, too. */
int run_open(struct run *r, struct pages *pages) __attribute__((warn_unused_result));

/* What its filter says: 1: the key may be there; 0: it is not; or as run_open. */
int run_may_have(struct run *r, struct pages *pages, struct bytes key)
    __attribute__((warn_unused_result));
/* -ENOENT: not there. The value stays until pages_end. */
int run_get(struct run *r, struct pages *pages, struct bytes key, struct bytes *ret_value)
    __attribute__((warn_unused_result));

/* A place in the order of a run. Zeroed: nowhere. It ends with pages_end; the key in it stays. */
struct run_cursor {
    struct run *run;     /* borrowed */
    struct pages *pages; /* borrowed */
    uint32_t levels;     /* 0: at the end */
    struct {
        struct run_block block;
        struct run_entry entry;
    } path[RUN_LEVELS_MAX]; /* from the root on */
    struct buffer key;
};

void run_cursor_done(struct run_cursor *c);
/* To the first entry at or after key. 0, also at the end; -EAGAIN, -EBADMSG, ...: nowhere. */
int run_cursor_seek(struct run_cursor *c, struct run *r, struct pages *pages, struct bytes key)
    __attribute__((warn_unused_result));
int run_cursor_next(struct run_cursor *c) __attribute__((warn_unused_result));

static inline bool run_cursor_at_end(const struct run_cursor *c)
{
    return c->levels == 0;
}

static inline struct bytes run_cursor_key(const struct run_cursor *c)
{
    return buffer_view(&c->key);
}

static inline struct bytes run_cursor_value(const struct run_cursor *c)
{
    return c->path[c->levels - 1].entry.value;
}

#endif
