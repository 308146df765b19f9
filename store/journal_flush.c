/* SPDX-License-Identifier: Apache-2.0 */
/* journal_flush.c -- closed blocks go to the disk, and whose entries they hold is told.
 *
 *     IDLE ──► WRITING ──► SYNCING ──► TELLING ──► IDLE, or the next one
 *                 └── without sync ───────────────────┘
 *
 * Idea        A flush takes what is closed of one file: adjacent blocks, one write, then one
 *             sync. What is asked for meanwhile sets goals, and when the flush ends the next one
 *             begins, until they are reached. The sync is submitted after the write's end, so
 *             that a write that was short, and is continued, can not come behind it.
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/journal_state.h"

static void on_flush(struct task *t);

void journal_flush_init(struct journal *j)
{
    task_init(&j->flush.task, j->options.disk, on_flush, j);
}

/* --- beginning ------------------------------------------------------------------------------ */

/* Files that have something to write (to sync) are the last ones of those live: the first of
 * them. */
static struct journal_file *first_behind(const struct journal *j, bool sync)
{
    struct journal_file *first = NULL;
    for (struct link *l = j->live.prev; l != &j->live; l = l->prev) {
        struct journal_file *f = journal_file_of(l);
        if ((sync ? f->synced : f->written) < f->closed)
            first = f;
        else if (f->closed > 0)
            break;
    }
    return first;
}

static void submit(struct journal *j)
{
    struct journal_flush *flush = &j->flush;
    struct journal_file *f = flush->file;
    if (flush->state == FLUSH_WRITING)
        task_write(&flush->task, &flush->io, f->handle, f->written,
                   flush->from_sealed ? flush->sealed : f->image + f->written,
                   flush->to - f->written);
    else
        task_sync(&flush->task, &flush->io, f->handle);
}

/* Zeros that are on their way to this file end before any block may follow them
 * (journal_ring.c). */
static bool is_being_zeroed(const struct journal *j, const struct journal_file *f)
{
    return j->ring.job == RING_ZERO && j->ring.file == f && task_busy(&j->ring.task);
}

static void begin(struct journal *j, bool sync)
{
    struct journal_flush *flush = &j->flush;
    struct journal_file *f = first_behind(j, sync);
    CHECK(f != NULL);
    if (is_being_zeroed(j, f))
        return;
    flush->file = f;
    flush->to = f->closed;
    flush->sync = sync;
    flush->from_sealed = false;
    int status = f->written < f->closed ? journal_seal(j) : 0;
    if (status != 0) {
        journal_fail(j, status);
        return;
    }
    flush->state = f->written < f->closed ? FLUSH_WRITING : FLUSH_SYNCING;
    submit(j);
}

/* What was asked for becomes a goal only when it can be begun: until then records join the
 * block. */
static void set_goals(struct journal *j)
{
    if (!j->write_wanted)
        return;
    journal_close_block(j);
    j->write_to = j->closed_to;
    if (j->sync_wanted)
        j->sync_to = j->closed_to;
    j->write_wanted = false;
    j->sync_wanted = false;
}

void journal_flush_next(struct journal *j)
{
    if (j->flush.state != FLUSH_IDLE || j->failed || j->closing != NULL)
        return;
    set_goals(j);
    if (j->durable < j->sync_to)
        begin(j, true);
    else if (j->written < j->write_to)
        begin(j, false);
}

void journal_flush(struct journal *j, bool sync)
{
    CHECK(j->recovered);
    j->write_wanted = true;
    j->sync_wanted = j->sync_wanted || sync;
    journal_flush_next(j);
}

/* --- ending --------------------------------------------------------------------------------- */

static void tell_block(struct journal *j, const struct journal_block *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct journal_slot *slot = &b->slots[i];
        if (slot->latest == 0 || slot->member->told == j->flushes)
            continue;
        slot->member->told = j->flushes;
        j->options.events.durable(j->options.context, slot->member, slot->latest);
    }
}

/* The last block of a group says all, so they are told from the last one on. */
static void tell(struct journal *j)
{
    struct link *l;
    j->flushes++;
    while ((l = j->closed_blocks.next) != &j->closed_blocks &&
           journal_block_of(l)->end <= j->durable) {
        list_remove(l);
        list_push_back(&j->telling, l);
    }
    for (l = j->telling.prev; l != &j->telling; l = l->prev)
        tell_block(j, journal_block_of(l));
    while (!list_empty(&j->telling)) {
        struct journal_block *b = journal_block_of(j->telling.next);
        journal_block_recycle(j, &b);
    }
    j->options.events.flushed(j->options.context, journal_durable(j));
    journal_note_beat(j);
}

static void end_write(struct journal *j)
{
    struct journal_flush *flush = &j->flush;
    flush->file->written = flush->to;
    journal_seal_done(j);
    j->written = journal_file_begin(j, flush->file) + flush->to;
}

static void end_sync(struct journal *j)
{
    struct journal_flush *flush = &j->flush;
    flush->file->synced = flush->to;
    j->durable = journal_file_begin(j, flush->file) + flush->to;
    flush->file = NULL; /* the owner may release it */
    flush->state = FLUSH_TELLING;
    tell(j);
}

static void on_flush(struct task *t)
{
    struct journal *j = t->context;
    struct journal_flush *flush = &j->flush;
    if (t->status == -EAGAIN) { /* too many requests: it was not performed */
        submit(j);
        return;
    }
    if (t->status != 0) {
        journal_fail(j, t->status);
    } else if (flush->state == FLUSH_WRITING) {
        end_write(j);
        if (flush->sync) {
            flush->state = FLUSH_SYNCING;
            submit(j);
            return;
        }
    } else {
        end_sync(j);
    }
    flush->state = FLUSH_IDLE;
    journal_flush_next(j);
    journal_settle(j);
}
