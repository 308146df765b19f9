/* SPDX-License-Identifier: Apache-2.0 */
/* actor.c -- an actor's beginning and end, and what it asks of its worker: timers, gauges, clocks, memory.
 *
 * An actor that ends is taken from its slot at once; its memory and the slot go when no reader can hold
 * its pointer (epoch.h). One that ends in an event while it is queued is retired when it comes out of its
 * queue (worker.c).
 */
#include "runtime/actor.h"

#include <string.h>

#include "runtime/base/check.h"
#include "runtime/system.h"
#include "runtime/worker.h"

/* --- life --------------------------------------------------------------------------------------- */

void actor_exit(struct actor *a)
{
    DCHECK(current_worker->running == a);
    a->exiting = true;
}

struct dead {
    struct reclaim_entry entry;
    struct actor *actor;
};

static void dead_done(struct reclaim_entry *entry)
{
    struct dead *dead = (struct dead *)(void *)entry;
    struct system *system = dead->actor->system;
    system_slot_release(system, dead->actor->self);
    mem_free(dead->actor);
    mem_free(dead);
    system_actor_gone(system);
}

static void unlist_flush(struct worker *w, struct actor *a)
{
    if (!a->flush_queued)
        return;
    struct actor **at = &w->flush_first;
    w->flush_last = NULL;
    while (*at != NULL) {
        if (*at == a)
            *at = a->flush_next;
        if (*at != NULL) {
            w->flush_last = *at;
            at = &(*at)->flush_next;
        }
    }
}

bool worker_bury(struct worker *w, struct actor *a)
{
    bool idle;
    struct msg *newer = mailbox_close(&a->inbox, &idle);
    struct msg *rest[2] = {a->todo, newer};
    a->todo = NULL;
    for (int i = 0; i < 2; i++)
        while (rest[i] != NULL) {
            struct msg *m = rest[i];
            rest[i] = m->next;
            worker_drop(w, m);
        }
    unlist_flush(w, a);
    a->class->done(a);
    CHECK(a->timers_armed == 0);
    system_slot_clear(w->system, a->self);
    return idle;
}

void worker_retire(struct worker *w, struct actor *a)
{
    struct dead *dead = mem_alloc(sizeof *dead);
    dead->entry.done = dead_done;
    dead->actor = a;
    epoch_defer(&w->retired, &dead->entry);
}

struct actor *actor_spawn(const struct actor_class *class, size_t size)
{
    struct worker *w = current_worker;
    CHECK(size >= sizeof(struct actor));
    struct actor *a = mem_alloc(size);
    a->class = class;
    a->system = w->system;
    atomic_init(&a->home, w->index);
    (void)system_slot_take(w->system, a); /* sets a->self before others can see it */
    return a;
}

void actor_flush_later(struct actor *a)
{
    struct worker *w = current_worker;
    if (a->flush_queued)
        return;
    CHECK(a->class->flush != NULL && a->class->pinned);
    a->flush_queued = true;
    a->flush_next = NULL;
    if (w->flush_first == NULL)
        w->flush_first = a;
    else
        w->flush_last->flush_next = a;
    w->flush_last = a;
}

void actor_worked(struct actor *a, size_t bytes)
{
    a->turn_bytes += bytes;
}
/* --- what actors ask of their worker ------------------------------------------------------------ */

enum pressure actor_pressure(struct actor_ref target)
{
    const struct actor *a = system_lookup(current_worker->system, target);
    if (a == NULL)
        return PRESSURE_CLOSED;
    enum pressure own = (enum pressure)atomic_load_explicit(&a->pressure, memory_order_relaxed);
    bool crowded = atomic_load_explicit(&a->inflight, memory_order_relaxed) > INFLIGHT_HIGH;
    return own == PRESSURE_CALM && crowded ? PRESSURE_HIGH : own;
}

void actor_set_pressure(struct actor *a, enum pressure pressure)
{
    atomic_store_explicit(&a->pressure, (uint8_t)pressure, memory_order_relaxed);
}

int64_t actor_inflight_add(struct actor_ref target, int64_t bytes)
{
    struct actor *a = system_lookup(current_worker->system, target);
    if (a == NULL)
        return 0;
    return atomic_fetch_add_explicit(&a->inflight, bytes, memory_order_relaxed) + bytes;
}

void timer_arm(struct timer *timer, struct actor *self, uint32_t which, uint64_t delay_ms)
{
    struct worker *w = current_worker;
    DCHECK(self->class->pinned && COUNTER_GET(&self->home) == w->index);
    timer_cancel(timer);
    timer->owner = self->self;
    timer->which = which;
    timer->number = 0;
    wheel_add(&w->wheel, timer, w->clock_ms + (delay_ms == 0 ? 1 : delay_ms));
    self->timers_armed++;
    CHECK(self->timers_armed > 0);
}

void worker_timer_left(struct worker *w, const struct timer *timer)
{
    struct actor *owner = system_lookup(w->system, timer->owner);
    CHECK(owner != NULL && owner->timers_armed > 0);
    owner->timers_armed--;
}

void timer_cancel(struct timer *timer)
{
    struct worker *w = current_worker;
    if (!timer_armed(timer))
        return;
    wheel_remove(&w->wheel, timer);
    worker_timer_left(w, timer);
}

uint32_t actor_after(struct actor *self, uint32_t which, uint64_t delay_ms)
{
    struct worker *w = current_worker;
    struct timer *timer = mem_alloc(sizeof *timer);
    timer->owner = self->self;
    timer->which = which;
    timer->number = (uint32_t)prng_next(&w->prng) | 1;
    uint32_t number = timer->number;
    wheel_add(&w->wheel, timer, w->clock_ms + (delay_ms == 0 ? 1 : delay_ms));
    return number;
}

uint64_t now_ms(void)
{
    return current_worker->clock_ms;
}

uint64_t now_ns(void)
{
    return current_worker->clock_ns;
}

int64_t wall_ns(void)
{
    return world_wall_ns(current_worker->system->world);
}

struct prng *worker_prng(void)
{
    return &current_worker->prng;
}

unsigned worker_index(void)
{
    return current_worker->index;
}

struct system *worker_system(void)
{
    return current_worker->system;
}

struct actor *worker_running(void)
{
    return current_worker->running;
}

struct reclaimer *worker_reclaimer(void)
{
    return &current_worker->reclaimer;
}

void *worker_local(unsigned key, void *(*make)(void), void (*free_)(void *))
{
    CHECK(key < WORKER_LOCALS);
    struct worker_slot *slot = &current_worker->locals[key];
    if (slot->state == NULL) {
        slot->state = make();
        slot->free_ = free_;
    }
    return slot->state;
}

void *mem_alloc(size_t size)
{
    void *at = heap_alloc(&current_worker->heap, size);
    memset(at, 0, size);
    return at;
}

void mem_free(void *at)
{
    heap_free(&current_worker->heap, at);
}
