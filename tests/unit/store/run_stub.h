/* SPDX-License-Identifier: Apache-2.0 */
/* run_stub.h -- runs in memory, and pages that come at once, or only at the second call. */
#ifndef TESTS_UNIT_STORE_RUN_STUB_H
#define TESTS_UNIT_STORE_RUN_STUB_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/base/prng.h"
#include "store/pages.h"
#include "store/table/run_build.h"
#include "store/table/run_read.h"

struct stub_page {
    struct stub_page *next;
    uint64_t file;
    uint64_t offset;
    int status;
    bool here;    /* else it comes with the next get */
    char *stored; /* given */
    char *at;     /* given, or in stored */
    size_t size;
};

#ifndef STUB_CHAINS
#define STUB_CHAINS 1024
#endif

struct pages {
    struct stub_page *chains[STUB_CHAINS];
    bool late; /* the first get of a page says -EAGAIN */
    uint64_t gets;
    uint64_t waits;
};

/* A file of bytes. */
struct stub_file {
    struct page_file file;
    char *at;
    size_t size;
};

/* All pages go, as if nobody had ever asked for them. */
static inline void stub_forget(struct pages *p)
{
    for (size_t i = 0; i < STUB_CHAINS; i++) {
        while (p->chains[i] != NULL) {
            struct stub_page *page = p->chains[i];
            p->chains[i] = page->next;
            if (page->at < page->stored || page->at >= page->stored + page->size)
                free(page->at);
            free(page->stored);
            free(page);
        }
    }
}

int pages_get(struct pages *p, const struct page_want *want, struct bytes *ret)
{
    const struct stub_file *f = LIST_ENTRY(want->file, struct stub_file, file);
    struct stub_page **at = &p->chains[hash_u64(f->file.number ^ want->offset) % STUB_CHAINS];
    while (*at != NULL && ((*at)->file != f->file.number || (*at)->offset != want->offset))
        at = &(*at)->next;
    p->gets++;
    struct stub_page *page = *at;
    if (page == NULL) {
        page = *at = calloc(1, sizeof *page);
        CHECK(page != NULL);
        page->file = f->file.number;
        page->offset = want->offset;
        page->status = -EBADMSG;
        CHECK(want->context_size <= PAGE_CONTEXT_MAX);
        if (want->offset <= f->size && want->size <= f->size - want->offset) {
            page->stored = malloc(want->size);
            CHECK(page->stored != NULL);
            memcpy(page->stored, f->at + want->offset, want->size);
            page->status =
                want->decode(want->context, want->context_size,
                             (struct bytes){page->stored, want->size}, &page->at, &page->size);
        }
        page->here = !p->late;
    }
    if (!page->here) {
        page->here = true;
        p->waits++;
        return -EAGAIN;
    }
    if (page->status == 0)
        *ret = (struct bytes){page->at, page->size};
    return page->status;
}

void pages_ahead(struct pages *p, const struct page_want *want)
{
    CHECK(want->size % RUN_BLOCK_SIZE == 0);
}

static inline void stub_take(struct run_build *b, struct stub_file *f)
{
    struct run_piece *piece;
    while ((piece = run_build_take(b)) != NULL) {
        CHECK(piece->offset == f->size && piece->size % RUN_BLOCK_SIZE == 0);
        f->at = realloc(f->at, f->size + piece->size);
        CHECK(f->at != NULL);
        memcpy(f->at + f->size, piece->at, piece->size);
        f->size += piece->size;
        free(piece);
    }
}

/* Ends the build and takes the rest of the file. */
static inline void stub_finish(struct run_build **b, struct stub_file *f)
{
    while (run_build_finish(*b) == -EINPROGRESS)
        stub_take(*b, f);
    stub_take(*b, f);
    CHECK(run_build_size(*b) == f->size);
    run_build_free(b);
}

static inline void stub_open(struct run *r, struct stub_file *f, uint64_t gid, uint64_t number)
{
    f->file = (struct page_file){.path = "x", .number = number};
    run_init(r, &f->file, gid, number, f->size);
}

static inline void stub_file_done(struct stub_file *f)
{
    free(f->at);
    *f = (struct stub_file){0};
}

#endif
