/* SPDX-License-Identifier: Apache-2.0 */
#include "store/memory_subjects.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"

static int compare(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.at, b.at, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static bool begins_with(struct bytes name, struct bytes prefix)
{
    return name.size >= prefix.size &&
           (prefix.size == 0 || memcmp(name.at, prefix.at, prefix.size) == 0);
}

static void free_all(struct memory_subject *s)
{
    if (s == NULL)
        return;
    free_all(s->left);
    free_all(s->right);
    free(s);
}

void memory_subjects_done(struct memory_subjects *t)
{
    free_all(t->root);
    *t = (struct memory_subjects){.seed = t->seed};
}

struct memory_subject *memory_subjects_find(const struct memory_subjects *t, struct bytes name)
{
    struct memory_subject *s = t->root;
    while (s != NULL) {
        int order = compare(name, memory_subject_name(s));
        if (order == 0)
            return s;
        s = order < 0 ? s->left : s->right;
    }
    return NULL;
}

static struct memory_subject *node_new(const struct memory_subjects *t, struct bytes name)
{
    CHECK(name.size <= UINT16_MAX);
    struct memory_subject *s = calloc(1, sizeof *s + name.size);
    CHECK(s != NULL);
    s->priority = (uint32_t)hash_bytes(t->seed, name.at, name.size);
    s->size = (uint16_t)name.size;
    if (name.size > 0)
        memcpy(s->name, name.at, name.size);
    return s;
}

/* Cuts a tree in two: names before `name` and those behind, which is not in it. */
static void split(struct memory_subject *s, struct bytes name, struct memory_subject **ret_before,
                  struct memory_subject **ret_behind)
{
    while (s != NULL) {
        if (compare(memory_subject_name(s), name) < 0) {
            *ret_before = s;
            ret_before = &s->right;
            s = s->right;
        } else {
            *ret_behind = s;
            ret_behind = &s->left;
            s = s->left;
        }
    }
    *ret_before = NULL;
    *ret_behind = NULL;
}

struct memory_subject *memory_subjects_get(struct memory_subjects *t, struct bytes name)
{
    struct memory_subject *s = memory_subjects_find(t, name);
    if (s != NULL)
        return s;
    s = node_new(t, name);
    struct memory_subject **place = &t->root;
    while (*place != NULL && (*place)->priority >= s->priority)
        place = compare(name, memory_subject_name(*place)) < 0 ? &(*place)->left : &(*place)->right;
    split(*place, name, &s->left, &s->right);
    *place = s;
    t->count++;
    return s;
}

void memory_subjects_remove(struct memory_subjects *t, struct memory_subject *s)
{
    struct bytes name = memory_subject_name(s);
    struct memory_subject **place = &t->root;
    while (*place != s)
        place = compare(name, memory_subject_name(*place)) < 0 ? &(*place)->left : &(*place)->right;
    struct memory_subject *left = s->left;
    struct memory_subject *right = s->right;
    while (left != NULL && right != NULL) {
        if (left->priority >= right->priority) {
            *place = left;
            place = &left->right;
            left = left->right;
        } else {
            *place = right;
            place = &right->left;
            right = right->left;
        }
    }
    *place = left != NULL ? left : right;
    t->count--;
    free(s);
}

struct walk {
    struct bytes prefix;
    struct bytes after;
    memory_subject_visit_fn *visit;
    void *context;
};

static bool walk_node(const struct walk *w, const struct memory_subject *s)
{
    if (s == NULL)
        return true;
    struct bytes name = memory_subject_name(s);
    bool is_behind = w->after.size == 0 || compare(name, w->after) > 0;
    bool is_in = begins_with(name, w->prefix);
    int order = is_in ? 0 : compare(name, w->prefix);
    if (is_behind && order >= 0 && !walk_node(w, s->left))
        return false;
    if (is_behind && is_in && !w->visit(w->context, s))
        return false;
    return order > 0 || walk_node(w, s->right);
}

bool memory_subjects_walk(const struct memory_subjects *t, struct bytes prefix, struct bytes after,
                          memory_subject_visit_fn *visit, void *context)
{
    struct walk w = {prefix, after, visit, context};
    return walk_node(&w, t->root);
}

static uint64_t check_node(const struct memory_subject *s, const struct memory_subject *low,
                           const struct memory_subject *high)
{
    if (s == NULL)
        return 0;
    struct bytes name = memory_subject_name(s);
    CHECK(low == NULL || compare(memory_subject_name(low), name) < 0);   /* 1 */
    CHECK(high == NULL || compare(name, memory_subject_name(high)) < 0); /* 1 */
    CHECK(s->left == NULL || s->left->priority <= s->priority);          /* 2 */
    CHECK(s->right == NULL || s->right->priority <= s->priority);        /* 2 */
    CHECK(s->msgs > 0 && s->first != NULL && s->last != NULL);           /* 3 */
    return 1 + check_node(s->left, low, s) + check_node(s->right, s, high);
}

void memory_subjects_check(const struct memory_subjects *t)
{
    CHECK(check_node(t->root, NULL, NULL) == t->count);
}
