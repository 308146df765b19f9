/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sim/sim_image.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

struct sim_page {
    uint32_t refs;
    char at[SIM_PAGE];
};

/* Never written and never counted: a page that is space without bytes. */
static const struct sim_page zero_page;
#define ZERO_PAGE ((struct sim_page *)(uintptr_t)&zero_page)

static void page_unref(struct sim_page *page)
{
    if (page == NULL || page == ZERO_PAGE)
        return;
    DCHECK(page->refs > 0);
    if (--page->refs == 0)
        free(page);
}

void sim_image_done(struct sim_image *image)
{
    for (uint64_t i = 0; i < image->page_count; i++)
        page_unref(image->pages[i]);
    free(image->pages);
    *image = (struct sim_image){0};
}

void sim_image_copy(struct sim_image *image, const struct sim_image *from)
{
    struct sim_image copy = *from;
    copy.pages = NULL;
    if (from->page_count > 0) {
        copy.pages = malloc(from->page_count * sizeof(struct sim_page *));
        CHECK(copy.pages != NULL);
    }
    for (uint64_t i = 0; i < from->page_count; i++) {
        copy.pages[i] = from->pages[i];
        if (copy.pages[i] != NULL && copy.pages[i] != ZERO_PAGE)
            copy.pages[i]->refs++;
    }
    sim_image_done(image);
    *image = copy;
}

static void table_grow(struct sim_image *image, uint64_t page_count)
{
    if (page_count <= image->page_count)
        return;
    uint64_t count = page_count + image->page_count / 2;
    struct sim_page **pages = realloc(image->pages, count * sizeof(struct sim_page *));
    CHECK(pages != NULL);
    memset(pages + image->page_count, 0, (count - image->page_count) * sizeof(struct sim_page *));
    image->pages = pages;
    image->page_count = count;
}

/* The page, for writing: nobody else's. */
static char *own_page(struct sim_image *image, uint64_t number)
{
    struct sim_page **at = &image->pages[number];
    if (*at != NULL && *at != ZERO_PAGE && (*at)->refs == 1)
        return (*at)->at;
    struct sim_page *page = calloc(1, sizeof *page);
    CHECK(page != NULL);
    page->refs = 1;
    image->used += *at == NULL ? 1 : 0;
    if (*at != NULL)
        memcpy(page->at, (*at)->at, SIM_PAGE);
    page_unref(*at);
    *at = page;
    return page->at;
}

static size_t piece_of(uint64_t offset, size_t size)
{
    size_t rest = SIM_PAGE - (size_t)(offset % SIM_PAGE);
    return size < rest ? size : rest;
}

size_t sim_image_read(const struct sim_image *image, uint64_t offset, void *at, size_t size)
{
    if (offset >= image->size)
        return 0;
    if (size > image->size - offset)
        size = (size_t)(image->size - offset);
    char *to = at;
    for (size_t done = 0; done < size;) {
        size_t piece = piece_of(offset + done, size - done);
        uint64_t number = (offset + done) / SIM_PAGE;
        const struct sim_page *page = number < image->page_count ? image->pages[number] : NULL;
        if (page == NULL)
            memset(to + done, 0, piece);
        else
            memcpy(to + done, page->at + (offset + done) % SIM_PAGE, piece);
        done += piece;
    }
    return size;
}

void sim_image_write(struct sim_image *image, uint64_t offset, const void *at, size_t size)
{
    const char *from = at;
    table_grow(image, (offset + size + SIM_PAGE - 1) / SIM_PAGE);
    for (size_t done = 0; done < size;) {
        size_t piece = piece_of(offset + done, size - done);
        char *page = own_page(image, (offset + done) / SIM_PAGE);
        memcpy(page + (offset + done) % SIM_PAGE, from + done, piece);
        done += piece;
    }
    if (size > 0 && offset + size > image->size)
        image->size = offset + size;
}

void sim_image_resize(struct sim_image *image, uint64_t size)
{
    uint64_t keep = (size + SIM_PAGE - 1) / SIM_PAGE;
    for (uint64_t i = keep; i < image->page_count; i++) {
        image->used -= image->pages[i] != NULL ? 1 : 0;
        page_unref(image->pages[i]);
        image->pages[i] = NULL;
    }
    if (size < image->size && size % SIM_PAGE != 0 && keep <= image->page_count &&
        image->pages[keep - 1] != NULL)
        memset(own_page(image, keep - 1) + size % SIM_PAGE, 0, SIM_PAGE - size % SIM_PAGE);
    image->size = size;
}

void sim_image_allocate(struct sim_image *image, uint64_t offset, uint64_t size)
{
    uint64_t end = offset + size;
    table_grow(image, (end + SIM_PAGE - 1) / SIM_PAGE);
    for (uint64_t i = offset / SIM_PAGE; i * SIM_PAGE < end; i++)
        if (image->pages[i] == NULL) {
            image->pages[i] = ZERO_PAGE;
            image->used++;
        }
    if (end > image->size)
        image->size = end;
}

uint64_t sim_image_holes(const struct sim_image *image, uint64_t offset, uint64_t size)
{
    uint64_t holes = 0;
    for (uint64_t i = offset / SIM_PAGE; i * SIM_PAGE < offset + size; i++)
        holes += i >= image->page_count || image->pages[i] == NULL ? 1 : 0;
    return holes;
}
