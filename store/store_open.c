/* SPDX-License-Identifier: Apache-2.0 */
/* store_open.c -- recovery: what a store is after a start, however it was left.
 *
 * Idea        Super block, then ledger, then journal. The ledger says which groups there are and up to which
 *             entry their checkpoints go; the journal has the entries after that. Only groups that have
 *             such entries are loaded before the store is ready, so a start costs what came since the last
 *             checkpoints, and nothing in proportion to what is stored.
 * Order       Entries of a group are taken in the order of their first positions: one that was carried forward
 *             belongs where it was first. A later one with an index that is already there replaces it and all
 *             that follows; one that leaves a hole makes the group damaged, from there on.
 * Bounds      64 bytes an entry of the journal, until its group has it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/sealed.h"
#include "store/store_drain.h"
#include "store/store_fill.h"
#include "store/store_keys.h"
#include "store/store_state.h"

/* An entry that the journal has; of which group it is says the list it stands in. */
struct found {
    uint64_t gid;
    uint64_t index;
    struct logged entry;
};

/* Checkpoints may come before their groups. */
struct found_checkpoint {
    uint64_t gid;
    uint64_t applied;
    uint64_t next_file;
    int64_t log_time_ns;
    bool erasing;
};

struct store_opening {
    struct store *store;
    void (*done)(void *context, int status);
    struct task task;
    struct task_io io[4];
    int status; /* why it failed */
    bool is_new;
    bool applying; /* entries that were found */
    uint64_t floor;
    struct found *found; /* given; in order of position */
    size_t found_count;
    size_t found_capacity;
    struct found_checkpoint *checkpoints; /* given */
    size_t checkpoint_count;
    size_t checkpoint_capacity;
    struct journal_rot *rots; /* given */
    size_t rot_count;
    size_t rot_capacity;
    struct ledger_recovery ledger;
    struct journal_recovery journal;
    struct commit_wait commit;
};

void store_opening_free(struct store *s)
{
    struct store_opening *o = s->opening;
    s->opening = NULL;
    if (o == NULL)
        return;
    free(o->found);
    free(o->checkpoints);
    free(o->rots);
    free(o);
}

static void opening_told(struct store *s, int status)
{
    void (*done)(void *context, int status) = s->opening->done;
    store_opening_free(s);
    if (status == 0)
        store_leftovers_start(s);
    done(s->options.context, status);
}

static void on_closed(struct store *s, int status)
{
    (void)status; /* why it did not open is what counts */
    opening_told(s, s->opening->status);
}

/* What was to be erased goes on. */
static void load_erasing(struct store_opening *o)
{
    for (size_t i = 0; i < o->checkpoint_count; i++) {
        const struct found_checkpoint *c = &o->checkpoints[i];
        struct store_group *g = group_table_find(&o->store->groups, c->gid);
        if (c->erasing && g != NULL && g->life == GROUP_STUB)
            store_group_load(o->store, g);
    }
}

static void open_ended(struct store_opening *o, int status)
{
    struct store *s = o->store;
    if (status == 0) {
        s->life = STORE_READY;
        load_erasing(o);
        store_fills_sweep(s);
        opening_told(s, 0);
        return;
    }
    o->status = status;
    store_close_files(s, on_closed);
}

/* Room for one more at the end of a given array. */
static void *grown(void *at, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return at;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    at = realloc(at, *capacity * size);
    CHECK(at != NULL);
    return at;
}

/* --- 4: ready ------------------------------------------------------------------------------------------ */

static int by_first_position(const void *a, const void *b)
{
    const struct found *x = a;
    const struct found *y = b;
    if (x->gid != y->gid)
        return x->gid < y->gid ? -1 : 1;
    if (x->entry.first_position != y->entry.first_position)
        return x->entry.first_position < y->entry.first_position ? -1 : 1;
    return x->entry.position < y->entry.position ? -1 : x->entry.position > y->entry.position;
}

/* An entry is the next one of its group, or another form of one that it has. false: there is a hole. */
static bool take_entry(struct store *s, struct store_group *g, const struct found *f)
{
    if (f->entry.kind == ENTRY_CUT) {
        if (f->index >= g->entries.base && f->index < g->entries.end)
            entry_log_cut(&g->entries, f->index);
        return true;
    }
    if (entry_kind_is_transient((enum entry_kind)f->entry.kind) || f->index <= g->entries.base)
        return true;
    if (f->index <= g->entries.end) {
        struct logged *held = entry_log_at(&g->entries, f->index);
        if (held->term == f->entry.term) { /* carried forward: it lies there now */
            held->position = f->entry.position;
            held->body = f->entry.body;
            held->body_hash = f->entry.body_hash; /* it was sealed once more */
            g->carried = true;
            return true;
        }
        entry_log_cut(&g->entries, f->index - 1);
    }
    if (f->index != g->entries.end + 1)
        return false;
    store_queue_found(s, g, &f->entry);
    if (f->entry.position != f->entry.first_position)
        g->carried = true;
    return true;
}

/* What a checkpoint covers is not looked at. */
static int open_entry(struct store_group *g, struct found *f)
{
    if (f->index <= g->entries.base || entry_kind_is_transient((enum entry_kind)f->entry.kind))
        return 0;
    return store_open_body(g, f->index, &f->entry);
}

/* Entries of the group are lost, and those behind them are of no use. Its record says so from the commit of this
 * start on, or the next one would find a group that is whole and has forgotten something. */
static void is_short(struct store *s, struct store_group *g)
{
    if (g->life == GROUP_DAMAGED)
        return;
    store_group_damage(s, g, -EBADMSG);
    if (store_group_locked(g))
        return; /* its record can not be made without its keys: nothing of it is let go */
    g->is_short = true;
    store_put_group(s, g, g->account, g->name);
}

static void take_found(struct store_opening *o)
{
    struct store *s = o->store;
    if (o->found_count > 0)
        qsort(o->found, o->found_count, sizeof *o->found, by_first_position);
    struct store_group *g = NULL;
    for (size_t i = 0; i < o->found_count; i++) {
        struct found *f = &o->found[i];
        if (g == NULL || g->member.gid != f->gid)
            g = group_table_find(&s->groups, f->gid);
        if (g != NULL && g->life != GROUP_DAMAGED &&
            (open_entry(g, f) != 0 || !take_entry(s, g, f)))
            is_short(s, g);
    }
}

/* What rotted of the journal: groups whose entries are lost are damaged, unless a checkpoint covers them or
 * they are there in another place. */
static void take_rots(struct store_opening *o)
{
    struct store *s = o->store;
    for (size_t i = 0; i < o->rot_count; i++) {
        const struct journal_rot *rot = &o->rots[i];
        struct store_group *g = group_table_find(&s->groups, rot->gid);
        if (g != NULL && rot->index_last > g->entries.end)
            is_short(s, g);
    }
}

static bool is_applied(const struct store *s)
{
    for (const struct link *l = s->with_entries.next; l != &s->with_entries; l = l->next) {
        const struct store_group *g = LIST_ENTRY(l, struct store_group, entries_link);
        if (!store_group_is_kept(g) && g->entries.applied < store_apply_limit(g))
            return false;
    }
    return true;
}

void store_opening_turn(struct store *s)
{
    if (s->opening->applying && is_applied(s))
        open_ended(s->opening, 0);
}

static void load_found(struct store_opening *o)
{
    struct store *s = o->store;
    o->applying = true;
    for (struct link *l = s->with_entries.next; l != &s->with_entries; l = l->next) {
        struct store_group *g = LIST_ENTRY(l, struct store_group, entries_link);
        if (g->life == GROUP_STUB)
            store_group_load(s, g);
    }
}

static void on_settled(struct commit_wait *wait, int status)
{
    struct store_opening *o = LIST_ENTRY(wait, struct store_opening, commit);
    if (status != 0)
        open_ended(o, status);
    else
        load_found(o);
}

/* --- 3: the journal -------------------------------------------------------------------------------------- */

static void on_record(void *context, const struct entry *e, uint64_t position,
                      uint64_t first_position)
{
    struct store_opening *o = context;
    o->found = grown(o->found, o->found_count, &o->found_capacity, sizeof *o->found);
    o->found[o->found_count++] = (struct found){
        .gid = e->gid,
        .index = e->index,
        .entry = {.body = e->body.at,
                  .body_hash = e->body_hash,
                  .position = position,
                  .first_position = first_position,
                  .time_ns = e->time_ns,
                  .body_size = (uint32_t)e->body.size,
                  .term = e->term,
                  .kind = (uint8_t)e->kind,
                  .flags = e->flags,
                  .seal = e->seal},
    };
}

static void on_rot(void *context, const struct journal_rot *rot)
{
    struct store_opening *o = context;
    o->rots = grown(o->rots, o->rot_count, &o->rot_capacity, sizeof *o->rots);
    o->rots[o->rot_count++] = *rot;
}

static void on_journal(void *context, int status)
{
    struct store_opening *o = context;
    struct store *s = o->store;
    if (status != 0) {
        open_ended(o, status);
        return;
    }
    take_found(o);
    take_rots(o);
    o->commit.done = on_settled;
    store_put_floor(s, o->floor);
    store_keys_rewrap(s);
    if (s->ledger_lost > 0)
        ledger_settle(s->ledger);
    store_commit(s, &o->commit);
}

static void on_journal_failed(void *context, int error)
{
    store_fail(context, error);
}

static void on_flushed(void *context, uint64_t position)
{
    (void)context;
    (void)position;
}

static void open_journal(struct store_opening *o)
{
    struct store *s = o->store;
    s->journal = journal_new(&(struct journal_options){
        .disk = s->options.disk,
        .folder = s->journal_path,
        .store = super_block_store(&s->super),
        .boot_epoch = s->super.boot_epoch,
        .file_bytes = s->options.journal_file_bytes,
        .seal = store_seal_body,
        .events = {.durable = store_on_durable, .flushed = on_flushed, .failed = on_journal_failed},
        .context = s,
    });
    o->journal = (struct journal_recovery){
        .record = on_record, .rot = on_rot, .done = on_journal, .context = o};
    journal_recover(s->journal, o->floor, &o->journal);
}

/* --- 2: the ledger ---------------------------------------------------------------------------------------- */

static void note_checkpoint(struct store_opening *o, uint64_t gid, struct bytes body)
{
    struct checkpoint_head c;
    if (sealed_checkpoint_head(body, &c) != 0)
        return; /* then loading the group fails, and it is damaged */
    o->checkpoints =
        grown(o->checkpoints, o->checkpoint_count, &o->checkpoint_capacity, sizeof *o->checkpoints);
    o->checkpoints[o->checkpoint_count++] =
        (struct found_checkpoint){gid, c.applied, c.next_file, c.log_time_ns, c.erasing};
}

static void note_floor(struct store_opening *o, struct bytes body)
{
    struct cursor c = cursor_of(body);
    uint64_t floor = cursor_u64(&c);
    uint64_t next_gid = cursor_u64(&c);
    if (!cursor_is_at_end(&c))
        return;
    o->floor = floor;
    if (next_gid > o->store->next_gid)
        o->store->next_gid = next_gid;
}

static void on_ledger_record(void *context, const struct ledger_record *r)
{
    struct store_opening *o = ((struct store *)context)->opening;
    switch (r->kind) {
    case LEDGER_GROUP: (void)store_group_found(o->store, r->gid, r->body); break;
    case LEDGER_CHECKPOINT: note_checkpoint(o, r->gid, r->body); break;
    case LEDGER_FLOOR: note_floor(o, r->body); break;
    case LEDGER_GONE:
    case LEDGER_MAKING:
    case LEDGER_LOST: break;
    }
}

static void take_checkpoints(struct store_opening *o)
{
    for (size_t i = 0; i < o->checkpoint_count; i++) {
        const struct found_checkpoint *c = &o->checkpoints[i];
        struct store_group *g = group_table_find(&o->store->groups, c->gid);
        if (g == NULL)
            continue;
        entry_log_init(&g->entries, c->applied);
        g->next_file = g->first_file = c->next_file;
        g->queued_time_ns = c->log_time_ns;
    }
}

static void on_ledger(void *context, int status, uint32_t lost)
{
    struct store_opening *o = ((struct store *)context)->opening;
    if (status != 0 && status != -EUCLEAN) {
        open_ended(o, status);
        return;
    }
    o->store->ledger_lost = lost;
    take_checkpoints(o);
    open_journal(o);
}

static void on_ledger_failed(void *context, int error)
{
    store_fail(context, error);
}

static void on_ledger_named(void *context, int status)
{
    struct store *s = context;
    if (status != 0) {
        open_ended(s->opening, status);
        return;
    }
    ledger_forget_old(s->ledger);
    open_journal(s->opening);
}

/* The first ledger of a new store: the super block has to name it. */
static void on_first_ledger(void *context, int status, uint32_t lost)
{
    struct store *s = context;
    (void)lost;
    if (status != 0) {
        open_ended(s->opening, status);
        return;
    }
    s->super.ledger = ledger_number(s->ledger);
    store_save_super(s, on_ledger_named);
}

static void open_ledger(struct store_opening *o)
{
    struct store *s = o->store;
    store_keys_begin(s);
    s->ledger = ledger_new(&(struct ledger_options){
        .disk = s->options.disk,
        .folder = s->ledger_path,
        .store = super_block_store(&s->super),
        .boot_epoch = s->super.boot_epoch,
        .failed = on_ledger_failed,
        .context = s,
    });
    o->ledger.record = on_ledger_record;
    o->ledger.done = o->is_new ? on_first_ledger : on_ledger;
    ledger_recover(s->ledger, s->super.ledger, &o->ledger);
}

/* --- 1: the super block ------------------------------------------------------------------------------------ */

static void on_booted(void *context, int status)
{
    struct store *s = context;
    if (status != 0)
        open_ended(s->opening, status);
    else
        open_ledger(s->opening);
}

static void on_super(void *context, int status, const struct super_block *block)
{
    struct store *s = context;
    struct store_opening *o = s->opening;
    if (status == -ENOENT) {
        o->is_new = true;
        memcpy(s->super.uuid, s->options.uuid, sizeof s->super.uuid);
        s->super.boot_epoch = 1;
        open_ledger(o); /* the super block is saved when there is something to name */
        return;
    }
    if (status != 0) {
        open_ended(o, status);
        return;
    }
    s->super = *block;
    s->super.boot_epoch++;
    s->super.clean = false;
    o->is_new = s->super.ledger == 0;
    store_save_super(s, on_booted);
}

/* Its folders, and the lock. */
static void prepare(struct task *t)
{
    struct store_opening *o = t->context;
    struct store *s = o->store;
    if (t->status != 0 && t->status != -EEXIST) {
        open_ended(o, t->status);
        return;
    }
    switch (t->step++) {
    case 0: task_path(t, &o->io[0], DISK_MKDIR, s->path, NULL); break;
    case 1: task_path(t, &o->io[0], DISK_SYNC_DIR, s->parent_path, NULL); break;
    case 2: task_open(t, &o->io[0], s->lock_path, DISK_OPEN_WRITE | DISK_OPEN_CREATE); break;
    case 3:
        s->lock = o->io[0].request.file;
        task_lock(t, &o->io[0], s->lock);
        break;
    case 4:
        task_path(t, &o->io[0], DISK_MKDIR, s->journal_path, NULL);
        task_path(t, &o->io[1], DISK_MKDIR, s->ledger_path, NULL);
        task_path(t, &o->io[2], DISK_MKDIR, s->groups_path, NULL);
        break;
    case 5: task_path(t, &o->io[0], DISK_SYNC_DIR, s->path, NULL); break;
    case 6:
        s->super_files = super_new(s->options.disk, s->path);
        super_load(s->super_files, on_super, s);
        break;
    }
}

void store_open(struct store *s, void (*done)(void *context, int status))
{
    CHECK(s->life == STORE_NEW);
    s->life = STORE_OPENING;
    s->opening = calloc(1, sizeof *s->opening);
    CHECK(s->opening != NULL);
    s->opening->store = s;
    s->opening->done = done;
    task_init(&s->opening->task, s->options.disk, prepare, s->opening);
    task_begin(&s->opening->task);
}
