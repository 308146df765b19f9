/* SPDX-License-Identifier: Apache-2.0 */
/* pages_state.h -- what pages.c (the cache) and pages_read.c (the files under it) share. */
#ifndef STORE_PAGES_STATE_H
#define STORE_PAGES_STATE_H

#include "store/pages.h"
#include "store/task.h"

/* QUEUED ──► READING ──► READY or FAILED, in which it stays until it is evicted, forgotten or dropped.
 * The first two have a `read`; the last two are in the clock. */
enum page_state { PAGE_QUEUED, PAGE_READING, PAGE_READY, PAGE_FAILED };

struct page {
    struct page *next; /* in its bucket */
    struct pages_file *file;
    uint64_t offset;
    uint64_t round; /* of the look-up that got it last */
    struct bytes bytes;
    enum page_state state;
    int error;       /* FAILED */
    bool referenced; /* since the hand passed */
    uint32_t stored_size;
    char *block; /* given: what `bytes` lies in */
    size_t cost;
    struct link holds;
    struct link in_file;
    struct link place; /* in the file's queue, or in the clock */
    struct page_read *read;
};

/* That a wait wants a page to stay, or to come. */
struct page_hold {
    struct page *page;      /* NULL: it was forgotten or dropped */
    struct page_wait *wait; /* borrowed */
    struct link in_page;
    struct page_hold *next; /* of the wait's */
};

struct page_read {
    struct task task;
    struct task_io io;
    struct page *page;
    char *at; /* given */
    uint32_t moved;
    page_decode_fn *decode;
    size_t context_size;
    max_align_t context[PAGE_CONTEXT_MAX / sizeof(max_align_t)];
};

enum file_state { FILE_CLOSED, FILE_OPENING, FILE_OPEN, FILE_CLOSING };

struct pages_file {
    struct pages *pages;
    struct page_file *owner;
    enum file_state state;
    unsigned reads; /* under way */
    struct disk_file *file;
    struct task task; /* opens, closes */
    struct task_io io;
    struct link queue;   /* pages to be read */
    struct link members; /* all its pages */
    struct link all;
    struct link open;    /* in the order of last use, while OPEN */
    struct link starved; /* waits for a read to end, or a file to be closed */
    bool dropping;
    void (*dropped)(void *context);
    void *dropped_context;
};

struct pages {
    const struct disk *disk;
    uint64_t budget;
    uint64_t bytes;
    uint64_t files_made;
    uint64_t count; /* pages of any state */
    uint64_t hits;
    uint64_t misses;

    struct page **buckets;
    uint64_t bucket_mask;
    struct link clock; /* its front is where the hand is */

    bool looking; /* between begin and end */
    uint64_t round;
    struct page_wait *wait;
    struct page **got; /* in this look-up, each once */
    size_t got_count;
    size_t got_capacity;
    unsigned missing;

    struct link told; /* waits whose last page has come */

    uint32_t reads;      /* under way */
    uint32_t files_open; /* or opening, or closing */
    uint32_t files_closing;
    struct link files;
    struct link open;
    struct link starved;

    void (*closed)(void *context);
    void *closed_context;
};

/* pages.c: the bytes (given, or NULL with an error) have come. */
void page_come(struct page *page, int status, char **at);
/* All that follows an end of a request; it may tell waits and owners. The last call of a turn. */
void pages_settle(struct pages *p);
void page_remove(struct page *page);

/* pages_read.c */
void page_fetch(struct page *page, const struct page_want *want);
struct pages_file *pages_file_of(struct pages *p, struct page_file *owner);
void pages_feed(struct pages *p);
/* Closes what nothing is under way of. */
void pages_close_idle(struct pages *p);
/* Ends a drop when it can; the owner may be told. */
void pages_file_settle(struct pages_file *f);
void pages_file_free(struct pages_file **f);
void page_read_free(struct page_read **read);

#endif
