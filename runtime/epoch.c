/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/epoch.h"

#include "runtime/base/check.h"

static void list_reset(struct epoch_list *list)
{
    list->first = NULL;
    list->last = &list->first;
    list->count = 0;
}

void epoch_init(struct epoch *epoch)
{
    atomic_init(&epoch->global, 1);
}

void epoch_retired_init(struct epoch_retired *retired)
{
    list_reset(&retired->open);
    list_reset(&retired->closed);
    retired->closed_tag = 0;
}

void epoch_enter(struct epoch *epoch, struct epoch_slot *slot)
{
    uint64_t now = ATOMIC_LOAD(&epoch->global, memory_order_acquire);
    /* The acquire half pairs with the scan in `quiet`: if the scan came first, what was unlinked
     * before it can not be found by this section. */
    uint64_t before = ATOMIC_EXCHANGE(&slot->entered, now, memory_order_acq_rel);
    DCHECK(before == 0);
}

void epoch_leave(struct epoch_slot *slot)
{
    /* Release pairs with the scan: our reads are over before the memory goes. */
    ATOMIC_STORE(&slot->entered, 0, memory_order_release);
}

static void list_append(struct epoch_list *list, struct reclaim_entry *entry)
{
    entry->runtime[0] = NULL;
    *list->last = entry;
    list->last = (struct reclaim_entry **)(void *)&entry->runtime[0];
    list->count++;
}

void epoch_defer(struct epoch_retired *retired, struct reclaim_entry *entry)
{
    CHECK(entry->done != NULL);
    list_append(&retired->open, entry);
}

static void run_all(struct epoch_list *list)
{
    struct reclaim_entry *entry = list->first;
    list_reset(list);
    while (entry != NULL) {
        struct reclaim_entry *next = entry->runtime[0]; /* done may free the entry */
        entry->done(entry);
        entry = next;
    }
}

static bool quiet(struct epoch_slot *slots, unsigned slot_count, uint64_t tag)
{
    for (unsigned i = 0; i < slot_count; i++) {
        uint64_t entered = ATOMIC_ADD(&slots[i].entered, 0, memory_order_acq_rel);
        if (entered != 0 && entered < tag)
            return false;
    }
    return true;
}

size_t epoch_poll(struct epoch *epoch, struct epoch_retired *retired, struct epoch_slot *slots,
                  unsigned slot_count)
{
    if (retired->closed.count == 0) {
        if (retired->open.count == 0)
            return 0;
        retired->closed = retired->open;
        list_reset(&retired->open);
        retired->closed_tag = ATOMIC_ADD(&epoch->global, 1, memory_order_acq_rel) + 1;
    }
    if (!quiet(slots, slot_count, retired->closed_tag))
        return 0;
    size_t gone = retired->closed.count;
    run_all(&retired->closed);
    return gone;
}

void epoch_drain(struct epoch_retired *retired)
{
    while (epoch_pending(retired)) { /* a done may defer again */
        run_all(&retired->closed);
        run_all(&retired->open);
    }
}
