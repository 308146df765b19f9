/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c -- which pages are there, who holds them, and which go.
 *
 * Idea        A chained table by (file, offset). What goes is decided by a clock: each get marks its
 *             page, the hand clears marks and takes what has none. A hit writes one mark and, once a
 *             look-up, a place in a list; it moves nothing.
 *             Transient failures (no descriptor, no memory) are told to who waited, then forgotten;
 *             what says something about the bytes is remembered like a page.
 */
#include "store/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "store/pages_state.h"

enum { BUCKETS_MIN = 256, GOT_MIN = 64 };

struct pages *pages_new(const struct disk *disk, uint64_t budget_bytes)
{
    struct pages *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->disk = disk;
    p->budget = budget_bytes;
    p->buckets = calloc(BUCKETS_MIN, sizeof *p->buckets);
    CHECK(p->buckets != NULL);
    p->bucket_mask = BUCKETS_MIN - 1;
    list_init(&p->clock);
    list_init(&p->told);
    list_init(&p->files);
    list_init(&p->open);
    list_init(&p->starved);
    return p;
}

void pages_file_init(struct pages *p, struct page_file *file, const char *path)
{
    *file = (struct page_file){.path = path, .number = ++p->files_made};
}

/* --- the table ------------------------------------------------------------------------------------ */

static inline struct page **bucket_of(struct pages *p, uint64_t number, uint64_t offset)
{
    return &p->buckets[hash_u64(number * 0x9e3779b97f4a7c15u + offset) & p->bucket_mask];
}

static inline struct page *find(struct pages *p, const struct page_want *want)
{
    struct page *page = *bucket_of(p, want->file->number, want->offset);
    while (page != NULL && (page->offset != want->offset || page->file != want->file->state))
        page = page->next;
    return page;
}

static void grow(struct pages *p)
{
    uint64_t old_count = p->bucket_mask + 1;
    struct page **old = p->buckets;
    p->buckets = calloc(old_count * 2, sizeof *p->buckets);
    CHECK(p->buckets != NULL);
    p->bucket_mask = old_count * 2 - 1;
    for (uint64_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct page *page = old[i];
            old[i] = page->next;
            struct page **bucket = bucket_of(p, page->file->owner->number, page->offset);
            page->next = *bucket;
            *bucket = page;
        }
    }
    free(old);
}

static struct page *make(struct pages *p, const struct page_want *want)
{
    CHECK(want->size > 0 && want->size <= PAGE_STORED_MAX);
    CHECK(want->context_size <= PAGE_CONTEXT_MAX && want->file->number != 0);
    if (p->count > p->bucket_mask)
        grow(p);
    struct page *page = calloc(1, sizeof *page);
    CHECK(page != NULL);
    page->file = pages_file_of(p, want->file);
    CHECK(!page->file->dropping);
    page->offset = want->offset;
    page->stored_size = want->size;
    page->referenced = true;
    list_init(&page->holds);
    list_push_back(&page->file->members, &page->in_file);
    struct page **bucket = bucket_of(p, want->file->number, want->offset);
    page->next = *bucket;
    *bucket = page;
    p->count++;
    page_fetch(page, want);
    return page;
}

/* From here on it is as if it had never been; who holds it is not told. */
void page_remove(struct page *page)
{
    struct pages *p = page->file->pages;
    CHECK(page->read == NULL && !p->looking);
    struct page **at = bucket_of(p, page->file->owner->number, page->offset);
    while (*at != page)
        at = &(*at)->next;
    *at = page->next;
    while (!list_empty(&page->holds)) {
        struct page_hold *hold = LIST_ENTRY(page->holds.next, struct page_hold, in_page);
        list_remove(&hold->in_page);
        hold->page = NULL;
    }
    list_remove(&page->in_file);
    list_remove(&page->place);
    p->count--;
    p->bytes -= page->cost;
    free(page->block);
    free(page);
}

/* --- what goes ------------------------------------------------------------------------------------ */

static bool says_nothing_of_bytes(int error)
{
    return error != -EBADMSG && error != -EIO && error != -ENOENT && error != -ENOTSUP;
}

static bool is_useless(const struct page *page)
{
    return page->state == PAGE_FAILED && list_empty(&page->holds) &&
           (says_nothing_of_bytes(page->error) || page->file->dropping);
}

/* Two rounds of the hand clear and then find whatever is not held. */
static void trim(struct pages *p)
{
    uint64_t steps = 2 * p->count;
    while (p->bytes > p->budget && steps-- > 0 && !list_empty(&p->clock)) {
        struct page *page = LIST_ENTRY(p->clock.next, struct page, place);
        if (page->referenced || !list_empty(&page->holds)) {
            page->referenced = false;
            list_remove(&page->place);
            list_push_back(&p->clock, &page->place);
        } else {
            page_remove(page);
        }
    }
}

/* --- look-ups ------------------------------------------------------------------------------------- */

void pages_begin(struct pages *p, struct page_wait *wait)
{
    CHECK(!p->looking && (wait == NULL || wait->pending == 0));
    p->looking = true;
    p->wait = wait;
    p->round++;
    p->got_count = 0;
    p->missing = 0;
}

static void note_got(struct pages *p, struct page *page)
{
    page->round = p->round;
    if (p->got_count == p->got_capacity) {
        p->got_capacity = p->got_capacity == 0 ? GOT_MIN : p->got_capacity * 2;
        p->got = realloc(p->got, p->got_capacity * sizeof(struct page *));
        CHECK(p->got != NULL);
    }
    p->got[p->got_count++] = page;
    if (page->state < PAGE_READY)
        p->missing++;
}

int pages_get(struct pages *p, const struct page_want *want, struct bytes *ret)
{
    DCHECK(p->looking);
    struct page *page = find(p, want);
    if (page == NULL) {
        if (p->closed != NULL)
            return -ESHUTDOWN;
        page = make(p, want);
        p->misses++;
    } else {
        p->hits++;
    }
    DCHECK(page->stored_size == want->size);
    page->referenced = true;
    if (page->round != p->round)
        note_got(p, page);
    if (page->state == PAGE_READY) {
        *ret = page->bytes;
        return 0;
    }
    return page->state == PAGE_FAILED ? page->error : -EAGAIN;
}

void pages_ahead(struct pages *p, const struct page_want *want)
{
    if (p->closed == NULL && p->reads < PAGES_READS_MAX / 2 && find(p, want) == NULL) {
        (void)make(p, want);
        p->misses++;
    }
}

static void release_holds(struct page_hold *hold)
{
    while (hold != NULL) {
        struct page_hold *next = hold->next;
        list_remove(&hold->in_page);
        if (hold->page != NULL && is_useless(hold->page))
            page_remove(hold->page);
        free(hold);
        hold = next;
    }
}

static void hold_got(struct pages *p, struct page_wait *wait)
{
    for (size_t i = 0; i < p->got_count; i++) {
        struct page_hold *hold = malloc(sizeof *hold);
        CHECK(hold != NULL);
        *hold = (struct page_hold){.page = p->got[i], .wait = wait, .next = wait->holds};
        list_push_back(&p->got[i]->holds, &hold->in_page);
        wait->holds = hold;
    }
    wait->pending = p->missing;
    list_init(&wait->told);
}

bool pages_end(struct pages *p)
{
    CHECK(p->looking);
    struct page_wait *wait = p->wait;
    p->looking = false;
    p->wait = NULL;
    if (wait != NULL && (wait->holds != NULL || p->missing > 0)) {
        struct page_hold *before = wait->holds;
        wait->holds = NULL;
        if (p->missing > 0)
            hold_got(p, wait);
        release_holds(before);
    }
    if (p->bytes > p->budget)
        trim(p);
    return p->missing > 0;
}

void pages_cancel(struct pages *p, struct page_wait *wait)
{
    CHECK(!p->looking);
    struct page_hold *holds = wait->holds;
    if (wait->told.next != NULL)
        list_remove(&wait->told);
    wait->holds = NULL;
    wait->pending = 0;
    release_holds(holds);
    trim(p);
}

/* --- arrivals ------------------------------------------------------------------------------------- */

static int decode(struct page *page, char **at)
{
    struct page_read *read = page->read;
    struct bytes stored = {*at, page->stored_size};
    if (read->decode == NULL) {
        page->block = *at;
        page->bytes = stored;
        page->cost = stored.size;
    } else {
        char *made = NULL;
        size_t size = 0;
        int r = read->decode(read->context, read->context_size, stored, &made, &size);
        if (r < 0)
            return r;
        bool inside = made >= *at && made < *at + page->stored_size;
        CHECK(made != NULL && (!inside || size <= (size_t)(*at + page->stored_size - made)));
        page->block = inside ? *at : made;
        page->bytes = (struct bytes){made, size};
        page->cost = inside ? stored.size : size;
    }
    if (page->block == *at)
        *at = NULL;
    return 0;
}

void page_come(struct page *page, int status, char **at)
{
    struct pages *p = page->file->pages;
    CHECK(page->state < PAGE_READY && !p->looking);
    int r = status < 0 ? status : decode(page, at);
    page->state = r < 0 ? PAGE_FAILED : PAGE_READY;
    page->error = r;
    page->cost += sizeof *page;
    p->bytes += page->cost;
    list_push_back(&p->clock, &page->place);
    page_read_free(&page->read);
    for (struct link *l = page->holds.next; l != &page->holds; l = l->next) {
        struct page_wait *wait = LIST_ENTRY(l, struct page_hold, in_page)->wait;
        CHECK(wait->pending > 0);
        if (--wait->pending == 0)
            list_push_back(&p->told, &wait->told);
    }
    if (is_useless(page))
        page_remove(page);
}

/* Waits are told last: what they do may submit, cancel and drop, but finds all else in order. */
void pages_settle(struct pages *p)
{
    pages_feed(p);
    trim(p);
    struct link *told;
    while ((told = list_pop_front(&p->told)) != NULL) {
        struct page_wait *wait = LIST_ENTRY(told, struct page_wait, told);
        wait->ready(wait);
    }
    if (p->closed == NULL)
        return;
    pages_close_idle(p);
    if (p->files_open == 0 && p->reads == 0 && list_empty(&p->starved))
        p->closed(p->closed_context);
}

/* --- files, the end ------------------------------------------------------------------------------- */

void pages_forget_failures(struct pages *p, struct page_file *file)
{
    CHECK(!p->looking);
    if (file->state == NULL)
        return;
    struct link *all = &file->state->members;
    for (struct link *l = all->next, *next; l != all; l = next) {
        next = l->next;
        struct page *page = LIST_ENTRY(l, struct page, in_file);
        if (page->state == PAGE_FAILED)
            page_remove(page);
    }
}

void pages_drop_file(struct pages *p, struct page_file *file, void (*done)(void *context),
                     void *context)
{
    CHECK(!p->looking);
    struct pages_file *f = file->state;
    if (f == NULL) {
        done(context);
        return;
    }
    CHECK(!f->dropping);
    f->dropping = true;
    f->dropped = done;
    f->dropped_context = context;
    for (struct link *l = f->members.next, *next; l != &f->members; l = next) {
        next = l->next;
        struct page *page = LIST_ENTRY(l, struct page, in_file);
        if (page->state >= PAGE_READY)
            page_remove(page);
    }
    pages_file_settle(f);
}

void pages_stats(const struct pages *p, struct pages_stats *ret)
{
    *ret = (struct pages_stats){.bytes = p->bytes,
                                .pages = p->count,
                                .hits = p->hits,
                                .misses = p->misses,
                                .files_open = p->files_open,
                                .reads = p->reads};
}

void pages_close(struct pages *p, void (*done)(void *context), void *context)
{
    CHECK(!p->looking && p->closed == NULL && done != NULL);
    p->closed = done;
    p->closed_context = context;
    pages_settle(p);
}

void pages_free(struct pages **at)
{
    struct pages *p = *at;
    *at = NULL;
    CHECK(!p->looking);
    while (!list_empty(&p->files)) {
        struct pages_file *f = LIST_ENTRY(p->files.next, struct pages_file, all);
        while (!list_empty(&f->members)) {
            struct page *page = LIST_ENTRY(f->members.next, struct page, in_file);
            page_read_free(&page->read);
            page_remove(page);
        }
        pages_file_free(&f);
    }
    CHECK(p->count == 0 && p->bytes == 0);
    free(p->got);
    free(p->buckets);
    free(p);
}

void pages_check(const struct pages *p)
{
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t reads = 0;
    bool held = false;
    for (uint64_t i = 0; i <= p->bucket_mask; i++) {
        for (const struct page *page = p->buckets[i]; page != NULL; page = page->next) {
            CHECK((page->read != NULL) == (page->state < PAGE_READY));
            CHECK((page->state == PAGE_READY) == (page->block != NULL));
            count++;
            bytes += page->cost;
            reads += page->state == PAGE_READING;
            held |= !list_empty(&page->holds);
        }
    }
    CHECK(count == p->count && bytes == p->bytes && reads == p->reads);
    CHECK(held || p->looking || bytes <= p->budget); /* 5 */
    CHECK(p->files_open <= PAGES_FILES_MAX && p->reads <= PAGES_READS_MAX);
}
