/* SPDX-License-Identifier: Apache-2.0 */
/* pages_read.c -- how pages come: files that are opened when wanted and closed when others are, and
 * reads of which a bounded number is under way.
 *
 *     CLOSED ──something is queued──► OPENING ──► OPEN ──idle and another file needs its place, or──► CLOSING
 *        ▲                               │              dropped, or all close                            │
 *        └──────────failed: so do its queued pages───────────────────────────────────────────────────────┘
 *
 * A file that can not go on for want of a place or a read is `starved`; each end of a request feeds
 * the starved ones, in their order.
 */
#include "store/pages_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

static void on_file(struct task *t);

struct pages_file *pages_file_of(struct pages *p, struct page_file *owner)
{
    if (owner->state != NULL)
        return owner->state;
    struct pages_file *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->pages = p;
    f->owner = owner;
    task_init(&f->task, p->disk, on_file, f);
    list_init(&f->queue);
    list_init(&f->members);
    list_init(&f->open);
    list_init(&f->starved);
    list_push_back(&p->files, &f->all);
    owner->state = f;
    return f;
}

void pages_file_free(struct pages_file **at)
{
    struct pages_file *f = *at;
    *at = NULL;
    CHECK(!task_busy(&f->task) && list_empty(&f->members));
    list_remove(&f->all);
    list_remove(&f->open);
    list_remove(&f->starved);
    f->owner->state = NULL;
    free(f);
}

void page_read_free(struct page_read **at)
{
    struct page_read *read = *at;
    *at = NULL;
    if (read == NULL)
        return;
    CHECK(!task_busy(&read->task));
    free(read->at);
    free(read);
}

/* --- reads ---------------------------------------------------------------------------------------- */

static void read_part(struct page_read *read)
{
    uint64_t left = read->page->stored_size - read->moved;
    task_read(&read->task, &read->io, read->page->file->file, read->page->offset + read->moved,
              read->at + read->moved, left < DISK_BYTES_MAX ? left : DISK_BYTES_MAX);
}

static void on_read(struct task *t)
{
    struct page_read *read = t->context;
    struct page *page = read->page;
    struct pages_file *f = page->file;
    struct pages *p = f->pages;
    int status = t->status;
    if (status == 0) {
        read->moved += (uint32_t)read->io.request.result;
        if (read->moved < page->stored_size && read->io.request.result > 0)
            status = -EAGAIN;
        else if (read->moved < page->stored_size)
            status = -EBADMSG; /* the file ends before the page does */
    }
    if (status == -EAGAIN) { /* more to come, or the disk had too much to do */
        read_part(read);
        return;
    }
    p->reads--;
    f->reads--;
    char *at = read->at;
    read->at = NULL;
    page_come(page, status, &at);
    free(at);
    pages_file_settle(f);
    pages_settle(p);
}

static void start_read(struct page *page)
{
    struct pages_file *f = page->file;
    struct page_read *read = page->read;
    list_remove(&page->place);
    page->state = PAGE_READING;
    f->reads++;
    f->pages->reads++;
    read->at = malloc(page->stored_size);
    CHECK(read->at != NULL);
    read_part(read);
}

/* --- files ---------------------------------------------------------------------------------------- */

static bool is_idle(const struct pages_file *f)
{
    return f->state == FILE_OPEN && f->reads == 0 && list_empty(&f->queue);
}

static void start_close(struct pages_file *f)
{
    CHECK(is_idle(f));
    list_remove(&f->open);
    f->state = FILE_CLOSING;
    f->pages->files_closing++;
    task_close(&f->task, &f->io, &f->file);
}

/* A place for another: by closing the idle file that was used longest ago. */
static void make_place(struct pages *p)
{
    if (p->files_closing > 0)
        return;
    for (struct link *l = p->open.next; l != &p->open; l = l->next) {
        struct pages_file *f = LIST_ENTRY(l, struct pages_file, open);
        if (is_idle(f)) {
            start_close(f);
            return;
        }
    }
}

static void starve(struct pages_file *f)
{
    list_remove(&f->starved);
    list_push_back(&f->pages->starved, &f->starved);
}

/* Goes on with what is queued, as far as that is possible. */
static void go_on(struct pages_file *f)
{
    struct pages *p = f->pages;
    if (f->state == FILE_OPEN) {
        while (!list_empty(&f->queue) && p->reads < PAGES_READS_MAX)
            start_read(LIST_ENTRY(f->queue.next, struct page, place));
        list_remove(&f->open);
        list_push_back(&p->open, &f->open);
    } else if (f->state == FILE_CLOSED && p->files_open < PAGES_FILES_MAX) {
        f->state = FILE_OPENING;
        p->files_open++;
        task_open(&f->task, &f->io, f->owner->path, 0);
        return;
    } else if (f->state == FILE_CLOSED) {
        make_place(p);
    }
    bool waits_for_itself = f->state == FILE_OPENING || f->state == FILE_CLOSING;
    if (!list_empty(&f->queue) && !waits_for_itself)
        starve(f);
}

void page_fetch(struct page *page, const struct page_want *want)
{
    struct page_read *read = calloc(1, sizeof *read);
    CHECK(read != NULL);
    read->page = page;
    read->decode = want->decode;
    read->context_size = want->context_size;
    if (want->context_size > 0)
        memcpy(read->context, want->context, want->context_size);
    task_init(&read->task, page->file->pages->disk, on_read, read);
    page->read = read;
    page->state = PAGE_QUEUED;
    list_push_back(&page->file->queue, &page->place);
    if (list_empty(&page->file->starved))
        go_on(page->file);
}

void pages_feed(struct pages *p)
{
    struct link hungry;
    list_init(&hungry);
    struct link *l;
    while ((l = list_pop_front(&p->starved)) != NULL)
        list_push_back(&hungry, l);
    while ((l = list_pop_front(&hungry)) != NULL)
        go_on(LIST_ENTRY(l, struct pages_file, starved));
}

void pages_close_idle(struct pages *p)
{
    for (struct link *l = p->open.next, *next; l != &p->open; l = next) {
        next = l->next;
        struct pages_file *f = LIST_ENTRY(l, struct pages_file, open);
        if (is_idle(f))
            start_close(f);
    }
}

static void fail_queued(struct pages_file *f, int error)
{
    while (!list_empty(&f->queue)) {
        struct page *page = LIST_ENTRY(f->queue.next, struct page, place);
        list_remove(&page->place);
        char *nothing = NULL;
        page_come(page, error, &nothing);
    }
}

static void on_file(struct task *t)
{
    struct pages_file *f = t->context;
    struct pages *p = f->pages;
    int status = t->status;
    if (f->state == FILE_OPENING && status == 0) {
        f->state = FILE_OPEN;
        f->file = f->io.request.file;
        list_push_back(&p->open, &f->open);
    } else {
        p->files_closing -= f->state == FILE_CLOSING;
        p->files_open--;
        bool was_opening = f->state == FILE_OPENING;
        f->state = FILE_CLOSED;
        if (was_opening && status != -EAGAIN)
            fail_queued(f, status);
    }
    if (!list_empty(&f->queue))
        go_on(f);
    pages_file_settle(f);
    pages_settle(p);
}

void pages_file_settle(struct pages_file *f)
{
    if (!f->dropping || f->reads > 0 || !list_empty(&f->queue))
        return;
    if (f->state == FILE_OPEN)
        start_close(f);
    if (f->state != FILE_CLOSED)
        return;
    void (*dropped)(void *context) = f->dropped;
    void *context = f->dropped_context;
    /* What came after the drop may still be held by who waited for it. */
    while (!list_empty(&f->members))
        page_remove(LIST_ENTRY(f->members.next, struct page, in_file));
    pages_file_free(&f);
    dropped(context);
}
