/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/store_world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/sim/sim_record.h"
#include "store/store_drain.h"
#include "store/store_state.h"
#include "tests/sim/scenario.h"

#define STEPS_MAX 5000000u /* of one wait: more is a store that hangs */

/* --- the disk and time ------------------------------------------------------------------------------- */

void world_note(struct store_world *w, uint32_t kind, uint64_t who, uint64_t detail)
{
    sim_note(w->run->sim, RECORD_FILE, who, kind, detail);
}

bool world_is_over(const struct store_world *w)
{
    return w->run->failed || w->crash_due;
}

static struct world_group *group_named(struct store_world *w, struct bytes name)
{
    for (unsigned i = 0; i < w->shape->groups; i++)
        if (bytes_equal(bytes_of(w->groups[i].name), name))
            return &w->groups[i];
    return NULL;
}

static void on_failed(void *context, int error)
{
    struct store_world *w = context;
    w->failed = true;
    if (!w->failing)
        run_fail(w->run, "the store failed with %d on a disk that did not", error);
}

static void on_lost(void *context, struct store_group *group, uint64_t first, uint64_t last)
{
    struct store_world *w = context;
    struct world_group *g = group_named(w, store_group_name(group));
    if (g == NULL || (!g->harmed && !w->failing))
        run_fail(w->run, "group %" PRIu64 " has lost messages %" PRIu64 " to %" PRIu64,
                 store_group_gid(group), first, last);
    else if (store_group_damaged(group))
        g->damaged = true;
}

/* The disk's next request, or the next time the store wants a turn. false: nothing is under way. */
static bool pass_time(struct store_world *w)
{
    uint64_t disk_ns = sim_disk_next_ns(w->disk);
    uint64_t due_ms = w->store == NULL ? UINT64_MAX : store_due_ms(w->store);
    uint64_t due_ns = due_ms >= UINT64_MAX / MILLISECONDS ? UINT64_MAX : due_ms * MILLISECONDS;
    uint64_t next = disk_ns < due_ns ? disk_ns : due_ns;
    if (next == UINT64_MAX)
        return false;
    if (next > w->now_ns)
        w->now_ns = next;
    if (disk_ns <= w->now_ns)
        sim_disk_step(w->disk, w->now_ns);
    if (w->crash_at != 0 && sim_disk_counts(w->disk)->performed >= w->crash_at)
        w->crash_due = true;
    return true;
}

static bool turn(struct store_world *w)
{
    w->steps++;
    world_note(w, 1, 0, w->now_ns);
    return store_turn(w->store, w->now_ns / MILLISECONDS);
}

void world_wait(struct store_world *w, const bool *flag, const char *what)
{
    for (uint64_t i = 0; !*flag && !world_is_over(w); i++) {
        bool more = turn(w);
        if (!*flag && !more && !pass_time(w))
            run_fail(w->run, "nothing is under way, and not %s", what);
        if (i > STEPS_MAX)
            run_fail(w->run, "never %s", what);
    }
}

void world_settle(struct store_world *w)
{
    for (uint64_t i = 0; !world_is_over(w); i++) {
        bool more = turn(w);
        if (!more && store_idle(w->store))
            return;
        if (!more && !pass_time(w))
            run_fail(w->run, "nothing is under way, and the store is not idle");
        if (i > STEPS_MAX)
            run_fail(w->run, "the store is never idle");
    }
}

static void on_performed(struct disk_request *request)
{
    *(bool *)request->context = true;
}

int64_t world_perform(struct store_world *w, struct disk_request *request)
{
    bool over = false;
    request->done = on_performed;
    request->context = &over;
    disk_submit(w->options.disk, request);
    while (!over) {
        w->now_ns = sim_disk_next_ns(w->disk);
        CHECK(w->now_ns != UINT64_MAX);
        sim_disk_step(w->disk, w->now_ns);
    }
    return request->result;
}

/* --- start --------------------------------------------------------------------------------------------- */

static void find_again(struct store_world *w, struct world_group *g)
{
    struct store_group *found = store_find(w->store, BYTES("A"), bytes_of(g->name));
    bool must = g->exists && !g->doubtful;
    bool may = g->exists || g->doubtful;
    if ((found == NULL && must) || (found != NULL && !may)) {
        run_fail(w->run, "%s is %s after a start", g->name, found == NULL ? "gone" : "back");
        return;
    }
    g->busy = g->damaged = false;
    if (found == NULL) {
        world_group_forget(g);
        return;
    }
    g->group = found;
    g->gid = store_group_gid(found);
    if (g->twin == NULL)
        world_twin_begin(g, g->gid);
    g->exists = true;
    g->doubtful = false;
    world_follow(w, g);
}

static void on_opened(void *context, int status)
{
    struct store_world *w = context;
    w->opened = true;
    w->status = status;
}

static void on_closed(void *context, int status)
{
    struct store_world *w = context;
    w->closed = true;
    w->status = status;
}

int world_open(struct store_world *w)
{
    CHECK(w->store == NULL);
    w->failed = false;
    w->opened = false;
    w->store = store_new(&w->options);
    store_open(w->store, on_opened);
    world_wait(w, &w->opened, "opened");
    if (world_is_over(w))
        return -ECANCELED;
    if (w->status != 0)
        store_free(&w->store);
    return w->status;
}

void world_find_again(struct store_world *w)
{
    for (unsigned i = 0; i < w->shape->groups && !world_is_over(w); i++)
        find_again(w, &w->groups[i]);
}

void world_start(struct store_world *w)
{
    world_keys_lose(w);
    if (world_is_over(w))
        return;
    world_keys_start(w);
    int status = world_open(w);
    if (world_is_over(w))
        return;
    if (status != 0)
        run_fail(w->run, "the store did not open: %d", status);
    else
        world_find_again(w);
}

/* --- end ----------------------------------------------------------------------------------------------- */

static void gone_down(struct store_world *w)
{
    struct store_stats stats;
    store_stats(w->store, &stats);
    w->copied += stats.copied;
    w->drains += stats.drains;
    for (unsigned i = 0; i < w->shape->groups; i++) {
        struct world_group *g = &w->groups[i];
        if (g->busy)
            g->doubtful = true;
        g->group = NULL;
    }
    store_free(&w->store);
}

void world_stop(struct store_world *w)
{
    w->closed = false;
    store_close(w->store, on_closed);
    world_wait(w, &w->closed, "closed");
    if (world_is_over(w))
        return;
    if (w->status != 0 && !w->failing)
        run_fail(w->run, "the store did not close: %d", w->status);
    gone_down(w);
    w->in_order = true;
}

void world_crash(struct store_world *w, enum sim_crash how)
{
    w->crashes++;
    w->crash_due = false;
    w->crash_at = 0;
    sim_disk_crash(w->disk, how);
    if (w->store != NULL)
        gone_down(w);
}

/* --- steps --------------------------------------------------------------------------------------------- */

void world_step(struct store_world *w)
{
    uint64_t draw = prng_below(&w->prng, 10);
    if (draw < 3)
        world_act(w);
    else if (draw < 7)
        (void)turn(w);
    else
        (void)pass_time(w);
}

void world_steps(struct store_world *w, uint64_t count)
{
    for (uint64_t i = 0; i < count && !world_is_over(w); i++)
        world_step(w);
}

/* --- life ---------------------------------------------------------------------------------------------- */

void world_init(struct store_world *w, struct run *run, const struct world_shape *shape)
{
    *w = (struct store_world){.run = run, .shape = shape, .now_ns = 1700000000 * SECONDS};
    CHECK(shape->groups <= WORLD_GROUPS_MAX);
    prng_split(&w->prng, run->prng);
    prng_split(&w->disk_prng, run->prng);
    const struct sim_disk_options disk = {
        .faults = {.stall = shape->stall_one_in, .short_move = shape->short_one_in},
        .delay_min_ns = 1000,
        .delay_max_ns = shape->delay_max_ns,
        .stall_ns = 5 * SECONDS,
    };
    w->disk = sim_disk_new(&w->disk_prng, &disk);
    w->options = (struct store_options){
        .disk = sim_disk_door(w->disk),
        .path = "store",
        .seed = 7,
        .uuid = "a store in a sim",
        .journal_file_bytes = 64 << 10,
        .replay_debt_bytes = 192 << 10,
        .memory_bytes = 256 << 10,
        .compact_dead_min = 4 << 10,
        .scrub_interval_ms = 500,
        .failed = on_failed,
        .lost = on_lost,
        .context = w,
    };
    for (unsigned i = 0; i < WORLD_GROUPS_MAX; i++) {
        w->groups[i].world = w;
        snprintf(w->groups[i].name, sizeof w->groups[i].name, "S%u", i);
    }
    world_keys_init(w);
}

void world_done(struct store_world *w)
{
    sim_disk_crash(w->disk, SIM_CRASH_KILL);
    if (w->store != NULL)
        gone_down(w);
    world_note(w, 3, w->copied, w->drains);
    for (unsigned i = 0; i < WORLD_GROUPS_MAX; i++) {
        world_group_forget(&w->groups[i]);
        free(w->groups[i].entries);
    }
    sim_disk_free(&w->disk);
}
