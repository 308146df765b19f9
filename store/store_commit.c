/* SPDX-License-Identifier: Apache-2.0 */
/* store_commit.c -- commits of the ledger, shared by all who put records into it.
 *
 * Idea        A commit takes long and one runs at a time; who comes meanwhile shares the next one. When a
 *             commit has rewritten the ledger, the super block names the new one before anything else is
 *             committed.
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/store_state.h"

static void begin(struct store *s);

static void end(struct store *s, int status)
{
    s->committing = false;
    struct link told;
    list_init(&told);
    struct link *l;
    while ((l = list_pop_front(&s->commits_running)) != NULL)
        list_push_back(&told, l);
    if (status != 0)
        store_fail(s, status);
    else
        begin(s); /* who is told below comes with the one after that */
    while ((l = list_pop_front(&told)) != NULL) {
        struct commit_wait *w = LIST_ENTRY(l, struct commit_wait, link);
        w->done(w, status);
    }
}

static void on_super_saved(void *context, int status)
{
    struct store *s = context;
    if (status == 0)
        ledger_forget_old(s->ledger);
    end(s, status);
}

static void on_committed(void *context, int status)
{
    struct store *s = context;
    if (status == 0 && ledger_number(s->ledger) != s->super.ledger) {
        s->super.ledger = ledger_number(s->ledger);
        store_save_super(s, on_super_saved);
        return;
    }
    end(s, status);
}

static void begin(struct store *s)
{
    if (s->committing || list_empty(&s->commits_next) || s->failed)
        return;
    s->committing = true;
    struct link *l;
    while ((l = list_pop_front(&s->commits_next)) != NULL)
        list_push_back(&s->commits_running, l);
    ledger_commit(s->ledger, on_committed);
}

void store_commit(struct store *s, struct commit_wait *w)
{
    list_push_back(&s->commits_next, &w->link);
    if (s->failed) {
        list_remove(&w->link);
        w->done(w, -EIO);
        return;
    }
    begin(s);
}

/* The store has failed: nobody is left without an answer. */
void store_fail_commits(struct store *s)
{
    struct link *l;
    while ((l = list_pop_front(&s->commits_next)) != NULL) {
        struct commit_wait *w = LIST_ENTRY(l, struct commit_wait, link);
        w->done(w, -EIO);
    }
}
