/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/store_world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/sim/sim_record.h"
#include "store/format/stream_entry.h"
#include "store/group/group.h"
#include "store/msglog_file.h"
#include "store/store_state.h"
#include "tests/sim/scenario.h"
#include "tests/sim/store_twin.h"

#define STEPS_MAX 5000000u /* of one wait: more is a store that hangs */
#define PAYLOAD_MAX 3000u
#define GROUP_ENTRIES_MAX 20000u

/* --- the disk and time ------------------------------------------------------------------------------- */

static void note(struct store_world *w, uint32_t kind, uint64_t who, uint64_t detail)
{
    sim_note(w->run->sim, RECORD_FILE, who, kind, detail);
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
    (void)last;
    if (!w->failing)
        run_fail(w->run, "group %" PRIu64 " has lost messages from %" PRIu64,
                 store_group_gid(group), first);
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
    return true;
}

static bool turn(struct store_world *w)
{
    w->steps++;
    note(w, 1, 0, w->now_ns);
    return store_turn(w->store, w->now_ns / MILLISECONDS);
}

/* Until *flag, or nothing can happen any more. */
static void wait_for(struct store_world *w, const bool *flag, const char *what)
{
    for (uint64_t i = 0; !*flag && !w->run->failed; i++) {
        bool more = turn(w);
        if (!*flag && !more && !pass_time(w))
            run_fail(w->run, "nothing is under way, and not %s", what);
        if (i > STEPS_MAX)
            run_fail(w->run, "never %s", what);
    }
}

void world_settle(struct store_world *w)
{
    for (uint64_t i = 0; !w->run->failed; i++) {
        bool more = turn(w);
        if (!more && store_idle(w->store))
            return;
        if (!more && !pass_time(w))
            run_fail(w->run, "nothing is under way, and the store is not idle");
        if (i > STEPS_MAX)
            run_fail(w->run, "the store is never idle");
    }
}

/* --- entries ------------------------------------------------------------------------------------------ */

static struct entry entry_of(const struct world_entry *e, uint64_t gid)
{
    struct entry entry = {
        .gid = gid,
        .index = e->index,
        .term = e->term,
        .kind = e->kind,
        .time_ns = e->time_ns,
        .body = {e->body, e->size},
    };
    entry.body_hash = entry_body_hash(gid, entry.index, entry.term, entry.body);
    return entry;
}

static void compare_outcomes(struct world_entry *e, const struct applied *a,
                             const struct applied *b)
{
    if (a->outcome != b->outcome || a->refusal != b->refusal || a->seq != b->seq ||
        a->removed != b->removed)
        run_fail(e->group->world->run,
                 "%s entry %" PRIu64 " of kind %d: outcome %d %d, refusal %d %d, seq %" PRIu64
                 " %" PRIu64 ", removed %" PRIu64 " %" PRIu64,
                 e->group->name, e->index, e->kind, a->outcome, b->outcome, a->refusal, b->refusal,
                 a->seq, b->seq, a->removed, b->removed);
}

static void on_applied(struct store_append *append, int status, const struct applied *applied)
{
    struct world_entry *e = append->context;
    struct world_group *g = e->group;
    if (status != 0) {
        if (!g->world->failed && !(status == -ENOENT && g->busy))
            run_fail(g->world->run, "%s entry %" PRIu64 " ended with %d", g->name, e->index,
                     status);
        return;
    }
    if (e->index != g->told + 1)
        run_fail(g->world->run, "%s: entry %" PRIu64 " was told after %" PRIu64, g->name, e->index,
                 g->told);
    e->told = true;
    g->told = e->index;
    struct applied twin;
    struct entry entry = entry_of(e, store_group_gid(g->group));
    twin_apply(g->twin, &entry, &twin);
    compare_outcomes(e, applied, &twin);
    note(g->world, 2, e->index, applied->seq);
}

static void entry_free(struct world_entry *e)
{
    free(e->body);
    free(e);
}

/* The entry is the group's. */
static void hand_over(struct world_group *g, enum entry_kind kind, struct buffer *body)
{
    struct store_world *w = g->world;
    struct world_entry *e = calloc(1, sizeof *e);
    CHECK(e != NULL);
    *e = (struct world_entry){.group = g, .kind = kind, .body = body->at, .size = body->size};
    int64_t skew = (int64_t)prng_below(&w->prng, 2000000000) - 500000000; /* a clock that jumps */
    e->append = (struct store_append){
        .kind = kind,
        .body = {e->body, e->size},
        .now_ns = (int64_t)w->now_ns + skew,
        .done = on_applied,
        .context = e,
    };
    int status = store_append(w->store, g->group, &e->append);
    if (status != 0) {
        if (status != -EAGAIN && !w->failed)
            run_fail(w->run, "%s: an append was refused with %d", g->name, status);
        entry_free(e);
        return;
    }
    const struct logged *l = entry_log_at(&g->group->entries, e->append.index);
    e->index = e->append.index;
    e->term = l->term;
    e->time_ns = l->time_ns;
    CHECK(e->index == g->count + 2);
    if (g->count == g->capacity) {
        g->capacity = g->capacity == 0 ? 64 : g->capacity * 2;
        g->entries = realloc(g->entries, g->capacity * sizeof(struct world_entry *));
        CHECK(g->entries != NULL);
    }
    g->entries[g->count++] = e;
}

/* --- what entries say ----------------------------------------------------------------------------------- */

static struct bytes a_subject(struct store_world *w, char *at, size_t size)
{
    if (w->many_subjects) { /* the lower ones more often */
        uint64_t n = prng_below(&w->prng, 1 + prng_below(&w->prng, WORLD_SUBJECTS_MANY));
        snprintf(at, size, "s.%04" PRIu64 ".a.subject-of-a-table-that-does-not-fit", n);
        return bytes_of(at);
    }
    unsigned n = (unsigned)prng_below(&w->prng, WORLD_SUBJECTS);
    snprintf(at, size, "s.%u.%s", n / 3, n % 3 == 0 ? "a" : n % 3 == 1 ? "bb" : "c.d");
    return bytes_of(at);
}

static struct bytes a_filter(struct store_world *w, char *at, size_t size)
{
    static const char *const wild[] = {">", "s.*.a", "s.1.>", "s.*.c.*", "none"};
    if (prng_one_in(&w->prng, 2))
        return a_subject(w, at, size);
    return bytes_of(wild[prng_below(&w->prng, 5)]);
}

static void add_message(struct store_world *w, struct buffer *b)
{
    static char payload[PAYLOAD_MAX * 20];
    char subject[64];
    char headers[96] = "";
    size_t size = prng_below(&w->prng, prng_one_in(&w->prng, 50) ? sizeof payload : PAYLOAD_MAX);
    if (w->many_subjects)
        size %= 64;
    for (size_t i = 0; i < size && i < 16; i++)
        payload[i] = (char)prng_next(&w->prng);
    if (prng_one_in(&w->prng, 3))
        snprintf(headers, sizeof headers, "NATS/1.0\r\nNats-Msg-Id: %u\r\n\r\n",
                 (unsigned)prng_below(&w->prng, 40));
    else if (prng_one_in(&w->prng, 20))
        snprintf(headers, sizeof headers, "NATS/1.0\r\nNats-Rollup: sub\r\n\r\n");
    const struct message m = {.subject = a_subject(w, subject, sizeof subject),
                              .headers = bytes_of(headers),
                              .payload = {payload, size}};
    message_body_write(&m, buffer_room(b, message_body_size(&m)));
    b->size += message_body_size(&m);
}

static void add_delete(struct store_world *w, struct world_group *g, struct buffer *b)
{
    struct msglog_state state;
    msglog_state(twin_log(g->twin), &state);
    uint64_t seq = state.first_seq + prng_below(&w->prng, state.last_seq - state.first_seq + 2);
    uint64_t seqs[] = {seq, seq + 1, seq + 1 + prng_below(&w->prng, 5) + 1};
    uint32_t count = 1 + (uint32_t)prng_below(&w->prng, 3);
    stream_delete_write(b, seqs, count, prng_one_in(&w->prng, 8));
}

static void add_purge(struct store_world *w, struct world_group *g, struct buffer *b)
{
    char text[64];
    struct msglog_state state;
    msglog_state(twin_log(g->twin), &state);
    struct stream_purge p = {0};
    if (w->many_subjects || !prng_one_in(&w->prng, 4))
        p.filter = a_filter(w, text, sizeof text);
    if (prng_one_in(&w->prng, 2))
        p.up_to = state.first_seq + prng_below(&w->prng, state.msgs + 1);
    else if (prng_one_in(&w->prng, 2))
        p.keep = prng_below(&w->prng, 20);
    stream_purge_write(b, &p);
}

static void add_config(struct store_world *w, const char *name, struct buffer *b)
{
    struct stream_rules rules;
    stream_rules_init(&rules, bytes_of(name));
    rules.flags = RULES_ALLOW_ROLLUP;
    rules.duplicate_window_ns = (int64_t)(5 * SECONDS);
    if (prng_one_in(&w->prng, 2))
        rules.max_msgs = 20 + (int64_t)prng_below(&w->prng, 2000);
    if (prng_one_in(&w->prng, 3))
        rules.max_msgs_per_subject = 1 + (int64_t)prng_below(&w->prng, 30);
    if (prng_one_in(&w->prng, 3))
        rules.max_age_ns = (int64_t)(prng_below(&w->prng, 20) * SECONDS);
    if (prng_one_in(&w->prng, 6))
        rules.discard = DISCARD_NEW;
    struct buffer text = {0};
    stream_rules_write(&text, &rules);
    stream_config_write(b, &(struct stream_config){buffer_view(&text), BYTES("{}")});
    buffer_done(&text);
    stream_rules_done(&rules);
}

static void append_something(struct store_world *w, struct world_group *g)
{
    struct buffer body = {0};
    struct msglog_state state;
    msglog_state(twin_log(g->twin), &state);
    if (g->count >= GROUP_ENTRIES_MAX)
        return;
    uint64_t draw = prng_below(&w->prng, 100);
    if (draw < 82) {
        add_message(w, &body);
        hand_over(g, ENTRY_MSG, &body);
    } else if (draw < 92) {
        add_delete(w, g, &body);
        hand_over(g, ENTRY_DELETE, &body);
    } else if (draw < 95) {
        add_purge(w, g, &body);
        hand_over(g, ENTRY_PURGE, &body);
    } else if (draw < 97) {
        add_config(w, g->name, &body);
        hand_over(g, ENTRY_CONFIG, &body);
    } else if (draw < 98) {
        const struct stream_skip skip = {state.last_seq + 1,
                                         state.last_seq + 1 + prng_below(&w->prng, 9000)};
        stream_skip_write(&body, &skip);
        hand_over(g, ENTRY_SKIP, &body);
    } else {
        hand_over(g, ENTRY_TIME, &body);
    }
}

/* --- groups ----------------------------------------------------------------------------------------------- */

static void twin_begin(struct world_group *g, uint64_t gid)
{
    g->twin = twin_new(gid);
    struct entry e = {
        .gid = gid,
        .index = 1,
        .term = g->config_term,
        .kind = ENTRY_CONFIG,
        .time_ns = g->config_time_ns,
        .body = buffer_view(&g->config),
    };
    e.body_hash = entry_body_hash(gid, 1, e.term, e.body);
    struct applied applied;
    twin_apply(g->twin, &e, &applied);
    g->told = 1;
}

static void group_forget(struct world_group *g)
{
    for (uint64_t i = 0; i < g->count; i++)
        entry_free(g->entries[i]);
    g->count = 0;
    g->exists = g->doubtful = false;
    g->group = NULL;
    twin_free(&g->twin);
    buffer_done(&g->config);
}

static void on_made(struct store_make *make, int status, struct store_group *group)
{
    struct world_group *g = make->context;
    g->busy = false;
    if (status != 0) {
        if (!g->world->failed)
            run_fail(g->world->run, "%s was not made: %d", g->name, status);
        g->doubtful = true;
        return;
    }
    g->exists = true;
    g->group = group;
    twin_begin(g, store_group_gid(group));
}

static void make_group(struct store_world *w, struct world_group *g)
{
    add_config(w, g->name, &g->config);
    g->sync = prng_one_in(&w->prng, 3) ? STORE_SYNC_INTERVAL : STORE_SYNC_ALWAYS;
    g->config_term = w->store->super.boot_epoch;
    g->config_time_ns = (int64_t)w->now_ns;
    g->busy = true;
    g->make = (struct store_make){
        .options = {.account = BYTES("A"),
                    .name = bytes_of(g->name),
                    .config = buffer_view(&g->config),
                    .form = MSGLOG_FILE,
                    .sync = g->sync},
        .now_ns = g->config_time_ns,
        .done = on_made,
        .context = g,
    };
    store_make(w->store, &g->make);
}

static void on_deleted(struct store_delete *d, int status)
{
    struct world_group *g = d->context;
    g->busy = false;
    if (status != 0) {
        if (!g->world->failed)
            run_fail(g->world->run, "%s was not deleted: %d", g->name, status);
        g->doubtful = true;
        return;
    }
    group_forget(g);
}

static void delete_group(struct store_world *w, struct world_group *g)
{
    g->busy = true;
    g->del = (struct store_delete){.group = g->group, .done = on_deleted, .context = g};
    store_delete(w->store, &g->del);
}

/* --- checks ------------------------------------------------------------------------------------------------- */

struct comparing {
    struct store_look look;
    struct world_group *group;
    uint64_t cursor;
    char why[512];
    int status;
    bool over;
};

static int compare_more(struct store_look *look, struct group *group, struct msglog *log)
{
    struct comparing *c = look->context;
    msglog_check(log);
    group_check(group);
    int status = twin_compare(c->group->twin, group, log, &c->cursor, c->why, sizeof c->why);
    if (status != 0 || c->why[0] != 0 || c->cursor == UINT64_MAX)
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
    struct comparing c = {.look = {.run = compare_more, .done = compared}, .group = g};
    c.look.context = &c;
    store_look(w->store, g->group, &c.look);
    wait_for(w, &c.over, "compared");
    if (c.status != 0)
        run_fail(w->run, "%s: a look-up ended with %d", g->name, c.status);
    else if (c.why[0] != 0)
        run_fail(w->run, "%s: %s", g->name, c.why);
}

void world_check(struct store_world *w)
{
    for (unsigned i = 0; i < WORLD_GROUPS && !w->run->failed; i++)
        if (w->groups[i].exists && !w->groups[i].busy)
            compare_group(w, &w->groups[i]);
}

/* --- after a start -------------------------------------------------------------------------------------------- */

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

/* The twin becomes what the store says it has applied. */
static void follow(struct store_world *w, struct world_group *g)
{
    struct asking a = {.look = {.run = ask_applied, .done = asked}};
    a.look.context = &a;
    store_look(w->store, g->group, &a.look);
    wait_for(w, &a.over, "asked");
    if (a.status != 0) {
        run_fail(w->run, "%s can not be read after a start: %d", g->name, a.status);
        return;
    }
    uint64_t told = g->sync == STORE_SYNC_ALWAYS ? g->told : 1;
    if (a.applied < told || a.applied > g->count + 1) {
        run_fail(w->run,
                 "%s has applied %" PRIu64 " after a start; %" PRIu64 " were told, %" PRIu64
                 " handed over",
                 g->name, a.applied, g->told, g->count + 1);
        return;
    }
    twin_free(&g->twin);
    twin_begin(g, store_group_gid(g->group));
    for (uint64_t i = 0; i < g->count; i++) {
        struct world_entry *e = g->entries[i];
        if (e->index > a.applied) {
            entry_free(e);
            continue;
        }
        struct entry entry = entry_of(e, store_group_gid(g->group));
        struct applied applied;
        twin_apply(g->twin, &entry, &applied);
        e->told = true;
        g->told = e->index;
    }
    g->count = a.applied - 1;
}

static void find_again(struct store_world *w, struct world_group *g)
{
    struct store_group *found = store_find(w->store, BYTES("A"), bytes_of(g->name));
    bool must = g->exists && !g->doubtful;
    bool may = g->exists || g->doubtful;
    if ((found == NULL && must) || (found != NULL && !may)) {
        run_fail(w->run, "%s is %s after a start", g->name, found == NULL ? "gone" : "back");
        return;
    }
    g->busy = false;
    if (found == NULL) {
        group_forget(g);
        return;
    }
    if (g->twin == NULL)
        twin_begin(g, store_group_gid(found));
    g->exists = true;
    g->doubtful = false;
    g->group = found;
    follow(w, g);
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

void world_start(struct store_world *w)
{
    CHECK(w->store == NULL);
    w->failed = false;
    w->opened = false;
    w->store = store_new(&w->options);
    store_open(w->store, on_opened);
    wait_for(w, &w->opened, "opened");
    if (w->run->failed)
        return;
    if (w->status != 0) {
        run_fail(w->run, "the store did not open: %d", w->status);
        return;
    }
    for (unsigned i = 0; i < WORLD_GROUPS && !w->run->failed; i++)
        find_again(w, &w->groups[i]);
    world_check(w);
}

static void gone_down(struct store_world *w)
{
    for (unsigned i = 0; i < WORLD_GROUPS; i++) {
        struct world_group *g = &w->groups[i];
        if (g->busy)
            g->doubtful = true;
        g->group = NULL;
    }
}

void world_stop(struct store_world *w)
{
    w->closed = false;
    store_close(w->store, on_closed);
    wait_for(w, &w->closed, "closed");
    if (w->status != 0 && !w->failed)
        run_fail(w->run, "the store did not close: %d", w->status);
    gone_down(w);
    store_free(&w->store);
}

void world_crash(struct store_world *w, enum sim_crash how)
{
    w->crashes++;
    sim_disk_crash(w->disk, how);
    gone_down(w);
    store_free(&w->store);
}

/* --- steps --------------------------------------------------------------------------------------------------- */

static void act(struct store_world *w)
{
    struct world_group *g =
        &w->groups[prng_below(&w->prng, w->many_subjects ? 2 : WORLD_GROUPS)];
    if (g->busy || w->failed)
        return;
    if (!g->exists && !g->doubtful)
        make_group(w, g);
    else if (prng_one_in(&w->prng, 2000))
        delete_group(w, g);
    else
        for (uint64_t n = prng_below(&w->prng, 12); n > 0; n--)
            append_something(w, g);
}

void world_step(struct store_world *w)
{
    uint64_t draw = prng_below(&w->prng, 10);
    if (draw < 3)
        act(w);
    else if (draw < 7)
        (void)turn(w);
    else
        (void)pass_time(w);
}

/* --- life ------------------------------------------------------------------------------------------------------ */

void world_init(struct store_world *w, struct run *run)
{
    *w = (struct store_world){.run = run, .now_ns = 1700000000 * SECONDS};
    prng_split(&w->prng, run->prng);
    prng_split(&w->disk_prng, run->prng);
    const struct sim_disk_options disk = {.delay_min_ns = 1000, .delay_max_ns = 200000};
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
    for (unsigned i = 0; i < WORLD_GROUPS; i++) {
        w->groups[i].world = w;
        snprintf(w->groups[i].name, sizeof w->groups[i].name, "S%u", i);
    }
}

void world_done(struct store_world *w)
{
    sim_disk_crash(w->disk, SIM_CRASH_KILL);
    if (w->store != NULL)
        store_free(&w->store);
    for (unsigned i = 0; i < WORLD_GROUPS; i++) {
        group_forget(&w->groups[i]);
        free(w->groups[i].entries);
    }
    sim_disk_free(&w->disk);
}
