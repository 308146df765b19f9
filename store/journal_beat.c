/* SPDX-License-Identifier: Apache-2.0 */
/* journal_beat.c -- an empty block in silence, so that the last flush is known to have been
 * durable.
 *
 * Idea        A block says how far flushes were durable when it was made, so of the last one
 *             nothing says so. When none follows, one without records does. It needs none
 *             itself: what it covers are records.
 */
#include "store/journal_state.h"

/* --- the beat ------------------------------------------------------------------------------- */

/* Whether records are durable of which no block says so, and none is on its way. */
static bool beat_is_needed(const struct journal *j)
{
    return !j->failed && j->closing == NULL && j->recovered && j->records_end > j->marked &&
           j->durable >= j->records_end && (j->open == NULL || j->open->records == 0);
}

static bool beat(struct journal *j)
{
    if (j->open == NULL && journal_open_block(j, 0) != 0)
        return false;
    j->beating = true;
    journal_close_block(j);
    j->beating = false;
    journal_flush(j, true);
    return true;
}

static void tick_beat(struct journal *j, uint64_t now_ms)
{
    /* Looked at twice in the time allowed, so that activity need not set it each time. */
    if (!beat_is_needed(j)) {
        j->due_ms = UINT64_MAX;
    } else if (j->due_ms == 0 || j->moved) {
        j->moved = false;
        j->due_ms = now_ms + JOURNAL_BEAT_MS / 2;
    } else if (now_ms >= j->due_ms) {
        j->due_ms = beat(j) ? UINT64_MAX : now_ms + JOURNAL_BEAT_MS / 2;
    }
}

void journal_note_beat(struct journal *j)
{
    if (!beat_is_needed(j))
        return;
    j->moved = true;
    if (j->due_ms == UINT64_MAX)
        j->due_ms = 0;
}

uint64_t journal_due_ms(const struct journal *j)
{
    uint64_t retry = j->ring.full && !j->failed ? j->retry_ms : UINT64_MAX;
    return retry < j->due_ms ? retry : j->due_ms;
}

void journal_tick(struct journal *j, uint64_t now_ms)
{
    if (j->failed || j->closing != NULL)
        return;
    if (j->due_ms != UINT64_MAX)
        tick_beat(j, now_ms);
    if (!j->ring.full)
        return;
    if (j->retry_ms == 0) {
        j->retry_ms = now_ms + JOURNAL_RETRY_MS;
    } else if (now_ms >= j->retry_ms) {
        j->ring.full = false;
        journal_ring_next(j);
    }
}
