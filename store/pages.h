/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h -- immutable pieces of files in memory: the only way in which a store reads its files.
 *
 * Idea        Code that looks something up is written as if all files were in memory. What it wants
 *             and is not there is noted, and it returns -EAGAIN up to whoever began; that one calls it
 *             again, from its start, when the pages have come. So no look-up has states, and apply
 *             changes nothing before it has all it needs.
 *
 *                 pages_begin(pages, &wait) ──► look-up ──► -EAGAIN ──► pages_end ──► wait.ready(...)
 *                        ▲                                                                │
 *                        └────────────────────── again ◄──────────────────────────────────┘
 *
 *             A page is a piece with natural borders (a frame, a chunk's index, a run's block), named
 *             by file and offset. It is decoded once, when it comes (checked, opened, decompressed).
 * Invariants  1 what pages_get returned stays until pages_end
 *             2 a look-up that is called again finds all that its wait asked for, unless it failed
 *             3 a page that failed its check is told as -EBADMSG each time, and never as absent
 * Bounds      the budget, over which the pages not used for longest go; what one look-up holds may
 *             exceed it. At most PAGES_FILES_MAX files are open.
 */
#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/disk.h"
#include "runtime/base/list.h"

#define PAGES_FILES_MAX 256

struct pages;

/* An immutable file (or the immutable part of one that grows). In its owner's memory. */
struct page_file {
    const char *path; /* borrowed, as long as the file is known */
    uint64_t number;  /* unique among all files that these pages ever know; not reused */
    void *state;      /* the pages' */
};

/* Somebody who waits for pages. */
struct page_wait {
    void (*ready)(struct page_wait *wait);
    unsigned pending;    /* pages to come */
    struct link waiters; /* the pages' */
};

/* Makes the page out of what the file holds: checks it and writes it to a new malloc'ed block, or
 * returns -EBADMSG. NULL as a decoder: as it is, unchecked. context is for the call alone. */
typedef int page_decode_fn(const void *context, size_t context_size, struct bytes stored,
                           char **ret_at, size_t *ret_size);

struct page_want {
    struct page_file *file;
    uint64_t offset;
    uint32_t size; /* stored; the same each time for one offset */
    page_decode_fn *decode;
    const void *context; /* copied; at most PAGE_CONTEXT_MAX bytes */
    uint32_t context_size;
};

#define PAGE_CONTEXT_MAX 64

struct pages *pages_new(const struct disk *disk, uint64_t budget_bytes);
void pages_free(struct pages **pages);

/* Between begin and end the pages that are got stay. One look-up at a time; they do not nest. */
void pages_begin(struct pages *p, struct page_wait *wait);
/* Returns whether something is under way for this wait; then ready will be called, once. */
bool pages_end(struct pages *p);

/* 0 and the decoded bytes; -EAGAIN: noted; -EBADMSG: it is not what it has to be; -EIO, -ENOENT, ...: the disk's word. */
int pages_get(struct pages *p, const struct page_want *want, struct bytes *ret)
    __attribute__((warn_unused_result));
/* As pages_get, for what will be needed: nothing is returned, nobody waits. */
void pages_ahead(struct pages *p, const struct page_want *want);

/* A failed page is read again at the next get (after a repair). */
void pages_forget_failures(struct pages *p, struct page_file *file);
/* The file will be removed: its pages go, it is closed; done is called when no read is under way. */
void pages_drop_file(struct pages *p, struct page_file *file, void (*done)(void *context),
                     void *context);

struct pages_stats {
    uint64_t bytes;
    uint64_t pages;
    uint64_t hits;
    uint64_t misses;
    uint32_t files_open;
};
void pages_stats(const struct pages *p, struct pages_stats *ret);
/* Closes all files; done when nothing is under way. Then pages_free. */
void pages_close(struct pages *p, void (*done)(void *context), void *context);

#endif
