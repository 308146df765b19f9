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
 *             Nothing arrives inside a look-up, so nothing goes there either: what it got stays
 *             without being counted. When it ends with something under way, its wait *holds* all that
 *             it got and noted until the look-up that follows has ended, so each round gets further.
 * Invariants  1 what pages_get returned stays until pages_end
 *             2 a look-up that is called again finds all that it got and noted the last time, unless
 *               that failed
 *             3 a page that failed its check is told as -EBADMSG each time, and never as absent
 *             4 a page is read once, however many wait for it
 *             5 without holds, what is kept is within the budget
 * Bounds      the budget, over which the pages not used for longest go; what look-ups hold may exceed
 *             it. At most PAGES_FILES_MAX files are open and PAGES_READS_MAX reads under way.
 */
#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/disk.h"
#include "runtime/base/list.h"

#define PAGES_FILES_MAX 256
#define PAGES_READS_MAX 128
#define PAGE_CONTEXT_MAX 64
#define PAGE_STORED_MAX ((uint32_t)96 << 20)

struct pages;
struct pages_file;
struct page_hold;

/* An immutable file (or the immutable part of one that grows). In its owner's memory. */
struct page_file {
    const char *path;         /* borrowed, as long as the file is known */
    uint64_t number;          /* the pages': no two files ever have the same */
    struct pages_file *state; /* the pages'; NULL: nothing of it was wanted yet, or it is dropped */
};

/* Somebody who waits for pages: ready is the owner's, all else zero at first. */
struct page_wait {
    void (*ready)(struct page_wait *wait); /* in a turn of a disk request; may look up again */
    unsigned pending;                      /* the pages': how many are to come */
    struct page_hold *holds;               /* the pages' */
    struct link told;                      /* the pages' */
};

/* Makes the page out of what the file holds: checks it, and returns a new malloc'ed block, or a part of
 * `stored`, which then stays as the page; or a negative errno, -EBADMSG as a rule. NULL as a decoder:
 * the stored bytes as they are, unchecked. context is a copy of the want's, aligned as malloc's. */
typedef int page_decode_fn(const void *context, size_t context_size, struct bytes stored,
                           char **ret_at, size_t *ret_size);

struct page_want {
    struct page_file *file;
    uint64_t offset;
    uint32_t size; /* stored; the same each time for one offset; at most PAGE_STORED_MAX */
    page_decode_fn *decode;
    const void *context; /* copied; at most PAGE_CONTEXT_MAX bytes */
    uint32_t context_size;
};

struct pages *pages_new(const struct disk *disk, uint64_t budget_bytes);
/* After pages_close, or when the disk has dropped all that was under way. */
void pages_free(struct pages **pages);

/* Makes a file known. Nothing is opened before something of it is wanted. */
void pages_file_init(struct pages *p, struct page_file *file, const char *path);

/* Between begin and end the pages that are got stay. One look-up at a time; they do not nest. A wait
 * that is still pending can not begin again. NULL: what is missing comes, but nobody is told. */
void pages_begin(struct pages *p, struct page_wait *wait);
/* Returns whether something is under way for this wait; then ready will be called, once. */
bool pages_end(struct pages *p);
/* The wait's owner will not look up again (or goes away): it is not told, and what it holds may go. */
void pages_cancel(struct pages *p, struct page_wait *wait);

/* 0 and the decoded bytes; -EAGAIN: noted; -EBADMSG: it is not what it has to be, or the file ends
 * before it; -EIO, -ENOENT, ...: the disk's word; -ESHUTDOWN: after pages_close. */
int pages_get(struct pages *p, const struct page_want *want, struct bytes *ret)
    __attribute__((warn_unused_result));
/* For what will be needed: nothing is returned, nobody waits; a busy disk is left alone. */
void pages_ahead(struct pages *p, const struct page_want *want);

/* Failed pages are read again at the next get (after a repair). Not inside a look-up. */
void pages_forget_failures(struct pages *p, struct page_file *file);
/* The file will be removed: its pages go, it is closed; done (at once, if nothing is under way) is
 * the last that is heard of it. Not inside a look-up. */
void pages_drop_file(struct pages *p, struct page_file *file, void (*done)(void *context),
                     void *context);

struct pages_stats {
    uint64_t bytes; /* of decoded pages, with what it takes to keep them */
    uint64_t pages;
    uint64_t hits;
    uint64_t misses;
    uint32_t files_open;
    uint32_t reads; /* under way */
};
void pages_stats(const struct pages *p, struct pages_stats *ret);
/* Closes all files; done when nothing is under way, perhaps at once. Then pages_free. */
void pages_close(struct pages *p, void (*done)(void *context), void *context);
void pages_check(const struct pages *p);

#endif
