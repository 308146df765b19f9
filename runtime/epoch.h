/* SPDX-License-Identifier: Apache-2.0 */
/* epoch.h -- when may memory go that another worker might still read?
 *
 * Idea        A worker is inside a read section from waking up to blocking, and announces the epoch it
 *             entered in. Retired entries collect in a batch; closing a batch advances the global
 *             epoch and tags the batch with the new number. The batch may go when every worker is
 *             outside, or entered at that number or later: whoever entered later saw the unlinking.
 * Invariants  1 an entry's done runs at least one full section of every worker after its defer
 *             2 done runs on the worker that deferred, outside any structure's operation
 *             3 a slot's word is 0 outside, else the epoch it entered in
 * Bounds      one closed batch a worker waits; what is retired meanwhile joins the open one.
 *
 * Scanning uses a read-modify-write on each worker's word, and entering an exchange: whichever of
 * the two comes second sees what the first one's thread did before it (no fences needed, and thread
 * sanitizers see it). Written here and not taken from concurrencykit: docs/decisions/002-epochs.md.
 */
#ifndef RUNTIME_EPOCH_H
#define RUNTIME_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/atomic.h"
#include "runtime/base/reclaim.h"

struct epoch {
    _Atomic uint64_t global; /* starts at 1 */
};

/* One a worker, on a cache line of its own. */
struct epoch_slot {
    _Alignas(64) _Atomic uint64_t entered; /* 0: outside */
};

struct epoch_list {
    struct reclaim_entry *first;
    struct reclaim_entry **last;
    size_t count;
};

/* The writer's side, private to one worker. */
struct epoch_retired {
    struct epoch_list open;
    struct epoch_list closed;
    uint64_t closed_tag;
};

void epoch_init(struct epoch *epoch);
void epoch_retired_init(struct epoch_retired *retired);
void epoch_enter(struct epoch *epoch, struct epoch_slot *slot);
void epoch_leave(struct epoch_slot *slot);
void epoch_defer(struct epoch_retired *retired, struct reclaim_entry *entry);

static inline bool epoch_pending(const struct epoch_retired *retired)
{
    return retired->open.count + retired->closed.count > 0;
}

/* Runs what may go; the slots are those of all workers. Returns how many entries went. */
size_t epoch_poll(struct epoch *epoch, struct epoch_retired *retired, struct epoch_slot *slots,
                  unsigned slot_count);

/* Runs everything: no reader is left (the system has stopped). */
void epoch_drain(struct epoch_retired *retired);

#endif
