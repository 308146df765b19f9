/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_recover.c -- from a number in the super block to a ledger that takes commits.
 *
 *     open both ──► scan ──► mend ──► remove leftovers ──► tell what lives ──► done
 *
 * Leftovers are what an interrupted rewrite, or the end of one, has left: pairs with other numbers. They stay
 * when anything was lost, for whoever may want to look.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/ledger_mend.h"
#include "store/ledger_scan.h"
#include "store/ledger_state.h"
#include "store/ledger_walk.h"

struct ledger_recovering {
    struct ledger_recovery recovery;
    bool missing[2]; /* this copy was not there */
    struct ledger_scan scan;
    struct ledger_mend mend;
    struct ledger_walk walk;
    struct disk_names *names; /* given */
    uint32_t next_name;
    bool removed;
    char path[DISK_PATH_MAX];
};

enum {
    RECOVER_OPEN,
    RECOVER_OPENED,
    RECOVER_MADE,
    RECOVER_SIZED,
    RECOVER_SCAN,
    RECOVER_MEND,
    RECOVER_LIST,
    RECOVER_LISTED,
    RECOVER_REMOVE,
    RECOVER_TELL,
};

void ledger_recovering_free(struct ledger_recovering **at)
{
    struct ledger_recovering *r = *at;
    *at = NULL;
    if (r == NULL)
        return;
    ledger_scan_done(&r->scan);
    ledger_mend_done(&r->mend);
    ledger_walk_done(&r->walk);
    disk_names_free(&r->names);
    free(r);
}

static void end_recovery(struct ledger *l, int status)
{
    void (*done)(void *, int, uint32_t) = l->recovering->recovery.done;
    ledger_recovering_free(&l->recovering);
    l->life = LEDGER_READY;
    l->error = status;
    if (status == 0 && l->places.lost > 0)
        status = -EUCLEAN;
    done(l->options.context, status, l->places.lost);
}

/* --- opening -------------------------------------------------------------------------------------- */

/* True: a copy is made that was not there; false: go on with `*status`. */
static bool make_missing(struct ledger *l, int *status)
{
    struct ledger_recovering *r = l->recovering;
    bool any = false;
    for (unsigned i = 0; i < 2; i++) {
        int result = (int)l->io[i].request.result;
        r->missing[i] = result == -ENOENT;
        any = any || r->missing[i];
        if (result != 0 && result != -ENOENT)
            *status = result;
    }
    if (r->missing[0] && r->missing[1])
        *status = -ENOENT;
    if (!any || *status != 0)
        return false;
    unsigned i = r->missing[0] ? 0 : 1;
    task_open(&l->task, &l->io[i], l->current->path[i], DISK_OPEN_WRITE | DISK_OPEN_CREATE);
    return true;
}

static void on_opened(struct ledger *l)
{
    (void)ledger_pair_opened(l, l->current);
    int status = 0;
    l->task.step = RECOVER_MADE;
    if (make_missing(l, &status))
        return;
    if (status != 0)
        end_recovery(l, status);
    else
        l->task.run(&l->task);
}

static void on_made(struct ledger *l)
{
    struct ledger_recovering *r = l->recovering;
    for (unsigned i = 0; i < 2; i++)
        if (r->missing[i])
            l->current->file[i] = l->io[i].request.file;
    l->task.step = RECOVER_SIZED;
    for (unsigned i = 0; i < 2; i++)
        task_stat(&l->task, &l->io[i], l->current->file[i]);
}

/* --- reading and mending -------------------------------------------------------------------------- */

static void begin_scan(struct ledger *l)
{
    uint64_t end[2];
    for (unsigned i = 0; i < 2; i++)
        end[i] = l->io[i].request.stat.size;
    struct ledger_identity id = ledger_identity(l, l->current->number);
    ledger_scan_init(&l->recovering->scan, &id, l->current->file, end);
    l->task.step = RECOVER_SCAN;
    l->task.run(&l->task);
}

static void begin_mend(struct ledger *l)
{
    struct ledger_recovering *r = l->recovering;
    bool made = r->missing[0] || r->missing[1];
    ledger_mend_init(&r->mend, &r->scan, l->current->file, made ? l->options.folder : NULL);
    l->places = r->scan.places;
    l->end = r->scan.commit;
    r->scan.places = (struct ledger_places){0};
    ledger_scan_done(&r->scan);
    task_forgive(&l->task); /* reads that failed: the scan knows them */
    l->task.step = RECOVER_MEND;
    l->task.run(&l->task);
}

static void on_scan(struct ledger *l)
{
    struct ledger_scan *scan = &l->recovering->scan;
    int status = ledger_scan_run(scan, &l->task);
    if (status == -EAGAIN)
        return;
    /* Blocks of a later start: the super block is an old one, and what it says is no longer so. */
    if (status == 0 && scan->epoch_highest >= l->options.boot_epoch)
        status = -EBADMSG;
    if (status != 0)
        end_recovery(l, status);
    else
        begin_mend(l);
}

static void on_mend(struct ledger *l)
{
    struct ledger_recovering *r = l->recovering;
    int status = ledger_mend_run(&r->mend, &l->task);
    if (status == -EAGAIN)
        return;
    if (status != 0) {
        end_recovery(l, status);
        return;
    }
    l->stats.repaired_bytes = r->mend.repaired_bytes;
    l->task.step = l->places.lost > 0 ? RECOVER_TELL : RECOVER_LIST;
    struct ledger_identity id = ledger_identity(l, l->current->number);
    ledger_walk_init(&r->walk, &id, &l->places, l->current->file, l->end.position);
    l->task.run(&l->task);
}

/* --- leftovers ------------------------------------------------------------------------------------ */

static bool is_leftover(const struct ledger *l, const struct disk_name *name)
{
    char copy;
    int size = 0;
    uint64_t number;
    char form[32];
    if (name->directory || sscanf(name->text, "%c-%" SCNu64 "%n", &copy, &number, &size) != 2)
        return false;
    snprintf(form, sizeof form, "%c-%05" PRIu64, copy, number);
    return (copy == 'a' || copy == 'b') && strcmp(form, name->text) == 0 &&
           number != l->current->number;
}

/* Whatever fails here only leaves the files for the next time. */
static void remove_next(struct ledger *l)
{
    struct ledger_recovering *r = l->recovering;
    while (r->names != NULL && r->next_name < r->names->count) {
        const struct disk_name *name = &r->names->names[r->next_name++];
        if (!is_leftover(l, name))
            continue;
        int size = snprintf(r->path, sizeof r->path, "%s/%s", l->options.folder, name->text);
        CHECK(size > 0 && size < DISK_PATH_MAX);
        r->removed = true;
        task_path(&l->task, &l->io[0], DISK_REMOVE, r->path, NULL);
        return;
    }
    l->task.step = RECOVER_TELL;
    if (r->removed)
        task_path(&l->task, &l->io[0], DISK_SYNC_DIR, l->options.folder, NULL);
    else
        l->task.run(&l->task);
}

static void on_listed(struct ledger *l)
{
    if (l->io[0].request.result == 0)
        l->recovering->names = l->io[0].request.names;
    l->task.step = RECOVER_REMOVE;
    remove_next(l);
}

/* --- telling -------------------------------------------------------------------------------------- */

static void tell(struct ledger *l)
{
    struct ledger_recovering *r = l->recovering;
    for (;;) {
        struct ledger_record record;
        int status = ledger_walk_next(&r->walk, &l->task, &record);
        if (status == -EAGAIN)
            return;
        if (status != 0) {
            l->stats.second_reads += r->walk.from_second;
            end_recovery(l, status == -ENOENT ? 0 : status);
            return;
        }
        record.doubtful = r->walk.places[r->walk.next - 1].position < l->places.lost_end;
        r->recovery.record(l->options.context, &record);
    }
}

/* --- the procedure -------------------------------------------------------------------------------- */

static void run_recovery(struct task *t)
{
    struct ledger *l = t->context;
    if (t->status != 0 && (t->step == RECOVER_MADE || t->step == RECOVER_SIZED)) {
        end_recovery(l, t->status);
        return;
    }
    switch (t->step) {
    case RECOVER_OPEN:
        t->step = RECOVER_OPENED;
        ledger_pair_open(l, l->current, 0);
        return;
    case RECOVER_OPENED: on_opened(l); return;
    case RECOVER_MADE: on_made(l); return;
    case RECOVER_SIZED: begin_scan(l); return;
    case RECOVER_SCAN: on_scan(l); return;
    case RECOVER_MEND: on_mend(l); return;
    case RECOVER_LIST:
        t->step = RECOVER_LISTED;
        task_path(t, &l->io[0], DISK_LIST, l->options.folder, NULL);
        return;
    case RECOVER_LISTED: on_listed(l); return;
    case RECOVER_REMOVE: remove_next(l); return;
    case RECOVER_TELL: tell(l); return;
    }
    UNREACHABLE("no such step");
}

static void on_first_made(struct ledger *l, int status)
{
    end_recovery(l, status);
}

void ledger_recover(struct ledger *l, uint64_t number, const struct ledger_recovery *recovery)
{
    CHECK(l->life == LEDGER_NEW);
    l->life = LEDGER_RECOVERING;
    l->recovering = calloc(1, sizeof *l->recovering);
    CHECK(l->recovering != NULL);
    l->recovering->recovery = *recovery;
    if (number == 0) {
        ledger_rewrite(l, 1, on_first_made);
        return;
    }
    l->named = true;
    l->current = ledger_pair_new(l, number);
    task_init(&l->task, l->options.disk, run_recovery, l);
    task_begin(&l->task);
}
