/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_snapshot.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/group/stream_group.h"
#include "store/msglog_file.h"
#include "store/store_erase.h"
#include "store/store_keys.h"
#include "store/store_lost.h"
#include "store/store_spill.h"
#include "store/store_state.h"
#include "store/subjects.h"

void store_snapshot_init(struct snapshot *s, struct store_group *g)
{
    CHECK(g->life == GROUP_LOADED && !group_is_busy(g->group));
    *s = (struct snapshot){.group = g};
    struct group_counters counters;
    group_counters(g->group, &counters);
    s->checkpoint.applied = counters.applied;
    s->checkpoint.term = counters.term;
    s->checkpoint.log_time_ns = counters.time_ns;
    s->checkpoint.state_hash = group_state_hash(g->group);
    s->checkpoint.first_seq = 1; /* a memory log's messages are not of its checkpoint */
    stream_group_write(g->stream, &s->sections[CHECKPOINT_GROUP],
                       &s->sections[CHECKPOINT_CONSUMERS]);
    if (g->form == MSGLOG_MEMORY)
        return;
    CHECK(counters.applied == g->entries.applied);
    s->flush = msglog_save(g->log, &s->checkpoint, s->sections);
    s->live = msglog_live_tail(g->log, &s->live_count);
    for (size_t i = 0; i < s->live_count; i++)
        s->live_bytes += s->live[i].body_size;
}

void store_snapshot_spill(struct snapshot *s)
{
    char folder[DISK_PATH_MAX];
    const struct store_group *g = s->group;
    store_group_folder(g->store, g->member.gid, folder);
    s->spill = spill_new(g->member.gid, folder, s->sections, g->store->options.section_bytes);
    if (s->spill != NULL && g->crypt->keys != NULL)
        spill_seal(s->spill, g->crypt->keys);
}

void store_snapshot_done(struct snapshot *s)
{
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++)
        buffer_done(&s->sections[i]);
    if (s->flush != NULL) /* there will be no checkpoint */
        subjects_flush_end(&s->flush, false);
    spill_free(&s->spill);
    free(s->live);
    *s = (struct snapshot){0};
}

void store_snapshot_write(struct snapshot *s, struct buffer *to)
{
    struct store_group *g = s->group;
    if (g->form == MSGLOG_FILE)
        segments_write(msglog_segments(g->log), &s->sections[CHECKPOINT_SEGMENTS]);
    if (g->form == MSGLOG_FILE) {
        store_lost_write(g, &s->sections[CHECKPOINT_LOST]);
        store_trash_write(g->store, g, &s->sections[CHECKPOINT_TRASH]);
        store_erase_write(g, &s->sections[CHECKPOINT_ERASING]);
    }
    if (s->flush != NULL)
        subjects_flush_section(s->flush, &s->sections[CHECKPOINT_RUNS]);
    if (s->spill != NULL)
        spill_section(s->spill, &s->sections[CHECKPOINT_SPILLED]);
    s->checkpoint.next_file = g->next_file;
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++)
        s->checkpoint.sections[i] = buffer_view(&s->sections[i]);
    checkpoint_write(to, &s->checkpoint);
    CHECK(to->size <= LEDGER_BODY_MAX);
}
