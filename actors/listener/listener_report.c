/* SPDX-License-Identifier: Apache-2.0 */
/* listener_report.c -- see listener_report.h.
 *
 * The handles of a worker's clients go out as one copy, since a list that changes cannot be read in
 * slices without losing some: 8 bytes each, which a turn copies for 100,000 in some 50 microseconds.
 */
#include "actors/listener/listener_report.h"

#include <string.h>

#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/buf.h"

#define RECORDS_FIRST 64u
#define CLOSED_SLICE_MAX 1024u

void listener_reported_drop(struct msg *m)
{
    mem_free(((struct listener_reported *)(void *)m)->clients);
}

void listener_closed_told_drop(struct msg *m)
{
    struct listener_closed_told *told = (struct listener_closed_told *)(void *)m;
    for (uint32_t i = 0; i < told->count; i++)
        buf_unref(&told->records[i]);
    mem_free(told->records);
}

void listener_client_closed_drop(struct msg *m)
{
    buf_unref(&((struct listener_client_closed *)(void *)m)->record);
}

void listener_less_drop(struct msg *m)
{
    buf_unref(&((struct listener_less *)(void *)m)->record);
}

/* --- the ring ----------------------------------------------------------------------------------- */

void closed_ring_init(struct closed_ring *ring, uint32_t most)
{
    *ring = (struct closed_ring){.most = most};
}

void closed_ring_done(struct closed_ring *ring)
{
    for (uint32_t i = 0; i < ring->capacity; i++)
        buf_unref(&ring->records[i]);
    mem_free(ring->records);
    *ring = (struct closed_ring){0};
}

uint64_t closed_ring_first(const struct closed_ring *ring)
{
    return ring->count > ring->most ? ring->count - ring->most : 0;
}

/* It grows while it is not full for the first time: so a record's number is its place. */
static void ring_grow(struct closed_ring *ring)
{
    uint32_t capacity = ring->capacity == 0 ? RECORDS_FIRST : ring->capacity * 2;
    if (capacity > ring->most)
        capacity = ring->most;
    struct buf **records = mem_alloc(capacity * sizeof(struct buf *));
    if (ring->capacity > 0)
        memcpy(records, ring->records, ring->capacity * sizeof(struct buf *));
    mem_free(ring->records);
    ring->records = records;
    ring->capacity = capacity;
}

void closed_ring_add(struct closed_ring *ring, struct buf **record)
{
    if (*record == NULL || ring->most == 0) {
        buf_unref(record);
        return;
    }
    if (ring->count == ring->capacity && ring->capacity < ring->most)
        ring_grow(ring);
    CHECK(ring->capacity > 0 && ring->capacity <= ring->most);
    struct buf **place = &ring->records[ring->count++ % ring->capacity];
    buf_unref(place);
    *place = *record;
    *record = NULL;
}

/* --- answers ------------------------------------------------------------------------------------ */

void listener_answer_report(struct listener_report *m, const struct listener_figures *figures)
{
    struct listener_reported *answer = (struct listener_reported *)(void *)msg_alloc(m->answer);
    answer->connections = figures->connections;
    answer->listening = figures->listening;
    if (m->clients && figures->client_count > 0) {
        answer->clients = mem_alloc(figures->client_count * sizeof *answer->clients);
        memcpy(answer->clients, figures->clients, figures->client_count * sizeof *answer->clients);
        answer->client_count = figures->client_count;
    }
    struct reply reply = reply_take(&m->msg);
    reply_send(&reply, &answer->msg);
}

void listener_answer_closed(struct listener_closed *m, const struct closed_ring *ring)
{
    struct listener_closed_told *answer =
        (struct listener_closed_told *)(void *)msg_alloc(m->answer);
    uint64_t first = closed_ring_first(ring);
    uint64_t from = m->from < first ? first : m->from;
    uint64_t left = from < ring->count ? ring->count - from : 0;
    uint32_t count = m->count_max < CLOSED_SLICE_MAX ? m->count_max : CLOSED_SLICE_MAX;
    count = left < count ? (uint32_t)left : count;
    answer->from = from;
    CHECK(from + count <= ring->count || count == 0);
    answer->more = left > count;
    answer->count = count;
    if (count > 0)
        answer->records = mem_alloc(count * sizeof(struct buf *));
    for (uint32_t i = 0; i < count; i++)
        answer->records[i] = buf_ref(ring->records[(from + i) % ring->capacity]);
    struct reply reply = reply_take(&m->msg);
    reply_send(&reply, &answer->msg);
}
