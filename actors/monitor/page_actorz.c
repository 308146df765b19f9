/* SPDX-License-Identifier: Apache-2.0 */
/* page_actorz.c -- /actorz: what each actor has done and waits for, from the counters it keeps.
 *
 *   VISITED --> SORTED --> WRITTEN --> the end
 *
 * Bounds      VISIT slots of the actor table a step; 32 bytes an actor that may be on the page.
 */
#include "actors/monitor/page.h"
#include "protocols/monitor/actorz.h"
#include "protocols/monitor/top_rows.h"
#include "runtime/base/check.h"
#include "runtime/system.h"

#define VISIT 1024u
#define SORT_STEP 2000u

enum actorz_phase { VISITED, SORTED, WRITTEN };

struct actorz_state {
    struct page page;
    struct actorz_options options;
    enum actorz_phase phase;
    uint32_t cursor;
    uint64_t total;
    struct top_rows rows;
    size_t written;
    double ns_per_tick;
};

static struct actorz_state *state_of(struct page *p)
{
    return (struct actorz_state *)(void *)p;
}

static int actorz_begin_page(struct page *p)
{
    struct actorz_state *s = state_of(p);
    int status = actorz_options_parse(&p->args, &s->options, &p->refusal);
    if (status != 0)
        return status;
    top_rows_init(&s->rows, (uint64_t)s->options.limit);
    s->ns_per_tick = system_ns_per_tick(worker_system());
    return 0;
}

/* Relaxed: figures of one actor may be of different moments. */
#define LOOK(counter) atomic_load_explicit(&(counter), memory_order_relaxed)

static int64_t value_of(enum actorz_sort sort, const struct actor *a)
{
    switch (sort) {
    case ACTORZ_BY_ID: return 0;
    case ACTORZ_BY_DEPTH: return -(int64_t)LOOK(a->depth);
    case ACTORZ_BY_BUSY: return -(int64_t)LOOK(a->busy_ticks);
    case ACTORZ_BY_MESSAGES: return -(int64_t)LOOK(a->messages);
    }
    UNREACHABLE("no sort");
}

static void on_actor(void *context, const struct actor *a)
{
    struct actorz_state *s = context;
    s->total++;
    uint64_t id = a->self.id;
    if (s->options.actor_id != 0 && s->options.actor_id != id)
        return;
    const struct top_row row = {{value_of(s->options.sort, a), id}, (uint32_t)id, false};
    top_rows_add(&s->rows, &row);
}

static enum page_step step_visited(struct actorz_state *s)
{
    system_visit_actors(worker_system(), &s->cursor, VISIT, on_actor, s);
    if (s->cursor == 0)
        s->phase = SORTED;
    return PAGE_GOES_ON;
}

static enum page_step step_sorted(struct actorz_state *s)
{
    if (!top_rows_sort(&s->rows, SORT_STEP))
        return PAGE_GOES_ON;
    actorz_begin(&s->page.json, page_server_id(&s->page), s->page.now_ns, s->total);
    s->phase = WRITTEN;
    return PAGE_GOES_ON;
}

/* The slot may have another actor by now: then this row is left out. */
static void write_actor(void *context, const struct actor *a)
{
    struct actorz_state *s = context;
    if (a->self.id != s->rows.rows[s->written].key.cid)
        return;
    struct bytes last[ACTOR_RING];
    size_t last_count = 0;
    uint64_t handled = LOOK(a->messages);
    uint64_t kept = handled < ACTOR_RING ? handled : ACTOR_RING;
    for (uint64_t i = handled - kept; i < handled; i++) { /* oldest first */
        unsigned kind = LOOK(a->ring[i % ACTOR_RING]);
        if (kind < a->class->type_count && a->class->types[kind].name != NULL)
            last[last_count++] = bytes_of(a->class->types[kind].name);
    }
    CHECK(last_count <= ACTOR_RING);
    const struct actorz_row row = {
        .id = a->self.id,
        .actor_class = bytes_of(a->class->name),
        .worker = a->class->pinned ? (int)LOOK(a->home) : -1,
        .messages = handled,
        .bytes = LOOK(a->bytes),
        .busy_ns = (uint64_t)((double)LOOK(a->busy_ticks) * s->ns_per_tick),
        .waited_ns = LOOK(a->waited_ms) * 1000000,
        .depth = LOOK(a->depth),
        .depth_max = LOOK(a->depth_max),
        .last = last,
        .last_count = last_count,
    };
    actorz_row_write(&s->page.json, &row);
}

static enum page_step step_written(struct actorz_state *s)
{
    for (; s->written < s->rows.count; s->written++) {
        if (page_is_full(&s->page))
            return PAGE_GOES_ON;
        uint32_t cursor = (uint32_t)s->rows.rows[s->written].ref;
        system_visit_actors(worker_system(), &cursor, 1, write_actor, s);
    }
    actorz_end(&s->page.json);
    return PAGE_ENDS;
}

static enum page_step actorz_step(struct page *p)
{
    struct actorz_state *s = state_of(p);
    switch (s->phase) {
    case VISITED: return step_visited(s);
    case SORTED: return step_sorted(s);
    case WRITTEN: return step_written(s);
    }
    UNREACHABLE("no phase");
}

static void actorz_done(struct page *p)
{
    top_rows_done(&state_of(p)->rows);
}

const struct page_class page_actorz = {
    .size = sizeof(struct actorz_state),
    .begin = actorz_begin_page,
    .step = actorz_step,
    .done = actorz_done,
};
