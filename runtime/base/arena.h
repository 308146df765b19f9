/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h -- memory that lives and dies together: many small allocations, one release.
 *
 * Allocation never fails (out of memory aborts), so a size that comes from outside is bounded by the
 * caller before it asks. `held_bytes` is what the arena has taken from malloc.
 */
#ifndef RUNTIME_BASE_ARENA_H
#define RUNTIME_BASE_ARENA_H

#include "runtime/base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first; only the newest has room */
    size_t held_bytes;
};

void arena_init(struct arena *a);
void arena_done(struct arena *a);

/* Zeroed and aligned for any type. size may be 0. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy of b with a NUL behind it. */
char *arena_copy(struct arena *a, struct bytes b);

#endif
