/* SPDX-License-Identifier: Apache-2.0 */
/* store_work.c -- what is done to a store: entries of all kinds, groups made and deleted; in shapes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/stream_entry.h"
#include "store/group/group.h"
#include "store/msglog_file.h"
#include "store/store_state.h"
#include "tests/sim/scenario.h"
#include "tests/sim/store_twin.h"
#include "tests/sim/store_world.h"

#define LARGE_MAX 60000u
#define GROUP_ENTRIES_MAX 20000u

/* --- shapes ------------------------------------------------------------------------------------------- */

/* clang-format off */
#define A_DISK .delay_max_ns = 200000

const struct world_shape world_shapes[] = {
    {.name = "mixed", .groups = 6, .burst = 12, .payload_max = 3000, .relaxed_one_in = 3,
     .delete_one_in = 2000, .messages = 82, .deletes = 10, .configs_one_in = 4, A_DISK},
    {.name = "of all forms", .groups = 8, .burst = 12, .payload_max = 3000, .memory_one_in = 2,
     .relaxed_one_in = 3, .delete_one_in = 300, .messages = 75, .deletes = 15,
     .configs_one_in = 4, A_DISK},
    {.name = "a slow disk that stalls", .groups = 5, .burst = 12, .payload_max = 3000,
     .relaxed_one_in = 3, .delete_one_in = 500, .messages = 82, .deletes = 10,
     .configs_one_in = 4, .delay_max_ns = 20000000, .stall_one_in = 50, .short_one_in = 4},
    {.name = "many small groups", .groups = 40, .burst = 2, .payload_max = 300,
     .relaxed_one_in = 4, .delete_one_in = 400, .messages = 90, .deletes = 5,
     .configs_one_in = 4, A_DISK},
    {.name = "one hot group", .groups = 12, .hot_percent = 95, .burst = 20, .payload_max = 3000,
     .relaxed_one_in = 4, .delete_one_in = 800, .messages = 90, .deletes = 5,
     .configs_one_in = 8, A_DISK},
    {.name = "the last of each subject", .groups = 3, .burst = 20, .payload_max = 1000,
     .relaxed_one_in = 4, .messages = 97, .deletes = 2, .per_subject = 1, A_DISK},
    {.name = "deletes", .groups = 4, .burst = 20, .payload_max = 1000, .relaxed_one_in = 4,
     .delete_one_in = 1000, .messages = 40, .deletes = 50, .configs_one_in = 10, A_DISK},
    {.name = "groups that come and go", .groups = 12, .burst = 8, .payload_max = 3000,
     .memory_one_in = 5, .relaxed_one_in = 4, .delete_one_in = 8, .messages = 90, .deletes = 5,
     .configs_one_in = 4, A_DISK},
};

const unsigned world_shape_count = sizeof world_shapes / sizeof world_shapes[0];

const struct world_shape world_many_subjects = {
    .name = "many subjects", .groups = 2, .burst = 20, .payload_max = 64, .relaxed_one_in = 3,
    .delete_one_in = 2000, .messages = 82, .deletes = 10, .many_subjects = true,
    .configs_one_in = 4, A_DISK};

const struct world_shape world_brief = {
    .name = "brief", .groups = 4, .hot_percent = 60, .burst = 12, .payload_max = 700,
    .memory_one_in = 8, .relaxed_one_in = 4, .delete_one_in = 20, .messages = 80, .deletes = 14,
    .configs_one_in = 4, A_DISK};
/* clang-format on */

/* --- entries ------------------------------------------------------------------------------------------ */

struct entry world_entry_of(const struct world_entry *e, uint64_t gid)
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
        if (!g->world->failing && !(status == -ENOENT && g->busy) &&
            !(status == -EROFS && g->damaged))
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
    struct entry entry = world_entry_of(e, store_group_gid(g->group));
    twin_apply(g->twin, &entry, &twin);
    compare_outcomes(e, applied, &twin);
    world_note(g->world, 2, e->index, applied->seq);
}

void world_entry_free(struct world_entry *e)
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
        if (status != -EAGAIN && !w->failed && !(status == -EROFS && g->damaged))
            run_fail(w->run, "%s: an append was refused with %d", g->name, status);
        world_entry_free(e);
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
    if (w->shape->many_subjects) { /* the lower ones more often */
        uint64_t most = prng_below(&w->prng, WORLD_SUBJECTS_MANY);
        uint64_t n = prng_below(&w->prng, 1 + most);
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
    static char payload[LARGE_MAX];
    char subject[64];
    char headers[96] = "";
    bool large = prng_one_in(&w->prng, 50);
    size_t size = prng_below(&w->prng, large ? w->shape->payload_max * 20 : w->shape->payload_max);
    for (size_t i = 0; i < size && i < 16; i++)
        payload[i] = (char)prng_next(&w->prng);
    if (size > 64)
        memcpy(payload + 32, WORLD_MARKER, sizeof WORLD_MARKER);
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
    if (w->shape->many_subjects || !prng_one_in(&w->prng, 4))
        p.filter = a_filter(w, text, sizeof text);
    if (prng_one_in(&w->prng, 2))
        p.up_to = state.first_seq + prng_below(&w->prng, state.msgs + 1);
    else if (prng_one_in(&w->prng, 2))
        p.keep = prng_below(&w->prng, 20);
    stream_purge_write(b, &p);
}

static void draw_limits(struct store_world *w, struct stream_rules *rules)
{
    rules->max_msgs_per_subject = w->shape->per_subject;
    if (w->shape->per_subject > 0)
        return;
    if (prng_one_in(&w->prng, 2))
        rules->max_msgs = 20 + (int64_t)prng_below(&w->prng, 2000);
    if (prng_one_in(&w->prng, 3))
        rules->max_msgs_per_subject = 1 + (int64_t)prng_below(&w->prng, 30);
    if (prng_one_in(&w->prng, 3))
        rules->max_age_ns = (int64_t)(prng_below(&w->prng, 20) * SECONDS);
    if (prng_one_in(&w->prng, 6))
        rules->discard = DISCARD_NEW;
}

static void add_config(struct store_world *w, const char *name, struct buffer *b)
{
    struct stream_rules rules;
    stream_rules_init(&rules, bytes_of(name));
    rules.flags = RULES_ALLOW_ROLLUP;
    rules.duplicate_window_ns = (int64_t)(5 * SECONDS);
    draw_limits(w, &rules);
    struct buffer text = {0};
    stream_rules_write(&text, &rules);
    stream_config_write(b, &(struct stream_config){buffer_view(&text), BYTES("{}")});
    buffer_done(&text);
    stream_rules_done(&rules);
}

static void append_other(struct store_world *w, struct world_group *g, struct buffer *body)
{
    struct msglog_state state;
    msglog_state(twin_log(g->twin), &state);
    if (w->shape->configs_one_in != 0 && prng_one_in(&w->prng, w->shape->configs_one_in)) {
        add_config(w, g->name, body);
        hand_over(g, ENTRY_CONFIG, body);
    } else if (prng_one_in(&w->prng, 2)) {
        add_purge(w, g, body);
        hand_over(g, ENTRY_PURGE, body);
    } else if (prng_one_in(&w->prng, 3)) {
        const struct stream_skip skip = {state.last_seq + 1,
                                         state.last_seq + 1 + prng_below(&w->prng, 9000)};
        stream_skip_write(body, &skip);
        hand_over(g, ENTRY_SKIP, body);
    } else {
        hand_over(g, ENTRY_TIME, body);
    }
}

static void append_something(struct store_world *w, struct world_group *g)
{
    struct buffer body = {0};
    if (g->count >= GROUP_ENTRIES_MAX)
        return;
    uint64_t draw = prng_below(&w->prng, 100);
    if (draw < w->shape->messages) {
        add_message(w, &body);
        hand_over(g, ENTRY_MSG, &body);
    } else if (draw < w->shape->messages + w->shape->deletes) {
        add_delete(w, g, &body);
        hand_over(g, ENTRY_DELETE, &body);
    } else {
        append_other(w, g, &body);
    }
}

/* --- groups ----------------------------------------------------------------------------------------------- */

void world_twin_begin(struct world_group *g, uint64_t gid)
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

void world_group_forget(struct world_group *g)
{
    for (uint64_t i = 0; i < g->count; i++)
        world_entry_free(g->entries[i]);
    g->count = 0;
    g->exists = g->doubtful = g->harmed = g->damaged = false;
    g->group = NULL;
    twin_free(&g->twin);
    buffer_done(&g->config);
}

static void on_made(struct store_make *make, int status, struct store_group *group)
{
    struct world_group *g = make->context;
    g->busy = false;
    if (status != 0) {
        if (!g->world->failing)
            run_fail(g->world->run, "%s was not made: %d", g->name, status);
        g->doubtful = true;
        return;
    }
    g->exists = true;
    g->group = group;
    g->gid = store_group_gid(group);
    world_twin_begin(g, store_group_gid(group));
}

static void make_group(struct store_world *w, struct world_group *g)
{
    uint32_t relaxed = w->shape->relaxed_one_in;
    uint32_t memory = w->shape->memory_one_in;
    add_config(w, g->name, &g->config);
    g->sync =
        relaxed != 0 && prng_one_in(&w->prng, relaxed) ? STORE_SYNC_INTERVAL : STORE_SYNC_ALWAYS;
    g->form = memory != 0 && prng_one_in(&w->prng, memory) ? MSGLOG_MEMORY : MSGLOG_FILE;
    g->config_term = w->store->super.boot_epoch;
    g->config_time_ns = (int64_t)w->now_ns;
    g->busy = true;
    g->make = (struct store_make){
        .options = {.account = BYTES("A"),
                    .name = bytes_of(g->name),
                    .config = buffer_view(&g->config),
                    .form = g->form,
                    .sync = g->sync,
                    .compress = prng_one_in(&w->entropy, 2)},
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
        if (!g->world->failing)
            run_fail(g->world->run, "%s was not deleted: %d", g->name, status);
        g->doubtful = true;
        return;
    }
    world_group_forget(g);
}

static void delete_group(struct store_world *w, struct world_group *g)
{
    g->busy = true;
    g->del = (struct store_delete){.group = g->group, .done = on_deleted, .context = g};
    store_delete(w->store, &g->del);
}

/* --- one thing that is done ---------------------------------------------------------------------------- */

void world_act(struct store_world *w)
{
    const struct world_shape *shape = w->shape;
    bool hot = prng_below(&w->prng, 100) < shape->hot_percent;
    struct world_group *g = &w->groups[hot ? 0 : prng_below(&w->prng, shape->groups)];
    if (g->busy || g->damaged || w->failed)
        return;
    if (!g->exists && !g->doubtful)
        make_group(w, g);
    else if (shape->delete_one_in != 0 && prng_one_in(&w->prng, shape->delete_one_in))
        delete_group(w, g);
    else
        for (uint64_t n = prng_below(&w->prng, shape->burst); n > 0; n--)
            append_something(w, g);
}
