/* SPDX-License-Identifier: Apache-2.0 */
#include "actors/listener/members.h"

#include <string.h>

#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/base/hash.h"

#define FIRST 64u

static uint32_t home(const struct members *members, struct actor_ref ref)
{
    return (uint32_t)hash_u64(ref.id) & (members->capacity * 2 - 1);
}

static void table_put(struct members *members, uint32_t position)
{
    uint32_t mask = members->capacity * 2 - 1;
    uint32_t at = home(members, members->refs[position]);
    while (members->table[at] != 0)
        at = (at + 1) & mask;
    members->table[at] = position + 1;
}

static void grow(struct members *members)
{
    uint32_t capacity = members->capacity == 0 ? FIRST : members->capacity * 2;
    struct actor_ref *refs = mem_alloc(capacity * sizeof *refs);
    if (members->count > 0)
        memcpy(refs, members->refs, members->count * sizeof *refs);
    mem_free(members->refs);
    mem_free(members->table);
    members->refs = refs;
    members->capacity = capacity;
    members->table = mem_alloc((size_t)capacity * 2 * sizeof *members->table);
    for (uint32_t i = 0; i < members->count; i++)
        table_put(members, i);
}

void members_add(struct members *members, struct actor_ref ref)
{
    if (members->count == members->capacity)
        grow(members);
    members->refs[members->count++] = ref;
    table_put(members, members->count - 1);
}

/* The place in the table that names the position of ref; capacity * 2 when there is none. */
static uint32_t table_find(const struct members *members, struct actor_ref ref)
{
    uint32_t mask = members->capacity * 2 - 1;
    for (uint32_t at = home(members, ref); members->table[at] != 0; at = (at + 1) & mask)
        if (ref_equal(members->refs[members->table[at] - 1], ref))
            return at;
    return members->capacity * 2;
}

/* Empties a place and moves back what was pushed past it. */
static void table_clear(struct members *members, uint32_t hole)
{
    uint32_t mask = members->capacity * 2 - 1;
    for (uint32_t next = (hole + 1) & mask; members->table[next] != 0; next = (next + 1) & mask) {
        uint32_t wants = home(members, members->refs[members->table[next] - 1]);
        if (((next - wants) & mask) < ((next - hole) & mask))
            continue; /* it is at home, or nearer to it than the hole */
        members->table[hole] = members->table[next];
        hole = next;
    }
    members->table[hole] = 0;
}

bool members_remove(struct members *members, struct actor_ref ref)
{
    if (members->count == 0)
        return false;
    uint32_t at = table_find(members, ref);
    if (at == members->capacity * 2)
        return false;
    uint32_t position = members->table[at] - 1;
    table_clear(members, at);
    uint32_t last = --members->count;
    if (position == last)
        return true;
    uint32_t moved = table_find(members, members->refs[last]);
    CHECK(moved < members->capacity * 2);
    members->table[moved] = position + 1;
    members->refs[position] = members->refs[last];
    return true;
}

void members_done(struct members *members)
{
    mem_free(members->refs);
    mem_free(members->table);
    *members = (struct members){0};
}
