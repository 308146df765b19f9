/* SPDX-License-Identifier: Apache-2.0 */
/* store_groups.c -- groups come, are loaded, and go.
 *
 * Idea        Making and deleting a group is a commit of the ledger: before it the group is not there, after
 *             it is. A new group has applied its first entry, a CONFIG, already: its first checkpoint
 *             is made of that, and the journal knows nothing of it. What a deleted group leaves behind
 *             (files, entries in the journal) belongs to nobody and goes in its time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/format/group_record.h"
#include "store/format/little.h"
#include "store/group/stream_group.h"
#include "store/msglog_file.h"
#include "store/sealed.h"
#include "store/store_erase.h"
#include "store/store_keys.h"
#include "store/store_lost.h"
#include "store/store_repair.h"
#include "store/store_snapshot.h"
#include "store/store_spill.h"
#include "store/store_state.h"
#include "store/subjects.h"

#define LOADS_MAX 64 /* at once */

/* A checkpoint with sections in a file, which is being read. */
struct loading {
    struct store_group *group;
    struct spill_read read;
    char folder[DISK_PATH_MAX];
    size_t size;
    char body[]; /* of the checkpoint */
};

/* --- in memory -------------------------------------------------------------------------------------- */

static struct store_group *group_alloc(struct store *s, uint64_t gid, const struct group_record *r)
{
    struct store_group *g = calloc(1, sizeof *g + r->account.size + r->name.size);
    CHECK(g != NULL);
    char *text = (char *)(g + 1);
    memcpy(text, r->account.at, r->account.size);
    memcpy(text + r->account.size, r->name.at, r->name.size);
    g->account = (struct bytes){text, r->account.size};
    g->name = (struct bytes){text + r->account.size, r->name.size};
    g->member.gid = gid;
    g->store = s;
    g->incarnation = r->incarnation;
    g->form = (enum msglog_form)r->form;
    g->sync = (enum store_sync)r->sync;
    g->queued_time_ns = INT64_MIN;
    g->writing = UINT64_MAX;
    entry_log_init(&g->entries, 0);
    list_init(&g->apply_link);
    list_init(&g->entries_link);
    list_init(&g->load_link);
    list_init(&g->drain_link);
    list_init(&g->want_link);
    list_init(&g->compact_link);
    list_init(&g->scrub_link);
    list_init(&g->supply_link);
    list_init(&g->supplies);
    list_init(&g->merge_link);
    list_init(&g->looks);
    return g;
}

void store_group_folder(const struct store *s, uint64_t gid, char ret[DISK_PATH_MAX])
{
    int size = snprintf(ret, DISK_PATH_MAX, "%s/%llu", s->groups_path, (unsigned long long)gid);
    CHECK(size > 0 && size < DISK_PATH_MAX);
}

/* Its log and state, empty. */
static void open_state(struct store *s, struct store_group *g)
{
    char folder[DISK_PATH_MAX];
    store_group_folder(s, g->member.gid, folder);
    const struct msglog_options log = {
        .form = g->form,
        .gid = g->member.gid,
        .seed = s->options.seed,
        .pages = s->pages,
        .folder = folder,
        .codec = store_group_to_read(g),
        .sealed = g->crypt->keys != NULL,
    };
    g->log = msglog_new(&log);
    g->stream = stream_group_new(g->member.gid, s->options.seed, g->log);
    g->group = stream_group_stream(g->stream);
    store_erase_follow(g);
}

static void close_state(struct store_group *g)
{
    stream_group_free(&g->stream);
    g->group = NULL;
    msglog_free(&g->log);
}

void store_group_free(struct store_group **at)
{
    struct store_group *g = *at;
    *at = NULL;
    list_remove(&g->apply_link);
    list_remove(&g->entries_link);
    list_remove(&g->load_link);
    list_remove(&g->drain_link);
    list_remove(&g->want_link);
    list_remove(&g->compact_link);
    list_remove(&g->scrub_link);
    list_remove(&g->merge_link);
    CHECK(list_empty(&g->looks));
    if (g->group != NULL)
        close_state(g);
    entry_log_done(&g->entries);
    store_group_keys_done(g);
    store_lost_done(g);
    store_erase_done(g, -ENOENT);
    store_repair_done(g, -ENOENT);
    free(g->making);
    if (g->loading != NULL) /* the disk has dropped its read */
        free(g->loading->read.at);
    free(g->loading);
    free(g);
}

void store_entries_cover(struct store *s, struct store_group *g, uint64_t index)
{
    entry_log_cover(&g->entries, index);
    if (entry_log_count(&g->entries) == 0)
        list_remove(&g->entries_link);
    (void)s;
}

/* --- found at the start -------------------------------------------------------------------------------- */

struct store_group *store_group_found(struct store *s, uint64_t gid, struct bytes record)
{
    struct group_record r;
    if (group_record_read(record, &r) != 0)
        return NULL;
    struct store_group *g = group_alloc(s, gid, &r);
    g->hidden = r.account.size == 0;
    store_group_keys_found(s, g, &r);
    g->found = true;
    if (r.flags & GROUP_SHORT) {
        g->is_short = true;
        g->life = GROUP_DAMAGED;
    }
    group_table_add(&s->groups, g);
    if (gid >= s->next_gid)
        s->next_gid = gid + 1;
    return g;
}

/* --- loading -------------------------------------------------------------------------------------------- */

/* From its checkpoint: 0, or it is unreadable. file: of its sections, or NULL. */
static int load_state(struct store *s, struct store_group *g, struct bytes body,
                      const struct spill_read *file)
{
    struct checkpoint c;
    int status = checkpoint_read(body, &c);
    if (status == 0 && file != NULL)
        status = spill_take(file, &c);
    if (status != 0)
        return status;
    if (c.applied != g->entries.base)
        return -EBADMSG;
    open_state(s, g);
    status = msglog_load(g->log, &c);
    if (status == 0)
        status = store_lost_read(g, c.sections[CHECKPOINT_LOST]);
    if (status == 0)
        status = store_erase_read(g, c.sections[CHECKPOINT_ERASING]);
    if (status == 0)
        status = store_trash_read(s, g, c.sections[CHECKPOINT_TRASH]);
    if (status == 0)
        status = stream_group_read(g->stream, c.sections[CHECKPOINT_GROUP],
                                   c.sections[CHECKPOINT_CONSUMERS]);
    if (status == 0 && group_state_hash(g->group) != c.state_hash)
        status = -EBADMSG;
    if (status != 0)
        close_state(g);
    return status;
}

static void load_more(struct store *s);

static void loaded(struct store *s, struct store_group *g, int status)
{
    s->loading--;
    if (status == 0) {
        g->life = GROUP_LOADED;
        store_to_apply(s, g);
    } else {
        g->life = GROUP_STUB;
        store_group_damage(s, g, status);
    }
    store_looks_of_loaded(s, g);
    load_more(s);
}

static void on_spilled(struct spill_read *read, int status)
{
    struct loading *l = read->context;
    struct store_group *g = l->group;
    g->loading = NULL;
    g->spilled = read->number + 1;
    if (status == 0)
        status = load_state(g->store, g, (struct bytes){l->body, l->size}, read);
    free(read->at);
    free(l);
    loaded(g->store, g, status);
}

/* true: sections of the checkpoint are being read from their file. */
static bool load_spilled(struct store *s, struct store_group *g, struct bytes body)
{
    struct checkpoint c;
    if (checkpoint_read(body, &c) != 0 || c.sections[CHECKPOINT_SPILLED].size == 0)
        return false;
    struct loading *l = calloc(1, sizeof *l + body.size);
    CHECK(l != NULL);
    l->group = g;
    l->size = body.size;
    memcpy(l->body, body.at, body.size);
    store_group_folder(s, g->member.gid, l->folder);
    l->read = (struct spill_read){.disk = s->options.disk,
                                  .folder = l->folder,
                                  .gid = g->member.gid,
                                  .keys = g->crypt->keys,
                                  .done = on_spilled,
                                  .context = l};
    g->loading = l;
    spill_read(&l->read, c.sections[CHECKPOINT_SPILLED]);
    return true;
}

static void on_checkpoint(struct ledger_read *read, int status, struct bytes body)
{
    struct store_group *g = read->context;
    struct store *s = g->store;
    struct buffer plain = {0};
    if (status == 0)
        status = sealed_checkpoint_open(g->crypt->keys, g->member.gid, body, &plain, &body);
    bool more = status == 0 && load_spilled(s, g, body);
    if (status == 0 && !more)
        status = load_state(s, g, body, NULL);
    buffer_done(&plain);
    if (more)
        return;
    loaded(s, g, status);
}

static void load_more(struct store *s)
{
    struct link *l;
    while (s->loading < LOADS_MAX && (l = list_pop_front(&s->to_load)) != NULL) {
        struct store_group *g = LIST_ENTRY(l, struct store_group, load_link);
        s->loading++;
        g->reading = (struct ledger_read){
            .kind = LEDGER_CHECKPOINT, .gid = g->member.gid, .done = on_checkpoint, .context = g};
        ledger_read(s->ledger, &g->reading);
    }
}

void store_group_load(struct store *s, struct store_group *g)
{
    CHECK(g->life == GROUP_STUB);
    g->life = GROUP_LOADING;
    list_push_back(&s->to_load, &g->load_link);
    load_more(s);
}

/* --- unloading ------------------------------------------------------------------------------------------ */

static void on_segments_let_go(void *context)
{
    struct store_group *g = context;
    struct store *s = g->store;
    close_state(g);
    store_lost_done(g);
    uint64_t base = g->entries.base;
    if (entry_log_count(&g->entries) == 0) {
        entry_log_done(&g->entries);
        entry_log_init(&g->entries, base);
    }
    g->life = GROUP_STUB;
    s->loading--;
    if (entry_log_count(&g->entries) > 0 || !list_empty(&g->looks))
        store_group_load(s, g);
}

static void on_tables_let_go(void *context)
{
    struct store_group *g = context;
    segments_close(msglog_segments(g->log), on_segments_let_go, g);
}

void store_group_unload(struct store *s, struct store_group *g)
{
    CHECK(g->life == GROUP_LOADED && entry_log_count(&g->entries) == 0);
    g->life = GROUP_UNLOADING;
    s->loading++; /* it counts as being under way */
    subjects_close(msglog_subject_table(g->log), on_tables_let_go, g);
}

/* What it holds can not be known any more: it stays, by name, and refuses everything. */
void store_group_damage(struct store *s, struct store_group *g, int error)
{
    (void)error;
    if (g->life == GROUP_DAMAGED)
        return;
    g->life = GROUP_DAMAGED; /* its log stays: the pages may know its files */
    list_remove(&g->apply_link);
    store_answer_all(g, -EROFS);
    if (s->options.lost != NULL)
        s->options.lost(s->options.context, g, 0, UINT64_MAX);
}

/* --- making ----------------------------------------------------------------------------------------------- */

struct making {
    struct commit_wait wait;
    struct store_make *make;
    struct store_group *group;
};

static int check_names(const struct store_group_options *o)
{
    if (o->account.size == 0 || o->name.size == 0)
        return -EINVAL;
    if (o->account.size > STORE_NAME_MAX || o->name.size > STORE_NAME_MAX)
        return -ENAMETOOLONG;
    if (o->config.size > STORE_CONFIG_MAX)
        return -EINVAL;
    return 0;
}

/* Its first entry. */
static int configure(struct store *s, struct store_group *g, struct bytes config, int64_t now_ns)
{
    struct entry e = {
        .gid = g->member.gid,
        .index = 1,
        .term = s->super.boot_epoch,
        .kind = ENTRY_CONFIG,
        .time_ns = now_ns,
        .body = config,
    };
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    struct applied applied;
    int status = group_apply(g->group, &e, &applied);
    if (status == 0 && applied.outcome == APPLIED_REFUSED)
        status = -EINVAL;
    g->queued_time_ns = now_ns;
    entry_log_init(&g->entries, 1);
    return status == -EBADMSG || status == -ENOTSUP ? -EINVAL : status;
}

static void put_checkpoint(struct store *s, struct store_group *g)
{
    struct buffer b = {0};
    struct snapshot snapshot;
    store_snapshot_init(&snapshot, g);
    store_snapshot_write(&snapshot, &b);
    store_snapshot_done(&snapshot);
    store_put_checkpoint(s, g, buffer_view(&b));
    buffer_done(&b);
}

static void on_made(struct commit_wait *wait, int status)
{
    struct making *m = LIST_ENTRY(wait, struct making, wait);
    struct store_make *make = m->make;
    struct store_group *g = m->group;
    g->making = NULL;
    free(m);
    if (status != 0) {
        group_table_remove(&g->store->groups, g);
        store_group_free(&g);
    }
    make->done(make, status, g);
}

void store_make(struct store *s, struct store_make *make)
{
    CHECK(s->life == STORE_READY);
    const struct store_group_options *o = &make->options;
    int status = s->failed ? -EIO : check_names(o);
    if (status == 0 && group_table_find_name(&s->groups, o->account, o->name) != NULL)
        status = -EEXIST;
    if (status != 0) {
        make->done(make, status, NULL);
        return;
    }
    uint64_t gid = s->next_gid++;
    struct store_group *g = group_alloc(s, gid,
                                        &(struct group_record){.form = (uint8_t)o->form,
                                                               .sync = (uint8_t)o->sync,
                                                               .incarnation = gid,
                                                               .account = o->account,
                                                               .name = o->name});
    store_group_keys_make(s, g, o->compress);
    open_state(s, g);
    status = configure(s, g, o->config, make->now_ns);
    if (status != 0) {
        store_group_free(&g);
        make->done(make, status, NULL);
        return;
    }
    g->life = GROUP_LOADED;
    group_table_add(&s->groups, g);
    struct making *m = malloc(sizeof *m);
    CHECK(m != NULL);
    *m = (struct making){.wait.done = on_made, .make = make, .group = g};
    g->making = m;
    store_put_group(s, g, g->account, g->name);
    put_checkpoint(s, g);
    store_commit(s, &m->wait);
}

/* --- hidden ------------------------------------------------------------------------------------------------ */

int store_group_hide(struct store *s, const struct store_group_options *o, struct store_group **ret)
{
    CHECK(s->life == STORE_READY);
    int status = s->failed ? -EIO : check_names(o);
    if (status == 0 && group_table_find_name(&s->groups, o->account, o->name) != NULL)
        status = -EEXIST;
    if (status != 0)
        return status;
    uint64_t gid = s->next_gid++;
    struct store_group *g = group_alloc(s, gid,
                                        &(struct group_record){.form = (uint8_t)o->form,
                                                               .sync = (uint8_t)o->sync,
                                                               .incarnation = gid,
                                                               .account = o->account,
                                                               .name = o->name});
    store_group_keys_make(s, g, o->compress);
    open_state(s, g);
    g->life = GROUP_LOADED;
    g->hidden = true;
    group_table_add(&s->groups, g);
    char name[8];
    put_u64(name, gid);
    store_put_group(s, g, (struct bytes){0}, (struct bytes){name, sizeof name});
    put_checkpoint(s, g);
    *ret = g;
    return 0;
}

void store_group_put_names(struct store *s, struct store_group *g)
{
    CHECK(g->hidden);
    store_put_group(s, g, g->account, g->name);
}

void store_group_show(struct store_group *g)
{
    CHECK(g->hidden && g->life == GROUP_LOADED);
    g->hidden = false;
    g->used_ms = g->store->now_ms;
}

static bool is_there(const struct store_group *g)
{
    return g->making == NULL && !g->deleting && !g->hidden;
}

/* --- finding ---------------------------------------------------------------------------------------------- */

struct store_group *store_find(struct store *s, struct bytes account, struct bytes name)
{
    struct store_group *g = group_table_find_name(&s->groups, account, name);
    return g != NULL && is_there(g) ? g : NULL;
}

struct store_group *store_group_of(struct store *s, uint64_t gid)
{
    struct store_group *g = group_table_find(&s->groups, gid);
    return g != NULL && is_there(g) ? g : NULL;
}

struct store_group *store_next(struct store *s, uint64_t gid)
{
    struct store_group *g = group_table_after(&s->groups, gid);
    while (g != NULL && !is_there(g))
        g = group_table_after(&s->groups, g->member.gid);
    return g;
}

uint64_t store_group_gid(const struct store_group *g)
{
    return g->member.gid;
}

struct bytes store_group_account(const struct store_group *g)
{
    return g->account;
}

struct bytes store_group_name(const struct store_group *g)
{
    return g->name;
}

bool store_group_damaged(const struct store_group *g)
{
    return g->life == GROUP_DAMAGED;
}
