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
 * Bounds      DRAIN_JOBS_MAX groups at once, a chunk a slice; carried bytes: a quarter of the debt.
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
#include "store/store_snapshot.h"

#define DRAIN_JOBS_MAX 8
#define DRAIN_BUILD_BYTES_MAX ((uint64_t)64 << 20) /* of chunks that are not written */
#define CARRY_BYTES_MAX ((uint64_t)16 << 10)
#define RECORD_EXTRA 64u
#define RETRY_MS 1000

struct drain_job {
    struct link link;
    struct store_group *group;
    struct snapshot snapshot;
    size_t built; /* of snapshot.live */
    struct segment_write *write;
    uint64_t segment;
    struct chunk_info *chunks; /* given */
    size_t chunk_count;
    bool again;       /* it has failed once */
    bool elsewhere;   /* to a new segment */
    struct task task; /* makes the folder */
    struct task_io io;
};

/* --- which groups ------------------------------------------------------------------------------------ */

/* The oldest position that the group needs; carried entries are not in order. */
static uint64_t oldest_position(const struct store_group *g)
{
    uint64_t oldest = UINT64_MAX;
    uint64_t end = g->carried ? g->entries.end : g->entries.base + 1;
    for (uint64_t i = g->entries.base + 1; i <= end && i <= g->entries.end; i++) {
        uint64_t position = entry_log_at(&g->entries, i)->position;
        if (position < oldest)
            oldest = position;
    }
    return oldest;
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
}

static bool is_due(struct store *s, const struct journal_span *span)
{
    if (s->drain->all)
        return !list_empty(&s->with_entries) && s->drain->status == 0;
    return span->end - span->floor > s->options.replay_debt_bytes / 4 * 3 ||
           span->records > s->options.replay_debt_records / 4 * 3;
}

static void drain_begin(struct store *s, struct drain *d)
{
    struct journal_span span;
    journal_span(s->journal, &span);
    if (s->now_ms < d->retry_ms || !is_due(s, &span))
        return;
    uint64_t target = span.file_end < span.durable && !d->all ? span.file_end : span.durable;
    if (target <= span.floor)
        return;
    d->step = DRAIN_GROUPS;
    d->target = target;
    d->copies_end = d->carried = 0;
    d->status = 0;
    select_groups(s, d);
}

/* --- carried forward ----------------------------------------------------------------------------------- */

static bool may_carry(const struct store *s, const struct store_group *g)
{
    uint64_t bytes = g->entries.body_bytes + entry_log_count(&g->entries) * RECORD_EXTRA;
    if (g->life == GROUP_DAMAGED)
        return true;
    return !s->drain->all && bytes < CARRY_BYTES_MAX &&
           s->drain->carried + bytes < s->options.replay_debt_bytes / 4;
}

/* 0, or -EAGAIN: the journal takes no more now. */
static int carry(struct store *s, struct store_group *g)
{
    struct drain *d = s->drain;
    for (uint64_t i = g->entries.base + 1; i <= g->entries.end; i++) {
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
        s->flush_wanted = true;
    }
    return 0;
}

/* --- chunks -------------------------------------------------------------------------------------------- */

static void job_written(struct drain_job *job)
{
    struct store *s = job->group->store;
    for (size_t i = 0; i < job->chunk_count; i++)
        segments_extend(msglog_segments(job->group->log), job->segment, &job->chunks[i]);
    list_remove(&job->link);
    list_push_back(&s->drain->written, &job->link);
    s->drain->building--;
}

static void job_free(struct drain_job *job)
{
    list_remove(&job->link);
    job->group->draining = false;
    if (job->write != NULL)
        segment_write_free(&job->write);
    store_snapshot_done(&job->snapshot);
    free(job->chunks);
    free(job);
}

static void job_give_up(struct drain_job *job, int status)
{
    struct drain *d = job->group->store->drain;
    if (d->status == 0)
        d->status = status;
    d->building--;
    msglog_drain_given_up(job->group->log);
    job_free(job);
}

static void on_chunks_written(void *context, int status);

/* Where its chunks go. */
static void open_write(struct drain_job *job)
{
    struct store_group *g = job->group;
    uint64_t size = 0;
    job->segment = job->elsewhere ? g->next_file : msglog_open_segment(g->log, g->next_file, &size);
    if (job->segment == g->next_file)
        g->next_file++;
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
        job_written(job);
    } else if (status == -ENOSPC || job->again) {
        job_give_up(job, status);
    } else {
        job->again = status != -EEXIST; /* that is a leftover of a start before */
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

/* The next chunk of the job, or, when there are no more, their way to the disk. */
static void build_chunk(struct store *s, struct drain_job *job)
{
    struct snapshot *shot = &job->snapshot;
    if (job->built == shot->live_count) {
        start_write(job);
        return;
    }
    const struct chunk_place place = {job->group->member.gid, job->segment,
                                      segment_write_end(job->write)};
    struct chunk_builder b;
    chunk_builder_init(&b, &place, NULL, s->options.seed);
    while (job->built < shot->live_count) {
        const struct tail_entry *e = &shot->live[job->built];
        if (!chunk_builder_takes(&b, e->seq, e->body_size))
            break;
        int status = add_message(&b, e);
        if (status != 0) { /* it has rotted in memory: what is in the journal is still whole */
            chunk_builder_done(&b);
            job_give_up(job, status);
            return;
        }
        job->built++;
    }
    struct chunk_info info;
    char *chunk = chunk_builder_finish(&b, &info);
    segment_write_add(job->write, &chunk, &info);
}

static bool is_building(const struct drain_job *job)
{
    return job->write != NULL && job->chunk_count == 0 && !task_busy(&job->task);
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
        open_write(job);
        return;
    }
    job_give_up(job, t->status);
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
    task_init(&job->task, s->options.disk, on_folder, job);
    if (job->snapshot.live_count == 0)
        job_written(job);
    else if (g->has_folder)
        open_write(job);
    else
        task_begin(&job->task);
}

/* Whether all of the group that is to be released has been applied. */
static bool is_ready(const struct drain *d, const struct store_group *g)
{
    if (g->life != GROUP_LOADED || group_is_busy(g->group))
        return false;
    return g->entries.applied == g->entries.end ||
           entry_log_at(&g->entries, g->entries.applied + 1)->position >= d->target;
}

/* One group from todo; false: none can go on now. */
static bool next_group(struct store *s, struct drain *d)
{
    for (struct link *l = d->todo.next; l != &d->todo; l = l->next) {
        struct store_group *g = LIST_ENTRY(l, struct store_group, drain_link);
        if (g->deleting && g->look_count > 0)
            continue; /* they may read what lies in an image */
        if (g->deleting || oldest_position(g) >= d->target) {
            list_remove(l);
            return true;
        }
        if (may_carry(s, g)) {
            if (carry(s, g) != 0)
                return false;
            list_remove(l);
            return true;
        }
        if (is_ready(d, g)) {
            list_remove(l);
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
        store_trash_segment(s, g, number);
}

static void put_checkpoint(struct store *s, struct drain_job *job)
{
    trash_dead_segments(s, job);
    struct buffer b = {0};
    store_snapshot_write(&job->snapshot, &b);
    ledger_put(s->ledger, &(struct ledger_record){.kind = LEDGER_CHECKPOINT,
                                                  .gid = job->group->member.gid,
                                                  .body = buffer_view(&b)});
    buffer_done(&b);
}

void store_put_floor(struct store *s, uint64_t floor)
{
    struct buffer b = {0};
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
    store_entries_cover(s, g, c->applied);
    job_free(job);
}

static void drain_end(struct store *s, struct drain *d, int status)
{
    struct link *l;
    while ((l = d->written.next) != &d->written) {
        struct drain_job *job = LIST_ENTRY(l, struct drain_job, link);
        if (status == 0) {
            job_over(s, job);
        } else {
            msglog_drain_given_up(job->group->log);
            job_free(job);
        }
    }
    while (list_pop_front(&d->todo) != NULL)
        ;
    d->step = DRAIN_IDLE;
    d->retry_ms = status == 0 ? 0 : s->now_ms + RETRY_MS;
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
    journal_release(s->journal, target, false);
}

static void commit(struct store *s, struct drain *d)
{
    d->step = DRAIN_COMMIT;
    struct link *l;
    for (l = d->written.next; l != &d->written; l = l->next)
        put_checkpoint(s, LIST_ENTRY(l, struct drain_job, link));
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
            build_chunk(s, job);
            return true;
        }
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

bool store_drain_slice(struct store *s)
{
    struct drain *d = s->drain;
    if (s->failed)
        return false;
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
    free(d);
    s->drain = NULL;
}

bool store_drain_idle(const struct store *s)
{
    return s->drain->step == DRAIN_IDLE;
}
