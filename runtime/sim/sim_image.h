/* SPDX-License-Identifier: Apache-2.0 */
/* sim_image.h -- the bytes of a simulated file, in pages that versions of it share.
 *
 * Idea        A table of counted pages: a copy of an image shares them all, a write makes the page
 *             it touches its own first. So the stored and the cached version of a large file cost
 *             one of it and what differs. A page may be absent (a hole), or be the zero page (space
 *             without bytes).
 */
#ifndef RUNTIME_SIM_SIM_IMAGE_H
#define RUNTIME_SIM_SIM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define SIM_PAGE 4096

struct sim_page;

struct sim_image {
    uint64_t size;
    struct sim_page **pages;
    uint64_t page_count; /* of the table; covers what was ever written below size */
    uint64_t used;       /* pages that are not holes */
};

void sim_image_done(struct sim_image *image);
void sim_image_copy(struct sim_image *image, const struct sim_image *from); /* over what it was */

/* Returns how many bytes there were. */
size_t sim_image_read(const struct sim_image *image, uint64_t offset, void *at, size_t size);
void sim_image_write(struct sim_image *image, uint64_t offset, const void *at, size_t size);
void sim_image_resize(struct sim_image *image, uint64_t size);
/* Gives the holes of the range space, and the file at least its end as size. */
void sim_image_allocate(struct sim_image *image, uint64_t offset, uint64_t size);
/* How many holes the range has. */
uint64_t sim_image_holes(const struct sim_image *image, uint64_t offset, uint64_t size);

#endif
