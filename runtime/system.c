/* SPDX-License-Identifier: Apache-2.0 */
/* system.c -- the slot table, and the life of a system.
 *
 * Idea        A handle is a slot's index and the generation of the actor in it. A taken slot holds the
 *             actor's pointer; a free one holds, marked by its lowest bit, the generation that its next
 *             actor gets and the next free slot. Slots are found in two loads and never move.
 * Invariants  1 a slot is free only after no reader can hold the pointer that was in it
 *             2 a generation is never used twice; a slot that has used all of them is retired
 *             3 generation 0 and so handle 0 belong to nobody
 * Bounds      SLOT_CHUNKS_MAX * SLOT_CHUNK actors; past that actor_spawn is a failed check (the limits
 *             of connections and accounts are far below).
 */
#include "runtime/system.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/worker.h"

#define FREE_BIT ((uintptr_t)1)
#define NEXT_BITS 24
#define NO_SLOT (((uint32_t)1 << NEXT_BITS) - 1)
#define GENERATION_LAST UINT32_MAX

_Static_assert(sizeof(uintptr_t) == 8, "a free slot keeps generation and next in one word");
_Static_assert((uint64_t)SLOT_CHUNK *SLOT_CHUNKS_MAX <= (uint64_t)NO_SLOT + 1, "slot numbers fit");

static uintptr_t free_word(uint32_t generation, uint32_t next)
{
    return (uintptr_t)generation << 32 | (uintptr_t)next << 1 | FREE_BIT;
}

static uint32_t free_next(uintptr_t word)
{
    return (uint32_t)(word >> 1) & NO_SLOT;
}

static actor_slot *slot_at(struct system *system, uint32_t index)
{
    /* Acquire pairs with the release in chunk_add. */
    actor_slot *chunk =
        atomic_load_explicit(&system->slot_chunks[index / SLOT_CHUNK], memory_order_acquire);
    return chunk == NULL ? NULL : &chunk[index % SLOT_CHUNK];
}

struct actor *system_lookup(struct system *system, struct actor_ref ref)
{
    uint32_t index = (uint32_t)ref.id;
    if (index >= SLOT_CHUNK * SLOT_CHUNKS_MAX)
        return NULL;
    actor_slot *slot = slot_at(system, index);
    if (slot == NULL)
        return NULL;
    /* Acquire pairs with the release in system_slot_take. */
    uintptr_t word = ATOMIC_LOAD(slot, memory_order_acquire);
    if (word & FREE_BIT || word == 0)
        return NULL;
    struct actor *a = (struct actor *)word;
    return ref_equal(a->self, ref) ? a : NULL;
}

static void chunk_add(struct system *system, uint32_t number)
{
    CHECK(number < SLOT_CHUNKS_MAX);
    actor_slot *chunk = calloc(SLOT_CHUNK, sizeof *chunk);
    CHECK(chunk != NULL);
    for (uint32_t i = 0; i < SLOT_CHUNK; i++)
        atomic_init(&chunk[i], free_word(1, NO_SLOT));
    actor_slot *expected = NULL;
    if (!atomic_compare_exchange_strong(&system->slot_chunks[number], &expected, chunk))
        free((void *)chunk); /* another worker was first */
}

static uint32_t slot_pop(struct system *system)
{
    for (;;) {
        /* Acquire, in every round, pairs with the CAS in system_slot_release: the next of this slot
         * must be the one that was written for this head. */
        uint64_t head = ATOMIC_LOAD(&system->slot_free, memory_order_acquire);
        uint32_t index = (uint32_t)head & NO_SLOT;
        if (index == NO_SLOT)
            return NO_SLOT;
        uint32_t next = free_next(ATOMIC_LOAD(slot_at(system, index), memory_order_relaxed));
        uint64_t tagged = ((head >> 32) + 1) << 32 | next;
        if (ATOMIC_CAS(&system->slot_free, &head, tagged, memory_order_acq_rel))
            return index;
    }
}

struct actor_ref system_slot_take(struct system *system, struct actor *a)
{
    uint32_t index = slot_pop(system);
    if (index == NO_SLOT) {
        index = ATOMIC_ADD(&system->slots_made, 1, memory_order_relaxed);
        CHECK(index < NO_SLOT);
        if (slot_at(system, index) == NULL)
            chunk_add(system, index / SLOT_CHUNK);
    }
    actor_slot *slot = slot_at(system, index);
    uintptr_t word = ATOMIC_LOAD(slot, memory_order_relaxed);
    CHECK(word & FREE_BIT);
    uint32_t generation = (uint32_t)(word >> 32);
    struct actor_ref ref = {(uint64_t)generation << 32 | index};
    a->self = ref;
    ATOMIC_STORE(slot, (uintptr_t)a, memory_order_release);
    atomic_fetch_add_explicit(&system->actors, 1, memory_order_relaxed);
    return ref;
}

/* Nobody finds the actor from here on; the slot is not free yet. */
void system_slot_clear(struct system *system, struct actor_ref ref)
{
    ATOMIC_STORE(slot_at(system, (uint32_t)ref.id), 0, memory_order_release);
}

void system_slot_release(struct system *system, struct actor_ref ref)
{
    uint32_t generation = (uint32_t)(ref.id >> 32);
    if (generation == GENERATION_LAST)
        return; /* retired for good */
    uint32_t index = (uint32_t)ref.id;
    actor_slot *slot = slot_at(system, index);
    uint64_t head = ATOMIC_LOAD(&system->slot_free, memory_order_relaxed);
    uint64_t tagged;
    do {
        ATOMIC_STORE(slot, free_word(generation + 1, (uint32_t)head & NO_SLOT),
                     memory_order_relaxed);
        tagged = ((head >> 32) + 1) << 32 | index;
    } while (!ATOMIC_CAS(&system->slot_free, &head, tagged, memory_order_acq_rel));
}

static void wake_all(struct system *system)
{
    for (unsigned i = 0; i < system->worker_count; i++)
        system->world->ops->worker_wake(system->workers[i]);
}

void system_actor_gone(struct system *system)
{
    if (atomic_fetch_sub_explicit(&system->actors, 1, memory_order_acq_rel) == 1)
        wake_all(system); /* the last one: every worker looks and ends */
}

/* --- life --------------------------------------------------------------------------------------- */

static void set_up(struct system *system)
{
    struct world *world = system->world;
    world->ops->entropy(world, &system->seed, sizeof system->seed);
    epoch_init(&system->epoch);
    atomic_init(&system->slot_free, (uint64_t)NO_SLOT);
    for (uint16_t i = 0; i < system->worker_count; i++) {
        system->workers[i] = worker_new(system, i);
        system->heaps[i] = &system->workers[i]->heap;
    }
}

struct system *system_new(struct world *world, const struct system_options *options)
{
    uint16_t count = options->worker_count;
    CHECK(count > 0 && count <= 1024);
    struct system *system = calloc(1, sizeof *system);
    CHECK(system != NULL);
    system->world = world;
    system->worker_count = count;
    system->workers = calloc(count, sizeof *system->workers);
    system->heaps = calloc(count, sizeof *system->heaps);
    system->epoch_slots = aligned_alloc(64, count * sizeof *system->epoch_slots);
    CHECK(system->workers != NULL && system->heaps != NULL && system->epoch_slots != NULL);
    memset(system->epoch_slots, 0, count * sizeof *system->epoch_slots);
    set_up(system);
    for (uint16_t i = 0; i < count; i++)
        if (world->ops->worker_start(world, system->workers[i]) != 0) {
            while (i-- > 0)
                world->ops->worker_stop(system->workers[i]);
            system_free(&system);
            return NULL;
        }
    current_worker = system->workers[0];
    return system;
}

void system_on_worker(struct system *system, uint16_t index, void (*run)(void *context),
                      void *context)
{
    CHECK(index < system->worker_count);
    struct worker *before = current_worker;
    current_worker = system->workers[index];
    run(context);
    current_worker = before;
}

void system_free(struct system **at)
{
    struct system *system = *at;
    *at = NULL;
    for (unsigned pass = 0; pass < 2; pass++) /* what one worker frees may be another's */
        for (unsigned i = 0; i < system->worker_count; i++) {
            current_worker = system->workers[i];
            worker_shutdown(system->workers[i]);
        }
    CHECK(atomic_load_explicit(&system->actors, memory_order_relaxed) == 0);
    for (unsigned i = 0; i < system->worker_count; i++) {
        current_worker = system->workers[i];
        heap_send_home(&system->workers[i]->heap);
        CHECK(system->workers[i]->heap.used_blocks == 0);
    }
    for (unsigned i = 0; i < system->worker_count; i++)
        worker_free(&system->workers[i]);
    for (unsigned i = 0; i < SLOT_CHUNKS_MAX; i++)
        free((void *)atomic_load_explicit(&system->slot_chunks[i], memory_order_relaxed));
    current_worker = NULL;
    free(system->workers);
    free(system->heaps);
    free(system->epoch_slots);
    free(system);
}

uint16_t system_worker_count(const struct system *system)
{
    return system->worker_count;
}

uint32_t system_actor_count(const struct system *system)
{
    return atomic_load_explicit(&system->actors, memory_order_relaxed);
}

struct world *system_world(const struct system *system)
{
    return system->world;
}

uint64_t system_seed(const struct system *system)
{
    return system->seed;
}

double system_ns_per_tick(const struct system *system)
{
    return system->world->ops->ns_per_tick(system->world);
}

int64_t world_wall_ns(struct world *world)
{
    return world->ops->wall_ns(world);
}

void system_visit_actors(struct system *system, uint32_t *cursor, uint32_t count,
                         actor_visit_fn *visit, void *context)
{
    uint32_t made = atomic_load_explicit(&system->slots_made, memory_order_acquire);
    uint32_t index = *cursor;
    for (; index < made && count > 0; index++, count--) {
        actor_slot *slot = slot_at(system, index);
        uintptr_t word = slot == NULL ? 0 : atomic_load_explicit(slot, memory_order_acquire);
        if (word != 0 && !(word & FREE_BIT))
            visit(context, (const struct actor *)word);
    }
    *cursor = index < made ? index : 0;
}
