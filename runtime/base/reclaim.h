/* SPDX-License-Identifier: Apache-2.0 */
/* reclaim.h -- memory that readers may still hold: how a single-writer structure gives it back.
 *
 * Readers of such a structure are inside a read section while they follow it; the runtime opens and
 * closes those sections around turns. A writer that has unlinked something hands it to its reclaimer,
 * which calls `done` once no reader that could have seen it is left. The runtime's implementation
 * stands on epochs; a test's may run `done` late, in any order, or at once when it has no readers.
 */
#ifndef RUNTIME_BASE_RECLAIM_H
#define RUNTIME_BASE_RECLAIM_H

struct reclaim_entry;
typedef void reclaim_done_fn(struct reclaim_entry *entry);

struct reclaim_entry {
    void *runtime[2];      /* the reclaimer's own */
    reclaim_done_fn *done; /* runs on the writer's side, once; may free the entry */
};

/* Takes the entry, which stays in place until done runs. */
typedef void reclaim_defer_fn(void *context, struct reclaim_entry *entry);

struct reclaimer {
    reclaim_defer_fn *defer;
    void *context;
};

#endif
