/* SPDX-License-Identifier: Apache-2.0 */
/* subscribers.h -- who is on an entry: the inline first one, the plain list, the queue groups.
 *
 * A list is a chain of blocks. A bit of block.live says that a position has a subscriber: the bit is
 * set (release) after the position is written and cleared to remove it, and the position is written
 * again only after a grace period, so a reader that saw the bit reads a whole subscriber. Blocks hold
 * 4, then 16, then 61 subscribers; one that has none left leaves the chain.
 *
 * Adding and removing are O(1): free positions are found through the chain of blocks with room, a
 * subscriber to remove by looking through a short list, or in the table `places` for a long one.
 */
#ifndef INTEREST_SUBSCRIBERS_H
#define INTEREST_SUBSCRIBERS_H

#include "interest/state.h"

/* 0 or -ENOMEM; ret_left is the number of subscriptions on the entry with that queue (0: none). The
 * first form is for plain ones. On failure nothing has changed but empty containers may have been
 * left behind, which subscribers_prune takes away. */
int subscribers_add(struct interest *in, uint32_t entry_id, uint32_t name, const struct ref *ref,
                    uint32_t *ret_left);

/* 0 or -ENOENT. ret_sid is what ref.sid was. */
int subscribers_remove(struct interest *in, uint32_t entry_id, uint32_t name, uint64_t conn,
                       uint32_t slot, uint32_t *ret_sid, uint32_t *ret_left);

/* Retires empty containers of the entry. */
void subscribers_prune(struct interest *in, uint32_t entry_id, uint32_t name);

/* A position's grace period is over, or (RETIRED_BLOCK) a block's. */
void subscribers_release(struct interest *in, uint32_t block_id, uint32_t what);

static inline bool subscribers_any(const struct interest *in, const struct entry *e)
{
    return atomic_load_explicit(&e->conn, memory_order_acquire) != 0 || follow(&e->more) != 0;
}

/* Subscriptions on the entry with that queue name (0: plain ones). */
uint32_t subscribers_count(const struct interest *in, uint32_t entry_id, uint32_t name);

/* Ends moves of the tables and gives back what they have too much. */
void subscribers_trim(struct interest *in);

/* Queue names: the number of a name that is used already or 0; one use more; one use less. */
uint32_t name_find(const struct interest *in, struct bytes name);
uint32_t name_use(struct interest *in, struct bytes name);
void name_drop(struct interest *in, uint32_t id);

#endif
