/* SPDX-License-Identifier: Apache-2.0 */
/* store_drain.c -- when the journal has grown past its debt: its oldest file becomes segments.
 *
 * Idea        Every group that has entries in the oldest file is taken to a checkpoint: what is alive of its
 *             tail goes to chunks, all groups' checkpoints and the new floor to one commit of the ledger;
 *             then the file is released. A group with little there is carried forward instead: its
 *             entries are appended once more, which is cheaper than a sync of a file of its own.
 *             The state of a checkpoint is of one moment (the snapshot); what comes after it stays in the
 *             journal and is applied to it again at the next start.
 * Order       chunks durable, then checkpoints and floor durable, then release: a crash between any two
 *             leaves the older truth whole.
 * Failure     a segment that could not be written is abandoned, and its chunks go to a file of another number,
 *             once; then the store fails. A full disk ends the drain; it begins again after a while.
 * Bounds      DRAIN_JOBS_MAX groups at once, BUILD_SLICE messages a slice; carried bytes: a quarter of the debt.
 */
#include "store/store_drain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/chunk_build.h"
#include "store/group/group.h"
#include "store/msglog_file.h"
#include "store/segment_write.h"
#include "store/store_erase.h"
#include "store/store_keys.h"
#include "store/store_rewrite.h"
#include "store/store_snapshot.h"
#include "store/store_spill.h"
#include "store/subjects.h"

#define DRAIN_JOBS_MAX 8
#define BUILD_SLICE 2048                           /* messages */
#define DRAIN_BUILD_BYTES_MAX ((uint64_t)64 << 20) /* of chunks that are not written */
#define CARRY_BYTES_MAX ((uint64_t)16 << 10)
#define RECORD_EXTRA 64u
#define RETRY_MS 1000

struct drain_job {
    struct link link;
    struct store_group *group;
    struct snapshot snapshot;
    size_t built;  /* of snapshot.live */
    bool in_chunk; /* builder has some of them */
    struct chunk_builder builder;
    struct segment_write *write;
    uint64_t segment;
    struct chunk_info *chunks; /* given */
    size_t chunk_count;
    struct rewrite *rewrite; /* borrowed: it was ready when the snapshot was taken; NULL: none */
    bool wanted;
    bool again;       /* it has failed once */
    bool elsewhere;   /* to a new segment */
    bool fresh;       /* the segment is a new one, and may be there */
    bool flushing;    /* its chunks are written, its subjects are not */
    struct task task; /* makes the folder */
    struct task_io io;
};

/* --- how far it is ---------------------------------------------------------------------------------- */

/* Whether a checkpoint could take something out of a group's log. */
static bool is_behind(const struct store_group *g)
{
    if (g->form != MSGLOG_FILE || store_group_is_kept(g))
        return false;
    uint64_t may = g->sync == STORE_SYNC_COMMITTED ? store_apply_limit(g) : g->entries.end;
    return may > g->entries.base;
}

bool store_is_behind(const struct store *s)
{
    for (const struct link *l = s->with_entries.next; l != &s->with_entries; l = l->next)
        if (is_behind(LIST_ENTRY(l, struct store_group, entries_link)))
            return true;
    return false;
}

/* --- which groups ------------------------------------------------------------------------------------ */

/* The oldest position of the group's entries after this index; carried ones are not in order. */
static uint64_t oldest_after(const struct store_group *g, uint64_t index)
{
    uint64_t oldest = UINT64_MAX;
    uint64_t end = g->carried ? g->entries.end : index + 1;
    for (uint64_t i = index + 1; i <= end && i <= g->entries.end; i++) {
        uint64_t position = entry_log_at(&g->entries, i)->position;
        if (position < oldest)
            oldest = position;
    }
    return oldest;
}

static uint64_t oldest_position(const struct store_group *g)
{
    return oldest_after(g, g->entries.base);
}

static bool may_snapshot(const struct store_group *g)
{
    return g->life == GROUP_LOADED && !group_is_busy(g->group);
}

static bool can_serve_wanted(const struct drain *d)
{
    for (const struct link *l = d->wanted.next; l != &d->wanted; l = l->next)
        if (may_snapshot(LIST_ENTRY(l, struct store_group, want_link)))
            return true;
    return false;
}

static void select_groups(struct store *s, struct drain *d)
{
    struct link *next;
    for (struct link *l = s->with_entries.next; l != &s->with_entries; l = next) {
        next = l->next;
        struct store_group *g = LIST_ENTRY(l, struct store_group, entries_link);
        if (g->form == MSGLOG_FILE && oldest_position(g) < d->target)
            list_push_back(&d->todo, &g->drain_link);
    }
    for (struct link *l = d->wanted.next; l != &d->wanted; l = l->next) {
        struct store_group *g = LIST_ENTRY(l, struct store_group, want_link);
        if (list_empty(&g->drain_link) && may_snapshot(g))
            list_push_back(&d->todo, &g->drain_link);
    }
}

void store_want_checkpoint(struct store *s, struct store_group *g)
{
    if (list_empty(&g->want_link))
        list_push_back(&s->drain->wanted, &g->want_link);
}

static bool is_wanted(const struct store_group *g)
{
    return !list_empty(&g->want_link);
}

/* What can only be carried forward may be more than the debt: then the journal has to grow by some before
 * that is carried once more. */
static bool is_due(struct store *s, const struct journal_span *span)
{
    if (s->drain->all)
        return store_is_behind(s) && s->drain->status == 0;
    if (span->floor < s->drain->release_to)
        return true;
    if (span->end < s->drain->kept_end + s->options.replay_debt_bytes / 4)
        return false;
    return span->end - span->floor > s->options.replay_debt_bytes / 4 * 3 ||
           span->records > s->options.replay_debt_records / 4 * 3;
}

static void drain_begin(struct store *s, struct drain *d)
{
    struct journal_span span;
    journal_span(s->journal, &span);
    bool due = is_due(s, &span);
    bool wanted = can_serve_wanted(d);
    if (s->now_ms < d->retry_ms || (!due && !wanted))
        return;
    uint64_t target = span.file_end < span.durable && !d->all ? span.file_end : span.durable;
    if (!due)
        target = span.floor; /* nothing is released */
    if (target <= span.floor && !wanted)
        return;
    d->step = DRAIN_GROUPS;
    d->target = target;
    d->copies_end = d->carried = 0;
    d->keeps = false;
    d->status = 0;
    select_groups(s, d);
}

/* --- carried forward ----------------------------------------------------------------------------------- */

static bool may_carry(const struct store *s, const struct store_group *g)
{
    uint64_t bytes = g->entries.body_bytes + entry_log_count(&g->entries) * RECORD_EXTRA;
    if (store_group_is_kept(g))
        return true;
    return !s->drain->all && bytes < CARRY_BYTES_MAX &&
           s->drain->carried + bytes < s->options.replay_debt_bytes / 4;
}

/* Entries after this index that lie before the target. 0, or -EAGAIN: the journal takes no more now. */
static int carry(struct store *s, struct store_group *g, uint64_t after)
{
    struct drain *d = s->drain;
    for (uint64_t i = after + 1; i <= g->entries.end; i++) {
        struct logged *l = entry_log_at(&g->entries, i);
        if (l->position >= d->target)
            continue;
        struct entry e = entry_log_entry(&g->entries, g->member.gid, i);
        struct journal_place place;
        int status = journal_copy(s->journal, &g->member, &e, l->first_position, &place);
        if (status != 0)
            return status;
        g->carried = true;
        l->position = place.position;
        l->body = place.body.at;
        if (g->log != NULL)
            msglog_moved(g->log, i, place.body.at);
        d->carried += l->body_size + RECORD_EXTRA;
        d->copies_end = place.position + 1;
        s->stats.copied++;
        s->flush_wanted = true;
    }
    return 0;
}

/* --- chunks -------------------------------------------------------------------------------------------- */

static void job_written(struct drain_job *job)
{
    struct store *s = job->group->store;
    job->flushing = false;
    list_remove(&job->link);
    list_push_back(&s->drain->written, &job->link);
    s->drain->building--;
}

static void job_free(struct drain_job *job)
{
    list_remove(&job->link);
    job->group->draining = false;
    job->group->writing = UINT64_MAX;
    if (job->wanted)
        store_want_checkpoint(job->group->store, job->group);
    if (job->write != NULL)
        segment_write_free(&job->write);
    if (job->in_chunk)
        chunk_builder_done(&job->builder);
    store_snapshot_done(&job->snapshot);
    free(job->chunks);
    free(job);
}

/* No checkpoint will name what was written, or was there before. */
static void trash_fresh(struct drain_job *job)
{
    struct store_group *g = job->group;
    struct snapshot *shot = &job->snapshot;
    uint64_t number;
    if (g->store->failed)
        return;
    if (job->fresh)
        store_trash_file(g->store, g, job->segment, TRASH_ZERO);
    if (shot->flush != NULL && subjects_flush_written(shot->flush, &number))
        store_tables_trash_file(g->store, g, number, false);
    if (shot->spill != NULL && spill_is_begun(shot->spill))
        store_tables_trash_file(g->store, g, spill_number(shot->spill), false);
}

static void job_give_up(struct drain_job *job, int status)
{
    trash_fresh(job);
    struct drain *d = job->group->store->drain;
    if (d->status == 0)
        d->status = status;
    d->building--;
    msglog_drain_given_up(job->group->log);
    job_free(job);
}

/* Chunks are written, or there are none. */
static void job_flush(struct drain_job *job)
{
    if (job->snapshot.flush != NULL || job->snapshot.spill != NULL)
        job->flushing = true;
    else
        job_written(job);
}

/* A slice of writing its tables; true: there is more to do at once. */
static bool flush_tables(struct store *s, struct drain_job *job)
{
    struct store_group *g = job->group;
    struct snapshot *shot = &job->snapshot;
    int status = 0;
    if (shot->flush != NULL)
        status = subjects_flush_step(shot->flush, s->options.disk, &g->next_file);
    if (status == 0 && shot->spill != NULL)
        status = spill_step(shot->spill, s->options.disk, &g->next_file);
    if (status == -EAGAIN || status == -EINPROGRESS)
        return status == -EINPROGRESS;
    if (status == 0) {
        if (shot->flush != NULL)
            s->stats.written_bytes += subjects_flush_size(shot->flush);
        job_written(job);
    } else {
        job_give_up(job, status);
    }
    return true;
}

static void on_chunks_written(void *context, int status);

/* Where its chunks go. */
static void open_write(struct drain_job *job)
{
    struct store_group *g = job->group;
    uint64_t size = 0;
    job->segment = job->elsewhere ? g->next_file : msglog_open_segment(g->log, g->next_file, &size);
    job->fresh = job->segment == g->next_file;
    if (job->fresh)
        g->writing = g->next_file++;
    job->write = segment_write_new(&(struct segment_write_options){
        .disk = g->store->options.disk,
        .folder = msglog_folder(g->log),
        .number = job->segment,
        .offset = size,
        .done = on_chunks_written,
        .context = job,
    });
    job->built = 0;
    job->chunk_count = 0;
}

static void start_write(struct drain_job *job)
{
    job->chunk_count = segment_write_count(job->write);
    free(job->chunks);
    job->chunks = malloc(job->chunk_count * sizeof *job->chunks);
    CHECK(job->chunks != NULL);
    for (size_t i = 0; i < job->chunk_count; i++) {
        job->chunks[i] = *segment_write_info(job->write, (uint32_t)i);
        job->group->store->stats.written_bytes += job->chunks[i].size;
    }
    segment_write_start(job->write);
}

static void on_chunks_written(void *context, int status)
{
    struct drain_job *job = context;
    job->write = NULL;
    if (status == 0) {
        job_flush(job);
    } else if (status == -ENOSPC || job->again) {
        job_give_up(job, status);
    } else {
        job->again = status != -EEXIST; /* that is a leftover of a start before */
        trash_fresh(job);
        job->fresh = false;
        job->elsewhere = true;
        open_write(job);
    }
}

static int add_message(struct chunk_builder *b, const struct tail_entry *e)
{
    return chunk_builder_add(b, &(struct chunk_record){.seq = e->seq,
                                                       .index = e->index,
                                                       .term = e->term,
                                                       .kind = ENTRY_MSG,
                                                       .time_ns = e->time_ns,
                                                       .body = tail_body(e),
                                                       .body_hash = e->body_hash});
}

static void begin_chunk(struct store *s, struct drain_job *job)
{
    const struct chunk_place place = {job->group->member.gid, job->segment,
                                      segment_write_end(job->write)};
    chunk_builder_init(&job->builder, &place, store_group_to_write(job->group), s->options.seed);
    job->in_chunk = true;
}

static void end_chunk(struct drain_job *job)
{
    struct chunk_info info;
    char *chunk = chunk_builder_finish(&job->builder, &info);
    job->in_chunk = false;
    segment_write_add(job->write, &chunk, &info);
}

/* Some more messages of the job, or, when there are no more, their way to the disk. A slice is short beside a
 * sync, so whoever waits for one does not wait for the drain. */
static void build_slice(struct store *s, struct drain_job *job)
{
    struct snapshot *shot = &job->snapshot;
    if (job->built == shot->live_count) {
        start_write(job);
        return;
    }
    if (!job->in_chunk)
        begin_chunk(s, job);
    size_t end = job->built + BUILD_SLICE;
    for (; job->built < shot->live_count && job->built < end; job->built++) {
        const struct tail_entry *e = &shot->live[job->built];
        if (!chunk_builder_takes(&job->builder, e->seq, e->body_size)) {
            end_chunk(job);
            return;
        }
        int status = add_message(&job->builder, e);
        if (status != 0) { /* it has rotted in memory: what is in the journal is still whole */
            job_give_up(job, status);
            return;
        }
    }
    if (job->built == shot->live_count)
        end_chunk(job);
}

static bool is_building(const struct drain_job *job)
{
    return job->write != NULL && job->chunk_count == 0 && !task_busy(&job->task);
}

static void job_write(struct drain_job *job)
{
    if (job->snapshot.live_count > 0)
        open_write(job);
    else
        job_flush(job);
}

/* --- a group's turn ------------------------------------------------------------------------------------- */

static void on_folder(struct task *t)
{
    struct drain_job *job = t->context;
    struct store_group *g = job->group;
    switch (t->step++) {
    case 0: task_path(t, &job->io, DISK_MKDIR, msglog_folder(g->log), NULL); return;
    case 1:
        if (t->status != 0 && t->status != -EEXIST)
            break;
        task_path(t, &job->io, DISK_SYNC_DIR, g->store->groups_path, NULL);
        return;
    case 2:
        if (t->status != 0)
            break;
        g->has_folder = true;
        job_write(job);
        return;
    }
    job_give_up(job, t->status);
}

/* Whether something is to be written to the group's folder. */
static bool has_files(const struct drain_job *job)
{
    return job->snapshot.live_count > 0 || job->snapshot.flush != NULL ||
           job->snapshot.spill != NULL;
}

static void job_begin(struct store *s, struct store_group *g)
{
    struct drain_job *job = calloc(1, sizeof *job);
    CHECK(job != NULL);
    job->group = g;
    g->draining = true;
    list_push_back(&s->drain->jobs, &job->link);
    s->drain->building++;
    store_snapshot_init(&job->snapshot, g);
    store_snapshot_spill(&job->snapshot);
    job->rewrite = store_rewrite_is_ready(g) ? g->rewrite : NULL;
    job->wanted = is_wanted(g);
    list_remove(&g->want_link);
    task_init(&job->task, s->options.disk, on_folder, job);
    if (g->has_folder || !has_files(job))
        job_write(job);
    else
        task_begin(&job->task);
}

/* It has applied what it may: what follows waits for others to have it, too. */
static bool is_held(const struct store_group *g)
{
    return g->sync == STORE_SYNC_COMMITTED && g->committed <= g->entries.applied;
}

/* Whether all of the group that is to be released has been applied. */
static bool is_ready(const struct drain *d, const struct store_group *g)
{
    if (!may_snapshot(g))
        return false;
    return g->entries.applied == g->entries.end || is_held(g) ||
           entry_log_at(&g->entries, g->entries.applied + 1)->position >= d->target;
}

/* One group from todo; false: none can go on now. */
static bool next_group(struct store *s, struct drain *d)
{
    for (struct link *l = d->todo.next; l != &d->todo; l = l->next) {
        struct store_group *g = LIST_ENTRY(l, struct store_group, drain_link);
        if (g->deleting)
            continue; /* it is there, with its entries, until it is durably gone; that takes it out of todo */
        if (is_wanted(g) && g->life != GROUP_LOADED)
            list_remove(&g->want_link);
        if (oldest_position(g) >= d->target && !is_wanted(g)) {
            list_remove(l);
            return true;
        }
        if (!is_wanted(g) && may_carry(s, g)) {
            d->keeps |= store_group_is_kept(g);
            if (carry(s, g, g->entries.base) != 0)
                return false;
            list_remove(l);
            return true;
        }
        if (is_ready(d, g)) {
            if (carry(s, g, g->entries.applied) != 0) /* what is not committed */
                return false;
            list_remove(l);
            if (g->entries.applied > g->entries.base || is_wanted(g))
                job_begin(s, g);
            return true;
        }
    }
    return false;
}

/* --- commit --------------------------------------------------------------------------------------------- */

static void trash_dead_segments(struct store *s, struct drain_job *job)
{
    struct store_group *g = job->group;
    uint64_t number;
    while ((number = msglog_dead_segment(g->log, job->snapshot.checkpoint.first_seq)) != UINT64_MAX)
        store_trash_segment(s, g, number, store_erase_way(g));
}

static void put_checkpoint(struct store *s, struct drain_job *job)
{
    struct store_group *g = job->group;
    for (size_t i = 0; i < job->chunk_count; i++)
        segments_extend(msglog_segments(g->log), job->segment, &job->chunks[i]);
    if (job->rewrite != NULL && job->rewrite == g->rewrite)
        store_rewrite_swap(s, g);
    else
        job->rewrite = NULL;
    trash_dead_segments(s, job);
    store_tables_trash(s, g);
    if (g->spilled > 0)
        store_tables_trash_file(s, g, g->spilled - 1, true);
    g->spilled = job->snapshot.spill != NULL ? spill_number(job->snapshot.spill) + 1 : 0;
    struct buffer b = {0};
    store_snapshot_write(&job->snapshot, &b);
    store_put_checkpoint(s, g, buffer_view(&b));
    buffer_done(&b);
}

void store_put_floor(struct store *s, uint64_t floor)
{
    struct buffer b = {0};
    CHECK(floor >= s->floor);
    s->floor = floor;
    buffer_u64(&b, floor);
    buffer_u64(&b, s->next_gid);
    ledger_put(s->ledger,
               &(struct ledger_record){.kind = LEDGER_FLOOR, .gid = 0, .body = buffer_view(&b)});
    buffer_done(&b);
}

static void job_over(struct store *s, struct drain_job *job)
{
    struct store_group *g = job->group;
    const struct checkpoint *c = &job->snapshot.checkpoint;
    msglog_drained(g->log, c->last_seq);
    if (job->snapshot.flush != NULL)
        subjects_flush_end(&job->snapshot.flush, true);
    store_entries_cover(s, g, c->applied);
    job->wanted = false;
    bool swapped = job->rewrite != NULL && job->rewrite == g->rewrite; /* a failed store drops it */
    job_free(job);
    if (swapped)
        store_rewrite_over(s, g);
    store_compact_consider(s, g);
    store_tables_consider(s, g);
}

static void drain_end(struct store *s, struct drain *d, int status)
{
    struct link *l;
    while ((l = d->written.next) != &d->written) {
        struct drain_job *job = LIST_ENTRY(l, struct drain_job, link);
        if (status == 0) {
            job_over(s, job);
        } else {
            trash_fresh(job);
            msglog_drain_given_up(job->group->log);
            job_free(job);
        }
    }
    while (list_pop_front(&d->todo) != NULL)
        ;
    d->step = DRAIN_IDLE;
    d->retry_ms = status == 0 ? 0 : s->now_ms + RETRY_MS;
    if (d->keeps) {
        struct journal_span span;
        journal_span(s->journal, &span);
        d->kept_end = span.end;
    }
}

static void on_committed(struct commit_wait *wait, int status)
{
    struct drain *d = LIST_ENTRY(wait, struct drain, commit);
    struct store *s = d->store;
    uint64_t target = d->target;
    drain_end(s, d, status);
    if (status != 0)
        return;
    s->stats.drains++;
    store_trash_may_go(s);
    store_tables_may_go(s);
    journal_release(s->journal, target, false);
}

/* Nothing before it is needed when the checkpoints are durable: a drain takes groups to where they are, and so
 * mostly further than to its target. */
static uint64_t floor_after(const struct store *s, const struct drain *d)
{
    struct journal_span span;
    journal_span(s->journal, &span);
    uint64_t floor = span.durable;
    for (const struct link *l = s->with_entries.next; l != &s->with_entries; l = l->next) {
        const struct store_group *g = LIST_ENTRY(l, struct store_group, entries_link);
        if (g->form != MSGLOG_FILE)
            continue;
        uint64_t needed = oldest_after(g, g->draining ? g->covered : g->entries.base);
        if (needed < floor)
            floor = needed;
    }
    return floor > d->target ? floor : d->target;
}

static void commit(struct store *s, struct drain *d)
{
    d->step = DRAIN_COMMIT;
    struct link *l;
    for (l = d->written.next; l != &d->written; l = l->next) {
        struct drain_job *job = LIST_ENTRY(l, struct drain_job, link);
        job->group->covered = job->snapshot.checkpoint.applied;
        put_checkpoint(s, job);
    }
    d->target = floor_after(s, d);
    store_put_floor(s, d->target);
    d->commit.done = on_committed;
    store_commit(s, &d->commit);
}

/* --- slices ---------------------------------------------------------------------------------------------- */

/* true: there is more to do at once. */
static bool groups_slice(struct store *s, struct drain *d)
{
    for (struct link *l = d->jobs.next; l != &d->jobs; l = l->next) {
        struct drain_job *job = LIST_ENTRY(l, struct drain_job, link);
        if (is_building(job)) {
            build_slice(s, job);
            return true;
        }
        if (job->flushing && flush_tables(s, job))
            return true;
    }
    if (d->status == 0 && d->building < DRAIN_JOBS_MAX && next_group(s, d))
        return true;
    if (d->building > 0 || (d->status == 0 && !list_empty(&d->todo)))
        return false;
    if (d->status == 0) {
        d->step = DRAIN_FLUSH;
        return true;
    }
    int status = d->status;
    drain_end(s, d, status);
    if (status != -ENOSPC && status != -EBADMSG)
        store_fail(s, status);
    return false;
}

static bool flush_slice(struct store *s, struct drain *d)
{
    struct journal_span span;
    journal_span(s->journal, &span);
    if (d->copies_end > span.durable)
        return false;
    commit(s, d);
    return true;
}

/* The store has failed: what is under way comes to its end, and nothing comes of it. */
static bool wind_up(struct store *s, struct drain *d)
{
    if (d->step == DRAIN_IDLE || d->step == DRAIN_COMMIT)
        return false;
    for (struct link *l = d->jobs.next; l != &d->jobs; l = l->next) {
        struct drain_job *job = LIST_ENTRY(l, struct drain_job, link);
        if (is_building(job)) {
            job_give_up(job, -EIO);
            return true;
        }
        if (job->flushing && flush_tables(s, job))
            return true;
    }
    if (d->building == 0)
        drain_end(s, d, -EIO);
    return false;
}

bool store_drain_slice(struct store *s)
{
    struct drain *d = s->drain;
    if (s->failed)
        return wind_up(s, d);
    switch (d->step) {
    case DRAIN_IDLE: drain_begin(s, d); return d->step != DRAIN_IDLE;
    case DRAIN_GROUPS: return groups_slice(s, d);
    case DRAIN_FLUSH: return flush_slice(s, d);
    case DRAIN_COMMIT: return false;
    }
    UNREACHABLE("a drain is in one of its steps");
}

/* --- life ------------------------------------------------------------------------------------------------ */

void store_drain_init(struct store *s)
{
    s->drain = calloc(1, sizeof *s->drain);
    CHECK(s->drain != NULL);
    s->drain->store = s;
    list_init(&s->drain->wanted);
    list_init(&s->drain->todo);
    list_init(&s->drain->jobs);
    list_init(&s->drain->written);
}

void store_drain_done(struct store *s)
{
    struct drain *d = s->drain;
    struct link *lists[] = {&d->jobs, &d->written};
    for (int i = 0; i < 2; i++)
        while (!list_empty(lists[i]))
            job_free(LIST_ENTRY(lists[i]->next, struct drain_job, link));
    while (list_pop_front(&d->todo) != NULL)
        ;
    while (list_pop_front(&d->wanted) != NULL)
        ;
    free(d);
    s->drain = NULL;
}

bool store_drain_idle(const struct store *s)
{
    return s->drain->step == DRAIN_IDLE;
}
