/* SPDX-License-Identifier: Apache-2.0 */
/* store_memory.c -- what groups hold in memory stays within its share.
 *
 * Idea        A walk goes round all groups, a few a turn. When a round finds that tables of subjects are over
 *             their share, a checkpoint of the group with the largest is wanted, which writes it. On its way
 *             it unloads groups that are clean, that is, are what their last checkpoint says, and that nobody has
 *             used for a while: what stays is the stub.
 * Bounds      MEMORY_SLICE groups a turn; one group a round is written.
 */
#include "runtime/base/check.h"
#include "store/group/group.h"
#include "store/msglog_file.h"
#include "store/store_pin.h"
#include "store/store_state.h"
#include "store/subjects.h"

#define MEMORY_SLICE 64u

static bool is_settled(const struct store_group *g)
{
    return g->life == GROUP_LOADED && g->form == MSGLOG_FILE && !g->deleting && !g->hidden &&
           g->making == NULL;
}

/* Nothing of it is under way, and nothing is newer than its checkpoint. */
static bool is_clean(const struct store *s, const struct store_group *g)
{
    const struct link *links[] = {&g->apply_link, &g->entries_link, &g->drain_link,
                                  &g->want_link,  &g->compact_link, &g->merge_link,
                                  &g->scrub_link, &g->supply_link};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (!list_empty(links[i]))
            return false;
    return entry_log_count(&g->entries) == 0 && !g->draining && !g->waiting && g->rewrite == NULL &&
           g->erasing == NULL && g->look_count == 0 && g->asked == NULL &&
           !group_is_busy(g->group) && msglog_is_drained(g->log) &&
           store_pins_are_gone(s, g->member.gid) && subjects_is_quiet(msglog_subject_table(g->log));
}

static void visit(struct store *s, struct store_group *g)
{
    struct memory_round *r = &s->round;
    if (!is_settled(g))
        return;
    uint64_t due_ms = g->used_ms + s->options.idle_ms;
    if (s->now_ms >= due_ms && is_clean(s, g)) {
        store_group_unload(s, g);
        return;
    }
    if (due_ms > s->now_ms && due_ms < r->due_ms)
        r->due_ms = due_ms;
    uint64_t bytes = subjects_memory(msglog_subject_table(g->log));
    r->tables_bytes += bytes;
    if (bytes > r->largest_bytes && !g->draining && list_empty(&g->want_link)) {
        r->largest_bytes = bytes;
        r->largest = g->member.gid;
    }
}

static void end_round(struct store *s)
{
    struct memory_round *r = &s->round;
    struct store_group *g = r->largest > 0 ? group_table_find(&s->groups, r->largest) : NULL;
    if (r->tables_bytes > s->options.tables_bytes && g != NULL && is_settled(g) &&
        subjects_is_large(msglog_subject_table(g->log)))
        store_want_checkpoint(s, g);
    s->idle_due_ms = r->due_ms;
    *r = (struct memory_round){.due_ms = UINT64_MAX};
}

bool store_memory_slice(struct store *s)
{
    if (s->failed || s->life != STORE_READY)
        return false;
    for (unsigned i = 0; i < MEMORY_SLICE; i++) {
        struct store_group *g = group_table_after(&s->groups, s->round.gid);
        if (g == NULL) {
            end_round(s);
            return false;
        }
        s->round.gid = g->member.gid;
        visit(s, g);
    }
    return false;
}
