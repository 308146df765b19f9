/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "store/group/group.h"
#include "store/msglog_file.h"
#include "tests/sim/scenario.h"
#include "tests/sim/store_twin.h"
#include "tests/sim/store_world.h"

/* --- all of a group ----------------------------------------------------------------------------------- */

struct comparing {
    struct store_look look;
    struct world_group *group;
    struct twin_comparison with;
    int status;
    bool over;
};

static int compare_more(struct store_look *look, struct group *group, struct msglog *log)
{
    struct comparing *c = look->context;
    msglog_check(log);
    group_check(group);
    int status = twin_compare(c->group->twin, group, log, &c->with);
    if (status != 0 || c->with.why[0] != 0 || c->with.cursor == UINT64_MAX)
        return status;
    return -EINPROGRESS;
}

static void compared(struct store_look *look, int status)
{
    struct comparing *c = look->context;
    c->status = status;
    c->over = true;
}

static void compare_group(struct store_world *w, struct world_group *g)
{
    struct comparing c = {.look = {.run = compare_more, .done = compared},
                          .group = g,
                          .with.may_lack = g->harmed || w->failing};
    c.look.context = &c;
    store_look(w->store, g->group, &c.look);
    world_wait(w, &c.over, "compared");
    if (world_is_over(w))
        return;
    w->unreadable += c.with.unreadable;
    if (c.status != 0)
        run_fail(w->run, "%s: a look-up ended with %d", g->name, c.status);
    else if (c.with.why[0] != 0)
        run_fail(w->run, "%s: %s", g->name, c.with.why);
}

/* --- after a start ------------------------------------------------------------------------------------ */

struct asking {
    struct store_look look;
    uint64_t applied;
    int status;
    bool over;
};

static int ask_applied(struct store_look *look, struct group *group, struct msglog *log)
{
    struct asking *a = look->context;
    struct group_counters counters;
    (void)log;
    group_counters(group, &counters);
    a->applied = counters.applied;
    return 0;
}

static void asked(struct store_look *look, int status)
{
    struct asking *a = look->context;
    a->status = status;
    a->over = true;
}

/* What the group has to have applied at least, and can have at most. */
static bool is_enough(const struct world_group *g, uint64_t applied)
{
    if (g->form == MSGLOG_MEMORY)
        return applied == 1 || g->world->failed; /* which may be in the middle of its life */
    uint64_t least = g->sync == STORE_SYNC_ALWAYS && !g->damaged ? g->told : 1;
    return applied >= least && applied <= g->count + 1;
}

static void twin_follow(struct world_group *g, uint64_t applied)
{
    uint64_t gid = store_group_gid(g->group);
    twin_free(&g->twin);
    world_twin_begin(g, gid);
    for (uint64_t i = 0; i < g->count; i++) {
        struct world_entry *e = g->entries[i];
        if (e->index > applied) { /* of a store that has failed it may be there at the next start */
            if (!g->world->failed)
                world_entry_free(e);
            continue;
        }
        struct entry entry = world_entry_of(e, gid);
        struct applied ignored;
        twin_apply(g->twin, &entry, &ignored);
        e->told = true;
        g->told = e->index;
    }
    if (!g->world->failed)
        g->count = applied - 1;
}

void world_follow(struct store_world *w, struct world_group *g)
{
    struct asking a = {.look = {.run = ask_applied, .done = asked}};
    a.look.context = &a;
    store_look(w->store, g->group, &a.look);
    world_wait(w, &a.over, "asked");
    if (world_is_over(w))
        return;
    if (store_group_damaged(g->group)) {
        w->unreadable++;
        g->damaged = true;
        if (!g->harmed && !w->failing)
            run_fail(w->run, "%s is damaged after a start", g->name);
        if (a.status != 0)
            return;
    }
    if (a.status != 0)
        run_fail(w->run, "%s can not be read after a start: %d", g->name, a.status);
    else if (!is_enough(g, a.applied))
        run_fail(w->run,
                 "%s has applied %" PRIu64 " after a start; %" PRIu64 " were told, %" PRIu64
                 " handed over",
                 g->name, a.applied, g->told, g->count + 1);
    else
        twin_follow(g, a.applied);
    if (!world_is_over(w))
        compare_group(w, g);
}

/* --- all groups ------------------------------------------------------------------------------------------ */

void world_check(struct store_world *w)
{
    for (unsigned i = 0; i < w->shape->groups && !world_is_over(w); i++) {
        struct world_group *g = &w->groups[i];
        if (!g->exists || g->busy || g->damaged)
            continue;
        if (w->failed) /* what was told as failed may be there all the same */
            world_follow(w, g);
        else
            compare_group(w, g);
    }
}
