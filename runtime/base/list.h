/* SPDX-License-Identifier: Apache-2.0 */
/* list.h -- intrusive doubly linked list. The head is a link too; an empty one points at itself. */
#ifndef RUNTIME_BASE_LIST_H
#define RUNTIME_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *prev;
    struct link *next;
};

/* The object of type `type` whose member `member` is the link at `at`. */
#define LIST_ENTRY(at, type, member) ((type *)(void *)((char *)(at)-offsetof(type, member)))

static inline void list_init(struct link *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool list_empty(const struct link *head)
{
    return head->next == head;
}

static inline void list_push_back(struct link *head, struct link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void list_push_front(struct link *head, struct link *l)
{
    list_push_back(head->next, l);
}

/* Leaves l linked to itself, so that a second removal does nothing. */
static inline void list_remove(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

static inline struct link *list_pop_front(struct link *head)
{
    struct link *first = head->next;
    if (first == head)
        return NULL;
    list_remove(first);
    return first;
}

#endif
