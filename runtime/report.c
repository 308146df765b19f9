/* SPDX-License-Identifier: Apache-2.0 */
/* report.c -- a panic's second half: which actor, which message, what before it.
 *
 * Runs in a broken process, on the thread that failed: it reads that thread's worker and allocates
 * nothing. A pointer may be bad; a second fault ends the process with the first line already printed.
 */
#include "runtime/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/check.h"
#include "runtime/worker.h"

static const char *kind_name(const struct actor_class *class, uint8_t kind)
{
    return class->types != NULL && kind < class->type_count ? class->types[kind].name : "?";
}

/* The ring's kinds, newest first; the current message is the newest. */
static void print_ring(const struct actor *a)
{
    unsigned valid = a->ring_at;
    if (valid > ACTOR_RING || COUNTER_GET(&a->messages) >= ACTOR_RING)
        valid = ACTOR_RING;
    fprintf(stderr, "  last messages, newest first:");
    for (unsigned i = 1; i <= valid; i++) {
        uint8_t kind = COUNTER_GET(&a->ring[(uint8_t)(a->ring_at - i) % ACTOR_RING]);
        fprintf(stderr, " %s", kind_name(a->class, kind));
    }
    fprintf(stderr, "%s\n", valid == 0 ? " none" : "");
}

static void print_actor(const struct worker *w, const struct actor *a)
{
    uint64_t id = a->self.id;
    fprintf(stderr, "  actor %s %" PRIu32 ".%" PRIu32 " (%s)\n", a->class->name, (uint32_t)id,
            (uint32_t)(id >> 32), a->class->pinned ? "pinned" : "floating");
    const struct msg *m = w->current;
    if (m == NULL)
        fprintf(stderr, "  in an event, not a message\n");
    else
        fprintf(stderr, "  handling %s, tag %" PRIu32 "\n", m->type->name, m->tag);
    print_ring(a);
}

void report_print(void)
{
    const struct worker *w = current_worker;
    if (w == NULL) {
        fprintf(stderr, "  on a thread that is no worker\n");
        return;
    }
    const struct system *system = w->system;
    fprintf(stderr, "  worker %u of %u, world %s, at %" PRIu64 " ms\n", (unsigned)w->index,
            (unsigned)system->worker_count, system->world->ops->name, w->clock_ms);
    if (system->world->ops->replay_seed != NULL)
        fprintf(stderr, "  seed %" PRIu64 "\n", system->world->ops->replay_seed(system->world));
    if (w->running == NULL)
        fprintf(stderr, "  between turns\n");
    else
        print_actor(w, w->running);
}

void report_install(void)
{
    panic_set_reporter(report_print);
}
