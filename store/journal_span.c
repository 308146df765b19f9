/* SPDX-License-Identifier: Apache-2.0 */
/* journal_span.c -- a journal looked at from outside, its end, and its invariants. */
#include "runtime/base/check.h"
#include "store/journal_state.h"

/* --- the span ------------------------------------------------------------------------------- */

uint64_t journal_durable(const struct journal *j)
{
    return list_empty(&j->closed_blocks) ? j->end
                                         : journal_block_of(j->closed_blocks.next)->position;
}

static bool is_idle(const struct journal *j)
{
    return j->flush.state == FLUSH_IDLE && j->ring.job == RING_IDLE && j->recover == NULL;
}

void journal_span(const struct journal *j, struct journal_span *ret)
{
    struct journal_span s = {
        .floor = j->floor,
        .durable = journal_durable(j),
        .written = j->written,
        .end = j->room > 0 ? j->position : j->end,
        .idle = is_idle(j),
    };
    if (s.written < s.durable)
        s.written = s.durable;
    if (j->open != NULL)
        s.records += j->open->records;
    for (struct link *l = j->live.next; l != &j->live; l = l->next) {
        s.records += journal_file_of(l)->records;
        s.zeroing = s.zeroing || journal_file_of(l)->zero;
        s.files++;
    }
    for (struct link *l = j->spares.next; l != &j->spares; l = l->next)
        s.zeroing = s.zeroing || journal_file_of(l)->zero;
    s.file_end = list_empty(&j->live)
                     ? s.end
                     : journal_file_begin(j, journal_file_of(j->live.next)) + j->options.file_bytes;
    *ret = s;
}

bool journal_full(const struct journal *j)
{
    return j->ring.full;
}

/* --- closing -------------------------------------------------------------------------------- */

static struct journal_file *first_open(struct link *files)
{
    for (struct link *l = files->next; l != files; l = l->next)
        if (journal_file_of(l)->handle != NULL)
            return journal_file_of(l);
    return NULL;
}

/* Closes one file after the other; what they say to that changes nothing. */
static void on_closed(struct task *t)
{
    struct journal *j = t->context;
    struct journal_file *f = first_open(&j->live);
    if (f == NULL)
        f = first_open(&j->spares);
    if (f != NULL)
        task_close(t, &j->io, &f->handle);
    else
        j->closing(j->options.context, 0);
}

void journal_settle(struct journal *j)
{
    if (j->recover != NULL) {
        journal_recover_settle(j);
        return;
    }
    if (j->closing == NULL || !is_idle(j) || task_busy(&j->task))
        return;
    task_init(&j->task, j->options.disk, on_closed, j);
    task_begin(&j->task);
}

void journal_close(struct journal *j, void (*done)(void *context, int status))
{
    CHECK(j->closing == NULL);
    j->closing = done;
    j->room = 0;
    j->due_ms = UINT64_MAX;
    journal_settle(j);
}

/* --- invariants ----------------------------------------------------------------------------- */

static void check_live(const struct journal *j)
{
    for (struct link *l = j->live.next; l != &j->live; l = l->next) {
        const struct journal_file *f = journal_file_of(l);
        bool last = l->next == &j->live;
        CHECK(last || f->number < journal_file_of(l->next)->number);               /* 1 */
        CHECK(f->image != NULL);                                                   /* 1 */
        CHECK(f->synced <= f->written && f->written <= f->closed);                 /* 2 */
        CHECK(f->closed <= j->options.file_bytes && f->closed % BLOCK_ALIGN == 0); /* 2 */
        CHECK(f->synced % BLOCK_ALIGN == 0 && f->written % BLOCK_ALIGN == 0);      /* 2 */
        CHECK(!last || f->closed == j->options.file_bytes ||
              j->end == journal_file_begin(j, f) + f->closed); /* 2 */
    }
}

static void check_blocks(const struct journal *j)
{
    uint64_t end = j->durable;
    for (struct link *l = j->closed_blocks.next; l != &j->closed_blocks; l = l->next) {
        const struct journal_block *b = journal_block_of(l);
        CHECK(b->position >= end && b->end > b->position && b->count <= b->records); /* 3 */
        end = b->end;
    }
    CHECK(end <= j->closed_to && j->closed_to <= j->end); /* 3 */
    CHECK(j->room == 0 || (j->open != NULL && j->used <= j->room));
}

void journal_check(const struct journal *j)
{
    if (!j->recovered)
        return;
    check_live(j);
    check_blocks(j);
    CHECK(j->floor <= journal_durable(j) && j->durable <= j->written); /* 4 */
    CHECK(j->written <= j->end);                                       /* 4 */
    for (struct link *l = j->spares.next; l != &j->spares; l = l->next)
        CHECK(journal_file_of(l)->image == NULL && journal_file_of(l)->closed == 0); /* 1 */
}
