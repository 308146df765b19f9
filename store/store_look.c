/* SPDX-License-Identifier: Apache-2.0 */
/* store_look.c -- look-ups: run, wait for pages, run again.
 *
 * A look-up is in one place: with its group while that is loaded, with the pages it waits for, or in
 * `looks_ready`, from where a turn runs it.
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/store_scrub.h"
#include "store/store_state.h"

#define LOOKS_SLICE 256

static void on_ready(struct page_wait *wait)
{
    struct store_look *look = LIST_ENTRY(wait, struct store_look, wait);
    list_push_back(&look->store->looks_ready, &look->link);
}

static void end(struct store_look *look, int status)
{
    CHECK(look->group->look_count > 0);
    look->group->look_count--;
    if (status == -EBADMSG)
        store_scrub_soon(look->store, look->group);
    look->done(look, status);
}

/* Runs it once; it ends, or waits. */
static void run(struct store *s, struct store_look *look)
{
    struct store_group *g = look->group;
    look->wait.ready = on_ready;
    pages_begin(s->pages, &look->wait);
    int status = look->run(look, g->group, g->log);
    bool coming = pages_end(s->pages);
    if (coming && status == -EAGAIN)
        return;
    if (coming)
        pages_cancel(s->pages, &look->wait); /* it does not need them after all */
    if (status == -EINPROGRESS || status == -EAGAIN)
        list_push_back(&s->looks_ready,
                       &look->link); /* its slice is over, or the pages are there */
    else
        end(look, status);
}

void store_look(struct store *s, struct store_group *g, struct store_look *look)
{
    CHECK(s->life == STORE_READY || s->life == STORE_CLOSING);
    look->store = s;
    look->group = g;
    list_init(&look->link);
    g->look_count++;
    g->used_ms = s->now_ms;
    if (g->deleting) {
        end(look, -ENOENT);
        return;
    }
    if (store_group_locked(g)) {
        end(look, -ENOKEY);
        return;
    }
    if (g->life == GROUP_LOADED) {
        run(s, look);
        return;
    }
    list_push_back(&g->looks, &look->link);
    if (g->life == GROUP_STUB)
        store_group_load(s, g);
    else if (g->life == GROUP_DAMAGED)
        store_looks_of_loaded(s, g);
}

void store_looks_of_loaded(struct store *s, struct store_group *g)
{
    struct link *l;
    while ((l = list_pop_front(&g->looks)) != NULL)
        list_push_back(&s->looks_ready, l);
}

bool store_look_slice(struct store *s)
{
    for (unsigned i = 0; i < LOOKS_SLICE; i++) {
        struct link *l = list_pop_front(&s->looks_ready);
        if (l == NULL)
            return false;
        struct store_look *look = LIST_ENTRY(l, struct store_look, link);
        if (look->group->life == GROUP_LOADED)
            run(s, look);
        else
            end(look, -EBADMSG);
    }
    return !list_empty(&s->looks_ready);
}
