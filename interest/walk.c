/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/walk.h"

#include <stdlib.h>

#include "interest/index.h"
#include "interest/subscribers.h"

enum {
    FOUND_MIN = 16,
};

void walk_done(struct walk *w)
{
    free(w->plain.at);
    free(w->queued.at);
    free(w->many);
    *w = (struct walk){0};
}

/* -- collecting ------------------------------------------------------------------------------ */

static struct found *found_room(struct found_list *list, size_t more)
{
    if (list->count + more > list->capacity) {
        size_t capacity = list->capacity == 0 ? FOUND_MIN : list->capacity * 2;
        while (capacity < list->count + more)
            capacity *= 2;
        list->at = realloc(list->at, capacity * sizeof(*list->at));
        CHECK(list->at != NULL);
        list->capacity = capacity;
    }
    return &list->at[list->count];
}

static void collect_list(struct found_list *to, const struct interest *in, const struct list *list,
                         uint32_t name)
{
    for (uint32_t id = follow(&list->head); id != 0;) {
        const struct block *b = pool_at(&in->pool, id);
        /* Pairs with list_add. A position that is removed now is written after our section. */
        uint64_t live = atomic_load_explicit(&b->live, memory_order_acquire);
        struct found *f = found_room(to, (size_t)__builtin_popcountll(live));
        for (; live != 0; live &= live - 1) {
            const struct ref *ref = &b->refs[__builtin_ctzll(live)];
            *f++ = (struct found){ref->conn, ref->slot, ref->sid, name};
        }
        to->count = (size_t)(f - to->at);
        id = follow(&b->next);
    }
}

static void collect_entry(struct walk *w, const struct interest *in, uint32_t id)
{
    const struct entry *e = entry_at(in, id);
    uint64_t conn = atomic_load_explicit(&e->conn, memory_order_acquire);
    if (conn != 0) {
        *found_room(&w->plain, 1) = (struct found){conn, e->slot, e->sid, 0};
        w->plain.count++;
    }
    uint32_t more_id = follow(&e->more);
    if (more_id == 0)
        return;
    const struct more *more = pool_at(&in->pool, more_id);
    collect_list(&w->plain, in, &more->plain, 0);
    for (uint32_t g = follow(&more->groups); g != 0;) {
        const struct group *group = pool_at(&in->pool, g);
        collect_list(&w->queued, in, &group->members, group->name);
        g = follow(&group->next);
    }
}

static bool list_any(const struct interest *in, const struct list *list)
{
    for (uint32_t id = follow(&list->head); id != 0;) {
        const struct block *b = pool_at(&in->pool, id);
        if (atomic_load_explicit(&b->live, memory_order_acquire) != 0)
            return true;
        id = follow(&b->next);
    }
    return false;
}

static bool entry_any(const struct interest *in, uint32_t id)
{
    const struct entry *e = entry_at(in, id);
    if (atomic_load_explicit(&e->conn, memory_order_acquire) != 0)
        return true;
    uint32_t more_id = follow(&e->more);
    if (more_id == 0)
        return false;
    const struct more *more = pool_at(&in->pool, more_id);
    if (list_any(in, &more->plain))
        return true;
    for (uint32_t g = follow(&more->groups); g != 0;) {
        const struct group *group = pool_at(&in->pool, g);
        if (list_any(in, &group->members))
            return true;
        g = follow(&group->next);
    }
    return false;
}

/* -- the trie -------------------------------------------------------------------------------- */

/* What a walk does with an entry; true ends the walk. */
static bool on_entry(struct walk *w, const struct interest *in, uint32_t id, bool any_is_enough)
{
    if (any_is_enough)
        return entry_any(in, id);
    collect_entry(w, in, id);
    return false;
}

static struct walk_step *steps_of(struct walk *w)
{
    return w->many != NULL ? w->many : w->few;
}

static void step_push(struct walk *w, size_t *count, uint32_t node, uint32_t offset)
{
    size_t capacity = w->many != NULL ? w->many_capacity : WALK_STEPS_FEW;
    if (*count == capacity) {
        struct walk_step *many = malloc(capacity * 2 * sizeof(*many));
        CHECK(many != NULL);
        memcpy(many, steps_of(w), capacity * sizeof(*many));
        free(w->many);
        w->many = many;
        w->many_capacity = capacity * 2;
    }
    steps_of(w)[(*count)++] = (struct walk_step){node, offset};
}

static bool walk_patterns(struct walk *w, const struct interest *in, uint32_t root,
                          struct bytes subject, bool any_is_enough)
{
    size_t count = 0;
    step_push(w, &count, root, 0);
    while (count > 0) {
        struct walk_step step = steps_of(w)[--count];
        const struct entry *node = entry_at(in, step.node);
        uint32_t rest = follow(&node->rest);
        if (rest != 0 && on_entry(w, in, rest, any_is_enough))
            return true;
        struct bytes token = {subject.at + step.offset, subject.size - step.offset};
        const char *dot = memchr(token.at, '.', token.size);
        if (dot != NULL)
            token.size = (size_t)(dot - token.at);
        uint32_t ways[2] = {follow(&node->star), 0};
        if (follow(&node->edges) != 0)
            ways[1] = edge_find(in, step.node, token, edge_hash(step.node, text_hash(in, token)));
        for (int i = 0; i < 2; i++) {
            if (ways[i] == 0)
                continue;
            if (dot != NULL) {
                step_push(w, &count, ways[i], (uint32_t)(dot + 1 - subject.at));
            } else if (on_entry(w, in, ways[i], any_is_enough)) {
                return true;
            }
        }
    }
    return false;
}

static bool has_empty_token(struct bytes subject)
{
    if (subject.size == 0 || subject.at[0] == '.' || subject.at[subject.size - 1] == '.')
        return true;
    for (size_t i = 1; i < subject.size; i++) {
        if (subject.at[i] == '.' && subject.at[i - 1] == '.')
            return true;
    }
    return false;
}

static bool walk_all(struct walk *w, const struct interest *in, struct bytes subject,
                     bool any_is_enough)
{
    uint32_t literal = literal_find(in, subject, text_hash(in, subject));
    if (literal != 0 && on_entry(w, in, literal, any_is_enough))
        return true;
    uint32_t root = follow(&in->root);
    if (root == 0 || has_empty_token(subject))
        return false;
    return walk_patterns(w, in, root, subject, any_is_enough);
}

void walk_collect(struct walk *w, const struct interest *in, struct bytes subject)
{
    w->plain.count = 0;
    w->queued.count = 0;
    (void)walk_all(w, in, subject, false);
}

bool interest_match_any(const struct interest *in, struct bytes subject)
{
    if (subject.size == 0)
        return false;
    struct walk w = {0};
    bool any = walk_all(&w, in, subject, true);
    walk_done(&w);
    return any;
}

void walk_stamp_places(const struct interest *in, const struct stamps *s, struct bytes subject,
                       struct stamps_taken *taken)
{
    struct bytes first = subject;
    const char *dot = subject.size == 0 ? NULL : memchr(subject.at, '.', subject.size);
    if (dot != NULL)
        first.size = (size_t)(dot - subject.at);
    uint32_t first_hash = text_hash(in, first);
    uint32_t second_place = stamps_place_first(s, first_hash);
    if (dot != NULL) {
        struct bytes second = {dot + 1, subject.size - first.size - 1};
        const char *end = second.size == 0 ? NULL : memchr(second.at, '.', second.size);
        if (end != NULL)
            second.size = (size_t)(end - second.at);
        second_place = stamps_place_second(s, first_hash, text_hash(in, second));
    }
    taken->index[0] = (uint16_t)stamps_place_first(s, first_hash);
    taken->index[1] = (uint16_t)second_place;
    taken->index[2] = (uint16_t)stamps_place_literal(s, text_hash(in, subject));
}
