/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c -- all subscriptions in slices, and the invariants of the index. The writer's. */
#include <stdlib.h>

#include "interest/index.h"
#include "interest/sid.h"
#include "interest/state.h"
#include "interest/trie.h"

/* One slice under way. */
struct scan {
    const struct interest *in;
    interest_visit_fn *visit;
    void *context;
    uint32_t skip; /* of the entry at hand: subscribers still to pass over */
    uint32_t seen; /* and those visited */
    uint32_t left; /* in this slice */
    struct interest_item item;
};

/* False when the slice is full before this one. */
static bool scan_ref(struct scan *s, const struct ref *ref)
{
    if (s->skip > 0) {
        s->skip--;
        return true;
    }
    if (s->left == 0)
        return false;
    char number[SID_NUMBER_SIZE_MAX];
    s->item.sid = sid_text(s->in, ref->sid, number);
    s->item.conn = ref->conn;
    s->item.slot = ref->slot;
    s->visit(s->context, &s->item);
    s->seen++;
    s->left--;
    return true;
}

static bool scan_list(struct scan *s, const struct list *list)
{
    for (uint32_t id = own(&list->head); id != 0;) {
        const struct block *b = pool_at(&s->in->pool, id);
        uint64_t live = atomic_load_explicit(&b->live, memory_order_relaxed);
        for (; live != 0; live &= live - 1) {
            if (!scan_ref(s, &b->refs[__builtin_ctzll(live)]))
                return false;
        }
        id = own(&b->next);
    }
    return true;
}

static bool scan_entry(struct scan *s, const struct entry *e)
{
    s->item.queue = (struct bytes){"", 0};
    struct ref first = {atomic_load_explicit(&e->conn, memory_order_relaxed), e->slot, e->sid};
    if (first.conn != 0 && !scan_ref(s, &first))
        return false;
    uint32_t more_id = own(&e->more);
    if (more_id == 0)
        return true;
    const struct more *more = pool_at(&s->in->pool, more_id);
    if (!scan_list(s, &more->plain))
        return false;
    for (uint32_t id = own(&more->groups); id != 0;) {
        const struct group *g = pool_at(&s->in->pool, id);
        s->item.queue = interest_queue(s->in, g->name);
        if (!scan_list(s, &g->members))
            return false;
        id = own(&g->next);
    }
    return true;
}

/* The entry's subject in memory that grows when it must. */
static struct bytes scan_subject(const struct interest *in, uint32_t id, char **buffer,
                                 size_t *capacity)
{
    size_t size = trie_subject(in, id, *buffer, *capacity);
    if (size > *capacity) {
        free(*buffer);
        *buffer = malloc(size);
        CHECK(*buffer != NULL);
        *capacity = size;
        size = trie_subject(in, id, *buffer, *capacity);
    }
    return (struct bytes){*buffer, size};
}

bool interest_scan(const struct interest *in, struct interest_cursor *cursor, uint32_t count_max,
                   interest_visit_fn *visit, void *context)
{
    CHECK(count_max > 0);
    struct scan s = {.in = in, .visit = visit, .context = context, .left = count_max};
    char *buffer = NULL;
    size_t capacity = 0;
    bool whole = true;
    uint32_t id = pool_next_entry(&in->pool, cursor->entry);
    if (id != cursor->entry)
        cursor->skip = 0;
    while (id != 0 && whole) {
        const struct entry *e = entry_at(in, id);
        s.skip = cursor->skip;
        s.seen = cursor->skip;
        bool any = atomic_load_explicit(&e->conn, memory_order_relaxed) != 0 || own(&e->more) != 0;
        if (any) {
            s.item.subject = scan_subject(in, id, &buffer, &capacity);
            whole = scan_entry(&s, e);
        }
        cursor->entry = id;
        cursor->skip = s.seen;
        if (whole) {
            cursor->entry = id + 1;
            cursor->skip = 0;
            id = pool_next_entry(&in->pool, id + 1);
        }
    }
    free(buffer);
    return id != 0;
}

/* -- invariants ------------------------------------------------------------------------------ */

static uint32_t check_list(const struct interest *in, uint32_t owner, const struct list *list)
{
    uint32_t count = 0;
    uint32_t prev = 0;
    for (uint32_t id = own(&list->head); id != 0;) {
        const struct block *b = pool_at(&in->pool, id);
        uint64_t live = atomic_load_explicit(&b->live, memory_order_relaxed);
        CHECK(live != 0 && (live & b->free) == 0 && !b->dead && b->owner == owner);
        CHECK(b->prev == prev && (live >> b->capacity) == 0);
        CHECK(__builtin_popcountll(live) + __builtin_popcountll(b->free) + b->pending ==
              b->capacity);
        count += (uint32_t)__builtin_popcountll(live);
        prev = id;
        id = own(&b->next);
    }
    CHECK(count == list->count);
    return count;
}

static uint32_t check_entry(const struct interest *in, uint32_t id)
{
    const struct entry *e = entry_at(in, id);
    CHECK(e->kind >= ENTRY_LITERAL && e->kind <= ENTRY_REST);
    uint32_t count = atomic_load_explicit(&e->conn, memory_order_relaxed) != 0;
    uint32_t more_id = own(&e->more);
    if (more_id == 0)
        return count;
    const struct more *more = pool_at(&in->pool, more_id);
    CHECK(more->entry == id);
    count += check_list(in, more_id, &more->plain);
    for (uint32_t g_id = own(&more->groups); g_id != 0;) {
        const struct group *g = pool_at(&in->pool, g_id);
        CHECK(g->entry == id && g->name != 0 && g->members.count > 0);
        count += check_list(in, g_id, &g->members);
        g_id = own(&g->next);
    }
    CHECK(count > 0);
    return count;
}

void interest_check(const struct interest *in)
{
    uint64_t count = 0;
    for (uint32_t id = pool_next_entry(&in->pool, 0); id != 0;
         id = pool_next_entry(&in->pool, id + 1))
        count += check_entry(in, id);
    CHECK(count == in->subscriptions);
    CHECK(in->inserts - in->removes == in->subscriptions);
}
