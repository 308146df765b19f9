/* SPDX-License-Identifier: Apache-2.0 */
/* store.c -- a store's life, its turns, its failure, its end. */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/store_drain.h"
#include "store/store_erase.h"
#include "store/store_fill.h"
#include "store/store_keys.h"
#include "store/store_pin.h"
#include "store/store_repair.h"
#include "store/store_rewrite.h"
#include "store/store_scrub.h"
#include "store/store_state.h"

#define JOURNAL_FILE_BYTES ((uint64_t)32 << 20)
#define DEBT_BYTES ((uint64_t)64 << 20)
#define DEBT_RECORDS 400000u
#define MEMORY_BYTES ((uint64_t)256 << 20)
#define DEBT_TIMES_MAX 4u
#define SYNC_INTERVAL_MS 2000u
#define IDLE_MS 30000u
#define SECTION_BYTES ((uint64_t)64 << 10)
#define COMPACT_DEAD_MIN ((uint64_t)1 << 20)
#define SCRUB_INTERVAL_MS ((uint64_t)14 * 24 * 3600 * 1000)
#define SCRUB_BYTES_PER_S ((uint64_t)8 << 20)
#define FOLDER_NAME_MAX 16
#define PATHS 7

static void close_when_possible(struct store *s);

/* --- life ------------------------------------------------------------------------------------------- */

static void set_defaults(struct store_options *o)
{
    if (o->journal_file_bytes == 0)
        o->journal_file_bytes = JOURNAL_FILE_BYTES;
    if (o->replay_debt_bytes == 0)
        o->replay_debt_bytes = DEBT_BYTES;
    if (o->replay_debt_records == 0)
        o->replay_debt_records = DEBT_RECORDS;
    if (o->memory_bytes == 0)
        o->memory_bytes = MEMORY_BYTES;
    if (o->sync_interval_ms == 0)
        o->sync_interval_ms = SYNC_INTERVAL_MS;
    if (o->idle_ms == 0)
        o->idle_ms = IDLE_MS;
    if (o->section_bytes == 0)
        o->section_bytes = SECTION_BYTES;
    if (o->tables_bytes == 0)
        o->tables_bytes = o->memory_bytes / 8;
    if (o->compact_dead_min == 0)
        o->compact_dead_min = COMPACT_DEAD_MIN;
    if (o->scrub_interval_ms == 0)
        o->scrub_interval_ms = SCRUB_INTERVAL_MS;
    if (o->scrub_bytes_per_s == 0)
        o->scrub_bytes_per_s = SCRUB_BYTES_PER_S;
}

static void set_paths(struct store *s, const char *path)
{
    static const char *const names[] = {"", "/lock", "/journal", "/ledger", "/g", "/quarantine"};
    char **to[] = {&s->path,        &s->lock_path,   &s->journal_path,
                   &s->ledger_path, &s->groups_path, &s->quarantine_path};
    size_t size = strlen(path) + FOLDER_NAME_MAX;
    s->path = calloc(PATHS, size);
    CHECK(s->path != NULL);
    for (int i = 0; i < PATHS - 1; i++) {
        *to[i] = s->path + (size_t)i * size;
        snprintf(*to[i], size, "%s%s", path, names[i]);
    }
    s->parent_path = s->path + (PATHS - 1) * size;
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        memcpy(s->parent_path, ".", 2);
    else /* of "/store", the root */
        memcpy(s->parent_path, path, slash == path ? 1 : (size_t)(slash - path));
}

struct store *store_new(const struct store_options *options)
{
    size_t path_size = strlen(options->path);
    CHECK(path_size > 0 && path_size < DISK_PATH_MAX - 64 && options->path[path_size - 1] != '/');
    struct store *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->options = *options;
    set_defaults(&s->options);
    set_paths(s, options->path);
    s->groups.seed = options->seed;
    s->next_gid = 1;
    s->sync_due_ms = UINT64_MAX;
    s->idle_due_ms = s->round.due_ms = UINT64_MAX;
    s->pages = pages_new(s->options.disk, s->options.memory_bytes / 2);
    struct link *lists[] = {
        &s->to_apply,        &s->with_entries, &s->to_load,   &s->looks_ready, &s->commits_next,
        &s->commits_running, &s->deletes,      &s->trash,     &s->rewrites,    &s->to_compact,
        &s->to_scrub,        &s->erasing,      &s->supplying, &s->pins,        &s->fills};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        list_init(lists[i]);
    store_keys_init(s);
    store_drain_init(s);
    store_scrub_init(s);
    store_tables_init(s);
    return s;
}

void store_free(struct store **at)
{
    struct store *s = *at;
    *at = NULL;
    if (s == NULL)
        return;
    store_drain_done(s);
    store_opening_free(s);
    store_rewrites_done(s);
    store_leftovers_done(s);
    store_scrub_done(s);
    store_tables_done(s);
    struct store_group *g = NULL;
    while ((g = group_table_after(&s->groups, g == NULL ? 0 : g->member.gid)) != NULL)
        pages_cancel(s->pages, &g->wait);
    pages_free(&s->pages); /* before the logs, whose files it knows */
    store_pins_done(s);
    store_fills_done(s);
    store_deletes_done(s);
    while ((g = group_table_after(&s->groups, 0)) != NULL) {
        list_init(&g->looks); /* who waits is not told any more, and may be gone */
        group_table_remove(&s->groups, g);
        store_group_free(&g);
    }
    group_table_done(&s->groups);
    store_trash_done(s);
    journal_free(&s->journal);
    ledger_free(&s->ledger);
    super_free(&s->super_files);
    store_keys_done(s);
    free(s->path);
    free(s);
}

/* --- failure ------------------------------------------------------------------------------------------ */

void store_fail(struct store *s, int error)
{
    if (s->failed)
        return;
    s->failed = true;
    s->stats.failed = true;
    store_fail_commits(s);
    store_fail_asked(s);
    if (s->options.failed != NULL)
        s->options.failed(s->options.context, error);
}

/* --- the super block ------------------------------------------------------------------------------------ */

static void on_super_saved(void *context, int status)
{
    struct store *s = context;
    s->super_saved(s, status);
}

void store_save_super(struct store *s, void (*done)(void *context, int status))
{
    s->super_saved = done;
    super_save(s->super_files, &s->super, on_super_saved, s);
}

/* --- turns ------------------------------------------------------------------------------------------------ */

/* What was appended goes to the disk: at once for who waits for it, else when the interval ends. */
static void flush(struct store *s)
{
    if (s->failed || s->journal == NULL)
        return;
    if (s->write_wanted && s->sync_due_ms == UINT64_MAX)
        s->sync_due_ms = s->now_ms + s->options.sync_interval_ms;
    bool sync = s->flush_wanted || s->now_ms >= s->sync_due_ms;
    if (!sync && !s->write_wanted)
        return;
    journal_flush(s->journal, sync);
    s->stats.flushes++;
    s->flush_wanted = s->write_wanted = false;
    if (sync)
        s->sync_due_ms = UINT64_MAX;
}

/* Whether the journal holds far more than what a start may have to replay. */
static bool is_over_debt(const struct store *s)
{
    struct journal_span span;
    journal_span(s->journal, &span);
    return span.end - span.floor > DEBT_TIMES_MAX * s->options.replay_debt_bytes ||
           span.records > DEBT_TIMES_MAX * s->options.replay_debt_records;
}

bool store_turn(struct store *s, uint64_t now_ms)
{
    if (now_ms > s->now_ms)
        s->now_ms = now_ms;
    if (s->life != STORE_READY && s->life != STORE_CLOSING && s->life != STORE_OPENING)
        return false;
    bool more = store_apply_slice(s);
    more |= store_look_slice(s);
    if (s->life == STORE_OPENING) {
        store_opening_turn(s);
        return more || s->life == STORE_READY;
    }
    more |= store_drain_slice(s);
    more |= store_compact_slice(s);
    store_scrub_slice(s);
    store_erase_slice(s);
    store_repair_slice(s);
    more |= store_tables_slice(s);
    more |= store_delete_slice(s);
    if (!s->closing) {
        flush(s);
        if (!s->failed)
            journal_tick(s->journal, s->now_ms);
        s->over_debt = is_over_debt(s);
    }
    if (s->life == STORE_CLOSING)
        close_when_possible(s);
    return more;
}

uint64_t store_due_ms(const struct store *s)
{
    if (s->failed || s->closing || (s->life != STORE_READY && s->life != STORE_CLOSING))
        return UINT64_MAX;
    uint64_t due = journal_due_ms(s->journal);
    if (s->sync_due_ms < due)
        due = s->sync_due_ms;
    if (s->idle_due_ms > s->now_ms && s->idle_due_ms < due)
        due = s->idle_due_ms;
    if (s->drain->retry_ms > s->now_ms && s->drain->retry_ms < due)
        due = s->drain->retry_ms;
    uint64_t scrub = store_scrub_due_ms(s);
    uint64_t erase = store_erase_due_ms(s);
    if (s->life == STORE_READY && erase < due)
        due = erase;
    if (s->life == STORE_READY && scrub < due)
        due = scrub;
    return due;
}

bool store_nothing_under_way(const struct store *s)
{
    return !s->committing && store_trash_idle(s) && s->loading == 0 && list_empty(&s->to_apply) &&
           list_empty(&s->looks_ready) && list_empty(&s->deletes) && list_empty(&s->rewrites) &&
           list_empty(&s->to_compact) && s->leftovers == NULL && store_scrub_idle(s) &&
           store_erase_idle(s) && store_repair_idle(s) && store_tables_idle(s) &&
           store_pins_idle(s) && store_drain_idle(s) && ledger_idle(s->ledger);
}

bool store_idle(const struct store *s)
{
    if (s->life != STORE_READY)
        return s->life == STORE_NEW || s->life == STORE_CLOSED;
    struct journal_span span;
    journal_span(s->journal, &span);
    bool wanted = !s->failed && (s->flush_wanted || s->write_wanted);
    return store_nothing_under_way(s) && span.idle && !wanted;
}

void store_stats(const struct store *s, struct store_stats *ret)
{
    *ret = s->stats;
    ret->groups = s->groups.count;
    if (s->journal != NULL) {
        struct journal_span span;
        journal_span(s->journal, &span);
        ret->journal_bytes = span.end - span.floor;
        ret->journal_records = span.records;
    }
    struct pages_stats pages;
    pages_stats(s->pages, &pages);
    ret->pages_bytes = pages.bytes;
}

/* --- the end ----------------------------------------------------------------------------------------------- */

enum closing {
    CLOSING_JOURNAL,
    CLOSING_LEDGER,
    CLOSING_PAGES,
    CLOSING_SUPER,
    CLOSING_LOCK,
    CLOSING_OVER,
};

static void closing_next(struct store *s);

static void closing_ended(void *context, int status)
{
    struct store *s = context;
    if (status != 0 && s->close_status == 0)
        s->close_status = status;
    closing_next(s);
}

static void closing_pages_ended(void *context)
{
    closing_ended(context, 0);
}

static void on_unlocked(struct task *t)
{
    closing_ended(t->context, t->status);
}

/* Clean is what was stopped in order, and of which the journal has nothing that a checkpoint has not. */
static void mark_clean(struct store *s)
{
    if (s->life != STORE_CLOSING) {
        closing_next(s);
    } else if (s->failed || s->drain->status != 0) {
        closing_ended(s, s->failed ? -EIO : s->drain->status);
    } else {
        s->super.clean = true;
        store_save_super(s, closing_ended);
    }
}

/* What was not opened need not be closed. */
static void closing_next(struct store *s)
{
    switch ((enum closing)s->close_step++) {
    case CLOSING_JOURNAL:
        if (s->journal != NULL)
            journal_close(s->journal, closing_ended);
        else
            closing_next(s);
        break;
    case CLOSING_LEDGER:
        if (s->ledger != NULL)
            ledger_close(s->ledger, closing_ended);
        else
            closing_next(s);
        break;
    case CLOSING_PAGES: pages_close(s->pages, closing_pages_ended, s); break;
    case CLOSING_SUPER: mark_clean(s); break;
    case CLOSING_LOCK:
        if (s->lock == NULL) {
            closing_next(s);
            break;
        }
        task_init(&s->close_task, s->options.disk, on_unlocked, s);
        task_close(&s->close_task, &s->close_io, &s->lock);
        break;
    case CLOSING_OVER:
        s->life = STORE_CLOSED;
        s->files_closed(s, s->close_status);
        break;
    }
}

void store_close_files(struct store *s, void (*done)(struct store *s, int status))
{
    s->closing = true;
    s->files_closed = done;
    closing_next(s);
}

/* Everything that was appended is in checkpoints, or never will be. */
static bool may_close(const struct store *s)
{
    if (!store_nothing_under_way(s))
        return false;
    return s->failed || s->drain->status != 0 || !store_is_behind(s);
}

static void on_files_closed(struct store *s, int status)
{
    s->closed(s->options.context, status);
}

static void close_when_possible(struct store *s)
{
    if (!s->closing && may_close(s))
        store_close_files(s, on_files_closed);
}

void store_close(struct store *s, void (*done)(void *context, int status))
{
    CHECK(s->life == STORE_READY);
    s->life = STORE_CLOSING;
    s->closed = done;
    s->drain->all = true;
    s->flush_wanted = true;
}
