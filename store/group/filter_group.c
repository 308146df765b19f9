/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/filter_group.h"

#include <errno.h>
#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "runtime/base/list.h"
#include "store/format/buffer.h"
#include "store/group/filter_index.h"
#include "store/msglog.h"

struct filter_early {
    struct link link;
    struct filter_member *member;
    uint64_t position;
    uint64_t counted_to;
    uint64_t end;   /* last_seq when the count began */
    uint64_t lasts; /* up to here it wants last ones only; 0: no */
    uint64_t below; /* in (position, counted_to], up to lasts */
    uint64_t above; /* in (position, counted_to], beyond lasts */
    uint64_t since; /* came after end */
};

struct filter_group {
    struct filter_groups *groups;
    struct link link; /* among those that a walk has found */
    char *key;        /* given: the filters, encoded */
    size_t key_size;
    uint32_t filter_count;
    uint32_t hint;         /* slot of who said yes last */
    struct bytes *filters; /* into key */
    struct filter_node *nodes;
    struct link early;
    uint64_t total;
    uint64_t low;
    uint64_t high;
    uint32_t count;
    uint32_t capacity;
    uint64_t *position; /* given, with the next two in the same allocation; by slot */
    uint64_t *behind;
    struct filter_member **members;
    uint64_t walk; /* number of the walk that found it last */
};

struct filter_groups {
    struct filter_index index;
    struct filter_group *everything; /* of those without a filter */
    uint64_t last_seq;
    uint64_t walk;
    uint32_t count;
};

/* --- groups ----------------------------------------------------------------------------------- */

struct filter_groups *filter_groups_new(uint64_t seed)
{
    struct filter_groups *g = calloc(1, sizeof *g);
    CHECK(g != NULL);
    filter_index_init(&g->index, seed);
    return g;
}

void filter_groups_free(struct filter_groups **groups)
{
    struct filter_groups *g = *groups;
    *groups = NULL;
    if (g == NULL)
        return;
    CHECK(g->count == 0 && g->everything == NULL);
    filter_index_done(&g->index);
    free(g);
}

static struct filter_group *group_find(struct filter_groups *g, struct bytes key, uint32_t count)
{
    if (count == 0)
        return g->everything;
    struct cursor c = cursor_of(key);
    struct bytes first = cursor_bytes(&c);
    struct filter_node *node = NULL;
    while ((node = filter_index_find(&g->index, first, node)) != NULL) {
        struct filter_group *group = node->group;
        if (group->filter_count == count &&
            bytes_equal((struct bytes){group->key, group->key_size}, key))
            return group;
    }
    return NULL;
}

static void add_filters(struct filter_groups *g, struct filter_group *group)
{
    struct cursor c = cursor_of((struct bytes){group->key, group->key_size});
    for (uint32_t i = 0; i < group->filter_count; i++) {
        group->filters[i] = cursor_bytes(&c);
        group->nodes[i] = (struct filter_node){.filter = group->filters[i], .group = group};
        filter_index_add(&g->index, &group->nodes[i]);
    }
    CHECK(cursor_is_at_end(&c));
}

static struct filter_group *group_new(struct filter_groups *g, struct bytes key, uint32_t count)
{
    size_t each = sizeof(struct filter_node) + sizeof(struct bytes);
    struct filter_group *group = calloc(1, sizeof *group + count * each + key.size);
    CHECK(group != NULL);
    group->groups = g;
    group->nodes = (struct filter_node *)(group + 1);
    group->filters = (struct bytes *)(group->nodes + count);
    group->key = (char *)(group->filters + count);
    group->key_size = key.size;
    group->filter_count = count;
    list_init(&group->early);
    g->count++;
    if (count == 0) {
        g->everything = group;
        return group;
    }
    memcpy(group->key, key.at, key.size);
    add_filters(g, group);
    return group;
}

/* When nobody is in it any more. */
static void group_leave(struct filter_groups *g, struct filter_group *group)
{
    if (group->count > 0 || !list_empty(&group->early))
        return;
    for (uint32_t i = 0; i < group->filter_count; i++)
        filter_index_remove(&g->index, &group->nodes[i]);
    if (group->filter_count == 0)
        g->everything = NULL;
    g->count--;
    free(group->position);
    free(group);
}

/* --- members in the arrays -------------------------------------------------------------------- */

static void grow(struct filter_group *group)
{
    uint32_t capacity = group->capacity == 0 ? 1 : group->capacity * 2;
    uint64_t *position = malloc(capacity * (2 * sizeof(uint64_t) + sizeof(struct filter_member *)));
    CHECK(position != NULL);
    uint64_t *behind = position + capacity;
    struct filter_member **members = (struct filter_member **)(behind + capacity);
    if (group->count > 0) {
        memcpy(position, group->position, group->count * sizeof *position);
        memcpy(behind, group->behind, group->count * sizeof *behind);
        memcpy(members, group->members, group->count * sizeof *members);
    }
    free(group->position);
    group->position = position;
    group->behind = behind;
    group->members = members;
    group->capacity = capacity;
}

static void slot_add(struct filter_member *m, uint64_t position, uint64_t ahead)
{
    struct filter_group *group = m->group;
    if (group->count == group->capacity)
        grow(group);
    if (group->count == 0) {
        group->low = position;
        group->high = position;
    }
    group->low = position < group->low ? position : group->low;
    group->high = position > group->high ? position : group->high;
    m->slot = group->count++;
    group->position[m->slot] = position;
    group->behind[m->slot] = group->total - ahead;
    group->members[m->slot] = m;
}

static void slot_remove(struct filter_member *m)
{
    struct filter_group *group = m->group;
    uint32_t last = --group->count;
    group->position[m->slot] = group->position[last];
    group->behind[m->slot] = group->behind[last];
    group->members[m->slot] = group->members[last];
    group->members[m->slot]->slot = m->slot;
}

/* What is ahead by the arrays. Never negative, whatever a member was moved past. */
static uint64_t slot_ahead(const struct filter_group *group, uint32_t slot)
{
    int64_t ahead = (int64_t)(group->total - group->behind[slot]);
    return ahead < 0 ? 0 : (uint64_t)ahead;
}

/* --- early members ---------------------------------------------------------------------------- */

static void early_done(struct filter_member *m)
{
    list_remove(&m->early->link);
    free(m->early);
    m->early = NULL;
}

/* Into the arrays when all is known and only counted as others count. */
static void early_settle(struct filter_member *m)
{
    struct filter_early *e = m->early;
    if (e->counted_to < e->end || e->position < e->lasts)
        return;
    uint64_t position = e->position;
    uint64_t ahead = e->above + e->since;
    early_done(m);
    slot_add(m, position, ahead);
}

static void early_begin(struct filter_groups *g, struct filter_member *m, uint64_t position,
                        uint64_t lasts)
{
    struct filter_early *e = calloc(1, sizeof *e);
    CHECK(e != NULL);
    e->member = m;
    e->position = position;
    e->end = g->last_seq;
    e->counted_to = position < e->end ? position : e->end;
    e->lasts = lasts < g->last_seq ? lasts : g->last_seq;
    if (position >= e->lasts)
        e->lasts = 0;
    list_push_back(&m->group->early, &e->link);
    m->early = e;
    early_settle(m);
}

static void take_from(uint64_t *count, uint64_t by)
{
    *count -= *count < by ? *count : by;
}

static void early_removed(struct filter_early *e, uint64_t seq)
{
    if (seq <= e->position)
        return;
    if (seq > e->end) {
        take_from(&e->since, 1);
    } else if (seq <= e->counted_to) {
        take_from(seq <= e->lasts ? &e->below : &e->above, 1);
    }
}

static void early_advance(struct filter_groups *g, struct filter_member *m, uint64_t to,
                          uint32_t passed)
{
    struct filter_early *e = m->early;
    e->position = to;
    if (to > e->counted_to) {
        e->below = 0;
        e->above = 0;
        e->counted_to = to < e->end ? to : e->end;
    }
    if (to >= e->lasts)
        e->below = 0;
    if (to >= g->last_seq) {
        e->above = 0;
        e->since = 0;
    }
    take_from(to > e->end ? &e->since : to > e->lasts ? &e->above : &e->below, passed);
    early_settle(m);
}

/* --- life of a member ------------------------------------------------------------------------- */

void filter_join(struct filter_groups *g, struct filter_member *m, struct bytes filters,
                 uint32_t count, uint64_t position, uint64_t lasts)
{
    CHECK(m->group == NULL);
    m->group = group_find(g, filters, count);
    if (m->group == NULL)
        m->group = group_new(g, filters, count);
    early_begin(g, m, position, lasts);
}

void filter_leave(struct filter_groups *g, struct filter_member *m)
{
    struct filter_group *group = m->group;
    if (m->early != NULL) {
        early_done(m);
    } else {
        slot_remove(m);
    }
    *m = (struct filter_member){0};
    group_leave(g, group);
}

uint64_t filter_position(const struct filter_member *m)
{
    return m->early != NULL ? m->early->position : m->group->position[m->slot];
}

void filter_advance(struct filter_groups *g, struct filter_member *m, uint64_t to, uint32_t passed)
{
    CHECK(to >= filter_position(m));
    if (m->early != NULL) {
        early_advance(g, m, to, passed);
        return;
    }
    struct filter_group *group = m->group;
    group->position[m->slot] = to;
    group->behind[m->slot] += passed;
    group->high = to > group->high ? to : group->high;
    if (to >= g->last_seq)
        group->behind[m->slot] = group->total;
}

void filter_install(struct filter_groups *g, struct filter_member *m, uint64_t ahead,
                    uint64_t above)
{
    CHECK(above <= ahead);
    filter_recount(g, m);
    struct filter_early *e = m->early;
    if (e == NULL)
        return; /* nothing can be ahead */
    e->counted_to = e->end;
    e->below = e->position < e->lasts ? ahead - above : 0;
    e->above = e->position < e->lasts ? above : ahead;
    early_settle(m);
}

void filter_recount(struct filter_groups *g, struct filter_member *m)
{
    uint64_t position = filter_position(m);
    uint64_t lasts = 0;
    if (m->early != NULL) {
        lasts = m->early->lasts;
        early_done(m);
    } else {
        slot_remove(m);
    }
    early_begin(g, m, position, lasts);
}

bool filter_is_counted(const struct filter_member *m)
{
    return m->early == NULL || m->early->counted_to == m->early->end;
}

uint64_t filter_ahead(const struct filter_member *m, uint64_t *ret_above)
{
    const struct filter_early *e = m->early;
    uint64_t above = e != NULL ? e->above + e->since : slot_ahead(m->group, m->slot);
    *ret_above = above;
    return above + (e != NULL ? e->below : 0);
}

int filter_count(struct filter_groups *g, struct filter_member *m,
                 const struct count_source *source)
{
    struct filter_early *e = m->early;
    if (filter_is_counted(m))
        return 0;
    uint64_t from = e->counted_to + 1;
    uint64_t to = from <= e->lasts ? e->lasts : e->end;
    struct filter filter = {m->group->filters, m->group->filter_count};
    uint64_t counted = 0;
    uint64_t reached = 0;
    int status = source->count(source->context, &filter, from, to, from <= e->lasts ? e->lasts : 0,
                               &counted, &reached);
    if (status < 0)
        return status;
    CHECK(reached >= from && reached <= to && counted <= reached - from + 1);
    *(from <= e->lasts ? &e->below : &e->above) += counted;
    e->counted_to = reached;
    early_settle(m);
    return filter_is_counted(m) ? 0 : -EINPROGRESS;
}

/* --- what happens to messages ----------------------------------------------------------------- */

struct walk {
    struct filter_groups *groups;
    struct link found;
};

static void on_node(void *context, struct filter_node *node)
{
    struct walk *w = context;
    if (node->group->walk == w->groups->walk)
        return; /* by another of its filters */
    node->group->walk = w->groups->walk;
    list_push_back(&w->found, &node->group->link);
}

/* The groups that match a subject, each once. */
static void find_groups(struct filter_groups *g, struct bytes subject, struct walk *w)
{
    *w = (struct walk){.groups = g};
    list_init(&w->found);
    g->walk++;
    if (g->everything != NULL)
        list_push_back(&w->found, &g->everything->link);
    filter_index_match(&g->index, subject, on_node, w);
}

static struct filter_group *next_group(struct walk *w)
{
    struct link *l = list_pop_front(&w->found);
    return l == NULL ? NULL : LIST_ENTRY(l, struct filter_group, link);
}

void filter_groups_end(struct filter_groups *g, uint64_t last_seq)
{
    CHECK(last_seq >= g->last_seq);
    g->last_seq = last_seq;
}

static void group_appended(struct filter_group *group, uint64_t seq)
{
    group->total++;
    if (group->count > 0 && group->high >= seq) { /* some wait for a sequence that is yet to come */
        for (uint32_t i = 0; i < group->count; i++)
            group->behind[i] += group->position[i] >= seq;
    }
    for (struct link *l = group->early.next; l != &group->early; l = l->next) {
        struct filter_early *e = LIST_ENTRY(l, struct filter_early, link);
        e->since += e->position < seq;
    }
}

void filter_groups_appended(struct filter_groups *g, uint64_t seq, struct bytes subject)
{
    struct walk w;
    struct filter_group *group;
    filter_groups_end(g, seq);
    find_groups(g, subject, &w);
    while ((group = next_group(&w)) != NULL)
        group_appended(group, seq);
}

/* Some are before it, some not. While all are looked at, the borders become exact. */
static void between_removed(struct filter_group *group, uint64_t seq)
{
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;
    for (uint32_t i = 0; i < group->count; i++) {
        uint64_t position = group->position[i];
        group->behind[i] += position < seq;
        low = position < low ? position : low;
        high = position > high ? position : high;
    }
    group->low = low;
    group->high = high;
}

static void group_removed(struct filter_group *group, uint64_t seq)
{
    if (group->count > 0 && seq > group->low) {
        if (seq > group->high) {
            group->total--;
        } else {
            between_removed(group, seq);
        }
    }
    for (struct link *l = group->early.next; l != &group->early; l = l->next)
        early_removed(LIST_ENTRY(l, struct filter_early, link), seq);
}

void filter_groups_removed(struct filter_groups *g, uint64_t seq, struct bytes subject)
{
    struct walk w;
    struct filter_group *group;
    find_groups(g, subject, &w);
    while ((group = next_group(&w)) != NULL)
        group_removed(group, seq);
}

/* --- questions -------------------------------------------------------------------------------- */

bool filter_is_within(const struct filter_member *m, struct bytes pattern)
{
    const struct filter_group *group = m->group;
    for (uint32_t i = 0; i < group->filter_count; i++) {
        if (!subject_is_subset(group->filters[i], pattern))
            return false;
    }
    return group->filter_count > 0;
}

bool filter_meets(const struct filter_member *m, struct bytes pattern)
{
    const struct filter_group *group = m->group;
    for (uint32_t i = 0; i < group->filter_count; i++) {
        if (subjects_collide(group->filters[i], pattern))
            return true;
    }
    return group->filter_count == 0;
}

static bool any_of(struct filter_group *group, uint64_t seq, filter_ask_fn *ask, void *context)
{
    uint32_t hint = group->hint;
    if (hint < group->count && (group->position[hint] < seq || ask(context, group->members[hint])))
        return true;
    for (uint32_t i = 0; i < group->count; i++) {
        if (group->position[i] < seq || ask(context, group->members[i])) {
            group->hint = i;
            return true;
        }
    }
    for (struct link *l = group->early.next; l != &group->early; l = l->next) {
        struct filter_early *e = LIST_ENTRY(l, struct filter_early, link);
        if (e->position < seq || ask(context, e->member))
            return true;
    }
    return false;
}

bool filter_any(struct filter_groups *g, uint64_t seq, struct bytes subject, filter_ask_fn *ask,
                void *context)
{
    struct walk w;
    struct filter_group *group;
    bool any = false;
    find_groups(g, subject, &w);
    while ((group = next_group(&w)) != NULL)
        any = any || any_of(group, seq, ask, context);
    return any;
}

uint32_t filter_groups_count(const struct filter_groups *g)
{
    return g->count;
}

/* --- the check -------------------------------------------------------------------------------- */

static void group_check(const struct filter_groups *g, const struct filter_group *group)
{
    CHECK(group->groups == g && (group->count > 0 || !list_empty(&group->early)));
    for (uint32_t i = 0; i < group->count; i++) {
        CHECK(group->low <= group->position[i] && group->position[i] <= group->high); /* 1 */
        const struct filter_member *m = group->members[i];
        CHECK(m->group == group && m->slot == i && m->early == NULL); /* 3 */
        CHECK(implies(group->position[i] >= g->last_seq, slot_ahead(group, i) == 0));
    }
    for (const struct link *l = group->early.next; l != &group->early; l = l->next) {
        const struct filter_early *e = LIST_ENTRY(l, struct filter_early, link);
        CHECK(e->member->early == e && e->member->group == group);
        CHECK(e->counted_to <= e->end && e->end <= g->last_seq && e->lasts <= e->end);
        CHECK(e->counted_to < e->end || e->position < e->lasts);
    }
}

void filter_groups_check(const struct filter_groups *g)
{
    if (g->everything != NULL)
        group_check(g, g->everything);
    for (uint32_t i = 0; i < g->index.bucket_count; i++) {
        for (const struct filter_node *n = g->index.buckets[i]; n != NULL; n = n->next)
            group_check(g, n->group);
    }
}
