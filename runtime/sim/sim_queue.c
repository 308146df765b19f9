/* SPDX-License-Identifier: Apache-2.0 */
/* sim_queue.c -- what is due later (a heap by time, then by number), sets that are drawn from, tables. */
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/sim/sim_state.h"

static void *grown(void *at, size_t *capacity, size_t size)
{
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    at = realloc(at, *capacity * size);
    CHECK(at != NULL);
    return at;
}

/* --- what is due later -------------------------------------------------------------------------- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->number < b->number;
}

static void swap_events(struct sim_event *a, struct sim_event *b)
{
    struct sim_event kept = *a;
    *a = *b;
    *b = kept;
}

void sim_queue_push(struct sim_queue *queue, struct sim_event event)
{
    if (queue->count == queue->capacity)
        queue->heap = grown(queue->heap, &queue->capacity, sizeof *queue->heap);
    event.number = queue->made++;
    size_t at = queue->count++;
    queue->heap[at] = event;
    for (; at > 0 && before(&queue->heap[at], &queue->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap_events(&queue->heap[at], &queue->heap[(at - 1) / 2]);
}

const struct sim_event *sim_queue_first(const struct sim_queue *queue)
{
    return queue->count == 0 ? NULL : &queue->heap[0];
}

void sim_queue_pop(struct sim_queue *queue)
{
    CHECK(queue->count > 0);
    queue->heap[0] = queue->heap[--queue->count];
    size_t at = 0;
    for (;;) {
        size_t least = at;
        for (size_t child = at * 2 + 1; child <= at * 2 + 2; child++)
            if (child < queue->count && before(&queue->heap[child], &queue->heap[least]))
                least = child;
        if (least == at)
            return;
        swap_events(&queue->heap[at], &queue->heap[least]);
        at = least;
    }
}

void sim_queue_done(struct sim_queue *queue)
{
    free(queue->heap);
    *queue = (struct sim_queue){0};
}

/* --- sets --------------------------------------------------------------------------------------- */

void sim_set_add(struct sim_set *set, struct sim_member *member)
{
    if (member->place != 0)
        return;
    if (set->count == set->capacity)
        set->members = grown(set->members, &set->capacity, sizeof *set->members);
    set->members[set->count++] = member;
    member->place = set->count;
}

void sim_set_remove(struct sim_set *set, struct sim_member *member)
{
    if (member->place == 0)
        return;
    CHECK(member->place <= set->count && set->members[member->place - 1] == member);
    struct sim_member *last = set->members[--set->count];
    set->members[member->place - 1] = last;
    last->place = member->place;
    member->place = 0;
}

void sim_set_done(struct sim_set *set)
{
    CHECK(set->count == 0);
    free(set->members);
    *set = (struct sim_set){0};
}

/* --- tables ------------------------------------------------------------------------------------- */

uint64_t sim_table_add(struct sim_table *table, void *thing)
{
    if (table->count == table->capacity)
        table->at = grown(table->at, &table->capacity, sizeof *table->at);
    table->at[table->count] = thing;
    return table->count++;
}

void *sim_table_get(const struct sim_table *table, uint64_t number)
{
    CHECK(number < table->count);
    return table->at[number];
}

void sim_table_remove(struct sim_table *table, uint64_t number)
{
    CHECK(number < table->count && table->at[number] != NULL);
    table->at[number] = NULL;
}

void sim_table_done(struct sim_table *table)
{
    free(table->at);
    *table = (struct sim_table){0};
}
