/* SPDX-License-Identifier: Apache-2.0 */
#include "store/entry_log.h"

#include <stdlib.h>

#include "runtime/base/check.h"

#define FIRST_CAPACITY 16
#define SHRINK_OVER 1024 /* a ring this large goes when it is empty */

void entry_log_init(struct entry_log *log, uint64_t base)
{
    *log = (struct entry_log){.base = base, .applied = base, .durable = base, .end = base};
}

void entry_log_done(struct entry_log *log)
{
    free(log->ring);
    log->ring = NULL;
    log->capacity = 0;
}

static struct logged *at(const struct entry_log *log, uint64_t index)
{
    return &log->ring[(log->first + (index - log->base - 1)) & (log->capacity - 1)];
}

struct logged *entry_log_at(const struct entry_log *log, uint64_t index)
{
    CHECK(index > log->base && index <= log->end);
    return at(log, index);
}

static void grow(struct entry_log *log)
{
    size_t capacity = log->capacity == 0 ? FIRST_CAPACITY : log->capacity * 2;
    struct logged *ring = malloc(capacity * sizeof *ring);
    CHECK(ring != NULL);
    for (uint64_t i = log->base + 1; i <= log->end; i++)
        ring[i - log->base - 1] = *at(log, i);
    free(log->ring);
    log->ring = ring;
    log->capacity = capacity;
    log->first = 0;
}

void entry_log_push(struct entry_log *log, const struct logged *entry)
{
    if (entry_log_count(log) == log->capacity)
        grow(log);
    log->end++;
    *at(log, log->end) = *entry;
    log->body_bytes += entry->body_size;
}

void entry_log_cover(struct entry_log *log, uint64_t index)
{
    CHECK(index >= log->base && index <= log->applied);
    for (uint64_t i = log->base + 1; i <= index; i++)
        log->body_bytes -= at(log, i)->body_size;
    if (log->capacity > 0)
        log->first = (log->first + (index - log->base)) & (log->capacity - 1);
    log->base = index;
    if (entry_log_count(log) == 0 && log->capacity > SHRINK_OVER)
        entry_log_done(log);
}

void entry_log_cut(struct entry_log *log, uint64_t index)
{
    CHECK(index >= log->applied && index <= log->end);
    for (uint64_t i = index + 1; i <= log->end; i++)
        log->body_bytes -= at(log, i)->body_size;
    log->end = index;
    if (log->durable > index)
        log->durable = index;
}

struct entry entry_log_entry(const struct entry_log *log, uint64_t gid, uint64_t index)
{
    const struct logged *l = entry_log_at(log, index);
    return (struct entry){
        .gid = gid,
        .index = index,
        .term = l->term,
        .kind = (enum entry_kind)l->kind,
        .flags = l->flags,
        .seal = l->seal,
        .time_ns = l->time_ns,
        .body = {l->body, l->body_size},
        .body_hash = l->body_hash,
    };
}

void entry_log_check(const struct entry_log *log)
{
    CHECK(log->base <= log->applied && log->applied <= log->durable && log->durable <= log->end);
    CHECK(entry_log_count(log) <= log->capacity || log->capacity == 0);
    uint64_t bytes = 0;
    for (uint64_t i = log->base + 1; i <= log->end; i++)
        bytes += at(log, i)->body_size;
    CHECK(bytes == log->body_bytes);
}
