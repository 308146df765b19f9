/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group_table.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "store/store_state.h"

#define FIRST_CAPACITY 16

void group_table_done(struct group_table *t)
{
    free(t->groups);
    free(t->names);
    *t = (struct group_table){.seed = t->seed};
}

/* --- by number ------------------------------------------------------------------------------------ */

/* Place of the first with a gid not under this one. */
static size_t rank(const struct group_table *t, uint64_t gid)
{
    size_t low = 0;
    size_t high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->groups[middle]->member.gid < gid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct store_group *group_table_find(const struct group_table *t, uint64_t gid)
{
    size_t nth = rank(t, gid);
    return nth < t->count && t->groups[nth]->member.gid == gid ? t->groups[nth] : NULL;
}

struct store_group *group_table_after(const struct group_table *t, uint64_t gid)
{
    size_t nth = gid == UINT64_MAX ? t->count : rank(t, gid + 1);
    return nth < t->count ? t->groups[nth] : NULL;
}

/* --- by name -------------------------------------------------------------------------------------- */

static size_t home(const struct group_table *t, struct bytes account, struct bytes name)
{
    uint64_t hash = hash_bytes(hash_bytes(t->seed, account.at, account.size), name.at, name.size);
    return (size_t)hash & (t->names_size - 1);
}

static size_t home_of(const struct group_table *t, const struct store_group *g)
{
    return home(t, g->account, g->name);
}

static void names_put(struct group_table *t, struct store_group *g)
{
    size_t at = home_of(t, g);
    while (t->names[at] != NULL)
        at = (at + 1) & (t->names_size - 1);
    t->names[at] = g;
}

static void names_grow(struct group_table *t)
{
    free(t->names);
    t->names_size = t->capacity * 2;
    t->names = calloc(t->names_size, sizeof *t->names);
    CHECK(t->names != NULL);
    for (size_t i = 0; i < t->count; i++)
        names_put(t, t->groups[i]);
}

struct store_group *group_table_find_name(const struct group_table *t, struct bytes account,
                                          struct bytes name)
{
    if (t->count == 0)
        return NULL;
    struct store_group *g;
    for (size_t at = home(t, account, name); (g = t->names[at]) != NULL;
         at = (at + 1) & (t->names_size - 1))
        if (bytes_equal(g->account, account) && bytes_equal(g->name, name))
            return g;
    return NULL;
}

/* Empties the group's place and moves back what was pushed past it. */
static void names_remove(struct group_table *t, const struct store_group *g)
{
    size_t mask = t->names_size - 1;
    size_t hole = home_of(t, g);
    while (t->names[hole] != g) {
        CHECK(t->names[hole] != NULL);
        hole = (hole + 1) & mask;
    }
    for (size_t next = (hole + 1) & mask; t->names[next] != NULL; next = (next + 1) & mask) {
        size_t wants = home_of(t, t->names[next]);
        if (((next - wants) & mask) < ((next - hole) & mask))
            continue; /* it is at home, or nearer to it than the hole */
        t->names[hole] = t->names[next];
        hole = next;
    }
    t->names[hole] = NULL;
}

/* --- both ------------------------------------------------------------------------------------------ */

void group_table_add(struct group_table *t, struct store_group *g)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? FIRST_CAPACITY : t->capacity * 2;
        t->groups = realloc(t->groups, t->capacity * sizeof *t->groups);
        CHECK(t->groups != NULL);
        names_grow(t);
    }
    size_t nth = rank(t, g->member.gid);
    CHECK(nth == t->count || t->groups[nth]->member.gid != g->member.gid);
    memmove(&t->groups[nth + 1], &t->groups[nth], (t->count - nth) * sizeof *t->groups);
    t->groups[nth] = g;
    t->count++;
    names_put(t, g);
}

void group_table_remove(struct group_table *t, struct store_group *g)
{
    names_remove(t, g);
    size_t nth = rank(t, g->member.gid);
    CHECK(t->groups[nth] == g);
    t->count--;
    memmove(&t->groups[nth], &t->groups[nth + 1], (t->count - nth) * sizeof *t->groups);
}
