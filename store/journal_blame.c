/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal_blame.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/footer.h"
#include "store/journal.h"
#include "store/journal_walk.h"

/* A group of the block: what its slot in the footer says, and what was seen. */
struct suspect {
    struct footer_slot slot;
    uint64_t next; /* FOOTER_RUN: the lowest index that was not seen or told yet */
    uint32_t seen;
};

struct blame {
    const struct block_header *header;
    struct suspect *suspects; /* given; by gid; NULL: the footer can not be read */
    uint32_t count;
    void (*rot)(void *context, const struct journal_rot *rot);
    void *context;
};

static void tell(const struct blame *b, uint64_t gid, uint64_t first, uint64_t last)
{
    const struct block_header *h = b->header;
    b->rot(b->context, &(struct journal_rot){.gid = gid,
                                             .position = h->position,
                                             .end = h->position + h->size,
                                             .index_first = first,
                                             .index_last = last});
}

/* --- the footer ----------------------------------------------------------------------------- */

static bool slot_is_sound(const struct footer_slot *slot)
{
    uint64_t reach = slot->index_last - slot->index_first; /* one less than indexes */
    return slot->gid != 0 && slot->records > 0 && slot->index_first <= slot->index_last &&
           slot->index_last < UINT64_MAX &&
           implies(slot->flags & FOOTER_RUN, reach == slot->records - 1);
}

static int compare_suspects(const void *a, const void *b)
{
    uint64_t x = ((const struct suspect *)a)->slot.gid;
    uint64_t y = ((const struct suspect *)b)->slot.gid;
    return (x > y) - (x < y);
}

/* Whether the slots are those of such a block: its hash may be right and its maker wrong. */
static bool suspects_are_sound(const struct blame *b)
{
    uint64_t records = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct footer_slot *slot = &b->suspects[i].slot;
        if (!slot_is_sound(slot) || (i > 0 && b->suspects[i - 1].slot.gid == slot->gid))
            return false;
        records += slot->records;
    }
    return records == b->header->records;
}

static void load_suspects(struct blame *b, const char *block)
{
    const struct block_header *h = b->header;
    const char *table;
    if (h->group_count == 0 || footer_table((struct bytes){block, h->size}, h->store,
                                            h->position + h->size, h->group_count, &table) != 0)
        return;
    b->count = h->group_count;
    b->suspects = calloc(b->count, sizeof b->suspects[0]);
    CHECK(b->suspects != NULL);
    for (uint32_t i = 0; i < b->count; i++) {
        footer_slot_read(table, i, &b->suspects[i].slot);
        b->suspects[i].next = b->suspects[i].slot.index_first;
    }
    qsort(b->suspects, b->count, sizeof b->suspects[0], compare_suspects);
    if (!suspects_are_sound(b)) {
        free(b->suspects);
        b->suspects = NULL;
    }
}

static struct suspect *find_suspect(const struct blame *b, uint64_t gid)
{
    struct suspect key = {.slot.gid = gid};
    if (b->suspects == NULL)
        return NULL;
    return bsearch(&key, b->suspects, b->count, sizeof key, compare_suspects);
}

/* --- the records ---------------------------------------------------------------------------- */

static void see(struct blame *b, const struct entry *e, bool damaged)
{
    struct suspect *s = find_suspect(b, e->gid);
    if (s != NULL) {
        s->seen++;
        bool in_run = s->slot.flags & FOOTER_RUN && e->index <= s->slot.index_last;
        if (in_run && e->index > s->next)
            tell(b, e->gid, s->next, e->index - 1);
        if (in_run && e->index >= s->next)
            s->next = e->index + 1;
    }
    if (damaged)
        tell(b, e->gid, e->index, e->index);
}

static void tell_unseen(const struct blame *b, const struct suspect *s)
{
    if (s->seen >= s->slot.records)
        return;
    bool run = s->slot.flags & FOOTER_RUN;
    if (!run)
        tell(b, s->slot.gid, s->slot.index_first, s->slot.index_last);
    else if (s->next <= s->slot.index_last)
        tell(b, s->slot.gid, s->next, s->slot.index_last);
}

void journal_blame(const struct block_header *h, const char *block,
                   void (*rot)(void *context, const struct journal_rot *rot), void *context)
{
    struct blame b = {.header = h, .rot = rot, .context = context};
    load_suspects(&b, block);
    struct journal_walk w = journal_walk_block(h, block);
    struct record r;
    while (journal_walk_next(&w, &r))
        see(&b, &r.entry, w.body_damaged);
    if (b.suspects == NULL && w.found < h->records)
        tell(&b, 0, 0, 0);
    for (uint32_t i = 0; b.suspects != NULL && i < b.count; i++)
        tell_unseen(&b, &b.suspects[i]);
    free(b.suspects);
}
